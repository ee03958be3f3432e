"""What a build runs at this moment, for other processes: a small file in the state folder.

It is no part of the state: what can't be written isn't, and what a killed build leaves counts for nothing.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from dbuild.build.settings import Settings
from dbuild.core.events import Key
from dbuild.core.forecast import Node
from dbuild.state.lock import holder_of, is_held
from dbuild.state.store import FOLDER

_FILE = "running"
_LONGER = 0.5  # seconds that a task has to run to be named


class RunningTask(NamedTuple):
    """A task that runs."""

    target: str
    key: Key
    since: float  # seconds since the epoch


def running_of(settings: Settings) -> tuple[RunningTask, ...]:
    """What the build of this Dataflowfile that is under way runs, the longest first; what has just begun isn't named.

    Empty where none is under way. To be asked a few times a second at most, as `state.lock.is_held`.
    """
    folder = os.path.join(settings.root, FOLDER)
    try:
        with open(os.path.join(folder, _FILE), encoding="utf-8") as file:
            found = json.load(file)
        lock = os.path.join(folder, "lock")
        if found["flow"] != settings.flow or not is_held(lock) or holder_of(lock) != found["pid"]:
            return ()
        return tuple(
            RunningTask(target, tuple((name, value) for name, value in key), since)
            for target, key, since in found["tasks"]
        )
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def state_witness(settings: Settings) -> tuple[object, ...]:
    """What differs when a command has written to the state or somebody to the Dataflowfile: a few stats."""
    names = (f"{FOLDER}/state.db", f"{FOLDER}/state.db-wal", settings.flow)
    return tuple(map(_stat, (os.path.join(settings.root, name) for name in names)))


def _stat(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


class Board:
    """Where a build puts up what it runs. Nothing here raises."""

    def __init__(self, settings: Settings) -> None:
        self._path = os.path.join(settings.root, FOLDER, _FILE)
        self._flow = settings.flow
        self._shown: list[Sequence[Node]] = []
        self.clear()

    def show(self, running: Iterable[tuple[Sequence[Node], float]], key_of: Callable[[Node], Key]) -> None:
        """Puts up what has been running for a while, if it is something else: the tasks of each execution, and for how
        many seconds it has run."""
        found = sorted((one for one in running if one[1] >= _LONGER), key=lambda one: -one[1])
        nodes = [nodes for nodes, _ in found]
        if nodes == self._shown:  # before any key is made: they may be thousands, a few times a second
            return
        now = time.time()
        records = [(node[0], key_of(node), round(now - elapsed, 3)) for nodes, elapsed in found for node in nodes]
        text = json.dumps({"pid": os.getpid(), "flow": self._flow, "tasks": records})
        temporary = f"{self._path}.tmp"
        try:
            with open(temporary, "w", encoding="utf-8", opener=_private) as file:
                file.write(text)
            os.replace(temporary, self._path)
        except OSError:
            return
        self._shown = nodes

    def clear(self) -> None:
        """Nothing runs any more."""
        self._shown = []
        for path in (self._path, f"{self._path}.tmp"):
            try:
                os.unlink(path)
            except OSError:
                pass


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)
