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

_HEAD = 8  # bytes of a datagram that are the number of its task
_LONGEST = 1 << 15  # bytes of a task that may wait: a datagram is read as a whole


class Queue:
    """The build's two ends, and what is in between."""

    def __init__(self) -> None:
        """Raises OSError where no socket can be had."""
        self._entry, self._exit = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.tasks: deque[Task] = deque()  # that wait, or that the worker has taken and not told of
        for end in (self._entry, self._exit):
            end.setblocking(False)

    def fileno(self) -> int:
        """The end that the worker reads from."""
        return self._exit.fileno()

    def add(self, task: Task, short: object) -> bool:
        """Has a task wait, which is sent as `short`; False where it is too long, or too many wait already."""
        data = task.number.to_bytes(_HEAD, "little") + pickle.dumps(short, pickle.HIGHEST_PROTOCOL)
        if len(data) > _LONGEST:
            return False
        try:
            self._entry.send(data)
        except OSError:  # as many as the system holds
            return False
        self.tasks.append(task)
        return True

    def take(self, number: int) -> Task:
        """The one of them of which its worker has told that it runs it: the first, unless somebody else read that."""
        for place, task in enumerate(self.tasks):  # mostly the first
            if task.number == number:
                del self.tasks[place]
                return task
        raise KeyError(number)

    def first(self) -> tuple[Task, object] | None:
        """The first of them, with what was sent of it, for a worker that takes none itself; None where it is gone."""
        found = take_queued(self._exit.fileno())
        return (self.take(found[0]), found[1]) if found is not None else None

    def withdraw(self) -> list[Task]:
        """Takes back those that the worker hasn't taken."""
        if not self.tasks:
            return []
        # Read what they are: the worker may take one between two of them.
        found: set[int] = set()
        try:
            while True:
                found.add(int.from_bytes(self._exit.recv(_HEAD), "little"))  # the rest of a datagram goes with it
        except OSError:  # there is none any more
            pass
        back = [task for task in self.tasks if task.number in found]
        self.tasks = deque(task for task in self.tasks if task.number not in found)
        return back

    def clear(self) -> list[Task]:
        """All of them, when their worker is at none and takes none by itself, or has died."""
        found = list(self.tasks)
        self.withdraw()
        self.tasks.clear()
        return found

    def close(self) -> None:
        self._entry.close()
        self._exit.close()


def take_queued(descriptor: int) -> tuple[int, object] | None:
    """The number of the next task that waits, and what was sent of it; None where none does.

    Raises OSError, or whatever pickle does, where that isn't a queue.
    """
    try:
        data = os.read(descriptor, _LONGEST)
    except BlockingIOError:
        return None
    return int.from_bytes(data[:_HEAD], "little"), pickle.loads(data[_HEAD:])  # noqa: S301 (both ends are dbuild's own)
