"""Parts of recipes: equal lists are equal fingerprints, wherever they are written and in whichever order."""

from __future__ import annotations

from dbuild.core.part import Part, packed_parts
from dbuild.errors import Place

TIDY = Part("code", "clean.tidy", b"1" * 16, place=Place("clean.py", 3), lines=4)
NET = Part("macro", "net", b"2" * 16)


def test_order_and_place_do_not_count() -> None:
    moved = Part("code", "clean.tidy", b"1" * 16, value="x", place=Place("clean.py", 30), lines=4)
    assert packed_parts([TIDY, NET]) == packed_parts([NET, moved])


def test_kind_name_digest_and_number_count() -> None:
    others = [
        Part("macro", "clean.tidy", b"1" * 16),
        Part("code", "clean.neat", b"1" * 16),
        Part("code", "clean.tidy", b"3" * 16),
    ]
    assert len({packed_parts([part]) for part in (TIDY, *others)}) == 4
    assert packed_parts([TIDY]) != packed_parts([TIDY, TIDY])


def test_the_sql_of_a_view_is_the_view() -> None:
    assert Part("sql", "", b"1" * 16).inside("clean") == Part("view", "clean", b"1" * 16)
    assert NET.inside("clean") == Part("macro", "clean/net", b"2" * 16)
