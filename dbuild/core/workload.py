"""The tasks of a run as numbers: what timetables are made from."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from operator import add

from dbuild.core.occupancy import Ticks
from dbuild.core.resources import Claim
from dbuild.values import dataclass


@dataclass(frozen=True, slots=True)
class Workload:
    """Tasks by their place in building order, and the gates between them: see `gates.Gate`."""

    lengths: list[Ticks]  # how long each task is expected to run
    claims: list[Claim]
    capacity: list[int]
    along: list[float]  # from 0 to 1: how far into its target's partitions each is
    enters: list[list[int]]  # the gates that each task waits for
    opens: list[list[int]]  # the gates that each task is a member of
    members: list[list[int]]  # the tasks of each gate
    waiters: list[list[int]]  # the tasks that wait for each gate

    def __len__(self) -> int:
        return len(self.lengths)

    def backwards(self) -> Workload:
        """The same work with time running back: what was read first is made last."""
        return Workload(
            self.lengths,
            self.claims,
            self.capacity,
            [1 - share for share in self.along],
            enters=self.opens,
            opens=self.enters,
            members=self.waiters,
            waiters=self.members,
        )

    def end(self, starts: Sequence[Ticks]) -> Ticks:
        """When all have ended that start so."""
        return max(map(add, starts, self.lengths), default=0)

    def in_order(self, keys: Sequence[float]) -> list[int]:
        """All tasks, each after those that it waits for, and otherwise those of smaller keys first."""
        left = [len(members) for members in self.members]
        waits = [len(gates) for gates in self.enters]
        heap = [(keys[task], task) for task, count in enumerate(waits) if not count]
        heapq.heapify(heap)
        order = []
        while heap:
            _, task = heapq.heappop(heap)
            order.append(task)
            for gate in self.opens[task]:
                left[gate] -= 1
                if not left[gate]:
                    for waiter in self.waiters[gate]:
                        waits[waiter] -= 1
                        if not waits[waiter]:
                            heapq.heappush(heap, (keys[waiter], waiter))
        return order

    def paths(self) -> list[Ticks]:
        """The longest path that begins with each task."""
        paths = [0] * len(self)
        behind = [0] * len(self.members)
        for task in reversed(self.in_order(range(len(self)))):
            paths[task] = self.lengths[task] + max((behind[gate] for gate in self.opens[task]), default=0)
            for gate in self.enters[task]:
                behind[gate] = max(behind[gate], paths[task])
        return paths
