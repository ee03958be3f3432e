"""Runs with time as a value: random flows, what a schedule makes of them, and how short any schedule could be."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from random import Random
from types import MappingProxyType

from dbuild.core.schedule import FORESIGHT, Node, Schedule, State

Gates = list[tuple[Hashable, tuple[Node, ...]]]


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
    early: int = 0  # tasks that were started before what made room for them was settled


def simulate(
    work: Work,
    expected: Callable[[Node], float] | None = None,
    foresight: int = FORESIGHT,
    *,
    is_early: bool = False,
    batches: Mapping[str, int] = MappingProxyType({}),
) -> Timeline:
    """Starts whatever the schedule gives, as soon as it gives it; `is_early`: before what has ended is settled, too.

    Of targets in `batches` at most so many are started together, and end together.
    """
    schedule = Schedule(
        work.seconds,
        work.gates.__getitem__,
        seconds=expected or work.seconds.__getitem__,
        needs=work.needs.__getitem__,
        capacity=work.capacity,
        foresight=foresight,
        together=batches,
    )
    line = Timeline()
    running: list[tuple[float, list[Node]]] = []

    def start_all(take: Callable[[], Node | None]) -> None:
        while (first := take()) is not None:
            most = batches.get(first[0], 1)
            nodes = [first, *(islice(schedule.beside(first), most - 1) if most > 1 else ())]
            for node in nodes:
                schedule.move(node, State.RUNNING, rides=node != first)
                line.starts[node] = line.end
            heapq.heappush(running, (line.end + sum(work.seconds[node] for node in nodes), nodes))

    while not schedule.is_over:
        start_all(schedule.take)
        assert running, "the run stands still"
        line.end, ended = heapq.heappop(running)
        if is_early:
            schedule.release(ended[0])
            before = len(line.starts)
            start_all(partial(schedule.take_before, ended))
            line.early += len(line.starts) - before
        for node in ended:
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
