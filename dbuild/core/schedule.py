"""The state machine of a run: which task may start, and what follows from each outcome.

One method, `move`, makes every transition. Unaware of processes, clocks and the state store.

What several tasks wait for together (all partitions of a dataset, say) is one `Gate`, so that an aggregate's readers
cost the sum of members and readers, not their product.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field

from dbuild.core.forecast import Forecast, Node
from dbuild.core.ready import Rank, ReadyLine
from dbuild.core.resources import Claim, Loads, Resources

__all__ = ["Node", "Schedule", "State"]


class State(enum.Enum):
    """Where a task stands."""

    PENDING = "waits for what it reads"
    READY = "may start"
    RUNNING = "runs"
    DELAYED = "failed and is tried again later"
    BUILT = "ran and succeeded"
    FRESH = "didn't have to run after all"
    FAILED = "ran and failed"
    BLOCKED = "stands behind a failure"


_ALLOWED = {
    State.PENDING: {State.READY, State.BLOCKED},
    State.READY: {State.RUNNING, State.FRESH, State.FAILED},
    State.RUNNING: {State.BUILT, State.FAILED, State.READY, State.DELAYED},
    State.DELAYED: {State.READY, State.FAILED},
}
_OPEN = (State.PENDING, State.READY, State.RUNNING, State.DELAYED)
_SETTLED = {State.BUILT, State.FRESH}
_ENDED = {State.BUILT, State.FRESH, State.FAILED, State.BLOCKED}


@dataclass(slots=True)
class Gate:
    """A set of tasks that others wait for together."""

    left: int  # members that haven't settled yet
    waiters: list[Node] = field(default_factory=list)
    is_shut: bool = False  # a member failed or is blocked
    path: float | None = None  # seconds of the longest path that begins with a waiter; None: not looked at yet


class Schedule:
    """The tasks of a run and the order in which they may start."""

    def __init__(
        self,
        nodes: Iterable[Node],
        gates_of: Callable[[Node], Iterable[tuple[Hashable, Iterable[Node]]]],
        *,
        seconds: Callable[[Node], float],
        needs: Callable[[str], Mapping[str, float]],
        capacity: Mapping[str, float],
    ) -> None:
        """`gates_of` gives, for each node, identities of sets that it waits for, with their members.

        Nodes come in building order: a node after those that it waits for. (In another order every task still runs
        once, after what it reads, but paths count as shorter than they are.) Members that aren't nodes of this
        schedule are settled already. `seconds` is how long a task is expected to run; `needs` how much of each
        resource a target's tasks take while they run, of the `capacity` that there is. What has no capacity isn't
        limited; who needs more than there is takes all of it. Raises ValueError for needs or capacities that make no
        sense.
        """
        self.states: dict[Node, State] = dict.fromkeys(nodes, State.PENDING)
        self._resources = Resources(capacity)
        self._claims: dict[str, Claim] = {
            target: self._resources.claim(needs(target)) for target in dict.fromkeys(name for name, _ in self.states)
        }
        self._loads = Loads(self._resources)
        self._forecast = Forecast(self._resources)
        self._ready = ReadyLine(self._resources, self._loads, self._forecast)
        self._gates: dict[Hashable, Gate] = {}
        self._member_of: dict[Node, list[Gate]] = {}
        self._shut_by: dict[Node, int] = {}
        self._waits: dict[Node, int] = {}
        self.counts = dict.fromkeys(State, 0)
        self.counts[State.PENDING] = len(self.states)
        for node in self.states:
            self._waits[node] = sum(self._attach(node, *found) for found in gates_of(node))
        self._ranks = self._rank(seconds)
        for node, waits in self._waits.items():
            if not waits:
                self.move(node, State.READY)

    def _attach(self, node: Node, identity: Hashable, members: Iterable[Node]) -> bool:
        gate = self._gates.get(identity)
        if gate is None:
            own = [member for member in members if member in self.states]
            gate = self._gates[identity] = Gate(len(own))
            for member in own:
                self._member_of.setdefault(member, []).append(gate)
        if gate.left:
            gate.waiters.append(node)
        return gate.left > 0

    def _rank(self, seconds: Callable[[Node], float]) -> dict[Node, Rank]:
        """Longest path first, then building order. Each gate's waiters are gone through once, for all its members."""
        ranks: dict[Node, Rank] = {}
        totals = dict.fromkeys(self._claims, 0.0)
        position = len(self.states)
        for node in reversed(self.states):
            position -= 1
            longest = 0.0
            for gate in self._member_of.get(node, ()):
                if gate.path is None:
                    gate.path = -min([ranks[waiter][0] for waiter in gate.waiters if waiter in ranks], default=0.0)
                longest = max(longest, gate.path)
            own = seconds(node)
            ranks[node] = (-longest - own, position, own, node)
            totals[node[0]] += own
        for target, total in totals.items():
            self._loads.add(self._claims[target], total)
        return ranks

    def move(self, node: Node, state: State) -> None:
        """Takes a task to another state, and others with it. The only place where states change.

        Starting takes what the task needs, the end of running gives it back. Raises ValueError, and changes nothing,
        for a transition that makes no sense and for a start that doesn't fit into what is free.
        """
        left: list[tuple[Node, State]] = [(node, state)]
        while left:
            node, state = left.pop()
            before = self.states[node]
            if state not in _ALLOWED.get(before, ()):
                raise ValueError(f"{node}: {before.name} -> {state.name}")
            if state is State.RUNNING or before is State.RUNNING:
                self._share(node, state)
            self.states[node] = state
            self.counts[before] -= 1
            self.counts[state] += 1
            if state is State.READY:
                self._ready.push(self._claims[node[0]], self._ranks[node])
            elif state in _ENDED:
                self._loads.add(self._claims[node[0]], -self._ranks[node][2])
                left.extend(self._open(node) if state in _SETTLED else self._shut(node))

    def _share(self, node: Node, state: State) -> None:
        claim = self._claims[node[0]]
        if state is State.RUNNING:
            self._resources.take(claim)
            self._forecast.begin(node, claim, self._ranks[node][2])
        else:
            self._resources.give_back(claim)
            self._forecast.end(node, state is State.BUILT)

    def _open(self, node: Node) -> list[tuple[Node, State]]:
        freed: list[tuple[Node, State]] = []
        for gate in self._member_of.get(node, ()):
            gate.left -= 1
            if gate.left == 0:
                for waiter in gate.waiters:
                    self._waits[waiter] -= 1
                    if not self._waits[waiter] and self.states[waiter] is State.PENDING:
                        freed.append((waiter, State.READY))
        return freed

    def _shut(self, node: Node) -> list[tuple[Node, State]]:
        blocked: dict[Node, None] = {}
        for gate in self._member_of.get(node, ()):
            if not gate.is_shut:
                gate.is_shut = True
                blocked.update(dict.fromkeys(w for w in gate.waiters if self.states[w] is State.PENDING))
        # A task behind two failures is blocked once: mark it now, so that no second entry is made for it.
        return [(waiter, State.BLOCKED) for waiter in blocked if self._claim(waiter)]

    def _claim(self, waiter: Node) -> bool:
        if waiter in self._shut_by:
            return False
        self._shut_by[waiter] = 1
        return True

    def take(self) -> Node | None:
        """The next task that may start and fits into what is free, or None; it stays READY until it is moved."""
        return self._ready.pop(self._is_ready)

    def _is_ready(self, node: Node) -> bool:
        return self.states[node] is State.READY

    def put_back(self, node: Node) -> None:
        """A task that was taken and not started."""
        self._ready.push(self._claims[node[0]], self._ranks[node])

    def free(self) -> dict[str, float]:
        """How much of each limited resource no running task holds."""
        return self._resources.amounts_free()

    @property
    def is_over(self) -> bool:
        """Whether every task has ended."""
        return not any(self.counts[state] for state in _OPEN)

    @property
    def running(self) -> int:
        return self.counts[State.RUNNING]
