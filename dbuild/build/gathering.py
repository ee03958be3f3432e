"""Which partitions go into one execution: those of a batched target that may start, and after a failure fewer.

When the call for several fails, each of its halves is tried, and so on until those that fail stand alone. So a
partition that can't be made costs few calls and takes no other with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dbuild.build.attempts import Attempt
from dbuild.core.graph import Flow
from dbuild.core.schedule import Node, Schedule


class Gathering:
    """The batches of one run."""

    def __init__(self, flow: Flow, schedule: Schedule) -> None:
        self._flow = flow
        self._schedule = schedule
        self._most: dict[Node, int] = {}  # of those whose batch failed: how many may be tried together

    def is_batched(self, node: Node) -> bool:
        """Whether a partition is made by a recipe that takes several."""
        return self._flow.steps[node[0]].target.batch is not None

    def around(self, first: Attempt, admit: Callable[[Node], Attempt | None]) -> list[Attempt]:
        """An attempt with those that are made together with it; `admit` tells of a task whether it has to run.

        One that is tried again, by its `retries`, stands alone, and so does what failed in the smallest batch.
        """
        found = [first]
        most = self._limit(first.node)
        for node in self._schedule.beside(first.node) if first.number == 1 else ():
            if most is not None and len(found) >= most:
                break
            if self._most.get(first.node) == self._most.get(node):
                attempt = admit(node)
                found += [attempt] if attempt is not None else []
        return found

    def _limit(self, node: Node) -> int | None:
        batch = self._flow.steps[node[0]].target.batch
        return self._most.get(node, batch or None)

    def halve(self, nodes: Sequence[Node]) -> None:
        """Has these tried again in two parts."""
        self._most.update(dict.fromkeys(nodes, (len(nodes) + 1) // 2))
