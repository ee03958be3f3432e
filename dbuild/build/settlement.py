"""What of a run's tasks has come to a good end."""

from __future__ import annotations

from dbuild.core.domain import Domains
from dbuild.core.partitions import Index, PartitionSet
from dbuild.core.schedule import Schedule, State


class Settlement:
    """The partitions that a run made, or found to be fresh after all. Asked when it has ended."""

    def __init__(self, schedule: Schedule, domains: Domains) -> None:
        self._schedule = schedule
        self._domains = domains
        self._settled: dict[str, list[Index]] | None = None

    def of(self, target: str) -> PartitionSet:
        """Those of a target."""
        if self._settled is None:
            self._settled = {}
            for (name, index), state in self._schedule.states.items():
                if state in (State.BUILT, State.FRESH):
                    self._settled.setdefault(name, []).append(index)
        return PartitionSet.of_indices(self._domains.of(target).axes, self._settled.get(target, ()))
