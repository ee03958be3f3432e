"""The proofs that runs are measured against: compared with the best of all orders, where these can be gone through."""

from __future__ import annotations

from itertools import permutations
from random import Random

import pytest

from dbuild.core.schedule import Node
from tests.core.bounds import proved_bound
from tests.core.proofs import Orders, Starts, Tasks, is_impossible
from tests.core.simulation import Work, longest_path_bound


def tiny(seed: int) -> Work:
    """Six tasks of three targets that take cpus, and some of a pool."""
    random = Random(seed)
    nodes: list[Node] = [(f"t{number // 2}", (number % 2,)) for number in range(6)]
    work = Work({}, {}, {}, {"cpus": random.choice([2, 3]), "db": 2})
    for target in ("t0", "t1", "t2"):
        work.needs[target] = {"cpus": random.choice([0.5, 1, 1, 2, 3]), "db": random.choice([0, 0, 1, 2])}
    for number, node in enumerate(nodes):
        before = tuple(one for one in nodes[:number] if one[0] != node[0] and random.random() < 0.3)
        work.seconds[node] = random.choice([1.0, 2.0, 3.0, 5.0, random.uniform(1, 6)])
        work.gates[node] = [(before, before)] if before else []
    return work


def optimum(work: Work) -> float:
    """The least that any order gives: tasks are placed one by one, each as early as it can be."""
    orders = (order for order in permutations(work.seconds) if is_in_order(work, order))
    return min(length_of(work, order) for order in orders)


def is_in_order(work: Work, order: tuple[Node, ...]) -> bool:
    return all(work.before(node) <= set(order[:at]) for at, node in enumerate(order))


def length_of(work: Work, order: tuple[Node, ...]) -> float:
    placed: dict[Node, tuple[float, float]] = {}
    for node in order:
        since = max((placed[one][1] for one in work.before(node)), default=0.0)
        for start in sorted({since, *(end for _, end in placed.values() if end > since)}):
            end = start + work.seconds[node]
            moments = [start, *(other for other, _ in placed.values() if start < other < end)]
            if all(fits(work, [node, *(one for one, (a, b) in placed.items() if a <= at < b)]) for at in moments):
                placed[node] = start, end
                break
    return max(end for _, end in placed.values())


def fits(work: Work, nodes: list[Node]) -> bool:
    return all(sum(work.share(node, name) for node in nodes) <= 1 + 1e-9 for name in work.capacity)


@pytest.mark.parametrize("seed", range(40))
def test_no_bound_is_above_the_optimum(seed: int) -> None:
    work = tiny(seed)
    best, enough = optimum(work), 1e9
    assert longest_path_bound(work) <= proved_bound(work, enough) + 1e-9
    assert proved_bound(work, enough) <= best + 1e-6
    tasks, length = Tasks(work), best + 1e-6
    assert proved_bound(work, length) < length
    assert not Orders(tasks, length).are_excluded()
    assert not any(Starts(tasks, length, count).are_excluded() for count in (3, 5, 6))
    assert is_impossible(work, best - 1e-6)  # all cases of so few tasks are gone through
