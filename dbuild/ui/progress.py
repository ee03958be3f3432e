"""How far a run is and how long it will take, as numbers. Unaware of screens; time comes in as a value."""

from __future__ import annotations

from dbuild.core.events import (
    Event,
    Key,
    Resting,
    RunStarted,
    TaskEnded,
    TaskRetried,
    TaskSkipped,
    TaskStarted,
    TaskStopped,
)


class Progress:
    """Counts of a run, and the tasks that run now with the moments they started (seconds, any clock)."""

    def __init__(self) -> None:
        self.total = 0
        self.done = 0
        self.failed = 0
        self.running: dict[tuple[str, Key], float] = {}
        self._expected: float | None = None
        self._start = 0.0

    def take(self, event: Event, now: float) -> None:
        """Counts an event that happened at `now`."""
        match event:
            case RunStarted():
                self.total = event.will_run + event.may_run
                self._expected = event.expected_seconds
                self._start = now
            case TaskStarted():
                self.running[event.target, event.key] = now
            case TaskRetried() | TaskStopped():
                self.running.pop((event.target, event.key), None)
            case TaskEnded() | TaskSkipped() | Resting():
                self.running.pop((event.target, event.key), None)
                self.done += 1
                is_failure = isinstance(event, Resting) or (isinstance(event, TaskEnded) and event.status == "failed")
                self.failed += is_failure

    def seconds_left(self, now: float) -> float | None:
        """An estimate: past durations at first, more and more this run's own pace; None while nothing is known."""
        if not self.total:
            return None
        elapsed = now - self._start
        share = min(1.0, self.done / self.total)
        pace = elapsed / self.done * max(0, self.total - self.done) if self.done else None
        if self._expected is None:
            return pace
        planned = max(0.0, self._expected - elapsed)
        return planned if pace is None else (1 - share) * planned + share * pace
