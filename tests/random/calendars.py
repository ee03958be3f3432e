"""Periods of time in plain Python: which there are in a calendar, as texts with the instants that they cover.

Everything is found by looking at what clocks show every quarter of an hour. Instants are UTC, walls are what clocks
show; both are plain datetimes.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

QUARTER = timedelta(minutes=15)  # no clock has been put forward or back at another time of the hour since 2000
DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)
MONTHS = {"month": 1, "quarter": 3, "year": 12}
LENGTHS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": DAY, "week": 7 * DAY}
UNITS = {"min": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "q": "quarter", "y": "year"}
_WINDOW = re.compile(r"(-?\d+)([a-z]+)\.\.(-?\d+)([a-z]+)")
_AROUND = 100 * DAY  # how far beyond what is asked for periods are known


@dataclass(frozen=True, slots=True)
class Grain:
    """So many units of the calendar in a time zone; those that no calendar tells begin at `anchor`."""

    unit: str
    count: int
    zone: str
    anchor: date

    @property
    def is_dated(self) -> bool:
        """Whether periods are whole days."""
        return self.unit not in ("minute", "hour")


@dataclass(frozen=True, slots=True)
class Period:
    """What lies between two instants."""

    key: str
    start: datetime
    end: datetime  # exclusive
    wall: datetime  # where it begins by the clock
    wall_end: datetime | None  # where it ends by the clock; of parts of days see `walls_of`


@dataclass
class Line:
    """Consecutive periods of one grain."""

    grain: Grain
    periods: tuple[Period, ...]

    @cached_property
    def by_key(self) -> dict[str, Period]:
        """The periods by their keys."""
        return {period.key: period for period in self.periods}

    def at(self, moment: datetime) -> int:
        """The place of the period that holds an instant."""
        place = bisect_right(self.periods, moment, key=lambda period: period.start) - 1
        assert place >= 0 and moment < self.periods[place].end, f"{moment} lies outside {self.grain}"
        return place

    def until(self, end: datetime) -> int:
        """The place of the last period that begins before an instant."""
        return bisect_left(self.periods, end, key=lambda period: period.start) - 1

    def before(self, moment: datetime) -> str:
        """The key of the period before that which holds an instant; "" where that is far from anything here."""
        place = bisect_right(self.periods, moment, key=lambda period: period.start) - 1
        return self.periods[place - 1].key if place > 0 and moment < self.periods[place].end else ""

    def place(self, key: str) -> int:
        """The place of a key's period."""
        return self.at(self.by_key[key].start)


def shown(moment: datetime, zone: str) -> datetime:
    """What clocks show at an instant."""
    return moment if zone == "UTC" else moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


@lru_cache(None)
def first_instant(wall: datetime, zone: str) -> datetime:
    """The first instant at which clocks show a wall on a quarter of an hour, or have been put forward past it."""
    moment = wall if zone == "UTC" else wall - 26 * LENGTHS["hour"]
    while shown(moment, zone) < wall:
        moment += QUARTER
    return moment


@lru_cache(None)
def last_instant(wall: datetime, zone: str) -> datetime:
    """The instant from which on clocks show no less than a wall any more."""
    moment = wall + 26 * LENGTHS["hour"]
    while shown(moment - QUARTER, zone) >= wall:
        moment -= QUARTER
    return moment


@lru_cache(None)
def walls_of(start: datetime, end: datetime, zone: str) -> tuple[datetime, datetime]:
    """What clocks show between two instants, the second exclusive, at the widest.

    From the least that they will show on, or what was skipped just before; up to the most that they have shown.
    """
    steps = 26 * 4
    before = [shown(start - step * QUARTER, zone) + QUARTER for step in range(1, steps)]
    after = [shown(start + step * QUARTER, zone) for step in range(steps)]
    within = [shown(start + step * QUARTER, zone) + QUARTER for step in range((end - start) // QUARTER)]
    return min(*after, max(before)), max(*before, *within)


def is_shown(text: str, zone: str) -> bool:
    """Whether clocks ever show this."""
    wall = datetime.fromisoformat(text)
    return shown(first_instant(wall, zone), zone) == wall


def named(text: str, zone: str) -> tuple[datetime, datetime]:
    """The instants, the second exclusive, of a date or of the minute `2013-01-05T13:15`, which clocks show once."""
    wall = datetime.fromisoformat(text)
    end = wall + (timedelta(minutes=15) if "T" in text else DAY)
    return first_instant(wall, zone), first_instant(end, zone)


@lru_cache(None)
def line_of(grain: Grain, low: datetime, high: datetime) -> Line:
    """The periods of a grain between two instants, and some more on both sides."""
    if grain.is_dated:
        around = max(_AROUND, 10 * grain.count * LENGTHS.get(grain.unit, 31 * MONTHS.get(grain.unit, 1) * DAY))
        return Line(grain, tuple(_dated(grain, low - around, high + around)))
    return Line(grain, tuple(_timed(grain, low - 5 * DAY, high + 5 * DAY)))


# -- periods of whole days ---------------------------------------------------------------------------------------------


def _dated(grain: Grain, low: datetime, high: datetime) -> Iterator[Period]:
    """From the first instant that shows a midnight to that of another; what clocks never show is no period."""
    walls = [datetime.combine(day, datetime.min.time()) for day in _beginnings(grain, low.date(), high.date())]
    for wall, wall_end in pairwise(walls):
        start, end = first_instant(wall, grain.zone), first_instant(wall_end, grain.zone)
        if start < end:
            yield Period(_text(grain.unit, wall), start, end, wall, wall_end)


def _beginnings(grain: Grain, low: date, high: date) -> Iterator[date]:
    """The days at which periods begin, from a little before `low` to a little after `high`."""
    if grain.unit in MONTHS:
        step = grain.count * MONTHS[grain.unit]
        month = grain.anchor.year * 12 + grain.anchor.month - 1
        month -= month % MONTHS[grain.unit]  # the first of its quarter, its year
        phase = month % step if 12 % step else 0
        number = low.year * 12 + low.month - 1
        number -= (number - phase) % step
        while (day := date(number // 12, number % 12 + 1, 1)) < high:
            yield day
            number += step
        yield day
        return
    day = grain.anchor - (grain.anchor.weekday() * DAY if grain.unit == "week" else timedelta())
    step_of_days = grain.count * LENGTHS[grain.unit]
    day -= ((day - low) // step_of_days + 1) * step_of_days
    while day < high:
        yield day
        day += step_of_days
    yield day


def _text(unit: str, wall: datetime) -> str:
    match unit:
        case "minute":
            return f"{wall:%Y-%m-%dT%H:%M}"
        case "hour":
            return f"{wall:%Y-%m-%dT%H}"
        case "day":
            return f"{wall:%Y-%m-%d}"
        case "week":
            return f"{wall:%G-W%V}"
        case "month":
            return f"{wall:%Y-%m}"
        case "quarter":
            return f"{wall:%Y}-Q{(wall.month + 2) // 3}"
        case _:
            return f"{wall:%Y}"


# -- parts of a day ----------------------------------------------------------------------------------------------------


def _timed(grain: Grain, low: datetime, high: datetime) -> Iterator[Period]:
    """A period begins where clocks come to a multiple of its length, and where they are put back over one."""
    length = grain.count * LENGTHS[grain.unit]
    moment = datetime.combine(low.date(), datetime.min.time())
    found: list[tuple[datetime, datetime]] = []
    before = None
    while moment < high:
        wall = shown(moment, grain.zone)
        if before is None or _cut(wall, length) != _cut(before, length) or _is_back(wall, before + QUARTER, length):
            found.append((moment, _cut(wall, length)))
        moment, before = moment + QUARTER, wall
    names = Counter(wall for _, wall in found)
    for (start, wall), (end, _) in pairwise(found):
        offset = offset_at(start, grain.zone) if names[wall] > 1 else ""
        yield Period(_text(grain.unit, wall) + offset, start, end, wall, None)


def _cut(wall: datetime, length: timedelta) -> datetime:
    midnight = wall.replace(hour=0, minute=0)
    return midnight + (wall - midnight) // length * length


def _is_back(wall: datetime, end: datetime, length: timedelta) -> bool:
    """Whether clocks that should have shown `end` show a wall before it, and a cut lies between."""
    return wall < end and _cut(end - MOMENT, length) >= wall


def offset_at(moment: datetime, zone: str) -> str:
    """The offset from UTC, as in "-0400"."""
    return moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).strftime("%z")


# -- rules -------------------------------------------------------------------------------------------------------------


def span_of(rule: str, own: Period, zone: str) -> tuple[datetime, datetime]:
    """The instants that a window or "since" reads, for one period of a target in its zone."""
    word, _, unit = rule.partition(" ")
    if word == "since":
        return _since(own.start, unit, zone), own.end
    found = _WINDOW.fullmatch(rule)
    assert found is not None, rule
    low, high, unit = int(found[1]), int(found[3]), UNITS[found[2]]
    if zone == "UTC" or unit in ("minute", "hour"):  # as time goes
        return _moved(own.start, low, unit), _end_moved(own.end, high, unit)
    if own.wall_end is not None:
        start = first_instant(_moved(own.wall, low, unit), zone) if low else own.start
        return start, first_instant(_end_moved(own.wall_end, high, unit), zone) if high else own.end
    walls = walls_of(own.start, own.end, zone)
    start = first_instant(_moved(walls[0], low, unit), zone) if low else own.start
    return start, last_instant(_end_moved(walls[1], high, unit), zone) if high else own.end


def _moved(moment: datetime, count: int, unit: str) -> datetime:
    """A moment so many units later; a day that a month lacks is its last."""
    if unit in LENGTHS:
        return moment + count * LENGTHS[unit]
    month = moment.year * 12 + moment.month - 1 + count * MONTHS[unit]
    day = moment.day
    while True:
        try:
            return moment.replace(year=month // 12, month=month % 12 + 1, day=day)
        except ValueError:
            day -= 1


def _end_moved(end: datetime, count: int, unit: str) -> datetime:
    """An exclusive end moved, or its last moment if that comes out later: months have unlike lengths."""
    return max(_moved(end, count, unit), _moved(end - MOMENT, count, unit) + MOMENT)


def _since(moment: datetime, unit: str, zone: str) -> datetime:
    """The first instant of the calendar's week, month … that holds an instant."""
    day = shown(moment, zone).date() + DAY  # clocks that were put back over midnight show the day before
    while True:
        is_first = {
            "week": day.weekday() == 0,
            "month": day.day == 1,
            "quarter": day.day == 1 and day.month % 3 == 1,
            "year": (day.month, day.day) == (1, 1),
        }[unit]
        start = first_instant(datetime.combine(day, datetime.min.time()), zone) if is_first else None
        if start is not None and start <= moment:
            return start
        day -= DAY
