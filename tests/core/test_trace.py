"""The compact form of traces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dbuild.core.trace import (
    DIGEST,
    InputRecord,
    OutputRecord,
    joined_key,
    pack_inputs,
    pack_outputs,
    split_key,
    unequal_digests,
    unpack_inputs,
    unpack_outputs,
)

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1)
keys = st.one_of(texts, st.just("caf\udce9"), st.just(""), st.just("2013-01-05\x1fJFK"))


@st.composite
def records(draw: st.DrawFn) -> InputRecord:
    own = tuple(draw(st.lists(keys, unique=True, max_size=5)))
    digests = draw(st.binary(min_size=DIGEST * len(own), max_size=DIGEST * len(own)))
    return InputRecord(draw(texts), draw(texts), own, digests, draw(st.sampled_from([b"", b"s" * 16, b"\n\x00" * 8])))


@given(st.lists(records(), max_size=4))
def test_inputs_that_are_packed_and_unpacked_are_the_same(given_records: list[InputRecord]) -> None:
    assert unpack_inputs(pack_inputs(given_records)) == tuple(given_records)


@given(st.lists(records(), max_size=3), st.lists(records(), max_size=3))
def test_packed_inputs_are_equal_just_where_the_inputs_are(one: list[InputRecord], two: list[InputRecord]) -> None:
    assert (pack_inputs(one) == pack_inputs(two)) == (one == two)


def test_no_partition_and_one_with_the_empty_key_are_not_the_same() -> None:
    none, one = InputRecord("a", "a", (), b"", b""), InputRecord("a", "a", ("",), b"d" * 16, b"")
    assert unpack_inputs(pack_inputs([none, one])) == (none, one)
    assert one.items() == {"": b"d" * 16}
    assert none.items() == {}


@given(
    st.lists(
        st.builds(
            OutputRecord,
            texts,
            st.one_of(texts, st.just("out/caf\udce9.csv")),
            st.binary(min_size=16, max_size=16),
            st.none() | st.lists(st.tuples(texts, texts)).map(tuple),
        )
    )
)
def test_outputs_that_are_packed_and_unpacked_are_the_same(outputs: list[OutputRecord]) -> None:
    assert unpack_outputs(pack_outputs(outputs)) == tuple(outputs)


@given(st.lists(texts.filter(lambda text: "\x1f" not in text)).map(tuple))
def test_a_key_that_is_joined_and_split_is_the_same(key: tuple[str, ...]) -> None:
    assert split_key(joined_key(key), len(key)) == key


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("aab")), max_size=4), st.integers(0, 600))
def test_digests_are_unequal_where_they_differ(ends: list[tuple[str, str]], alike: int) -> None:
    pairs = [*ends, *[("c", "c")] * alike, *ends]
    some, others = (b"".join(one.encode() * DIGEST for one in side) for side in (*zip(*pairs, strict=True), (), ())[:2])
    assert unequal_digests(some, others) == [place for place, (one, other) in enumerate(pairs) if one != other]
