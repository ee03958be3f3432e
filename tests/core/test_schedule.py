"""The state machine of a run, driven in every order that a run could take."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbuild.core.punctual import PunctualLine
from dbuild.core.resources import Claim, Resources
from dbuild.core.schedule import FORESIGHT, Node, Schedule, State
from tests.core.simulation import Work, draw, simulate

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
        if choice < 0.2 and one not in self.failing:
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


# -- resources -----------------------------------------------------------------------------------------------------

AMOUNTS = st.sampled_from([0, 0.25, 1 / 3, 0.5, 2 / 3, 1, 1.5, 2, 3, 7, 1000, math.inf])


@st.composite
def works(draw: st.DrawFn) -> Work:
    """Flows with any needs."""
    names = ["cpus", "memory", "db"]
    capacity = {name: draw(st.sampled_from([0.5, 1, 2, 4, 8])) for name in names[: draw(st.integers(0, 3))]}
    targets = [f"t{number}" for number in range(draw(st.integers(1, 5)))]
    some = st.dictionaries(st.sampled_from([*names, "other"]), AMOUNTS)
    needs: dict[str, Mapping[str, float]] = {target: draw(some) for target in targets}
    work = Work({}, {}, needs, capacity)
    for number in range(draw(st.integers(0, 25))):
        one = draw(st.sampled_from(targets)), (number,)
        before = draw(st.sets(st.sampled_from(list(work.seconds)), max_size=3)) if work.seconds else set()
        work.gates[one] = [(frozenset(before), tuple(before))]
        work.seconds[one] = draw(st.sampled_from([0.0, 1e-6, 1.0, 2.5, 60.0]))
    return work


def scheduled(work: Work, foresight: int = FORESIGHT) -> Schedule:
    return Schedule(
        work.seconds,
        work.gates.__getitem__,
        seconds=work.seconds.__getitem__,
        needs=work.needs.__getitem__,
        capacity=work.capacity,
        foresight=foresight,
    )


def held(work: Work, running: Iterable[Node], resource: str) -> Fraction:
    """What running tasks take of a resource, each at most all of it."""
    whole = work.capacity[resource]
    return sum((Fraction(min(whole, work.needs[one[0]].get(resource, 0))) for one in running), Fraction())


@given(works(), st.randoms(use_true_random=False))
def test_no_more_is_taken_than_there_is_and_no_needs_bring_a_run_to_a_stand(work: Work, random: Random) -> None:
    schedule, running, delayed = scheduled(work), list[Node](), list[Node]()
    while not schedule.is_over:
        taken = schedule.take()
        if taken is not None:
            schedule.move(taken, State.RUNNING)
            running.append(taken)
        elif running:
            one = running.pop(random.randrange(len(running)))
            state = random.choice([State.BUILT, State.BUILT, State.BUILT, State.FAILED, State.READY, State.DELAYED])
            schedule.move(one, state)
            delayed += [one] if state is State.DELAYED else []
        else:
            schedule.move(delayed.pop(), State.READY)  # IndexError: nothing runs, nothing can start, nothing is due
        assert all(held(work, running, name) <= whole for name, whole in work.capacity.items())
    assert schedule.free() == work.capacity


@given(works())
def test_the_order_is_the_same_every_time(work: Work) -> None:
    assert list(simulate(work).starts.items()) == list(simulate(work).starts.items())


@given(works(), st.sampled_from([0, 1000]))
def test_what_starts_before_a_task_is_settled_is_what_would_start_then(work: Work, foresight: int) -> None:
    early, late = simulate(work, foresight=foresight, is_early=True), simulate(work, foresight=foresight)
    assert list(early.starts.items()) == list(late.starts.items())


@pytest.mark.parametrize("foresight", [0, 1000])
def test_the_flows_that_are_drawn_start_in_the_same_order_however_early(foresight: int) -> None:
    works = [draw(seed) for seed in range(20)]
    early = [simulate(work, foresight=foresight, is_early=True) for work in works]
    assert [[*line.starts.items()] for line in early] == [
        [*simulate(work, foresight=foresight).starts.items()] for work in works
    ]
    assert sum(line.early for line in early) > sum(len(line.starts) for line in early) / 2


@given(works())
def test_a_task_starts_as_soon_as_it_fits_when_nothing_runs(work: Work) -> None:
    schedule = scheduled(work)
    while (taken := schedule.take()) is not None:
        schedule.move(taken, State.RUNNING)
        schedule.move(taken, State.BUILT)
    assert schedule.is_over


def shared(
    tasks: Mapping[str, float], needs: Mapping[str, Mapping[str, float]], foresight: int = 0, **capacity: float
) -> Schedule:
    """Independent tasks, by names: expected seconds and needs of each. Without foresight, no timetable is made."""
    return Schedule(
        [(name, ()) for name in tasks],
        lambda one: (),
        seconds=lambda one: tasks[one[0]],
        needs=needs.__getitem__,
        capacity=capacity,
        foresight=foresight,
    )


def alike(names: Iterable[str], amounts: Mapping[str, float]) -> dict[str, Mapping[str, float]]:
    return dict.fromkeys(names, amounts)


def start(schedule: Schedule) -> str | None:
    """Starts the next task; its name."""
    taken = schedule.take()
    if taken is None:
        return None
    schedule.move(taken, State.RUNNING)
    return taken[0]


def end(schedule: Schedule, *names: str) -> None:
    for name in names:
        schedule.move((name, ()), State.BUILT)


@pytest.mark.parametrize(("scale", "foresight"), [(1.0, 0), (0.0, 0), (1.0, 1000)])
def test_a_task_that_does_not_fit_is_not_passed_for_ever(scale: float, foresight: int) -> None:
    """Two cpus that never come free together, unless what fits is held back. Durations are known, or all unknown."""
    small = {f"small{n}": 3.0 - n / 100 for n in range(100)}
    tasks = {name: seconds * scale for name, seconds in {"first": 5.0, "wide": 4.0, **small}.items()}
    schedule = shared(tasks, {**alike(tasks, {"cpus": 1}), "wide": {"cpus": 2}}, foresight, cpus=2)
    schedule.move(("first", ()), State.RUNNING)
    running, started = ["first"], 0
    while (name := start(schedule)) != "wide":
        if name is not None:
            running.append(name)
            started += 1
        else:
            end(schedule, running.pop(0))
    assert started <= 3


def test_what_ends_in_time_may_pass_a_task_that_does_not_fit() -> None:
    tasks = {"long": 10.0, "wide": 8.0, "short": 4.0, "shorter": 3.0, "slow": 7.0}
    needs = {**alike(tasks, {"cpus": 1}), "wide": {"cpus": 2}, "slow": {"cpus": 0.9}}
    schedule = shared(tasks, needs, cpus=2)
    schedule.move(("long", ()), State.RUNNING)
    assert start(schedule) == "slow"  # until 7 of 10 seconds
    end(schedule, "slow")
    assert start(schedule) is None  # 4 seconds are more than the 3 that are left; who stands behind in line has to wait
    end(schedule, "long")
    assert start(schedule) == "wide"


def test_what_leaves_enough_may_pass_for_as_long_as_it_takes() -> None:
    tasks = {"long": 10.0, "wide": 90.0, "other": 80.0, "more": 70.0}
    needs = {"long": {"cpus": 3}, "wide": {"cpus": 2}, "other": {"cpus": 1}, "more": {"cpus": 1}}
    schedule = shared(tasks, needs, cpus=4)
    schedule.move(("long", ()), State.RUNNING)
    assert start(schedule) == "other"  # when `long` ends there are three, of which `wide` takes two
    assert start(schedule) is None
    end(schedule, "long")
    assert [start(schedule), start(schedule)] == ["wide", "more"]


def test_who_waits_for_a_pool_holds_up_nobody_who_does_not_want_it() -> None:
    tasks = {"holder": 9.0, "waiting": 8.0, "late": 7.0, "free1": 50.0, "free2": 60.0}
    takes = {"cpus": 1, "db": 1}
    needs = {"holder": takes, "waiting": takes, "late": takes, "free1": {"cpus": 1}, "free2": {"cpus": 1}}
    schedule = shared(tasks, needs, cpus=3, db=1)
    schedule.move(("holder", ()), State.RUNNING)
    assert {start(schedule), start(schedule)} == {"free1", "free2"}
    assert start(schedule) is None
    end(schedule, "holder")
    assert start(schedule) == "waiting"
    assert schedule.free() == {"cpus": 0.0, "db": 0.0}


@pytest.mark.parametrize("state", [State.DELAYED, State.READY, State.FAILED, State.BUILT])
def test_a_task_that_does_not_run_any_more_frees_what_it_held(state: State) -> None:
    schedule = shared({"a": 1.0, "b": 1.0}, alike("ab", {"cpus": 1 / 3, "memory": 5e9}), cpus=1, memory=8e9)
    assert start(schedule) == "a"
    assert schedule.free() == {"cpus": 0.667, "memory": 3e9}
    assert start(schedule) is None
    schedule.move(("a", ()), state)
    assert schedule.free() == {"cpus": 1.0, "memory": 8e9}
    assert start(schedule) == ("a" if state is State.READY else "b")


@pytest.mark.parametrize("state", [State.DELAYED, State.READY, State.FAILED, State.BUILT])
def test_a_task_that_was_released_gives_back_what_it_held_once(state: State) -> None:
    schedule = shared({"a": 1.0, "b": 1.0, "c": 1.0}, alike("abc", {"cpus": 1}), cpus=1)
    assert start(schedule) == "a"
    schedule.release(("a", ()))
    assert schedule.free() == {"cpus": 1.0}
    assert schedule.take_before([("a", ())]) == ("b", ())
    schedule.move(("b", ()), State.RUNNING)
    schedule.move(("a", ()), state)
    assert schedule.free() == {"cpus": 0.0}
    with pytest.raises(ValueError, match="could be released"):
        schedule.release(("a", ()))
    end(schedule, "b")
    assert schedule.free() == {"cpus": 1.0}
    if state is State.READY:
        assert start(schedule) == "a"
        assert schedule.free() == {"cpus": 0.0}
        end(schedule, "a")
        assert schedule.free() == {"cpus": 1.0}


def waiting(names: str, wide: str = "") -> Schedule:
    """Tasks of one cpu of two each, of which the first may start first; those in `wide` take both."""
    work = Work({(name, ()): 9.0 for name in names}, {}, alike(names, {"cpus": 1}), {"cpus": 2})
    work.needs.update({name: {"cpus": 2} for name in wide})
    work.gates.update({one: [] for one in work.seconds})
    return scheduled(work, foresight=0)


def test_a_task_can_wait_for_the_place_of_another() -> None:
    schedule = waiting("abcd")
    assert [start(schedule), start(schedule), schedule.take()] == ["a", "b", None]
    taken = schedule.take_behind(("a", ()), lambda one: True)
    assert taken == ("c", ())
    schedule.move(taken, State.QUEUED)
    assert schedule.free() == {"cpus": 0.0}
    assert schedule.take_behind(("a", ()), lambda one: one != ("d", ())) is None
    assert schedule.take_behind(("a", ()), lambda one: True) == ("d", ())
    with pytest.raises(ValueError, match="more is taken than is free"):
        schedule.move(taken, State.RUNNING)
    assert schedule.states[taken] is State.QUEUED
    schedule.release(("a", ()))
    schedule.move(taken, State.RUNNING)
    assert schedule.free() == {"cpus": 0.0}
    for name in "abc":
        schedule.move((name, ()), State.BUILT)
    assert not schedule.is_over
    assert schedule.free() == {"cpus": 2.0}


def test_what_has_waited_in_vain_starts_as_any_other() -> None:
    schedule = waiting("abc")
    for _ in "ab":
        start(schedule)
    schedule.move(("c", ()), State.QUEUED)
    for name in "ab":
        end(schedule, name)
    assert not schedule.is_over
    assert schedule.take() is None
    schedule.move(("c", ()), State.READY)
    assert start(schedule) == "c"
    end(schedule, "c")
    assert schedule.is_over


def test_nothing_waits_in_front_of_what_is_next_and_needs_more() -> None:
    schedule = waiting("abwc", wide="w")
    for name in "ab":
        schedule.move((name, ()), State.RUNNING)
    assert schedule.take_behind(("a", ()), lambda one: True) is None
    end(schedule, "a")
    end(schedule, "b")
    assert start(schedule) == "w"
    assert schedule.take_behind(("w", ()), lambda one: True) is None


def test_nothing_waits_where_all_starts_at_its_time() -> None:
    found = 0
    for seed in range(20):
        schedule = scheduled(draw(seed))
        if isinstance(schedule._line, PunctualLine):
            found += 1
            running = schedule.take()
            assert running is not None
            schedule.move(running, State.RUNNING)
            assert schedule.take_behind(running, lambda one: True) is None
    assert found


def test_what_a_task_frees_stands_before_others_in_line_also_where_it_may_not_start() -> None:
    """Two cpus are kept for `wide`: `freed` would hold them up, and nobody behind it in its line is asked."""
    seconds = {"long": 50.0, "ended": 9.0, "wide": 90.0, "freed": 60.0, "short": 2.0}
    work = Work({(name, ()): took for name, took in seconds.items()}, {}, alike(seconds, {"cpus": 1}), {"cpus": 2})
    work.needs["wide"] = {"cpus": 2}
    work.gates.update({one: [] for one in work.seconds})
    work.gates["freed", ()] = [("ended", (("ended", ()),))]
    started = []
    for is_early in (False, True):
        schedule = scheduled(work, foresight=0)
        for name in ("long", "ended"):
            schedule.move((name, ()), State.RUNNING)
        if is_early:
            schedule.release(("ended", ()))
            started.append(schedule.take_before([("ended", ())]))
        schedule.move(("ended", ()), State.BUILT)
        started.append(schedule.take())
    assert started == [None, None, None]


def test_batches_start_in_the_same_order_however_early() -> None:
    """Some targets make up to so many partitions together, others one by one."""
    early = late = 0
    for seed in range(60):
        work, random = draw(seed), Random(seed)
        batches = {name: random.choice([2, 5, 1000]) for name in sorted(work.needs) if random.random() < 0.6}
        line = simulate(work, is_early=True, batches=batches)
        assert [*line.starts.items()] == [*simulate(work, batches=batches).starts.items()]
        early += line.early
        late += len(line.starts) - line.early
    assert early > late / 2


def test_what_a_task_frees_and_is_more_urgent_is_waited_for() -> None:
    work = Work({("a", ()): 1.0, ("b", ()): 1.0, ("c", ()): 5.0}, {}, alike("abc", {"cpus": 1}), {"cpus": 1})
    work.gates.update({("a", ()): [], ("b", ()): [], ("c", ()): [("a", (("a", ()),))]})
    for foresight in (0, 1000):
        line = simulate(work, foresight=foresight, is_early=True)
        assert [one for one, _ in line.starts] == ["a", "c", "b"]
        assert line.early == 1  # b, before c was settled


def test_a_delayed_task_keeps_the_run_from_being_over_and_what_reads_it_waiting() -> None:
    schedule = chain(2)
    schedule.move(("t", (0,)), State.RUNNING)
    schedule.move(("t", (0,)), State.DELAYED)
    assert schedule.take() is None
    assert not schedule.is_over
    assert schedule.running == 0
    schedule.move(("t", (0,)), State.READY)
    assert schedule.take() == ("t", (0,))
    schedule.move(("t", (0,)), State.RUNNING)
    schedule.move(("t", (0,)), State.BUILT)
    assert schedule.take() == ("t", (1,))


def test_a_delayed_task_may_fail_for_good() -> None:
    schedule = chain(3)
    for state in (State.RUNNING, State.DELAYED, State.FAILED):
        schedule.move(("t", (0,)), state)
    assert schedule.is_over
    assert schedule.counts[State.BLOCKED] == 2


def test_thirds_of_a_cpu_leave_what_was_there() -> None:
    names = [f"t{n}" for n in range(3000)]
    schedule = shared(dict.fromkeys(names, 1.0), alike(names, {"cpus": 1 / 3}), cpus=1)
    while (name := start(schedule)) is not None:
        others = start(schedule), start(schedule)
        assert start(schedule) is None
        end(schedule, name, *(one for one in others if one))
    assert schedule.is_over
    assert schedule.free() == {"cpus": 1.0}


def test_a_start_that_does_not_fit_is_refused_and_changes_nothing() -> None:
    schedule = shared({"a": 1.0, "b": 1.0}, alike("ab", {"db": 1}), db=1)
    one, other = schedule.take(), ("b", ())
    assert one == ("a", ())
    schedule.move(one, State.RUNNING)
    with pytest.raises(ValueError, match="free"):
        schedule.move(other, State.RUNNING)
    assert schedule.states[other] is State.READY
    assert schedule.counts[State.RUNNING] == 1


def test_what_has_no_capacity_is_not_limited() -> None:
    schedule = shared(dict.fromkeys("abc", 1.0), alike("abc", {"cpus": 5, "gpu": 1}), gpu=math.inf)
    assert [start(schedule) for _ in "abc"] == ["a", "b", "c"]


@pytest.mark.parametrize(("amount", "capacity"), [(1, 0), (1, -1), (-1, 1), (math.nan, 1), (1, math.nan)])
def test_amounts_that_make_no_sense_are_refused(amount: float, capacity: float) -> None:
    with pytest.raises(ValueError, match="db"):
        shared({"a": 1.0}, {"a": {"db": amount}}, db=capacity)


def test_a_choice_costs_by_the_number_of_different_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many tasks stand in line, only the first of each line is looked at."""
    nodes = [(f"t{n % 4}", (n,)) for n in range(4000)]
    schedule = Schedule(
        nodes,
        lambda one: (),
        seconds=lambda one: 1.0,
        needs=lambda target: {"cpus": 2 if target == "t3" else 1},
        capacity={"cpus": 3},
    )
    asked = 0
    fits = Resources.fits

    def counted(resources: Resources, claim: Claim) -> bool:
        nonlocal asked
        asked += 1
        return fits(resources, claim)

    monkeypatch.setattr(Resources, "fits", counted)
    for _ in range(100):
        taken = schedule.take()
        assert taken is not None
        schedule.move(taken, State.RUNNING)
        schedule.move(taken, State.BUILT)
    assert asked <= 100 * (2 + 1)  # for a choice both lines at most, and for the start once
