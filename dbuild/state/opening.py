"""A state is opened: made or migrated, refused where it is of a newer dbuild, set aside where it is damaged."""

from __future__ import annotations

import os
import sqlite3
import time

from dbuild.errors import DiskError, StateError
from dbuild.state.schema import STEPS, VERSION
from dbuild.state.store import FOLDER, State

_LITTLE = 1 << 17  # bytes that SQLite needs to open a state
_DISK = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)


def open_state(root: str, flow: str, *, is_reader: bool = False) -> State:
    """Opens the state of a project, making or migrating it; a reader of a project without state gets an empty one.

    Raises StateError where it can't be used. A damaged file is set aside under a new name, and an empty state begins.
    """
    folder = os.path.join(root, FOLDER)
    path = os.path.join(folder, "state.db")
    if is_reader and not os.path.exists(path):
        return State(_prepare(_nothing(), path), root, flow, is_reader=True)
    try:
        make_folder(folder)
        return State(_prepare(_connect(path, is_reader), path), root, flow, is_reader=is_reader)
    except OSError as error:
        raise DiskError(
            f"the state folder {folder} can't be written: {error.strerror}", hint="dbuild needs to write there"
        ) from None
    except sqlite3.OperationalError as error:
        kind = DiskError if _is_for_want_of_disk(error) else StateError
        raise kind(f"the state {path} can't be used: {error}", hint=_disk_hint(folder)) from None
    except sqlite3.DatabaseError:
        if is_reader:
            return State(_prepare(_nothing(), path), root, flow, is_reader=True)
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


def unwritable(error: sqlite3.Error) -> StateError:
    """What is said when the state, which isn't damaged, couldn't be written."""
    kind = DiskError if _is_for_want_of_disk(error) else StateError
    return kind(f"the state can't be written: {error}", hint="is the disk full?")


def _disk_hint(folder: str) -> str:
    """What is to be looked at where a state can't be opened."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return "is the folder writable?"
    free = found.f_bavail * found.f_frsize
    return f"its disk is full: {free:,} bytes are free" if free < _LITTLE else "is the folder writable?"


def _is_for_want_of_disk(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DISK


def _nothing() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)


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
