"""How short a run could be at best, as proved by arguments that hold for every order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Any

import numpy as np

from tests.core.simulation import Work, longest_path_bound

Array = np.ndarray


class Tasks:
    """The tasks of a flow by number, in building order."""

    def __init__(self, work: Work) -> None:
        self.nodes = list(work.seconds)
        numbers = {node: number for number, node in enumerate(self.nodes)}
        self.seconds = np.array([work.seconds[node] for node in self.nodes])
        self.shares = np.array([[work.share(node, name) for name in work.capacity] for node in self.nodes])
        self.above = np.zeros((len(self), len(self)), bool)  # row, column: the column's task is before the row's
        for number, node in enumerate(self.nodes):
            for one in work.before(node):
                self.above[number] |= self.above[numbers[one]]
                self.above[number, numbers[one]] = True

    def __len__(self) -> int:
        return len(self.nodes)


def fit(shares: Array) -> bool:
    """Whether tasks with these shares of all resources can run at once."""
    return bool((shares.sum(axis=0) <= 1 + 1e-9).all())


def proved_bound(work: Work, enough: float) -> float:
    """Seconds that every run of this work takes at least; not raised any further once that is enough.

    - A task can't start before all that is before it in the flow is done, which takes as long as its work takes (its
      head), and the run can't end sooner after it than what is behind it takes (its tail).
    - Work is weighed so that no tasks that can run at once, by resources and by order, weigh more than 1 together. Then
      no tasks take less time than their weights times their seconds. (Mingozzi, Maniezzo, Ricciardelli and Bianco, An
      exact algorithm for project scheduling with resource constraints, 1998.)
    - A run of a given length is impossible if some interval has to hold more work than fits: what of each task falls
      into it when it runs as early, and when it runs as late as can be (Fernández and Bussell, 1973).
    """
    bound = longest_path_bound(work)
    if bound >= enough:
        return bound
    tasks = Tasks(work)
    best, *others = weights_of(tasks)
    for found in ([best], [best, *others]):
        weights = np.unique(np.round(found, 12), axis=0).T
        heads, tails = heads_and_tails(tasks.above, tasks.seconds, weights)
        bound = max(bound, _bound_of(heads, tails, tasks.seconds, weights))
        if bound >= enough:
            return bound
    return enough if _is_too_short(enough, heads, tails, tasks.seconds, weights) else bound


# -- what can run at once ------------------------------------------------------------------------------------------


def weights_of(tasks: Tasks) -> list[Array]:
    """Weights of all tasks, equal for those of a target: the best for all the work, then for that of some targets."""
    targets = np.unique([node[0] for node in tasks.nodes], return_inverse=True)[1]
    sums = np.bincount(targets, weights=tasks.seconds)
    together = np.array(list(_configurations(tasks, targets)))
    found = []
    for count in range(3):
        for left_out in combinations(range(len(sums)), count):
            worth = np.array([0.0 if target in left_out else total for target, total in enumerate(sums)])
            found.append(best_weights(worth, together)[targets])
    return found


def best_weights(worth: Array, together: Any) -> Array:
    """The weights under which the worth is greatest and no row of what can be together weighs more than 1."""
    from scipy.optimize import linprog  # a second, which each process that only collects tests would spend

    found = linprog(-worth, A_ub=together, b_ub=np.ones(together.shape[0]), bounds=(0, 1)).x
    return found / max(1.0, (together @ found).max())  # whatever the solver's tolerance was


def _configurations(tasks: Tasks, targets: Array) -> Iterator[tuple[int, ...]]:
    """How many tasks of each target can run at once, as far as their resources and the order of targets say."""
    width = int(targets.max()) + 1
    shares = [tasks.shares[targets == target][0] for target in range(width)]
    counts = np.bincount(targets)
    ordered = tasks.above | tasks.above.T
    apart = [
        [bool(ordered[targets == one][:, targets == other].all()) for other in range(width)] for one in range(width)
    ]

    def fill(target: int, free: Array, chosen: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if target == width:
            yield chosen
            return
        yield from fill(target + 1, free, (*chosen, 0))
        if any(count and apart[target][other] for other, count in enumerate(chosen)):
            return
        for count in range(1, counts[target] + 1):
            left = free - count * shares[target]
            if (left < -1e-9).any():
                return
            yield from fill(target + 1, left, (*chosen, count))

    return fill(0, np.ones(tasks.shares.shape[1]), ())


# -- heads, tails, intervals ---------------------------------------------------------------------------------------


def heads_and_tails(above: Array, seconds: Array, weights: Array) -> tuple[Array, Array]:
    """How long what is before each task takes at least, and what is behind it."""
    order = np.argsort(above.sum(axis=1), kind="stable")
    return _heads(order, above, seconds, weights), _heads(order[::-1], above.T, seconds, weights)


def _heads(order: Iterable[int], above: Array, seconds: Array, weights: Array) -> Array:
    heads = np.zeros(len(seconds))
    for number in order:
        some = np.flatnonzero(above[number])
        if len(some):
            some = some[np.argsort(-heads[some], kind="stable")]
            path = float((heads[some] + seconds[some]).max())
            heads[number] = max(path, _time_of(some, heads, seconds, weights))
    return heads


def _time_of(some: Array, heads: Array, seconds: Array, weights: Array) -> float:
    """When tasks, given by falling heads, can be done at the soonest: those that start late, after they may start."""
    return float((heads[some][:, None] + np.cumsum((weights * seconds[:, None])[some], axis=0)).max())


def _bound_of(heads: Array, tails: Array, seconds: Array, weights: Array) -> float:
    bound = float((heads + seconds + tails).max())
    order = np.argsort(-heads, kind="stable")
    for tail in np.unique(tails):
        some = order[tails[order] >= tail]
        bound = max(bound, _time_of(some, heads, seconds, weights) + float(tail))
    return bound


def _is_too_short(length: float, heads: Array, tails: Array, seconds: Array, weights: Array) -> bool:
    """Whether some interval of a run of this length would have to hold more than fits."""
    latest = length - tails - seconds
    finishes = np.unique(np.concatenate([length - tails, heads + seconds]))
    for start in np.unique(np.concatenate([heads, latest[latest > 0]])):
        ends = finishes[finishes > start + 1e-9]
        early = np.clip(heads + seconds - start, 0, seconds)
        late = np.clip(ends[:, None] - latest[None, :], 0, seconds[None, :])
        inside = np.minimum(np.minimum(early[None, :], late), (ends - start)[:, None])
        if ((inside @ weights) > (ends - start)[:, None] + 1e-7).any():
            return True
    return False
