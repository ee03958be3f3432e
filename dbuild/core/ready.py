"""The tasks that may start, and which of them is next.

There is one heap for each set of needs, so that a choice costs by the number of different needs, however many tasks
stand in line.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

from dbuild.core.partitions import Index
from dbuild.core.resources import Claim, Resources

Node = tuple[str, Index]  # a target and one of its partitions
Rank = tuple[float, int, Node]  # less is sooner: the longest path, negated; the place in building order; the task


class ReadyLine:
    """Tasks in line, by rank; what they need decides which can go."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._heaps: dict[Claim, list[Rank]] = {}

    def push(self, claim: Claim, rank: Rank) -> None:
        """Puts a task in line."""
        heapq.heappush(self._heaps.setdefault(claim, []), rank)

    def pop(self, is_wanted: Callable[[Node], bool]) -> Node | None:
        """Takes the first task out that fits into what is free, or None. Tasks no longer wanted are dropped."""
        heads = self._heads(is_wanted)
        held: set[int] = set()
        while heads:
            _, claim = heapq.heappop(heads)
            if held and not held.isdisjoint(number for number, _ in claim):
                continue
            if self._resources.fits(claim):
                return heapq.heappop(self._heaps[claim])[2]
            held |= self._resources.lacking(claim)
        return None

    def _heads(self, is_wanted: Callable[[Node], bool]) -> list[tuple[Rank, Claim]]:
        heads = []
        for claim, line in self._heaps.items():
            while line and not is_wanted(line[0][2]):
                heapq.heappop(line)
            if line:
                heads.append((line[0], claim))
        heapq.heapify(heads)
        return heads
