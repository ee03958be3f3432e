"""The plan: what will run, what may run, what is fresh, what waits. Frozen data; executing it is someone else's.

Sets of partitions wherever sets serve: only partitions that have to be looked at are judged one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as MappingOf
from typing import Protocol

from dbuild.core.chain import Chain
from dbuild.core.changes import PartChange
from dbuild.core.domain import Domains
from dbuild.core.graph import Flow, Step
from dbuild.core.model import Input
from dbuild.core.partitions import Index, PartitionSet
from dbuild.core.reading import chain_of as chain_of
from dbuild.core.reading import inputs_of as inputs_of
from dbuild.core.staleness import Reason, Verdict, partition_name
from dbuild.core.supply import Supply
from dbuild.core.trace import joined_key
from dbuild.values import dataclass, field


class Observed(Protocol):
    """What the planner asks of the world. The planner itself looks at nothing."""

    @property
    def supply(self) -> Supply:
        """What every target can have of its inputs."""

    def suspects(self, target: str) -> PartitionSet:
        """The partitions of a target that nothing vouches for: each has to be judged."""

    def unrouted(self, target: str) -> MappingOf[str, PartitionSet]:
        """The partitions of datasets, by their names, of which it isn't known which rows a target gets."""

    def needs_first(self, given: Input, step: Step) -> bool:
        """Whether a recipe reads a table whose columns only its dataset's first partition shows."""

    def frozen(self, target: str) -> PartitionSet:
        """The partitions of a target that stay as they are."""

    def judge(self, target: str, index: Index, unsettled: MappingOf[str, PartitionSet]) -> Verdict:
        """The verdict on one partition, given the partitions of its inputs that have to be built first."""


@dataclass(frozen=True, slots=True)
class TargetPlan:
    """The plan for one target, over the partitions that are needed."""

    target: str
    needed: PartitionSet
    will: dict[Index, tuple[Reason, ...]]  # will run, and why; what fails for a missing input is part of it
    will_set: PartitionSet
    may: PartitionSet  # may run, when an input comes out changed
    waiting: PartitionSet  # held back by a missing input, straight or through others
    absent: PartitionSet  # asked for, but past the newest partition (already counted as waiting)
    held: dict[Index, tuple[Reason, ...]] = field(default_factory=dict)  # frozen, and why it would run otherwise
    refused: PartitionSet | None = None  # those of `will` that fail for a missing input, without being run
    provisional: PartitionSet | None = None  # those that are, or will be, made without something expected
    unrouted: MappingOf[str, PartitionSet] = field(default_factory=dict)  # of datasets: where do their rows go?

    @property
    def fresh(self) -> PartitionSet:
        """What doesn't have to run; what is held is part of it."""
        return self.needed - self.will_set - self.may - self.waiting


@dataclass(frozen=True, slots=True)
class Plan:
    """What a build would do."""

    flow: Flow
    domains: Domains
    targets: dict[str, TargetPlan]  # in building order, needed targets only
    supply: Supply
    notices: tuple[str, ...] = field(default=())
    changes: MappingOf[tuple[str, str], tuple[PartChange, ...]] = field(default_factory=dict)  # see `change_of`
    doubts: tuple[str, ...] = ()  # those of the notices that say what only a build can find out
    assumed: tuple[str, ...] = ()  # datasets whose files nobody looked at, as they were said to be unchanged

    def change_of(self, target: str, reason: Reason) -> tuple[PartChange, ...]:
        """How a target's recipe differs from what a reason says it was; nothing where that wasn't looked for."""
        return self.changes.get((target, reason.before), ())

    @property
    def will_run(self) -> int:
        return sum(len(plan.will) for plan in self.targets.values())

    @property
    def may_run(self) -> int:
        return sum(len(plan.may) for plan in self.targets.values())

    @property
    def waiting(self) -> int:
        return sum(len(plan.waiting) + len(plan.absent) for plan in self.targets.values())

    @property
    def awaited(self) -> int:
        """How many of those that wait are held back by nothing but what isn't due yet."""
        return sum(len(self.awaits(name)) for name in self.targets)

    @property
    def fresh(self) -> int:
        return sum(len(plan.fresh) for plan in self.targets.values())

    def awaits(self, target: str) -> PartitionSet:
        """The partitions of a target that wait for nothing but what isn't due yet."""
        return self.targets[target].waiting & self.supply.awaits(target)

    def after(self, target: str, index: Index) -> list[str]:
        """What a partition that may run depends on, as people type it.

        Partitions of targets that will or may run, and those of which it isn't known which rows it gets.
        """
        names: list[str] = []
        for given, mapping in inputs_of(self.flow, self.domains, target):
            upstream = self.targets.get(given.dataset)
            if upstream is not None:
                reads = mapping.of_index(index, self.domains.of(given.dataset)) & (upstream.will_set | upstream.may)
                names.extend(_names_of(given.dataset, reads))
        names += (name for given, some in self.unrouted(target, index) for name in _names_of(given.dataset, some))
        return list(dict.fromkeys(names))

    def unrouted(self, target: str, index: Index) -> list[tuple[Input, PartitionSet]]:
        """Of each input what may have rows of a partition, as long as nobody has looked into it."""
        unknown = self.targets[target].unrouted
        inputs = inputs_of(self.flow, self.domains, target) if unknown else ()
        return [
            (given, found)
            for given, mapping in inputs
            if _is_open(given, unknown)
            and (found := mapping.of_index(index, self.domains.of(given.dataset)) & unknown[given.dataset])
        ]

    def lacks(self, target: str, index: Index) -> list[str]:
        """The missing or waiting input partitions that a partition would read, as people type them."""
        found = self.supply.lacks(self.flow, target, index)
        return [name for dataset, lacking in found for name in _names_of(dataset, lacking)]


def _names_of(dataset: str, partitions: PartitionSet) -> list[str]:
    return [partition_name(dataset, key) for key in map(joined_key, partitions.keys())]


def needed_of(
    flow: Flow, domains: Domains, wanted: MappingOf[str, PartitionSet], observed: Observed
) -> dict[str, PartitionSet]:
    """The wanted partitions and all that they need, by dataset; one pass against the building order.

    What is frozen needs nothing. What waits is needed too by those that can't have it: it is told, and what there is
    for it is built.
    """
    supply = observed.supply
    needed = dict(wanted)
    for name in reversed(flow.steps):
        if not needed.get(name):
            continue
        frozen = observed.frozen(name)
        chain = chain_of(flow, domains, name)
        if chain:
            needed[name] = chain.needs(needed[name], frozen)
        active = needed[name] - frozen
        declared = supply.reach.mappings[name]
        for (given, mapping), whole in zip(inputs_of(flow, domains, name), declared, strict=True) if active else ():
            if given.dataset == name:
                continue
            reads = mapping.reads(active, domains.of(given.dataset))
            if given.dataset in supply.waiting:
                reads |= whole.reads(active, supply.reach.of(given.dataset)) & supply.waiting[given.dataset]
            known = needed.get(given.dataset)
            needed[given.dataset] = reads if known is None else known | reads
    return needed


def make_plan(
    flow: Flow,
    domains: Domains,
    wanted: MappingOf[str, PartitionSet],
    absent: MappingOf[str, PartitionSet],
    observed: Observed,
    notices: tuple[str, ...] = (),
) -> Plan:
    """The plan for the wanted partitions and all that they need.

    `absent` are asked-for partitions that lie past the newest one.
    """
    needed = needed_of(flow, domains, wanted, observed)
    plans: dict[str, TargetPlan] = {}
    same: dict[Index, Index] = {}
    for name in flow.steps:
        if name in needed:
            axes = domains.of(name).axes
            plans[name] = _plan_target(
                flow, domains, name, needed[name], absent.get(name, PartitionSet.empty(axes)), plans, observed, same
            )
    return Plan(flow, domains, plans, observed.supply, notices)


def _plan_target(
    flow: Flow,
    domains: Domains,
    name: str,
    needed: PartitionSet,
    absent: PartitionSet,
    plans: MappingOf[str, TargetPlan],
    observed: Observed,
    same: dict[Index, Index],
) -> TargetPlan:
    axes, supply = needed.axes, observed.supply
    frozen = observed.frozen(name) & needed
    unrouted = observed.unrouted(name)
    undecided, unsettled = _upstream(flow, domains, name, plans, unrouted, observed)
    chain = chain_of(flow, domains, name)
    waiting, refused = supply.waits(name) & needed, supply.refuses(name) & needed
    suspects = (observed.suspects(name) & needed) - waiting - refused
    held = _hold(name, suspects & frozen, observed)
    suspects = suspects - frozen
    undecided = (undecided & needed) - frozen - waiting - refused
    if chain:
        will, may = _judge_chain(flow, name, chain, suspects, undecided | refused, frozen, unsettled, observed)
        may = (may & needed) - waiting - refused
    else:
        will, decided_later = _judge_all(name, suspects, unsettled, observed, same)
        may = undecided | PartitionSet.of_indices(axes, decided_later)
    will.update((index, tuple(_wants(flow, supply, name, index))) for index in refused.indices())
    will_set = PartitionSet.of_indices(axes, will)
    improvised = supply.improvises(name) & needed
    may = may - will_set
    return TargetPlan(name, needed, will, will_set, may, waiting, absent, held, refused, improvised, unrouted)


def _wants(flow: Flow, supply: Supply, name: str, index: Index) -> Iterator[Reason]:
    """Why a partition fails: the missing inputs without which it isn't to be made."""
    for dataset, lacking in supply.lacks(flow, name, index):
        if any(given.dataset == dataset and given.missing == "fail" for given in flow.steps[name].inputs):
            yield from (Reason("input missing", subject) for subject in _names_of(dataset, lacking))


def _upstream(
    flow: Flow,
    domains: Domains,
    name: str,
    plans: MappingOf[str, TargetPlan],
    unrouted: MappingOf[str, PartitionSet],
    observed: Observed,
) -> tuple[PartitionSet, dict[str, PartitionSet]]:
    """What other datasets make of a target: which partitions are undecided, and what they stand behind."""
    domain = domains.of(name)
    undecided = PartitionSet.empty(domain.axes)
    unsettled: dict[str, PartitionSet] = {}
    for given, mapping in inputs_of(flow, domains, name):
        if _is_open(given, unrouted):
            undecided |= mapping.affects(unrouted[given.dataset], domain)
        upstream = plans.get(given.dataset)
        if upstream and (upstream.will or upstream.may):
            unsettled[given.dataset] = upstream.will_set | upstream.may
            if not given.counts:
                continue
            undecided |= mapping.touches(unsettled[given.dataset], domain)
            first = domains.of(given.dataset).first()
            is_open = first is not None and first in unsettled[given.dataset]
            if is_open and observed.needs_first(given, flow.steps[name]):
                undecided = domain  # the columns of the first are those of all
    return undecided, unsettled


def _is_open(given: Input, unrouted: MappingOf[str, PartitionSet]) -> bool:
    return bool(given.by) and given.counts and given.dataset in unrouted


def _judge_chain(
    flow: Flow,
    name: str,
    chain: Chain,
    suspects: PartitionSet,
    undecided: PartitionSet,
    frozen: PartitionSet,
    unsettled: dict[str, PartitionSet],
    observed: Observed,
) -> tuple[dict[Index, tuple[Reason, ...]], PartitionSet]:
    """Which suspects will run, and all that will or may: whoever stands behind one that does, may."""
    step = flow.steps[name]
    own = [given for given in step.inputs if given.dataset == name and given.counts]
    first = chain.domain.first() if any(observed.needs_first(given, step) for given in own) else None

    def grown(by: PartitionSet) -> PartitionSet:
        found = by | (chain.behind(by, frozen) if own else by)
        if first is not None and first in found:
            found |= chain.readers(chain.domain) - frozen  # the columns of the first are those of all
        return found

    will: dict[Index, tuple[Reason, ...]] = {}
    running = grown(undecided)
    for index in chain.ordered(suspects.indices()):
        verdict = observed.judge(name, index, {**unsettled, name: running})
        if verdict.reasons:
            will[index] = verdict.reasons
        if (verdict.reasons or verdict.is_undecided) and index not in running:
            running |= grown(PartitionSet.of_indices(chain.domain.axes, [index]))
    return will, running


def _hold(name: str, suspects: PartitionSet, observed: Observed) -> dict[Index, tuple[Reason, ...]]:
    """The frozen partitions that would run, and why."""
    reasons = {index: observed.judge(name, index, {}).reasons for index in suspects.indices()}
    return {index: found for index, found in reasons.items() if found}


def _judge_all(
    name: str,
    suspects: PartitionSet,
    unsettled: MappingOf[str, PartitionSet],
    observed: Observed,
    same: dict[Index, Index],
) -> tuple[dict[Index, tuple[Reason, ...]], list[Index]]:
    """Which suspects will run, and which may. One index is one object for all targets (`same`), and so are equal
    reasons of neighbours: there may be a million of both."""
    will: dict[Index, tuple[Reason, ...]] = {}
    undecided: list[Index] = []
    last: tuple[Reason, ...] = ()
    for index in suspects.indices():
        verdict = observed.judge(name, index, unsettled)
        if verdict.reasons:
            if verdict.reasons != last:
                last = verdict.reasons
            will[same.setdefault(index, index)] = last
        elif verdict.is_undecided:
            undecided.append(index)
    return will, undecided
