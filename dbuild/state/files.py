"""What is kept of the world: digests of files with the stats that vouch for them, listings, presence and axes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from dbuild.observe.listing import Stat
from dbuild.state.targets import Targets

SINGLES = ":files"  # the name under which files that stand alone are kept as one listing
NO_BOOT = ""  # of a listing that lacks what was made since
_MANY = 500  # keys from which a range is read whole and filtered here
_LAST = "\U0010ffff"  # behind a prefix: where its range ends


class FileRow(NamedTuple):
    """A file whose digest is known for certain stats."""

    path: str  # relative to the project, or absolute where it lies outside
    stat: Stat
    digest: bytes
    is_racy: bool  # its stats vouch for nothing: it was too young when it was hashed
    boot: str  # identity of the boot in which it was hashed
    hashed: int  # the file system's clock then, in nanoseconds


class Files(Targets):
    """The part of a state that knows of files. Paths are relative to the project."""

    def files(self, paths: Sequence[str]) -> dict[str, FileRow]:
        """The known digests of these files."""
        found: dict[str, FileRow] = {}
        columns = "SELECT path, size, mtime, ctime, inode, digest, is_racy, boot, hashed FROM file"
        for start in range(0, len(paths), _MANY):
            chunk = paths[start : start + _MANY]
            marks = ",".join("?" * len(chunk))
            for row in self._db.execute(f"{columns} WHERE path IN ({marks})", chunk):
                found[row[0]] = _file(row)
        return found

    def files_below(self, prefix: str) -> dict[str, FileRow]:
        """Every known file whose path begins so, in one range read."""
        rows = self._db.execute(
            "SELECT path, size, mtime, ctime, inode, digest, is_racy, boot, hashed FROM file"
            " WHERE path >= ? AND path < ?",
            (prefix, prefix + _LAST),
        )
        return {
            path: FileRow(path, Stat(size, mtime, ctime, inode), digest, racy != 0, boot, hashed)
            for path, size, mtime, ctime, inode, digest, racy, boot, hashed in rows
        }

    def digests_below(self, prefix: str) -> dict[str, bytes]:
        """The digest of every file whose path begins so and whose stats vouch for it."""
        query = "SELECT path, digest FROM file WHERE path >= ? AND path < ? AND NOT is_racy"
        return dict(self._db.execute(query, (prefix, prefix + _LAST)))

    def stats_below(self, prefix: str) -> dict[str, Stat]:
        """The stats of the same files."""
        query = "SELECT path, size, mtime, ctime, inode FROM file WHERE path >= ? AND path < ? AND NOT is_racy"
        rows = self._db.execute(query, (prefix, prefix + _LAST))
        return {path: Stat(size, mtime, ctime, inode) for path, size, mtime, ctime, inode in rows}

    def put_files(self, rows: Iterable[FileRow]) -> None:
        """Keeps digests with the stats that vouch for them."""
        self._db.executemany(
            "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (r.path, r.stat.size, r.stat.mtime, r.stat.ctime, r.stat.inode, r.digest, r.is_racy, r.boot, r.hashed)
                for r in rows
            ],
        )

    def drop_files(self, paths: Iterable[str]) -> None:
        """Forgets files that are gone."""
        self._db.executemany("DELETE FROM file WHERE path = ?", [(path,) for path in paths])

    def doubt_files(self, paths: Iterable[str]) -> None:
        """Keeps the digests that files had, for comparison: they vouch for nothing any more."""
        self._db.executemany("UPDATE file SET is_racy = 1 WHERE path = ?", [(path,) for path in paths])

    # -- listings, presence, axes ---------------------------------------------------------------------------------

    def listing_heads(self) -> dict[str, tuple[bytes, str, int]]:
        """Root -> digest, boot and number of files of each kept listing; the listings themselves aren't read."""
        rows = self._db.execute("SELECT root, digest, boot, files FROM listing WHERE flow = ?", (self.flow,))
        return {root: (digest, boot, files) for root, digest, boot, files in rows}

    def listing(self, root: str) -> bytes:
        """A kept listing; empty where there is none."""
        row = self._db.execute("SELECT content FROM listing WHERE flow = ? AND root = ?", (self.flow, root)).fetchone()
        return row[0] if row else b""

    def put_listing(self, root: str, digest: bytes, boot: str, files: int, content: bytes) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO listing (flow, root, digest, boot, files, content) VALUES (?, ?, ?, ?, ?, ?)",
            (self.flow, root, digest, boot, files, content),
        )

    def doubt_listings(self, roots: Iterable[str]) -> None:
        """Has listings be of no boot, as of folders in which files were made that they don't have."""
        query = "UPDATE listing SET boot = ? WHERE flow = ? AND root = ?"
        self._db.executemany(query, [(NO_BOOT, self.flow, root) for root in roots])

    def presence(self, dataset: str) -> tuple[str, bytes, str] | None:
        """Pattern, identity of the axes and body of the set of a dataset's partitions that were there."""
        row = self._db.execute(
            "SELECT pattern, axes, body FROM presence WHERE flow = ? AND dataset = ?", (self.flow, dataset)
        ).fetchone()
        return (row[0], row[1], row[2]) if row else None

    def put_presence(self, dataset: str, pattern: str, axes: bytes, body: str, looked: float = 0.0) -> None:
        """`looked`: when that was seen, in seconds since the epoch."""
        self._db.execute(
            "INSERT OR REPLACE INTO presence (dataset, flow, pattern, axes, body, looked) VALUES (?, ?, ?, ?, ?, ?)",
            (dataset, self.flow, pattern, axes, body, looked),
        )

    def looked_at(self, dataset: str) -> float:
        """When a dataset was last seen to change, in seconds since the epoch; 0 where that isn't known."""
        row = self._db.execute(
            "SELECT looked FROM presence WHERE flow = ? AND dataset = ?", (self.flow, dataset)
        ).fetchone()
        return row[0] if row else 0.0

    def axis_values(self, dimension: str) -> tuple[str, ...]:
        """The values that a list or discovered dimension had."""
        row = self._db.execute(
            "SELECT vals FROM axis WHERE flow = ? AND dimension = ?", (self.flow, dimension)
        ).fetchone()
        return tuple(row[0].split("\n")) if row and row[0] else ()

    def put_axis_values(self, dimension: str, values: Sequence[str]) -> None:
        self._db.execute("INSERT OR REPLACE INTO axis VALUES (?, ?, ?)", (self.flow, dimension, "\n".join(values)))


def _file(row: Sequence[object]) -> FileRow:
    path, size, mtime, ctime, inode, digest, racy, boot, hashed = row
    return FileRow(path, Stat(size, mtime, ctime, inode), digest, bool(racy), boot, hashed)  # type: ignore[arg-type]
