"""What earlier builds left under other names and other dimensions is put under the present ones."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping

from dbuild.core.trace import Trace
from dbuild.state.recipes import sweep
from dbuild.state.store import dump_pairs

_KEYED = ("trace", "failure")  # tables with a row a partition
_ASIDE = "\x1d"  # no key begins with it
_OF_MARKS = "mark IN (SELECT run FROM mark WHERE target = ?)"
_TARGETS = (*_KEYED, "seal", "mark", "orphan", "recipe", "task")


class Heritage:
    """The names of one Dataflowfile's targets, and the shapes that their traces are in."""

    def __init__(self, db: sqlite3.Connection, flow: str, target_id: Callable[..., int]) -> None:
        self._db = db
        self._flow = flow
        self._target_id = target_id

    def shapes(self) -> str:
        """The shapes of all targets as they were last kept; empty where none were."""
        row = self._db.execute("SELECT content FROM shape WHERE flow = ?", (self._flow,)).fetchone()
        return row[0] if row else ""

    def put_shapes(self, content: str) -> None:
        """Keeps the shapes that traces are in from now on."""
        self._db.execute("INSERT OR REPLACE INTO shape (flow, content) VALUES (?, ?)", (self._flow, content))

    def is_built(self, target: str) -> bool:
        """Whether anything was ever built, or accepted, under that name."""
        number = self._target_id(target, is_made=False)
        return self._db.execute("SELECT 1 FROM trace WHERE target = ? LIMIT 1", (number,)).fetchone() is not None

    def rename(self, before: str, now: str) -> None:
        """Puts all that is known of a target under another name, which nothing was built under so far."""
        old, new = self._target_id(before, is_made=False), self._target_id(now, is_made=False)
        if new >= 0:  # what was tried under it, or said of it, is newer
            self._db.execute(
                "DELETE FROM failure WHERE target = ? AND key IN (SELECT key FROM failure WHERE target = ?)", (old, new)
            )
            for table in _TARGETS:
                self._db.execute(f"UPDATE OR IGNORE {table} SET target = ? WHERE target = ?", (old, new))
            self._db.execute("DELETE FROM seal WHERE target IN (?, ?)", (old, new))
            self._db.execute("DELETE FROM recipe WHERE target = ?", (new,))  # known under its earlier name already
            sweep(self._db)
            self._db.execute("DELETE FROM target WHERE id = ?", (new,))
        self._db.execute("UPDATE target SET name = ? WHERE id = ?", (now, old))
        self._db.execute("UPDATE owner SET target = ? WHERE flow = ? AND target = ?", (now, self._flow, before))

    def rekey(self, target: str, keys: Mapping[str, str]) -> None:
        """Puts what is known of partitions (joined keys) under other keys, in the place of what is there."""
        number = self._target_id(target)
        moved = [(now, number, before) for before, now in keys.items() if before != now]
        aside = [(_ASIDE + now, number, before) for now, _, before in moved]
        back = [(now, number, _ASIDE + now) for now, _, _ in moved]
        for rows in (aside, back):  # two keys may change places
            for table in _KEYED:
                self._db.executemany(f"UPDATE OR REPLACE {table} SET key = ? WHERE target = ? AND key = ?", rows)
            self._db.executemany(f"UPDATE OR REPLACE replaced SET key = ? WHERE {_OF_MARKS} AND key = ?", rows)

    def rewrite(self, target: str, traces: Iterable[tuple[str, Trace]]) -> None:
        """Keeps what traces (by joined key) say of the recipe and of what was read in the place of what they said."""
        number = self._target_id(target)
        self._db.executemany(
            "UPDATE trace SET fingerprint = ?, params = ?, inputs = ? WHERE target = ? AND key = ?",
            [(trace.fingerprint, dump_pairs(trace.params), trace.inputs, number, key) for key, trace in traces],
        )
