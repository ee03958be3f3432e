"""Periods of time zones against the standard library's zones, around every change of their clocks."""

from __future__ import annotations

import re
import subprocess
import sys
import zoneinfo
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbuild.core import grain as grains
from dbuild.core import zone as zones
from dbuild.core.grain import Grain
from dbuild.core.zone import moment_of, seconds, zone_of

TICK = timedelta(microseconds=1)
FIRST, LAST = datetime(2000, 1, 1), datetime(2030, 1, 1)
ODD = [  # what there is: whole hours, halves and quarters, changes at midnight, a day that was skipped
    "America/New_York",
    "Europe/Zurich",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Chatham",
    "Pacific/Apia",
    "America/St_Johns",
    "America/Havana",
    "America/Sao_Paulo",
    "Africa/Casablanca",
    "Antarctica/Casey",
    "Antarctica/Troll",
    "Asia/Gaza",
]
SHORT = [("minute", 15), ("hour", 1), ("hour", 2), ("hour", 4)]


@pytest.fixture(scope="module", autouse=True)
def _few_years() -> Iterator[None]:
    """Looking for the changes of two centuries in all zones would take half a minute."""
    before = zones._FIRST, zones._LAST
    zones._FIRST, zones._LAST = datetime(1999, 1, 1), datetime(2031, 1, 1)
    _forget()
    yield
    zones._FIRST, zones._LAST = before
    _forget()


def _forget() -> None:
    zone_of.cache_clear()
    grains._scale_of.cache_clear()


def shown(moment: datetime, name: str) -> datetime:
    """What clocks show at an instant, as the standard library says it."""
    return moment.replace(tzinfo=UTC).astimezone(ZoneInfo(name)).replace(tzinfo=None)


def all_zones() -> dict[tuple[tuple[int, ...], tuple[int, ...]], str]:
    """A name for each history of clocks that any zone has."""
    names = sorted(zoneinfo.available_timezones())
    return {(zone.changes, zone.offsets): name for name in names for zone in [zone_of(name)]}


def changes(*, is_each: bool) -> Iterator[tuple[str, datetime]]:
    """Changes of clocks from 2000 to 2030: each one, or one of each kind."""
    kinds = set()
    for (found, offsets), name in all_zones().items():
        for change, before, after in zip(found, offsets, offsets[1:], strict=False):
            kind = (before, after, (change + before) % 86400)
            if FIRST <= moment_of(change) < LAST and (is_each or kind not in kinds):
                kinds.add(kind)
                yield name, moment_of(change)


def check_offsets(step: timedelta) -> None:
    for (found, _), name in all_zones().items():
        moments = [FIRST + step * count for count in range((LAST - FIRST) // step)]
        moments += [moment_of(change) - away for change in found for away in (TICK, timedelta())]
        for moment in moments:
            assert timedelta(seconds=zone_of(name).wall(seconds(moment))) // TICK == (
                (shown(moment, name) - zones.EPOCH) // timedelta(seconds=1) * 10**6
            ), (name, moment)


def check_periods(grain: Grain, low: int, high: int) -> None:
    """Periods tile time, their names lead back to them, and clocks show what they say."""
    name = grain.timezone
    length = timedelta(**{f"{grain.unit}s": grain.count})
    walls = [grain.wall(number) for number in range(low, high)]
    for number, wall in zip(range(low, high), walls, strict=True):
        start, end = grain.start(number), grain.start(number + 1)
        label = (grain, grain.text(number))
        assert start < end, label
        assert grain.index_at(start) == grain.index_at(end - TICK) == number, label
        assert grain.last(number) == end - TICK
        assert grain.index(grain.text(number)) == grain.bounded(grain.text(number)) == number, label
        for moment in (start, start + (end - start) / 2, end - TICK):
            assert wall <= shown(moment, name) < wall + length, label
        is_twin = walls.count(wall) > 1
        offset = start.replace(tzinfo=UTC).astimezone(ZoneInfo(name)).strftime("%z")
        plain = Grain(grain.unit).text(Grain(grain.unit).index_at(wall))
        assert grain.text(number) == plain + offset * is_twin, label
        assert (
            wall
            == datetime.combine(wall, datetime.min.time()) + (wall - wall.replace(hour=0, minute=0)) // length * length
        )


def check_days(name: str, low: int, high: int) -> None:
    """Each begins at the first instant whose clock shows midnight or more; those that never begin have no number."""
    day = Grain("day", name)
    texts = []
    for number in range(low, high):
        start, wall = day.start(number), day.wall(number)
        assert shown(start - TICK, name) < wall <= shown(start, name), (name, wall)
        assert start < day.start(number + 1)
        moment = start
        while moment < day.start(number + 1):  # also while clocks that were put back show the day before
            assert day.index_at(moment) == number, (name, moment)
            moment += timedelta(minutes=20)
        assert day.index_at(day.start(number + 1) - TICK) == number
        assert day.index(day.text(number)) == number
        texts.append(day.text(number))
        assert texts[-1] == wall.date().isoformat()
    assert texts == sorted(set(texts))


def check_around(name: str, moment: datetime) -> None:
    for unit, count in SHORT:
        grain = Grain(unit, name, count)
        away = timedelta(hours=max(5, 2 * count))
        check_periods(grain, grain.index_at(moment - away), grain.index_at(moment + away) + 1)
    day = Grain("day", name)
    check_days(name, day.index_at(moment - timedelta(days=2)), day.index_at(moment + timedelta(days=2)))


def test_zones_have_the_offsets_of_the_standard_library() -> None:
    check_offsets(timedelta(days=97, hours=5))


@pytest.mark.slow
def test_periods_around_one_change_of_each_kind() -> None:
    found = list(changes(is_each=False))
    assert len(found) > 100
    for name, moment in found:
        check_around(name, moment)


@pytest.mark.slow
def test_zones_have_the_offsets_of_the_standard_library_at_every_quarter_of_a_day() -> None:
    check_offsets(timedelta(hours=6))


@pytest.mark.slow
def test_periods_around_every_change() -> None:
    for name, moment in changes(is_each=True):
        check_around(name, moment)


# -- all grains, anywhere ----------------------------------------------------------------------------------------------

multiples = [
    *(Grain(unit) for unit in grains.UNITS),
    Grain("minute", count=15),
    Grain("hour", count=4),
    Grain("hour", count=12),
    Grain("day", count=10, anchor=7),
    Grain("week", count=2, anchor=1),
    Grain("month", count=6),
    Grain("month", count=5, anchor=3),
    Grain("year", count=5, anchor=3),
]
zoned = st.builds(lambda grain, name: replace(grain, timezone=name), st.sampled_from(multiples), st.sampled_from(ODD))
moments = st.datetimes(FIRST, LAST - timedelta(days=2500))


@given(zoned, moments)
def test_periods_tile_time_and_names_lead_back(grain: Grain, moment: datetime) -> None:
    number = grain.index_at(moment)
    assert grain.start(number) <= moment < grain.start(number + 1)
    assert grain.index_at(grain.start(number)) == grain.index_at(grain.last(number)) == number
    assert grain.index(grain.text(number)) == number
    assert grain.bounded(grain.text(number)) == grain.bounded(grain.text(number), is_end=True) == number
    assert number in grain.named(grain.wall(number))
    assert grain.text(number) <= grain.text(number + 1) or grain.offset(number)


@given(zoned, zoned, moments, st.integers(1, 30))
def test_overlap_of_unlike_zones_is_arithmetic_on_instants(
    own: Grain, other: Grain, moment: datetime, count: int
) -> None:
    low = own.index_at(moment)
    first, end = own.overlapping(other, low, low + count)
    assert other.start(first) <= own.start(low) < other.start(first + 1)
    assert other.start(end - 1) < own.start(low + count) <= other.start(end)


@pytest.mark.parametrize("name", ["America/New_York", "Pacific/Kiritimati", "Etc/GMT+12", "Etc/UTC"])
@pytest.mark.parametrize("unit", grains.UNITS)
def test_the_ends_of_the_calendar_are_ends(name: str, unit: str) -> None:
    grain = Grain(unit, name)
    for moment in (datetime.min, datetime.max):
        number = grain.index_at(moment)
        assert grain.overlapping(Grain("day"), number, number + 1)
        assert Grain("day").overlapping(grain, Grain("day").index_at(moment), Grain("day").index_at(moment) + 1)
    for number in (grain.index_at(datetime.max) + 2, grain.index_at(datetime.min) - 2):
        with pytest.raises(OverflowError):
            grain.start(number)


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("unit", multiples, ids=str)
def test_examples_are_keys(name: str, unit: Grain) -> None:
    grain = replace(unit, timezone=name)
    assert grain.text(grain.index(grain.example)) == grain.example


# -- by hand -----------------------------------------------------------------------------------------------------------


def keys(grain: Grain, first: str, count: int) -> list[str]:
    number = grain.index(first)
    return [grain.text(number + step) for step in range(count)]


def test_an_hour_that_clocks_show_twice_has_two_keys() -> None:
    hour = Grain("hour", "America/New_York")
    assert keys(hour, "2013-11-03T00", 4) == [
        "2013-11-03T00",
        "2013-11-03T01-0400",
        "2013-11-03T01-0500",
        "2013-11-03T02",
    ]
    low, high = hour.bounded("2013-11-03T01"), hour.bounded("2013-11-03T01", is_end=True)
    assert (hour.text(low), hour.text(high)) == ("2013-11-03T01-0400", "2013-11-03T01-0500")
    assert hour.bounded("2013-11-03T01-0500") == hour.bounded("2013-11-03T01-0500", is_end=True) == high
    assert Grain("minute", "America/New_York", 15).bounded("2013-11-03T01-0500", is_end=True) == (
        Grain("minute", "America/New_York", 15).index("2013-11-03T01:45-0500")
    )
    assert Grain("day", "America/New_York").text(Grain("day", "America/New_York").bounded("2013-11-03T01-0500")) == (
        "2013-11-03"
    )
    assert hour.start(low) == datetime(2013, 11, 3, 5)
    day = Grain("day", "America/New_York")
    number = day.index("2013-11-03")
    assert day.overlapping(hour, number, number + 1) == (low - 1, low + 24)  # a day of 25 hours


def test_periods_of_several_hours_that_clocks_show_twice_are_named_as_they_are_written() -> None:
    """In Troll two hours are put back: of those from midnight on the second is shown twice, and not the first."""
    pairs = Grain("hour", "Antarctica/Troll", 2)
    first, second = pairs.index("2013-10-27T00+0200"), pairs.index("2013-10-27T00+0000")
    assert second == first + 2
    assert [pairs.bounded(pairs.text(number)) for number in (first, second)] == [first, second]
    assert [pairs.bounded("2013-10-27T00", is_end=is_end) for is_end in (False, True)] == [first, second]
    assert pairs.bounded("2013-10-27T01+0000") == second
    with pytest.raises(ValueError, match="is written 2013-10-27T00 in"):
        pairs.bounded("2013-10-27T00+0100")


def test_other_lengths_take_a_change_in() -> None:
    assert keys(Grain("hour", "America/New_York", 4), "2013-11-03T00", 2) == ["2013-11-03T00", "2013-11-03T04"]
    quarters = keys(Grain("minute", "America/New_York", 15), "2013-11-03T00:45", 10)
    assert quarters[1:9] == [f"2013-11-03T01:{m}-0{o}00" for o in (4, 5) for m in ("00", "15", "30", "45")]
    assert keys(Grain("hour", "Europe/Zurich"), "2013-03-31T01", 2) == ["2013-03-31T01", "2013-03-31T03"]
    assert "2013-10-27T02+0200" in keys(Grain("hour", "Europe/Zurich"), "2013-10-27T01", 3)
    howe = Grain("hour", "Australia/Lord_Howe")
    assert keys(howe, "2013-04-07T00", 3) == [f"2013-04-07T0{hour}" for hour in range(3)]
    number = howe.index("2013-04-07T01")
    assert howe.start(number + 1) - howe.start(number) == timedelta(minutes=90)


def test_a_day_that_a_zone_skipped_has_no_key_and_no_number() -> None:
    day = Grain("day", "Pacific/Apia")
    assert keys(day, "2011-12-29", 2) == ["2011-12-29", "2011-12-31"]
    with pytest.raises(ValueError, match="starts no day in Pacific/Apia: near it are 2011-12-29 and 2011-12-31"):
        day.index("2011-12-30")
    week = Grain("week", "Pacific/Apia")
    number = week.index("2011-W52")
    low, high = week.overlapping(day, number, number + 1)
    assert high - low == 6


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("2013-11-03T01", "comes twice in America/New_York: it is 2013-11-03T01-0400 or 2013-11-03T01-0500"),
        ("2013-03-10T02", "starts no hour in America/New_York: near it are 2013-03-10T01 and 2013-03-10T03"),
        ("2013-11-03T05-0400", "is written 2013-11-03T05 in America/New_York"),
        ("2013-11-03T01+0100", "is written 2013-11-03T01-0400 or 2013-11-03T01-0500"),
        ("2013-11-03", "is not a hour"),
    ],
)
def test_what_names_no_period_of_a_zone_is_told_what_does(text: str, what: str) -> None:
    with pytest.raises(ValueError, match=re.escape(what)):
        Grain("hour", "America/New_York").index(text)


def test_zones_have_identities() -> None:
    names = ["UTC", "Europe/Zurich", "America/New_York", "Asia/Tokyo"]
    assert len({Grain("day", name).identity for name in names}) == len(names)
    code = "from dbuild.core.grain import Grain; print(Grain('day', 'America/New_York').identity)"
    said = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in "12"
    }
    assert len(said) == 1  # the same in every process


def test_projects_without_zones_read_none() -> None:
    code = """
import sys
from dbuild.core.grain import Grain
grain = Grain("minute", count=15)
grain.index(grain.text(grain.index_at(grain.start(7))))
sys.exit(bool({"zoneinfo", "dbuild.core.zone", "dbuild.core.scale"} & set(sys.modules)))
"""
    subprocess.run([sys.executable, "-c", code], check=True)
