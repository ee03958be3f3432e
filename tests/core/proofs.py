"""Proofs that no run of some work is as short as a given length, by going through all cases.

For flows of few tasks, where the bounds of `bounds` don't suffice.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np
from scipy.sparse import csr_matrix

from tests.core.bounds import Array, Tasks, best_weights, fit, heads_and_tails, weights_of
from tests.core.simulation import Work

_SETS = 5000
_CASES = 1000  # each costs some milliseconds
_STARTS = 20_000  # each costs a tenth of one
_CLOSE = 1e-9


def is_impossible(work: Work, length: float) -> bool:
    """Whether it is proved that every run takes longer. False: it isn't known."""
    tasks = Tasks(work)
    starts = (Starts(tasks, length, count) for count in (8, 12, 16))
    return Orders(tasks, length).are_excluded() or any(some.are_excluded() for some in starts)


class Orders:
    """Cases by order: of two tasks, the second starts after the first has ended, or it doesn't.

    If it doesn't, all that the second waits for has ended before anything begins that waits for the first. So in both
    cases more tasks are in order, fewer can run at once, and their weights (see `bounds.proved_bound`, but of each
    task for itself) show in the end that the run takes longer than it may. The first task is always the longest one.
    """

    def __init__(self, tasks: Tasks, length: float) -> None:
        self._above = tasks.above
        self._seconds = tasks.seconds
        self._length = length
        self._longest = int(tasks.seconds.argmax())
        self._left = _CASES
        sets = list(islice(_together(tasks), _SETS + 1))
        self._is_large = len(sets) > _SETS
        rows = [row for row, some in enumerate(sets) for _ in some]
        self._sets = csr_matrix((np.ones(len(rows)), (rows, [one for some in sets for one in some])))
        pairs = [(row, a, b) for row, some in enumerate(sets) for a in some for b in some if a < b]
        self._pairs = np.array(pairs, int).reshape(-1, 3)

    def are_excluded(self) -> bool:
        """Whether it is proved that no order of the tasks is possible in this time."""
        return not self._is_large and self._is_excluded(self._above, self._bound(self._above))

    def _is_excluded(self, above: Array, bound: float) -> bool:
        if bound > self._length:
            return True
        cases = max(self._divisions(above), key=lambda cases: min(bound for bound, _ in cases), default=None)
        return cases is not None and self._left > 0 and all(self._is_excluded(case, bound) for bound, case in cases)

    def _divisions(self, above: Array) -> Iterator[list[tuple[float, Array]]]:
        """Pairs of cases of which one or the other holds, each with its bound."""
        one = self._longest
        for other in range(len(above)):
            if one == other or above[one, other] or above[other, one] or not above[other].any():
                continue
            behind = np.flatnonzero(above[:, one])
            cases = [_with(above, [one], [other]), _with(above, np.flatnonzero(above[other]).tolist(), behind.tolist())]
            if not (cases[1] == above).all():
                yield [(self._bound(case), case) for case in cases]

    def _bound(self, above: Array) -> float:
        self._left -= 1
        if above.diagonal().any():
            return np.inf  # a task after itself
        ordered = above | above.T
        rows, ones, others = self._pairs.T
        is_possible = np.ones(self._sets.shape[0], bool)
        is_possible[rows[ordered[ones, others]]] = False
        return float(best_weights(self._seconds, self._sets[is_possible]) @ self._seconds)


def _together(tasks: Tasks) -> Iterator[list[int]]:
    """All sets of tasks that can run at once."""
    ordered = tasks.above | tasks.above.T

    def grow(chosen: list[int], others: list[int]) -> Iterator[list[int]]:
        for at, other in enumerate(others):
            more = [*chosen, other]
            if fit(tasks.shares[more]):
                yield more
                yield from grow(more, [one for one in others[at + 1 :] if not ordered[one, other]])

    return grow([], list(range(len(tasks))))


def _with(above: Array, ones: list[int], others: list[int]) -> Array:
    """The order in which besides each of some tasks is before each of others."""
    more = above.copy()
    first, second = np.zeros(len(above), bool), np.zeros(len(above), bool)
    for one in ones:
        first |= above[one]
        first[one] = True
    for other in others:
        second |= above[:, other]
        second[other] = True
    if ones and others:
        more[np.ix_(second, first)] = True
    return more


class Starts:
    """Cases by the task that starts next, each as soon as what it waits for and what is free allow.

    Only the tasks of most work are gone through; the others count for what they make these wait. A case ends where
    what is left, weighed as in `bounds.proved_bound`, takes longer than there is time, or what is behind some task; and
    where a task could have been done before the one that starts next.
    """

    def __init__(self, tasks: Tasks, length: float, count: int) -> None:
        weights = np.concatenate([tasks.shares, np.array(weights_of(tasks)[:1]).T], axis=1)
        heads, tails = heads_and_tails(tasks.above, tasks.seconds, weights)
        kept = np.sort(np.argsort(-tasks.seconds * tasks.shares.max(axis=1), kind="stable")[:count])
        self._length = length + _CLOSE
        self._seconds, self._heads, self._tails = (some[kept].tolist() for some in (tasks.seconds, heads, tails))
        self._shares, self._weights = tasks.shares[kept], weights[kept]
        self._above = [np.flatnonzero(row).tolist() for row in tasks.above[np.ix_(kept, kept)]]
        self._seen: set[tuple[frozenset[int], tuple[tuple[int, float], ...]]] = set()
        self._left = _STARTS

    def are_excluded(self) -> bool:
        """Whether it is proved that no run is of this length."""
        return self._is_excluded(0.0, -1, {})

    def _is_excluded(self, now: float, last: int, ends: dict[int, float]) -> bool:
        """Whether no run goes on like this: the ends of what has started; the last of them did so now."""
        self._left -= 1
        running = {task: end for task, end in ends.items() if end > now + _CLOSE}
        case = frozenset(ends), tuple(sorted(running.items()))
        if case in self._seen or self._is_too_much(now, ends):
            return True
        if len(ends) == len(self._seconds) or self._left < 0:
            return False
        starts = {task: self._fitting(task, now, ends, running) for task in self._next(ends)}
        soonest = min(start + self._seconds[task] for task, start in starts.items())
        for task, start in sorted(starts.items(), key=lambda item: item[::-1]):
            is_earlier = start <= now + _CLOSE and task < last  # the same starts in another order
            is_next = start < soonest - _CLOSE and not is_earlier
            if is_next and not self._is_excluded(start, task, {**ends, task: start + self._seconds[task]}):
                return False
        self._seen.add(case)
        return True

    def _is_too_much(self, now: float, ends: dict[int, float]) -> bool:
        left = [max(0.0, ends[task] - now) if task in ends else own for task, own in enumerate(self._seconds)]
        if (now + np.array(left) @ self._weights > self._length).any():
            return True
        return any(
            ends.get(task, max(now, self._heads[task]) + own) + self._tails[task] > self._length
            for task, own in enumerate(self._seconds)
        )

    def _next(self, ends: dict[int, float]) -> Iterator[int]:
        for task, above in enumerate(self._above):
            if task not in ends and all(one in ends for one in above):
                yield task

    def _fitting(self, task: int, now: float, ends: dict[int, float], running: dict[int, float]) -> float:
        """When a task can start, after now and beside what runs."""
        since = max([now, self._heads[task], *(ends[one] for one in self._above[task])])
        for start in [since, *sorted(end for end in running.values() if end > since)]:
            beside = [one for one, end in running.items() if end > start + _CLOSE]
            if fit(self._shares[[task, *beside]]):
                return start
        raise AssertionError("nothing runs any more, and it doesn't fit")
