"""What builds look at, as a watch needs it: the spots to listen in, and one look at everything."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dbuild.core.events import LookedAt
from dbuild.errors import UserError
from dbuild.observe.digests import digest_bytes
from dbuild.observe.listing import Tree, list_trees, name_of, pack_record, records_of, stat_file
from dbuild.observe.spots import Spot, spots_of
from dbuild.values import dataclass, replace


@dataclass(frozen=True, slots=True)
class Look:
    """All that builds look at."""

    root: str  # of the project, absolute
    at: LookedAt

    def __bool__(self) -> bool:
        return bool(self.at.files or self.at.trees or self.at.globs)

    def with_more(self, more: LookedAt) -> Look:
        """What is looked at by it, and this."""
        return replace(
            self,
            at=LookedAt(
                tuple(dict.fromkeys((*self.at.files, *more.files))),
                tuple(dict.fromkeys((*self.at.trees, *more.trees))),
                tuple(dict.fromkeys((*self.at.globs, *more.globs))),
            ),
        )

    def spots(self) -> tuple[Spot, ...]:
        """Where to listen: of a folder that goes, comes or is replaced, those above it tell."""
        spots = spots_of(self.at, self.root)
        named = {spot.path: spot for spot in spots if spot.names is not None}
        for spot in spots:
            for folder, name in _ancestry(spot.path, self.root):
                found = named.get(folder, Spot(folder, 1, frozenset()))
                named[folder] = found._replace(names=(found.names or frozenset()) | {name})
        return (*(spot for spot in spots if spot.names is None), *named.values())

    def within(self, folders: Iterable[str], files: Iterable[str]) -> Look:
        """The part of it that lies in some folders or below them, and some files; all absolute."""
        found = tuple(folders)

        def is_in(path: str) -> bool:
            path = os.path.normpath(os.path.join(self.root, path))
            return any(path == folder or path.startswith(folder.rstrip("/") + "/") for folder in found)

        return replace(
            self,
            at=LookedAt(
                (*filter(is_in, self.at.files), *sorted(files)),
                tuple(tree for tree in self.at.trees if is_in(tree[0])),
                tuple(filter(is_in, self.at.globs)),
            ),
        )

    def seen(self) -> bytes:
        """A digest of everything that is there: another one where anything has changed."""
        return digest_bytes(b"\0\0".join(self._parts()))

    def _parts(self) -> Iterator[bytes]:
        for path in self.at.files:
            try:
                stat = stat_file(os.path.join(self.root, path))
                yield pack_record(path, stat) if stat else b"absent"
            except UserError as error:
                yield error.what.encode("utf-8", "surrogateescape")
        for path, depth, is_names in self.at.trees:
            folder = os.path.normpath(os.path.join(self.root, path))
            yield _modules_in(folder) if is_names else _listed(Spot(folder, depth))
        for pattern in self.at.globs:
            yield _matches(self.root, pattern)


def looked_at(grounds: Mapping[str, Any]) -> LookedAt:
    """What a build says in its JSON that it looked at."""
    trees = tuple((path, depth, is_names) for path, depth, is_names in grounds["trees"])
    return LookedAt(tuple(grounds["files"]), trees, tuple(grounds["globs"]))


def _listed(spot: Spot) -> bytes:
    try:
        (listing,) = list_trees([Tree(spot.path, spot.depth)])
    except UserError as error:
        return error.what.encode("utf-8", "surrogateescape")
    return b"\0".join(sorted(record for record in records_of(listing) if spot.matters(name_of(record))))


def _modules_in(folder: str) -> bytes:
    try:
        names = os.listdir(folder)
    except OSError:
        return b"absent"
    spot = Spot(folder, 1, frozenset(), True)
    return "\0".join(sorted(filter(spot.matters, names))).encode("utf-8", "surrogateescape")


def _matches(root: str, pattern: str) -> bytes:
    from glob import glob

    return "\0".join(sorted(glob(pattern, root_dir=root, recursive=True))).encode("utf-8", "surrogateescape")


def _ancestry(path: str, root: str) -> Iterator[tuple[str, str]]:
    """The folder that a path is in and its name there, and the same of those above it that may change.

    These are all in the project; elsewhere what is missing yet, and links: a rename far outside isn't expected.
    """
    is_awaited = True
    while path != os.path.dirname(path):
        folder, name = os.path.split(path)
        if is_awaited or os.path.islink(path) or f"{folder}/".startswith(f"{root}/"):
            yield folder, name
        is_awaited = not os.path.isdir(folder)
        path = folder
