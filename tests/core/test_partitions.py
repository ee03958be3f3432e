"""Sets of partitions against Python's own sets of tuples."""

from __future__ import annotations

from itertools import pairwise, product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbuild.build.bodies import dump_body, load_body
from dbuild.core.grain import Grain
from dbuild.core.partitions import (
    EMPTY,
    UNIT,
    Axis,
    Body,
    Index,
    Interval,
    ListAxis,
    PartitionSet,
    TimeAxis,
    common,
    joined,
)

SIZE = 5
DAY = TimeAxis("day", Grain("day"))
AXES: tuple[Axis, ...] = (
    DAY,
    ListAxis("origin", ("EWR", "JFK", "LGA", "BOS", "SFO")),
    TimeAxis("hour", Grain("hour")),
    ListAxis("carrier", tuple("ABCDE")),
)


@st.composite
def points(draw: st.DrawFn, sets: int = 1) -> tuple[tuple[Axis, ...], list[set[Index]]]:
    """Some axes and that many sets of numbers on them; shifted, so that negative numbers occur too."""
    depth = draw(st.integers(0, 4))
    shift = draw(st.sampled_from([0, -3]))
    every = list(product(range(shift, shift + SIZE), repeat=depth))
    found = []
    for _ in range(sets):
        # Rows of equal rests are what makes runs merge: chance alone would hardly ever draw them.
        sides = [draw(st.sets(st.integers(shift, shift + SIZE - 1))) for _ in range(depth)]
        full = set(product(*sides))
        extra = draw(st.sets(st.sampled_from(every), max_size=8))
        found.append(full ^ extra)
    return AXES[:depth], found


def made(axes: tuple[Axis, ...], members: set[Index]) -> PartitionSet:
    found = PartitionSet.of_indices(axes, members)
    check_form(found.body, len(axes))
    return found


def check_form(body: Body, depth: int) -> None:
    """The one form that a set may have."""
    if depth == 0:
        assert body in (EMPTY, UNIT)
        return
    for low, high, rest in body:
        assert low < high
        assert rest
        check_form(rest, depth - 1)
    for one, two in pairwise(body):
        assert one[1] <= two[0]
        assert one[1] < two[0] or one[2] != two[2]


@given(points(2))
def test_the_algebra_is_that_of_sets(drawn: tuple[tuple[Axis, ...], list[set[Index]]]) -> None:
    axes, (a, b) = drawn
    one, two = made(axes, a), made(axes, b)
    for found, wanted in [(one | two, a | b), (one & two, a & b), (one - two, a - b)]:
        check_form(found.body, len(axes))
        assert set(found.indices()) == wanted
        assert found == made(axes, wanted)
    assert one - one == PartitionSet.empty(axes)
    assert (one | one, one & one) == (one, one)


@given(points(), st.randoms(use_true_random=False))
def test_a_set_is_what_its_members_say(drawn: tuple[tuple[Axis, ...], list[set[Index]]], random: Random) -> None:
    axes, (members,) = drawn
    found = made(axes, members)
    assert len(found) == len(members)
    assert bool(found) == bool(members)
    assert list(found.indices()) == sorted(members)
    assert found.first() == (min(members) if members else None)
    for index in product(range(-4, SIZE + 1), repeat=len(axes)):
        if len(axes) < 4 or random.random() < 0.1:
            assert (index in found) == (index in members)


@given(points(), st.randoms(use_true_random=False))
def test_a_set_has_one_form_however_it_is_made(
    drawn: tuple[tuple[Axis, ...], list[set[Index]]], random: Random
) -> None:
    axes, (members,) = drawn
    found = made(axes, members)
    shuffled = sorted(members)
    random.shuffle(shuffled)
    singles = [PartitionSet.box(axes, [[(number, number + 1)] for number in index]) for index in shuffled]
    united = PartitionSet.empty(axes)
    for single in singles:
        united |= single
    assert united.body == found.body
    assert PartitionSet.union_of(axes, [single.body for single in singles]).body == found.body
    assert PartitionSet.of_indices(axes, iter(shuffled + shuffled)).body == found.body
    assert hash(united) == hash(found)
    everything = PartitionSet.box(axes, [[(-10, 10)]] * len(axes))
    assert (everything - (everything - found)).body == found.body


@given(points())
def test_boxes_are_disjoint_and_cover_the_set(drawn: tuple[tuple[Axis, ...], list[set[Index]]]) -> None:
    axes, (members,) = drawn
    covered = [
        index for box in made(axes, members).boxes() for index in product(*(range(low, high) for low, high in box))
    ]
    assert len(covered) == len(set(covered))
    assert set(covered) == members


@given(points())
def test_spans_are_the_values_of_one_axis(drawn: tuple[tuple[Axis, ...], list[set[Index]]]) -> None:
    axes, (members,) = drawn
    found = made(axes, members)
    for position in range(len(axes)):
        spans = found.spans(position)
        assert {n for low, high in spans for n in range(low, high)} == {index[position] for index in members}
        assert spans == joined(spans)


@given(points())
def test_a_body_that_is_written_and_read_is_the_same(drawn: tuple[tuple[Axis, ...], list[set[Index]]]) -> None:
    axes, (members,) = drawn
    body = made(axes, members).body
    assert load_body(dump_body(body)) == body


@given(points(), st.permutations("ABCDE"), st.lists(st.sampled_from(["EWR", "JFK", "LGA", "BOS", "ORD"]), unique=True))
def test_keys_stay_the_same_on_other_axes(
    drawn: tuple[tuple[Axis, ...], list[set[Index]]], carriers: list[str], origins: list[str]
) -> None:
    axes, (members,) = drawn
    members = {index for index in members if min(index, default=0) >= 0}
    others = {"origin": ListAxis("origin", tuple(origins)), "carrier": ListAxis("carrier", tuple(carriers))}
    new = tuple(others.get(axis.name, axis) for axis in axes)
    old = made(axes, members)
    found = old.rebased(new)
    check_form(found.body, len(axes))
    kept = {key for key in list(old.keys()) if len(key) < 2 or key[1] in origins}
    assert set(found.keys()) == kept
    assert found == PartitionSet.of_keys(new, kept)


def test_another_grain_or_zone_of_the_same_name_shares_no_keys() -> None:
    days = PartitionSet.of_keys((DAY,), [("2013-01-05",)])
    assert not days.rebased((TimeAxis("day", Grain("week")),))
    assert not days.rebased((TimeAxis("day", Grain("day", "Europe/Berlin")),))
    assert days.rebased((TimeAxis("day", Grain("day")),)) == days


@given(points())
def test_keys_name_the_members(drawn: tuple[tuple[Axis, ...], list[set[Index]]]) -> None:
    axes, (members,) = drawn
    members = {index for index in members if min(index, default=0) >= 0}
    found = made(axes, members)
    keys = list(found.keys())
    assert len(set(keys)) == len(members)
    assert PartitionSet.of_keys(axes, keys) == found


intervals = st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)))


@given(intervals, intervals)
def test_intervals_are_joined_and_intersected(one: list[Interval], two: list[Interval]) -> None:
    a, b = joined(one), joined(two)
    mine, others = ({n for low, high in side for n in range(low, high)} for side in (one, two))
    assert {n for low, high in a for n in range(low, high)} == mine
    assert all(left[1] < right[0] for left, right in pairwise(a))
    assert {n for low, high in common(a, b) for n in range(low, high)} == mine & others


def test_without_axes_there_is_one_partition_or_none() -> None:
    full, empty = PartitionSet.box((), []), PartitionSet.empty(())
    assert (len(full), len(empty)) == (1, 0)
    assert list(full.keys()) == [()]
    assert () in full
    assert () not in empty
    assert (str(full), str(empty)) == ("all", "none")


def test_a_box_with_an_empty_side_is_empty() -> None:
    assert PartitionSet.box(AXES[:2], [[(0, 3)], []]) == PartitionSet.empty(AXES[:2])
    assert PartitionSet.box(AXES[:2], [[], [(0, 3)]]) == PartitionSet.empty(AXES[:2])
    assert PartitionSet.box(AXES[:1], [[(0, 2), (2, 4)]]).body == ((0, 4, UNIT),)


def test_a_set_reads_as_people_type_it() -> None:
    first = DAY.index("2013-01-01")
    found = PartitionSet.box(AXES[:2], [[(first, first + 5)], [(1, 2)]])
    assert str(found | PartitionSet.of_keys(AXES[:2], [("2013-01-09", "EWR")])) == (
        "2013-01-01..2013-01-05,JFK@2013-01-09,EWR"
    )


def test_a_value_that_an_axis_does_not_have_is_refused() -> None:
    for axes, key in [(AXES[1:2], ("ORD",)), (AXES[:2], ("2013-01-01", "ORD")), (AXES[:1], ("2013-02-30",))]:
        with pytest.raises(ValueError, match="is not a"):
            PartitionSet.of_keys(axes, [key])


def test_a_set_costs_by_its_runs_and_not_by_its_members() -> None:
    axes = (DAY, TimeAxis("hour", Grain("hour")))
    huge = PartitionSet.box(axes, [[(0, 10**9)], [(0, 10**9)]])
    hole = PartitionSet.box(axes, [[(500, 501)], [(7, 8)]])
    left = huge - hole
    assert len(left) == 10**18 - 1
    assert (500, 7) not in left
    assert (500, 8) in left
    assert len(list(left.boxes())) == 4
    assert left | hole == huge
