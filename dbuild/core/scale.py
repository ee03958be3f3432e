"""How the periods of a grain lie in time where a zone's clocks are put forward and back.

Periods are numbered with consecutive integers, and only those that are: a day that a zone skipped has no number, an
hour that its clocks showed twice has two. Numbers can be compared only within one set of a zone's changes.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime, timedelta
from typing import Protocol

from dbuild.core.unit import MONTHS, SECONDS, number_at, start_of
from dbuild.core.zone import EPOCH, Zone, moment_of, seconds, zone_of

_DAY = 86400
_FIRST_DAY, _LAST_DAY = seconds(datetime.min) // _DAY, seconds(datetime.max) // _DAY
_FARTHEST = 16 * 3600  # seconds; no clock has ever been so far from UTC
_MOMENT = timedelta(microseconds=1)


class Scale(Protocol):
    """The periods of one grain in one zone. Instants and walls are naive datetimes."""

    zone: Zone
    has_twins: bool  # whether there are periods of one name since 1970, which only their offsets tell apart

    def number_at(self, moment: datetime) -> int:
        """The number of the period that holds an instant."""

    def start(self, number: int) -> datetime:
        """The instant at which a period begins; OverflowError outside the years 1 to 9999."""

    def wall(self, number: int) -> datetime:
        """The wall that names a period: where it would begin if clocks were never put forward."""

    def named(self, wall: datetime) -> list[int]:
        """The numbers of the periods that a wall names: none, one, or two of one name."""

    def offset(self, number: int) -> str:
        """The offset by which a period's name is told from its twin's; "" where it has none."""

    def offset_of(self, number: int) -> str:
        """The offset that holds when a period begins."""

    def walls(self, number: int) -> tuple[datetime, datetime]:
        """What clocks show from a period's start to its last moment, at the widest: neither goes back from one period
        to the next, and what is skipped between two belongs to the later one.
        """

    def excess(self, number: int) -> int:
        """By how many seconds clocks make a period longer, at most: of that number and all that follow."""

    def first_moment(self, wall: datetime) -> datetime:
        """The first instant at which clocks show a wall, or have been put forward past it."""

    def last_moment(self, wall: datetime) -> datetime:
        """The last instant before clocks have passed a wall, which is the last moment of a period."""


def scale_of(unit: str, timezone: str, count: int, anchor: int) -> Scale:
    """The scale of a grain; KeyError or ValueError for an unknown zone."""
    zone = zone_of(timezone)
    return Times(zone, SECONDS[unit] * count) if unit in ("minute", "hour") else Dates(zone, unit, count, anchor)


class Dates:
    """Periods of whole days: each begins when its first day does, the first time that the clock shows midnight."""

    def __init__(self, zone: Zone, unit: str, count: int, anchor: int) -> None:
        self.zone = zone
        self.has_twins = False
        self._unit, self._count, self._anchor = unit, count, anchor
        self._skipped: list[int] = []
        self._skipped = sorted(self._empty())

    def number_at(self, moment: datetime) -> int:
        day = self.zone.reached(seconds(moment)) // _DAY
        return self._numbered(self._place(min(max(day, _FIRST_DAY), _LAST_DAY)))

    def start(self, number: int) -> datetime:
        return moment_of(self.zone.first_at(seconds(self.wall(number))))

    def wall(self, number: int) -> datetime:
        return self._wall(self._placed(number))

    def named(self, wall: datetime) -> list[int]:
        place, rest = divmod(number_at(self._unit, wall) - self._anchor, self._count)
        return [] if rest or place in self._skipped else [self._numbered(place)]

    def offset(self, number: int) -> str:
        return ""

    def offset_of(self, number: int) -> str:
        return _written(self.zone.offsets[self.zone.stretch(seconds(self.start(number)))])

    def walls(self, number: int) -> tuple[datetime, datetime]:
        place = self._placed(number)
        try:
            return self._wall(place), self._wall(place + 1) - _MOMENT
        except OverflowError:
            return self._wall(place), datetime.max

    def excess(self, number: int) -> int:
        return _DAY  # at most

    def first_moment(self, wall: datetime) -> datetime:
        return moment_of(self.zone.first_at(seconds(wall)))

    def last_moment(self, wall: datetime) -> datetime:
        return moment_of(self.zone.first_at(seconds(wall) + 1)) - _MOMENT

    def _wall(self, place: int) -> datetime:
        return start_of(self._unit, place * self._count + self._anchor)

    def _place(self, day: int) -> int:
        """The place of the period that holds a day, where no day is skipped."""
        return (number_at(self._unit, EPOCH + timedelta(days=day)) - self._anchor) // self._count

    def _numbered(self, place: int) -> int:
        return place - bisect_left(self._skipped, place)

    def _placed(self, number: int) -> int:
        for skipped in self._skipped:
            if skipped > number:
                break
            number += 1
        return number

    def _empty(self) -> set[int]:
        """The places of periods that zones have skipped: days when they went to the other side of the date line."""
        places = set()
        zone = self.zone
        for change, before, after in zip(zone.changes, zone.offsets, zone.offsets[1:], strict=False):
            if after - before >= _DAY and self._unit not in MONTHS:
                first, last = (self._place((change + offset) // _DAY) for offset in (before, after))
                places |= {p for p in range(first, last + 1) if self._instant(p) == self._instant(p + 1)}
        return places

    def _instant(self, place: int) -> int:
        return self.zone.first_at(seconds(self._wall(place)))


class Times:
    """Periods of a part of a day, cut where the clock shows whole multiples of their length since midnight.

    Where the clock is put forward past a cut, a period begins at once; where it is put back over one, all that is
    shown twice belongs to two periods of one name. Else the change lies within a period, which is longer or shorter.
    """

    def __init__(self, zone: Zone, length: int) -> None:
        self.zone = zone
        self.has_twins = False
        self._length = length
        self._shifts = [0]  # for each stretch of the zone: a period's number less its place on the clock
        self._lasts: list[int] = []  # for each change: the number of the period before it
        self._ranges: list[tuple[int, int]] = []  # for each stretch: its first and last place on the clock
        self._longer: list[tuple[int, int]] = []  # numbers of longer periods, each with the seconds more that it has
        first = -(10**9)
        for change, before, after in zip(zone.changes, zone.offsets, zone.offsets[1:], strict=False):
            last = (change - 1 + before) // length
            place = (change + after) // length
            is_cut = last != place or (after < before and -(change + after) // length != -(change + before) // length)
            self._ranges.append((first, last))
            self._lasts.append(last + self._shifts[-1])
            self._shifts.append(self._shifts[-1] + last - place + is_cut)
            if after < before and not is_cut:
                self._longer.append((self._lasts[-1], before - after))
            self.has_twins |= after < before and is_cut and change >= 0
            first = place
        self._ranges.append((first, 10**12))

    def number_at(self, moment: datetime) -> int:
        second = seconds(moment)
        stretch = self.zone.stretch(second)
        return (second + self.zone.offsets[stretch]) // self._length + self._shifts[stretch]

    def start(self, number: int) -> datetime:
        return moment_of(self._second(number))

    def wall(self, number: int) -> datetime:
        return moment_of(self._place(number) * self._length)

    def named(self, wall: datetime) -> list[int]:
        second = seconds(wall)
        return [] if second % self._length else self._twins(second // self._length)

    def offset(self, number: int) -> str:
        return self.offset_of(number) if len(self._twins(self._place(number))) > 1 else ""

    def offset_of(self, number: int) -> str:
        return _written(self.zone.offsets[self.zone.stretch(self._second(number))])

    def walls(self, number: int) -> tuple[datetime, datetime]:
        first, last = self._second(number), self._second(number + 1) - 1
        low = min(self.zone.ahead(first), self.zone.reached(first - 1) + 1)  # what is skipped before it belongs to it
        try:
            return moment_of(low), moment_of(self.zone.reached(last) + 1) - _MOMENT
        except OverflowError:
            return self.wall(number), datetime.max

    def excess(self, number: int) -> int:
        return max((more for each, more in self._longer if each >= number), default=0)

    def first_moment(self, wall: datetime) -> datetime:
        return moment_of(self.zone.first_at(seconds(wall)))

    def last_moment(self, wall: datetime) -> datetime:
        return self.zone.last_moment(wall)

    def _second(self, number: int) -> int:
        stretch = bisect_left(self._lasts, number)
        second = (number - self._shifts[stretch]) * self._length - self.zone.offsets[stretch]
        return max(second, self.zone.changes[stretch - 1]) if stretch else second

    def _place(self, number: int) -> int:
        return number - self._shifts[bisect_left(self._lasts, number)]

    def _twins(self, place: int) -> list[int]:
        """The numbers of all periods at one place on the clock."""
        second = place * self._length
        low, high = (self.zone.stretch(second + far) for far in (-_FARTHEST, self._length + _FARTHEST))
        return sorted(
            {
                place + self._shifts[stretch]
                for stretch in range(low, high + 1)
                if self._ranges[stretch][0] <= place <= self._ranges[stretch][1]
            }
        )


def _written(offset: int) -> str:
    minutes, rest = divmod(abs(offset), 60)
    tail = f"{rest:02d}" if rest else ""
    return f"{'-' if offset < 0 else '+'}{minutes // 60:02d}{minutes % 60:02d}{tail}"
