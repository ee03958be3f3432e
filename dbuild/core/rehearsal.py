"""A run gone through before it begins, as if all took just as long as expected."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from dbuild.core.forecast import Forecast, Node
from dbuild.core.occupancy import Ticks
from dbuild.core.ready import Rank, ReadyLine
from dbuild.core.resources import Loads, Resources
from dbuild.core.workload import Workload


def rehearse(work: Workload, ranks: Sequence[Rank], resources: Resources, loads: Loads) -> list[Ticks]:
    """When each task would start without a timetable. `resources` and `loads` are those before the run."""
    return _Rehearsal(work, ranks, resources.untouched(), loads.copy()).starts()


class _Rehearsal:
    def __init__(self, work: Workload, ranks: Sequence[Rank], resources: Resources, loads: Loads) -> None:
        self._work = work
        self._ranks = ranks
        self._resources = resources
        self._loads = loads
        self._forecast = Forecast(resources)
        self._line = ReadyLine(resources, loads, self._forecast)
        self._left = [len(members) for members in work.members]
        self._waits = [len(gates) for gates in work.enters]

    def starts(self) -> list[Ticks]:
        starts, now = [0] * len(self._work), 0
        running: list[tuple[Ticks, int]] = []
        for task, count in enumerate(self._waits):
            if not count:
                self._push(task)
        while True:
            while (task := self._take()) >= 0:
                starts[task] = now
                heapq.heappush(running, (now + self._work.lengths[task], task))
            if not running:
                return starts
            now, task = heapq.heappop(running)
            self._end(task)

    def _push(self, task: int) -> None:
        path, _, seconds, _ = self._ranks[task]
        self._line.push(self._work.claims[task], (path, task, seconds, _node(task)))

    def _take(self) -> int:
        """The next task, which starts; -1: none can."""
        node = self._line.pop(lambda _: True)
        if node is None:
            return -1
        task = node[1][0]
        claim, seconds = self._work.claims[task], self._ranks[task][2]
        self._resources.take(claim)
        self._forecast.begin(node, claim, seconds)
        self._loads.add(claim, -seconds)
        return task

    def _end(self, task: int) -> None:
        self._resources.give_back(self._work.claims[task])
        self._forecast.end(_node(task), is_done=True)
        for gate in self._work.opens[task]:
            self._left[gate] -= 1
            if not self._left[gate]:
                for waiter in self._work.waiters[gate]:
                    self._waits[waiter] -= 1
                    if not self._waits[waiter]:
                        self._push(waiter)


def _node(task: int) -> Node:
    return "", (task,)
