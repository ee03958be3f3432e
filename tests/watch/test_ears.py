"""Each way to hear of changes, by itself: what it hears, and that it is silent while nothing happens."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from dbuild.core.events import LookedAt
from dbuild.watch.ears import Ears, Package, Polling
from dbuild.watch.looks import Look

PATIENCE = 60.0


def look(root: Path) -> Look:
    return Look(str(root), LookedAt(("Dataflowfile",), (("data", 2, False), ("", 1, True)), ("flows/*.toml",)))


async def heard_after(make: Callable[[Callable[[Sequence[str]], None]], Ears], root: Path, change: Path) -> bool:
    """Whether a change is heard of."""
    heard = asyncio.Event()
    ears = make(lambda paths: heard.set())
    try:
        ears.set(look(root))
        if isinstance(ears, Polling):
            await asyncio.wait_for(heard.wait(), PATIENCE)  # the first look: nobody has seen what it sees
            heard.clear()
        change.parent.mkdir(parents=True, exist_ok=True)
        async with asyncio.timeout(PATIENCE):
            while not heard.is_set():  # the package begins in a thread of its own and tells nobody when: once more
                change.write_text("changed\n")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(heard.wait(), 0.1)
        return True
    except TimeoutError:
        return False
    finally:
        await ears.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "data" / "sub").mkdir(parents=True)
    (tmp_path / "flows").mkdir()
    (tmp_path / "Dataflowfile").write_text("")
    (tmp_path / "data" / "a.csv").write_text("")
    return tmp_path


def test_polling_ends_in_whatever_moment_it_is_told_to(root: Path) -> None:
    async def end(turns: int) -> None:
        heard = asyncio.Event()
        ears = Polling(lambda paths: heard.set(), 60.0)
        ears.set(look(root))
        await asyncio.wait_for(heard.wait(), PATIENCE)
        ears.lose()
        for _ in range(turns):
            await asyncio.sleep(0)
        ended, _ = await asyncio.wait([asyncio.ensure_future(ears.close())], timeout=PATIENCE)
        assert ended

    for turns in range(6):
        asyncio.run(end(turns))


def test_a_look_that_fails_is_not_the_last(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the machine has no process or descriptor left for a moment."""
    looks: list[Look] = []
    known = Look.seen

    def failing(self: Look) -> bytes:
        looks.append(self)
        if len(looks) < 3:
            raise BlockingIOError("no process to be had")
        return known(self)

    monkeypatch.setattr(Look, "seen", failing)
    assert asyncio.run(heard_after(lambda heard: Polling(heard, 0.01), root, root / "data/a.csv"))


@pytest.mark.parametrize("path", ["data/a.csv", "data/sub/new.csv", "Dataflowfile", "module.py", "flows/more.toml"])
def test_polling_sees_every_kind_of_change(root: Path, path: str) -> None:
    assert asyncio.run(heard_after(lambda heard: Polling(heard, 0.01), root, root / path))


@pytest.mark.parametrize("path", ["data/a.csv", "data/sub/new.csv", "Dataflowfile", "module.py", "flows/more.toml"])
def test_the_package_tells_of_every_kind_of_change(root: Path, path: str) -> None:
    pytest.importorskip("watchfiles")

    def package(heard: Callable[[Sequence[str]], None]) -> Ears:
        return Package(lambda paths: heard(paths) if paths else None)  # not by its look a minute

    assert asyncio.run(heard_after(package, root, root / path))


def test_what_does_not_matter_makes_no_difference(root: Path) -> None:
    seen = look(root).seen()
    (root / "notes.txt").write_text("x")
    (root / "data" / ".dbuild-tmp-1-a.csv").write_text("x")
    (root / "data" / "sub" / "deep").mkdir()
    (root / "data" / "sub" / "deep" / "x.csv").write_text("too deep")
    (root / "data" / "a.csv").read_text()
    assert look(root).seen() == seen
    os.utime(root / "data" / "a.csv", (1, 1))
    assert look(root).seen() != seen


def test_a_part_of_a_look(root: Path) -> None:
    part = look(root).within([str(root / "data")], [str(root / "extra")])
    assert part.at == LookedAt((str(root / "extra"),), (("data", 2, False),), ())
    assert not look(root).within([], [])


def test_missing_folders_are_listened_for_from_above(root: Path) -> None:
    spots = Look(str(root), LookedAt((), (("in/deep/er", 1, False),), ())).spots()
    assert {(os.path.relpath(spot.path, root), spot.names) for spot in spots} == {
        ("in/deep/er", None),
        ("in/deep", frozenset({"er"})),
        ("in", frozenset({"deep"})),
        (".", frozenset({"in"})),
    }
