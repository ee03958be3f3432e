"""How a number on one axis of a target leads to the numbers on an input's axis that it reads, and back.

Every link is a function from a number to an interval that never moves back as the number grows: so both directions are
interval arithmetic on runs.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from dbuild.core.grain import Grain
from dbuild.core.latest import Slice
from dbuild.core.partitions import Interval, common, joined
from dbuild.values import dataclass

_SPANS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}
_ELAPSED = ("minute", "hour")  # units that always last the same
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Same:
    """The same value as the target's on that axis."""

    axis: int  # position among the target's axes


@dataclass(frozen=True, slots=True)
class Periods:
    """The input's periods that intersect the target's own, moved at its two ends."""

    axis: int
    target: Grain
    given: Grain
    low: int = 0
    high: int = 0
    unit: str = "day"
    since: str = ""  # a unit of the calendar: from the start of its period in which the target's own begins

    def image(self, number: int) -> Interval:
        """The input's periods for one period of the target."""
        first = self.given.index_at(self._first(number))
        return first, max(first, self.given.index_at(self._last(number)) + 1)

    def _first(self, number: int) -> datetime:
        """The first moment that is read. Days and longer are moved by what calendars and clocks show there."""
        start = self._start(number)
        if not self.low or not self._is_by_clock:
            return _moved(start, self.low, self.unit)
        wall = self.target.walls(number)[0]
        return self.target.first_moment(_moved(wall, self.low, self.unit))

    @property
    def _is_by_clock(self) -> bool:
        """Whether moving by the clock differs from moving by elapsed time, as hours are."""
        return self.target.timezone != "UTC" and self.unit not in _ELAPSED

    def _start(self, number: int) -> datetime:
        start = self.target.start(number)
        if not self.since:
            return start
        whole = Grain(self.since, self.target.timezone)
        return whole.start(whole.index_at(start))

    def _last(self, number: int) -> datetime:
        """The last moment that is read: the period's own last one moved, or the last before its end moved.

        They differ where months of unlike lengths meet, and the later one counts. A month back, the end of 28 March
        is the start of 28 February: only its last moment lies in that day. A month on, the last moment of February
        lies in 28 March: only its end is that of March.
        """
        if not self.high or not self._is_by_clock:
            return _last_moved(self.target.last(number), self.high, self.unit)
        wall = self.target.walls(number)[1]
        return self.target.last_moment(_last_moved(wall, self.high, self.unit))

    @property
    def is_single(self) -> bool:
        """Whether each of the target's periods lands on one of the input's."""
        return (
            not self.since
            and self.target == self.given
            and self.low == self.high
            and _is_whole(self.low, self.unit, self.given)
            and (not self.low or self.target.timezone == "UTC" or (self.target.is_dated and self._is_by_clock))
        )


@dataclass(frozen=True, slots=True)
class Before:
    """The one period of the input before that in which the target's own begins."""

    axis: int
    target: Grain
    given: Grain

    def image(self, number: int) -> Interval:
        """The input's period for one period of the target."""
        holds = number if self.target == self.given else self.given.index_at(self.target.start(number))
        return holds - 1, holds

    def images(self, low: int, high: int) -> list[Interval]:
        """The input's periods for the target's [low, high): with gaps where the target's are the longer ones."""
        if self.target == self.given:
            return [(low - 1, high - 1)]
        return joined(self._halves(low, high))

    def _halves(self, low: int, high: int) -> list[Interval]:
        first, last = self.image(low), self.image(high - 1)
        if first[1] >= last[0]:  # one period, or two neighbours
            return [(first[0], last[1])]
        middle = (low + high) // 2
        return self._halves(low, middle) + self._halves(middle, high)


@dataclass(frozen=True, slots=True)
class Latest:
    """The last so many that are there, up to the end of the target's own period."""

    axis: int
    target: Grain
    given: Grain
    count: int

    def top(self, number: int) -> int:
        """The first of the input's periods after one period of the target."""
        return Periods(self.axis, self.target, self.given).image(number)[1]


@dataclass(frozen=True, slots=True)
class Fixed:
    """The same values whatever the target's key; None: all that there are."""

    intervals: tuple[Interval, ...] | None


Link = Same | Periods | Before | Latest | Fixed


def forward(link: Link, box: Sequence[Interval]) -> Sequence[Interval]:
    if isinstance(link, Same):
        return (box[link.axis],)
    if isinstance(link, Periods):
        low, high = box[link.axis]
        return ((link.image(low)[0], link.image(high - 1)[1]),)
    if isinstance(link, Before):
        return link.images(*box[link.axis])
    assert not isinstance(link, Latest)
    return link.intervals if link.intervals is not None else ((-(10**12), 10**12),)


def narrow(link: Link, interval: Interval, sides: list[list[Interval]], there: Slice | None = None) -> bool:
    """Takes from `sides` (the target's axes) what doesn't read the input's `interval`; whether anything may be left.

    `there` is what the last are counted in.
    """
    if isinstance(link, Same):
        sides[link.axis] = common(sides[link.axis], (interval,))
        return bool(sides[link.axis])
    if isinstance(link, Periods | Before):
        side = sides[link.axis]
        if not side:
            return False
        sides[link.axis] = common(side, (_readers(link, interval, side[0][0], side[-1][1]),))
        return bool(sides[link.axis])
    if isinstance(link, Latest):
        assert there is not None
        side = sides[link.axis]
        if not side:
            return False
        sides[link.axis] = common(side, (_readers_of_last(link, interval, there, side[0][0], side[-1][1]),))
        return bool(sides[link.axis])
    return link.intervals is None or bool(common(link.intervals, (interval,)))


def _readers_of_last(link: Latest, interval: Interval, there: Slice, low: int, high: int) -> Interval:
    """The numbers in [low, high) for which fewer than the link's count lie between the interval and their end."""

    def is_out_of_reach(number: int) -> bool:
        top = link.top(number)
        return there.rank(top) - there.rank(min(interval[1], top)) >= link.count

    return _first(low, high, lambda number: link.top(number) > interval[0]), _first(low, high, is_out_of_reach)


def _readers(link: Periods | Before, interval: Interval, low: int, high: int) -> Interval:
    """The numbers in [low, high) whose image meets `interval`; by bisection, since images move monotonely."""
    return (
        _first(low, high, lambda number: link.image(number)[1] > interval[0]),
        _first(low, high, lambda number: link.image(number)[0] >= interval[1]),
    )


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _is_whole(count: int, unit: str, grain: Grain) -> bool:
    """Whether so many units of the calendar are always a whole number of a grain's periods."""
    if unit in _SPANS and grain.unit in _SPANS:
        return not count * _SPANS[unit] % (grain.count * _SPANS[grain.unit])
    if unit in _MONTHS and grain.unit in _MONTHS:
        return not count * _MONTHS[unit] % (grain.count * _MONTHS[grain.unit])
    return count == 0


def _moved(moment: datetime, count: int, unit: str) -> datetime:
    """A moment moved by calendar units, as far as the calendar goes; a day that a month lacks becomes its last."""
    if unit in _SPANS:
        try:
            return moment + count * _SPANS[unit]
        except OverflowError:
            return datetime.min if count < 0 else datetime.max
    year, month = divmod(moment.year * 12 + moment.month - 1 + count * _MONTHS[unit], 12)
    if not 1 <= year <= 9999:
        return datetime.min if count < 0 else datetime.max
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))


def _last_moved(last: datetime, count: int, unit: str) -> datetime:
    """The last moment of a period, moved; see `Periods._last`."""
    end = _moved(last + _MOMENT, count, unit) if last < datetime.max else last
    return max(_moved(last, count, unit), end - _MOMENT if end > datetime.min else end)
