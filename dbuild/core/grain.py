"""Grains of time: periods of a calendar as integers, texts and instants.

A grain numbers its periods with consecutive integers (`index`), so that sets of periods are runs of integers and
mappings between grains are interval arithmetic. Every period is half-open: [start, end). Unaware of datasets.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from dbuild.core.sending import sendable
from dbuild.core.unit import EXAMPLE, number_at, read_start, start_of, unit_of, write_start
from dbuild.core.unit import UNITS as UNITS

_MOMENT = timedelta(microseconds=1)


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
        """The number of the period that `text` names; ValueError where it names none."""
        number = number_at(self.unit, read_start(self.unit, text))
        return number if self.count == 1 else self._begun(number, text)

    def index_at(self, moment: datetime) -> int:
        """The number of the period that holds a (naive, wall-clock) moment."""
        number = number_at(self.unit, moment)
        return number if self.count == 1 else (number - self.anchor) // self.count

    def start(self, index: int) -> datetime:
        """The first moment of a period; the same number plus one gives its exclusive end.

        Raises OverflowError outside the years 1 to 9999.
        """
        return start_of(self.unit, index if self.count == 1 else index * self.count + self.anchor)

    def last(self, index: int) -> datetime:
        """The last moment of a period; that of the calendar's last one too, whose end can't be written."""
        try:
            return self.start(index + 1) - _MOMENT
        except OverflowError:
            return max(self._first(index), datetime.max)

    def text(self, index: int) -> str:
        """The name of a period, as `index` takes it: that of its first unit."""
        return write_start(self.unit, self.start(index))

    @property
    def example(self) -> str:
        """A key of this grain, for messages."""
        example = EXAMPLE[self.unit]
        return example if self.count == 1 else self.text(self.index_at(read_start(self.unit, example)))

    @property
    def words(self) -> str:
        """What a period is, for messages: "day", "period of 15 minutes"."""
        return self.unit if self.count == 1 else f"period of {self.count} {self.unit}s"

    @property
    def identity(self) -> str:
        """What the numbers of periods mean; equal for grains whose numbers can be compared."""
        return f"{self.unit} {self.timezone}" + (f" {self.count} {self.anchor}" if self.count > 1 else "")

    @property
    def is_dated(self) -> bool:
        """Whether periods are whole days, so that a DATE names their start."""
        return self.unit not in ("minute", "hour")

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
        unit = unit_of(text)
        if unit is None:
            raise ValueError(f'"{text}" is not a {self.unit} (as in {self.example})')
        named = Grain(unit, self.timezone)
        number = named.index(text)
        low, high = named.overlapping(self, number, number + 1)
        return high - 1 if is_end else low

    def _first(self, index: int) -> datetime:
        """The first moment of a period, or that of the calendar: the period that holds it can begin before."""
        try:
            return self.start(index)
        except OverflowError:
            if index > self.index_at(datetime.min):
                raise
            return datetime.min

    def _begun(self, number: int, text: str) -> int:
        index, rest = divmod(number - self.anchor, self.count)
        if rest:
            near = [self.text(near) for near in (index, index + 1) if self._is_written(near)]
            raise ValueError(f'"{text}" is not the start of a {self.words}: near it are {" and ".join(near)}')
        return index

    def _is_written(self, index: int) -> bool:
        try:
            return bool(self.text(index))
        except OverflowError:
            return False


def grain_of(text: str) -> str | None:
    """The unit whose keys look like `text`; None where none does."""
    return unit_of(text)
