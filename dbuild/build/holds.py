"""Which built partitions stay as they are: a person says so, they are old, or what they were made from is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbuild.build.freezing import aged
from dbuild.core.aging import written_age
from dbuild.core.partitions import Index, PartitionSet
from dbuild.core.reading import inputs_of
from dbuild.core.trace import joined_key

if TYPE_CHECKING:
    from dbuild.build.world import World


class Holds:
    """The partitions of a world's targets that aren't to be built anew whatever changes."""

    def __init__(self, world: World) -> None:
        self._world = world
        sources = (source for source in world.flow.project.sources.values() if source.keeps_gone)
        gone = {source.name: world.ever(source.name) - world.present[source.name] for source in sources}
        self._gone = {name: some for name, some in gone.items() if some}  # what was there once, and may be missed
        self._bereft: dict[str, PartitionSet] = {}
        self._aged: dict[str, PartitionSet] = {}

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
            for number, (given, mapping) in enumerate(inputs_of(world.flow, world.reach, target)):
                gone = self._gone.get(given.dataset)
                if gone is not None:
                    if world.routing is not None and given.by:
                        found |= world.routing.bereft(target, number, gone)
                    else:
                        found |= mapping.touches(gone, domain)
            built = world.keyed(target, world.state.runs_by_key(target)) if found else found
            self._bereft[target] = found & built
        return self._bereft[target]

    def missed(self, target: str, index: Index) -> frozenset[tuple[str, str]]:
        """Dataset and joined key of what one partition was built from and that is gone."""
        if not self._gone or index not in self.bereft(target):
            return frozenset()
        found = set()
        for given, mapping in inputs_of(self._world.flow, self._world.reach, target):
            gone = self._gone.get(given.dataset)
            if gone is not None:
                reads = mapping.of_index(index, self._world.reach.of(given.dataset)) & gone
                found |= {(given.dataset, joined_key(reads.key(one))) for one in reads.indices()}
        return frozenset(found)
