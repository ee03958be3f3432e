"""What the ledger has of one target: run by run, or execution by execution."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from dbuild.core.statistics import Executed, RunStats
from dbuild.state.ledger import TaskRow

_COLUMNS = "run, number, key, status, changed, seconds, at, reasons, error, log, size, is_mended"
_MANY = 200  # partitions from which on all executions of a target are read, and these picked out


class Round(NamedTuple):
    """What one run did of a target."""

    run: int
    built: int
    same: int  # of the built: came out as before
    failed: int
    retried: int
    seconds: float  # of all that succeeded
    size: int | None  # bytes of all that succeeded; None: nobody noted it
    at: float  # when the last of it ended
    first: TaskRow


class Pasts:
    """The past of one Dataflowfile's targets."""

    def __init__(self, db: sqlite3.Connection, flow: str, target_id: Callable[..., int]) -> None:
        self._db = db
        self._flow = flow
        self._target_id = target_id

    def rounds(self, target: str, limit: int) -> list[Round]:
        """The newest runs that executed anything of a target, newest first."""
        rows = self._db.execute(
            "SELECT run, sum(status IN ('built', 'restored')), sum(status IN ('built', 'restored') AND NOT changed),"
            " sum(status = 'failed'), sum(status = 'retried'), sum(iif(status = 'built', seconds, 0)), sum(size),"
            " max(at) FROM task WHERE target = ? GROUP BY run ORDER BY run DESC LIMIT ?",
            (self._target_id(target, is_made=False), limit),
        ).fetchall()
        return [Round(*(*row, self._worst(target, row[0]))) for row in rows]

    def _worst(self, target: str, run: int) -> TaskRow:
        """The execution that tells most of what a run did: the first that failed, else the first of all."""
        row = self._db.execute(
            f"SELECT {_COLUMNS} FROM task WHERE run = ? AND target = ? ORDER BY status <> 'failed', number LIMIT 1",
            (run, self._target_id(target, is_made=False)),
        ).fetchone()
        return _task(target, row)

    def keys_of(self, target: str, run: int, limit: int) -> list[str]:
        """The joined keys that a run executed of a target, so many at most."""
        rows = self._db.execute(
            "SELECT DISTINCT key FROM task WHERE run = ? AND target = ? LIMIT ?",
            (run, self._target_id(target, is_made=False), limit),
        )
        return [key for (key,) in rows]

    def executions(self, target: str, keys: Iterable[str], limit: int) -> list[tuple[int, TaskRow]]:
        """The newest executions of these partitions (joined keys) with their runs, newest first."""
        wanted = frozenset(keys)
        number = self._target_id(target, is_made=False)
        found: list[tuple[int, ...]] = []
        for key in wanted if len(wanted) <= _MANY else ():
            found += self._db.execute(
                f"SELECT {_COLUMNS} FROM task WHERE target = ? AND key = ? ORDER BY run DESC, number DESC LIMIT ?",
                (number, key, limit),
            )
        if len(wanted) > _MANY:
            found = list(self._picked(number, wanted, limit))
        return [(row[0], _task(target, row)) for row in sorted(found, reverse=True)[:limit]]

    # -- of all targets --------------------------------------------------------------------------------------------

    def first_started(self) -> float:
        """When the first run began; 0 where there was none."""
        row = self._db.execute("SELECT min(started) FROM run WHERE flow = ?", (self._flow,)).fetchone()
        return row[0] or 0.0

    def runs_since(self, moment: float) -> RunStats:
        """What runs did that began after a moment, seconds since the epoch."""
        row = self._db.execute(
            "SELECT count(*), total(seconds), sum(fresh), sum(spared), total(saved) FROM run"
            " WHERE flow = ? AND started >= ? AND (outcome IS NULL OR outcome NOT IN ('marked', 'cleaned', 'refused'))",
            (self._flow, moment),
        ).fetchone()
        return RunStats(row[0], row[1], row[2] or 0, row[3] or 0, row[4])

    def executed_since(self, moment: float) -> Iterator[Executed]:
        """All executions that ended after a moment, in the order in which they did."""
        rows = self._db.execute(
            "SELECT run, name, key, status, changed, seconds, at, is_mended FROM task"
            " JOIN target ON target.id = task.target WHERE flow = ? AND at >= ? ORDER BY run, number",
            (self._flow, moment),
        )
        return (Executed(*row) for row in rows)

    def sizes(self) -> dict[str, int]:
        """Target -> bytes of all its partitions that are built, as far as anybody noted them."""
        rows = self._db.execute(
            "SELECT name, sum(size) FROM (SELECT target, key, size, max(run) FROM task WHERE size IS NOT NULL"
            " GROUP BY target, key) AS made JOIN trace USING (target, key) JOIN target ON target.id = made.target"
            " WHERE flow = ? GROUP BY name",
            (self._flow,),
        )
        return dict(rows.fetchall())

    def changes_since(self, moment: float) -> Iterator[tuple[str, float, int]]:
        """Target, when, and by how many bytes a partition grew, for each that was built after a moment."""
        yield from self._db.execute(
            "SELECT name, at, size - before FROM (SELECT target, at, size, coalesce(lag(size) OVER"
            " (PARTITION BY target, key ORDER BY run, number), 0) AS before FROM task WHERE size IS NOT NULL) AS made"
            " JOIN target ON target.id = made.target WHERE flow = ? AND at >= ?",
            (self._flow, moment),
        )

    def _picked(self, target: int, wanted: frozenset[str], limit: int) -> Iterator[tuple[int, ...]]:
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM task WHERE target = ? ORDER BY run DESC, number DESC", (target,)
        )
        for row in rows:
            if row[2] in wanted:
                yield row
                limit -= 1
                if not limit:
                    return


def _task(target: str, row: tuple[object, ...]) -> TaskRow:
    _, number, key, status, changed, *more = row
    return TaskRow(number, target, key, status, bool(changed), *more)  # type: ignore[arg-type]
