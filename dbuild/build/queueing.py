"""Tasks that wait for a worker which is still at another one: the quick ones, where no worker is free.

A worker that has to be handed each task stands still in between, as long as a quick task takes. Nothing waits for
long: where a task turns out slow, another worker may be free before it ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from dbuild.build.attempts import Attempt
from dbuild.build.means import Means
from dbuild.build.starter import Starter
from dbuild.build.world import World
from dbuild.core.events import TaskStarted
from dbuild.core.schedule import Node, Schedule, State
from dbuild.core.task import Result

_QUICK = 0.005  # seconds: what takes longer gains nothing by waiting
_AHEAD = 0.02  # seconds that those are expected to take that wait for one worker
_MOST = 8  # of them
_LONGEST = 0.2  # seconds that a task waits
_RECENT = 4  # tasks, about as many as tell how long the next one takes


class Queueing:
    """Those of one run."""

    def __init__(
        self, world: World, means: Means, schedule: Schedule, starter: Starter, put_back: Callable[[Attempt], None]
    ) -> None:
        """`put_back` gets those that have waited in vain."""
        self._steps = world.flow.steps
        self._pool = means.pool
        self._schedule = schedule
        self._starter = starter
        self._put_back = put_back
        self._is_looked_at = means.undeclared is not None  # what a worker opens counts for the one task that it has
        self._attempts: dict[int, Attempt] = {}  # by the number of the task
        self._printed: dict[int, list[bytes]] = {}  # by the number of the task: what came before it was known to run
        self._plain: dict[str, bool] = {}  # by target: whether its tasks need nothing of their own
        self._seconds: dict[str, float] = {}  # by target: how long its tasks took of late
        self._heard = 0.0  # when the last task ended
        self._is_held = False  # nothing is to wait before another task has ended

    def note(self, node: Node, result: Result) -> None:
        """A task has ended."""
        self._heard, self._is_held = time.monotonic(), False
        before = self._seconds.get(node[0], result.seconds)
        self._seconds[node[0]] = before + (result.seconds - before) / _RECENT

    # -- who waits -------------------------------------------------------------------------------------------------

    def fill(self, running: Mapping[int, Sequence[Attempt]], admit: Callable[[Node], Attempt | None]) -> None:
        """Has what would start next wait behind quick tasks that run; `admit` tells of a task whether it has to run.

        Ends with the first that doesn't have to: there may be thousands, and the run may stop for what is found there.
        """
        while place := self._place(running):
            node = self._schedule.take_behind(running[place][0].node, self._may_wait)
            attempt = admit(node) if node is not None else None
            if attempt is None or not self._add(attempt, place):
                return

    def _place(self, running: Mapping[int, Sequence[Attempt]]) -> int:
        """The number of the running task behind which one may wait; 0 where there is none."""
        best, least = 0, _MOST
        for number, count in () if self._is_held else self._pool.queued().items():
            if count < least and count < self._depth(running[number][0].node[0]):
                best, least = number, count
        return best

    def _may_wait(self, node: Node) -> bool:
        return self._depth(node[0]) > 0

    def _depth(self, target: str) -> int:
        """How many may wait behind a task of a target; none where it may not wait itself."""
        seconds = self._seconds.get(target, _QUICK)
        if seconds >= _QUICK or self._is_looked_at or not self._is_plain(target):
            return 0
        return min(_MOST, int(_AHEAD / seconds))

    def _is_plain(self, name: str) -> bool:
        found = self._plain.get(name)
        if found is None:
            target = self._steps[name].target
            own = target.needs.memory or target.secrets or target.limits.timeout is not None
            found = self._plain[name] = target.batch is None and not own
        return found

    def _add(self, attempt: Attempt, place: int) -> bool:
        self._schedule.move(attempt.node, State.QUEUED)
        if not self._starter.queue_up(attempt, place):
            self._put_back(attempt)
            return False
        assert attempt.task is not None
        self._attempts[attempt.task.number] = attempt
        return True

    # -- what becomes of it ----------------------------------------------------------------------------------------

    def hear(self, number: int, data: bytes) -> None:
        """A task has printed that isn't known to run: its worker has gone on to it."""
        self._printed.setdefault(number, []).append(data)

    def begin(self, number: int) -> tuple[Attempt, TaskStarted, Iterable[bytes]]:
        """One waits no longer, but runs: it, and what is to be told, and what it has printed so far."""
        attempt = self._attempts.pop(number)
        return attempt, self._starter.begin_queued(attempt), self._printed.pop(number, ())

    def take_back(self, numbers: Iterable[int]) -> None:
        """The pool has given these back."""
        for number in numbers:
            self._put_back(self._attempts.pop(number))

    @property
    def due(self) -> float | None:
        """When those that wait have waited long enough, by the monotonic clock."""
        return self._heard + _LONGEST if self._attempts else None

    def turn(self, *, is_stopping: bool) -> None:
        """Lets those go that wait behind a slow task, or for a run that stops."""
        due = self.due
        if due is not None and (is_stopping or due <= time.monotonic()):
            self._is_held = True
            self.take_back(self._pool.withdraw())
