"""The schedule of a run: which partitions will or may run, and what each of them waits for."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator

from dbuild.build.allotments import Allotments
from dbuild.build.durations import Durations
from dbuild.build.world import World
from dbuild.core.partitions import Index, PartitionSet
from dbuild.core.plan import Plan, TargetPlan, chain_of, inputs_of
from dbuild.core.schedule import Node, Schedule

_MANY = 1000  # partitions of an input


def schedule_of(world: World, plan: Plan, durations: Durations, allotments: Allotments) -> Schedule:
    """The schedule of all that a plan says will or may run."""
    nodes = [(name, index) for name, part in plan.targets.items() for index in _in_order(plan, part)]
    return Schedule(
        nodes,
        lambda node: _gates(world, plan, node),
        seconds=durations.of,
        needs=allotments.needs,
        capacity=allotments.capacity,
        together=[name for name in plan.targets if plan.flow.steps[name].target.batch is not None],
    )


def _in_order(plan: Plan, part: TargetPlan) -> Iterable[Index]:
    """The partitions that will or may run, each after those of its target that it reads."""
    chain = chain_of(plan.flow, plan.domains, part.target)
    if not (chain or part.may or part.refused):
        return part.will  # in order, and its indices are objects that are there already
    indices = (part.will_set | part.may).indices()
    return chain.ordered(indices) if chain else indices


def _gates(world: World, plan: Plan, node: Node) -> Iterable[tuple[Hashable, Iterable[Node]]]:
    """What a partition waits for, by inputs; what several wait for together has the same name."""
    target, index = node
    step = plan.flow.steps[target]
    for given, mapping in inputs_of(plan.flow, plan.domains, target):
        upstream = plan.targets.get(given.dataset)
        if upstream is None or not (upstream.will or upstream.may):
            continue
        domain = plan.domains.of(given.dataset)
        reads = mapping.of_index(index, domain)
        if given.dataset == target and not reads:
            continue  # where a chain begins
        yield (given.dataset, reads.body), _members(upstream, reads)
        first = domain.first()
        if first is not None and world.needs_first(given, step):
            yield (given.dataset, "first"), ((given.dataset, first),)


def _members(upstream: TargetPlan, reads: PartitionSet) -> Iterator[Node]:
    """What of an input may run. To ask for each costs less than an intersection, unless there are many."""
    some = reads if len(reads) < _MANY else reads & (upstream.will_set | upstream.may)
    yield from ((upstream.target, index) for index in some.indices())
