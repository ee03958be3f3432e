"""The targets of one Dataflowfile, by the numbers that stand for them in the tables."""

from __future__ import annotations

import sqlite3


class Targets:
    """The part of a state that all others rest on."""

    def __init__(self, connection: sqlite3.Connection, flow: str) -> None:
        self.flow = flow
        self._db = connection
        self._ids: dict[str, int] = {}

    def target_id(self, name: str, *, is_made: bool = True) -> int:
        """The number that stands for a target in the tables; -1 for an unknown one, unless it is to be made."""
        if name not in self._ids:
            row = self._db.execute("SELECT id FROM target WHERE flow = ? AND name = ?", (self.flow, name)).fetchone()
            if row is None:
                if not is_made:
                    return -1
                row = self._db.execute(
                    "INSERT INTO target (flow, name) VALUES (?, ?) RETURNING id", (self.flow, name)
                ).fetchone()
            self._ids[name] = row[0]
        return self._ids[name]

    def targets(self) -> list[str]:
        """The names of all targets that this Dataflowfile ever had, as far as the state knows them."""
        rows = self._db.execute("SELECT name FROM target WHERE flow = ? ORDER BY name", (self.flow,))
        return [name for (name,) in rows]
