"""When what runs is expected to end, and so when there will be room for a task that doesn't fit now."""

from __future__ import annotations

from collections.abc import Iterator

from dbuild.core.partitions import Index
from dbuild.core.resources import Claim, Resources, lacking
from dbuild.values import dataclass

Node = tuple[str, Index]  # a target and one of its partitions


@dataclass(frozen=True, slots=True)
class Opening:
    """When a claim will fit, and what others may have until then."""

    seconds: float  # from now, as expected
    lacking: frozenset[int]  # the resources of which too little is free now
    spare: dict[int, int]  # of these: how much is left when it has got its amounts

    def allows(self, claim: Claim, seconds: float) -> bool:
        """Whether a task can start now and not be in the way then.

        It leaves alone what is lacking, or takes what will be spare, or is expected to have ended. (One that is
        expected to take no time at all is not believed: any number of such could go by.)
        """
        wanted = [(self.spare[number], amount) for number, amount in claim if number in self.lacking]
        return all(amount <= spare for spare, amount in wanted) or 0 < seconds <= self.seconds


class Forecast:
    """The running tasks by their expected ends.

    No clock is read: time is what the tasks that succeed say it is. When one ends, it is at least as late as its end
    was expected. If expectations are wrong, what still runs counts as about to end, so that nothing passes a task
    that waits for it.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._now = 0.0
        self._ends: dict[Node, tuple[float, Claim]] = {}

    @property
    def now(self) -> float:
        """The time that the tasks say it is: seconds since the run began."""
        return self._now

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs."""
        return not self._ends

    def remaining(self) -> Iterator[tuple[float, Claim]]:
        """In how many seconds each running task is expected to end, and what it will free."""
        return ((max(0.0, end - self._now), claim) for end, claim in self._ends.values())

    def begin(self, node: Node, claim: Claim, seconds: float) -> None:
        """A task has started."""
        self._ends[node] = (round(self._now + seconds, 6), claim)  # in ticks, as in a timetable

    def end(self, node: Node, is_done: bool) -> None:
        """A task has ended. One that was stopped or failed says nothing of the time."""
        end, _ = self._ends.pop(node)
        if is_done:
            self._now = max(self._now, end)

    def opening(self, claim: Claim) -> Opening:
        """When a claim that doesn't fit will."""
        free = list(self._resources.free)
        missing = frozenset(lacking(claim, free))
        at = self._now
        for end, held in sorted(self._ends.values()):
            if not lacking(claim, free):
                break
            at = max(at, end)
            for number, amount in held:
                free[number] += amount
        wanted = dict(claim)
        return Opening(at - self._now, missing, {number: free[number] - wanted[number] for number in missing})
