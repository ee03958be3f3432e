"""Time zones: what clocks on the wall show at an instant, and when they show it.

A zone is a list of changes of its offset from UTC, found once, so that every question is a bisection. Instants are
seconds since 1970 in UTC, walls the same of what a clock shows. Changes are known from 1900 to 2100; before and after,
a zone keeps the offset that it has there.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from itertools import accumulate, pairwise
from zoneinfo import ZoneInfo

from dbuild.values import dataclass

EPOCH = datetime(1970, 1, 1)
_SECOND = timedelta(seconds=1)
_MOMENT = timedelta(microseconds=1)
_FIRST, _LAST = datetime(1900, 1, 1), datetime(2100, 1, 1)
_DAYS = 2  # between walls that are looked at; with the margins, less than any offset has ever lasted
_BEFORE, _AFTER = timedelta(hours=15), timedelta(hours=13)  # how far a wall is from the instants that it may show


def seconds(moment: datetime) -> int:
    """Whole seconds since 1970."""
    return (moment - EPOCH) // _SECOND


def moment_of(second: int) -> datetime:
    """What `seconds` takes; OverflowError outside the years 1 to 9999."""
    return EPOCH + timedelta(seconds=second)


@dataclass(frozen=True, slots=True)
class Zone:
    """The changes of one zone's clocks."""

    changes: tuple[int, ...]  # instants from which another offset holds
    offsets: tuple[int, ...]  # seconds east of UTC: before the first change, and from each on
    ends: tuple[int, ...]  # for each change, up to where (exclusive) a clock had come before it
    begins: tuple[int, ...]  # for each change, the least that a clock shows from it on

    def stretch(self, second: int) -> int:
        """The position of the offset that holds at an instant."""
        return bisect_right(self.changes, second)

    def wall(self, second: int) -> int:
        """What the clock shows at an instant."""
        return second + self.offsets[bisect_right(self.changes, second)]

    def reached(self, second: int) -> int:
        """The most that the clock has shown up to an instant: it doesn't fall where clocks are put back."""
        place = bisect_right(self.changes, second)
        wall = second + self.offsets[place]
        return max(wall, self.ends[place - 1] - 1) if place else wall

    def ahead(self, second: int) -> int:
        """The least that the clock will show from an instant on: it doesn't fall either."""
        place = bisect_right(self.changes, second)
        wall = second + self.offsets[place]
        return min(wall, self.begins[place]) if place < len(self.begins) else wall

    def first_at(self, wall: int) -> int:
        """The first instant at which the clock shows `wall`, or has been put forward past it."""
        place = bisect_right(self.ends, wall)
        second = wall - self.offsets[place]
        return max(second, self.changes[place - 1]) if place else second

    def last_moment(self, wall: datetime) -> datetime:
        """The last instant at which the clock shows `wall`, or the last before it is put forward past it."""
        second = seconds(wall)
        place = bisect_right(self.begins, second)
        if place < len(self.changes) and second - self.offsets[place] >= self.changes[place]:
            return moment_of(self.changes[place]) - _MOMENT
        return wall - timedelta(seconds=self.offsets[place])

    @property
    def identity(self) -> str:
        """What tells these changes from others; the same in every process, since they are numbers alone."""
        return f"{hash((self.changes, self.offsets)) & 0xFFFFFFFFFFFF:x}"


@cache
def zone_of(name: str) -> Zone:
    """The zone that an IANA name means; KeyError or ValueError where there is none."""
    zone = ZoneInfo(name)
    found = sorted(set(_changes(zone)))
    offsets = [_offset(zone, _FIRST), *(_offset(zone, moment_of(change)) for change in found)]
    ends = accumulate((change + offset for change, offset in zip(found, offsets, strict=False)), max)
    walls = [change + offset for change, offset in zip(found, offsets[1:], strict=True)]
    begins = list(accumulate(reversed(walls), min))[::-1]
    return Zone(tuple(found), tuple(offsets), tuple(ends), tuple(begins))


def _changes(zone: ZoneInfo) -> Iterator[int]:
    """The instants at which the offset changes. Walls are looked at first, which is ten times cheaper."""
    walls = [*map(datetime.fromordinal, range(_FIRST.toordinal(), _LAST.toordinal(), _DAYS))]
    offsets = [*map(zone.utcoffset, walls)]
    for place, (before, after) in enumerate(pairwise(offsets)):
        if before != after:
            yield from _change(zone, walls[place] - _BEFORE, walls[place + 1] + _AFTER)


def _change(zone: ZoneInfo, low: datetime, high: datetime) -> Iterator[int]:
    """The one instant between two at which the offset changes, if it does."""
    before = _offset(zone, low)
    if before == _offset(zone, high):
        return
    first, last = seconds(low), seconds(high)
    while last - first > 1:
        middle = (first + last) // 2
        first, last = (middle, last) if _offset(zone, moment_of(middle)) == before else (first, middle)
    yield last


def _offset(zone: ZoneInfo, moment: datetime) -> int:
    """The offset at an instant, in seconds."""
    offset = zone.fromutc(moment.replace(tzinfo=zone)).utcoffset()
    assert offset is not None
    return offset // _SECOND
