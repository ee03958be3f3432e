"""Where to listen for changes: nothing that was looked at stays unheard, and nothing is named twice."""

from __future__ import annotations

import os
import random
from fnmatch import fnmatchcase

import pytest

from dbuild.core.events import LookedAt
from dbuild.observe.spots import Spot, spots_of

ROOT = "/srv/prices"


def at(path: str, depth: int = 1, *names: str, has_modules: bool = False) -> Spot:
    return Spot(
        os.path.normpath(f"{ROOT}/{path}"), depth, frozenset(names) if names or has_modules else None, has_modules
    )


def test_files_are_heard_of_in_their_folders() -> None:
    looked = LookedAt(("Dataflowfile", "sql/a.sql", "sql/b.sql", "/etc/zone"), (), ())
    etc = Spot("/etc", 1, frozenset({"zone"}))
    assert spots_of(looked, ROOT) == (at(".", 1, "Dataflowfile"), at("sql", 1, "a.sql", "b.sql"), etc)


def test_a_tree_covers_files_and_modules_as_far_down_as_it_goes() -> None:
    files = ("data/a.csv", "data/deep/b.csv", "data/deep/er/c.csv", "database.csv")
    looked = LookedAt(files, (("data", 2, False), ("data/deep", 1, True), ("data/deep/er", 1, True)), ())
    er = at("data/deep/er", 1, "c.csv", has_modules=True)
    assert spots_of(looked, ROOT) == (at("data", 2), er, at(".", 1, "database.csv"))


def test_modules_and_files_of_a_folder_are_one() -> None:
    looked = LookedAt(("flows/train.py",), (("flows", 1, True), ("", 1, True)), ())
    assert spots_of(looked, ROOT) == (at("flows", 1, "train.py", has_modules=True), at(".", 1, has_modules=True))


def test_trees_stay_as_they_were_listed() -> None:
    trees = (("data", 3, False), ("data/raw", 1, False), ("../shared", 2, False), ("/mnt/lake", 1, False))
    shared, lake = Spot("/srv/shared", 2), Spot("/mnt/lake", 1)
    assert spots_of(LookedAt((), trees, ()), ROOT) == (at("data", 3), at("data/raw", 1), shared, lake)


@pytest.mark.parametrize(
    ("pattern", "path", "depth"),
    [
        ("flows/*.toml", "flows", 1),
        ("*.toml", ".", 1),
        ("tool/*", "tool", 2),  # a folder may come to match, with files in it
        ("lib/**", "lib", 100),
        ("flows/**/*.toml", "flows", 100),
        ("a/b-[12]/c/*.sql", "a", 3),
    ],
)
def test_what_matches_a_pattern_is_heard_of(pattern: str, path: str, depth: int) -> None:
    assert spots_of(LookedAt((), (), (pattern,)), ROOT) == (at(path, depth),)


def test_a_tree_covers_what_matches_in_it() -> None:
    assert spots_of(LookedAt((), (("data", 2, False),), ("data/x/*.csv",)), ROOT) == (at("data", 2),)
    assert spots_of(LookedAt(("flows/a.toml",), (), ("flows/*.toml",)), ROOT) == (at("flows"),)


def test_what_dbuild_keeps_is_not_heard_of() -> None:
    looked = LookedAt((".dbuild/x", "a.csv"), ((".dbuild/logs", 2, False),), (".dbuild/*.toml",))
    assert spots_of(looked, ROOT) == (at(".", 1, "a.csv"),)


def test_the_root_of_all_folders_is_one() -> None:
    assert spots_of(LookedAt(("/a/b.csv",), (("/", 2, False),), ("/*.toml",)), ROOT) == (Spot("/", 2),)


def hears(spot: Spot, file: str) -> bool:
    """Whether a change of a file is heard of there."""
    folder, name = os.path.split(file)
    if spot.names is not None:
        return folder == spot.path and (name in spot.names or (spot.has_modules and name.endswith(".py")))
    prefix = spot.path.rstrip("/") + "/"
    return file.startswith(prefix) and file[len(prefix) :].count("/") < spot.depth


def test_whatever_was_looked_at_is_heard_of() -> None:
    draw = random.Random(7)
    folders = ["", "a", "a/b", "a/b/c", "a/d", "e", "e/f"]
    for _ in range(300):
        files = tuple(f"{draw.choice(folders)}/{draw.choice('xyz')}.csv".lstrip("/") for _ in range(draw.randrange(4)))
        trees = tuple((draw.choice(folders), draw.randint(1, 3), draw.random() < 0.3) for _ in range(draw.randrange(4)))
        globs = tuple(f"{draw.choice(folders)}/*.t".lstrip("/") for _ in range(draw.randrange(2)))
        spots = spots_of(LookedAt(files, trees, globs), ROOT)
        assert len(set(spots)) == len(spots)
        for folder in folders:
            for name in ("x.csv", "y.csv", "m.py", "p.t"):
                file = f"{folder}/{name}".lstrip("/")
                is_wanted = file in files or any(
                    fnmatchcase(file, g) and file.count("/") == g.count("/") for g in globs
                )
                for tree, depth, is_names in trees:
                    prefix = f"{tree}/" if tree else ""
                    below = file.startswith(prefix) and file[len(prefix) :].count("/")
                    if is_names:
                        is_wanted |= below is not False and below == 0 and name.endswith(".py")
                    else:
                        is_wanted |= below is not False and below < depth
                heard = sum(hears(spot, f"{ROOT}/{file}") for spot in spots)
                assert heard >= is_wanted
