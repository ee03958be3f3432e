"""A real `dbuild watch` on a real project, and what it says, waited for with a bound."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from tests.cli.sandbox import Sandbox

PATIENCE = 90.0  # seconds for anything to happen: only a test that fails waits so long
Record = dict[str, Any]


class Watched:
    """A watch that runs; its records are taken one by one."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said: list[Record] = []  # all that was taken
        self.errors = ""
        self._records: queue.Queue[Record | None] = queue.Queue()
        self._readers = [
            threading.Thread(target=self._read, args=(process.stdout,), daemon=True),
            threading.Thread(target=self._read_errors, args=(process.stderr,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self._records.put(json.loads(line))
        self._records.put(None)

    def _read_errors(self, stream: IO[str]) -> None:
        for line in stream:
            self.errors += line

    def until(self, event: str, having: Callable[[Record], bool] = lambda record: True) -> Record:
        """The next record of that kind, and all before it are passed over."""
        while True:
            try:
                record = self._records.get(timeout=PATIENCE)
            except queue.Empty:
                raise AssertionError(f"no {event} in {PATIENCE:g} s, after {self.said[-5:]}: {self.errors}") from None
            if record is None:
                raise AssertionError(f"it ended before any {event}, after {self.said[-5:]}: {self.errors}")
            self.said.append(record)
            if record["event"] == event and having(record):
                return record

    def built(self) -> list[str]:
        """What the next build that runs something makes, in order of names; one summary is passed."""
        start = len(self.said)
        self.until("summary")
        return sorted(name_of(record) for record in self.said[start:] if record["event"] == "task")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ends it; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        """Waits until a build that a killed watch has left is done too."""
        for reader in self._readers:
            reader.join(PATIENCE)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()

    def rest(self) -> list[Record]:
        """What was said and not taken, once it has ended."""
        found = []
        while (record := self._records.get(timeout=PATIENCE)) is not None:
            found.append(record)
        return found


def name_of(record: Record) -> str:
    """A task's partition, as people type it."""
    keys = ",".join(record["key"].values())
    return f"{record['target']}@{keys}" if keys else str(record["target"])


@contextmanager
def watching(sandbox: Sandbox, *words: str, is_ready: bool = True, **more: str) -> Iterator[Watched]:
    """A watch of a project, which has made its first build; it is ended in the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dbuild", "watch", "--json", *words],
        cwd=sandbox.root,
        env=sandbox.environment(**more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    watched = Watched(process)
    try:
        if is_ready:
            watched.until("watching")
        yield watched
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        watched.close()


def beat(sandbox: Sandbox) -> Record:
    """What the watch last wrote of itself."""
    with open(os.path.join(sandbox.root, ".dbuild", "watch.Dataflowfile.json"), encoding="utf-8") as stream:
        found: Record = json.load(stream)
    return found


def until_idle(sandbox: Sandbox) -> None:
    """Waits until the watch has nothing to do: no build runs, and nothing has changed since the last one."""
    deadline = time.monotonic() + PATIENCE
    while beat(sandbox)["doing"] != "waiting":
        assert time.monotonic() < deadline, beat(sandbox)
        time.sleep(0.01)
