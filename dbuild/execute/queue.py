"""The tasks that wait for one worker while it runs another one.

The worker takes the next by itself, so that it doesn't stand still until the build has seen to what it made; and the
build can take them back. Each is a datagram on a socket of which it keeps both ends: what it reads there itself no
worker will, so that it is never in doubt who has a task, be it after the death of a worker.
"""

from __future__ import annotations

import os
import pickle
import socket
from collections import deque

from dbuild.core.task import Task

_LONGEST = 1 << 15  # bytes of a task that may wait: a datagram is read as a whole


class Queue:
    """The build's two ends, and what is in between."""

    def __init__(self) -> None:
        """Raises OSError where no socket can be had."""
        self._entry, self._exit = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._tasks: deque[Task] = deque()  # that wait, or that the worker has taken and not told of
        for end in (self._entry, self._exit):
            end.setblocking(False)

    def fileno(self) -> int:
        """The end that the worker reads from."""
        return self._exit.fileno()

    def __len__(self) -> int:
        return len(self._tasks)

    def add(self, task: Task, short: object) -> bool:
        """Has a task wait, which is sent as `short`; False where it is too long, or too many wait already."""
        data = pickle.dumps(short, pickle.HIGHEST_PROTOCOL)
        if len(data) > _LONGEST:
            return False
        try:
            self._entry.send(data)
        except OSError:  # as many as the system holds
            return False
        self._tasks.append(task)
        return True

    def take(self) -> Task:
        """The first of them, of which its worker has told that it runs it."""
        return self._tasks.popleft()

    def take_back(self) -> object:
        """What was sent of the first of them, which its worker won't take any more. Raises OSError."""
        return take_queued(self._exit.fileno())

    def withdraw(self) -> list[Task]:
        """Takes back those that the worker hasn't taken."""
        found: list[Task] = []
        try:
            while self._tasks:
                self._exit.recv(1)  # the rest of a datagram goes with it
                found.append(self._tasks.pop())
        except OSError:  # there is none any more
            pass
        return found[::-1]

    def clear(self) -> list[Task]:
        """All of them, when the worker has died: it has begun none of them."""
        found = list(self._tasks)
        self._tasks.clear()
        return found

    def close(self) -> None:
        self._entry.close()
        self._exit.close()


def take_queued(descriptor: int) -> object | None:
    """What was sent of the next task that waits for this worker; None where none does. Raises OSError."""
    try:
        short: object = pickle.loads(os.read(descriptor, _LONGEST))  # noqa: S301 (both ends are dbuild's own)
    except BlockingIOError:
        return None
    return short
