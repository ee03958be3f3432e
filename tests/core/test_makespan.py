"""How long a run takes in the order that the schedule gives: simulated, against the optimum or a proved bound of it."""

from __future__ import annotations

import statistics
from collections.abc import Mapping

import pytest

from dbuild.core.schedule import Node
from tests.core.simulation import Timeline, Work, draw, longest_path_bound, proved_bound, simulate

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


@pytest.fixture(scope="module")
def ratios() -> list[tuple[str, float, float]]:
    """For the flows of seeds 0 to 199: their kind, and how long they run by the first and by the better bound."""
    found = []
    for seed in range(200):
        work = draw(seed)
        end, bound = simulate(work).end, longest_path_bound(work)
        better = bound if end <= NEAR * bound else max(bound, proved_bound(work))
        assert end >= better - 1e-9  # or the bound is none
        found.append((work.kind, end / bound, end / better))
    return found


def near(ratios: list[tuple[str, float, float]], kind: str) -> tuple[int, int]:
    """How many of a kind run at most 5% longer than proved necessary, and how many there are."""
    some = [ratio for name, _, ratio in ratios if name == kind]
    return sum(ratio <= NEAR for ratio in some), len(some)


def test_random_flows_of_tasks_of_one_cpu_run_as_long_as_they_must(ratios: list[tuple[str, float, float]]) -> None:
    """All but two, of 24 and 25 tasks on 6 and 8 cpus: longest first doesn't divide so few evenly."""
    close, of = near(ratios, "plain")
    assert of == 70
    assert close >= 68


def test_random_flows_with_pools_and_several_cpus_are_near_the_bound(ratios: list[tuple[str, float, float]]) -> None:
    """Where several resources are short at once, the rule isn't always near, and the bound isn't always tight.

    Of the 33 flows of all kinds that aren't near, a search over random orders finds one that is for eleven; for the
    others it isn't known whether there is any.
    """
    for kind, least, count in [("pools", 42, 48), ("amounts", 35, 47), ("pools and amounts", 22, 35)]:
        close, of = near(ratios, kind)
        assert of == count
        assert close >= least
    assert statistics.mean(ratio for _, _, ratio in ratios) < 1.03
    assert max(ratio for _, _, ratio in ratios) < 1.26


def test_wrong_expectations_cost_little() -> None:
    """Durations that are known only as a target's mean: what a second build knows of new partitions."""
    costs = []
    for seed in range(0, 200, 5):
        work = draw(seed)
        means = {
            target: statistics.mean(s for node, s in work.seconds.items() if node[0] == target) for target in work.needs
        }
        guessed = simulate(work, lambda node, means=means: means[node[0]])  # type: ignore[misc]
        costs.append(guessed.end / simulate(work).end)
    assert statistics.mean(costs) < 1.1
