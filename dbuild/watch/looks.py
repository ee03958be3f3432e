"""What builds look at, as a watch needs it: the places whose changes matter, and one look at all of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dbuild.errors import UserError
from dbuild.observe.digests import digest_bytes
from dbuild.observe.journal import Place
from dbuild.observe.listing import Tree, is_temporary, list_trees, name_of, pack_record, records_of, stat_file

_WILD = frozenset("*?[")
_DEEP = 64  # levels of a pattern with `**`


@dataclass(frozen=True, slots=True)
class Look:
    """All that a build with nothing to do looks at; paths are absolute."""

    files: tuple[str, ...] = ()
    trees: tuple[tuple[str, int], ...] = ()  # with the levels whose files count
    modules: tuple[str, ...] = ()  # folders of which the names of modules count
    patterns: tuple[str, ...] = ()  # whose matches count

    def __bool__(self) -> bool:
        return bool(self.files or self.trees or self.modules or self.patterns)

    def with_more(self, other: Look) -> Look:
        """What is looked at by both."""

        def both(one: tuple[Any, ...], two: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(dict.fromkeys((*one, *two)))

        return Look(
            both(self.files, other.files),
            both(self.trees, other.trees),
            both(self.modules, other.modules),
            both(self.patterns, other.patterns),
        )

    # -- places ----------------------------------------------------------------------------------------------------

    def places(self) -> list[Place]:
        """The places in which a change may matter.

        A folder that is deleted, or isn't there yet, is heard of through the one above it.
        """
        whole = dict.fromkeys([*self.trees, *(_tree_of(pattern) for pattern in self.patterns)])
        names: dict[str, set[str]] = {}
        for path in [*self.files, *(path for path, _ in whole), *self.modules]:
            for folder, name in _ancestry(path):
                names.setdefault(folder, set()).add(name)
        modules = set(self.modules)
        single = [Place(path, 1, frozenset(found), path in modules) for path, found in names.items()]
        rest = [Place(path, 1, frozenset(), True) for path in self.modules if path not in names]
        return [*(Place(path, depth) for path, depth in whole), *single, *rest]

    def within(self, folders: Iterable[str], files: Iterable[str]) -> Look:
        """The part of it that lies in some folders (not below them), and some files."""
        found = set(folders)
        return replace(
            self,
            files=(*(path for path in self.files if os.path.dirname(path) in found), *sorted(files)),
            trees=tuple(tree for tree in self.trees if tree[0] in found),
            modules=tuple(path for path in self.modules if path in found),
            patterns=tuple(pattern for pattern in self.patterns if _tree_of(pattern)[0] in found),
        )

    # -- one look --------------------------------------------------------------------------------------------------

    def seen(self) -> bytes:
        """A digest of everything that is there: another one where anything has changed."""
        return digest_bytes(b"\0\0".join(self._parts()))

    def _parts(self) -> Iterator[bytes]:
        for path in self.files:
            try:
                stat = stat_file(path)
                yield pack_record(path, stat) if stat else b"absent"
            except UserError as error:
                yield error.what.encode("utf-8", "surrogateescape")
        for path, depth in self.trees:
            try:
                (listing,) = list_trees([Tree(path, depth)])
            except UserError as error:
                yield error.what.encode("utf-8", "surrogateescape")
                continue
            yield b"\0".join(sorted(one for one in records_of(listing) if not _is_passing(name_of(one))))
        for folder in self.modules:
            yield "\0".join(_modules_in(folder)).encode("utf-8", "surrogateescape")
        yield from _matches(self.patterns)


def look_of(root: str, grounds: Mapping[str, Any]) -> Look:
    """What a build's grounds, as its summary has them, come to; `root` is the project's folder."""

    def absolute(path: str) -> str:
        return os.path.normpath(os.path.join(root, path))

    return Look(
        tuple(absolute(path) for path in grounds["files"]),
        tuple((absolute(path), depth) for path, depth, has_names in grounds["trees"] if not has_names),
        tuple(absolute(path) for path, _, has_names in grounds["trees"] if has_names),
        tuple(absolute(path) for path in grounds["globs"]),
    )


def _is_passing(name: str) -> bool:
    """Whether a file comes and goes by itself."""
    return is_temporary(name) or name.startswith(".dbuild/")


def _modules_in(folder: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if name.endswith(".py") or "." not in name)
    except OSError:
        return []


def _matches(patterns: Iterable[str]) -> Iterator[bytes]:
    from glob import glob

    for pattern in patterns:
        yield "\0".join(sorted(glob(pattern, recursive=True))).encode("utf-8", "surrogateescape")


def _tree_of(pattern: str) -> tuple[str, int]:
    """The folder that a pattern's matches lie in, and how many levels below it."""
    parts = pattern.split("/")
    fixed = next((at for at, part in enumerate(parts) if set(part) & _WILD), len(parts) - 1)
    depth = _DEEP if "**" in parts[fixed:] else len(parts) - fixed
    return "/".join(parts[:fixed]) or "/", depth


def _ancestry(path: str) -> Iterator[tuple[str, str]]:
    """The folder that a path is in and its name there; where that folder is missing, those above it too."""
    while True:
        folder, name = os.path.split(path)
        if not name:
            return
        yield folder, name
        if os.path.isdir(folder):
            return
        path = folder
