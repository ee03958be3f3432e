"""The state machine of a run, driven in every order that a run could take."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbuild.core.schedule import Node, Schedule, State

ENDED = {State.BUILT, State.FRESH, State.FAILED, State.BLOCKED}


def node(number: int) -> Node:
    return f"t{number % 3}", (number,)


def schedule_of(
    nodes: Iterable[Node],
    gates: Callable[[Node], Iterable[tuple[Hashable, Iterable[Node]]]],
    seconds: Callable[[Node], float] = lambda one: 1.0,
) -> Schedule:
    """A schedule where there is plenty of everything."""
    return Schedule(nodes, gates, seconds=seconds, needs=lambda target: {"cpus": 1}, capacity={"cpus": 1000})


@dataclass
class Run:
    """A random flow of tasks and what happens to each."""

    random: Random
    needs: dict[Node, list[frozenset[Node]]]
    failing: set[Node]
    schedule: Schedule = field(init=False)
    started: list[Node] = field(default_factory=list)
    delayed: list[Node] = field(default_factory=list)

    def __post_init__(self) -> None:
        nodes = list(self.needs)
        if self.random.random() < 0.5:
            self.random.shuffle(nodes)  # paths are wrong then, and everything still runs once, in order
        self.schedule = schedule_of(nodes, self.gates, lambda one: float(one[1][0] % 2))

    def gates(self, one: Node) -> Iterable[tuple[Hashable, Iterable[Node]]]:
        return [(members, sorted(members)) for members in self.needs[one]]

    def behind(self, one: Node) -> set[Node]:
        return set().union(*self.needs[one])

    def go(self) -> None:
        """Starts and ends tasks in any order until there is nothing left to do."""
        running: list[Node] = []
        while not self.schedule.is_over:
            taken = self.schedule.take() if self.random.random() < 0.6 or not running else None
            if taken is not None:
                self.start(taken, running)
            elif self.delayed and (not running or self.random.random() < 0.2):
                self.schedule.move(self.delayed.pop(), State.READY)
            elif running:
                self.end(running.pop(self.random.randrange(len(running))), running)
            else:
                pytest.fail("the run stands still")
            assert self.schedule.running == len(running)
            assert sum(self.schedule.counts.values()) == len(self.needs)

    def start(self, one: Node, running: list[Node]) -> None:
        states = self.schedule.states
        assert all(states.get(given, State.BUILT) in (State.BUILT, State.FRESH) for given in self.behind(one))
        choice = self.random.random()
        if choice < 0.1:
            self.schedule.put_back(one)
        elif choice < 0.2 and one not in self.failing:
            self.schedule.move(one, State.FRESH)
        elif choice < 0.3 and one in self.failing:
            self.schedule.move(one, State.FAILED)  # its inputs changed before it could start, say
        else:
            self.schedule.move(one, State.RUNNING)
            running.append(one)

    def end(self, one: Node, running: list[Node]) -> None:
        choice = self.random.random()
        if choice < 0.1:
            self.schedule.move(one, State.READY)  # its worker died; it is tried again
            return
        if choice < 0.2:
            self.schedule.move(one, State.DELAYED)  # it failed; it is tried again later
            self.delayed.append(one)
            return
        self.started.append(one)
        self.schedule.move(one, State.FAILED if one in self.failing else State.BUILT)


@st.composite
def runs(draw: st.DrawFn) -> Run:
    random = draw(st.randoms(use_true_random=False))
    size = draw(st.integers(0, 30))
    elsewhere = [node(1000 + n) for n in range(3)]  # settled before the run began
    needs: dict[Node, list[frozenset[Node]]] = {}
    for number in range(size):
        before = [node(n) for n in range(number)] + elsewhere
        count = random.randint(0, 2)
        gates = [frozenset(random.sample(before, min(len(before), random.randint(0, 4)))) for _ in range(count)]
        if number and random.random() < 0.4:
            gates += random.choice(list(needs.values()))  # several tasks wait for the very same set
        needs[node(number)] = gates
    rate = draw(st.sampled_from([0, 0.1, 0.4]))
    return Run(random, needs, {one for one in needs if random.random() < rate})


@given(runs())
def test_every_task_runs_once_after_all_that_it_reads(run: Run) -> None:
    run.go()
    assert len(run.started) == len(set(run.started))
    assert run.schedule.is_over
    assert run.schedule.take() is None
    assert {run.schedule.states[one] for one in run.needs} <= ENDED


@given(runs())
def test_failures_block_just_what_is_behind_them(run: Run) -> None:
    run.go()
    stopped: set[Node] = set()
    for one in run.needs:  # in an order in which each comes after what it reads
        state = run.schedule.states[one]
        is_behind = bool(run.behind(one) & stopped)
        assert (state is State.BLOCKED) == is_behind
        assert (state is State.FAILED) == (one in run.failing and not is_behind)
        if state in (State.FAILED, State.BLOCKED):
            stopped.add(one)
    counted = {state: sum(s is state for s in run.schedule.states.values()) for state in State}
    assert run.schedule.counts == counted


def chain(size: int) -> Schedule:
    return schedule_of(
        [("t", (n,)) for n in range(size)],
        lambda one: [(one[1][0], [("t", (one[1][0] - 1,))])] if one[1][0] else [],
    )


def test_an_empty_run_is_over() -> None:
    assert chain(0).is_over
    assert chain(0).take() is None


def test_a_failure_at_the_head_of_a_deep_chain_blocks_all_of_it() -> None:
    schedule = chain(20_000)
    first = schedule.take()
    assert first == ("t", (0,))
    assert schedule.take() is None
    schedule.move(first, State.FAILED)
    assert schedule.counts[State.BLOCKED] == 19_999
    assert schedule.is_over


def test_tasks_of_a_longer_path_start_first_and_equals_in_building_order() -> None:
    schedule = schedule_of([("a", (n,)) for n in range(6)], lambda one: (), lambda one: one[1][0] // 2)
    order = []
    while (one := schedule.take()) is not None:
        order.append(one[1][0])
    assert order == [4, 5, 2, 3, 0, 1]


def test_a_task_that_is_put_back_is_taken_again() -> None:
    schedule = chain(2)
    first = schedule.take()
    assert first is not None
    schedule.put_back(first)
    assert schedule.take() == first
    assert schedule.take() is None


@pytest.mark.parametrize(
    "steps",
    [
        [State.BUILT],
        [State.BLOCKED],
        [State.PENDING],
        [State.RUNNING, State.FRESH],
        [State.RUNNING, State.BUILT, State.RUNNING],
        [State.FAILED, State.READY],
        [State.FRESH, State.BUILT],
        [State.DELAYED],
        [State.RUNNING, State.DELAYED, State.RUNNING],
        [State.RUNNING, State.DELAYED, State.BUILT],
    ],
)
def test_a_step_that_makes_no_sense_is_refused_and_changes_nothing(steps: list[State]) -> None:
    schedule = schedule_of([("a", ())], lambda one: ())
    for step in steps[:-1]:
        schedule.move(("a", ()), step)
    before = schedule.states["a", ()], dict(schedule.counts)
    with pytest.raises(ValueError, match=steps[-1].name):
        schedule.move(("a", ()), steps[-1])
    assert (schedule.states["a", ()], dict(schedule.counts)) == before


def test_a_pending_task_cannot_be_started() -> None:
    schedule = chain(2)
    for state in (State.RUNNING, State.FRESH, State.BUILT, State.FAILED):
        with pytest.raises(ValueError, match="PENDING"):
            schedule.move(("t", (1,)), state)


def test_what_many_wait_for_together_is_gone_through_once() -> None:
    """Partitions that each read a whole dataset: the sum of both counts as work, not the product."""
    members, readers = [("m", (n,)) for n in range(2000)], [("r", (n,)) for n in range(2000)]
    looked_at = 0

    def each() -> Iterable[Node]:
        nonlocal looked_at
        for member in members:
            looked_at += 1
            yield member

    schedule = schedule_of([*members, *readers], lambda one: [("all", each())] if one[0] == "r" else [])
    assert looked_at == len(members)
    for member in members:
        assert schedule.counts[State.READY] + schedule.counts[State.BUILT] == len(members)
        schedule.move(member, State.RUNNING)
        schedule.move(member, State.BUILT)
    assert schedule.counts[State.READY] == len(readers)
