"""When each task of a run would start: timetables, and how one is made better.

Tasks are placed one after the other, each as early as what it waits for and what is free allow (the serial scheme of
project scheduling). Unlike a run that starts whatever fits, this may leave a cpu idle for a while, so that a task of
several finds them free.

A timetable is shortened by moving all its tasks as late as they can be, those that end last first, and then as early
as they can be, those that start first first: both ways, gaps close. (Li and Willis, An iterative scheduling technique
for resource-constrained project scheduling, 1992; Valls, Ballestín and Quintanilla, Justification and RCPSP, 2005.)
The way back also says how long each task could wait. That, not when it may start at the soonest, is the order in which
a run follows the timetable: where durations turn out otherwise, what is urgent comes first.
"""

from __future__ import annotations

from collections.abc import Sequence

from dbuild.core.occupancy import Occupancy, Ticks
from dbuild.core.workload import Workload
from dbuild.values import dataclass


@dataclass(frozen=True, slots=True)
class Timetable:
    """The expected run of a workload."""

    starts: list[Ticks]
    latest: list[Ticks]  # when each could start, were all to start as late as can be
    order: list[int]  # the tasks by their latest starts: they were placed in this order
    end: Ticks


class Placing:
    """Makes the timetables of one workload."""

    def __init__(self, work: Workload) -> None:
        self._work = work
        self._back = work.backwards()
        self.count = 0  # tasks placed so far: what it has cost

    def by(self, keys: Sequence[float]) -> Timetable:
        """Tasks of smaller keys are placed first."""
        return self.justified(self._place(self._work, self._work.in_order(keys)))

    def back_by(self, keys: Sequence[float]) -> Timetable:
        """Placed from the end of the run, tasks of smaller keys first."""
        return self._forth(self._place(self._back, self._back.in_order(keys)))

    def justified(self, starts: Sequence[Ticks]) -> Timetable:
        """The timetable with these starts, moved back and forth once: never longer, often shorter."""
        lengths = self._work.lengths
        order = sorted(range(len(starts)), key=lambda task: (-starts[task] - lengths[task], -starts[task], -task))
        return self._forth(self._place(self._back, order))

    def _forth(self, starts_back: list[Ticks]) -> Timetable:
        """Turns round a run whose time runs back, and places its tasks as early as they can be in that order."""
        lengths = self._work.lengths
        ends_back = [start + length for start, length in zip(starts_back, lengths, strict=True)]
        end = max(ends_back)
        latest = [end - back for back in ends_back]
        order = sorted(range(len(latest)), key=lambda task: (latest[task], lengths[task], task))
        starts = self._place(self._work, order)
        return Timetable(starts, latest, order, self._work.end(starts))

    def _place(self, work: Workload, order: list[int]) -> list[Ticks]:
        """Places tasks in an order in which each comes after those that it waits for; their starts."""
        self.count += len(order)
        occupancy, opened = Occupancy(work.capacity), [0] * len(work.members)
        starts = [0] * len(order)
        for task in order:
            claim, length = work.claims[task], work.lengths[task]
            since = max([opened[gate] for gate in work.enters[task]], default=0)
            start = occupancy.earliest(claim, length, since)
            occupancy.take(claim, start, length)
            starts[task] = start
            for gate in work.opens[task]:
                opened[gate] = max(opened[gate], start + length)
        return starts
