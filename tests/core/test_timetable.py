"""Timetables: what they keep to, what makes them shorter, which runs follow one, and how."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbuild.core import schedule as schedules
from dbuild.core.occupancy import SECOND, Occupancy
from dbuild.core.resources import Claim
from dbuild.core.schedule import Node, Schedule, State
from dbuild.core.search import shortest_timetable
from dbuild.core.timetable import Placing, Timetable
from dbuild.core.workload import Workload
from tests.core.simulation import Work, draw, simulate

# -- what is free --------------------------------------------------------------------------------------------------

CAPACITY = [3, 2]
CLAIMS: list[Claim] = [(), ((0, 1),), ((0, 2),), ((0, 3), (1, 1)), ((1, 2),), ((0, 1), (1, 1))]


@given(st.lists(st.tuples(st.sampled_from(CLAIMS), st.integers(1, 6), st.integers(0, 20)), max_size=25))
def test_a_task_is_placed_at_the_first_moment_at_which_it_fits(tasks: list[tuple[Claim, int, int]]) -> None:
    occupancy = Occupancy(CAPACITY)
    free = [list(CAPACITY) for _ in range(250)]  # moment by moment

    def fits(claim: Claim, start: int, length: int) -> bool:
        return all(
            amount <= free[moment][number] for moment in range(start, start + length) for number, amount in claim
        )

    for claim, length, since in tasks:
        start = occupancy.earliest(claim, length, since)
        assert start == next(moment for moment in range(since, 250) if fits(claim, moment, length))
        occupancy.take(claim, start, length)
        for moment in range(start, start + length):
            for number, amount in claim:
                free[moment][number] -= amount


# -- placing -------------------------------------------------------------------------------------------------------


@st.composite
def workloads(draw: st.DrawFn) -> Workload:
    """Up to twenty tasks and ten gates."""
    size = draw(st.integers(1, 20))
    members: list[list[int]] = []
    waiters: list[list[int]] = []
    for _ in range(draw(st.integers(0, 10)) if size > 1 else 0):
        cut = draw(st.integers(1, size - 1))
        members.append(sorted(draw(st.sets(st.integers(0, cut - 1), min_size=1, max_size=5))))
        waiters.append(sorted(draw(st.sets(st.integers(cut, size - 1), min_size=1, max_size=5))))
    return Workload(
        [draw(st.integers(1, 6)) for _ in range(size)],
        [draw(st.sampled_from(CLAIMS)) for _ in range(size)],
        CAPACITY,
        [task % 2 / 2 for task in range(size)],
        [[gate for gate, some in enumerate(waiters) if task in some] for task in range(size)],
        [[gate for gate, some in enumerate(members) if task in some] for task in range(size)],
        members,
        waiters,
    )


def assert_possible(work: Workload, starts: Sequence[int]) -> None:
    """Nothing starts before what it waits for has ended, and no more is taken than there is."""
    ends = [start + length for start, length in zip(starts, work.lengths, strict=True)]
    for members, waiters in zip(work.members, work.waiters, strict=True):
        assert max(ends[task] for task in members) <= min(starts[task] for task in waiters)
    for moment in starts:
        running = [task for task, start in enumerate(starts) if start <= moment < ends[task]]
        for number, whole in enumerate(work.capacity):
            assert sum(amount for task in running for at, amount in work.claims[task] if at == number) <= whole


@given(workloads(), st.randoms(use_true_random=False))
def test_a_timetable_can_be_kept_whatever_it_was_made_from(work: Workload, random: Random) -> None:
    keys = [random.random() for _ in work.lengths]
    placing = Placing(work)
    for timetable in (placing.by(keys), placing.back_by(keys)):
        assert_possible(work, timetable.starts)
        assert_possible(work, timetable.latest)
        assert timetable.end == work.end(timetable.starts)
        assert sorted(timetable.order) == list(range(len(work)))


@given(workloads(), st.randoms(use_true_random=False))
def test_moved_back_and_forth_a_timetable_is_not_longer(work: Workload, random: Random) -> None:
    placing = Placing(work)
    timetable = placing.by([random.random() for _ in work.lengths])
    again = placing.justified(timetable.starts)
    assert again.end <= timetable.end
    assert all(start <= latest for start, latest in zip(again.starts, again.latest, strict=True))


@given(workloads())
def test_time_that_runs_back_twice_is_time(work: Workload) -> None:
    assert work.backwards().backwards() == work
    assert max(work.paths()) == max(work.backwards().paths())


@given(workloads())
def test_the_search_ends_with_the_effort_and_finds_the_same_again(work: Workload) -> None:
    placing = Placing(work)
    known = placing.by(range(len(work)))
    found = [shortest_timetable(work, known.starts, 0, 40 * len(work)) for _ in range(2)]
    assert found[0] is not None
    assert found[0] == found[1]
    assert_possible(work, found[0].starts)
    assert found[0].end <= known.end
    assert shortest_timetable(work, known.starts, 0, 2 * len(work)) is None


def test_the_search_ends_with_what_cannot_be_better() -> None:
    """Three tasks that exclude each other: whatever the order, the first timetable is the last."""
    work = Workload([2, 3, 4], [((0, 3),)] * 3, CAPACITY, [0.0] * 3, [[], [], []], [[], [], []], [], [])
    found = shortest_timetable(work, [0, 2, 5], bound=9, effort=10**12)
    assert found is not None
    assert found.end == 9


# -- which runs follow one -----------------------------------------------------------------------------------------


@pytest.fixture
def timetables(monkeypatch: pytest.MonkeyPatch) -> list[Timetable | None]:
    """What was decided for each schedule that was made and looked at."""
    decided: list[Timetable | None] = []
    foresee = schedules.foresee

    def noted(*given: object) -> Timetable | None:
        decided.append(foresee(*given))  # type: ignore[arg-type]
        return decided[-1]

    monkeypatch.setattr(schedules, "foresee", noted)
    return decided


def uneven(scale: float = 1.0, cpus: int = 3, times: int = 1) -> Work:
    """Seven tasks that three cpus can do in nine seconds; eleven, if the longest ones come first."""
    work = Work({}, {}, {"t": {"cpus": 1}}, {"cpus": cpus})
    for number, seconds in enumerate([5.0, 5.0, 4.0, 4.0, 3.0, 3.0, 3.0] * times):
        work.seconds["t", (number,)] = seconds * scale
        work.gates["t", (number,)] = []
    return work


def test_a_run_follows_a_timetable_that_is_shorter(timetables: list[Timetable | None]) -> None:
    assert simulate(uneven(), foresight=0).end == 11
    assert timetables == []
    line = simulate(uneven())
    (timetable,) = timetables
    assert line.end == 9
    assert timetable is not None
    starts = [round(line.starts[node] * SECOND) for node in uneven().seconds]
    assert starts == timetable.starts


@pytest.mark.parametrize("seed", [12, 40, 44, 131, 166])
def test_a_run_whose_tasks_take_as_long_as_expected_is_the_timetables(
    seed: int, timetables: list[Timetable | None]
) -> None:
    """Also where a cpu is left idle on purpose: by its tasks in line alone, none of these would be as short."""
    line = simulate(draw(seed))
    (timetable,) = timetables
    assert timetable is not None
    assert line.end == pytest.approx(timetable.end / SECOND, rel=1e-5)


@pytest.mark.parametrize(
    ("work", "count"),
    [
        (uneven(cpus=7), 0),  # all at once
        (uneven(times=143), 0),  # too many
        (uneven(scale=1e-4), 1),  # over before a search would be
        (uneven(cpus=1), 1),  # nothing to be gained
    ],
)
def test_a_run_that_needs_none_has_no_timetable(work: Work, count: int, timetables: list[Timetable | None]) -> None:
    simulate(work)
    assert timetables == [None] * count


# -- how it is followed --------------------------------------------------------------------------------------------


def followed(work: Work) -> Schedule:
    return Schedule(
        work.seconds,
        work.gates.__getitem__,
        seconds=work.seconds.__getitem__,
        needs=work.needs.__getitem__,
        capacity=work.capacity,
    )


@pytest.mark.parametrize("seed", [12, 47, 96])
def test_whatever_happens_every_task_of_a_timetable_ends_once(seed: int, timetables: list[Timetable | None]) -> None:
    """Tasks turn out not to have to run, fail, are tried again, in an order that nobody expected."""
    random = Random(seed)
    schedule, running, delayed, taken = followed(draw(seed)), list[Node](), list[Node](), list[Node]()
    assert timetables[0] is not None
    while not schedule.is_over:
        node = schedule.take()
        if node is not None:
            skipped = random.random() < 0.2
            schedule.move(node, State.FRESH if skipped else State.RUNNING)
            (taken if skipped else running).append(node)
        elif delayed and random.random() < 0.3:
            schedule.move(delayed.pop(), State.READY)
        elif running:
            node = running.pop(random.randrange(len(running)))
            state = random.choice([State.BUILT] * 6 + [State.DELAYED, State.READY])
            schedule.move(node, state)
            delayed += [node] if state is State.DELAYED else []
            taken += [node] if state is State.BUILT else []
        else:
            schedule.move(delayed.pop(), State.READY)  # IndexError: nothing runs and nothing can start
    assert sorted(taken) == sorted(schedule.states)


def test_what_waits_for_another_try_holds_up_nobody(timetables: list[Timetable | None]) -> None:
    schedule = followed(uneven())
    first = schedule.take()
    assert first is not None
    schedule.move(first, State.RUNNING)
    schedule.move(first, State.DELAYED)
    started = 0
    while (node := schedule.take()) is not None:
        schedule.move(node, State.RUNNING)
        schedule.move(node, State.BUILT)
        started += 1
    assert timetables[0] is not None
    assert started == len(schedule.states) - 1
    assert schedule.running == 0
    schedule.move(first, State.READY)
    assert schedule.take() == first


def test_a_failure_is_not_waited_for(timetables: list[Timetable | None]) -> None:
    schedule = followed(draw(44))
    ended = 0
    while (node := schedule.take()) is not None:
        schedule.move(node, State.RUNNING)
        schedule.move(node, State.FAILED if ended % 5 == 0 else State.BUILT)
        ended += 1
    assert schedule.is_over
    assert timetables[0] is not None
