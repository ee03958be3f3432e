"""Where the rows of files go, by content; and which of these routes each partition had when the seals were written."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence

_MANY = 500  # subjects that are asked for at once


class Routes:
    """The routes of one Dataflowfile's inputs.

    A route's subject is the identity of a file's content and of how it is looked at; a *use* that of an input whose
    rows are routed. Both are digests; routes are packed.
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
        row = self._db.execute(
            "SELECT ends, is_whole FROM routing WHERE flow = ? AND use = ?", (self._flow, use)
        ).fetchone()
        return (json.loads(row[0]), bool(row[1])) if row else ({}, False)

    def all(self, use: bytes) -> Iterator[tuple[str, bytes]]:
        """Each file of each partition: the partition's key and the file's route, in order."""
        return self._db.execute(
            "SELECT key, body FROM routed JOIN route ON route.id = routed.route WHERE routing = ? ORDER BY key, file",
            (self._number(use),),
        )

    def of(self, use: bytes, key: str) -> list[bytes]:
        """The routes of one partition's files, in order; none where they aren't known."""
        rows = self._db.execute(
            "SELECT body FROM routed JOIN route ON route.id = routed.route WHERE routing = ? AND key = ? ORDER BY file",
            (self._number(use), key),
        )
        return [body for (body,) in rows]

    def subjects(self, use: bytes, key: str) -> list[bytes]:
        """The subjects of one partition's files, in order."""
        rows = self._db.execute(
            "SELECT subject FROM routed JOIN route ON route.id = routed.route WHERE routing = ? AND key = ?"
            " ORDER BY file",
            (self._number(use), key),
        )
        return [subject for (subject,) in rows]

    def put(
        self,
        use: bytes,
        partitions: Mapping[str, Sequence[bytes]],
        ends: Mapping[str, Sequence[int]],
        *,
        is_whole: bool,
    ) -> None:
        """Keeps the subjects of partitions' files; none of a partition that went or isn't known. The rest as `ends`."""
        self._db.execute(
            "INSERT INTO routing (flow, use, ends, is_whole) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (flow, use) DO UPDATE SET ends = excluded.ends, is_whole = excluded.is_whole",
            (self._flow, use, json.dumps(ends), is_whole),
        )
        number = self._number(use)
        self._db.executemany("DELETE FROM routed WHERE routing = ? AND key = ?", [(number, key) for key in partitions])
        self._db.executemany(
            "INSERT INTO routed (routing, key, file, route) SELECT ?, ?, ?, id FROM route WHERE subject = ?",
            [(number, key, file, s) for key, subjects in partitions.items() for file, s in enumerate(subjects)],
        )

    def forget_others(self, uses: Iterable[bytes]) -> None:
        """Forgets what was kept for other uses than these; routes themselves are kept, by their content."""
        kept = set(uses)
        rows = self._db.execute("SELECT id, use FROM routing WHERE flow = ?", (self._flow,)).fetchall()
        for number, use in rows:
            if use not in kept:
                self._db.execute("DELETE FROM routed WHERE routing = ?", (number,))
                self._db.execute("DELETE FROM routing WHERE id = ?", (number,))

    def _number(self, use: bytes) -> int:
        row = self._db.execute("SELECT id FROM routing WHERE flow = ? AND use = ?", (self._flow, use)).fetchone()
        return row[0] if row else -1
