"""Which partitions are read, and which are touched: every rule in both directions, and against plain calendars."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbuild.core.grain import Grain
from dbuild.core.mapping import Mapping, mapping_of
from dbuild.core.model import All, Last, MappingRule, Previous, Since, Values, Window
from dbuild.core.partitions import Axis, Index, ListAxis, PartitionSet, TimeAxis

ORIGIN = ListAxis("origin", ("EWR", "JFK", "LGA"))
CARRIER = ListAxis("carrier", ("AA", "B6", "UA", "DL"))
KIND = ListAxis("kind", ("p", "q"))
SPANS = {  # few enough to try each, around leap days and the ends of years
    "hour": ("2012-02-28T20", "2012-03-01T06"),
    "day": ("2011-12-28", "2012-03-05"),
    "week": ("2011-W51", "2012-W20"),
    "month": ("2011-11", "2012-07"),
    "quarter": ("2011-Q3", "2012-Q4"),
    "year": ("2011", "2013"),
}
grains = units = st.sampled_from(list(SPANS))
SINCE = ("week", "month", "quarter", "year")


def time(unit: str, name: str = "") -> TimeAxis:
    return TimeAxis(name or unit, Grain(unit))


def domain(axes: Sequence[Axis]) -> PartitionSet:
    """All there is on these axes."""
    sides = []
    for axis in axes:
        if isinstance(axis, ListAxis):
            sides.append([(0, len(axis.values))])
        else:
            first, last = SPANS[axis.grain.unit]
            sides.append([(axis.index(first), axis.index(last) + 1)])
    return PartitionSet.box(tuple(axes), sides)


@dataclass(frozen=True)
class Case:
    """A mapping with the domains on both sides."""

    own: PartitionSet
    given: PartitionSet
    mapping: Mapping


@st.composite
def cases(draw: st.DrawFn) -> Case:
    lists: tuple[Axis, ...] = (ORIGIN, CARRIER, KIND)
    own_unit = draw(st.sampled_from([None, *SPANS]))
    given_unit = draw(st.sampled_from([None, *SPANS]))
    own = [time(own_unit, "period")] if own_unit else []
    name = "period" if own_unit == given_unit else "other"
    given = [time(given_unit, name)] if given_unit else []
    own_axes = draw(st.permutations([*own, *draw(st.lists(st.sampled_from(lists), unique=True))]))
    given_axes = draw(st.permutations([*given, *draw(st.lists(st.sampled_from(lists), unique=True))]))
    rules: dict[str, MappingRule] = {}
    for axis in given_axes:
        rule = draw(_rules(axis, bool(own_unit)))
        if rule is not None:
            rules[axis.name] = rule
    there = domain(given_axes)
    mapping = mapping_of(own_axes, given_axes, rules).counting(there)
    if draw(st.booleans()):  # else all of them are there
        mapping = mapping.counting(there - some(there, draw(st.randoms(use_true_random=False)), many=True))
    return Case(domain(own_axes), there, mapping)


def _rules(axis: Axis, has_time: bool) -> st.SearchStrategy[MappingRule | None]:
    possible: list[st.SearchStrategy[MappingRule | None]] = [st.none(), st.just(All())]
    if isinstance(axis, ListAxis):
        possible.append(st.lists(st.sampled_from(axis.values), min_size=1, unique=True).map(lambda v: Values(tuple(v))))
    elif has_time:
        ends = st.lists(st.integers(-9, 4), min_size=2, max_size=2).map(sorted)
        units = st.sampled_from(list(SPANS))
        possible += [st.builds(lambda e, u: Window(e[0], e[1], u), ends, units)] * 2
        possible += [st.sampled_from(SINCE).map(Since), st.just(Previous()), st.integers(1, 9).map(Last)]
    return st.one_of(possible)


def some(members: PartitionSet, random: Random, *, many: bool = False) -> PartitionSet:
    """A few members, scattered and in rows; or many."""
    indices = list(members.indices())
    start = random.randrange(len(indices))
    row = indices[start : start + random.randrange(6)]
    count = random.randrange(len(indices) + 1) if many else min(3, len(indices))
    return PartitionSet.of_indices(members.axes, [*row, *random.sample(indices, count)])


@given(cases(), st.randoms(use_true_random=False))
def test_what_reads_a_partition_is_touched_by_it_and_nothing_else(case: Case, random: Random) -> None:
    changed = some(case.given, random)
    readers = {index for index in case.own.indices() if case.mapping.of_index(index, case.given) & changed}
    assert set(case.mapping.touches(changed, case.own).indices()) == readers


@given(grains, grains, st.integers(1, 9), st.randoms(use_true_random=False), st.data())
def test_the_last_are_those_that_are_there(
    own: str, given_unit: str, count: int, random: Random, data: st.DataObject
) -> None:
    one, two = time(own, "own"), time(given_unit, "given")
    whole = domain([two])
    there = whole - some(whole, random, many=True)
    number = data.draw(st.sampled_from(list(domain([one]).indices())))[0]
    end = one.grain.start(number + 1)
    wanted = [(n,) for (n,) in there.indices() if two.grain.start(n) < end][-count:]
    mapping = mapping_of([one], [two], {"given": Last(count)}).counting(there)
    assert list(mapping.of_index((number,), whole).indices()) == wanted


@given(cases(), st.randoms(use_true_random=False))
def test_what_comes_and_goes_affects_all_that_read_something_else(case: Case, random: Random) -> None:
    before = case.given - some(case.given, random, many=True)
    now = (before - some(case.given, random)) | some(case.given, random)
    old, new = case.mapping.counting(before), case.mapping.counting(now)
    differing = (before - now) | (now - before)
    touched = new.affects(differing, case.own)
    for index in case.own.indices():
        if old.of_index(index, case.given) & before != new.of_index(index, case.given) & now:
            assert index in touched
    assert not case.mapping.touches(differing, case.own) - case.mapping.affects(differing, case.own)


@given(cases(), st.randoms(use_true_random=False))
def test_a_set_reads_what_its_members_read(case: Case, random: Random) -> None:
    wanted = some(case.own, random)
    read: set[Index] = set()
    for index in wanted.indices():
        one = case.mapping.of_index(index, case.given)
        assert one == case.mapping.reads(PartitionSet.of_indices(case.own.axes, [index]), case.given)
        assert not one - case.given
        read |= set(one.indices())
    assert set(case.mapping.reads(wanted, case.given).indices()) == read


@given(cases())
def test_a_single_mapping_gives_no_more_than_one_partition(case: Case) -> None:
    most = max(len(case.mapping.of_index(index, case.given)) for index in case.own.indices())
    assert most <= 1 or not case.mapping.is_single


@given(cases())
def test_nothing_gives_nothing(case: Case) -> None:
    assert not case.mapping.reads(PartitionSet.empty(case.own.axes), case.given)
    assert not case.mapping.touches(PartitionSet.empty(case.given.axes), case.own)


# -- against plain calendars -----------------------------------------------------------------------------------------


def moved(moment: datetime, count: int, unit: str) -> datetime:
    """A moment moved by units of the calendar, said in another way than the code says it."""
    hours = {"hour": 1, "day": 24, "week": 168}
    if unit in hours:
        return moment + timedelta(hours=hours[unit] * count)
    months = {"month": 1, "quarter": 3, "year": 12}[unit] * count
    year, month = moment.year, moment.month
    for _ in range(abs(months)):
        month += 1 if months > 0 else -1
        if month == 13:
            year, month = year + 1, 1
        if month == 0:
            year, month = year - 1, 12
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))


@given(grains, grains, st.data())
def test_overlap_reads_the_periods_that_intersect(own: str, given_unit: str, data: st.DataObject) -> None:
    one, two = time(own, "own"), time(given_unit, "given")
    there = domain([two])
    number = data.draw(st.sampled_from(list(domain([one]).indices())))[0]
    start, end = one.grain.start(number), one.grain.start(number + 1)
    wanted = [(n,) for (n,) in there.indices() if two.grain.start(n) < end and two.grain.start(n + 1) > start]
    assert list(mapping_of([one], [two], {}).of_index((number,), there).indices()) == wanted


@given(grains, grains, units, st.integers(-8, 0), st.integers(0, 4), st.data())
def test_a_window_widens_the_period_at_both_ends(
    own: str, given_unit: str, unit: str, low: int, high: int, data: st.DataObject
) -> None:
    one, two = time(own, "own"), time(given_unit, "given")
    there = domain([two])
    number = data.draw(st.sampled_from(list(domain([one]).indices())))[0]
    start = moved(one.grain.start(number), low, unit)
    stop, tick = one.grain.start(number + 1), timedelta(microseconds=1)
    end = max(moved(stop, high, unit), moved(stop - tick, high, unit) + tick)
    wanted = [(n,) for (n,) in there.indices() if two.grain.start(n) < end and two.grain.start(n + 1) > start]
    mapping = mapping_of([one], [two], {"given": Window(low, high, unit)})
    assert list(mapping.of_index((number,), there).indices()) == wanted


@given(grains, grains, st.sampled_from(SINCE), st.data())
def test_since_reads_from_the_start_of_the_calendars_period(
    own: str, given_unit: str, unit: str, data: st.DataObject
) -> None:
    one, two = time(own, "own"), time(given_unit, "given")
    there = domain([two])
    number = data.draw(st.sampled_from(list(domain([one]).indices())))[0]
    begins, end = one.grain.start(number), one.grain.start(number + 1)
    day = begins.date()
    match unit:
        case "week":
            day -= timedelta(days=day.weekday())
        case "month":
            day = day.replace(day=1)
        case "quarter":
            day = day.replace(month=1 + (day.month - 1) // 3 * 3, day=1)
        case _:
            day = day.replace(month=1, day=1)
    start = datetime.combine(day, datetime.min.time())
    wanted = [(n,) for (n,) in there.indices() if two.grain.start(n) < end and two.grain.start(n + 1) > start]
    mapping = mapping_of([one], [two], {"given": Since(unit)})
    assert list(mapping.of_index((number,), there).indices()) == wanted
    assert not mapping.is_single


def keys_read(own: str, given_unit: str, rule: MappingRule | None, key: str) -> list[str]:
    one, two = time(own, "own"), time(given_unit, "given")
    mapping = mapping_of([one], [two], {"given": rule} if rule else {})
    return texts(mapping.of_index((one.index(key),), domain([two])))


def texts(members: PartitionSet) -> list[str]:
    """The keys of partitions on one axis."""
    return [",".join(key) for key in list(members.keys())]


def test_a_week_over_two_months_reads_both() -> None:
    assert keys_read("week", "month", None, "2012-W05") == ["2012-01", "2012-02"]
    assert keys_read("month", "week", None, "2012-02") == ["2012-W05", "2012-W06", "2012-W07", "2012-W08", "2012-W09"]


def test_seven_days_up_to_the_key_are_clipped_to_what_there_is() -> None:
    week = Window(-6, 0, "day")
    assert keys_read("day", "day", week, "2012-01-02") == [f"2011-12-{d}" for d in (28, 29, 30, 31)] + [
        "2012-01-01",
        "2012-01-02",
    ]
    assert keys_read("month", "day", Window(-1, 1, "day"), "2012-02")[:2] == ["2012-01-31", "2012-02-01"]
    assert keys_read("month", "day", Window(-1, 1, "day"), "2012-02")[-1] == "2012-03-01"
    assert keys_read("month", "month", Window(-1, -1, "month"), "2012-03") == ["2012-02"]
    assert keys_read("day", "month", Window(-1, 0, "month"), "2012-03-31") == ["2012-02", "2012-03"]


def test_since_a_month_reads_up_to_the_key() -> None:
    assert keys_read("day", "day", Since("month"), "2012-02-03") == ["2012-02-01", "2012-02-02", "2012-02-03"]
    assert keys_read("day", "month", Since("year"), "2012-03-31") == ["2012-01", "2012-02", "2012-03"]
    assert keys_read("month", "week", Since("week"), "2012-02")[0] == "2012-W05"  # its Monday is in January


@given(grains, grains, st.data())
def test_previous_is_the_one_period_before(own: str, given_unit: str, data: st.DataObject) -> None:
    one, two = time(own, "own"), time(given_unit, "given")
    there = domain([two])
    number = data.draw(st.sampled_from(list(domain([one]).indices())))[0]
    start = one.grain.start(number)
    wanted = [(n,) for (n,) in there.indices() if two.grain.start(n + 1) <= start < two.grain.start(n + 2)]
    mapping = mapping_of([one], [two], {"given": Previous()})
    assert list(mapping.of_index((number,), there).indices()) == wanted
    assert not mapping.is_single  # there may be none


def test_the_first_has_no_previous() -> None:
    assert keys_read("day", "day", Previous(), "2011-12-28") == []
    assert keys_read("day", "day", Previous(), "2012-03-01") == ["2012-02-29"]
    assert keys_read("day", "month", Previous(), "2012-03-31") == ["2012-02"]
    assert keys_read("month", "day", Previous(), "2012-03") == ["2012-02-29"]


def test_days_that_the_month_before_lacks_read_its_last() -> None:
    day = time("day", "own")
    there = PartitionSet.box((day,), [[(day.index("2013-02-01"), day.index("2013-03-31") + 1)]])
    mapping = mapping_of([day], [day], {"own": Window(-1, -1, "month")})
    for text in ("2013-03-28", "2013-03-29", "2013-03-30", "2013-03-31"):
        read = mapping.of_index((day.index(text),), there)
        assert texts(read) == ["2013-02-28"], text
    ahead = mapping_of([day], [day], {"own": Window(1, 1, "month")}).of_index((day.index("2013-02-28"),), there)
    assert texts(ahead) == ["2013-03-28", "2013-03-29", "2013-03-30", "2013-03-31"]


def test_windows_near_the_ends_of_the_calendar_are_clipped() -> None:
    day, month = time("day"), time("month")
    for text, key in (("0001-01-01", "0001-01"), ("9999-12-31", "9999-12")):
        one = PartitionSet.of_keys((day,), [(text,)])
        for unit in ("day", "month", "year"):
            assert mapping_of([day], [day], {"day": Window(-9, 9, unit)}).reads(one, one) == one
        assert mapping_of([month], [day], {}).reads(PartitionSet.of_keys((month,), [(key,)]), one) == one


def test_rules_and_dimensions_of_one_side_only() -> None:
    own, given_axes = (time("month"), ORIGIN), (time("day"), ORIGIN, CARRIER)
    there = domain(given_axes)
    index = (own[0].index("2012-02"), 1)
    read = mapping_of(own, given_axes, {}).of_index(index, there)
    assert len(read) == 29 * len(CARRIER.values)
    assert read.spans(1) == [(1, 2)]
    rules: dict[str, MappingRule] = {"day": All(), "origin": Values(("LGA", "EWR")), "carrier": Values(("UA",))}
    read = mapping_of(own, given_axes, rules).of_index(index, there)
    assert read.spans(0) == there.spans(0)
    assert (read.spans(1), read.spans(2)) == ([(0, 1), (2, 3)], [(2, 3)])
    shared = mapping_of(own, (CARRIER,), {"carrier": All()})
    assert shared.touches(PartitionSet.of_keys((CARRIER,), [("B6",)]), domain(own)) == domain(own)


def test_values_that_were_not_discovered_yet_are_left_out() -> None:
    carriers = ListAxis("carrier", ("AA",))
    there = PartitionSet.box((carriers,), [[(0, 1)]])
    both = mapping_of([], [carriers], {"carrier": Values(("AA", "ZZ"))})
    assert list(both.of_index((), there).keys()) == [("AA",)]
    assert not both.is_single
    assert mapping_of([], [carriers], {"carrier": Values(("AA",))}).is_single
    unknown = mapping_of([], [ListAxis("carrier", ())], {"carrier": Values(("ZZ",))})
    assert unknown.is_single
    assert not unknown.of_index((), PartitionSet.empty((ListAxis("carrier", ()),)))


def test_the_key_itself_is_the_identity() -> None:
    axes = (time("day"), ORIGIN)
    assert mapping_of(axes, axes, {}).is_identity
    assert not mapping_of(axes, axes[::-1], {}).is_identity
    assert not mapping_of(axes, axes[:1], {}).is_identity
    assert mapping_of(axes, axes[:1], {}).is_single
    assert not mapping_of(axes[:1], axes, {}).is_single


@pytest.mark.parametrize(
    ("rule", "is_single"),
    [
        (Window(-1, -1, "day"), True),
        (Window(-1, 0, "day"), False),
        (Window(-1, -1, "week"), True),
        (Window(-6, -6, "hour"), False),  # two days meet it
        (Window(1, 1, "month"), False),  # so do the last days of March, for the last of February
    ],
)
def test_a_moved_day_is_single_where_it_lands_on_a_day(rule: Window, is_single: bool) -> None:
    assert mapping_of([time("day")], [time("day")], {"day": rule}).is_single == is_single


def test_a_mapping_that_could_mean_several_is_an_error_that_asks_for_one() -> None:
    day, week, month = time("day"), time("week"), time("month")
    for own, read in [((day, week), (month,)), ((month,), (day, week))]:
        with pytest.raises(ValueError, match=r'ambiguous: give a mapping such as .* = "all"'):
            mapping_of(own, read, {})
    assert mapping_of((day, week), (month,), {"month": All()})
    assert mapping_of((day, month), (month,), {}).is_single


def test_a_window_needs_time_on_both_sides() -> None:
    pairs: list[tuple[Sequence[Axis], Axis]] = [([ORIGIN], time("day")), ([time("day")], ORIGIN)]
    for own, read in pairs:
        with pytest.raises(ValueError, match="needs a time dimension on both sides"):
            mapping_of(own, (read,), {read.name: Window(-1, 0, "day")})
        with pytest.raises(ValueError, match="needs a time dimension on both sides"):
            mapping_of(own, (read,), {read.name: Since("month")})
        with pytest.raises(ValueError, match=r'"previous" on ".*" needs a time dimension on both sides'):
            mapping_of(own, (read,), {read.name: Previous()})
        with pytest.raises(ValueError, match=r'"last 7" on ".*" needs a time dimension on both sides'):
            mapping_of(own, (read,), {read.name: Last(7)})
    both = (time("day"), time("month"))
    with pytest.raises(ValueError, match='only one dimension of an input can be read by its "last"'):
        mapping_of(both, both, {"day": Last(7), "month": Last(2)})


def test_a_fixed_period_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="is not a day"):
        mapping_of((), (time("day"),), {"day": Values(("soon",))})


def test_the_cost_follows_runs_and_not_partitions() -> None:
    day, minute = time("day"), time("minute")
    low, high = day.index("0100-01-01"), day.index("9000-01-01")
    days = PartitionSet.box((day,), [[(low, high)]])
    minutes = PartitionSet.box((minute,), [[(low * 1440, high * 1440)]])
    mapping = mapping_of((day,), (minute,), {})
    assert mapping.reads(days, minutes) == minutes
    one = PartitionSet.of_keys((minute,), [("2013-01-05T10:00",)])
    assert list(mapping.touches(one, days).keys()) == [("2013-01-05",)]
