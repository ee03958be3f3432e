"""What many inputs were is read while the first tasks run, and tells nothing of what those make."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbuild.build import readahead
from dbuild.build.publication import Publisher
from dbuild.state.store import State
from tests.bench.wide import FLOW as WIDE
from tests.build.workshop import Workshop

FLOW = WIDE.format(copy='python = "recipes:copy"\nbatch = "all"', total='python = "recipes:total"')
EACH = """
[targets.again]
path = "again/{name}.txt"
python = "recipes:again"
batch = "all"
inputs = ["copy"]
"""
RECIPES = """
from pathlib import Path
from dbuild import Key

def copy(keys: list[Key], raw: dict[Key, Path], output: dict[Key, Path]):
    for key in keys:
        output[key].write_bytes(raw[key].read_bytes().strip())

def again(keys: list[Key], copy: dict[Key, Path], output: dict[Key, Path]):
    for key in keys:
        output[key].write_bytes(copy[key].read_bytes())

def total(copy: list[Path], output: Path):
    output.write_text(str(sum(len(path.read_bytes()) for path in copy)))
"""
COUNT = readahead.MANY + 2


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[str]]]:
    shop = Workshop(tmp_path_factory.mktemp("built"), FLOW + EACH, **{"recipes.py": RECIPES})
    for number in range(COUNT):
        shop.write(f"in/{number:05d}.txt", "same")
        os.utime(shop.path(f"in/{number:05d}.txt"), (1_300_000_000, 1_300_000_000))
    with pytest.MonkeyPatch.context() as patch:
        done = noted(patch)
        assert shop.build().counts == {"copy": COUNT, "again": COUNT, "total": 1}
        yield shop.root, list(done)


@pytest.fixture
def shop(built: tuple[Path, list[str]], tmp_path: Path) -> Workshop:
    root = tmp_path / "copy"
    shutil.copytree(built[0], root)
    shop = Workshop(root, FLOW + EACH, **{"recipes.py": RECIPES})
    assert shop.build().counts == {}
    return shop


def noted(patch: pytest.MonkeyPatch) -> list[str]:
    """What is read of many files, and what is published, in order."""
    done: list[str] = []
    really_read, really_publish = State.digests_below, Publisher.publish_all

    def read(self: State, prefix: str) -> dict[str, bytes]:
        done.append(f"read {prefix}")
        return really_read(self, prefix)

    def publish(self: Publisher, endings: list) -> list:  # type: ignore[type-arg]
        done.extend(f"publish {ending.attempt.node[0]}" for ending in endings)
        return really_publish(self, endings)

    patch.setattr(State, "digests_below", read)
    patch.setattr(Publisher, "publish_all", publish)
    return done


def test_of_a_first_build_nothing_is_read_ahead(built: tuple[Path, list[str]]) -> None:
    _, done = built
    assert "read out/" not in done[: done.index("publish copy")]


def test_what_is_kept_is_read_while_a_task_runs_and_not_told_of_what_it_makes(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write("in/00007.txt", "longer")
    done = noted(monkeypatch)
    assert shop.build("total").ran == ["copy@00007", "total"]
    assert done == ["read out/", "publish copy", "publish total"]
    assert shop.read("total.txt") == str(4 * COUNT + 2)
    assert shop.build("total").counts == {}
    shop.write("out/00008.txt", "by another hand")
    assert shop.build("total").ran == ["copy@00008"]
    shop.write("in/00007.txt", "same")
    assert shop.build("total").ran == ["copy@00007", "total"]
    assert shop.read("total.txt") == str(4 * COUNT)


def test_what_comes_out_the_same_makes_nothing_else(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.write("in/00007.txt", " same ")
    done = noted(monkeypatch)
    assert shop.build().ran == ["copy@00007"]
    assert done == ["read out/", "publish copy"]


def test_for_tasks_that_read_one_file_nothing_is_read_ahead(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.write("in/00007.txt", "longer")
    done = noted(monkeypatch)
    assert shop.build("again").ran == ["again@00007", "copy@00007"]
    assert done == ["publish copy", "publish again"]


def test_where_most_is_made_anew_nothing_is_read_ahead(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(COUNT // 5):
        shop.write(f"in/{number:05d}.txt", "longer")
    done = noted(monkeypatch)
    assert shop.build("total").counts == {"copy": COUNT // 5, "total": 1}
    assert "read out/" not in done[: done.index("publish copy")]
    assert shop.read("total.txt") == str(4 * COUNT + 2 * (COUNT // 5))
