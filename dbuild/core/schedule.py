"""The state machine of a run: which task may start, and what follows from each outcome.

One method, `move`, makes every transition. Unaware of processes, clocks and the state store.
"""

from __future__ import annotations

import enum
import heapq
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence

from dbuild.core.forecast import Forecast, Node
from dbuild.core.foresight import foresee
from dbuild.core.gates import Entry, Gate, workload_of
from dbuild.core.outlook import Left, Outlook, Running
from dbuild.core.punctual import PunctualLine
from dbuild.core.ready import Rank, ReadyLine
from dbuild.core.resources import Claim, Loads, Resources
from dbuild.core.workload import Workload

__all__ = ["Node", "Schedule", "State"]


class State(enum.Enum):
    """Where a task stands."""

    PENDING = "waits for what it reads"
    READY = "may start"
    QUEUED = "starts when another one has ended"
    RUNNING = "runs"
    DELAYED = "failed and is tried again later"
    BUILT = "ran and succeeded"
    FRESH = "didn't have to run after all"
    FAILED = "ran and failed"
    BLOCKED = "stands behind a failure"

    __hash__ = object.__hash__  # Enum's own is written in Python, and asked for two dozen times a task


_ALLOWED = {
    State.PENDING: {State.READY, State.BLOCKED},
    State.READY: {State.QUEUED, State.RUNNING, State.FRESH, State.FAILED},
    State.QUEUED: {State.READY, State.RUNNING},
    State.RUNNING: {State.BUILT, State.FAILED, State.READY, State.DELAYED},
    State.DELAYED: {State.READY, State.FAILED},
}
FORESIGHT = 1000  # tasks: for more, a timetable takes too long to make
_UNSTARTED = (State.PENDING, State.READY, State.QUEUED, State.DELAYED)
_SETTLED = {State.BUILT, State.FRESH}
_ENDED = {State.BUILT, State.FRESH, State.FAILED, State.BLOCKED}


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
        foresight: int = FORESIGHT,
        together: Collection[str] = (),
    ) -> None:
        """`gates_of` gives, for each node, identities of sets that it waits for, with their members.

        Nodes come in building order: a node after those that it waits for. (In another order every task still runs
        once, after what it reads, but paths count as shorter than they are.) Members that aren't nodes of this
        schedule are settled already. `seconds` is how long a task is expected to run; `needs` how much of each
        resource a target's tasks take while they run, of the `capacity` that there is. What has no capacity isn't
        limited; who needs more than there is takes all of it. For a run of more than `foresight` tasks no timetable
        is made, nor where tasks of the targets in `together` may start several at once, as one execution. Raises
        ValueError for needs or capacities that make no sense.
        """
        self.states: dict[Node, State] = dict.fromkeys(nodes, State.PENDING)
        self._resources = Resources(capacity)
        self._claims: dict[str, Claim] = {
            target: self._resources.claim(needs(target)) for target in dict.fromkeys(name for name, _ in self.states)
        }
        self._loads = Loads(self._resources)
        self._forecast = Forecast(self._resources)
        self._outlook = Outlook(self._resources, self._claims)
        self._paths: list[Rank] | None = None  # a heap of what is to start, and of some that did; when it is asked for
        self._gates: dict[Hashable, Gate] = {}
        self._entries = {node: Entry(node) for node in self.states}
        self.counts = dict.fromkeys(State, 0)
        self.counts[State.PENDING] = len(self.states)
        for node, entry in self._entries.items():
            for identity, members in gates_of(node):
                self._attach(entry, identity, members)
        self._rank(seconds)
        self._ready: dict[str, list[int]] = {name: [] for name in together}  # positions in building order
        self._nodes = list(self.states) if together else []
        self._riders: set[Node] = set()
        self._released: set[Node] = set()  # that run no longer, though what came of them isn't settled
        self._line = self._line_of(0 if together else foresight)
        self._gates.clear()  # who waits holds its gates; what they are called isn't asked for again
        self._begin()

    def _begin(self) -> None:
        """Puts what waits for nothing in line: what `move` does, of all at once."""
        ready = [entry for entry in self._entries.values() if not entry.waits]
        for entry in ready:
            node = entry.node
            self.states[node] = State.READY
            if node[0] in self._ready:
                self._ready[node[0]].append(entry.rank[1])
            self._line.push(self._claims[node[0]], entry.rank)
        self.counts[State.PENDING] -= len(ready)
        self.counts[State.READY] += len(ready)

    def _attach(self, entry: Entry, identity: Hashable, members: Iterable[Node]) -> None:
        gate = self._gates.get(identity)
        if gate is None:
            gate = self._gates[identity] = Gate(0)
            for member in members:
                own = self._entries.get(member)
                if own is not None:
                    gate.left += 1
                    if own.gates:
                        own.gates.append(gate)
                    else:
                        own.gates = [gate]
        if gate.left:
            gate.waiters.append(entry)
            entry.waits += 1

    def _rank(self, seconds: Callable[[Node], float]) -> None:
        """Longest path first, then building order. Each gate's waiters are gone through once, for all its members."""
        totals = dict.fromkeys(self._claims, 0.0)
        position = len(self._entries)
        path_before = own_before = 0.0
        for node, entry in reversed(self._entries.items()):
            position -= 1
            longest = 0.0
            for gate in entry.gates:
                if gate.path is None:
                    gate.path = min([waiter.rank[0] for waiter in gate.waiters])
                if gate.path < longest:
                    longest = gate.path
            own = seconds(node)
            path = longest - own
            if path == path_before and own == own_before:  # as mostly of neighbours: no need of numbers of its own
                path, own = path_before, own_before
            else:
                path_before, own_before = path, own
            entry.rank = (path, position, own, node)
            totals[node[0]] += own
        for target, count in Counter(name for name, _ in self._entries).items():
            self._loads.add(self._claims[target], totals[target])
            self._outlook.add(target, count, totals[target])

    def _line_of(self, foresight: int) -> ReadyLine | PunctualLine:
        """The order in which tasks start: by a timetable where it pays, else as they are ready."""
        if len(self._entries) <= foresight and self._is_short():
            ranks = [entry.rank for entry in self._entries.values()]
            timetable = foresee(self._workload, ranks, self._resources, self._loads)
            if timetable is not None:
                tasks = [(node, self._claims[node[0]], seconds) for _, _, seconds, node in ranks]
                return PunctualLine(tasks, timetable, self._resources, self._forecast, self._is_pending)
        return ReadyLine(self._resources, self._loads, self._forecast)

    def _is_short(self) -> bool:
        """Whether not all tasks fit in at once."""
        wanted = Counter[int]()
        for target, count in Counter(name for name, _ in self._entries).items():
            for number, amount in self._claims[target]:
                wanted[number] += amount * count
        return any(amount > self._resources.capacity[number] for number, amount in wanted.items())

    def _workload(self) -> Workload:
        return workload_of(self._entries.values(), self._gates.values(), self._claims, self._resources.capacity)

    def move(self, node: Node, state: State, *, rides: bool = False) -> None:
        """Takes a task to another state, and others with it. The only place where states change in a run.

        Starting takes what the task needs, the end of running gives it back; not where the task `rides` along with
        another one's execution, which ends at the same time. Raises ValueError, and changes nothing, for a transition
        that makes no sense and for a start that doesn't fit into what is free.
        """
        if rides:
            self._riders.add(node)
        left = self._step(node, state)
        while left:
            left.extend(self._step(*left.pop()))

    def _step(self, node: Node, state: State) -> list[tuple[Node, State]]:
        """Takes one task to another state; what that does to others is what comes back."""
        before = self.states[node]
        if state not in _ALLOWED.get(before, ()):
            raise ValueError(f"{node}: {before.name} -> {state.name}")
        if state is State.RUNNING or before is State.RUNNING:
            self._share(node, state)
        self.states[node] = state
        if node[0] in self._ready:
            self._note_ready(node, before, state)
        self.counts[before] -= 1
        self.counts[state] += 1
        if state is State.READY:
            self._line.push(self._claims[node[0]], self._entries[node].rank)
        elif state in _ENDED:
            if before is not State.RUNNING:
                self._plan(node, -1)
            return self._open(node) if state in _SETTLED else self._shut(node)
        return []

    def _note_ready(self, node: Node, before: State, state: State) -> None:
        line, position = self._ready[node[0]], self._entries[node].rank[1]
        if state is State.READY:
            insort(line, position)
        elif before is State.READY:
            del line[bisect_left(line, position)]

    def beside(self, node: Node) -> Iterator[Node]:
        """The other tasks of a target in `together` that may start, from this one on, then those before it.

        While they are gone through, any of them may change its state.
        """
        line = list(self._ready[node[0]])
        at = bisect_left(line, self._entries[node].rank[1])
        return (other for position in (*line[at:], *line[:at]) if (other := self._nodes[position]) != node)

    def _share(self, node: Node, state: State) -> None:
        claim, seconds = self._claims[node[0]], self._entries[node].rank[2]
        if node in self._riders:
            self._ride(node, state)
            return
        if state is State.RUNNING:
            self._resources.take(claim)
            self._forecast.begin(node, claim, seconds)
            self._plan(node, -1)
            return
        if node in self._released:
            self._released.discard(node)
        else:
            self._resources.give_back(claim)
            self._forecast.end(node, state is State.BUILT)
        if state not in _ENDED:
            self._plan(node, 1)  # all of it is still to be done
            if self._paths is not None:
                heapq.heappush(self._paths, self._entries[node].rank)

    def _plan(self, node: Node, count: int) -> None:
        """One task more, or less, is to be started."""
        seconds = count * self._entries[node].rank[2]
        self._loads.add(self._claims[node[0]], seconds)
        self._outlook.add(node[0], count, seconds)

    def _ride(self, node: Node, state: State) -> None:
        """What a task does that takes nothing of its own: only what is left to do gets less."""
        if state is State.RUNNING:
            self._plan(node, -1)
            return
        self._riders.discard(node)
        if state not in _ENDED:
            self._plan(node, 1)
            if self._paths is not None:
                heapq.heappush(self._paths, self._entries[node].rank)

    def _open(self, node: Node) -> list[tuple[Node, State]]:
        freed: list[tuple[Node, State]] = []
        entry = self._entries[node]
        for gate in entry.gates:
            gate.left -= 1
            if gate.left == 0:
                for waiter in gate.waiters:
                    waiter.waits -= 1
                    if not waiter.waits and self.states[waiter.node] is State.PENDING:
                        freed.append((waiter.node, State.READY))
        entry.gates = ()  # it has ended: what lies behind it is done with
        return freed

    def _shut(self, node: Node) -> list[tuple[Node, State]]:
        blocked: list[tuple[Node, State]] = []
        for gate in self._entries[node].gates:
            if not gate.is_shut:
                gate.is_shut = True
                # A task behind two failures is blocked once: mark it now, so that no second entry is made for it.
                for waiter in gate.waiters:
                    if not waiter.is_shut and self.states[waiter.node] is State.PENDING:
                        waiter.is_shut = True
                        blocked.append((waiter.node, State.BLOCKED))
        return blocked

    def take(self) -> Node | None:
        """The next task that may start and fits into what is free, or None; it stays READY until it is moved."""
        return self._line.pop(self._is_ready)

    def release(self, node: Node) -> None:
        """Gives back what a running task takes whose recipe has succeeded: only what came of it is to be settled.

        Not for one that rides along: it takes nothing. Raises ValueError for a task that doesn't run.
        """
        if self.states[node] is not State.RUNNING or node in self._riders or node in self._released:
            raise ValueError(f"{node} holds nothing that could be released")
        self._resources.give_back(self._claims[node[0]])
        self._forecast.end(node, is_done=True)
        self._released.add(node)

    def take_before(self, nodes: Collection[Node]) -> Node | None:
        """What `take` will give when tasks that end together are built, of which one was released.

        None where that is what they free; also where it may start with others, as one execution, and they free some
        of these: it waits for them.
        """
        freed = list(self._freed_by(nodes))
        taken = self._line.pop(self._is_ready, [(self._claims[entry.node[0]], entry.rank) for entry in freed])
        if taken is not None and taken[0] in self._ready and any(entry.node[0] == taken[0] for entry in freed):
            self._line.push(self._claims[taken[0]], self._entries[taken].rank)
            return None
        return taken

    def take_behind(self, node: Node, is_wanted: Callable[[Node], bool]) -> Node | None:
        """The task whose turn is next, if it could start in the place of this running one; it stays READY till moved.

        None where it has other needs, or isn't wanted: it would have to wait for others too, and what comes after it
        would hold it up. None in a run that follows a timetable.
        """
        claim = self._claims[node[0]]
        return self._line.pop_first(claim, self._is_ready, is_wanted)

    def _freed_by(self, nodes: Collection[Node]) -> Iterator[Entry]:
        """What waits for nothing but these running tasks."""
        ending = Counter(gate for node in nodes for gate in self._entries[node].gates)
        opened = [gate for gate, count in ending.items() if gate.left == count]
        for waiter, count in Counter(waiter for gate in opened for waiter in gate.waiters).items():
            if waiter.waits == count and self._is_pending(waiter.node):
                yield waiter

    def _is_ready(self, node: Node) -> bool:
        return self.states[node] is State.READY

    def _is_pending(self, node: Node) -> bool:
        return self.states[node] is State.PENDING

    def expected(self, node: Node) -> float:
        """The seconds that a task is expected to run."""
        return self._entries[node].rank[2]

    def note(self, node: Node, seconds: float, around: float = 0.0) -> None:
        """Says how long a task took that succeeded, and its place was taken beyond that: see `Outlook.note`."""
        self._outlook.note(node[0], self.expected(node), seconds, around)

    def left(
        self,
        running: Iterable[tuple[Sequence[Node], float]],
        known: Collection[str],
        *,
        is_ending: bool = False,
        may_skip: bool = False,
    ) -> Left:
        """How long the run will still take; `running` are executions, each with its tasks and the seconds since it
        started; for the others see `Outlook.left`."""
        found = []
        for nodes, elapsed in running:
            ranks = [self._entries[node].rank for node in nodes]
            behind = max([-path - own for path, _, own, _ in ranks])
            found.append(Running(nodes[0][0], len(nodes), sum([own for _, _, own, _ in ranks]), behind, elapsed))
        return self._outlook.left(found, self._longest(), known, is_ending=is_ending, may_skip=may_skip)

    def _longest(self) -> float:
        """The seconds of the longest path that begins with a task that is to start."""
        if self._paths is None:
            self._paths = [entry.rank for entry in self._entries.values()]
            heapq.heapify(self._paths)
        while self._paths and self.states[self._paths[0][3]] not in _UNSTARTED:
            heapq.heappop(self._paths)
        return -self._paths[0][0] if self._paths else 0.0

    def free(self) -> dict[str, float]:
        """How much of each limited resource no running task holds."""
        return self._resources.amounts_free()

    @property
    def is_over(self) -> bool:
        """Whether every task has ended."""
        counts = self.counts  # asked after every task
        return not (
            counts[State.PENDING]
            or counts[State.READY]
            or counts[State.RUNNING]
            or counts[State.DELAYED]
            or counts[State.QUEUED]
        )

    @property
    def running(self) -> int:
        return self.counts[State.RUNNING]
