"""What sources had when earlier runs looked at them: what they had at the last look, less what has happened since."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from dbuild.core.mapping import Mapping
from dbuild.core.model import Input
from dbuild.core.partitions import PartitionSet
from dbuild.core.supplied import Supplied

if TYPE_CHECKING:
    from dbuild.build.world import World


def presence_in(world: World, source: str, runs: Iterable[int]) -> Iterator[tuple[int, PartitionSet]]:
    """Each of some runs, newest first, with the partitions that a source had when it looked.

    As far as the ledger of arrivals tells: it has all of two years where there are deadlines (`expect`). What is gone
    for longer, and may be missed, counts as there.
    """
    ledger = world.state.arrivals.of(source)
    there = world.ever(source) - world.keyed(source, {one.key: None for one in ledger})  # too long ago for the ledger
    kept = world.presence.kept(source, world.axes)
    there |= kept if kept is not None else world.present[source]
    for run in sorted(runs, reverse=True):
        since: dict[str, str] = {}
        while ledger and ledger[-1].run > run:
            one = ledger.pop()
            since[one.key] = one.kind  # of several the first to happen says what there was before
        came = {key: kind for key, kind in since.items() if kind == "arrived"}
        there = (there | world.keyed(source, since)) - world.keyed(source, came)
        yield run, there


def made_before(
    world: World, target: str, given: Input, mapping: Mapping | Supplied, missing: PartitionSet
) -> PartitionSet:
    """The partitions of a target that were made when some of what is `missing` of a source wasn't there either."""
    domain = world.reach.of(target)
    found = PartitionSet.empty(domain.axes)
    keys: dict[int, list[str]] = {}
    for key, run in world.state.runs_by_key(target).items():
        keys.setdefault(run, []).append(key)
    for run, there in presence_in(world, given.dataset, keys):
        found |= world.keyed(target, dict.fromkeys(keys[run])) & mapping.touches(missing - there, domain)
    return found
