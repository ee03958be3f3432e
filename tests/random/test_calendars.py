"""The calendars of the random test against those of dbuild: two ways to the same periods, with changes of clocks."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import product

import pytest

from dbuild.core.grain import Grain
from dbuild.core.links import Periods
from dbuild.core.mapping import mapping_of
from dbuild.core.model import Since, Window
from dbuild.core.partitions import TimeAxis
from dbuild.core.unit import MONTHS, number_at
from tests.random import calendars
from tests.random.calendars import Period, line_of, span_of

ZONES = (
    "UTC",
    "America/New_York",
    "Europe/Zurich",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/Havana",
    "Antarctica/Troll",
    "Asia/Kathmandu",
    "America/Sao_Paulo",
    "Asia/Gaza",
)
TIMED = [("minute", 15), ("minute", 30), ("hour", 1), ("hour", 2), ("hour", 4), ("hour", 12)]
DATED = [("day", 1), ("day", 2), ("day", 10), ("week", 1), ("week", 2), ("month", 1), ("month", 5), ("quarter", 1)]
DATED += [("quarter", 3), ("year", 1), ("year", 2)]
BEGINNINGS = (date(2013, 3, 28), date(2013, 10, 28), date(2011, 12, 28))


def grain_of(unit: str, count: int, zone: str, begin: date) -> Grain:
    """The same grain as dbuild has it."""
    one = Grain(unit, zone)
    if count == 1 or unit in ("minute", "hour") or (unit in MONTHS and not 12 % (count * MONTHS[unit])):
        return replace(one, count=count)
    return Grain(unit, zone, count, number_at(unit, one.wall(one.bounded(begin.isoformat()))) % count)


@pytest.mark.parametrize("zone", [*ZONES[:4], *(pytest.param(zone, marks=pytest.mark.slow) for zone in ZONES[4:])])
def test_periods_are_the_same(zone: str) -> None:
    for (unit, count), begin in product(TIMED + DATED, BEGINNINGS):
        grain = grain_of(unit, count, zone, begin)
        low = datetime.combine(begin, datetime.min.time())
        line = line_of(calendars.Grain(unit, count, zone, begin), low, low + timedelta(days=5))
        first = grain.index_at(line.periods[0].start)
        for number, period in enumerate(line.periods[4:-4], first + 4):  # twins beyond the ends aren't known
            wall_end = grain.walls(number)[1] + calendars.MOMENT if grain.is_dated else None
            found = (grain.text(number), grain.start(number), grain.start(number + 1), grain.wall(number), wall_end)
            assert found == (period.key, period.start, period.end, period.wall, period.wall_end), (grain, begin)


RULES = ["-1d..0d", "-6d..-1d", "-1w..0w", "-1mo..0mo", "-1mo..1mo", "0q..1q", "-1y..-1y", "-30h..5h", "-45min..15min"]
RULES += [f"since {unit}" for unit in ("week", "month", "quarter", "year")]


# Some hours after clocks there were put back, or forward by a day; and what a day before and after reads.
CHANGED = {
    "America/New_York": datetime(2013, 11, 3, 18),
    "Australia/Lord_Howe": datetime(2013, 4, 7, 3),
    "Pacific/Apia": datetime(2011, 12, 30, 20),
    "America/Havana": datetime(2013, 3, 10, 17),
}


@pytest.mark.parametrize("zone", CHANGED)
def test_what_windows_by_the_clock_read_is_the_same(zone: str) -> None:
    moments = TimeAxis("given", Grain("minute", "UTC", 15))
    for unit, count in (("minute", 15), ("hour", 1), ("hour", 4)):
        own = Grain(unit, zone, count)
        line = line_of(calendars.Grain(unit, count, zone, CHANGED[zone].date()), CHANGED[zone], CHANGED[zone])
        first, last = (line.at(CHANGED[zone] + timedelta(hours=away)) for away in (-36, 36))
        for rule in ("-1d..-1d", "0d..1d"):
            (link,) = mapping_of([TimeAxis("own", own)], [moments], {"given": as_read(rule)}).links
            assert isinstance(link, Periods)
            for period in line.periods[first:last]:
                start, end = span_of(rule, period, zone)
                image = (moments.grain.index_at(start), moments.grain.index_at(end - calendars.MOMENT) + 1)
                assert link.image(own.index(period.key)) == (image[0], max(image)), (unit, count, rule, period)


@pytest.mark.parametrize("zone", [*ZONES[:4], *(pytest.param(zone, marks=pytest.mark.slow) for zone in ZONES[4:])])
def test_what_rules_read_is_the_same(zone: str) -> None:
    begin = date(2013, 1, 29)
    low = datetime.combine(begin, datetime.min.time())
    hours = TimeAxis("given", Grain("hour", "UTC"))
    for (unit, count), rule in product([("day", 1), ("day", 2), ("week", 1), ("month", 1)], RULES):
        grain = grain_of(unit, count, zone, begin)
        line = line_of(calendars.Grain(unit, count, zone, begin), low, low + timedelta(days=80))
        (link,) = mapping_of([TimeAxis("own", grain)], [hours], {"given": as_read(rule)}).links
        assert isinstance(link, Periods)
        for period in line.periods[20:60:3]:
            start, end = span_of(rule, period, zone)
            image = (hours.grain.index_at(start), hours.grain.index_at(end - calendars.MOMENT) + 1)
            assert link.image(grain.index(period.key)) == (image[0], max(image)), (grain, rule, period)


def as_read(rule: str) -> Window | Since:
    """A rule as a Dataflowfile's reader gives it."""
    word, _, unit = rule.partition(" ")
    if word == "since":
        return Since(unit)
    first, _, last = rule.partition("..")
    sign = first.lstrip("-0123456789")
    return Window(int(first.removesuffix(sign)), int(last.removesuffix(sign)), calendars.UNITS[sign])


def test_an_hour_that_clocks_show_twice_has_an_offset() -> None:
    low = datetime(2013, 11, 3)
    line = line_of(calendars.Grain("hour", 1, "America/New_York", low.date()), low, low + timedelta(days=1))
    place = line.place("2013-11-03T01-0400")
    assert [period.key for period in line.periods[place : place + 3]] == [
        "2013-11-03T01-0400",
        "2013-11-03T01-0500",
        "2013-11-03T02",
    ]
    assert isinstance(line.periods[place], Period)
