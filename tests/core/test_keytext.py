"""Sets of partitions as text: what is written can be read, whatever the keys are."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dbuild.core.grain import UNITS, Grain
from dbuild.core.keytext import STANDINGS, choices_of, plain_key, spans_of, typed_key, written_key
from dbuild.core.partitions import Axis, ListAxis, PartitionSet, TimeAxis

ODD = ("a=b", "C++", "..", ".", "a..b", "...", "%", "%2C", "a,b", "anna@example.com", "+", "@", "today", "-7d", "a b")
TWICE = {  # grains, each with a key from which on clocks show some periods twice
    Grain("hour", "Europe/Zurich"): "2013-10-27T01",
    Grain("minute", "America/New_York", 30): "2013-11-03T01:00-0400",
    Grain("hour", "Antarctica/Troll", 2): "2013-10-27T00+0200",
}
SEVERAL = (Grain("day", count=10, anchor=7), Grain("week", "Europe/Zurich", 2, 1), Grain("month", count=5, anchor=3))
odd_keys = st.one_of(
    st.sampled_from((*ODD, *STANDINGS, "all", "none", "é=ü", "T01+0200", "2013-01")),
    st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=6),
    st.text("%,=@+.aA2T:", min_size=1, max_size=6),
)


@st.composite
def axes_of_any_kind(draw: st.DrawFn) -> tuple[Axis, ...]:
    axes: list[Axis] = []
    for name in ("one", "two", "three", "four")[: draw(st.integers(0, 4))]:
        if draw(st.booleans()):
            axes.append(TimeAxis(name, draw(st.sampled_from((*map(Grain, UNITS), *SEVERAL, *TWICE)))))
        else:
            axes.append(ListAxis(name, tuple(draw(st.lists(odd_keys, unique=True, min_size=1, max_size=5)))))
    return tuple(axes)


@st.composite
def sets(draw: st.DrawFn) -> PartitionSet:
    axes = draw(axes_of_any_kind())
    numbers = []
    for axis in axes:
        first = axis.index(TWICE.get(axis.grain, axis.grain.example)) if isinstance(axis, TimeAxis) else 0
        last = first + 4 if isinstance(axis, TimeAxis) else len(axis.values) - 1
        numbers.append(range(first, last + 1))
    sides = [draw(st.sets(st.sampled_from(one))) for one in numbers]
    extra = draw(st.sets(st.tuples(*map(st.sampled_from, numbers)), max_size=6))
    return PartitionSet.of_indices(axes, set(product(*sides)) ^ extra)


@given(sets())
def test_what_is_written_is_read_as_the_same_set(partitions: PartitionSet) -> None:
    assert PartitionSet.parse(partitions.axes, str(partitions)) == partitions


@given(odd_keys)
@example("..")
@example("stale")
def test_a_key_is_written_so_that_nothing_in_it_is_a_sign(key: str) -> None:
    text = written_key(key)
    assert plain_key(text) == key
    assert [(part.name, part.text) for (part,) in choices_of(text)] == [("", text)]
    assert not choices_of(text)[0][0].is_word
    (span,) = spans_of(text, is_time=False)
    assert (span.first, span.last, span.is_range) == (key, key, False)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("JFK", "JFK"),
        ("New York", "New York"),
        ("a.b", "a.b"),
        ("a=b", "a%3Db"),
        ("C++", "C%2B%2B"),
        ("stale", "%73tale"),
    ],
)
def test_plain_keys_stay_as_they_are(key: str, text: str) -> None:
    assert written_key(key) == text


def test_a_set_is_written_by_products_and_not_by_runs() -> None:
    axes = (TimeAxis("month", Grain("month")), ListAxis("origin", ("EWR", "JFK", "LGA", "SFO")))
    first = axes[0].index("2013-01")
    found = PartitionSet.box(axes, [[(first, first + 3), (first + 5, first + 6)], [(0, 1), (2, 3)]])
    assert str(found) == "2013-01..2013-03+2013-06,EWR+LGA"
    more = found | PartitionSet.of_keys(axes, [("2013-05", "SFO")])
    assert str(more) == "2013-01..2013-03+2013-06,EWR+LGA@2013-05,SFO"
    assert PartitionSet.parse(axes, "origin=LGA+EWR,month=2013-06+2013-01..2013-03") == found


def test_a_time_that_a_clock_shows_twice_keeps_its_offset() -> None:
    assert [span.first for span in spans_of("2013-10-27T02+0200+2013-10-27T02+0100", is_time=True)] == [
        "2013-10-27T02+0200",
        "2013-10-27T02+0100",
    ]
    (found,) = spans_of("2013-11-03T01-0400..2013-11-03T01:15+0530", is_time=True)
    assert (found.first, found.last) == ("2013-11-03T01-0400", "2013-11-03T01:15+0530")
    assert [span.first for span in spans_of("2013-01+2014", is_time=True)] == ["2013-01", "2014"]
    assert [span.first for span in spans_of("2013-01-05T13+2014", is_time=True)] == ["2013-01-05T13", "2014"]


@pytest.mark.parametrize("text", ["", "JFK", "2013-01", "2013-01,JFK,EWR", "2013-01,month=2013-02", "2013-01,", "all"])
def test_what_names_not_every_dimension_is_no_set(text: str) -> None:
    axes = (TimeAxis("month", Grain("month")), ListAxis("origin", ("EWR", "JFK")))
    with pytest.raises(ValueError, match=r"is|names"):
        PartitionSet.parse(axes, text)


def test_a_time_that_clocks_show_twice_is_written_as_in_sets_where_its_axis_is_not_known() -> None:
    for grain in TWICE:
        axis = TimeAxis("hour", grain)
        for number in range(axis.index(TWICE[grain]), axis.index(TWICE[grain]) + 4):
            text = typed_key(axis.text(number))
            assert text == axis.written(number)
            assert str(PartitionSet.parse((axis,), text)) == text
    assert typed_key("C++") == "C%2B%2B"
