"""What a run has made so far: each file with the stats and the digest that it got, in a few dozen bytes.

A run may make a million files, and whoever reads one of them asks for its row; as objects these rows would be most of
what a run takes up.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from dbuild.observe.listing import DOUBTFUL, Stat
from dbuild.state.files import FileRow

_ROW = struct.Struct("<qqqQq?")  # size, mtime, ctime, inode, when it was hashed, is it racy; the digest comes behind


class Offspring:
    """The files that a run put where they belong, by the folders that are listed for them."""

    def __init__(self, boot: str) -> None:
        self._boot = boot
        self.rows: dict[str, bytes | None] = {}  # path -> a row as `row` reads it; None: taken away
        self._below: dict[str, list[str]] = {}  # root -> paths in the order in which they were noted

    def add(self, row: FileRow, root: str) -> None:
        """Takes note of a file that has just got its place."""
        self._note(row.path, root)
        self.rows[row.path] = _ROW.pack(*row.stat, row.hashed, row.is_racy) + row.digest

    def remove(self, paths: Iterable[str], root: str) -> None:
        """Takes note of files that the run took away (of a folder that was made anew)."""
        for path in paths:
            self._note(path, root)
            self.rows[path] = None

    def _note(self, path: str, root: str) -> None:
        if path not in self.rows:
            below = self._below.get(root)
            if below is None:
                below = self._below[root] = []
            below.append(path)

    def row(self, path: str) -> FileRow | None:
        """The row of a file that this run made."""
        packed = self.rows.get(path)
        if packed is None:
            return None
        size, mtime, ctime, inode, hashed, is_racy = _ROW.unpack_from(packed)
        return FileRow(path, Stat(size, mtime, ctime, inode), packed[_ROW.size :], is_racy, self._boot, hashed)

    def below(self, root: str) -> list[str]:
        """The files of a folder that this run made or took away."""
        return self._below.get(root, [])

    def stats(self, root: str) -> Iterator[tuple[str, Stat | None]]:
        """Each of these with its stats, such as no file has where they vouch for nothing; None: it was taken away."""
        for path in self.below(root):
            row = self.row(path)
            yield path, row and (DOUBTFUL if row.is_racy else row.stat)
