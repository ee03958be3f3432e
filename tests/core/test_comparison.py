"""What differs between two listings, in whatever order they are; and that little is gone through for little."""

from __future__ import annotations

import random
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbuild.observe import comparison
from dbuild.observe.comparison import differences
from dbuild.observe.listing import Stat, pack_record, records_of

few_stats = st.builds(Stat, st.integers(0, 1), st.just(5), st.just(5), st.integers(0, 1))
trees = st.lists(st.tuples(st.sampled_from("abcdefghijkl"), few_stats), unique_by=lambda file: file[0])
MANY = 20_000
Files = list[tuple[str, Stat]]


def packed(files: Files) -> bytes:
    return b"".join(pack_record(name, stat) for name, stat in files)


def expected(before: Files, now: Files) -> tuple[dict[str, Stat], set[str]]:
    old, new = dict(before), dict(now)
    return {name: stat for name, stat in now if old.get(name) != stat}, old.keys() - new.keys()


@given(trees, trees, st.integers(1, 200), st.integers(0, 10))
def test_differences_are_what_is_new_changed_and_gone(before: Files, now: Files, block: int, most: int) -> None:
    with patch.object(comparison, "_BLOCK", block), patch.object(comparison, "_MOST", most):
        assert differences(packed(before), packed(now)) == expected(before, now)


@given(trees, st.randoms(use_true_random=False), st.integers(1, 200))
def test_another_order_is_no_difference(files: Files, chance: random.Random, block: int) -> None:
    with patch.object(comparison, "_BLOCK", block):
        assert differences(packed(files), packed(chance.sample(files, len(files)))) == ({}, set())


def many() -> Files:
    return [(f"f{number:06d}.txt", Stat(1000, 5, 5, number)) for number in range(MANY)]


def counted(patch: pytest.MonkeyPatch) -> list[int]:
    """How many records are taken apart."""
    seen: list[int] = []

    def count(listing: bytes) -> list[bytes]:
        found = records_of(listing)
        seen.append(len(found))
        return found

    patch.setattr(comparison, "records_of", count)
    return seen


def replaced(files: Files, place: int, then: int) -> Files:
    """A file gets another inode, and stands elsewhere."""
    left = [*files[:place], *files[place + 1 :]]
    return [*left[:then], (files[place][0], Stat(1000, 6, 6, MANY + place)), *left[then:]]


@pytest.mark.parametrize(("place", "then"), [(7000, 0), (7000, MANY - 1), (7000, 7000), (0, MANY // 2), (MANY - 1, 0)])
def test_of_many_files_those_around_a_replaced_one_are_not_taken_apart(
    place: int, then: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = many()
    now = replaced(before, place, then)
    seen = counted(monkeypatch)
    assert differences(packed(before), packed(now)) == expected(before, now)
    assert sum(seen) == 2


@pytest.mark.parametrize("place", [0, 1000, MANY // 2, MANY - 2000])
def test_of_thousands_in_a_row_those_around_are_not_taken_apart(place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = many()
    fewer = [*whole[:place], *whole[place + 2000 :]]
    for before, now in ((fewer, whole), (whole, fewer)):
        with monkeypatch.context() as patch:
            seen = counted(patch)
            assert differences(packed(before), packed(now)) == expected(before, now)
            assert sum(seen) <= 2000 + 2 * 200 + 2


def test_of_many_that_differ_all_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    before = many()
    now = [
        (name, Stat(1000, 7, 7, stat.inode)) if place % 3 else (name, stat) for place, (name, stat) in enumerate(before)
    ]
    searches = []
    record_at = comparison._record_at
    monkeypatch.setattr(comparison, "_record_at", lambda *given: searches.append(1) or record_at(*given))
    assert differences(packed(before), packed(now)) == expected(before, now)
    assert len(searches) <= 400  # then sets cost less
    assert differences(packed(before), b"") == ({}, {name for name, _ in before})
    assert differences(b"", packed(before)) == (dict(before), set())
