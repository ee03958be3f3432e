"""What a run leaves waiting or provisional, as events: for each target what is absent, and what stands in for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Literal

from dbuild.core.events import Lacking
from dbuild.core.keytext import shortened_set
from dbuild.core.partitions import Index, PartitionSet
from dbuild.core.plan import Plan
from dbuild.core.staleness import partition_name
from dbuild.core.trace import joined_key

_LONG = 60  # characters of a set of keys that are shown
_RUNS = 3  # runs of each dimension of it
_FEW = 3  # partitions of a target of which is said what they lack


def gaps_of(planned: Plan, made: Callable[[str], PartitionSet]) -> Iterator[Lacking]:
    """What waits, and what was `made` provisionally, target by target.

    A target that only stands behind another one that lacks something isn't named: the other one is.
    """
    for name, part in planned.targets.items():
        yield from _said(planned, name, "waiting", part.waiting)
    for name, part in planned.targets.items():
        if part.provisional:
            yield from _said(planned, name, "provisional", part.provisional & made(name))


def _said(
    planned: Plan, target: str, standing: Literal["waiting", "provisional"], some: PartitionSet
) -> Iterator[Lacking]:
    found = [gap for index in islice(some.indices(), _FEW) if (gap := _gap(planned, target, index))]
    missing = dict.fromkeys(name for names, _ in found for name in names)
    if missing:
        keys = shortened_set(some.axes, some.body, _LONG, _RUNS) if some.axes else ""
        stand_ins = dict.fromkeys(name for _, names in found for name in names)
        yield Lacking(target, keys, len(some), standing, tuple(missing), tuple(stand_ins))


def _gap(planned: Plan, target: str, index: Index) -> tuple[list[str], list[str]] | None:
    """What of sources a partition lacks, and what it reads instead, as people type them; None: it lacks nothing."""
    supply, flow = planned.supply, planned.flow
    missing = [
        partition_name(dataset, joined_key(lacking.key(one)))
        for dataset, lacking in supply.lacks(flow, target, index)
        if dataset in flow.project.sources
        for one in lacking.indices()
    ]
    used = [
        partition_name(dataset, joined_key(supply.reach.of(dataset).key(found.used)))
        for dataset, found in supply.stand_ins(flow, target, index)
    ]
    return (missing, used) if missing else None
