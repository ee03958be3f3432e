"""Which partitions of a target are so old that what was built of them stays as it is: `freeze_after`. Pure."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from datetime import datetime, timedelta

from dbuild.core.expectation import time_of
from dbuild.core.model import Dimension, Target
from dbuild.core.partitions import PartitionSet

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60))


def old_of(target: Target, dimensions: MappingOf[str, Dimension], domain: PartitionSet, now: datetime) -> PartitionSet:
    """The partitions of a domain whose periods ended longer ago than their target says, built or not."""
    nothing = PartitionSet.empty(domain.axes)
    first = _first_young(target, dimensions, now)
    if first is None or not domain:
        return nothing
    position, _ = time_of(target, dimensions)
    sides = [domain.spans(place) for place in range(len(domain.axes))]
    sides[position] = [(low, min(high, first)) for low, high in sides[position] if low < first]
    return domain & PartitionSet.box(domain.axes, sides)


def ages_at(
    target: Target, dimensions: MappingOf[str, Dimension], some: PartitionSet, now: datetime
) -> datetime | None:
    """The instant at which the first of some partitions that aren't too old gets so; None where none does."""
    first = _first_young(target, dimensions, now)
    if first is None or target.freeze_after is None:
        return None
    position, grain = time_of(target, dimensions)
    young = (max(low, first) for low, high in some.spans(position) if high > first) if some else ()
    number = min(young, default=None)
    return None if number is None else grain.start(number + 1) + timedelta(seconds=target.freeze_after)


def written_age(seconds: float) -> str:
    """A length of time as the Dataflowfile writes it: "90d", "1d12h", "1.5s"."""
    parts = []
    for unit, length in _UNITS:
        count, seconds = divmod(seconds, length)
        parts += [f"{count:.0f}{unit}"] if count else []
    return "".join(parts) + (f"{seconds:g}s" if seconds or not parts else "")


def _first_young(target: Target, dimensions: MappingOf[str, Dimension], now: datetime) -> int | None:
    """The first period that isn't too old yet; None where the calendar has none that is."""
    if target.freeze_after is None:
        return None
    try:
        moment = now - timedelta(seconds=target.freeze_after)
    except OverflowError:
        return None
    return time_of(target, dimensions)[1].index_at(moment)
