"""Mappings between periods of several units and of unlike zones: forward and backward agree, walls are right."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from dbuild.core.grain import Grain
from dbuild.core.mapping import Mapping, mapping_of
from dbuild.core.model import Last, MappingRule, Previous, Since, Window
from dbuild.core.partitions import Index, PartitionSet, TimeAxis

TICK = timedelta(microseconds=1)
ZONES = ["UTC", "America/New_York", "Europe/Zurich", "Australia/Lord_Howe", "America/Havana", "Pacific/Apia"]
CHANGES = [  # around each of these some zone's clocks are put forward or back
    datetime(2013, 3, 10, 7),
    datetime(2013, 3, 31, 1),
    datetime(2013, 11, 3, 6),
    datetime(2013, 10, 27, 1),
    datetime(2013, 4, 6, 15),
    datetime(2013, 10, 5, 15, 30),
    datetime(2013, 11, 3, 5),
    datetime(2011, 12, 30, 10),
]
SPANS = {"minute": 12, "hour": 30, "day": 150, "week": 800, "month": 3000, "quarter": 9000, "year": 20000}  # hours
units = st.sampled_from(["minute", "hour", "day", "week", "month"])
grains = st.one_of(
    st.builds(Grain, st.sampled_from(["hour", "day", "week", "month", "year"]), st.sampled_from(ZONES)),
    st.builds(Grain, st.just("minute"), st.sampled_from(ZONES), st.sampled_from([15, 60])),
    st.builds(Grain, st.just("hour"), st.sampled_from(ZONES), st.sampled_from([4, 12])),
    st.builds(Grain, st.just("day"), st.sampled_from(ZONES), st.just(10), st.integers(0, 9)),
    st.builds(Grain, st.just("month"), st.sampled_from(ZONES), st.just(6)),
)
rules = st.one_of(
    st.none(),
    st.builds(lambda low, more, unit: Window(low, low + more, unit), st.integers(-4, 2), st.integers(0, 3), units),
    st.builds(Since, st.sampled_from(["week", "month", "year"])),
    st.just(Previous()),
    st.builds(Last, st.integers(1, 5)),
)


def around(axis: TimeAxis, moment: datetime, hours: float, most: int = 120) -> PartitionSet:
    """The periods near an instant, at most so many on each side."""
    away = timedelta(hours=hours)
    low, middle, high = (axis.grain.index_at(moment + sign * away) for sign in (-1, 0, 1))
    return PartitionSet.box((axis,), [[(max(low, middle - most), min(high + 1, middle + most))]])


def some(whole: PartitionSet, random: Random) -> PartitionSet:
    members = list(whole.indices())
    return PartitionSet.of_indices(whole.axes, random.sample(members, random.randint(1, min(5, len(members)))))


@given(grains, grains, rules, st.sampled_from(CHANGES), st.randoms(use_true_random=False))
def test_what_reads_is_what_is_touched(
    own: Grain, its: Grain, rule: MappingRule | None, moment: datetime, random: Random
) -> None:
    one, two = TimeAxis("own", own), TimeAxis("given", its)
    mine = around(one, moment, SPANS[own.unit])
    there = around(two, moment, SPANS[own.unit] + 100 * (rule is not None))
    mapping = mapping_of([one], [two], {"given": rule} if rule else {}).counting(there)
    read = {index: mapping.of_index(index, there) for index in mine.indices()}
    changed = some(there, random)
    readers = {index for index, given_ in read.items() if given_ & changed}
    assert set(mapping.touches(changed, mine).indices()) == readers
    wanted = some(mine, random)
    union: set[Index] = set()
    for index in wanted.indices():
        union |= set(read[index].indices())
    assert set(mapping.reads(wanted, there).indices()) == union
    assert not mapping.is_single or max(map(len, read.values())) <= 1


@given(grains, grains, st.sampled_from(CHANGES))
def test_overlap_is_arithmetic_on_instants(own: Grain, its: Grain, moment: datetime) -> None:
    one, two = TimeAxis("own", own), TimeAxis("given", its)
    there = around(two, moment, 60)
    mapping = mapping_of([one], [two], {})
    number = own.index_at(moment)
    start, end = own.start(number), own.start(number + 1)
    meeting = [(n,) for (n,) in there.indices() if its.start(n) < end and its.start(n + 1) > start]
    assert list(mapping.of_index((number,), there).indices()) == meeting


def keys_read(own: Grain, its: Grain, rule: MappingRule | None, key: str) -> list[str]:
    one, two = TimeAxis("own", own), TimeAxis("given", its)
    mapping: Mapping = mapping_of([one], [two], {"given": rule} if rule else {})
    number = own.index(key)
    there = around(two, own.start(number), 24 * 40, 1000)
    return [its.text(index) for (index,) in mapping.of_index((number,), there).indices()]


def test_days_before_a_local_midnight_are_local_midnights() -> None:
    day, hour = Grain("day", "America/New_York"), Grain("hour", "America/New_York")
    week = keys_read(day, day, Window(-6, 0, "day"), "2013-03-12")  # over a day of 23 hours
    assert week == [f"2013-03-{number:02d}" for number in range(6, 13)]
    assert keys_read(day, day, Window(-6, 0, "day"), "2013-11-05")[0] == "2013-10-30"
    assert keys_read(day, day, Window(-1, -1, "month"), "2013-04-10") == ["2013-03-10"]
    hours = keys_read(day, hour, Window(-1, -1, "day"), "2013-11-04")
    assert (hours[0], hours[-1], len(hours)) == ("2013-11-03T00", "2013-11-03T23", 25)


def test_hours_are_moved_by_days_as_clocks_show_them_and_by_hours_as_time_goes() -> None:
    hour = Grain("hour", "America/New_York")
    before = Window(-1, -1, "day")
    assert keys_read(hour, hour, before, "2013-11-04T05") == ["2013-11-03T05"]
    assert keys_read(hour, hour, before, "2013-11-04T01") == ["2013-11-03T01-0400", "2013-11-03T01-0500"]
    assert keys_read(hour, hour, before, "2013-11-03T01-0400") == ["2013-11-02T01"]
    assert keys_read(hour, hour, before, "2013-11-03T01-0500") == ["2013-11-02T01"]
    assert keys_read(hour, hour, before, "2013-03-11T02") == []  # there was none
    assert keys_read(hour, hour, before, "2013-03-10T03") == ["2013-03-09T02", "2013-03-09T03"]
    assert keys_read(hour, hour, Window(-3, -3, "hour"), "2013-11-03T03") == ["2013-11-03T01-0400"]


def test_days_of_one_zone_read_days_of_another() -> None:
    zurich, york = Grain("day", "Europe/Zurich"), Grain("day", "America/New_York")
    assert keys_read(zurich, york, None, "2013-01-05") == ["2013-01-04", "2013-01-05"]
    assert keys_read(zurich, Grain("day"), None, "2013-07-05") == ["2013-07-04", "2013-07-05"]
    assert len(keys_read(zurich, Grain("hour"), None, "2013-03-31")) == 23
    assert keys_read(Grain("day"), Grain("hour", "Asia/Kathmandu", 4), None, "2013-01-05")[0] == "2013-01-05T04"
    assert keys_read(Grain("month", "Europe/Zurich"), york, None, "2013-02")[0] == "2013-01-31"


def test_only_what_is_always_one_is_single() -> None:
    def is_single(grain: Grain, rule: Window) -> bool:
        axis = TimeAxis("x", grain)
        return mapping_of([axis], [axis], {"x": rule}).is_single

    ten = Grain("day", count=10, anchor=3)
    assert is_single(ten, Window(-10, -10, "day")) and is_single(Grain("month", count=6), Window(-1, -1, "year"))
    assert not is_single(ten, Window(-1, -1, "day")) and not is_single(Grain("month", count=6), Window(1, 1, "month"))
    zurich = Grain("day", "Europe/Zurich")
    assert is_single(zurich, Window(-1, -1, "day"))
    assert not is_single(zurich, Window(-24, -24, "hour"))
    assert not is_single(Grain("hour", "Europe/Zurich"), Window(-1, -1, "day"))
