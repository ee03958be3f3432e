"""Routed rows that moved since the seals were written: whom a file touches that came, went or changed.

As far as it is known where rows go; what isn't known is told apart.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbuild.build.routes import Routed
from dbuild.build.shifts import Shifts
from dbuild.core.partitions import PartitionSet
from dbuild.core.routes import Route, readers_of, unpack_route
from dbuild.core.trace import joined_key

if TYPE_CHECKING:
    from dbuild.build.world import World


@dataclass(frozen=True, slots=True)
class Moved:
    """The partitions of an input that may be others than when the seals were written."""

    changed: set[str]  # by joined key: their files differ, or the dimensions have come to reach them
    gone: set[str]  # those that the dimensions don't reach any more
    turned: set[str]  # those of a target that can be read now and couldn't then, or the reverse
    came: PartitionSet  # those that the dimensions didn't reach then

    @property
    def all(self) -> set[str]:
        return self.changed | self.gone | self.turned


def moved_of(world: World, routed: Routed) -> Moved:
    """What moved of an input."""
    dataset = routed.given.dataset
    came, gone = Shifts(world.flow, world.reach, world.state.axis_values).moved(dataset)
    there = came & routed.present()
    changed = routed.changed().union(map(joined_key, there.keys()))
    turned = world.moved(dataset) if dataset in world.flow.steps else there - there
    return Moved(changed, set(map(joined_key, gone.keys())), set(map(joined_key, turned.keys())), came)


def touched_by(world: World, routed: Routed) -> PartitionSet:
    """The partitions of the target whose rows of one input came, went or changed."""
    moved = moved_of(world, routed)
    if _shows_columns(routed, moved):
        return routed.domain
    keys: set[str] = set()
    found = PartitionSet.empty(routed.domain.axes)
    for partition in moved.all:
        before = routed.kept(partition)
        if not before and _was_there(world, routed, moved, partition):
            found |= routed.readers([partition])
            continue
        now = _now(routed, partition, moved)
        if now is None:  # no seal may outlast that, whoever finds out where they go
            found |= routed.readers([partition])
            continue
        differing = _differences(before, now)
        if partition in moved.turned:
            differing = {key for route in (*before, *now) for key in route.shares}
        if routed.is_free:
            keys |= differing
        else:
            found |= readers_of(differing, routed.ways, routed.domain) & routed.readers([partition])
    return found | readers_of(keys, routed.ways, routed.domain)


def _now(routed: Routed, partition: str, moved: Moved) -> tuple[Route, ...] | None:
    if partition in moved.gone or not routed.one(partition) & routed.present():
        return ()
    return routed.routes(partition)


def _was_there(world: World, routed: Routed, moved: Moved, partition: str) -> bool:
    """Whether a partition of which no routes are kept may have been read before."""
    dataset = routed.given.dataset
    if partition in moved.gone or dataset not in world.flow.project.sources:
        return True
    kept = world.presence.kept(dataset, world.axes)
    return kept is None or bool(routed.one(partition) & kept - moved.came)


def _shows_columns(routed: Routed, moved: Moved) -> bool:
    """Whether the file that shows the columns of an empty input may be another, or look otherwise."""
    if not routed.shows_columns or not moved.all:
        return False
    first = routed.present().first()
    some = routed.some(moved.changed).first()
    if moved.gone or first is None or (some is not None and some < first):
        return True
    key = joined_key(routed.present().key(first))
    before, now = routed.kept(key), routed.routes(key)
    return key in moved.changed and (not before or not now or before[0].columns != now[0].columns)


def _differences(before: Iterable[Route], now: Iterable[Route]) -> set[str]:
    """The keys whose rows aren't the same in the same order."""
    shares: list[dict[str, list[bytes]]] = [{}, {}]
    for side, routes in zip(shares, (before, now), strict=True):
        for route in routes:
            for key, share in route.shares.items():
                side.setdefault(key, []).append(share.digest)
    old, new = shares
    return {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}


def doubtful(world: World, routed: Routed) -> Collection[str]:
    """The partitions of an input of which not all routes are known, among those that matter."""
    if not routed.is_loaded:
        moved = moved_of(world, routed)
        if not _is_whole(world, routed):
            routed.load()
        for partition in moved.all:
            _now(routed, partition, moved)
    return routed.unknown


def _is_whole(world: World, routed: Routed) -> bool:
    """Whether routes are kept for all partitions, and the seal of the target holds what they lead to."""
    return world.state.routes.ends(routed.use)[1] and not routed.domain - world.sealed(routed.step.target.name)


def bereft_by(world: World, routed: Routed, gone: PartitionSet) -> PartitionSet:
    """The partitions that got rows of partitions of an input that are gone, as far as it is known; else all."""
    partitions = set(map(joined_key, gone.keys()))
    keys: set[str] = set()
    known: set[str] = set()
    for partition, body in world.state.routes.all(routed.use):
        if partition in partitions:
            known.add(partition)
            keys.update(unpack_route(body).shares)
    return readers_of(keys, routed.ways, routed.domain) | routed.readers(partitions - known)
