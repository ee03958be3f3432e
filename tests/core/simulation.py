"""Runs with time as a value: random flows, what a schedule makes of them, and how short any schedule could be."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random

import numpy as np

from dbuild.core.schedule import Node, Schedule, State

Gates = list[tuple[Hashable, tuple[Node, ...]]]
Array = np.ndarray


@dataclass
class Work:
    """Tasks, how long they take, what each waits for and needs."""

    seconds: dict[Node, float]  # in building order
    gates: dict[Node, Gates]
    needs: dict[str, Mapping[str, float]]
    capacity: dict[str, float]

    def share(self, node: Node, resource: str) -> float:
        """The part of a resource that a task takes."""
        whole = self.capacity[resource]
        return min(whole, self.needs[node[0]].get(resource, 0.0)) / whole

    def before(self, node: Node) -> set[Node]:
        """What a task waits for."""
        return {member for _, members in self.gates[node] for member in members}

    @property
    def kind(self) -> str:
        """Whether tasks take one cpu each and nothing else, or also of pools, or several cpus, or both."""
        words = ["pools"] if "db" in self.capacity else []
        if any(amounts["cpus"] != 1 for amounts in self.needs.values()):
            words.append("amounts")
        return " and ".join(words) or "plain"


@dataclass
class Timeline:
    """When each task started, and when all had ended."""

    starts: dict[Node, float] = field(default_factory=dict)
    end: float = 0.0


def simulate(work: Work, expected: Callable[[Node], float] | None = None) -> Timeline:
    """Starts whatever the schedule gives, as soon as it gives it."""
    schedule = Schedule(
        work.seconds,
        work.gates.__getitem__,
        seconds=expected or work.seconds.__getitem__,
        needs=work.needs.__getitem__,
        capacity=work.capacity,
    )
    line = Timeline()
    running: list[tuple[float, Node]] = []
    while not schedule.is_over:
        while (node := schedule.take()) is not None:
            schedule.move(node, State.RUNNING)
            line.starts[node] = line.end
            heapq.heappush(running, (line.end + work.seconds[node], node))
        assert running, "the run stands still"
        line.end, node = heapq.heappop(running)
        schedule.move(node, State.BUILT)
    return line


# -- random flows --------------------------------------------------------------------------------------------------


def draw(seed: int) -> Work:
    """A flow of 2 to 8 targets with 20 to 400 tasks in all (log-uniform), on 1 to 8 cpus.

    In two of five there is a pool of 1 to 4, of which half of the targets take 1 or 2; in two of five, two of five
    targets take another number of cpus than one (16: all of them). Durations are log-normal, with a mean for each
    target. A target reads one or two earlier ones: partition by partition, a window of four, a share of them (as a
    month its days), or all.
    """
    random = Random(seed)
    cpus = random.randint(1, 8)
    size = round(20 * 20 ** random.random())
    count = random.randint(2, 8)
    has_pools, has_amounts = random.random() < 0.4, random.random() < 0.4
    work = Work({}, {}, {}, {"cpus": cpus})
    if has_pools:
        work.capacity["db"] = random.randint(1, 4)
    cuts = sorted(random.sample(range(1, size), count - 1))
    widths = [high - low for low, high in zip([0, *cuts], [*cuts, size], strict=True)]
    for number, width in enumerate(widths):
        amounts = {"cpus": 1.0}
        if has_amounts and random.random() < 0.4:
            amounts["cpus"] = random.choice([0.5, 2, 3, 4, 16])
        if has_pools and random.random() < 0.5:
            amounts["db"] = random.randint(1, 2)
        work.needs[f"t{number}"] = amounts
        _draw_target(work, random, number, width, widths)
    return work


def _draw_target(work: Work, random: Random, number: int, width: int, widths: list[int]) -> None:
    spread, mean = random.choice([0.3, 0.6, 1.0]), random.lognormvariate(0, 0.7)
    has_inputs = number > 0 and random.random() > 0.15
    given = random.sample(range(number), min(number, random.randint(1, 2))) if has_inputs else []
    mappings = {one: random.choice(["same", "window", "all", "month"]) for one in given}
    for index in range(width):
        node = (f"t{number}", (index,))
        work.seconds[node] = mean * random.lognormvariate(0, spread)
        work.gates[node] = []
        for one, mapping in mappings.items():
            low, high = _reads(mapping, index, width, widths[one])
            members = tuple((f"t{one}", (at,)) for at in range(low, high))
            work.gates[node].append(((one, low, high), members))


def _reads(mapping: str, index: int, width: int, given: int) -> tuple[int, int]:
    at = index * given // width
    return {
        "same": (at, at + 1),
        "window": (max(0, at - 3), at + 1),
        "month": (at, max(at + 1, (index + 1) * given // width)),
        "all": (0, given),
    }[mapping]


# -- bounds --------------------------------------------------------------------------------------------------------


def longest_path_bound(work: Work) -> float:
    """The longest path, or all the work spread evenly over a resource: no schedule is shorter."""
    ends: dict[Node, float] = {}
    for node, seconds in work.seconds.items():
        ends[node] = seconds + max((ends[one] for one in work.before(node)), default=0.0)
    loads = [sum(s * work.share(node, name) for node, s in work.seconds.items()) for name in work.capacity]
    return max(*ends.values(), *loads)


def proved_bound(work: Work) -> float:
    """A better bound, as proved for project scheduling.

    - A task can't start before all that is before it in the flow is done, which takes as long as its work takes on
      each resource (its head), and the run can't end sooner after it than what is behind it takes (its tail).
    - Shares of a resource count as what a dual feasible function makes of them: no set of tasks that fits together
      exceeds 1 then either. So tasks of more than half of a resource run one after the other.
    - A run of a given length is impossible if some interval has to hold more work than fits: what of each task falls
      into it when it runs as early, and when it runs as late as can be (Fernández and Bussell).
    """
    nodes = list(work.seconds)
    numbers = {node: number for number, node in enumerate(nodes)}
    before = [sorted(numbers[one] for one in work.before(node)) for node in nodes]
    seconds = np.array([work.seconds[node] for node in nodes])
    shares = _shares(work, nodes)
    after: list[list[int]] = [[] for _ in nodes]
    for number, ones in enumerate(before):
        for one in ones:
            after[one].append(number)
    heads = _heads(range(len(nodes)), before, seconds, shares)
    tails = _heads(range(len(nodes) - 1, -1, -1), after, seconds, shares)
    bound = float((heads + seconds + tails).max())
    order = np.argsort(-heads, kind="stable")
    for tail in np.unique(tails):
        some = order[tails[order] >= tail]
        bound = max(bound, _time_of(some, heads, seconds, shares) + float(tail))
    return _raise_by_intervals(bound, heads, tails, seconds, shares)


def _shares(work: Work, nodes: list[Node]) -> Array:
    """For each task a row of shares: of every resource, as they are and through dual feasible functions."""
    columns = []
    for resource in work.capacity:
        share = np.array([work.share(node, resource) for node in nodes])
        columns.append(share)
        columns.append(np.where(share > 0.5 + 1e-9, 1.0, np.where(share > 0.5 - 1e-9, 0.5, 0.0)))
        for one in set(share.tolist()):
            for limit in (one, 1 - one + 1e-6):
                if 0 < limit <= 0.5:
                    columns.append(np.where(share > 1 - limit + 1e-9, 1.0, np.where(share < limit - 1e-9, 0.0, share)))
        for k in range(1, 9):
            scaled = share * (k + 1)
            columns.append(np.where(np.abs(scaled - np.round(scaled)) < 1e-9, share, np.floor(scaled + 1e-9) / k))
    return np.unique(np.array(columns), axis=0).T


def _heads(order: Iterable[int], before: list[list[int]], seconds: Array, shares: Array) -> Array:
    heads = np.zeros(len(seconds))
    above = np.zeros((len(seconds), len(seconds)), bool)
    for number in order:
        for one in before[number]:
            above[number] |= above[one]
            above[number, one] = True
        if before[number]:
            some = np.flatnonzero(above[number])
            some = some[np.argsort(-heads[some], kind="stable")]
            path = max(heads[one] + seconds[one] for one in before[number])
            heads[number] = max(path, _time_of(some, heads, seconds, shares))
    return heads


def _time_of(some: Array, heads: Array, seconds: Array, shares: Array) -> float:
    """When tasks, given by falling heads, can be done at the soonest: those that start late, after they may start."""
    return float((heads[some][:, None] + np.cumsum((shares * seconds[:, None])[some], axis=0)).max())


def _raise_by_intervals(bound: float, heads: Array, tails: Array, seconds: Array, shares: Array) -> float:
    if len(seconds) > 120:  # for many tasks the other arguments do, and this one takes long
        return bound
    low, high = bound, 1.3 * bound
    for _ in range(6):
        middle = (low + high) / 2
        if _is_impossible(middle, heads, tails, seconds, shares):
            low = middle
        else:
            high = middle
    return low


def _is_impossible(length: float, heads: Array, tails: Array, seconds: Array, shares: Array) -> bool:
    latest = length - tails - seconds
    finishes = np.unique(np.concatenate([length - tails, heads + seconds]))
    for start in np.unique(np.concatenate([heads, latest[latest > 0]])):
        ends = finishes[finishes > start + 1e-9]
        early = np.clip(heads + seconds - start, 0, seconds)
        late = np.clip(ends[:, None] - latest[None, :], 0, seconds[None, :])
        inside = np.minimum(np.minimum(early[None, :], late), (ends - start)[:, None])
        if ((inside @ shares) > (ends - start)[:, None] + 1e-7).any():
            return True
    return False
