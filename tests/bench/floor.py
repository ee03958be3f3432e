"""What a task would cost in Python with nothing but what it can't do without: the floor under `overhead`.

    python -m tests.bench.floor [N]

N files of a kilobyte are copied, and each step is added to those before it: the copy alone; to another name that is
renamed; with both files hashed between two stats, the output's time set back, and the input looked at again; with an
intent written before the rename, and with the three rows (file, trace, ledger) that a task takes in a state, committed
in groups after a flush; and with the work in a process of its own, which is handed each task and tells how it ended.
Prints the milliseconds of processor time for each task, of all processes, cold folders, best of three.
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

from dbuild.execute.channel import Channel
from dbuild.execute.publish import flush
from dbuild.observe.digests import hash_file, hash_made
from dbuild.observe.listing import stat_file

_GROUP = 300  # tasks that are committed together: as many as end in a third of a second
Rows = list[tuple[str, bytes, int, int, int, int]]


class Floor:
    """A folder of sources, and the steps."""

    def __init__(self, folder: Path, count: int) -> None:
        self.names = [f"f{number:06d}.txt" for number in range(count)]
        self.source, self.made = str(folder / "in"), str(folder / "out")
        for place in (self.source, self.made):
            os.makedirs(place)
        for name in self.names:
            with open(f"{self.source}/{name}", "wb") as file:
                file.write(b"x" * 1000)
        self.db = sqlite3.connect(folder / "state.db", isolation_level=None)
        self.db.execute("PRAGMA journal_mode = WAL")
        for table in ("file", "trace", "task"):
            self.db.execute(f"CREATE TABLE {table} (name TEXT PRIMARY KEY, digest, size, mtime, ctime, inode)")
        self.journal = os.open(folder / "journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def recipe(self, name: str, made: str) -> None:
        Path(made).write_bytes(Path(f"{self.source}/{name}").read_bytes())

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
    "the copy alone": Floor.copied,
    "under another name, renamed": Floor.renamed,
    "hashed, and looked at again": Floor.hashed,
    "with an intent and three rows": Floor.recorded,
    "in a process of its own": Floor.handed,
}


def _spent() -> float:
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def best(step: Callable[[Floor], None], count: int) -> float:
    """The least processor time of three cold runs, in milliseconds for each file."""
    found = []
    for _ in range(3):
        folder = Path(tempfile.mkdtemp(prefix="dbuild-floor-"))
        try:
            floor = Floor(folder, count)
            before = _spent()
            step(floor)
            found.append(_spent() - before)
        finally:
            shutil.rmtree(folder)
    return min(found) / count * 1000


if __name__ == "__main__":
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    for words, step in STEPS.items():
        print(f"{words:30} {best(step, size):6.3f} ms", flush=True)
