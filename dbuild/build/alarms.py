"""The moments of a run at which something is to be done about its tasks: one is tried again, one has had its time."""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterator

from dbuild.core.schedule import Node


class Alarms:
    """What is to be done when, by the monotonic clock."""

    def __init__(self) -> None:
        self._delayed: list[tuple[float, Node]] = []
        self._deadlines: list[tuple[float, int, bool]] = []

    @property
    def next(self) -> float | None:
        """The first of all moments; None where there is none."""
        if not self._delayed and not self._deadlines:
            return None
        return min(heap[0][0] for heap in (self._delayed, self._deadlines) if heap)

    @property
    def has_delayed(self) -> bool:
        """Whether a task is to be tried again."""
        return bool(self._delayed)

    def retry(self, node: Node, delay: float) -> None:
        """Has a task tried again in so many seconds."""
        heapq.heappush(self._delayed, (time.monotonic() + delay, node))

    def limit(self, number: int, seconds: float, *, was_asked: bool = False) -> None:
        """Has an execution ended in so many seconds; `was_asked`: it knows, and that is its grace."""
        heapq.heappush(self._deadlines, (time.monotonic() + seconds, number, was_asked))

    def retried(self) -> Iterator[Node]:
        """The tasks whose moment to be tried again has come."""
        while self._delayed and self._delayed[0][0] <= time.monotonic():
            yield heapq.heappop(self._delayed)[1]

    def overdue(self) -> Iterator[tuple[int, bool]]:
        """The executions whose time is up, as they were given to `limit`; they may have ended since."""
        while self._deadlines and self._deadlines[0][0] <= time.monotonic():
            _, number, was_asked = heapq.heappop(self._deadlines)
            yield number, was_asked
