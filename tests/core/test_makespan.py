"""How long a run takes in the order that the schedule gives: simulated, against the optimum or a proved bound of it."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from random import Random

import pytest

from dbuild.core.schedule import Node
from tests.core.bounds import proved_bound
from tests.core.proofs import is_impossible
from tests.core.simulation import Timeline, Work, draw, simulate

NEAR = 1.05


def work_of(
    tasks: Mapping[str, float],
    reads: Mapping[str, str],
    capacity: dict[str, float],
    needs: Mapping[str, Mapping[str, float]] | None = None,
) -> Work:
    """Tasks by one word each, given in building order; what they read as words in a row."""

    def node(name: str) -> Node:
        return name, ()

    return Work(
        {node(name): seconds for name, seconds in tasks.items()},
        {node(name): [(reads.get(name), tuple(map(node, reads.get(name, "").split())))] for name in tasks},
        {name: (needs or {}).get(name, {"cpus": 1}) for name in tasks},
        capacity,
    )


def order(line: Timeline) -> list[str]:
    return [name for name, _ in line.starts]


# -- flows whose optimum is known ----------------------------------------------------------------------------------


def test_the_head_of_a_long_path_starts_before_longer_tasks() -> None:
    tasks = {"a": 2.0, "b": 2.0, "c": 2.0, "d": 2.0, "head": 1.0, "tail": 7.0}
    line = simulate(work_of(tasks, {"tail": "head"}, {"cpus": 2}))
    assert order(line)[0] == "head"
    assert line.end == 8.0  # the path, and half of all the work


def test_a_path_goes_on_through_what_many_wait_for() -> None:
    tasks = {"small1": 1.0, "small2": 1.0, "small3": 1.0, "day1": 1.0, "day2": 1.0, "day3": 1.0, "day4": 1.0}
    line = simulate(work_of({**tasks, "month": 3.0}, {"month": "day1 day2 day3 day4"}, {"cpus": 2}))
    assert set(order(line)[:4]) == {"day1", "day2", "day3", "day4"}
    assert line.end == 5.0


def test_independent_tasks_start_longest_first() -> None:
    tasks = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0, "e": 5.0, "f": 6.0}
    line = simulate(work_of(tasks, {}, {"cpus": 3}))
    assert order(line) == ["f", "e", "d", "c", "b", "a"]
    assert line.end == 7.0


def test_a_pool_that_the_run_will_wait_for_is_not_left_idle() -> None:
    tasks = {"a1": 1.0, "b1": 1.0, "a2": 1.0, "b2": 1.0, "a3": 1.0, "b3": 1.0, "x": 2.5, "y": 2.5, "z": 2.5}
    reads = {"a2": "a1", "a3": "a2", "b2": "b1", "b3": "b2"}
    needs = {name: {"cpus": 1, "db": 1} for name in "xyz"}
    line = simulate(work_of(tasks, reads, {"cpus": 2, "db": 1}, needs))
    assert line.end == 7.5  # the pool is in use all the time; by paths alone, two chains of three would come first


def test_tasks_that_exclude_each_other_are_not_left_for_the_end() -> None:
    """Two of three cpus: one of these runs at a time, so they are what the run waits for."""
    tasks = {f"big{n}": 2.0 for n in range(3)} | {f"small{n}": 2.5 for n in range(2)}
    needs = {f"big{n}": {"cpus": 2} for n in range(3)}
    line = simulate(work_of(tasks, {}, {"cpus": 3}, needs))
    assert line.end == 6.0


def test_a_task_that_needs_more_than_there_is_runs_alone() -> None:
    tasks = {"a": 2.0, "huge": 3.0, "b": 2.0}
    line = simulate(work_of(tasks, {}, {"cpus": 4}, {"huge": {"cpus": 64}}))
    assert line.end == 5.0
    assert line.starts["huge", ()] in (0.0, 2.0)


# -- random flows --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[60, pytest.param(200, marks=pytest.mark.slow)])
def runs(request: pytest.FixtureRequest) -> list[tuple[str, float, float]]:
    """For the flows of the first seeds: their kind, how long they run, and how long every run of theirs takes at least.

    The bound is the longest path or all the work of a resource; where the run isn't near it, a better one.
    """
    found = []
    for seed in range(request.param):
        work = draw(seed)
        end = simulate(work).end
        bound = proved_bound(work, enough=end / NEAR)
        if end > NEAR * bound and is_impossible(work, end / NEAR):
            bound = end / NEAR
        assert end >= bound - 1e-9  # or the bound is none
        found.append((work.kind, end, bound))
    return found


@pytest.mark.parametrize(
    ("kind", "few", "all_of_them"),
    [("plain", 16, 70), ("pools", 16, 48), ("amounts", 15, 47), ("pools and amounts", 13, 35)],
)
def test_random_flows_run_hardly_longer_than_they_must(
    runs: list[tuple[str, float, float]], kind: str, few: int, all_of_them: int
) -> None:
    """All of them within 5% of what is proved to be necessary."""
    some = [end / bound for name, end, bound in runs if name == kind]
    assert len(some) == {60: few, 200: all_of_them}[len(runs)]
    assert [ratio for ratio in some if ratio > NEAR + 1e-9] == []


def test_random_flows_run_as_long_as_they_must_on_the_whole(runs: list[tuple[str, float, float]]) -> None:
    assert statistics.mean(end / bound for _, end, bound in runs) < 1.02


@pytest.mark.slow
def test_wrong_expectations_cost_little() -> None:
    """Durations that are known only as a target's mean: what a second build knows of new partitions."""
    costs, gains = [], []
    for seed in range(0, 200, 5):
        work = draw(seed)
        means = {
            target: statistics.mean(s for node, s in work.seconds.items() if node[0] == target) for target in work.needs
        }
        expected = lambda node, means=means: means[node[0]]
        guessed = simulate(work, expected).end
        costs.append(guessed / simulate(work).end)
        gains.append(simulate(work, expected, foresight=0).end / guessed)
    assert statistics.mean(costs) < 1.1
    assert statistics.mean(gains) > 0.99  # a timetable of guesses does no harm


def test_durations_that_differ_from_the_timetable_leave_most_of_what_it_gains() -> None:
    """Every task takes longer or less long than expected: two of three by up to 20%."""
    gains = []
    for seed in (35, 40, 44, 76, 96, 100, 131, 148):  # those that gain most when all is as expected
        work, expected = draw(seed), draw(seed).seconds.__getitem__
        random = Random(seed)
        for node in work.seconds:
            work.seconds[node] *= random.lognormvariate(0, 0.2)
        gains.append(simulate(work, expected, foresight=0).end / simulate(work, expected).end)
    assert statistics.mean(gains) > 1.05
