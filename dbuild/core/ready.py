"""The tasks that may start, and which of them is next, where the run follows no timetable.

There is one heap for each set of needs, so that a choice costs by the number of different needs, however many tasks
stand in line. A task's turn comes by what has to be done after it begins: the longest path that begins with it, or
all the work that is left for a resource that it takes, if that is longer (a pool of one that the run will wait for in
the end must not stand idle now). Among equals, and so wherever cpus are all that is short: longest path first.

**Who doesn't fit isn't passed for ever.** If tasks that fit could always start, one that needs four cpus would wait
for as long as there are tasks of one. If none could, cpus would stand idle each time until four are free; in
simulated runs that costs far more than it gains. So the first task that doesn't fit is given a time, at which enough
of what runs is expected to have ended; until then others may use what it lacks if they will have ended too, or if
there is enough for both. What it doesn't lack is free for all.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable

from dbuild.core.forecast import Forecast, Node, Opening
from dbuild.core.resources import Claim, Loads, Resources

# Less is sooner: the longest path, negated; the place in building order. Then its own seconds, and the task.
Rank = tuple[float, int, float, Node]


class ReadyLine:
    """Tasks in line."""

    def __init__(self, resources: Resources, loads: Loads, forecast: Forecast) -> None:
        self._resources = resources
        self._loads = loads
        self._forecast = forecast
        self._heaps: dict[Claim, list[Rank]] = {}

    def push(self, claim: Claim, rank: Rank) -> None:
        """Puts a task in line."""
        line = self._heaps.get(claim)
        if line is None:
            line = self._heaps[claim] = []
        heapq.heappush(line, rank)

    def pop(self, is_wanted: Callable[[Node], bool], coming: Iterable[tuple[Claim, Rank]] = ()) -> Node | None:
        """Takes the next task that can start out of the line, or None. Tasks no longer wanted are dropped.

        What is `coming` will be in line in a moment: None also where that will be next then.
        """
        heads = self._heads(is_wanted, coming)
        opening: Opening | None = None
        asked: set[Claim] = set()
        while heads:
            _, rank, claim = heapq.heappop(heads)
            if claim in asked:  # what is coming stands before it in its line, which hears what the first one heard
                continue
            asked.add(claim)
            if not self._resources.fits(claim):
                if not heads:  # nobody is left for whom it matters when it will
                    return None
                opening = opening or self._forecast.opening(claim)
            elif opening is None or opening.allows(claim, rank[2]):
                line = self._heaps.get(claim)
                return heapq.heappop(line)[3] if line and line[0] is rank else None
        return None

    def pop_first(
        self, claim: Claim, is_ready: Callable[[Node], bool], is_wanted: Callable[[Node], bool]
    ) -> Node | None:
        """Takes the task whose turn is next out of the line, if it takes just this and is wanted, whatever is free."""
        heads = self._heads(is_ready)
        if not heads or heads[0][2] != claim or not is_wanted(heads[0][1][3]):
            return None
        return heapq.heappop(self._heaps[claim])[3]

    def _heads(
        self, is_wanted: Callable[[Node], bool], coming: Iterable[tuple[Claim, Rank]] = ()
    ) -> list[tuple[float, Rank, Claim]]:
        """The first task of each line, and what is coming, as a heap of those whose turn comes first."""
        first = list(coming)
        for claim, line in self._heaps.items():
            while line and not is_wanted(line[0][3]):
                heapq.heappop(line)
            if line:
                first.append((claim, line[0]))
        if len(first) == 1:  # as mostly: there is nothing to compare
            claim, rank = first[0]
            return [(0.0, rank, claim)]
        heads = [(min(rank[0], -self._loads.heaviest(claim)), rank, claim) for claim, rank in first]
        heapq.heapify(heads)
        return heads
