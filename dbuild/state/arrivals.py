"""The ledger of arrivals: what came, was corrected or was withdrawn, when, and how long after its deadline."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from dbuild.core.arrival import KEPT_OF_EACH, KEPT_SECONDS, Arrival

_COLUMNS = "dataset, key, kind, at, seen, due, run"


class Arrivals:
    """What happened to the sources of one Dataflowfile."""

    def __init__(self, db: sqlite3.Connection, flow: str) -> None:
        self._db = db
        self._flow = flow

    def put(self, arrivals: Iterable[Arrival]) -> None:
        """Adds to the ledger, and takes out what it doesn't keep: what is too old, or has enough after it."""
        rows = [(self._flow, *one) for one in arrivals]
        if rows:
            values = ", ".join("?" * len(rows[0]))
            self._db.executemany(f"INSERT INTO arrival (flow, {_COLUMNS}) VALUES ({values})", rows)
            self._forget(max(row[5] for row in rows) - KEPT_SECONDS, {row[:3] for row in rows})

    def _forget(self, before: float, partitions: Iterable[tuple[str, str, str]]) -> None:
        """Forgets what was seen before a moment, and of these partitions all but the last."""
        first = "SELECT id FROM arrival WHERE flow = ?1 AND seen >= ?2 ORDER BY id LIMIT 1"
        self._db.execute(f"DELETE FROM arrival WHERE flow = ?1 AND id < ({first})", (self._flow, before))
        last = "SELECT id FROM arrival WHERE flow = ?1 AND dataset = ?2 AND key = ?3 ORDER BY id DESC LIMIT 1 OFFSET ?4"
        self._db.executemany(
            f"DELETE FROM arrival WHERE flow = ?1 AND dataset = ?2 AND key = ?3 AND id <= ({last})",
            [(*partition, KEPT_OF_EACH) for partition in partitions],
        )

    def newest(self, limit: int, dataset: str | None = None) -> list[Arrival]:
        """What was seen last, of all sources or of one, newest first."""
        where, values = ("AND dataset = ?", [dataset]) if dataset is not None else ("", [])
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM arrival WHERE flow = ? {where} ORDER BY id DESC LIMIT ?",
            (self._flow, *values, limit),
        )
        return [Arrival(*row) for row in rows]

    def of(self, dataset: str) -> list[Arrival]:
        """All that is kept of what happened to a source, oldest first."""
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM arrival WHERE flow = ? AND dataset = ? ORDER BY id", (self._flow, dataset)
        )
        return [Arrival(*row) for row in rows]
