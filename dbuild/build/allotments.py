"""What each task is given of the machine: of the -j, of memory, of the project's pools."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

from dbuild.core.model import Needs, Project
from dbuild.values import dataclass

_ENGINE_SHARE = 0.8  # of its memory, for an engine that limits itself: the rest is for what it doesn't count
_MOST_WORKERS = 64


@dataclass(frozen=True, slots=True)
class Allotment:
    """What one task is given."""

    threads: int
    memory: int | None  # bytes above which it is ended; None: no limit of its own
    share: int  # bytes that an engine keeps to


class Allotments:
    """What the tasks of one run are given, and how much there is of everything."""

    def __init__(self, project: Project, jobs: int, memory: int) -> None:
        """`jobs` at once on a machine of so many bytes of memory."""
        self.jobs = jobs
        self._targets = project.targets
        self._memory = project.memory or memory
        self.capacity: Mapping[str, float] = {"cpus": jobs, "memory": self._memory, **project.pools}
        self._known: dict[str, Allotment] = {}

    def needs(self, target: str) -> Mapping[str, float]:
        """What a target's tasks take of the capacity while they run."""
        needs = self._needs(target)
        found: dict[str, float] = {"cpus": needs.cpus, **dict(needs.pools)}
        return found | {"memory": needs.memory} if needs.memory else found

    def of(self, target: str) -> Allotment:
        """What a task of a target is given."""
        if target not in self._known:
            needs = self._needs(target)
            cpus = min(needs.cpus, self.jobs)
            memory = needs.memory or int(self._memory * cpus / self.jobs)
            # Never more threads than declared, although cores may be idle: with their number the rows of a result may
            # change their order, and a Parquet file its row groups, so that early cutoff would depend on -j.
            self._known[target] = Allotment(max(1, int(cpus)), needs.memory, int(memory * _ENGINE_SHARE))
        return self._known[target]

    def workers(self) -> int:
        """How many processes could be at work at once."""
        least = min((self._needs(name).cpus for name in self._targets), default=1.0)
        return max(1, min(_MOST_WORKERS, ceil(self.jobs / least)))

    def too_large(self) -> list[str]:
        """The targets that need more memory than there is; their tasks run alone."""
        return [name for name in self._targets if (self._needs(name).memory or 0) > self._memory]

    def _needs(self, target: str) -> Needs:
        return self._targets[target].needs
