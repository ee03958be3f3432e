"""Routes of files: their packed form, the rows that they count, and what the state keeps of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dbuild.core.routes import NOWHERE, Route, Share, Tally, digests_of, kinds_in, pack_route, unpack_route
from dbuild.observe.digests import combine
from dbuild.state.opening import open_state
from dbuild.state.routes import Routes

USE = b"use"


def route(keyless: int = 0, /, **rows: int) -> Route:
    """A route with so many rows of each key; digests tell these numbers apart."""
    shares = {key: Share(number, bytes([number]) * 16) for key, number in rows.items()}
    return Route((("ts", "DATE"),), ("DATE",), (keyless,), shares)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Routes]:
    state = open_state(str(tmp_path), "Dataflowfile")
    yield state.routes
    state.close()


def put(kept: Routes, **partitions: list[Route]) -> None:
    """Keeps the files of partitions; none of one that went."""
    bodies = {name: list(map(pack_route, routes)) for name, routes in partitions.items()}
    kept.keep((body, body) for each in bodies.values() for body in each)  # any bytes will do for a subject
    kept.put(USE, bodies, {}, is_whole=True)


def test_a_route_comes_back_from_its_packed_form() -> None:
    for one in (route(), route(3), route(1, a=2, b=255)):
        packed = pack_route(one)
        assert unpack_route(packed) == one
        for key in "abc":
            assert kinds_in(packed, key) == (("DATE",) if key in one.shares else None)
    assert kinds_in(pack_route(route(ab=1)), "b") is None


def test_digests_of_several_files_stand_in_their_order() -> None:
    found = digests_of([route(a=2), route(1, a=1, b=3)])
    assert found == {"a": [b"\x02" * 16, b"\x01" * 16], "b": [b"\x03" * 16], NOWHERE: []}


def test_rows_are_counted_and_taken_back() -> None:
    tally = Tally()
    tally.add([route(2, a=1), route(1, a=2, b=3)])
    assert (tally.keyless, tally.rows) == ([3], {"a": 3, "b": 3})
    assert Tally.load(tally.dump()) == tally
    tally.add([route(1, a=2, b=3)], -1)
    assert (tally.keyless, tally.rows) == ([2], {"a": 1})


def test_what_is_kept_of_a_partition_is_replaced(kept: Routes) -> None:
    assert (kept.tally(USE), list(kept.shares(USE, "a"))) == (Tally(), [])
    put(kept, p=[route(a=1), route(2, a=2)], q=[route(a=4, b=5)])
    both = combine([b"\x01" * 16, b"\x02" * 16])
    assert list(kept.shares(USE, "a")) == [("p", both), ("q", combine([b"\x04" * 16]))]
    assert kept.tally(USE) == Tally([2], {"a": 7, "b": 5})
    assert list(kept.partitions(USE)) == ["p", "q"]
    put(kept, p=[route(b=1)])
    assert [name for name, _ in kept.shares(USE, "a")] == ["q"]
    assert [name for name, _ in kept.shares(USE, "b")] == ["p", "q"]
    assert list(kept.shares(USE, NOWHERE)) == []
    assert kept.tally(USE) == Tally([0], {"a": 4, "b": 6})
    put(kept, p=[], q=[])
    assert (list(kept.partitions(USE)), kept.tally(USE).rows) == ([], {})


def test_one_use_knows_nothing_of_another(kept: Routes) -> None:
    put(kept, p=[route(a=1)])
    assert list(kept.shares(b"other", "a")) == []
    kept.forget_others([b"other"])
    assert (list(kept.shares(USE, "a")), kept.tally(USE)) == ([], Tally())
