"""What a run didn't have to do: how long the recipes of fresh partitions took when they were last run."""

from __future__ import annotations

from dbuild.build.world import World
from dbuild.core.partitions import PartitionSet
from dbuild.core.plan import Plan
from dbuild.core.trace import joined_key
from dbuild.state.store import State

_FEW = 1000  # traces that are looked up one by one


def seconds_fresh(world: World, planned: Plan) -> float:
    """The seconds that the partitions took that the plan finds fresh, by their traces. Asked before anything runs."""
    totals = world.seconds_by_target()
    return sum(_of_target(world.state, planned, name, *totals.get(name, (0, 0.0))) for name in planned.targets)


def _of_target(state: State, planned: Plan, name: str, count: int, mean: float) -> float:
    """`count` traces of the target there are, which took so long on average."""
    fresh = planned.targets[name].fresh
    number = len(fresh)
    if not number or not count:
        return 0.0
    if number == count:
        return count * mean
    rest = planned.domains.of(name) - fresh
    if len(rest) <= min(number, _FEW):
        others = state.seconds_at(name, _keys(rest))
        if count - len(others) == number:  # else there are traces of partitions that are no more
            return max(0.0, count * mean - sum(others))
    if number <= _FEW:
        return sum(state.seconds_at(name, _keys(fresh)))
    seconds = state.seconds(name)
    return sum(seconds.get(key, 0.0) for key in _keys(fresh))


def _keys(some: PartitionSet) -> list[str]:
    return [joined_key(some.key(index)) for index in some.indices()]
