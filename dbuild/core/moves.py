"""Sets of partitions moved to other places: along an axis, onto the periods of another grain, to what is left out.

Like the algebra itself, each costs by the runs of the set.
"""

from __future__ import annotations

from dbuild.core.partitions import Axis, Body, PartitionSet, TimeAxis


def shifted(partitions: PartitionSet, position: int, count: int) -> PartitionSet:
    """The set moved by `count` places along one axis; beyond a list's ends there is nothing."""
    axis = partitions.axes[position]
    moved = PartitionSet(partitions.axes, _shifted(partitions.body, position, count))
    if isinstance(axis, TimeAxis):
        return moved
    whole = [
        [(0, len(axis.values))] if place == position else _extent(moved, place) for place in range(len(moved.axes))
    ]
    return moved & PartitionSet.box(moved.axes, whole)


def regrained(partitions: PartitionSet, position: int, axis: TimeAxis) -> PartitionSet:
    """The set on another time axis in the place of one: the periods that overlap those of any member.

    Coarsens or refines, as the grains are. Raises ValueError where the axis in that place is a list.
    """
    own = partitions.axes[position]
    if not isinstance(own, TimeAxis):
        raise ValueError(f'"{own.name}" is no time dimension')
    axes = (*partitions.axes[:position], axis, *partitions.axes[position + 1 :])
    return PartitionSet(axes, _regrained(partitions.body, position, own, axes[position:]))


def complement(partitions: PartitionSet, domain: PartitionSet) -> PartitionSet:
    """What of a domain isn't in the set."""
    return domain - partitions


def _extent(partitions: PartitionSet, position: int) -> list[tuple[int, int]]:
    spans = partitions.spans(position)
    return [(spans[0][0], spans[-1][1])] if spans else []


def _shifted(body: Body, position: int, count: int) -> Body:
    if position == 0:
        return tuple((low + count, high + count, rest) for low, high, rest in body)
    return tuple((low, high, _shifted(rest, position - 1, count)) for low, high, rest in body)


def _regrained(body: Body, position: int, own: TimeAxis, axes: tuple[Axis, ...]) -> Body:
    """The body with its axis at `position` exchanged; `axes` are the new one and those after it."""
    runs: list[Body] = []
    for low, high, rest in body:
        if position:
            runs.append(((low, high, _regrained(rest, position - 1, own, axes)),))
        else:
            axis = axes[0]
            assert isinstance(axis, TimeAxis)
            runs.append(((*own.grain.overlapping(axis.grain, low, high), rest),))
    depth = (own,) * position + axes  # only how many there are counts
    return PartitionSet.union_of(depth, runs).body
