"""What every target can have of its inputs: who waits, who does without, what stands in.

One pass in the order of building, from what sources lack to what that means for each target, over whole domains and by
set algebra; only partitions that lack something are looked at one by one. Nothing is judged here: who waits doesn't
depend on who is stale. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Mapping as MappingOf
from typing import Protocol

from dbuild.core.absence import Absence
from dbuild.core.chain import Chain
from dbuild.core.domain import Domains
from dbuild.core.graph import Flow
from dbuild.core.mapping import Mapping
from dbuild.core.model import Input
from dbuild.core.partitions import Index, PartitionSet
from dbuild.core.provision import Demand, Provision, provide
from dbuild.core.reading import chain_of, inputs_of
from dbuild.core.supplied import StandIn, Supplied
from dbuild.values import dataclass, replace


class Held(Protocol):
    """What the pass asks of the world."""

    def frozen(self, target: str) -> PartitionSet:
        """The partitions of a target that stay as they are."""

    def lost(self, target: str) -> PartitionSet:
        """Those of them that have no outputs: who reads them has to wait."""

    def improvised(self, target: str, frozen: PartitionSet, absences: MappingOf[str, Absence]) -> PartitionSet:
        """Those of some frozen partitions that were made without what is missing still."""


@dataclass(frozen=True, slots=True)
class Supply:
    """What there is for everyone. Sets are over whole domains; a target that isn't named has none of it."""

    reach: Domains  # as declared: with what is never due, and with mappings that know nothing of what is absent
    domains: Domains  # without what is never due; mappings lead to what is there
    absences: dict[str, Absence]  # of sources and targets that lack something
    waiting: dict[str, PartitionSet]  # target -> held back by what is absent, straight or through others
    refused: dict[str, PartitionSet]  # target -> what fails for a missing input
    provisional: dict[str, PartitionSet]  # target -> made without something expected, straight or through others
    lacking: dict[str, PartitionSet]  # target -> would read something that is absent, were it made now

    def lacks(self, flow: Flow, target: str, index: Index) -> Iterator[tuple[str, PartitionSet]]:
        """The datasets of which a partition does without something that is missing, or waits for something."""
        is_held = index in self.waits(target)
        for given, mapping in zip(flow.steps[target].inputs, self.reach.mappings[target], strict=True):
            absence = self.absences.get(given.dataset)
            if absence is not None:
                lacking = absence.holding if is_held else absence.missing
                found = mapping.of_index(index, self.reach.of(given.dataset)) & lacking
                if found:
                    yield given.dataset, found

    def stand_ins(self, flow: Flow, target: str, index: Index) -> Iterator[tuple[str, StandIn]]:
        """The datasets of which a partition reads an earlier partition in place of the one it maps to."""
        for given, mapping in zip(flow.steps[target].inputs, self.domains.mappings[target], strict=True):
            if isinstance(mapping, Supplied) and index in mapping.stand_ins:
                yield given.dataset, mapping.stand_ins[index]

    def waits(self, target: str) -> PartitionSet:
        """The partitions of a target that are held back."""
        return self._of(self.waiting, target)

    def awaits(self, target: str) -> PartitionSet:
        """Those of them that are held back by nothing but what isn't due yet."""
        absence = self.absences.get(target)
        return absence.awaited if absence is not None else PartitionSet.empty(self.reach.of(target).axes)

    def refuses(self, target: str) -> PartitionSet:
        """The partitions of a target that fail for a missing input."""
        return self._of(self.refused, target)

    def improvises(self, target: str) -> PartitionSet:
        """The partitions of a target that are provisional once they are made."""
        return self._of(self.provisional, target)

    def lacks_some(self, target: str) -> PartitionSet:
        """The partitions of a target of which something to read is absent, whatever is done about it."""
        return self._of(self.lacking, target)

    def without(self, dataset: str) -> PartitionSet:
        """The partitions of a dataset's declared domain that nobody can read now."""
        absence = self.absences.get(dataset)
        return absence.all if absence is not None else PartitionSet.empty(self.reach.of(dataset).axes)

    def _of(self, found: MappingOf[str, PartitionSet], target: str) -> PartitionSet:
        some = found.get(target)
        return some if some is not None else PartitionSet.empty(self.reach.of(target).axes)


def supply_of(
    flow: Flow, reach: Domains, absences: MappingOf[str, Absence], held: Held, *, is_patient: bool = False
) -> Supply:
    """The supply of a flow, given what its sources lack. `is_patient`: all wait, and nothing is made provisionally."""
    lacking = {name: absence for name, absence in absences.items() if absence.all}
    sets = {name: some - lacking[name].idle if name in lacking else some for name, some in reach.sets.items()}
    mappings: dict[str, tuple[Mapping | Supplied, ...]] = dict(reach.mappings)
    supply = Supply(reach, replace(reach, sets=sets, mappings=mappings), lacking, {}, {}, {}, {})
    for name in flow.steps:
        _supply(flow, supply, name, held, is_patient)
    return supply


def _supply(flow: Flow, supply: Supply, name: str, held: Held, is_patient: bool) -> None:
    """What one target can have, and what that leaves of it for those that read it."""
    lost = held.lost(name)
    others = {given.dataset for given in flow.steps[name].inputs} - {name}
    if not lost and not others & (supply.absences.keys() | supply.provisional.keys()):
        return
    domain, frozen = supply.reach.of(name), held.frozen(name)
    made = _provisions(flow, supply, name, is_patient)
    supply.domains.mappings[name] = tuple(each.mapping for each in made)
    idle = _resting(domain, made) - frozen
    chain = chain_of(flow, supply.reach, name)
    absence = _absence(domain, made, lost, frozen, idle, chain)
    waiting = absence.holding
    refused = _union(domain, (each.refused for each in made)) - frozen - idle - waiting
    without = frozen | idle | waiting
    inherited = _inherited(flow, supply, name)
    provisional = (_union(domain, (each.provisional for each in made)) | inherited) - without
    lacking = _union(domain, (each.lacking for each in made)) & domain
    if lacking:
        supply.lacking[name] = lacking
    if frozen:  # it stays as it is, and so provisional
        provisional |= (held.improvised(name, frozen & lacking, supply.absences) | inherited & frozen) - lost
    if chain and provisional:
        provisional |= chain.behind(provisional, frozen) - without
    _keep(supply, name, absence, refused & domain, provisional & domain)


def _absence(
    domain: PartitionSet,
    made: Sequence[Provision],
    lost: PartitionSet,
    frozen: PartitionSet,
    idle: PartitionSet,
    chain: Chain | None,
) -> Absence:
    """What of a target waits, by what holds it back; where that is several things, missing comes first.

    So what isn't due yet, or is being written, is to those who read the target what it is to those who read the source.
    """
    sets = ((each.missing, each.unsettled, each.awaited) for each in made)
    missing, unsettled, awaited = (_union(domain, some) - frozen - idle for some in zip(*sets, strict=True))

    def grown(some: PartitionSet) -> PartitionSet:
        return (some | (chain.behind(some, frozen) - idle) if chain and some else some) & domain

    missing = grown(missing | lost)
    unsettled = grown(unsettled) - missing
    awaited = grown(awaited) - missing - unsettled
    return Absence(idle & domain, awaited, missing, domain - domain, unsettled)


def _provisions(flow: Flow, supply: Supply, name: str, is_patient: bool) -> list[Provision]:
    """What there is of each input of a target; of the target itself all."""
    found = []
    for given, mapping in zip(flow.steps[name].inputs, supply.reach.mappings[name], strict=True):
        assert isinstance(mapping, Mapping)  # the declared ones know of no absence
        demand = Demand(
            given,
            mapping,
            supply.reach.of(name),
            supply.reach.of(given.dataset),
            given.dataset in flow.steps,
            is_patient,
        )
        absence = supply.absences.get(given.dataset) if given.dataset != name else None
        if absence is not None and given.by and _is_unexpected(flow, given):
            absence = replace(absence, idle=absence.idle | absence.missing, missing=absence.late)
        found.append(provide(demand, absence))
    return found


def _is_unexpected(flow: Flow, given: Input) -> bool:
    """Whether nobody said when an input's files are due: of what is routed by its rows, any file may never come."""
    source = flow.project.sources.get(given.dataset)
    return source is not None and source.expect is None


def _resting(domain: PartitionSet, made: Sequence[Provision]) -> PartitionSet:
    """The partitions of which nothing is due: every input that follows time has only what never comes then."""
    resting = [each.resting for each in made if each.resting is not None]
    found = resting[0] if resting else PartitionSet.empty(domain.axes)
    for other in resting[1:]:
        found &= other
    return found


def _inherited(flow: Flow, supply: Supply, name: str) -> PartitionSet:
    """The partitions that read provisional ones."""
    domain = supply.reach.of(name)
    bodies = [
        mapping.touches(supply.provisional[given.dataset], domain).body
        for given, mapping in inputs_of(flow, supply.domains, name)
        if given.dataset in supply.provisional and given.dataset != name
    ]
    return PartitionSet.union_of(domain.axes, bodies)


def _union(domain: PartitionSet, sets: Iterable[PartitionSet]) -> PartitionSet:
    return PartitionSet.union_of(domain.axes, (some.body for some in sets))


def _keep(supply: Supply, name: str, absence: Absence, refused: PartitionSet, provisional: PartitionSet) -> None:
    waiting = absence.holding
    if absence.idle:
        supply.domains.sets[name] -= absence.idle
    if absence.all:
        supply.absences[name] = absence
    for found, some in ((supply.waiting, waiting), (supply.refused, refused), (supply.provisional, provisional)):
        if some:
            found[name] = some
