"""SQLite in WAL mode: one writer, any number of readers at any time.

Durability: the journal mode is WAL with synchronous=NORMAL, so a power loss may take the newest transactions but never
leaves half of one; data that a transaction vouches for has been flushed before it (see execute/publish.py).
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from dbuild.core.trace import Trace, pack_outputs, unpack_outputs
from dbuild.errors import StateError
from dbuild.observe.listing import Stat
from dbuild.state.schema import STEPS, VERSION

if TYPE_CHECKING:  # what a build with nothing to do doesn't need
    from dbuild.state.leftovers import Leftovers
    from dbuild.state.marks import Marks

FOLDER = ".dbuild"
_MANY = 500  # keys from which a range is read whole and filtered here


class FileRow(NamedTuple):
    """A file whose digest is known for certain stats."""

    path: str  # relative to the project, or absolute where it lies outside
    stat: Stat
    digest: bytes
    is_racy: bool  # its stats vouch for nothing: it was too young when it was hashed
    boot: str  # identity of the boot in which it was hashed
    hashed: int  # the file system's clock then, in nanoseconds


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
    reasons: str  # JSON list of texts
    error: str | None
    log: str | None


class Failure(NamedTuple):
    """How a partition failed when it was last tried; kept until it succeeds."""

    run: int
    error: str
    log: str | None  # path relative to the project
    at: float = 0.0  # seconds since the epoch
    tail: tuple[str, ...] = ()  # the last lines that it printed
    attempts: int = 1  # how often that run tried it


def open_state(root: str, flow: str, *, is_reader: bool = False) -> State:
    """Opens the state of a project, making or migrating it; a reader of a project without state gets an empty one.

    Raises StateError where it can't be used. A damaged file is set aside under a new name, and an empty state begins.
    """
    folder = os.path.join(root, FOLDER)
    path = os.path.join(folder, "state.db")
    if is_reader and not os.path.exists(path):
        return State(_prepare(sqlite3.connect(":memory:"), path), root, flow)
    try:
        make_folder(folder)
        return State(_prepare(_connect(path, is_reader), path), root, flow)
    except OSError as error:
        raise StateError(
            f"the state folder {folder} can't be written: {error.strerror}", hint="dbuild needs to write there"
        ) from None
    except sqlite3.OperationalError as error:
        raise StateError(f"the state {path} can't be used: {error}", hint="is the folder writable?") from None
    except sqlite3.DatabaseError:
        if is_reader:
            return State(_prepare(sqlite3.connect(":memory:"), path), root, flow)
        set_aside(root)
        return State(_prepare(_connect(path, False), path), root, flow)


def make_folder(folder: str) -> None:
    """The state's folder: for its owner only, and ignored by git."""
    if not os.path.isdir(folder):
        os.makedirs(folder, mode=0o700, exist_ok=True)
        with open(os.path.join(folder, ".gitignore"), "w", encoding="utf-8") as out:
            out.write("*\n")


def set_aside(root: str) -> str:
    """Renames a damaged state, so that it is lost to nobody and the next open begins anew; its new path."""
    path = os.path.join(root, FOLDER, "state.db")
    aside = f"{path}.damaged-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}"
    for ending in ("", "-wal", "-shm"):
        if os.path.exists(path + ending):
            os.rename(path + ending, aside + ending)
    return aside


def is_damage(error: sqlite3.Error) -> bool:
    """Whether an error says that the file is no database, or one that doesn't hang together."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _connect(path: str, is_reader: bool) -> sqlite3.Connection:
    if is_reader and not os.access(os.path.dirname(path), os.W_OK) and not os.path.exists(f"{path}-wal"):
        from urllib.parse import quote

        # Nobody writes: without its shared memory, which can't be made here, SQLite reads only what can't change.
        path = f"file:{quote(path)}?immutable=1"
    connection = sqlite3.connect(
        path,
        uri=path.startswith("file:"),
        timeout=10,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    if is_reader:
        connection.execute("PRAGMA query_only = 1")
    return connection


def _prepare(connection: sqlite3.Connection, path: str) -> sqlite3.Connection:
    try:
        return _migrate(connection, path)
    except BaseException:
        connection.close()  # before anything is set aside: closing later would remove the next state's journal
        raise


def _migrate(connection: sqlite3.Connection, path: str) -> sqlite3.Connection:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise StateError(
            f"the state {path} was written by a newer dbuild (its version is {version}, this one reads {VERSION})",
            hint="use that dbuild, or move the folder away to begin anew",
        )
    if version < VERSION:
        connection.execute("PRAGMA query_only = 0")
        connection.execute("PRAGMA journal_mode = WAL")
        _take_steps(connection)
        os.chmod(path, 0o600) if os.path.exists(path) else None
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA cache_size = -65536")
    return connection


def _take_steps(connection: sqlite3.Connection) -> None:
    """All steps to the present version in one transaction, unless another process has just taken them."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        for step in range(version + 1, VERSION + 1):
            for statement in STEPS[step].split(";"):
                connection.execute(statement)
        if version < VERSION:
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


class State:
    """Reading and writing of everything that is kept. Paths are relative to the project."""

    def __init__(self, connection: sqlite3.Connection, root: str, flow: str) -> None:
        self._db = connection
        self._root = root
        self.flow = flow
        self._ids: dict[str, int] = {}
        self._marks: Marks | None = None
        self._leftovers: Leftovers | None = None

    def close(self) -> None:
        self._db.close()

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
        self._db.executemany("DELETE FROM failure WHERE target = ? AND key = ?", [row[:2] for row in packed])

    # -- failures --------------------------------------------------------------------------------------------------

    def failures(self, target: str) -> dict[str, Failure]:
        """Key -> the failure of each partition that failed when it was last tried."""
        rows = self._db.execute(
            "SELECT key, run, error, log, at, tail, attempts FROM failure WHERE target = ?",
            (self.target_id(target, is_made=False),),
        )
        return {
            key: Failure(run, error, log, at, tuple(tail.split("\n")) if tail else (), attempts)
            for key, run, error, log, at, tail, attempts in rows
        }

    def put_failure(self, target: str, key: str, found: Failure) -> None:
        """Keeps a failure until the partition succeeds."""
        self._db.execute(
            "INSERT OR REPLACE INTO failure (target, key, run, error, log, at, tail, attempts)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(self.target_id(target), key, found.run, found.error, found.log, found.at),
                *("\n".join(found.tail), found.attempts),
            ),
        )

    # -- files -----------------------------------------------------------------------------------------------------

    def files(self, paths: Sequence[str]) -> dict[str, FileRow]:
        """The known digests of these files."""
        found: dict[str, FileRow] = {}
        columns = "SELECT path, size, mtime, ctime, inode, digest, is_racy, boot, hashed FROM file"
        for start in range(0, len(paths), _MANY):
            chunk = paths[start : start + _MANY]
            marks = ",".join("?" * len(chunk))
            for row in self._db.execute(f"{columns} WHERE path IN ({marks})", chunk):
                found[row[0]] = _file(row)
        return found

    def files_below(self, prefix: str) -> dict[str, FileRow]:
        """Every known file whose path begins so, in one range read."""
        rows = self._db.execute(
            "SELECT path, size, mtime, ctime, inode, digest, is_racy, boot, hashed FROM file"
            " WHERE path >= ? AND path < ?",
            (prefix, prefix + "\U0010ffff"),
        )
        return {row[0]: _file(row) for row in rows}

    def put_files(self, rows: Iterable[FileRow]) -> None:
        """Keeps digests with the stats that vouch for them."""
        self._db.executemany(
            "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (r.path, r.stat.size, r.stat.mtime, r.stat.ctime, r.stat.inode, r.digest, r.is_racy, r.boot, r.hashed)
                for r in rows
            ],
        )

    def drop_files(self, paths: Iterable[str]) -> None:
        """Forgets files that are gone."""
        self._db.executemany("DELETE FROM file WHERE path = ?", [(path,) for path in paths])

    # -- listings, presence, seals ---------------------------------------------------------------------------------

    def listing_heads(self) -> dict[str, tuple[bytes, str, int]]:
        """Root -> digest, boot and number of files of each kept listing; the listings themselves aren't read."""
        rows = self._db.execute("SELECT root, digest, boot, files FROM listing WHERE flow = ?", (self.flow,))
        return {root: (digest, boot, files) for root, digest, boot, files in rows}

    def listing(self, root: str) -> bytes:
        """A kept listing; empty where there is none."""
        row = self._db.execute("SELECT content FROM listing WHERE flow = ? AND root = ?", (self.flow, root)).fetchone()
        return row[0] if row else b""

    def put_listing(self, root: str, digest: bytes, boot: str, files: int, content: bytes) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO listing (flow, root, digest, boot, files, content) VALUES (?, ?, ?, ?, ?, ?)",
            (self.flow, root, digest, boot, files, content),
        )

    def drop_listing(self, root: str) -> None:
        """Forgets a listing, so that the next look at that folder takes every file as new."""
        self._db.execute("DELETE FROM listing WHERE flow = ? AND root = ?", (self.flow, root))

    def presence(self, dataset: str) -> tuple[str, bytes, str] | None:
        """Pattern, identity of the axes and body of the set of a dataset's partitions that were there."""
        row = self._db.execute(
            "SELECT pattern, axes, body FROM presence WHERE flow = ? AND dataset = ?", (self.flow, dataset)
        ).fetchone()
        return (row[0], row[1], row[2]) if row else None

    def put_presence(self, dataset: str, pattern: str, axes: bytes, body: str) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO presence (dataset, flow, pattern, axes, body) VALUES (?, ?, ?, ?, ?)",
            (dataset, self.flow, pattern, axes, body),
        )

    def axis_values(self, dimension: str) -> tuple[str, ...]:
        """The values that a list or discovered dimension had."""
        row = self._db.execute(
            "SELECT vals FROM axis WHERE flow = ? AND dimension = ?", (self.flow, dimension)
        ).fetchone()
        return tuple(row[0].split("\n")) if row and row[0] else ()

    def put_axis_values(self, dimension: str, values: Sequence[str]) -> None:
        self._db.execute("INSERT OR REPLACE INTO axis VALUES (?, ?, ?)", (self.flow, dimension, "\n".join(values)))

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

    def generation(self) -> int:
        """A number that grows with every run that did something: traces are as they were while it is the same."""
        row = self._db.execute("SELECT max(id) FROM run").fetchone()
        return row[0] or 0

    # -- memos, owners ---------------------------------------------------------------------------------------------

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

    # -- the ledger ------------------------------------------------------------------------------------------------

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

    def has_cut_off(self) -> bool:
        """Whether a run of this Dataflowfile never ended (it was killed), or none is known at all."""
        row = self._db.execute("SELECT count(*), count(outcome) FROM run WHERE flow = ?", (self.flow,)).fetchone()
        return bool(row[0] == 0 or row[0] > row[1])

    def end_cut_off(self) -> None:
        """Takes note that what such runs left behind has been seen to."""
        self._db.execute("UPDATE run SET outcome = 'cut off' WHERE flow = ? AND outcome IS NULL", (self.flow,))

    def put_tasks(self, run: int, rows: Iterable[TaskRow]) -> None:
        self._db.executemany(
            "INSERT OR REPLACE INTO task VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    *(run, r.number, self.target_id(r.target), r.key, r.status, r.changed),
                    *(r.seconds, r.at, r.reasons, r.error, r.log),
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
            "SELECT task.run, task.number, target.name, task.key, status, changed, seconds, at, reasons, error, log"
            f" FROM task JOIN target ON target.id = task.target WHERE {' AND '.join(wheres)}"
            " ORDER BY task.run DESC, task.number DESC LIMIT ?",
            [*values, limit],
        )
        return [(row[0], TaskRow(row[1], row[2], row[3], row[4], bool(row[5]), *row[6:])) for row in rows]

    def seconds(self, target: str) -> dict[str, float]:
        """Key -> how long the recipe ran when a partition of a target was last built."""
        rows = self._db.execute(
            "SELECT key, seconds FROM trace WHERE target = ?", (self.target_id(target, is_made=False),)
        )
        return dict(rows.fetchall())

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
        _load_pairs(str(params)),
        bytes(inputs),  # type: ignore[call-overload]
        unpack_outputs(str(outputs)),
        int(run),  # type: ignore[call-overload]
        float(at),  # type: ignore[arg-type]
        float(seconds),  # type: ignore[arg-type]
    )


def _file(row: Sequence[object]) -> FileRow:
    path, size, mtime, ctime, inode, digest, racy, boot, hashed = row
    return FileRow(path, Stat(size, mtime, ctime, inode), digest, bool(racy), boot, hashed)  # type: ignore[arg-type]


def dump_pairs(pairs: Sequence[tuple[str, str]]) -> str:
    """Params and their values as a trace's column."""
    return "\x1e".join(f"{name}\x1f{value}" for name, value in pairs)


def _load_pairs(text: str) -> tuple[tuple[str, str], ...]:
    if not text:
        return ()
    pairs = (item.partition("\x1f") for item in text.split("\x1e"))
    return tuple((name, value) for name, _, value in pairs)
