"""Routed rows that moved since the seals were written: whom a file touches that came, went or changed.

As far as it is known where rows go; what isn't known is told apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dbuild.build.routed import Routed
from dbuild.build.routes import Moved, Routes
from dbuild.core.partitions import PartitionSet
from dbuild.core.routes import NOWHERE, Route, digests_of, readers_of
from dbuild.core.trace import joined_key

if TYPE_CHECKING:
    from dbuild.build.world import World


def touched_by(world: World, routes: Routes) -> PartitionSet:
    """The partitions of the target whose rows of one input came, went or changed."""
    routed, moved = routes.routed, routes.moved()
    turned = _turned(world, routed)
    if _shows_columns(routes, moved, turned):
        return routed.domain
    keys: set[str] = set()
    found = PartitionSet.empty(routed.domain.axes)
    for partition in moved.all | turned:
        before = routes.kept(partition)
        if not before and _was_there(world, routed, moved, partition):
            found |= routed.readers([partition])
            continue
        now = _now(routes, partition, moved)
        if now is None:  # no seal may outlast that, whoever finds out where they go
            found |= routed.readers([partition])
            continue
        is_other = partition in turned or routes.has_returned(partition)  # who had rows of it then, and who has now
        differing = _keys((*before, *now)) if is_other else _differences(before, now)
        if routed.is_free:
            keys |= differing
        else:
            found |= readers_of(differing, routed.ways, routed.domain) & routed.readers([partition])
    return found | readers_of(keys, routed.ways, routed.domain)


def _turned(world: World, routed: Routed) -> set[str]:
    """The partitions of a target that can be read now and couldn't when the seals were written, or the reverse."""
    dataset = routed.given.dataset
    return set(map(joined_key, world.moved(dataset).keys())) if dataset in world.flow.steps else set()


def _keys(routes: Iterable[Route]) -> set[str]:
    return {key for route in routes for key in route.shares}


def _differences(before: Iterable[Route], now: Iterable[Route]) -> set[str]:
    """The keys whose rows aren't the same in the same order."""
    old, new = digests_of(before), digests_of(now)
    return {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)} - {NOWHERE}


def _now(routes: Routes, partition: str, moved: Moved) -> tuple[Route, ...] | None:
    if partition in moved.gone or not routes.routed.one(partition) & routes.routed.present():
        return ()
    return routes.of(partition)


def _was_there(world: World, routed: Routed, moved: Moved, partition: str) -> bool:
    """Whether a partition of which no routes are kept may have been read before."""
    dataset = routed.given.dataset
    if partition in moved.gone or dataset not in world.flow.project.sources:
        return True
    kept = world.presence.kept(dataset, world.axes)
    return kept is None or bool(routed.one(partition) & kept - moved.came)


def _shows_columns(routes: Routes, moved: Moved, turned: set[str]) -> bool:
    """Whether the file that shows the columns of an empty input may be another, or look otherwise."""
    routed = routes.routed
    if not routed.shows_columns or not (moved.all or turned):
        return False
    first = routed.present().first()
    some = routed.some(moved.changed).first()
    if moved.gone or first is None or (some is not None and some < first):
        return True
    key = joined_key(routed.present().key(first))
    before, now = routes.kept(key), routes.of(key)
    return key in moved.changed and (not before or not now or before[0].columns != now[0].columns)


def bereft_by(routes: Routes, gone: PartitionSet) -> PartitionSet:
    """The partitions that got rows of partitions of an input that are gone, as far as it is known; else all."""
    kept = {partition: routes.kept(partition) for partition in map(joined_key, gone.keys())}
    keys = _keys(route for each in kept.values() for route in each)
    unknown = [partition for partition, each in kept.items() if not each]
    routed = routes.routed
    return readers_of(keys, routed.ways, routed.domain) | routed.readers(unknown)
