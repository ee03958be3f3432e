"""A kept listing that is patched says the same as one that is made anew."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from dbuild.observe import patching
from dbuild.observe.listing import DOUBTFUL, Tree, list_slowly, name_of, pack_record, records_of
from dbuild.observe.patching import patched

NAMES = ("a", "b", "a\tb", "ab", "ä", os.fsdecode(b"\xff"), "c")


def same(one: bytes | None, other: bytes) -> bool:
    return one is not None and sorted(records_of(one)) == sorted(records_of(other))


def changed_folder(draw: random.Random, root: Path, depth: int) -> tuple[list[str], str]:
    """Changes something in a tree; what a watch would tell of it, and the folder with its slash."""
    levels = [draw.choice(NAMES[:4]) for _ in range(draw.randint(0, depth))]
    folder = root
    told = []
    for number, level in enumerate(levels):
        folder = folder / level
        if folder.is_file() or folder.is_symlink():
            folder.unlink()
            told.append("/".join(levels[: number + 1]))
        if not folder.is_dir():
            folder.mkdir()
            told.append("/".join(levels[: number + 1]) + "/")
    return told, "".join(f"{level}/" for level in levels)


def change(draw: random.Random, root: Path, depth: int) -> list[str]:
    told, prefix = changed_folder(draw, root, depth)
    name = draw.choice(NAMES)
    path = root / prefix / name
    told.append(f"{prefix}{name}/" if path.is_dir() else prefix + name)
    if path.is_dir():
        target = root / f"moved-{draw.random()}"
        path.rename(target)
        if draw.random() < 0.5:
            target.rename(path)
        else:
            told.append(f"{target.name}/")
    elif path.is_file() and draw.random() < 0.5:
        path.unlink()
    elif draw.random() < 0.2:
        path.unlink(missing_ok=True)
        os.symlink(os.devnull, path)
    else:
        if path.is_symlink():
            path.unlink()
        path.write_text("x" * draw.randrange(100))
    return told


@pytest.mark.parametrize("few", [0, 20])
def test_a_patched_listing_is_that_of_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    monkeypatch.setattr(patching, "_FEW", few)
    for seed in range(60):
        draw = random.Random(seed)
        depth = draw.randint(1, 3)
        root = tmp_path / str(seed)
        root.mkdir()
        for _ in range(draw.randrange(20)):
            change(draw, root, depth)
        tree = Tree(str(root), depth)
        kept = list_slowly(tree)
        for _ in range(4):
            told = [name for _ in range(draw.randrange(4)) for name in change(draw, root, depth)]
            told += [name for name in NAMES if draw.random() < 0.1 and not (root / name).is_dir()]  # that didn't change
            found = patched(kept, tree, told)
            now = list_slowly(tree)
            assert same(found, now), seed
            kept = now


def test_what_did_not_change_is_not_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        (tmp_path / name).write_text(name)
    tree = Tree(str(tmp_path), 1)
    kept = list_slowly(tree)
    looked: list[str] = []
    stat = os.stat

    def count(path: str) -> os.stat_result:
        looked.append(os.path.basename(path))
        return stat(path)

    monkeypatch.setattr("dbuild.observe.patching.os.stat", count)
    assert patched(kept, tree, []) is kept
    assert looked == []
    assert patched(kept, tree, ["b"]) is kept
    assert patched(kept, tree, ["b/"]) is kept
    assert looked == ["b", "b"]


def test_a_folder_in_which_nothing_changed_leaves_the_order(tmp_path: Path) -> None:
    for name in "cab":
        (tmp_path / name).mkdir()
        for file in "xyz":
            (tmp_path / name / file).write_text(name)
    tree = Tree(str(tmp_path), 2)
    kept = b"".join(sorted(record + b"\0" for record in records_of(list_slowly(tree))))
    assert patched(kept, tree, ["a/", "b/x", "c/"]) is kept
    (tmp_path / "c" / "y").write_text("another")
    found = patched(kept, tree, ["a/", "c/"])
    assert found is not None
    assert found.startswith(kept[: kept.index(b"c/")])
    assert same(found, list_slowly(tree))


def test_what_is_doubted_is_looked_at_unasked(tmp_path: Path) -> None:
    for name in ("a", "b", "gone"):
        (tmp_path / name).write_text(name)
    tree = Tree(str(tmp_path), 1)
    records = [pack_record(name, DOUBTFUL) for name in ("gone", "b", "a")]
    (tmp_path / "gone").unlink()
    assert same(patched(b"".join(records), tree, []), list_slowly(tree))


def test_a_name_that_begins_as_another_with_a_tab_is_another(tmp_path: Path) -> None:
    (tmp_path / "a\tb").write_text("tab")
    (tmp_path / "a").write_text("a")
    tree = Tree(str(tmp_path), 1)
    whole = list_slowly(tree)
    (tmp_path / "a").unlink()
    found = patched(whole, tree, ["a"])
    assert found is not None
    assert [name_of(record) for record in records_of(found)] == ["a\tb"]
    only = list_slowly(tree)
    (tmp_path / "a").write_text("again")
    assert same(patched(only, tree, ["a"]), list_slowly(tree))


def test_where_it_cannot_be_told_the_whole_is_listed(tmp_path: Path) -> None:
    tree = Tree(str(tmp_path), 2)
    (tmp_path / "folder").mkdir()
    assert patched(b"", tree, ["folder"]) is None  # which may have files that nobody told of
    os.symlink("loop", tmp_path / "loop")
    assert patched(b"", tree, ["loop"]) is None
    assert patched(b"", tree, [f"{number}/" for number in range(1000)]) is None
