"""Which built partitions stay as they are: a person says so, they are old, or what they were made from is gone."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dbuild.build.freezing import aged
from dbuild.build.shifts import Shifts
from dbuild.core.absence import Absence
from dbuild.core.aging import written_age
from dbuild.core.latest import Slices
from dbuild.core.mapping import Mapping
from dbuild.core.model import Input
from dbuild.core.partitions import Index, PartitionSet
from dbuild.core.provision import newest_before, time_place
from dbuild.core.reading import inputs_of
from dbuild.core.supplied import Supplied
from dbuild.core.trace import InputRecord, joined_key, unpack_inputs

if TYPE_CHECKING:
    from dbuild.build.world import World


class Holds:
    """The partitions of a world's targets that aren't to be built anew whatever changes."""

    def __init__(self, world: World) -> None:
        self._world = world
        sources = (source for source in world.flow.project.sources.values() if source.keeps_gone)
        gone = {source.name: self._gone_of(source.name) for source in sources}
        self._gone = {name: some for name, some in gone.items() if some}  # what was there once, and may be missed
        self._bereft: dict[str, PartitionSet] = {}
        self._aged: dict[str, PartitionSet] = {}

    def _gone_of(self, source: str) -> PartitionSet:
        """What was there and isn't; what is being written anew isn't gone."""
        world = self._world
        return world.ever(source) - world.present[source] - world.unsettled(source)

    def frozen(self, target: str) -> PartitionSet:
        """All that stays as it is."""
        return self._world.words.frozen(target) | self.bereft(target) | self.aged(target)

    def why(self, target: str, index: Index) -> str:
        """What keeps a frozen partition as it is."""
        mark = self._world.words.on(target, index)
        if mark is not None and mark.word == "frozen":
            return mark.label
        age = self._world.flow.steps[target].target.freeze_after
        if age is not None and index in self.aged(target):
            return f"older than {written_age(age)}; --reopen builds it"
        return "what it was built from is gone, and kept"

    def lost(self, target: str) -> PartitionSet:
        """Those of the frozen that have no outputs, as far as the survey looked at the target.

        Only what no seal vouches for is looked at.
        """
        world, frozen = self._world, self._world.frozen(target)
        if not frozen or not self._is_seen(target):
            return frozen - frozen
        doubtful = frozen & ((world.reach.of(target) - world.sealed(target)) | world.changed(target))
        gone = (index for index in doubtful.indices() if not world.is_there(target, index))
        return PartitionSet.of_indices(frozen.axes, gone)

    def aged(self, target: str) -> PartitionSet:
        """Those that stay as they are because they are old, as far as the survey looked at the target."""
        is_open = self._world.is_reopened or self._world.flow.steps[target].target.freeze_after is None
        if is_open or not self._is_seen(target):
            return PartitionSet.empty(self._world.reach.of(target).axes)
        if target not in self._aged:
            self._aged[target] = aged(self._world, target)
        return self._aged[target]

    def _is_seen(self, target: str) -> bool:
        """Whether the survey looked where the target has its outputs."""
        return all(map(self._world.survey.is_listed, self._world.survey.locations[target]))

    def bereft(self, target: str) -> PartitionSet:
        """What was built from source partitions that are gone, and that may be missed."""
        if target not in self._bereft:
            world = self._world
            domain = world.reach.of(target)
            found = PartitionSet.empty(domain.axes)
            steps = enumerate(inputs_of(world.flow, world.reach, target))
            losing = [(number, given, mapping) for number, (given, mapping) in steps if given.dataset in self._gone]
            built = world.keyed(target, world.state.runs_by_key(target)) if losing else found
            for number, given, mapping in losing:
                gone = self._gone[given.dataset]
                by_rows = world.routing.bereft if world.routing is not None and given.by else None
                some = by_rows(target, number, gone) if by_rows else mapping.touches(gone, domain)
                found |= self._made_of(target, given, some & built, built, gone)
            self._bereft[target] = found
        return self._bereft[target]

    def _made_of(
        self, target: str, given: Input, some: PartitionSet, built: PartitionSet, gone: PartitionSet
    ) -> PartitionSet:
        """Those of some partitions that did read what is gone; and of all that were built, those for which it stood in.

        The traces of those are asked that may have been made without it; of routed rows all, for where those of what is
        gone went isn't kept.
        """
        asked = built if given.missing == "latest" else some
        if not given.by:
            asked &= self._doubtful(target, self._world.absences)
        if not asked:
            return some
        keys = frozenset(map(joined_key, gone.keys()))
        kept = []
        for index in asked.indices():
            record = self._read(target, index).get(given.name)
            if record is not None and not keys.isdisjoint(record.keys) and not self._is_replaced(given, record):
                kept.append(index)
        return (some - asked) | PartitionSet.of_indices(some.axes, kept)

    def _is_replaced(self, given: Input, record: InputRecord) -> bool:
        """Whether what stood in has done its part: what it stood for is there, or something newer."""
        world = self._world
        there = world.present[given.dataset] | world.unsettled(given.dataset)
        for absent, used in record.stand_ins:
            one, other = (world.keyed(given.dataset, {key: None}).first() for key in (absent, used))
            if one is None or one in there:
                return True
            place = time_place(there)
            newest = newest_before(Slices(there, place), one, place)
            if other is None or (newest is not None and newest[place] > other[place]):
                return True
        return False

    def _doubtful(self, target: str, absences: MappingOf[str, Absence]) -> PartitionSet:
        """The partitions that may have been made without some of what they should read."""
        world = self._world
        return (world.reach.of(target) - world.sealed(target)) | world.lacked(target) | self.unsure(target, absences)

    def unsure(self, target: str, absences: MappingOf[str, Absence]) -> PartitionSet:
        """The readers of what is absent but wasn't expected at the last look, and of what is gone and isn't now.

        Of what lies beyond the end of a dimension, or was never due, it isn't kept who was made without it.
        """
        world = self._world
        domain, bodies = world.reach.of(target), []
        shifts = Shifts(world.flow, world.reach, world.state.axis_values)
        for given, mapping in inputs_of(world.flow, world.reach, target):
            gone, absence = self._gone.get(given.dataset), absences.get(given.dataset)
            if gone is not None:
                unexpected = gone - absence.holding if absence is not None else gone
                bodies.append(mapping.affects(unexpected, domain).body)
            if absence is not None and given.dataset != target:
                came, _ = shifts.moved(given.dataset)
                bodies.append(mapping.affects(came & absence.holding, domain).body)
        return PartitionSet.union_of(domain.axes, bodies) & domain

    def _read(self, target: str, index: Index) -> dict[str, InputRecord]:
        """What a partition was made of, by the names of inputs; nothing where it wasn't made."""
        trace = self._world.trace(target, joined_key(self._world.reach.of(target).key(index)))
        return {record.name: record for record in unpack_inputs(trace.inputs)} if trace is not None else {}

    def improvised(self, target: str, frozen: PartitionSet, absences: MappingOf[str, Absence]) -> PartitionSet:
        """Those of some frozen partitions that were made without what is missing still."""
        if not frozen:
            return frozen
        world, found = self._world, PartitionSet.empty(frozen.axes)
        asking = []
        for given, mapping in inputs_of(world.flow, world.reach, target):
            if given.dataset not in absences or given.dataset == target:
                continue
            source, missing = world.flow.project.sources.get(given.dataset), absences[given.dataset].missing
            if not given.by or source is None:
                asking.append((given, mapping, missing))
            elif source.expect is not None:  # a trace doesn't name the files that had no rows for it
                from dbuild.build.hindsight import made_before

                found |= frozen & made_before(world, target, given, mapping, missing)
        some = (frozen - found) & self._doubtful(target, absences) if asking else PartitionSet.empty(frozen.axes)
        return found | PartitionSet.of_indices(
            frozen.axes, (index for index in some.indices() if self._is_improvised(target, index, asking))
        )

    def _is_improvised(
        self, target: str, index: Index, asking: Sequence[tuple[Input, Mapping | Supplied, PartitionSet]]
    ) -> bool:
        read = self._read(target, index)
        for given, mapping, missing in asking:
            record = read.get(given.name)
            if record is not None:
                lacks = mapping.of_index(index, self._world.reach.of(given.dataset)) & missing
                keys = set(map(joined_key, lacks.keys()))
                if keys & set(record.absent) if given.by else keys - set(record.keys):
                    return True
        return False

    def missed(self, target: str, index: Index) -> frozenset[tuple[str, str]]:
        """Dataset and joined key of what one partition was built from and that is gone."""
        if not self._gone or index not in self.bereft(target):
            return frozenset()
        found = set()
        for given, mapping in inputs_of(self._world.flow, self._world.reach, target):
            gone = self._gone.get(given.dataset)
            if gone is not None:
                reads = mapping.of_index(index, self._world.reach.of(given.dataset)) & gone
                keys = set(map(joined_key, reads.keys()))
                record = self._read(target, index).get(given.name) if given.missing == "latest" else None
                if record is not None:
                    keys.update(used for _, used in record.stand_ins)
                found |= {(given.dataset, key) for key in keys}
        return frozenset(found)
