"""What a task would cost in Python with nothing but what it can't do without: the floor under `overhead`.

    python -m tests.bench.floor [N]

N files are made from others by a recipe: a copy of a kilobyte in Python; a SELECT over twenty rows of Parquet by one
DuckDB session; a program that is started for each file, `cat`, without a shell. Each step is added to those before it:
the recipe alone; to another name that is renamed; with both files hashed between two stats, the output's time set back,
and the input looked at again; with an intent written before the rename, and with the three rows (file, trace, ledger)
that a task takes in a state, committed in groups after a flush; and with the work in a process of its own, which is
handed each task and tells how it ended. Prints the milliseconds of processor time for each task, of all processes, cold
folders, best of three, and what that is beyond the recipe; at last the same by `sh -c` in place of a program, which is
what a shell task is measured by.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import duckdb

from dbuild.execute.channel import Channel
from dbuild.execute.publish import flush
from dbuild.observe.digests import hash_file, hash_made
from dbuild.observe.listing import stat_file

_GROUP = 300  # tasks that are committed together: as many as end in a third of a second
Rows = list[tuple[str, bytes, int, int, int, int]]


class Recipe(Protocol):
    """What makes one file from another."""

    ending: str

    def write(self, path: str) -> None:
        """Writes a source."""

    def make(self, source: str, made: str) -> None:
        """Makes the other one."""


class Copy:
    """A function that copies a file."""

    ending = "txt"

    def write(self, path: str) -> None:
        with open(path, "wb") as file:
            file.write(b"x" * 1000)

    def make(self, source: str, made: str) -> None:
        Path(made).write_bytes(Path(source).read_bytes())


class Select:
    """A statement of SQL."""

    ending = "parquet"

    def __init__(self) -> None:
        self._sessions: dict[int, duckdb.DuckDBPyConnection] = {}  # by process

    def _session(self) -> duckdb.DuckDBPyConnection:
        pid = os.getpid()
        if pid not in self._sessions:
            self._sessions[pid] = duckdb.connect(config={"threads": 1, "async_threads": 0})
        return self._sessions[pid]

    def write(self, path: str) -> None:
        self._session().execute(f"COPY (SELECT range AS a, range * 2 AS b FROM range(20)) TO '{path}' (FORMAT parquet)")

    def make(self, source: str, made: str) -> None:
        select = f"SELECT a, b + 1 AS b FROM read_parquet('{source}')"
        self._session().execute(f"COPY ({select}) TO '{made}' (FORMAT parquet, COMPRESSION zstd)")


class Cat(Copy):
    """A program."""

    def __init__(self) -> None:
        self._program = shutil.which("cat") or "cat"

    def _words(self, source: str) -> list[str]:
        return [self._program, source]

    def make(self, source: str, made: str) -> None:
        words = self._words(source)
        printed = (os.POSIX_SPAWN_OPEN, 1, made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        pid = os.posix_spawn(words[0], words, os.environ, file_actions=[printed], setsid=True)
        assert os.waitpid(pid, 0)[1] == 0


class Shell(Cat):
    """The same by a shell."""

    def _words(self, source: str) -> list[str]:
        return ["/bin/sh", "-c", f"cat {source}"]


class Floor:
    """A folder of sources, and the steps."""

    def __init__(self, folder: Path, count: int, recipe: Recipe) -> None:
        self._recipe = recipe
        self.names = [f"f{number:06d}.{recipe.ending}" for number in range(count)]
        self.source, self.made = str(folder / "in"), str(folder / "out")
        for place in (self.source, self.made):
            os.makedirs(place)
        for name in self.names:
            recipe.write(f"{self.source}/{name}")
        self.db = sqlite3.connect(folder / "state.db", isolation_level=None)
        self.db.execute("PRAGMA journal_mode = WAL")
        for table in ("file", "trace", "task"):
            self.db.execute(f"CREATE TABLE {table} (name TEXT PRIMARY KEY, digest, size, mtime, ctime, inode)")
        self.journal = os.open(folder / "journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def recipe(self, name: str, made: str) -> None:
        self._recipe.make(f"{self.source}/{name}", made)

    def copied(self) -> None:
        for name in self.names:
            self.recipe(name, f"{self.made}/{name}")

    def renamed(self) -> None:
        for name in self.names:
            self.recipe(name, f"{self.made}/.tmp-{name}")
            os.rename(f"{self.made}/.tmp-{name}", f"{self.made}/{name}")

    def work(self, name: str) -> bytes:
        """The recipe, and the digest of what it made."""
        made = f"{self.made}/.tmp-{name}"
        self.recipe(name, made)
        return hash_made(made)[0]

    def settle(self, name: str, digest: bytes, rows: Rows) -> None:
        os.rename(f"{self.made}/.tmp-{name}", f"{self.made}/{name}")
        stat = stat_file(f"{self.made}/{name}")
        assert stat is not None
        rows.append((name, digest, *stat))

    def hashed(self) -> None:
        for name in self.names:
            _, stat = hash_file(f"{self.source}/{name}")
            digest = self.work(name)
            assert stat_file(f"{self.source}/{name}") == stat
            self.settle(name, digest, [])

    def commit(self, rows: Rows) -> None:
        flush([f"{self.made}/{row[0]}" for row in rows])
        self.db.execute("BEGIN")
        for table in ("file", "trace", "task"):
            self.db.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?, ?, ?, ?)", rows)
        self.db.execute("COMMIT")
        rows.clear()

    def recorded(self, work: Callable[[str], bytes] | None = None) -> None:
        rows: Rows = []
        for name in self.names:
            _, stat = hash_file(f"{self.source}/{name}")
            digest = (work or self.work)(name)
            assert stat_file(f"{self.source}/{name}") == stat
            os.write(self.journal, json.dumps([name, digest.hex(), *stat]).encode())
            self.settle(name, digest, rows)
            if len(rows) == _GROUP:
                self.commit(rows)
        self.commit(rows)

    def handed(self) -> None:
        ours, theirs = socket.socketpair()
        child = os.fork()
        channel = Channel((theirs if child == 0 else ours).detach())
        if child == 0:
            ours.close()
            try:
                while True:
                    channel.send(self.work(channel.receive()[0]))
            except EOFError:
                os._exit(0)
        theirs.close()

        def work(name: str) -> bytes:
            channel.send((name, f"{self.source}/{name}", f"{self.made}/{name}", self.made))
            digest: bytes = channel.receive()
            return digest

        self.recorded(work)
        channel.close()
        os.waitpid(child, 0)


STEPS: dict[str, Callable[[Floor], None]] = {
    "the recipe alone": Floor.copied,
    "under another name, renamed": Floor.renamed,
    "hashed, and looked at again": Floor.hashed,
    "with an intent and three rows": Floor.recorded,
    "in a process of its own": Floor.handed,
}


def _spent() -> float:
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def best(step: Callable[[Floor], None], count: int, recipe: Recipe) -> float:
    """The least processor time of three cold runs, in milliseconds for each file."""
    found = []
    for _ in range(3):
        folder = Path(tempfile.mkdtemp(prefix="dbuild-floor-"))
        try:
            floor = Floor(folder, count, recipe)
            before = _spent()
            step(floor)
            found.append(_spent() - before)
        finally:
            shutil.rmtree(folder)
    return min(found) / count * 1000


def main(count: int) -> None:
    recipes: dict[str, tuple[Callable[[], Recipe], int]] = {
        "Python": (Copy, count),
        "SQL": (Select, count // 3),
        "a program": (Cat, count // 3),
    }
    for kind, (recipe, number) in recipes.items():
        print(kind)
        alone = 0.0
        for words, step in STEPS.items():
            took = best(step, number, recipe())
            alone = alone or took
            print(f"  {words:30} {took:6.3f} ms {took - alone:7.3f} beyond the recipe", flush=True)
    took = best(Floor.copied, count // 3, Shell())
    print(f"sh -c\n  {'the recipe alone':30} {took:6.3f} ms", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3000)
