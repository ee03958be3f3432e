"""What sources lack by now: in their domains, and past these, where no dimension reaches what is overdue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbuild.core.absence import Absence
from dbuild.core.expectation import absence_of
from dbuild.core.overdue import overdue_of
from dbuild.core.partitions import PartitionSet

if TYPE_CHECKING:
    from dbuild.build.world import World


def absences_of(world: World) -> dict[str, Absence]:
    """What each source lacks in its domain, and how that counts; those that lack nothing aren't named."""
    project, found = world.flow.project, {}
    for name, source in project.sources.items():
        domain, present = world.reach.of(name), world.present[name]
        if domain - present:
            young = world.unsettled(name)
            found[name] = absence_of(source, project.dimensions, domain, present, young, world.now)
    return found


def lacking(world: World) -> dict[str, Absence]:
    """What each source lacks; those that lack nothing aren't named."""
    project = world.flow.project
    found = dict(world.absences)
    for name, (dimension, interval) in overdue_of(project, world.reach.bounds, world.now).items():
        source = project.sources[name]
        sides = [[interval] if each == dimension else world.reach.bounds[each] for each in source.dimensions]
        beyond = PartitionSet.box(world.reach.of(name).axes, sides)
        nothing = PartitionSet.empty(beyond.axes)
        more = absence_of(source, project.dimensions, beyond, nothing, nothing, world.now)
        known = found.get(name) or Absence.of_missing(nothing)
        found[name] = Absence(
            known.idle, known.awaited, known.missing | more.missing, known.late | more.late, known.unsettled
        )
    return found
