"""How partitions stand, for selectors such as `daily@stale`: by a plan of the whole targets that they name.

Made when the first such word is met, so that only who uses one pays for it.
"""

from __future__ import annotations

from collections.abc import Collection

from dbuild.build.world import World
from dbuild.core.model import Source
from dbuild.core.partitions import PartitionSet
from dbuild.core.plan import Plan, TargetPlan, make_plan
from dbuild.errors import UsageError


class Standings:
    """Says which partitions of a dataset stand as a word of `core.keytext.STANDINGS` says."""

    def __init__(self, world: World, names: Collection[str]) -> None:
        """`names` are the datasets that may be asked for; the world has to know all that they need."""
        self._world = world
        self._names = names
        self._planned: Plan | None = None

    def __call__(self, dataset: str, word: str) -> PartitionSet:
        """The partitions that stand so. Raises UsageError for a word that a source has no use for."""
        if isinstance(self._world.flow.project.dataset(dataset), Source):
            return self._of_source(dataset, word)
        part = self._plan().targets[dataset]
        match word:
            case "fresh":
                return part.fresh - self._held(part)
            case "stale":
                return part.will_set
            case "undecided":
                return part.may
            case "waiting":
                return part.waiting
            case "failed":
                return self._world.keyed(dataset, self._world.failures(dataset)) & part.needed
            case "frozen":
                return self._world.frozen(dataset) & part.needed
            case _:
                return self._missing(part)

    def _plan(self) -> Plan:
        if self._planned is None:
            world = self._world
            wanted = {name: world.domains.of(name) for name in self._names if name in world.flow.steps}
            self._planned = make_plan(world.flow, world.domains, wanted, {}, world)
        return self._planned

    def _of_source(self, source: str, word: str) -> PartitionSet:
        world, domain = self._world, self._world.domains.of(source)
        if word == "missing":
            absence = world.absences.get(source)
            return absence.missing if absence is not None else domain - domain
        if word == "fresh":
            return domain & world.present[source]
        raise UsageError(f'"{source}" is a source: nothing of it is {word}', hint=f"as in {source}@missing")

    def _held(self, part: TargetPlan) -> PartitionSet:
        return PartitionSet.of_indices(part.needed.axes, part.held)

    def _missing(self, part: TargetPlan) -> PartitionSet:
        """What was never built, or whose outputs aren't there; sets as far as nothing is known to be there."""
        world, name = self._world, part.target
        built = world.keyed(name, world.state.runs_by_key(name)) & part.needed
        doubtful = (built - part.fresh) | (built & self._held(part))
        gone = [index for index in doubtful.indices() if not world.is_there(name, index)]
        return (part.needed - built) | PartitionSet.of_indices(built.axes, gone)
