"""What a run tells a few times a second while tasks run: to screens how it stands, to other processes what runs now."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence

from dbuild.build.running import Board
from dbuild.core.events import Beat, Event, Key
from dbuild.core.schedule import Node, Schedule, State
from dbuild.core.task import Result

SECONDS = 0.25  # between two beats
_GAP = 0.1  # seconds between two tasks of a worker; in longer ones it had nothing to do
_SHOWN = 2  # of so many beats one goes to other processes

Started = tuple[Sequence[Node], float]


class Beats:
    """The beats of one run."""

    def __init__(
        self,
        schedule: Schedule,
        known: Collection[str],
        board: Board,
        emit: Callable[[Event], None],
        key_of: Callable[[Node], Key],
    ) -> None:
        """`known` are the targets that ran before; on the board other processes read what runs."""
        self.due = 0.0  # when the next one is
        self._schedule = schedule
        self._known = known
        self._board = board
        self._emit = emit
        self._key_of = key_of
        self._count = 0
        self._ended: dict[int, float] = {}  # worker -> when its last task did

    def note(self, node: Node, began: float, result: Result) -> None:
        """A task has succeeded that began then: what is left is expected by it too.

        Its worker was taken from the end of the task before to its own; only the first task of a worker had to wait
        for that to start, which tells nothing.
        """
        now, last = time.monotonic(), self._ended.get(result.worker)
        self._ended[result.worker] = now
        taken = result.seconds if last is None else now - (last if began - last < _GAP else began)
        self._schedule.note(node, result.seconds, taken - result.seconds)  # less than none where several came at once

    def turn(self, started: Callable[[], Iterable[Started]], *, is_ending: bool, may_skip: bool) -> None:
        """Tells, if it is time. `started` gives the tasks of each execution that runs, with the moment when it began;
        for the others see `Schedule.left`."""
        now = time.monotonic()
        if now < self.due:
            return
        self.due = now + SECONDS
        running = [(nodes, now - began) for nodes, began in started()]
        left = self._schedule.left(running, self._known, is_ending=is_ending, may_skip=may_skip)
        counts = self._schedule.counts
        self._emit(Beat(left.seconds, left.bound, counts[State.READY] + counts[State.QUEUED], is_ending))
        if self._count % _SHOWN == 0:
            self._board.show(running, self._key_of)
        self._count += 1
