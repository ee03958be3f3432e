"""Periods as numbers, texts and instants."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbuild.core.grain import UNITS, Grain, grain_of

FIRST, LAST = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)
moments = st.one_of(
    st.datetimes(FIRST, LAST),
    st.datetimes(datetime(2011, 12, 20), datetime(2016, 3, 10)),
    st.sampled_from([FIRST, LAST, datetime(2012, 2, 29), datetime(2013, 2, 28, 23, 59), datetime(2012, 12, 31)]),
)
multiples = [
    Grain("minute", count=15),
    Grain("minute", count=480),
    Grain("hour", count=4),
    Grain("day", count=10, anchor=7),
    Grain("week", count=2, anchor=1),
    Grain("month", count=6),
    Grain("month", count=5, anchor=3),
    Grain("quarter", count=2),
    Grain("year", count=5, anchor=3),
]
grains = st.sampled_from([Grain(unit) for unit in UNITS])
several = st.sampled_from([*[Grain(unit) for unit in UNITS], *multiples])


def end_of(grain: Grain, index: int) -> datetime:
    """The exclusive end, or the calendar's last moment."""
    try:
        return grain.start(index + 1)
    except OverflowError:
        return LAST


def start_of(grain: Grain, index: int) -> datetime:
    """The first moment, or the calendar's."""
    try:
        return grain.start(index)
    except OverflowError:
        return FIRST


@given(grains, moments)
def test_every_moment_lies_in_the_period_that_its_number_names(grain: Grain, moment: datetime) -> None:
    index = grain.index_at(moment)
    assert grain.start(index) <= moment <= end_of(grain, index)
    assert moment < end_of(grain, index) or moment == LAST


@given(grains, moments)
def test_the_text_of_a_period_leads_back_to_it(grain: Grain, moment: datetime) -> None:
    index = grain.index_at(moment)
    assert grain.index(grain.text(index)) == index
    assert grain_of(grain.text(index)) == grain.unit


@given(st.sampled_from(multiples), st.datetimes(datetime(1600, 1, 1), datetime(2400, 1, 1)))
def test_a_period_of_several_units_is_named_by_its_first(grain: Grain, moment: datetime) -> None:
    unit = Grain(grain.unit)
    number = grain.index_at(moment)
    low, high = grain.overlapping(unit, number, number + 1)
    assert high - low == grain.count
    assert grain.text(number) == unit.text(low)
    assert grain.index(grain.text(number)) == number
    for other in range(low + 1, high):
        near = f"near it are {grain.text(number)} and {grain.text(number + 1)}"
        with pytest.raises(ValueError, match=near):
            grain.index(unit.text(other))
        assert grain.bounded(unit.text(other)) == number


@given(several, st.datetimes(datetime(1600, 1, 1), datetime(2400, 1, 1)))
def test_periods_follow_each_other_without_gaps(grain: Grain, moment: datetime) -> None:
    index = grain.index_at(moment)
    assert grain.index_at(grain.start(index)) == index
    assert grain.index_at(grain.start(index + 1)) == index + 1
    assert grain.index_at(grain.start(index + 1) - timedelta(microseconds=1)) == index


@given(several, several, moments, st.integers(1, 40))
def test_overlapping_gives_just_the_periods_that_intersect(
    own: Grain, other: Grain, moment: datetime, count: int
) -> None:
    low = own.index_at(moment)
    high = min(low + count, own.index_at(LAST) + 1)
    first, end = own.overlapping(other, low, high)
    start, stop = start_of(own, low), end_of(own, high - 1)
    assert first < end
    assert end_of(other, first) > start >= start_of(other, first)  # the first one holds the start
    assert start_of(other, end - 1) < stop <= end_of(other, end - 1)  # and the last one the end
    assert first == end - 1 or end_of(other, first) <= start_of(other, end - 1)


@pytest.mark.parametrize("grain", multiples, ids=str)
def test_grains_of_several_units_have_examples_and_no_equals(grain: Grain) -> None:
    assert grain.text(grain.index(grain.example)) == grain.example
    others = [Grain(grain.unit), Grain(grain.unit, count=grain.count, anchor=(grain.anchor + 1) % grain.count)]
    assert grain.identity not in {other.identity for other in others}
    assert repr(grain) not in {repr(other) for other in others}
    assert eval(repr(grain)) == grain


def test_grains_are_written_as_states_have_them() -> None:
    assert repr(Grain("day")) == "Grain(unit='day', timezone='UTC')"
    assert Grain("day").identity == "day UTC"


@given(grains, grains, moments)
def test_a_period_of_any_grain_bounds_a_dimension(own: Grain, other: Grain, moment: datetime) -> None:
    text = other.text(other.index_at(moment))
    first, last = own.bounded(text), own.bounded(text, is_end=True)
    assert (first, last + 1) == other.overlapping(own, other.index(text), other.index(text) + 1)


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        ("minute", "2012-02-29T23:59"),
        ("hour", "0001-01-01T00"),
        ("day", "2012-02-29"),
        ("day", "9999-12-31"),
        ("week", "2015-W53"),  # a long year
        ("week", "2009-W01"),  # starts in the year before
        ("week", "9999-W52"),
        ("month", "0001-01"),
        ("quarter", "2013-Q4"),
        ("year", "9999"),
    ],
)
def test_keys_at_the_edges_of_the_calendar_are_keys(unit: str, text: str) -> None:
    grain = Grain(unit)
    assert grain.text(grain.index(text)) == text
    assert grain.bounded(text) == grain.bounded(text, is_end=True) == grain.index(text)


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        ("day", "2013-02-29"),
        ("day", "2013-1-5"),
        ("day", "2013-01"),
        ("day", "2013-01-05\n"),
        ("day", " 2013-01-05"),
        ("day", "٢٠١٣-٠١-٠٥"),  # digits, but no key: its path would have another name
        ("day", "0000-01-01"),
        ("week", "2013-W53"),  # a short year
        ("week", "2013-W00"),
        ("month", "2013-13"),
        ("month", "2013-00"),
        ("quarter", "2013-Q5"),
        ("year", "13"),
        ("hour", "2013-01-05T24"),
        ("minute", "2013-01-05T10:60"),
        ("minute", ""),
    ],
)
def test_what_is_no_period_is_refused_in_its_own_words(unit: str, text: str) -> None:
    with pytest.raises(ValueError, match=f"is not a {unit}"):
        Grain(unit).index(text)


def test_iso_weeks_at_the_ends_of_years() -> None:
    week = Grain("week")
    for text, monday in [("2009-W01", "2008-12-29"), ("2010-W01", "2010-01-04"), ("2020-W53", "2020-12-28")]:
        assert week.start(week.index(text)).date() == date.fromisoformat(monday)
    day = Grain("day")
    assert day.overlapping(week, day.index("2008-12-28"), day.index("2008-12-30")) == (
        week.index("2008-W52"),
        week.index("2009-W01") + 1,
    )


def test_a_leap_year_has_its_day() -> None:
    month, day = Grain("month"), Grain("day")
    for text, days in [("2012-02", 29), ("2013-02", 28), ("1900-02", 28), ("2000-02", 29)]:
        low, high = month.overlapping(day, month.index(text), month.index(text) + 1)
        assert high - low == days


def test_a_date_bounds_all_periods_inside_it() -> None:
    assert Grain("month").bounded("2013-01-01") == Grain("month").index("2013-01")
    assert Grain("day").bounded("2013", is_end=True) == Grain("day").index("2013-12-31")
    assert Grain("hour").bounded("2013-01-01", is_end=True) == Grain("hour").index("2013-01-01T23")
    assert Grain("day").bounded("9999", is_end=True) == Grain("day").index("9999-12-31")
    with pytest.raises(ValueError, match="is not a day"):
        Grain("day").bounded("soon")


def test_only_grains_of_whole_days_are_dated() -> None:
    assert [unit for unit in UNITS if not Grain(unit).is_dated] == ["minute", "hour"]


@pytest.mark.parametrize("unit", UNITS)
def test_there_are_no_periods_outside_the_calendar(unit: str) -> None:
    grain = Grain(unit)
    for number in (grain.index_at(LAST) + 2, grain.index_at(FIRST) - 2):
        with pytest.raises(OverflowError):
            grain.start(number)


@pytest.mark.parametrize("unit", UNITS)
def test_the_example_of_a_grain_is_a_key(unit: str) -> None:
    assert Grain(unit).text(Grain(unit).index(Grain(unit).example)) == Grain(unit).example
