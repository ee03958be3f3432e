"""Where to listen for changes of what a build looked at: few folders, each with what of it matters."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from dbuild.core.events import LookedAt
from dbuild.observe.listing import is_temporary

_OWN = ".dbuild"  # what dbuild itself keeps in a project
_DEEP = 100  # levels that "**" stands for
_WILD = frozenset("*?[")


class Spot(NamedTuple):
    """A folder in which changes matter: of all files that far down, or of some of its own entries alone."""

    path: str  # absolute; whether it is there or not
    depth: int  # levels whose files count; 1: its own
    names: frozenset[str] | None = None  # of its own entries, those that matter; None: all
    has_modules: bool = False  # with `names`: modules and packages that come and go matter too

    def matters(self, name: str) -> bool:
        """Whether a change of the entry `name`, a path below the folder, is one of what is looked at."""
        if self.names is None:
            return not is_temporary(name) and not name.startswith(f"{_OWN}/")
        return name in self.names or (self.has_modules and (name.endswith(".py") or "." not in name))


def spots_of(looked: LookedAt, root: str) -> tuple[Spot, ...]:
    """Where to listen so that no change of what was looked at stays unheard. `root`: the project's, absolute.

    The folders of datasets stay as they were listed, also one within another; what they hold isn't named again. What
    matches a pattern is taken for all that lies as deep. Of what dbuild keeps in `.dbuild` nothing is heard.
    """
    trees = dict.fromkeys(Spot(_absolute(root, path), depth) for path, depth, is_names in looked.trees if not is_names)
    for tree in (_matched(root, pattern) for pattern in looked.globs):
        if not _is_covered(tree.path, tree.depth, trees):
            trees[tree] = None
    singles: dict[str, set[str]] = {}
    for path in (_absolute(root, file) for file in looked.files):
        singles.setdefault(os.path.dirname(path), set()).add(os.path.basename(path))
    modules = dict.fromkeys(_absolute(root, path) for path, _, is_names in looked.trees if is_names)
    named = (
        Spot(folder, 1, frozenset(singles.get(folder, ())), folder in modules)
        for folder in dict.fromkeys((*singles, *modules))
        if not _is_covered(folder, 1, trees)
    )
    return tuple(_not_own(root, (*trees, *named)))


def _absolute(root: str, path: str) -> str:
    return os.path.normpath(os.path.join(root, path))


def _matched(root: str, pattern: str) -> Spot:
    """The folder in which all matches of a pattern lie, as deep as these."""
    parts = os.path.join(root, pattern).split("/")
    fixed = next((number for number, part in enumerate(parts) if _WILD & set(part)), len(parts) - 1)
    rest = parts[fixed:]
    may_be_folder = "." not in rest[-1]  # then what is in it matters too
    depth = _DEEP if "**" in rest else len(rest) + may_be_folder
    return Spot(os.path.normpath("/".join(parts[:fixed]) or "/"), depth)


def _is_covered(folder: str, depth: int, trees: Iterable[Spot]) -> bool:
    """Whether one of some trees has a folder and that many levels of it."""
    for tree in trees:
        inside = folder == tree.path or folder.startswith(tree.path.rstrip("/") + "/")
        if inside and _levels(tree.path, folder) + depth <= tree.depth:
            return True
    return False


def _levels(tree: str, folder: str) -> int:
    return folder.count("/") - tree.count("/") if tree != "/" else folder.count("/") if folder != "/" else 0


def _not_own(root: str, spots: Iterable[Spot]) -> Iterator[Spot]:
    own = os.path.join(root, _OWN)
    return (spot for spot in spots if spot.path != own and not spot.path.startswith(own + "/"))
