"""Traces of other names and dimensions: which keys go on as which, and what of a trace is written anew."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbuild.core.inheritance import Rekeying, goes_on_otherwise, inherit, name_now, rekeying
from dbuild.core.shape import Cut, Reading, Shape, dump_shapes, load_shapes
from dbuild.core.trace import InputRecord, Trace, joined_key, pack_inputs, unpack_inputs

DAY = ("day", "Grain(day)")
VALUES = "''"  # what keys of a list mean
REGION, BRAND = ("region", VALUES), ("brand", VALUES)
ONLY = {"region": ("EU",), "brand": ("A", "B")}


def cut(path: str, *dimensions: tuple[str, str]) -> Cut:
    return Cut(path, dimensions)


@pytest.mark.parametrize(
    ("before", "now", "old", "new"),
    [
        (cut("{day}", DAY), cut("{day}", DAY), "1", "1"),
        (cut("{day}", DAY), cut("{day}/{region}", DAY, REGION), "1", "1,EU"),
        (cut("EU/{day}", DAY), cut("{region}/{day}", REGION, DAY), "1", "EU,1"),
        (cut("B/{day}", DAY), cut("{brand}/{day}", BRAND, DAY), "1", "B,1"),
        (cut("all/{day}", DAY), cut("{region}/{day}", REGION, DAY), "1", "EU,1"),  # "all" is no value
        (cut("{day}/{region}", DAY, REGION), cut("{day}", DAY), "1,EU", "1"),
        (cut("{day}/{region}", DAY, REGION), cut("{day}", DAY), "1,US", None),  # was never of the one value
        (cut("{day}/{brand}", DAY, BRAND), cut("{day}/B", DAY), "1,B", "1"),
        (cut("{day}/{brand}", DAY, BRAND), cut("{day}/B", DAY), "1,A", None),
        (cut("{region}/{day}", REGION, DAY), cut("{day}/{region}", DAY, REGION), "EU,1", "1,EU"),
        (cut("x"), cut("{region}", REGION), "", "EU"),
        (cut("{region}", REGION), cut("x"), "EU", ""),
        (cut(""), cut("", REGION), "", "EU"),  # an action
        (cut("EU/{day}-EU", DAY), cut("{region}/{day}-{region}", REGION, DAY), "1", "EU,1"),
        (cut("{day}", DAY), cut("{day}", DAY), "1,EU", None),  # a key that never was one of this cut
    ],
)
def test_keys_go_on(before: Cut, now: Cut, old: str, new: str | None) -> None:
    found = rekeying(before, now, ONLY, ONLY)
    assert found is not None
    made = found.key(joined_key(tuple(old.split(",")) if old else ()))
    assert made == (None if new is None else joined_key(tuple(new.split(",")) if new else ()))


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (cut("{day}", DAY), cut("{day}", ("day", "Grain(hour)"))),
        (cut("{day}", DAY), cut("{hour}", ("hour", "Grain(hour)"))),
        (cut("{day}", DAY), cut("{day}/{brand}", DAY, BRAND)),  # several values, and the path tells none
        (cut("{day}/{brand}", DAY, BRAND), cut("{day}", DAY)),
        (cut("EU/{day}", DAY), cut("{brand}/x/{day}", BRAND, DAY)),
        (cut("A/{day}-B", DAY), cut("{brand}/{day}-{brand}", BRAND, DAY)),
        (cut("{region}", REGION), cut("{region}/{day}", REGION, DAY)),  # which day that was nobody knows
    ],
)
def test_keys_do_not_go_on(before: Cut, now: Cut) -> None:
    assert rekeying(before, now, ONLY, ONLY) is None


@given(
    st.permutations([DAY, REGION, BRAND, ("shop", VALUES)]).map(tuple),
    st.permutations([DAY, REGION, BRAND, ("shop", VALUES)]).map(tuple),
    st.sets(st.sampled_from(["region", "brand", "shop"])),
)
def test_what_came_goes_again(
    first: tuple[tuple[str, str], ...], second: tuple[tuple[str, str], ...], came: set[str]
) -> None:
    only = {name: (f"the {name}",) for name in ("region", "brand", "shop")}
    before, now = Cut("", tuple(one for one in first if one[0] not in came)), Cut("", second)
    there, back = rekeying(before, now, {}, only), rekeying(now, before, only, {})
    assert there is not None and back is not None
    key = joined_key(tuple(only.get(name, ("2013-01-05",))[0] for name, _ in before.dimensions))
    assert back.key(there.key(key) or "") == key
    assert there.is_identity == (before.dimensions == now.dimensions)


def trace(*records: InputRecord, fingerprint: bytes = b"f" * 16) -> Trace:
    return Trace(fingerprint, (), pack_inputs(records), (), 1, 0.0, 0.0)


def record(name: str, dataset: str, *keys: str) -> InputRecord:
    return InputRecord(name, dataset, keys, b"d" * 16 * len(keys), b"s")


RAW = Reading("raw", "raw", "", cut("data/EU/{day}", DAY))
BEFORE = Shape(cut("out/EU/{day}", DAY), (RAW, Reading("v/model.a", "model", "a", cut("m"))), ("v",))
NOW = Shape(
    cut("out/{region}/{day}", REGION, DAY),
    (
        Reading("raw", "raw", "", cut("data/{region}/{day}", REGION, DAY)),
        Reading("look/best.a", "best", "a", cut("m")),
    ),
    ("look",),
)
RENAMED = {"model": "best", "v": "look"}


def test_a_trace_is_written_in_the_present_names_and_keys() -> None:
    found = inherit(BEFORE, NOW, RENAMED, {}, ONLY)
    assert found.is_whole and not found.is_empty
    assert found.key("1") == joined_key(("EU", "1"))
    was = trace(record("raw", "raw", "1", "2"), record("v/model.a", "model.a", ""))
    now = found.trace(was, {b"f" * 16: b"g" * 16})
    assert now.fingerprint == b"g" * 16
    assert unpack_inputs(now.inputs) == (
        record("raw", "raw", joined_key(("EU", "1")), joined_key(("EU", "2"))),
        record("look/best.a", "best.a", ""),
    )
    assert found.trace(was, {}).fingerprint == was.fingerprint
    other = trace(record("x", "raw", "1"), record("raw", "model.a", ""))
    assert found.trace(other, {}) == other


def test_what_was_absent_gets_its_present_key_too() -> None:
    found = inherit(BEFORE, NOW, RENAMED, {}, ONLY)
    was = replace(record("raw", "raw", "1"), absent=("2",), stand_ins=(("2", "1"),))
    one, two = joined_key(("EU", "1")), joined_key(("EU", "2"))
    (now,) = unpack_inputs(found.trace(trace(was), {}).inputs)
    assert (now.keys, now.absent, now.stand_ins) == ((one,), (two,), ((two, one),))


def test_what_is_read_otherwise_leaves_the_rest_as_it_was() -> None:
    more = Shape(NOW.own, (*NOW.inputs, Reading("new", "new", "", cut("n"))), NOW.views)
    found = inherit(BEFORE, more, RENAMED, {}, ONLY)
    assert not found.is_whole and not found.is_empty
    assert not inherit(BEFORE, Shape(NOW.own, NOW.inputs[:1]), RENAMED, {}, ONLY).is_whole
    assert not inherit(BEFORE, NOW, {"model": "best"}, {}, ONLY).is_whole
    assert goes_on_otherwise(BEFORE, NOW, RENAMED)
    assert not goes_on_otherwise(BEFORE, Shape(cut("other/{day}", DAY), (RAW,)), {})  # another path, an input less
    assert inherit(BEFORE, BEFORE, {}, {}, {}).is_empty


def test_names_are_those_of_now_at_every_level() -> None:
    assert name_now("v/model.a", RENAMED) == "look/best.a"
    assert name_now("model", RENAMED) == "best"
    assert name_now("models.v", RENAMED) == "models.v"


def test_shapes_are_kept_as_text() -> None:
    shapes = {"a": BEFORE, "b": NOW}
    assert load_shapes(dump_shapes(shapes)) == shapes
    assert load_shapes("") == {}


def test_an_identity_changes_no_key() -> None:
    assert Rekeying((0, 1), (), 2).is_identity
    assert not Rekeying((1, 0), (), 2).is_identity
    assert not Rekeying((0,), ((1, "EU"),), 2).is_identity
