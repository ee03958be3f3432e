"""What the tasks of a run wait for: sets of others, and how the two hang together.

What several tasks wait for together (all partitions of a dataset, say) is one `Gate`, so that an aggregate's readers
cost the sum of members and readers, not their product.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from dbuild.core.forecast import Node
from dbuild.core.occupancy import ticks
from dbuild.core.ready import Rank
from dbuild.core.resources import Claim
from dbuild.core.workload import Workload


class Gate:
    """A set of tasks that others wait for together."""

    __slots__ = ("is_shut", "left", "path", "waiters")

    def __init__(self, left: int) -> None:
        self.left = left  # members that haven't settled yet
        self.waiters: list[Entry] = []
        self.is_shut = False  # a member failed or is blocked
        self.path: float | None = None  # the longest that begins with a waiter, negated; None: not looked at yet


class Entry:
    """What is kept of a task: one lookup finds it all, and gates hold it itself."""

    __slots__ = ("gates", "is_shut", "node", "rank", "waits")

    def __init__(self, node: Node) -> None:
        self.node = node
        self.gates: list[Gate] | tuple[()] = ()  # that it is a member of
        self.waits = 0  # gates that it waits for
        self.is_shut = False  # it is, or is about to be, blocked
        self.rank: Rank = (0.0, 0, 0.0, node)


def workload_of(
    entries: Collection[Entry], gates: Collection[Gate], claims: Mapping[str, Claim], capacity: Sequence[int]
) -> Workload:
    """Tasks, in building order, and all their gates as numbers; `claims` by targets."""
    numbers = {id(gate): number for number, gate in enumerate(gates)}
    enters: list[list[int]] = [[] for _ in entries]
    members: list[list[int]] = [[] for _ in gates]
    opens = [[numbers[id(gate)] for gate in entry.gates] for entry in entries]
    waiters = [[entry.rank[1] for entry in gate.waiters] for gate in gates]
    for task, behind in enumerate(opens):
        for gate in behind:
            members[gate].append(task)
    for gate, tasks in enumerate(waiters):
        for task in tasks:
            enters[task].append(gate)
    return Workload(
        [ticks(entry.rank[2]) for entry in entries],
        [claims[entry.node[0]] for entry in entries],
        list(capacity),
        _along(entries),
        enters,
        opens,
        members,
        waiters,
    )


def _along(entries: Collection[Entry]) -> list[float]:
    """How far into its target's tasks each is, from 0 to 1."""
    counts, passed = Counter(entry.node[0] for entry in entries), Counter[str]()
    along = []
    for entry in entries:
        name = entry.node[0]
        along.append(passed[name] / counts[name])
        passed[name] += 1
    return along
