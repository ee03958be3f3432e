"""Which periods are too old to change, and when the next one is."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbuild.core.aging import ages_at, old_of, written_age
from dbuild.core.grain import Grain
from dbuild.core.model import Target, TimeDimension
from dbuild.core.partitions import ListAxis, PartitionSet, TimeAxis
from dbuild.project.quantities import read_duration
from tests.core.flows import target, time, values

DAY = 86400.0
GRAINS = [
    Grain("hour"),
    Grain("day"),
    Grain("day", "Europe/Zurich"),
    Grain("week", "America/New_York"),
    Grain("month"),
]


def freezing(seconds: float | None, *dimensions: str) -> Target:
    return replace(target("t", dimensions), freeze_after=seconds)


def axis_of(dimension: TimeDimension) -> TimeAxis:
    return TimeAxis(dimension.name, dimension.grain)


@given(st.sampled_from(GRAINS), st.integers(0, 60), st.integers(0, 40), st.floats(0, 1))
def test_a_period_is_old_when_its_end_is_so_long_ago(grain: Grain, size: int, days: int, part: float) -> None:
    low = grain.bounded("2013-03-20")
    dimension = replace(time("day", "2013-01-01"), grain=grain)
    domain = PartitionSet.box((axis_of(dimension),), [[(low, low + size)]])
    now = grain.start(low) + (grain.start(low + 60) - grain.start(low)) * part
    made = freezing(days * DAY, "day")
    old = {low + n for n in range(size) if grain.start(low + n + 1) + timedelta(days=days) <= now}
    assert {number for (number,) in old_of(made, {"day": dimension}, domain, now).indices()} == old
    following = ages_at(made, {"day": dimension}, around(dimension, now), now)
    assert following is not None
    assert following > now
    for moment, change in ((following, 1), (following - timedelta(microseconds=1), 0)):
        assert ages_of(made, dimension, moment) == ages_of(made, dimension, now) + change


def ages_of(made: Target, dimension: TimeDimension, now: datetime) -> int:
    """How many of many periods are too old."""
    domain = around(dimension, now)
    return domain.spans(0)[0][0] + len(old_of(made, {"day": dimension}, domain, now))


def around(dimension: TimeDimension, now: datetime) -> PartitionSet:
    """Many periods before and after a moment."""
    low = dimension.grain.index_at(now) - 2000
    return PartitionSet.box((axis_of(dimension),), [[(low, low + 3000)]])


def test_only_what_is_asked_about_gets_too_old() -> None:
    dimension = time("day", "2013-01-01")
    made, now = freezing(10 * DAY, "day"), datetime(2013, 3, 20, 12)
    for days, at in (((1, 5, 12, 15), 12), ((9, 25), 25), ((19,), 19), ((1, 5), None), ((), None)):
        indices = [(dimension.grain.bounded(f"2013-03-{day:02}"),) for day in days]
        found = ages_at(made, {"day": dimension}, PartitionSet.of_indices((axis_of(dimension),), indices), now)
        assert found == (datetime(2013, 3, at) + timedelta(days=11) if at else None)


def test_all_values_of_an_old_period_are_old() -> None:
    day, origin = time("day", "2013-01-01"), values("origin", "EWR", "JFK")
    axes = (ListAxis("origin", origin.values), axis_of(day))
    domain = PartitionSet.box(axes, [[(0, 2)], [(day.start, day.start + 9)]])
    made = freezing(DAY, "origin", "day")
    old = old_of(made, {"day": day, "origin": origin}, domain, datetime(2013, 1, 4))
    assert str(old) == "EWR..JFK,2013-01-01..2013-01-02"


@pytest.mark.parametrize("seconds", [None, 1e14])
def test_without_an_age_or_with_one_beyond_the_calendar_nothing_is_old(seconds: float | None) -> None:
    day = time("day", "2013-01-01")
    domain = PartitionSet.box((axis_of(day),), [[(day.start, day.start + 9)]])
    made = freezing(seconds, "day")
    assert not old_of(made, {"day": day}, domain, datetime(2020, 1, 1))
    assert ages_at(made, {"day": day}, around(day, datetime(2020, 1, 1)), datetime(2020, 1, 1)) is None


@pytest.mark.parametrize("text", ["90d", "12h", "1d12h", "1h30m", "45m", "90d30s", "1.5s", "0s", "0.25s"])
def test_an_age_is_written_as_it_is_read(text: str) -> None:
    assert written_age(read_duration(text)) == text
