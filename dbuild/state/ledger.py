"""The ledger: runs, and what each of them executed."""

from __future__ import annotations

from collections.abc import Iterable

from dbuild.state.targets import Targets
from dbuild.values import dataclass


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One execution, for the ledger."""

    number: int
    target: str
    key: str
    status: str
    changed: bool
    seconds: float
    at: float
    reasons: str  # as `core.reasons` packs them
    error: str | None
    log: str | None
    size: int | None = None  # bytes of all that it made; None: it made nothing, or nobody noted it
    is_mended: bool = False  # whether it had failed in an earlier run, reading the same


@dataclass(frozen=True, slots=True)
class Savings:
    """What a run didn't have to do."""

    fresh: int  # partitions that it was asked for and that didn't run
    spared: int  # of them those that would have, had not all that they read come out the same
    seconds: float  # that they took when they last ran


@dataclass(frozen=True, slots=True)
class Maker:
    """Who stands behind a run, and what code was built."""

    who: str  # the commit's author; without a commit the user and the machine
    code: str = ""  # the commit's id
    is_dirty: bool | None = None  # whether the project's files differed from it; None: not known


class Ledger(Targets):
    """The part of a state that knows of runs."""

    def begin_run(self, started: float, command: str) -> int:
        """A new run's number."""
        row = self._db.execute(
            "INSERT INTO run (flow, started, command) VALUES (?, ?, ?) RETURNING id", (self.flow, started, command)
        ).fetchone()
        return int(row[0])

    def end_run(self, run: int, seconds: float, outcome: str, built: int, failed: int) -> None:
        self._db.execute(
            "UPDATE run SET seconds = ?, outcome = ?, built = ?, failed = ? WHERE id = ?",
            (seconds, outcome, built, failed, run),
        )

    def put_savings(self, run: int, savings: Savings) -> None:
        """Notes what a run didn't have to do."""
        self._db.execute(
            "UPDATE run SET fresh = ?, spared = ?, saved = ? WHERE id = ?",
            (savings.fresh, savings.spared, savings.seconds, run),
        )

    def put_maker(self, run: int, maker: Maker) -> None:
        """Notes who stands behind a run."""
        self._db.execute(
            "UPDATE run SET who = ?, code = ?, is_dirty = ? WHERE id = ?", (maker.who, maker.code, maker.is_dirty, run)
        )

    def maker(self, run: int) -> Maker | None:
        """Who stands behind a run; None where nobody noted it."""
        row = self._db.execute("SELECT who, code, is_dirty FROM run WHERE id = ?", (run,)).fetchone()
        return Maker(row[0], row[1], None if row[2] is None else bool(row[2])) if row and row[0] else None

    def has_cut_off(self) -> bool:
        """Whether a run of this Dataflowfile never ended (it was killed), or none is known at all."""
        row = self._db.execute("SELECT count(*), count(outcome) FROM run WHERE flow = ?", (self.flow,)).fetchone()
        return bool(row[0] == 0 or row[0] > row[1])

    def end_cut_off(self) -> None:
        """Takes note that what such runs left behind has been seen to."""
        self._db.execute("UPDATE run SET outcome = 'cut off' WHERE flow = ? AND outcome IS NULL", (self.flow,))

    def put_tasks(self, run: int, rows: Iterable[TaskRow]) -> None:
        self._db.executemany(
            "INSERT OR REPLACE INTO task (run, number, target, key, status, changed, seconds, at, reasons, error, log,"
            " size, is_mended) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    *(run, r.number, self.target_id(r.target), r.key, r.status, r.changed),
                    *(r.seconds, r.at, r.reasons, r.error, r.log, r.size, r.is_mended),
                )
                for r in rows
            ],
        )

    def runs(self, limit: int) -> list[tuple[int, float, float | None, str, str | None, int, int]]:
        """Number, start, seconds, command, outcome, built and failed of the newest runs, newest first."""
        return self._db.execute(
            "SELECT id, started, seconds, command, outcome, built, failed FROM run WHERE flow = ?"
            " ORDER BY id DESC LIMIT ?",
            (self.flow, limit),
        ).fetchall()

    def tasks(
        self, limit: int, run: int | None = None, target: str | None = None, key: str | None = None
    ) -> list[tuple[int, TaskRow]]:
        """The newest executions of a run, of a target, or of one partition, newest first, each with its run."""
        wheres, values = ["target.flow = ?"], [self.flow]
        for column, value in (("task.run", run), ("target.name", target), ("task.key", key)):
            if value is not None:
                wheres.append(f"{column} = ?")
                values.append(str(value))
        rows = self._db.execute(
            "SELECT task.run, task.number, target.name, task.key, status, changed, seconds, at, reasons, error, log,"
            f" size, is_mended FROM task JOIN target ON target.id = task.target WHERE {' AND '.join(wheres)}"
            " ORDER BY task.run DESC, task.number DESC LIMIT ?",
            [*values, limit],
        )
        return [(row[0], TaskRow(row[1], row[2], row[3], row[4], bool(row[5]), *row[6:])) for row in rows]

    def change_of(self, target: str, key: str, until: int | None) -> tuple[int, TaskRow] | None:
        """The newest execution that changed a partition, up to a run (None: of all), with its run."""
        row = self._db.execute(
            "SELECT run, number, key, status, changed, seconds, at, reasons, error, log FROM task"
            " WHERE target = ? AND key = ? AND run <= ? AND changed ORDER BY run DESC, number DESC LIMIT 1",
            (self.target_id(target, is_made=False), key, until if until is not None else 1 << 62),
        ).fetchone()
        return (row[0], TaskRow(row[1], target, row[2], row[3], bool(row[4]), *row[5:])) if row else None

    def same_since(self, target: str, run: int) -> dict[str, tuple[int, float]]:
        """By key, the newest run after `run` in which a partition came out as it was, and when."""
        rows = self._db.execute(  # "+": by the numbers of runs, as few of them are newer
            "SELECT key, run, at FROM task WHERE run > ? AND +target = ? AND status = 'built' AND NOT changed"
            " ORDER BY run",
            (run, self.target_id(target, is_made=False)),
        )
        return {key: (number, at) for key, number, at in rows}

    def first_cut_off(self, run: int) -> int:
        """The first of the runs that were cut off straight before this one, or itself: they did the same work."""
        rows = self._db.execute(
            "SELECT id, outcome FROM run WHERE flow = ? AND id < ? ORDER BY id DESC LIMIT 100", (self.flow, run)
        )
        for number, outcome in rows:
            if outcome != "cut off":
                break
            run = number
        return run

    def runs_from(self, run: int, limit: int) -> list[int]:
        """The numbers of the first runs from this one on."""
        rows = self._db.execute(
            "SELECT id FROM run WHERE flow = ? AND id >= ? ORDER BY id LIMIT ?", (self.flow, run, limit)
        )
        return [number for (number,) in rows]

    def first_run_of(self, target: str) -> int | None:
        """The first run that executed anything of a target."""
        row = self._db.execute(
            "SELECT min(run) FROM task WHERE target = ?", (self.target_id(target, is_made=False),)
        ).fetchone()
        return row[0] if row else None

    def tasks_of(self, runs: Iterable[int]) -> list[tuple[int, TaskRow]]:
        """All executions of these runs with their runs, in the order in which they ended."""
        found = [row for run in runs for row in self.tasks(-1, run=run)]
        return sorted(found, key=lambda pair: (pair[0], pair[1].number))

    def generation(self) -> int:
        """A number that grows with every run that did something: traces are as they were while it is the same."""
        row = self._db.execute("SELECT max(id) FROM run").fetchone()
        return row[0] or 0
