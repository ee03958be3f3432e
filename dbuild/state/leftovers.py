"""Outputs that no trace has any more, because their partition is made elsewhere now; and forgetting what is removed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from dbuild.state.recipes import sweep


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

    def others(self) -> Iterator[tuple[str, str, str]]:
        """Dataflowfile, target and packed outputs of every trace that another Dataflowfile's builds have left."""
        yield from self._db.execute(
            "SELECT target.flow, target.name, outputs FROM trace JOIN target ON target.id = trace.target"
            " WHERE target.flow <> ?",
            (self._flow,),
        )

    def other_runs(self) -> set[int]:
        """The runs of other Dataflowfiles."""
        return {run for (run,) in self._db.execute("SELECT id FROM run WHERE flow <> ?", (self._flow,))}

    def is_known(self) -> bool:
        """Whether anything at all is kept of this Dataflowfile but what `forget_flow` would keep."""
        found = self._db.execute(
            "SELECT (SELECT count(*) FROM target WHERE flow = ?1)"
            " + (SELECT count(*) FROM run WHERE flow = ?1 AND outcome IS NOT 'cleaned')",
            (self._flow,),
        ).fetchone()
        return bool(found[0])

    def drop_seal(self, target: str) -> None:
        """Forgets what is known to be fresh of a target: each of its partitions is judged the next time."""
        self._db.execute("DELETE FROM seal WHERE target = ?", (self._target_id(target),))

    def forget_partitions(self, target: str, keys: Iterable[str]) -> None:
        """Drops the traces and failures of partitions (joined keys): as if they had never been built."""
        rows = [(self._target_id(target), key) for key in keys]
        self._db.executemany("DELETE FROM trace WHERE target = ? AND key = ?", rows)
        self._db.executemany("DELETE FROM failure WHERE target = ? AND key = ?", rows)

    def forget_target(self, target: str) -> None:
        """Drops all that is known of a target that isn't declared any more, but what the ledger tells of it."""
        number = self._target_id(target)
        self._forget_replaced("mark.target = ?", number)
        for table in ("trace", "failure", "seal", "mark", "orphan", "recipe"):
            self._db.execute(f"DELETE FROM {table} WHERE target = ?", (number,))
        self._db.execute("DELETE FROM owner WHERE flow = ? AND target = ?", (self._flow, target))
        sweep(self._db)

    def forget_flow(self, run: int) -> None:
        """Drops every row of this Dataflowfile but the ledger's of this `run`, whose number keeps numbers growing.

        The state has to be opened anew after it: it knows the targets by numbers that are no more.
        """
        own = "target IN (SELECT id FROM target WHERE flow = ?)"
        self._forget_replaced(f"mark.{own}", self._flow)
        for table in ("trace", "failure", "seal", "mark", "orphan", "recipe", "task"):
            self._db.execute(f"DELETE FROM {table} WHERE {own}", (self._flow,))
        for table in ("listing", "presence", "axis", "answer", "owner", "shape", "target", "arrival"):
            self._db.execute(f"DELETE FROM {table} WHERE flow = ?", (self._flow,))
        self._db.execute("DELETE FROM run WHERE flow = ? AND id <> ?", (self._flow, run))
        sweep(self._db)

    def _forget_replaced(self, which: str, value: int | str) -> None:
        self._db.execute(f"DELETE FROM replaced WHERE mark IN (SELECT run FROM mark WHERE {which})", (value,))
