"""Sets that are moved, against the same moves of their members one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbuild.core.grain import UNITS, Grain
from dbuild.core.moves import complement, regrained, shifted
from dbuild.core.partitions import Axis, Index, PartitionSet, TimeAxis
from tests.core.test_partitions import AXES, SIZE, check_form, points

Drawn = tuple[tuple[Axis, ...], list[set[Index]]]


@given(points(), st.integers(-4, 4), st.integers(0, 3))
def test_a_set_moves_as_its_members_do(drawn: Drawn, count: int, place: int) -> None:
    axes, (members,) = drawn
    members = {index for index in members if min(index, default=0) >= 0}
    if place >= len(axes):
        return
    found = shifted(PartitionSet.of_indices(axes, members), place, count)
    check_form(found.body, len(axes))
    moved = {(*index[:place], index[place] + count, *index[place + 1 :]) for index in members}
    is_time = isinstance(axes[place], TimeAxis)
    assert set(found.indices()) == {index for index in moved if is_time or 0 <= index[place] < SIZE}


@given(points(), st.sampled_from(UNITS), st.sampled_from([0, 2]))
def test_another_grain_has_what_overlaps(drawn: Drawn, unit: str, place: int) -> None:
    axes, (members,) = drawn
    own = axes[place] if place < len(axes) else None
    if not isinstance(own, TimeAxis):
        return
    grain = Grain(unit if unit != "minute" else "hour")
    found = regrained(PartitionSet.of_indices(axes, members), place, TimeAxis("other", grain))
    check_form(found.body, len(axes))
    assert found.axes[place].name == "other"
    wanted = {
        (*index[:place], number, *index[place + 1 :])
        for index in members
        for number in range(*own.grain.overlapping(grain, index[place], index[place] + 1))
    }
    assert set(found.indices()) == wanted


@given(points(2))
def test_a_complement_is_the_rest_of_a_domain(drawn: Drawn) -> None:
    axes, (one, two) = drawn
    found = complement(PartitionSet.of_indices(axes, one), PartitionSet.of_indices(axes, two))
    assert set(found.indices()) == two - one


def test_what_is_coarsened_and_refined_again_covers_what_there_was() -> None:
    days, months = TimeAxis("day", Grain("day")), TimeAxis("month", Grain("month"))
    found = PartitionSet.of_keys((days,), [("2013-01-31",), ("2013-03-02",)])
    assert str(regrained(found, 0, months)) == "2013-01+2013-03"
    assert str(regrained(regrained(found, 0, months), 0, days)) == "2013-01-01..2013-01-31+2013-03-01..2013-03-31"


def test_a_list_has_no_grain() -> None:
    with pytest.raises(ValueError, match="no time dimension"):
        regrained(PartitionSet.empty(AXES[1:2]), 0, TimeAxis("day", Grain("day")))


def test_moves_cost_by_runs() -> None:
    axes = (TimeAxis("hour", Grain("hour")), AXES[3])
    huge = PartitionSet.box(axes, [[(0, 10**6)], [(0, 2), (3, 5)]])
    assert shifted(huge, 0, 5).spans(0) == [(5, 10**6 + 5)]
    assert len(list(regrained(huge, 0, TimeAxis("day", Grain("day"))).boxes())) == 2
