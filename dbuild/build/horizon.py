"""Until when the clock alone changes nothing of what a build would do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dbuild.core.aging import ages_at
from dbuild.core.domain import changes_after, reaches_after
from dbuild.core.expectation import next_deadline
from dbuild.core.partitions import PartitionSet
from dbuild.core.plan import Plan

if TYPE_CHECKING:
    from dbuild.build.looks import Looked

_SLACK = 0.05  # seconds by which a file system's clock may be behind the machine's


def changes_at(
    looked: Looked,
    planned: Plan,
    made: Callable[[str], PartitionSet] | None = None,
    rests: Iterable[float] = (),
) -> float | None:
    """The next instant (seconds since the epoch) at which the same build may do something else; None: there is none.

    Never later than the first such instant, mostly not before it. `made` gives the partitions of a target that a run
    made, or found to be fresh; `rests` are the ends of rests that it kept to.
    """
    instants = (*_ends(looked, planned), *_agings(looked, planned, made))
    moments = [instant.replace(tzinfo=UTC).timestamp() for instant in instants if instant and instant.year < 9999]
    return min((*moments, *_settlings(looked, planned), *_expiries(looked), *rests), default=None)


def _ends(looked: Looked, planned: Plan) -> Iterator[datetime | None]:
    """When words mean others, dimensions reach further, rows or keys aren't too far ahead, and a deadline passes."""
    project, world = looked.flow.project, looked.world
    used = looked.flow.upstream(planned.targets)
    names = {name for dataset in project.datasets() if dataset.name in used for name in dataset.dimensions}
    yield looked.selection.until
    yield changes_after((project.dimensions[name] for name in names), world.now)
    yield reaches_after(project, names, world.present, world.now)
    if world.routing is not None:
        yield world.routing.changes_after()
    for name in used & project.sources.keys() & world.absences.keys():
        yield next_deadline(project.sources[name], world.absences[name], project.dimensions)


def _agings(looked: Looked, planned: Plan, made: Callable[[str], PartitionSet] | None) -> Iterator[datetime | None]:
    """When something built that waits, or has failed, gets too old to be built again."""
    world = looked.world
    for name, part in planned.targets.items():
        target = looked.flow.steps[name].target
        if target.freeze_after is None or world.is_reopened:
            continue
        undone = part.needed - part.fresh
        undone = undone - made(name) if made is not None and undone else undone
        if undone:
            built = world.keyed(name, world.state.runs_by_key(name))
            yield ages_at(target, looked.flow.project.dimensions, undone & built, world.now)


def _settlings(looked: Looked, planned: Plan) -> Iterator[float]:
    """When files have lain still for long enough."""
    world = looked.world
    for name in looked.flow.upstream(planned.targets) & looked.flow.project.sources.keys():
        settling = world.presence.settles_at(name)
        if settling is not None:
            yield settling if world.presence.has_given_clock else max(settling, world.clock()) + _SLACK


def _expiries(looked: Looked) -> Iterator[float]:
    expiry = looked.world.words.expires_at()
    if expiry is not None:
        yield expiry
