"""Grains of time: periods of a calendar as integers, texts and instants.

A grain numbers its periods with consecutive integers (`index`), so that sets of periods are runs of integers and
mappings between grains are interval arithmetic. Every period is half-open: [start, end). Unaware of datasets.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from dbuild.core.sending import sendable
from dbuild.core.unit import EXAMPLE, number_at, read_start, start_of, unit_of, write_start
from dbuild.core.unit import UNITS as UNITS
from dbuild.values import dataclass

if TYPE_CHECKING:
    from dbuild.core.scale import Scale

_MOMENT = timedelta(microseconds=1)
_OFFSET = re.compile(r"(?<=T[0-9]{2})[+-][0-9]{4,6}\Z|(?<=T[0-9]{2}:[0-9]{2})[+-][0-9]{4,6}\Z")


@sendable
@dataclass(frozen=True, slots=True)
class Grain:
    """One period's length: so many units of the calendar, in one time zone (wall-clock time)."""

    unit: str  # one of UNITS
    timezone: str = "UTC"  # IANA name; periods are of that zone's wall clock
    count: int = 1  # how many units a period has
    anchor: int = 0  # a unit's number at which a period begins, of those below `count`; 0 where count is 1

    def __repr__(self) -> str:
        """Fields that say nothing are left out: the text is part of what states keep, and older ones have two."""
        more = f", count={self.count!r}, anchor={self.anchor!r}" if self.count > 1 else ""
        return f"Grain(unit={self.unit!r}, timezone={self.timezone!r}{more})"

    def index(self, text: str) -> int:
        """The number of the period that `text` names; ValueError where it names none, or two."""
        if self.timezone != "UTC":
            return self._named(text)
        number = number_at(self.unit, read_start(self.unit, text))
        if self.count == 1:
            return number
        index, rest = divmod(number - self.anchor, self.count)
        if rest:
            raise ValueError(f'"{text}" is not the start of a {self.words}{self._near(index, index + 1)}')
        return index

    def index_at(self, moment: datetime) -> int:
        """The number of the period that holds an instant (naive, in UTC)."""
        if self.timezone != "UTC":
            return self._scale.number_at(moment)
        number = number_at(self.unit, moment)
        return number if self.count == 1 else (number - self.anchor) // self.count

    def start(self, index: int) -> datetime:
        """The instant at which a period begins; the same number plus one gives its exclusive end.

        Raises OverflowError outside the years 1 to 9999.
        """
        if self.timezone != "UTC":
            return self._scale.start(index)
        return start_of(self.unit, index if self.count == 1 else index * self.count + self.anchor)

    def last(self, index: int) -> datetime:
        """The last moment of a period; that of the calendar's last one too, whose end can't be written."""
        try:
            return self.start(index + 1) - _MOMENT
        except OverflowError:
            return max(self._first(index), datetime.max)

    def text(self, index: int) -> str:
        """The name of a period, as `index` takes it: that of its first unit.

        It has the offset from UTC where clocks show it twice: `2013-11-03T01-0400` and `2013-11-03T01-0500`.
        """
        return write_start(self.unit, self.wall(index)) + self.offset(index)

    def wall(self, index: int) -> datetime:
        """What a calendar and a clock of the time zone show at the start of a period, as its name says it."""
        return self.start(index) if self.timezone == "UTC" else self._scale.wall(index)

    def offset(self, index: int) -> str:
        """The offset by which a name is told from an equal one, as in "-0400"; "" where there is no other."""
        return "" if self.timezone == "UTC" else self._scale.offset(index)

    def offset_of(self, index: int) -> str:
        """The offset from UTC that holds when a period begins, as in "+0100"."""
        return "+0000" if self.timezone == "UTC" else self._scale.offset_of(index)

    def named(self, wall: datetime) -> list[int]:
        """The numbers of the periods whose name is that of a wall: none, one, or the two that clocks show so."""
        if self.timezone != "UTC":
            return self._scale.named(wall)
        index = self.index_at(wall)
        return [index] if self.start(index) == wall else []

    def walls(self, index: int) -> tuple[datetime, datetime]:
        """What clocks show from a period's start to its last moment: the widest, where they are put back or forward."""
        if self.timezone != "UTC":
            return self._scale.walls(index)
        return self.start(index), self.last(index)

    def excess(self, index: int) -> int:
        """By how many seconds clocks make a period longer, at most: of that number and all that follow."""
        return 0 if self.timezone == "UTC" else self._scale.excess(index)

    def first_moment(self, wall: datetime) -> datetime:
        """The first instant at which clocks have come to a wall; the wall itself at the ends of the calendar."""
        if self.timezone == "UTC":
            return wall
        try:
            return self._scale.first_moment(wall)
        except OverflowError:
            return wall

    def last_moment(self, wall: datetime) -> datetime:
        """The last instant before clocks have passed a wall, which is a period's last; at the ends as above."""
        if self.timezone == "UTC":
            return wall
        try:
            return self._scale.last_moment(wall)
        except OverflowError:
            return wall

    @property
    def example(self) -> str:
        """A key of this grain, for messages."""
        example = EXAMPLE[self.unit]
        return example if self.count == 1 else self.text(self._meeting(example)[0])

    @property
    def words(self) -> str:
        """What a period is, for messages: "day", "period of 15 minutes"."""
        return self.unit if self.count == 1 else f"period of {self.count} {self.unit}s"

    @property
    def identity(self) -> str:
        """What the numbers of periods mean; equal for grains whose numbers can be compared."""
        several = f" {self.count} {self.anchor}" if self.count > 1 else ""
        changes = "" if self.timezone == "UTC" else f" {self._scale.zone.identity}"
        return f"{self.unit} {self.timezone}{several}{changes}"

    @property
    def is_dated(self) -> bool:
        """Whether periods are whole days, so that a DATE names their start."""
        return self.unit not in ("minute", "hour")

    @property
    def has_twins(self) -> bool:
        """Whether clocks have shown some periods twice since 1970, so that only an offset tells them apart."""
        return self.timezone != "UTC" and self._scale.has_twins

    def overlapping(self, other: Grain, low: int, high: int) -> tuple[int, int]:
        """The periods [low', high') of `other` that intersect the periods [low, high) of this grain."""
        if other == self:
            return low, high
        return other.index_at(self._first(low)), other.index_at(self.last(high - 1)) + 1

    def bounded(self, text: str, *, is_end: bool = False) -> int:
        """The first (or last, `is_end`) period that meets the period that `text` names, in whatever unit.

        `start = 2013-01-01` of a month dimension is January 2013; `end = "2013"` of days is its last day.
        Raises ValueError where the text is a period of no grain.
        """
        low, high = self._meeting(text)
        return high - 1 if is_end else low

    def _first(self, index: int) -> datetime:
        """The first moment of a period, or that of the calendar: the period that holds it can begin before."""
        try:
            return self.start(index)
        except OverflowError:
            if index > self.index_at(datetime.min):
                raise
            return datetime.min

    def _meeting(self, text: str) -> tuple[int, int]:
        """The periods [low, high) that meet the one (or both) that `text` names, in whatever unit."""
        unit = grain_of(text)
        if unit is None:
            raise ValueError(f'"{text}" is not a {self.unit} (as in {self.example})')
        if unit == self.unit and self.timezone != "UTC" and (own := self._own(text)):
            return own[0], own[-1] + 1
        named = Grain(unit, self.timezone)
        numbers = [named.index(text)] if self.timezone == "UTC" else named._numbers(text)
        return named.overlapping(self, numbers[0], numbers[-1] + 1)

    def _own(self, text: str) -> list[int]:
        """The one or two periods of this grain that `text` names. (Of two hours that come twice the first may not.)"""
        plain, offset = _without_offset(text)
        numbers = self._scale.named(read_start(self.unit, plain))
        return [number for number in numbers if offset in ("", self.offset(number))]

    def _named(self, text: str) -> int:
        """The same as `index`, for any zone."""
        numbers = self._numbers(text)
        if len(numbers) > 1:
            twins = " or ".join(map(self.text, numbers))
            raise ValueError(f'"{text}" comes twice in {self.timezone}: it is {twins}')
        return numbers[0]

    def _numbers(self, text: str) -> list[int]:
        """The one or two periods that `text` names; with an offset, the one that has it."""
        plain, offset = _without_offset(text)
        wall = read_start(self.unit, plain)
        numbers = self._scale.named(wall)
        if not numbers:
            held = self.index_at(self._scale.first_moment(wall))
            near = (held, held + 1) if self.wall(held) <= wall else (held - 1, held)
            raise ValueError(f'"{text}" starts no {self.words} in {self.timezone}{self._near(*near)}')
        found = [number for number in numbers if self.offset(number) == offset] if offset else numbers
        if not found:
            raise ValueError(f'"{text}" is written {" or ".join(map(self.text, numbers))} in {self.timezone}')
        return found

    @property
    def _scale(self) -> Scale:
        return _scale_of(self.unit, self.timezone, self.count, self.anchor)

    def _near(self, *numbers: int) -> str:
        texts = [self.text(number) for number in numbers if self._is_written(number)]
        return f": near it are {' and '.join(texts)}"

    def _is_written(self, index: int) -> bool:
        try:
            return bool(self.text(index))
        except OverflowError:
            return False


@lru_cache(maxsize=64)
def _scale_of(unit: str, timezone: str, count: int, anchor: int) -> Scale:
    from dbuild.core.scale import scale_of  # reads time zones, which most projects have no use for

    return scale_of(unit, timezone, count, anchor)


def grain_of(text: str) -> str | None:
    """The unit whose keys look like `text`; None where none does."""
    return unit_of(_without_offset(text)[0])


def _without_offset(text: str) -> tuple[str, str]:
    """A key and the offset behind it, which may be ""."""
    found = _OFFSET.search(text)
    return (text[: found.start()], found[0]) if found else (text, "")
