"""A mapping as far as its input can be had: less what is absent, with what stands in for it."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf

from dbuild.core.mapping import Mapping
from dbuild.core.partitions import Index, PartitionSet
from dbuild.values import dataclass, field


@dataclass(frozen=True, slots=True)
class StandIn:
    """What one partition would read that is absent, and what it reads in its place."""

    absent: Index  # of the input; possibly one that is never due
    used: Index  # of the input: the newest before it that is there


@dataclass(frozen=True, slots=True)
class Supplied:
    """The same questions as to a `Mapping`, answered with what is there."""

    mapping: Mapping
    there: PartitionSet  # the partitions of the input that can be had
    missing: PartitionSet  # those that are expected and can't
    position: int = 0  # the input's time axis, along which stand-ins are looked for
    stand_ins: MappingOf[Index, StandIn] = field(default_factory=dict)  # by the target's partition

    @property
    def is_single(self) -> bool:
        return self.mapping.is_single

    def reads(self, wanted: PartitionSet, domain: PartitionSet) -> PartitionSet:
        """What the target's partitions `wanted` read of an input with this domain."""
        found = self.mapping.reads(wanted, domain) & self.there
        used = [each.used for index, each in self.stand_ins.items() if index in wanted]
        return found | PartitionSet.of_indices(domain.axes, used) if used else found

    def touches(self, changed: PartitionSet, domain: PartitionSet) -> PartitionSet:
        """The target's partitions, of its domain, that read any of the input's partitions `changed`."""
        found = self.mapping.touches(changed & self.there, domain)
        readers = [index for index, each in self.stand_ins.items() if each.used in changed]
        return found | (PartitionSet.of_indices(domain.axes, readers) & domain) if readers else found

    def affects(self, changed: PartitionSet, domain: PartitionSet) -> PartitionSet:
        """The same, also of what isn't there any more, or wasn't before.

        What came between a stand-in and what it stands for may have been, or have become, the nearer one.
        """
        found = self.mapping.affects(changed, domain)
        readers = [index for index, each in self.stand_ins.items() if self._is_affected(each, changed)]
        return found | (PartitionSet.of_indices(domain.axes, readers) & domain) if readers else found

    def _is_affected(self, each: StandIn, changed: PartitionSet) -> bool:
        place = self.position
        sides = [[(number, number + 1)] for number in each.absent]
        sides[place] = [(each.used[place], each.absent[place])]
        return bool(PartitionSet.box(changed.axes, sides) & changed)

    def of_index(self, index: Index, domain: PartitionSet) -> PartitionSet:
        """What one partition reads; the same as `reads` of the set that holds only it."""
        stand_in = self.stand_ins.get(index)
        if stand_in is not None:
            return PartitionSet.of_indices(domain.axes, [stand_in.used])
        return self.mapping.of_index(index, domain) & self.there

    def lacking(self, index: Index, domain: PartitionSet) -> PartitionSet:
        """What one partition would read as well, if it were there."""
        stand_in = self.stand_ins.get(index)
        if stand_in is not None:
            return PartitionSet.of_indices(domain.axes, [stand_in.absent]) & self.missing
        return self.mapping.of_index(index, domain) & self.missing
