"""The time of a build as a file that ui.perfetto.dev and chrome://tracing open: who did what when.

It is a trace in the Trace Event Format (docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU), in
its form of an array, whose end may be missing: so what a killed build leaves can be looked at too. There is a lane for
the build itself, with its phases in each other, and one for each worker, with its tasks one after the other; those that
one call made share its time.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import IO, NamedTuple

from dbuild.core.events import (
    Beat,
    Event,
    Key,
    Phase,
    RunStarted,
    Spent,
    Summary,
    TaskEnded,
    TaskRegrouped,
    TaskRetried,
    TaskStarted,
    TaskStopped,
)
from dbuild.errors import UsageError
from dbuild.ui.sinks import Sink
from dbuild.ui.stream import tell
from dbuild.ui.text import clean, partition_name

_GROUP = 256  # events that are written together
_BETWEEN = 1.0  # seconds after which those that there are get written


class _Execution(NamedTuple):
    """What a worker has ended."""

    target: str
    spent: Spent
    name: str
    began: float
    ended: float
    told: dict[str, object]


class Timeline(Sink):
    """Writes a trace to a file as events come; they go on to a screen."""

    def __init__(self, screen: Sink, path: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises UsageError where the file can't be written."""
        try:
            self._file: IO[str] | None = open(path, "w", encoding="ascii")  # noqa: SIM115 (closed by `close`)
        except OSError as error:
            what = f"the timeline can't be written: {error.strerror}: {path}"
            raise UsageError(what, hint="--timeline names a file in a folder that is there") from None
        self._path = path
        self._screen = screen
        self._clock = clock
        self._zero = self._written = clock()
        self._pid = os.getpid()
        self._lines: list[str] = []
        self._has_written = False
        self._phases: list[tuple[str, float]] = []  # that have begun, each in the one before
        self._tasks: dict[tuple[str, Key], tuple[float, TaskStarted]] = {}
        self._workers: dict[int, float] = {}  # until when its lane is taken
        self._call: list[_Execution] = []  # that have ended, and of which more may be of the same call
        self._name("process_name", self._pid, f"dbuild {' '.join(sys.argv[1:])}".strip())
        self._name("thread_name", self._pid, "dbuild")
        self._sort(self._pid, 0)

    def __call__(self, event: Event) -> None:
        now = self._clock()
        match event:
            case Phase(name, is_over=False):
                self._phases.append((name, now))
            case Phase():
                name, began = self._phases.pop()
                self._slice(name, "phase", self._pid, began, now, {})
            case RunStarted():
                self._count(now, 0)
            case TaskStarted():
                self._end_call()
                self._tasks[event.target, event.key] = (now, event)
            case TaskEnded():
                self._task(event, now, event.status, event.spent, _told_at_end(event))
            case TaskRetried():
                said = {"recipe_seconds": round(event.seconds, 6), "attempt": event.attempt}
                self._task(event, now, "retried", event.spent, {**said, "error": clean(event.error)})
            case TaskStopped():
                self._task(event, now, "stopped", event.spent, {})
            case TaskRegrouped():
                self._task(event, now, "regrouped", event.spent, {})
            case Beat():
                self._end_call()
                self._count(now, event.ready)
            case Summary():
                self._count(now, 0)
            case _:
                pass
        if len(self._lines) >= _GROUP or (self._lines and now - self._written >= _BETWEEN):
            self._write(now)
        self._screen(event)

    def close(self) -> None:
        """Writes what is left, also of what was cut off."""
        self._end()
        self._screen.close()

    # -- what is written -----------------------------------------------------------------------------------------------

    def _task(
        self,
        event: TaskStarted | TaskEnded | TaskRetried | TaskStopped | TaskRegrouped,
        now: float,
        status: str,
        spent: Spent | None,
        said: Mapping[str, object],
    ) -> None:
        """One execution, on the lane of the worker that it had; on the build's own where it had none.

        Those of one call end together, and have spent the same: equal parts of what it spent.
        """
        began, started = self._tasks.pop((event.target, event.key), (now, None))
        told: dict[str, object] = {"status": status}
        if started is not None:
            told["reasons"] = [clean(reason) for reason in (started.reason, *started.others)]
            told |= {"expected_seconds": started.expected} if started.expected is not None else {}
        if spent is not None:
            told["cpu_seconds"] = round(spent.cpu, 6)
            told |= {"memory_bytes": spent.memory} if spent.memory else {}
        name = partition_name(event.target, event.key)
        if spent is None or not spent.worker:
            self._slice(name, "task", self._pid, began, now, {**told, **said})
            return
        if self._call and (self._call[-1].target, self._call[-1].spent) != (event.target, spent):
            self._end_call()
        self._open_lane(spent.worker)
        self._call.append(_Execution(event.target, spent, name, began, now, {**told, **said}))

    def _end_call(self) -> None:
        """Notes what one call made: one after the other, as slices of a lane that overlap are dropped by viewers."""
        if not self._call:
            return
        lane, many = self._call[0].spent.worker, len(self._call)
        began, ended = max(self._call[0].began, self._workers[lane]), self._call[-1].ended
        share = (ended - began) / many
        for number, one in enumerate(self._call):
            told = one.told | {"batch": many} if many > 1 else one.told
            self._slice(one.name, "task", lane, began + number * share, began + (number + 1) * share, told)
        self._workers[lane] = ended
        self._call.clear()

    def _open_lane(self, worker: int) -> None:
        if worker not in self._workers:
            self._workers[worker] = self._zero
            self._name("thread_name", worker, f"worker {len(self._workers)}")
            self._sort(worker, len(self._workers))

    def _slice(self, name: str, category: str, lane: int, began: float, ended: float, told: dict[str, object]) -> None:
        times = {"ts": self._moment(began), "dur": self._moment(ended) - self._moment(began)}
        self._add({"name": name, "cat": category, "ph": "X", **times, "tid": lane, "args": told})

    def _count(self, now: float, ready: int) -> None:
        counts = {"running": len(self._tasks), "ready": ready}
        self._add({"name": "tasks", "ph": "C", "ts": self._moment(now), "tid": self._pid, "args": counts})

    def _name(self, what: str, lane: int, name: str) -> None:
        self._add({"name": what, "ph": "M", "ts": 0, "tid": lane, "args": {"name": clean(name)}})

    def _sort(self, lane: int, place: int) -> None:
        self._add({"name": "thread_sort_index", "ph": "M", "ts": 0, "tid": lane, "args": {"sort_index": place}})

    def _moment(self, seconds: float) -> int:
        """Microseconds since the beginning."""
        return round((seconds - self._zero) * 1_000_000)

    def _add(self, record: dict[str, object]) -> None:
        self._lines.append(json.dumps({**record, "pid": self._pid}, separators=(",", ":")))

    def _end(self) -> None:
        now = self._clock()
        self._end_call()
        for _, started in list(self._tasks.values()):  # the build was cut off
            self._task(started, now, "unknown", None, {})
        while self._phases:
            name, began = self._phases.pop()
            self._slice(name, "phase", self._pid, began, now, {})
        self._write(now, is_last=True)

    def _write(self, now: float, *, is_last: bool = False) -> None:
        """Writes what has come together. What can't be written is said once, and the build goes on."""
        if self._file is None:
            return
        beginning = ",\n" if self._has_written else "[\n"
        text = (beginning + ",\n".join(self._lines) if self._lines else "") + ("\n]\n" if is_last else "")
        try:
            self._file.write(text)
            self._file.flush()
            if is_last:
                self._file.close()
        except OSError as error:
            tell(sys.stderr, f"warning: the timeline {clean(self._path)} isn't whole: {error.strerror}")
            is_last = True
        self._lines.clear()
        self._written, self._has_written = now, True
        if is_last:
            self._file = None


def _told_at_end(event: TaskEnded) -> dict[str, object]:
    """What is known of an execution when it has ended."""
    told: dict[str, object] = {"recipe_seconds": round(event.seconds, 6), "changed": event.changed}
    told |= {"provisional": True} if event.provisional else {}
    told |= {"attempts": event.attempts} if event.attempts > 1 else {}
    return told | ({"error": clean(event.error)} if event.error is not None else {})
