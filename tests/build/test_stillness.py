"""A recipe that reads thousands of files of a folder: none of them may change while it runs, and others may."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from dbuild.build import stillness, tasks
from tests.build.workshop import Workshop

FLOW = """
[partitions.name]
discover = "raw"
[sources.raw]
path = "in/{name}.txt"
[targets.total]
path = "total.txt"
shell = "echo $(cat in/*.txt | wc -c) > {output}; sh meanwhile"
inputs = ["raw"]
"""
COUNT = tasks._LISTED + 2


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    shop = Workshop(tmp_path_factory.mktemp("built"), FLOW)
    shop.write("meanwhile", "true")
    for number in range(COUNT):
        shop.write(f"in/{number:05d}.txt", "same")
        os.utime(shop.path(f"in/{number:05d}.txt"), (1_300_000_000, 1_300_000_000))
    assert shop.build().counts == {"total": 1}
    return shop.root


@pytest.fixture
def shop(built: Path, tmp_path: Path) -> Workshop:
    """With one changed input."""
    root = tmp_path / "copy"
    shutil.copytree(built, root)  # new inodes and ctimes: hashed again by the first build, which makes nothing
    shop = Workshop(root, FLOW)
    assert shop.build().counts == {}
    shop.write("in/00001.txt", "another")
    return shop


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many files each folder had that was looked at while a result waited."""
    counts: list[int] = []
    really = stillness.list_trees

    def count(trees: list[stillness.Tree]) -> list[bytes]:
        found = really(trees)
        counts.extend(one.count(b"\0") for one in found)
        return found

    monkeypatch.setattr(stillness, "list_trees", count)
    return counts


@pytest.mark.parametrize(
    ("meanwhile", "name"),
    [
        ("echo more >> in/00007.txt", "00007"),  # as it was kept
        ("echo more >> in/00001.txt", "00001"),  # changed before this build
        ("rm in/00007.txt", "00007"),
        ("cp -p in/00007.txt in/x; mv in/x in/00007.txt", "00007"),  # another file, with the same content and mtime
        ("rm in/00007.txt; mkdir in/00007.txt", "00007"),
        ("mv in away", "00001"),
    ],
)
def test_an_input_that_changes_meanwhile_is_found(shop: Workshop, listed: list[int], meanwhile: str, name: str) -> None:
    shop.write("meanwhile", f"cd {shop.root}\n{meanwhile}\n")
    done = shop.build()
    assert f"in/{name}" in done.errors["total"]
    assert "changed while the recipe ran, so its result is not kept" in done.errors["total"]
    assert shop.read("total.txt") == f"{4 * COUNT}\n"
    assert len(listed) == 1 or name == "00001", "not noticed by the listing"


@pytest.mark.parametrize("meanwhile", ["true", "echo new > in/zzz.txt", "echo other > in/zzz.csv", "touch in"])
def test_what_no_recipe_reads_may_change(shop: Workshop, listed: list[int], meanwhile: str) -> None:
    shop.write("meanwhile", f"cd {shop.root}\n{meanwhile}\n")
    assert shop.build().counts == {"total": 1}
    assert shop.read("total.txt") == f"{4 * COUNT + 3}\n"
    assert listed in ([COUNT], [COUNT + 1]), "looked at each for itself"


def test_what_else_cannot_be_looked_at_loses_no_result(shop: Workshop) -> None:
    shop.write("meanwhile", "ln -s loop in/loop")
    assert shop.build().counts == {"total": 1}
    assert shop.read("total.txt") == f"{4 * COUNT + 3}\n"


def test_an_input_that_changes_beside_it_is_found(shop: Workshop) -> None:
    shop.write("meanwhile", "ln -s loop in/loop; echo more >> in/00007.txt")
    assert "in/00007.txt changed while the recipe ran" in shop.build().errors["total"]


def test_a_first_build_compares_what_it_has_just_hashed(tmp_path: Path, listed: list[int]) -> None:
    shop = Workshop(tmp_path, FLOW)
    shop.write("meanwhile", f"echo more >> {shop.path('in/00007.txt')}")
    for number in range(COUNT):
        shop.write(f"in/{number:05d}.txt", "same")
    assert "in/00007.txt changed while the recipe ran" in shop.build().errors["total"]
    assert listed == []
