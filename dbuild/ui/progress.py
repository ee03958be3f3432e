"""How far a run is and how long it will take, as numbers. Unaware of screens; time comes in as a value."""

from __future__ import annotations

from typing import NamedTuple

from dbuild.core.events import (
    Beat,
    Event,
    Key,
    Resting,
    RunStarted,
    TaskEnded,
    TaskRegrouped,
    TaskRetried,
    TaskSkipped,
    TaskStarted,
    TaskStopped,
)


class Running(NamedTuple):
    """A task that runs."""

    since: float  # seconds, by whatever clock
    expected: float | None  # seconds that it should take; None: it never ran before


class Progress:
    """Counts of a run, and the tasks that run now, in the order in which they started."""

    def __init__(self) -> None:
        self.total = 0
        self.done = 0
        self.failed = 0
        self.since = 0.0  # when the run began
        self.beat: Beat | None = None  # the last one
        self.running: dict[tuple[str, Key], Running] = {}
        self._beaten = 0.0

    def take(self, event: Event, now: float) -> None:
        """Counts an event that happened at `now`; most kinds of events change nothing."""
        match event:
            case RunStarted():
                self.total = event.will_run + event.may_run
                self.since = now
            case Beat():
                self.beat, self._beaten = event, now
            case TaskStarted():
                self.running[event.target, event.key] = Running(now, event.expected)
            case TaskRetried() | TaskStopped() | TaskRegrouped():
                self.running.pop((event.target, event.key), None)
            case TaskEnded() | TaskSkipped() | Resting():
                self.running.pop((event.target, event.key), None)
                self.done += 1
                is_failure = isinstance(event, Resting) or (isinstance(event, TaskEnded) and event.status == "failed")
                self.failed += is_failure

    @property
    def share(self) -> float:
        """How much of the tasks is done, from 0 to 1."""
        return min(1.0, self.done / self.total) if self.total else 0.0

    def seconds_left(self, now: float) -> float | None:
        """How long the run will still take, as the last beat had it; None while that isn't known."""
        if self.beat is None or self.beat.left is None:
            return None
        return max(0.0, self.beat.left - (now - self._beaten))
