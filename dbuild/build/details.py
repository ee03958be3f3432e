"""Which partitions of each dataset stand how, for pictures of the flow."""

from __future__ import annotations

from dbuild.build.expected import lacking
from dbuild.build.looks import Looked
from dbuild.build.volumes import Volumes
from dbuild.core.partitions import PartitionSet
from dbuild.core.plan import Plan
from dbuild.core.report import Detail
from dbuild.core.trace import joined_key


class Details:
    """The details of what a plan is about."""

    def __init__(self, looked: Looked, planned: Plan) -> None:
        self._looked = looked
        self._planned = planned
        self._volumes = Volumes(looked.world.survey)

    def of(self, dataset: str) -> Detail | None:
        """One dataset's; None of a view, which has no partitions of its own."""
        if dataset in self._planned.targets:
            return self._of_target(dataset)
        return self._of_source(dataset) if dataset in self._looked.flow.project.sources else None

    def _of_source(self, name: str) -> Detail:
        world = self._looked.world
        domain = world.domains.of(name)
        absence = lacking(world).get(name)
        standing: list[tuple[str, PartitionSet]] = []
        if absence is not None:
            domain = domain | absence.late  # also what no dimension reaches
            standing = [
                ("late", absence.late),
                ("missing", absence.missing - absence.late),
                ("unsettled", absence.unsettled),
                ("awaited", absence.awaited),
            ]
        volume = self._volumes.of(name)
        states = _disjoint(domain, [*standing, ("fresh", world.present[name])])
        return Detail(domain, states, volume.files, volume.size, volume.newest)

    def _of_target(self, name: str) -> Detail:
        part = self._planned.targets[name]
        world = self._looked.world
        domain = world.domains.of(name)
        failures = world.failures(name)
        failed = [index for index in part.will if joined_key(domain.key(index)) in failures] if failures else []
        nothing = PartitionSet.empty(domain.axes)
        standing = [
            ("failed", PartitionSet.of_indices(domain.axes, failed)),
            ("stale", part.will_set),
            ("undecided", part.may),
            ("waiting", part.waiting),
            ("provisional", part.provisional or nothing),
            ("frozen", PartitionSet.of_indices(domain.axes, part.held)),
            ("fresh", part.fresh),
        ]
        volume = self._volumes.of(name)
        built, seconds = world.state.last_built(name)
        states = _disjoint(part.needed, standing)
        return Detail(part.needed, states, volume.files, volume.size, volume.newest, built, seconds)


def _disjoint(domain: PartitionSet, standing: list[tuple[str, PartitionSet]]) -> tuple[tuple[str, PartitionSet], ...]:
    """The states that occur, each partition in the first of those that hold it."""
    found = []
    left = domain
    for state, partitions in standing:
        its = left & partitions
        if its:
            found.append((state, its))
            left = left - its
    return tuple(found)
