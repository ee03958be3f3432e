"""How the dimensions of time of a random project are drawn: where in the calendar, how long, whose clocks."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.random.calendars import DAY, LENGTHS, MONTHS, UNITS, is_shown, line_of, named
from tests.random.flows import Project, Rule, Target, Time

SINCE = ("week", "month", "quarter", "year")
_SIGNS = {unit: sign for sign, unit in UNITS.items()}


@dataclass(frozen=True, slots=True)
class Scale:
    """Lengths of periods that go together."""

    starts: tuple[tuple[str, str], ...]  # a zone, and a moment just before something happens there
    fine: tuple[tuple[str, int], ...]
    coarse: tuple[tuple[str, int], ...]
    reach: timedelta  # how far from the start anything may lie


_HOURS = Scale(
    starts=(
        ("America/New_York", "2013-11-03T00:00"),
        ("America/New_York", "2013-03-10T00:30"),
        ("Europe/Zurich", "2013-10-27T00:45"),
        ("Europe/Zurich", "2013-03-30T23:00"),
        ("Australia/Lord_Howe", "2013-04-07T00:00"),
        ("Australia/Lord_Howe", "2013-10-06T00:30"),
        ("Pacific/Apia", "2011-12-29T21:00"),
        ("America/Havana", "2013-11-02T23:00"),
        ("Antarctica/Troll", "2013-10-26T23:30"),
        ("Asia/Kathmandu", "2012-12-31T22:00"),
        ("UTC", "2012-02-28T22:15"),
    ),
    fine=(("minute", 15), ("minute", 30), ("hour", 1), ("hour", 1), ("hour", 2), ("hour", 4)),
    coarse=(("hour", 1), ("hour", 2), ("hour", 4), ("hour", 12), ("day", 1), ("week", 1)),
    reach=12 * DAY,
)
_DAYS = Scale(
    starts=(
        ("UTC", "2012-12-28"),
        ("UTC", "2012-02-27"),
        ("Europe/Zurich", "2013-03-29"),
        ("America/New_York", "2013-11-01"),
        ("Pacific/Apia", "2011-12-28"),
        ("America/Sao_Paulo", "2013-10-17"),  # where clocks are put forward at midnight
        ("Asia/Gaza", "2013-09-25"),  # where they are put back over it
    ),
    fine=(("day", 1), ("day", 1), ("day", 1), ("day", 2), ("hour", 12)),
    coarse=(("week", 1), ("week", 2), ("day", 10), ("day", 3), ("month", 1), ("month", 2), ("quarter", 1), ("year", 1)),
    reach=150 * DAY,
)
_MONTHS = Scale(
    starts=(("UTC", "2012-10-15"), ("UTC", "2013-01-01"), ("Europe/Zurich", "2011-11-30")),
    fine=(("month", 1), ("month", 1), ("month", 2), ("week", 2), ("quarter", 1)),
    coarse=(("quarter", 1), ("month", 6), ("month", 5), ("year", 1), ("year", 2), ("quarter", 2)),
    reach=1200 * DAY,
)


@dataclass(frozen=True, slots=True)
class Drawn:
    """What is drawn of time."""

    times: dict[str, Time]
    now: datetime
    reach: tuple[datetime, datetime]
    keys: dict[str, list[str]]  # what sources have in the beginning


def draw_times(rng: random.Random) -> Drawn:
    """Days and months, or two or three lengths of another scale."""
    if rng.random() < 0.35:
        times = [_drawn("day", 1, "UTC", "2013-01-29"), _drawn("month", 1, "UTC", "2013-01-29")]
        scale = _DAYS
    else:
        scale = rng.choice((_HOURS, _HOURS, _DAYS, _DAYS, _MONTHS))
        times = _draw_lengths(rng, scale)
    start = named(times[0].start, times[0].zone)[0]
    reach = (start - scale.reach, start + scale.reach)
    lines = {time.name: line_of(time.grain, *reach) for time in times}
    keys = {}
    for number, time in enumerate(times):
        line, count = lines[time.name], rng.choice((3, 4, 5)) if number == 0 else rng.choice((1, 2, 2))
        first = line.at(named(time.start, time.zone)[0])
        keys[time.name] = [period.key for period in line.periods[first : first + count]]
    first_line = lines[times[0].name]
    now = datetime(2025, 1, 1)
    if rng.random() < 0.5:
        place = first_line.place(keys[times[0].name][-1]) + rng.choice((-1, 0, 0, 1))
        now = first_line.periods[place].start + timedelta(minutes=rng.choice((0, 1, 600)) * (scale is not _HOURS))
    for time in times:
        line = lines[time.name]
        if rng.random() < 0.25:
            time.end = line.periods[line.place(keys[time.name][-1]) + rng.choice((-1, 0, 1, 1))].key
            time.end = max(time.end, keys[time.name][0], key=line.place)
        elif now.year < 2025 and rng.random() < 0.4:
            time.end = "now"
    return Drawn({time.name: time for time in times}, now, reach, keys)


def _drawn(unit: str, count: int, zone: str, start: str, suffix: str = "") -> Time:
    return Time(f"{unit}{count if count > 1 else ''}{suffix}", unit, count, zone, start, None)


def _draw_lengths(rng: random.Random, scale: Scale) -> list[Time]:
    zone, start = rng.choice(scale.starts)
    found = [_drawn(*rng.choice(scale.fine), zone, start)]
    for number in range(rng.choice((1, 1, 2))):
        other = zone if rng.random() < 0.7 else rng.choice(scale.starts)[0]
        time = _drawn(*rng.choice(scale.coarse), other, start, "_" * (number + 1))
        if time.unit not in ("minute", "hour") or not is_shown(start, other):
            time.start = start[:10]
        found.append(time)
    return found


def pace_of(project: Project) -> float:
    """How many hours make a difference."""
    time = next(iter(project.times.values()))
    length = LENGTHS[time.unit] if time.unit in LENGTHS else 30 * DAY * MONTHS[time.unit]
    return length * time.count / timedelta(hours=1)


def draw_time_rule(rng: random.Random, project: Project, dimension: str, target: Target) -> Rule:
    """A rule for a dimension of time of an input of a target that has one."""
    own = project.times[dimension if dimension in target.dimensions else project.time_among(target.dimensions) or ""]
    its = project.times[dimension]
    match rng.choice(("window", "window", "window", "previous", "last", "last", "since", "keys")):
        case "previous":
            return "previous"
        case "last":
            return f"last {rng.randrange(1, 5)}"
        case "since":
            return f"since {rng.choice(SINCE)}"
        case "keys":
            line = project.line(dimension)
            first = line.at(named(its.start, its.zone)[0])
            return tuple(
                line.periods[first + step].key for step in sorted(rng.sample(range(-1, 5), rng.randrange(1, 4)))
            )
        case _:
            unit, step = rng.choice(sorted(_units(own) & _units(its)) or [("hour", 6)])
            low = rng.randrange(-3, 2)
            high = rng.randrange(low, 2)
            return f"{low * step}{_SIGNS[unit]}..{high * step}{_SIGNS[unit]}"


def _units(time: Time) -> set[tuple[str, int]]:
    """Units of windows, each with a number of them, that lead from a period to others nearby."""
    if time.unit in ("minute", "hour"):
        return {("minute", 15), ("minute", 45), ("hour", 1), ("hour", time.count), ("day", 1), ("day", 2)}
    if time.unit in ("day", "week"):
        return {("hour", 12), ("hour", 25), ("day", 1), ("day", 2), ("week", 1), ("month", 1), ("quarter", 1)}
    return {("day", 10), ("week", 3), ("month", 1), ("month", 2), ("quarter", 1), ("year", 1)}


def draw_own_rule(rng: random.Random, project: Project, dimension: str) -> str:
    """A rule by which a target reads its own earlier periods."""
    time = project.times[dimension]
    if rng.random() < 0.6:
        return "previous"
    high = rng.choice((1, 1, 2))
    low = high + rng.randrange(0, 3)
    count, unit = time.count, time.unit
    if unit == "hour" and time.zone != "UTC":
        count += 2  # clocks may be put back within it
    return f"-{low * count}{_SIGNS[unit]}..-{high * count}{_SIGNS[unit]}"


def neighbours(project: Project, dimension: str, keys: Iterable[str]) -> list[str]:
    """The keys just before the first of these, and just after the last."""
    line = project.line(dimension)
    places = [line.place(key) for key in keys]
    return [line.periods[place].key for place in (min(places) - 1, max(places) + 1)]
