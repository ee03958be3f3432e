"""The ledger of arrivals: what came, was corrected or was withdrawn, when, and how long after its deadline."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from dbuild.core.arrival import Arrival

_COLUMNS = "dataset, key, kind, at, seen, due, run"


class Arrivals:
    """What happened to the sources of one Dataflowfile."""

    def __init__(self, db: sqlite3.Connection, flow: str) -> None:
        self._db = db
        self._flow = flow

    def put(self, arrivals: Iterable[Arrival]) -> None:
        """Adds to the ledger."""
        self._db.executemany(
            f"INSERT INTO arrival (flow, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(self._flow, *one) for one in arrivals],
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
        """All that happened to a source, oldest first."""
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM arrival WHERE flow = ? AND dataset = ? ORDER BY id", (self._flow, dataset)
        )
        return [Arrival(*row) for row in rows]
