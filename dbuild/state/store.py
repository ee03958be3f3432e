"""The state: SQLite in WAL mode, with one writer and any number of readers at any time.

Durability: the journal mode is WAL with synchronous=NORMAL, so a power loss may take the newest transactions but never
leaves half of one; data that a transaction vouches for has been flushed before it (see execute/publish.py).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from dbuild.core.trace import Trace, pack_outputs, unpack_outputs
from dbuild.state.files import Files
from dbuild.state.ledger import Ledger

if TYPE_CHECKING:  # what a build with nothing to do doesn't need
    from dbuild.state.arrivals import Arrivals
    from dbuild.state.heritage import Heritage
    from dbuild.state.leftovers import Leftovers
    from dbuild.state.marks import Marks
    from dbuild.state.pasts import Pasts
    from dbuild.state.recipes import Recipes
    from dbuild.state.records import Records
    from dbuild.state.routes import Routes

FOLDER = ".dbuild"


class Failure(NamedTuple):
    """How a partition failed when it was last tried; kept until it succeeds."""

    run: int
    error: str
    log: str | None  # path relative to the project
    at: float = 0.0  # seconds since the epoch
    tail: tuple[str, ...] = ()  # the last lines that it printed
    attempts: int = 1  # how often that run tried it
    identity: bytes = b""  # of all that it read; empty: nothing of that is known
    failures: int = 1  # how many runs in a row it failed in, reading the same


class State(Files, Ledger):
    """Reading and writing of everything that is kept. Paths are relative to the project."""

    def __init__(self, connection: sqlite3.Connection, root: str, flow: str, *, is_reader: bool = False) -> None:
        super().__init__(connection, flow)
        self.is_reader = is_reader  # whether nothing may be written
        self._root = root
        self._marks: Marks | None = None
        self._leftovers: Leftovers | None = None
        self._heritage: Heritage | None = None
        self._arrivals: Arrivals | None = None
        self._recipes: Recipes | None = None
        self._routes: Routes | None = None

    def close(self) -> None:
        self._db.close()

    def detach(self) -> None:
        """Goes on with a copy in memory: what is written from now on is lost when it is closed."""
        copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._db.backup(copy)
        self._db.close()
        self._db = copy
        self.renumber()

    def renumber(self) -> None:
        """Forgets what was read of which number stands for which target: these have changed."""
        self._ids.clear()
        self._marks = self._leftovers = self._heritage = self._arrivals = None
        self._recipes = self._routes = None

    @contextmanager
    def one_moment(self) -> Iterator[Records]:
        """The rows of the ledger as they are now, whatever is written meanwhile; nobody who writes waits for it."""
        from dbuild.state.records import Records

        self._db.execute("BEGIN")
        try:
            self._db.execute("SELECT 1 FROM run LIMIT 1").fetchone()  # the first read is the moment
            yield Records(self._db, self.flow)
        finally:
            self._db.execute("ROLLBACK")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing of what is written inside."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            self._ids.clear()  # numbers given inside are taken back with it
            if self._db.in_transaction:  # SQLite has rolled back by itself where the disk was full
                self._db.execute("ROLLBACK")
            raise

    @property
    def marks(self) -> Marks:
        """What people said of partitions."""
        if self._marks is None:
            from dbuild.state.marks import Marks

            self._marks = Marks(self._db, self.flow, self.target_id)
        return self._marks

    @property
    def leftovers(self) -> Leftovers:
        """Outputs that no trace has any more, and the forgetting of those that are removed."""
        if self._leftovers is None:
            from dbuild.state.leftovers import Leftovers

            self._leftovers = Leftovers(self._db, self.flow, self.target_id)
        return self._leftovers

    @property
    def routes(self) -> Routes:
        """Where the rows of files go, of inputs whose rows are routed."""
        if self._routes is None:
            from dbuild.state.routes import Routes

            self._routes = Routes(self._db, self.flow)
        return self._routes

    @property
    def recipes(self) -> Recipes:
        """What the fingerprints consisted of that something was built under."""
        if self._recipes is None:
            from dbuild.state.recipes import Recipes

            self._recipes = Recipes(self._db, self.target_id)
        return self._recipes

    @property
    def pasts(self) -> Pasts:
        """What the ledger has of single targets."""
        from dbuild.state.pasts import Pasts

        return Pasts(self._db, self.flow, self.target_id)

    @property
    def heritage(self) -> Heritage:
        """What was built under other names and dimensions."""
        if self._heritage is None:
            from dbuild.state.heritage import Heritage

            self._heritage = Heritage(self._db, self.flow, self.target_id)
        return self._heritage

    @property
    def arrivals(self) -> Arrivals:
        """What happened to sources."""
        if self._arrivals is None:
            from dbuild.state.arrivals import Arrivals

            self._arrivals = Arrivals(self._db, self.flow)
        return self._arrivals

    # -- traces ----------------------------------------------------------------------------------------------------

    def trace(self, target: str, key: str) -> Trace | None:
        """The trace of one partition."""
        row = self._db.execute(
            "SELECT fingerprint, params, inputs, outputs, run, at, seconds FROM trace WHERE target = ? AND key = ?",
            (self.target_id(target, is_made=False), key),
        ).fetchone()
        return read_trace(row) if row else None

    def traces(self, target: str) -> dict[str, Trace]:
        """All traces of a target by key, in one range read."""
        rows = self._db.execute(
            "SELECT key, fingerprint, params, inputs, outputs, run, at, seconds FROM trace WHERE target = ?",
            (self.target_id(target, is_made=False),),
        )
        return {row[0]: read_trace(row[1:]) for row in rows}

    def outputs(self, target: str) -> dict[str, str]:
        """The packed outputs of all traces of a target by key, without their inputs."""
        rows = self._db.execute(
            "SELECT key, outputs FROM trace WHERE target = ?", (self.target_id(target, is_made=False),)
        )
        return dict(rows.fetchall())

    def put_traces(self, rows: Iterable[tuple[str, str, Trace]]) -> None:
        """Keeps traces, and forgets the failures that they end."""
        packed = [
            (
                self.target_id(target),
                key,
                trace.run,
                trace.at,
                trace.seconds,
                trace.fingerprint,
                dump_pairs(trace.params),
                pack_outputs(trace.outputs),
                trace.inputs,
            )
            for target, key, trace in rows
        ]
        self._db.executemany(
            "INSERT OR REPLACE INTO trace (target, key, run, at, seconds, fingerprint, params, outputs, inputs)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            packed,
        )
        if self._db.execute("SELECT EXISTS (SELECT 1 FROM failure)").fetchone()[0]:  # mostly there is none
            self._db.executemany("DELETE FROM failure WHERE target = ? AND key = ?", [row[:2] for row in packed])

    def renew_fingerprints(self, target: str, present: bytes, *former: bytes) -> None:
        """Gives traces that earlier versions made of the same recipe its present fingerprint."""
        marks = ", ".join("?" * len(former))
        self._db.execute(
            f"UPDATE trace SET fingerprint = ? WHERE target = ? AND fingerprint IN ({marks})",
            (present, self.target_id(target, is_made=False), *former),
        )

    # -- failures --------------------------------------------------------------------------------------------------

    def failures(self, target: str) -> dict[str, Failure]:
        """Key -> the failure of each partition that failed when it was last tried."""
        rows = self._db.execute(
            "SELECT key, run, error, log, at, tail, attempts, identity, failures FROM failure WHERE target = ?",
            (self.target_id(target, is_made=False),),
        )
        return {
            key: Failure(run, error, log, at, tuple(tail.split("\n")) if tail else (), *more)
            for key, run, error, log, at, tail, *more in rows
        }

    def put_failure(self, target: str, key: str, found: Failure) -> None:
        """Keeps a failure until the partition succeeds."""
        self._db.execute(
            "INSERT OR REPLACE INTO failure (target, key, run, error, log, at, tail, attempts, identity, failures)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(self.target_id(target), key, found.run, found.error, found.log, found.at),
                *("\n".join(found.tail), found.attempts, found.identity, found.failures),
            ),
        )

    # -- seals, answers ------------------------------------------------------------------------------------------------

    def seal(self, target: str) -> tuple[bytes, bytes, str] | None:
        """Basis, identity of the axes and body of the set of a target's partitions that are vouched for."""
        row = self._db.execute(
            "SELECT basis, axes, fresh FROM seal WHERE target = ?", (self.target_id(target, is_made=False),)
        ).fetchone()
        return (row[0], row[1], row[2]) if row else None

    def put_seal(self, target: str, basis: bytes, axes: bytes, fresh: str) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO seal VALUES (?, ?, ?, ?)", (self.target_id(target), basis, axes, fresh)
        )

    def answer(self, request: str) -> tuple[bytes, str] | None:
        """The basis and the summary of the last time that this was asked for and nothing had to run."""
        row = self._db.execute(
            "SELECT basis, summary FROM answer WHERE flow = ? AND request = ?", (self.flow, request)
        ).fetchone()
        return (row[0], row[1]) if row else None

    def put_answer(self, request: str, basis: bytes, summary: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO answer VALUES (?, ?, ?, ?)", (self.flow, request, basis, summary))

    # -- memos, owners -------------------------------------------------------------------------------------------------

    def memo(self, kind: str, subject: bytes) -> str | None:
        """The kept result of a pure computation on content (an analysis, a schema)."""
        row = self._db.execute("SELECT value FROM memo WHERE kind = ? AND subject = ?", (kind, subject)).fetchone()
        return row[0] if row else None

    def put_memo(self, kind: str, subject: bytes, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO memo VALUES (?, ?, ?)", (kind, subject, value))

    def owners(self) -> dict[str, tuple[str, str]]:
        """Output path pattern -> Dataflowfile and target that own it."""
        return {path: (flow, target) for path, flow, target in self._db.execute("SELECT path, flow, target FROM owner")}

    def put_owner(self, path: str, target: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO owner VALUES (?, ?, ?)", (path, self.flow, target))

    # -- what traces tell of runs --------------------------------------------------------------------------------------

    def seconds(self, target: str) -> dict[str, float]:
        """Key -> how long the recipe ran when a partition of a target was last built."""
        rows = self._db.execute(
            "SELECT key, seconds FROM trace WHERE target = ?", (self.target_id(target, is_made=False),)
        )
        return dict(rows.fetchall())

    def last_built(self, target: str) -> tuple[float | None, float | None]:
        """When a partition of a target was built last (seconds since the epoch), and the seconds that it took."""
        row = self._db.execute(
            "SELECT at, seconds FROM trace WHERE target = ? ORDER BY at DESC LIMIT 1",
            (self.target_id(target, is_made=False),),
        ).fetchone()
        return (row[0], row[1]) if row else (None, None)

    def seconds_at(self, target: str, keys: Iterable[str]) -> list[float]:
        """How long the recipe ran for those of these partitions that were built."""
        number = self.target_id(target, is_made=False)
        ask = "SELECT seconds FROM trace WHERE target = ? AND key = ?"
        found = (self._db.execute(ask, (number, key)).fetchone() for key in keys)
        return [row[0] for row in found if row]

    def runs_by_key(self, target: str) -> dict[str, int]:
        """Key -> the run that built a partition of a target, or the mark that accepted it."""
        rows = self._db.execute("SELECT key, run FROM trace WHERE target = ?", (self.target_id(target, is_made=False),))
        return dict(rows.fetchall())

    def seconds_by_target(self) -> dict[str, tuple[int, float]]:
        """Target -> number and mean seconds of its traces."""
        rows = self._db.execute(
            "SELECT target.name, count(*), avg(seconds) FROM trace JOIN target ON target.id = trace.target"
            " WHERE target.flow = ? GROUP BY target.name",
            (self.flow,),
        )
        return {name: (count, mean) for name, count, mean in rows}


def read_trace(row: Sequence[object]) -> Trace:
    """A trace from its columns: fingerprint, params, inputs, outputs, run, at, seconds."""
    fingerprint, params, inputs, outputs, run, at, seconds = row
    return Trace(
        bytes(fingerprint),  # type: ignore[call-overload]
        load_pairs(str(params)),
        bytes(inputs),  # type: ignore[call-overload]
        unpack_outputs(str(outputs)),
        int(run),  # type: ignore[call-overload]
        float(at),  # type: ignore[arg-type]
        float(seconds),  # type: ignore[arg-type]
    )


def dump_pairs(pairs: Sequence[tuple[str, str]]) -> str:
    """Params and their values as a trace's column."""
    return "\x1e".join([f"{name}\x1f{value}" for name, value in pairs])


def load_pairs(text: str) -> tuple[tuple[str, str], ...]:
    """What `dump_pairs` wrote."""
    if not text:
        return ()
    pairs = (item.partition("\x1f") for item in text.split("\x1e"))
    return tuple((name, value) for name, _, value in pairs)
