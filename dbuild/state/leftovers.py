"""Outputs that no trace has any more, because their partition is made elsewhere now; and forgetting what is removed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import NamedTuple


class Orphan(NamedTuple):
    """An output that was made once, at a path where its partition isn't made any more."""

    path: str  # relative to the project; a folder's ends with a slash
    target: str
    key: str  # joined
    digest: bytes  # of what was made


class Leftovers:
    """What one Dataflowfile's builds have left."""

    def __init__(self, db: sqlite3.Connection, flow: str, target_id: Callable[[str], int]) -> None:
        self._db = db
        self._flow = flow
        self._target_id = target_id

    def orphans(self) -> list[Orphan]:
        """Outputs whose partitions are made elsewhere now, by path."""
        rows = self._db.execute(
            "SELECT path, target.name, key, digest FROM orphan JOIN target ON target.id = orphan.target"
            " WHERE target.flow = ? ORDER BY path",
            (self._flow,),
        )
        return [Orphan(*row) for row in rows]

    def put_orphans(self, found: Iterable[Orphan]) -> None:
        """Keeps what a new trace doesn't tell any more."""
        self._db.executemany(
            "INSERT OR REPLACE INTO orphan (path, target, key, digest) VALUES (?, ?, ?, ?)",
            [(one.path, self._target_id(one.target), one.key, one.digest) for one in found],
        )

    def drop_orphans(self, paths: Iterable[str]) -> None:
        """Forgets orphans: they are removed, or made again."""
        self._db.executemany("DELETE FROM orphan WHERE path = ?", [(path,) for path in paths])

    def forget_partitions(self, target: str, keys: Iterable[str]) -> None:
        """Drops the traces and failures of partitions (joined keys): as if they had never been built."""
        rows = [(self._target_id(target), key) for key in keys]
        self._db.executemany("DELETE FROM trace WHERE target = ? AND key = ?", rows)
        self._db.executemany("DELETE FROM failure WHERE target = ? AND key = ?", rows)

    def forget_target(self, target: str) -> None:
        """Drops all that is known of a target that isn't declared any more, but what the ledger tells of it."""
        number = self._target_id(target)
        for table in ("trace", "failure", "seal", "mark", "orphan"):
            self._db.execute(f"DELETE FROM {table} WHERE target = ?", (number,))
        self._db.execute("DELETE FROM owner WHERE flow = ? AND target = ?", (self._flow, target))
