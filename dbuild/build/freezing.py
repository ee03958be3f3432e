"""Partitions that stay as they are because they are old: which of them were built, and weren't opened since."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbuild.core.aging import old_of
from dbuild.core.partitions import PartitionSet
from dbuild.core.trace import joined_key

if TYPE_CHECKING:
    from dbuild.build.world import World

_FEW = 100  # partitions whose traces are read one by one


def aged(world: World, target: str) -> PartitionSet:
    """The partitions that are there, and are older than their target lets them change.

    A later word of a person (that they are stale, or may change) comes before their age.
    """
    declared = world.flow.steps[target].target
    old = old_of(declared, world.flow.project.dimensions, world.reach.of(target), world.now)
    for word in ("open", "stale") if old else ():
        for _, said in world.words.said(target, word):
            old = old - said
    if not old:
        return old
    vouched = old & (world.sealed(target) - world.changed(target))
    return vouched | _standing(world, target, old - vouched)


def _standing(world: World, target: str, partitions: PartitionSet) -> PartitionSet:
    """Those that were built and whose outputs are there; for what no seal vouches."""
    if 0 < len(partitions) <= _FEW:
        indices = [i for i in partitions.indices() if world.trace(target, joined_key(partitions.key(i))) is not None]
        built = PartitionSet.of_indices(partitions.axes, indices)
    else:
        built = partitions & world.keyed(target, world.state.runs_by_key(target)) if partitions else partitions
    gone = [index for index in built.indices() if not world.is_there(target, index)]
    return built - PartitionSet.of_indices(partitions.axes, gone)
