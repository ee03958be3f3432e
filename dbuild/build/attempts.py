"""The tasks that a run is at, and what it does when one has failed."""

from __future__ import annotations

from collections.abc import Sequence

from dbuild.build.tasks import Prepared
from dbuild.core.events import Event, Spent
from dbuild.core.schedule import Node
from dbuild.core.staleness import Reason
from dbuild.core.task import Made, Result, Task
from dbuild.errors import UserError
from dbuild.values import dataclass


@dataclass(frozen=True, slots=True)
class Failing:
    """What is done after a failure."""

    keep_going: bool = False  # build what doesn't stand behind it
    fail_fast: bool = False  # end what runs
    is_resting: bool = False  # what has failed before, reading the same, isn't tried while it rests


@dataclass(slots=True)
class Attempt:
    """A task that runs, or ran and is to be tried again."""

    node: Node
    number: int  # 1 for the first
    reasons: tuple[Reason, ...]
    prepared: Prepared | None = None
    task: Task | None = None  # that was handed out: its own, or that of a batch
    ended_for: str = ""  # why this run ended it: "timeout" or "stopped"
    failure: tuple[float, str, str | None] = (0.0, "", None)  # of one that is to be tried again: seconds, error, log
    began: float = 0.0  # when it was started, by the monotonic clock
    spent: Spent | None = None  # when it has ended


@dataclass(slots=True)
class Ending:
    """How an attempt ended: as its worker says, and then what became of what it made."""

    attempt: Attempt
    prepared: Prepared  # for it
    result: Result  # of its execution; where that was of several partitions, its share
    made: Sequence[Made]
    error: str | None  # what went wrong: with the recipe, or then with its outputs
    told: Sequence[str] = ()  # lines for its log, after the recipe's own
    events: Sequence[Event] = ()  # that are to be told when it is settled
    is_published: bool = False
    has_changed: bool = False  # whether any of the outputs that are published differs from before

    @property
    def has_succeeded(self) -> bool:
        """Whether there is something to publish; what was to be stopped for its time had ended before."""
        return self.error is None and self.attempt.ended_for != "timeout"


def ending_of(
    attempt: Attempt, result: Result, made: Sequence[Made], error: str | None, told: Sequence[str] = ()
) -> Ending:
    """The ending of an attempt that has run; for the rest see `Ending`."""
    assert attempt.prepared is not None
    return Ending(attempt, attempt.prepared, result, made, error, told)


def said_of(error: Exception) -> str:
    """What a failure says where no recipe said anything."""
    if isinstance(error, OSError) and not isinstance(error, UserError):
        return f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
    return str(error)


def gist_of(error: str) -> str:
    """The one line of an error that tells most: a traceback's last, and what it says, not what to do."""
    lines = [line for line in error.strip().splitlines() if line and not line.startswith("  hint: ")]
    return lines[-1] if lines else ""
