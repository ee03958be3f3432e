"""Where the rows of files go, by content; and which of these routes each partition had when the seals were written."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from dbuild.core.routes import Route, Tally, digests_of, unpack_route
from dbuild.observe.digests import combine

_MANY = 500  # subjects that are asked for at once
_ROUTED = "FROM routed JOIN route ON route.id = routed.route WHERE routing = ?"


class Routes:
    """The routes of one Dataflowfile's inputs.

    A route's subject is the identity of a file's content and of how it is looked at; a *use* that of an input whose
    rows are routed. Both are digests; routes are packed. A partition is named by its joined key.
    """

    def __init__(self, db: sqlite3.Connection, flow: str) -> None:
        self._db = db
        self._flow = flow

    def known(self, subjects: Sequence[bytes]) -> dict[bytes, bytes]:
        """Those of the subjects whose route is known, with it."""
        found: dict[bytes, bytes] = {}
        for start in range(0, len(subjects), _MANY):
            chunk = subjects[start : start + _MANY]
            marks = ",".join("?" * len(chunk))
            found.update(self._db.execute(f"SELECT subject, body FROM route WHERE subject IN ({marks})", chunk))
        return found

    def keep(self, routes: Iterable[tuple[bytes, bytes]]) -> None:
        """Keeps routes by their subjects."""
        self._db.executemany("INSERT OR IGNORE INTO route (subject, body) VALUES (?, ?)", routes)

    # -- as the seals know them ----------------------------------------------------------------------------------------

    def ends(self, use: bytes) -> tuple[dict[str, list[int]], bool]:
        """Dimension -> the number of its newest period that rows had then, and of those that weren't yet due.

        And whether the routes of all partitions that there were are kept.
        """
        row = self._row(use, "ends, is_whole")
        return (json.loads(row[0]), bool(row[1])) if row else ({}, False)

    def tally(self, use: bytes) -> Tally:
        """How many rows of each key all files had."""
        row = self._row(use, "tally")
        return Tally.load(row[0]) if row else Tally()

    def partitions(self, use: bytes) -> Iterator[str]:
        """The partitions whose files' routes are kept, in order: every one of them is read."""
        query = "SELECT DISTINCT key FROM routed WHERE routing = ? ORDER BY key"
        return (key for (key,) in self._db.execute(query, (self._number(use),)))

    def of(self, use: bytes, key: str) -> list[bytes]:
        """The routes of one partition's files, in order; none where they aren't known."""
        rows = self._db.execute(f"SELECT body {_ROUTED} AND key = ? ORDER BY file", (self._number(use), key))
        return [body for (body,) in rows]

    def subjects(self, use: bytes, key: str) -> list[bytes]:
        """The subjects of one partition's files, in order."""
        rows = self._db.execute(f"SELECT subject {_ROUTED} AND key = ? ORDER BY file", (self._number(use), key))
        return [subject for (subject,) in rows]

    def shares(self, use: bytes, route_key: str) -> Iterator[tuple[str, bytes]]:
        """The partitions that have rows of a route key, in order, and the digest of these rows in each."""
        query = "SELECT key, digest FROM share WHERE routing = ? AND route_key = ? ORDER BY key"
        return self._db.execute(query, (self._number(use), route_key))

    def put(
        self,
        use: bytes,
        partitions: Mapping[str, Sequence[bytes]],
        ends: Mapping[str, Sequence[int]],
        *,
        is_whole: bool,
    ) -> None:
        """Keeps the subjects of partitions' files; none of a partition that went or isn't known. The rest as `ends`."""
        tally = self.tally(use)
        self._db.execute(
            "INSERT INTO routing (flow, use, ends, tally, is_whole) VALUES (?, ?, ?, '', ?)"
            " ON CONFLICT (flow, use) DO UPDATE SET ends = excluded.ends, is_whole = excluded.is_whole",
            (self._flow, use, json.dumps(ends), is_whole),
        )
        number = self._number(use)
        for key, subjects in partitions.items():
            before = list(map(unpack_route, self.of(use, key)))
            self._remove(number, key, before)
            tally.add(before, -1)
            if subjects:
                tally.add(self._add(use, number, key, subjects))
        self._db.execute("UPDATE routing SET tally = ? WHERE id = ?", (tally.dump(), number))

    def _remove(self, number: int, key: str, routes: Sequence[Route]) -> None:
        rows = [(number, route_key, key) for route_key in digests_of(routes)]
        self._db.executemany("DELETE FROM share WHERE routing = ? AND route_key = ? AND key = ?", rows)
        self._db.execute("DELETE FROM routed WHERE routing = ? AND key = ?", (number, key))

    def _add(self, use: bytes, number: int, key: str, subjects: Sequence[bytes]) -> list[Route]:
        self._db.executemany(
            "INSERT INTO routed (routing, key, file, route) SELECT ?, ?, ?, id FROM route WHERE subject = ?",
            [(number, key, file, subject) for file, subject in enumerate(subjects)],
        )
        routes = list(map(unpack_route, self.of(use, key)))
        rows = [(number, route_key, key, combine(digests)) for route_key, digests in digests_of(routes).items()]
        self._db.executemany("INSERT INTO share (routing, route_key, key, digest) VALUES (?, ?, ?, ?)", rows)
        return routes

    def forget_others(self, uses: Iterable[bytes]) -> None:
        """Forgets what was kept for other uses than these; routes themselves are kept, by their content."""
        kept = set(uses)
        rows = self._db.execute("SELECT id, use FROM routing WHERE flow = ?", (self._flow,)).fetchall()
        for number, use in rows:
            if use not in kept:
                for table in ("share", "routed"):
                    self._db.execute(f"DELETE FROM {table} WHERE routing = ?", (number,))
                self._db.execute("DELETE FROM routing WHERE id = ?", (number,))

    def _number(self, use: bytes) -> int:
        row = self._row(use, "id")
        return row[0] if row else -1

    def _row(self, use: bytes, columns: str) -> tuple[Any, ...] | None:
        query = f"SELECT {columns} FROM routing WHERE flow = ? AND use = ?"
        row: tuple[Any, ...] | None = self._db.execute(query, (self._flow, use)).fetchone()
        return row
