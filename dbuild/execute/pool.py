"""Worker processes on this machine: starting them, handing them tasks, hearing from them, ending them.

The one interface that execution elsewhere will implement too: `submit`, `poll`, `terminate`, `close`.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection

from dbuild import failpoints
from dbuild.core.task import Result, Task

GRACE = 5.0  # seconds between asking a recipe to end and ending it
_START = "import sys; sys.path.append(sys.argv.pop(1)); from dbuild.execute.worker import main; main(sys.argv[1:])"


@dataclass(slots=True)
class _Process:
    process: subprocess.Popen[bytes]
    connection: Connection
    lifeline: int
    task: Task | None = None
    child: int = 0  # the process group of the shell recipe that it runs


class Pool:
    """At most `size` workers, started when there is work for them."""

    def __init__(self, size: int, root: str, logs: str, directories: tuple[str, ...], threads: int) -> None:
        self._size = size
        self._root = root
        self._logs = logs
        self._directories = directories
        self._threads = threads
        self._idle: list[_Process] = []
        self._busy: list[_Process] = []
        self._selector = selectors.DefaultSelector()
        self._waker, waking = socket.socketpair()
        for end in (self._waker, waking):
            end.setblocking(False)
        self._selector.register(self._waker, selectors.EVENT_READ)
        self.wake_descriptor = waking
        os.makedirs(logs, mode=0o700, exist_ok=True)

    @property
    def has_room(self) -> bool:
        """Whether another task can be submitted now."""
        return len(self._busy) < self._size

    def submit(self, task: Task) -> None:
        """Hands a task to a worker. Raises OSError where none can be started."""
        worker = self._idle.pop() if self._idle else self._start()
        failpoints.reach("task")
        worker.task = task
        self._busy.append(worker)
        try:
            worker.connection.send(task)
        except OSError:
            pass  # the worker died while idle: `poll` finds the closed connection and reports the task

    def _start(self) -> _Process:
        failpoints.reach("spawn")
        ours, theirs = socket.socketpair()
        lifeline, held = os.pipe()
        package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        command = [sys.executable, "-P", "-c", _START, package, str(theirs.fileno()), str(lifeline), self._logs]
        with theirs:
            try:
                process = subprocess.Popen(
                    [*command, str(self._threads), *self._directories],
                    cwd=self._root,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(), lifeline),
                    start_new_session=True,
                )
            except BaseException:
                ours.close()
                os.close(held)
                raise
            finally:
                os.close(lifeline)
        connection = Connection(ours.detach())
        worker = _Process(process, connection, held)
        self._selector.register(connection, selectors.EVENT_READ, worker)
        return worker

    def poll(self, timeout: float | None) -> list[Result]:
        """Results that have come in; waits for the first at most `timeout` seconds. Empty also after a wake-up."""
        results: list[Result] = []
        for ready, _ in self._selector.select(timeout):
            worker = ready.data
            if worker is None:
                self._drain()
            else:
                results.extend(self._hear(worker))
        return results

    def _drain(self) -> None:
        try:
            while self._waker.recv(4096):
                pass
        except BlockingIOError:
            pass

    def _hear(self, worker: _Process) -> list[Result]:
        try:
            kind, content = worker.connection.recv()
        except (EOFError, OSError):
            return self._bury(worker)
        if kind == "child":
            worker.child = content
            return []
        worker.task, worker.child = None, 0
        self._busy.remove(worker)
        self._idle.append(worker)
        return [content]

    def _bury(self, worker: _Process) -> list[Result]:
        """A worker that died: its task failed, its children end, its place is free."""
        code = worker.process.wait()
        self._end_group(worker.child, signal.SIGKILL)
        self._end_group(worker.process.pid, signal.SIGKILL)
        self._forget(worker)
        if worker.task is None:
            return []
        return [Result(worker.task.number, _cause_of_death(code))]

    def _forget(self, worker: _Process) -> None:
        self._selector.unregister(worker.connection)
        worker.connection.close()
        os.close(worker.lifeline)
        for group in (self._idle, self._busy):
            if worker in group:
                group.remove(worker)

    @staticmethod
    def _end_group(group: int, number: int) -> None:
        if group:
            try:
                os.killpg(group, number)
            except (ProcessLookupError, PermissionError):
                pass

    def terminate(self, *, at_once: bool = False) -> None:
        """Asks running recipes to end, or ends them and their workers at once."""
        for worker in list(self._busy):
            if at_once:
                self._end_group(worker.child, signal.SIGKILL)
            # Its whole group: what a Python recipe started in it ends with it.
            self._end_group(worker.process.pid, signal.SIGKILL if at_once else signal.SIGTERM)

    def close(self) -> None:
        """Ends all workers; recipes that still run are asked, and ended after the grace."""
        self.terminate()
        deadline = time.monotonic() + GRACE
        for worker in [*self._idle, *self._busy]:
            worker.connection.close()
            try:
                worker.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._end_group(worker.child, signal.SIGKILL)
                worker.process.kill()
                worker.process.wait()
            self._end_group(worker.process.pid, signal.SIGKILL)  # what a Python recipe left running
            os.close(worker.lifeline)
        self._idle.clear()
        self._busy.clear()
        self._selector.close()
        self._waker.close()
        self.wake_descriptor.close()


def _cause_of_death(code: int) -> str:
    if code == -signal.SIGKILL:
        return "its process was killed (SIGKILL): most likely the machine ran out of memory"
    if code < 0:
        return f"its process died of {signal.Signals(-code).name}"
    return f"its process ended unexpectedly (status {code})"
