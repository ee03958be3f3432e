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
from dbuild.core.model import Target
from dbuild.core.schedule import Node, Schedule, State
from dbuild.core.task import Result

_QUICK = 0.005  # seconds: what takes longer gains nothing by waiting
_AHEAD = 0.02  # seconds that those are expected to take that wait for one worker
_MOST = 16  # of them
_LONGEST = 0.2  # seconds that a task runs while others wait for it
_LATE = 0.02  # seconds that it has run when it is too late to begin to wait for it
_FAILED = 1.0  # seconds that a task that failed counts for: what waits behind one has to be prepared again
_RECENT = 4  # tasks, about as many as tell how long the next one takes

Running = Mapping[int, Sequence[Attempt]]  # executions by their numbers


class Queueing:
    """Those of one run."""

    def __init__(
        self, world: World, means: Means, schedule: Schedule, starter: Starter, put_back: Callable[[Attempt], None]
    ) -> None:
        """`put_back` gets those that have waited in vain."""
        self._pool = means.pool
        self._schedule = schedule
        self._starter = starter
        self._put_back = put_back
        self._is_looked_at = means.undeclared is not None  # what a worker opens counts for the one task that it has
        self._attempts: dict[int, Attempt] = {}  # by the number of the task
        self.behind: dict[int, int] = {}  # how many wait for a running task, by its number; for none: not there
        self._printed: dict[int, list[bytes]] = {}  # by the number of the task: what came before it was known to run
        # By target: whether its tasks may wait at all, and others behind them.
        self._plain = {name: self._is_plain(step.target) for name, step in world.flow.steps.items()}
        self._seconds: dict[str, float] = {}  # by target: how long its tasks took of late
        self._most: dict[str, int] = {}  # by target: how many of its tasks fit into a queue, where that is less
        self._depths: dict[str, int] = {}  # by target: how many may wait behind one of its tasks

    def note(self, node: Node, result: Result) -> None:
        """A task has ended."""
        seconds = result.seconds if result.error is None else max(result.seconds, _FAILED)
        before = self._seconds.get(node[0], seconds)
        seconds = self._seconds[node[0]] = before + (seconds - before) / _RECENT
        most = self._most.get(node[0], _MOST) if self._plain[node[0]] else 0  # if not, it may not wait itself
        self._depths[node[0]] = min(most, _depth(seconds))

    # -- who waits -------------------------------------------------------------------------------------------------

    def fill(self, running: Running, admit: Callable[[Node], Attempt | None]) -> None:
        """Has what would start next wait behind quick tasks that run; `admit` tells of a task whether it has to run.

        Ends with the first that doesn't have to: there may be thousands, and the run may stop for what is found there.
        """
        chosen: list[tuple[Attempt, int]] = []  # with the number of the task behind which it is to wait
        while place := self._place(running):
            node = self._schedule.take_behind(running[place][0].node, self._may_wait)
            attempt = admit(node) if node is not None else None
            if attempt is None:
                break
            self._schedule.move(attempt.node, State.QUEUED)
            self.behind[place] = self.behind.get(place, 0) + 1
            if chosen and chosen[0][0].node[0] != attempt.node[0]:
                self._add(chosen)
                chosen = []
            chosen.append((attempt, place))
        if chosen:
            self._add(chosen)

    def _place(self, running: Running) -> int:
        """The number of the running task behind which one may wait; 0 where there is none."""
        best, least, late = 0, _MOST, time.monotonic() - _LATE
        for number, attempts in running.items():
            first, count = attempts[0], self.behind.get(number, 0)
            if count < least and first.began > late and count < self._depths.get(first.node[0], 0):
                best, least = number, count
        return best

    def _may_wait(self, node: Node) -> bool:
        return self._depths.get(node[0], 0) > 0

    def _is_plain(self, target: Target) -> bool:
        own = target.needs.memory or target.secrets or target.limits.timeout is not None
        return not (own or target.batch is not None or self._is_looked_at)

    def _add(self, chosen: Sequence[tuple[Attempt, int]]) -> None:
        """Sends tasks of one target to where they are to wait; those that can't be sent may start elsewhere."""
        sent = self._starter.queue_up(chosen)
        for attempt, _ in chosen[:sent]:
            assert attempt.task is not None
            self._attempts[attempt.task.number] = attempt
        left = chosen[sent:]
        for _, place in left:
            self._leave(place, 1)
        if left:
            self._limit(*left[0])
        for attempt, _ in left:
            attempt.prepared = attempt.task = None
            self._put_back(attempt)

    def _limit(self, attempt: Attempt, place: int) -> None:
        """Has fewer tasks of a target wait, of which this one can't."""
        target, waiting = attempt.node[0], self.behind.get(place, 0)
        if attempt.prepared is not None and waiting:  # they are long, and the system holds no more of them
            self._most[target] = self._depths[target] = waiting
        else:  # it alone is too long to be sent so, as others of its target may be; or it can't be prepared
            self._plain[target], self._depths[target] = False, 0

    def _leave(self, place: int, count: int) -> None:
        """So many wait no longer behind a task."""
        left = self.behind.pop(place) - count
        if left:
            self.behind[place] = left

    # -- what becomes of it ----------------------------------------------------------------------------------------

    def hear(self, number: int, data: bytes) -> None:
        """A task has printed that isn't known to run: its worker has gone on to it."""
        self._printed.setdefault(number, []).append(data)

    def begin(self, number: int, behind: int) -> tuple[Attempt, TaskStarted, Iterable[bytes]]:
        """One waits no longer behind another, but runs: it, what is to be told, and what it has printed so far."""
        attempt = self._attempts.pop(number)
        left = self.behind.pop(behind) - 1
        if left:  # they wait behind this one now
            self.behind[number] = left
        return attempt, self._starter.begin_queued(attempt), self._printed.pop(number, ())

    def take_back(self, numbers: Sequence[int], behind: int) -> None:
        """These don't wait behind another any more."""
        self._leave(behind, len(numbers))  # its worker may have gone on to one of them
        for number in numbers:
            self._put_back(self._attempts.pop(number))

    def due(self, running: Running) -> float:
        """When one has run so long that nothing is to wait for it any more, by the monotonic clock.

        Only while something waits.
        """
        return min([running[number][0].began for number in self.behind]) + _LONGEST

    def turn(self, running: Running, *, is_stopping: bool) -> None:
        """Lets those go that wait for a slow task, or for a run that stops."""
        late = time.monotonic() - _LONGEST
        for number in list(self.behind):
            if is_stopping or running[number][0].began <= late:
                self.take_back(self._pool.withdraw(number), number)


def _depth(seconds: float) -> int:
    """How many may wait behind a task that takes so long."""
    if seconds >= _QUICK:
        return 0
    return _MOST if seconds * _MOST <= _AHEAD else int(_AHEAD / seconds)
