"""What must hold still while a recipe runs: files by their stats; thousands of a folder by its listing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

from dbuild.build.folders import prefix_of
from dbuild.errors import UserError
from dbuild.observe.comparison import differences
from dbuild.observe.listing import (
    DOUBTFUL,
    Stat,
    Tree,
    is_unmoved,
    list_trees,
    records_of,
    unpack_record,
)
from dbuild.values import dataclass

Watched = tuple[tuple[str, Stat], ...]  # absolute paths and the stats that they have to keep


@dataclass(frozen=True, slots=True)
class WatchedFolder:
    """A folder of which a recipe reads so many files that listing it costs less than a look at each."""

    root: str  # as in the project
    tree: Tree
    listing: bytes  # as it was when its files got their digests
    paths: Sequence[str]  # of these files, relative to the project


def find_moved(files: Watched, folders: Iterable[WatchedFolder]) -> str | None:
    """The absolute path of a file that isn't as it was; None where all are. Raises UserError where none can look."""
    for path, stat in files:
        if not is_unmoved(path, stat):
            return path
    for folder in folders:
        for path, stat in _doubted(folder):
            if not is_unmoved(path, stat):
                return path
    return None


def _doubted(folder: WatchedFolder) -> Iterator[tuple[str, Stat]]:
    """The files that the folder's listing has no more, or otherwise, with the stats that they had."""
    prefix = prefix_of(folder.root)
    try:
        now = list_trees([folder.tree])[0]
    except UserError:  # for something in it that may be none of these
        paths = list(folder.paths)
    else:
        if now == folder.listing:
            return
        changed, gone = differences(folder.listing, now)
        paths = sorted({prefix + name for name in (*changed, *gone)}.intersection(folder.paths))
    stats = dict(map(unpack_record, records_of(folder.listing))) if paths else {}
    for path in paths:
        name = path[len(prefix) :]
        yield os.path.join(folder.tree.path, name), stats.get(name, DOUBTFUL)
