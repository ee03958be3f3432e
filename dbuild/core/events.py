"""What happened in a run, as data. Every screen, log and JSON line is made from these and from nothing else."""

from __future__ import annotations

from typing import Literal

from dbuild.values import dataclass

Key = tuple[tuple[str, str], ...]  # (dimension, value), in the order of the target's path

Status = Literal["built", "restored", "failed"]


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The plan is known; this many tasks will run, and at most that many more may."""

    run: str
    will_run: int
    may_run: int
    jobs: int


@dataclass(frozen=True, slots=True)
class Beat:
    """How a run stands at a moment, told a few times a second while tasks run."""

    left: float | None  # seconds that it will still take, as expected; None: nothing is known of that
    bound: Literal["about", "at most", "at least"]  # how that is meant
    ready: int  # tasks that could start, if there were room for them
    is_ending: bool = False  # nothing more is started


@dataclass(frozen=True, slots=True)
class Phase:
    """Something that a build does itself, beside its tasks, begins or is over; told to whoever asks for it."""

    name: str  # "load", "observe", "plan", "execute", "publish", "record" …
    is_over: bool


@dataclass(frozen=True, slots=True)
class TaskStarted:
    target: str
    key: Key
    reason: str  # the first reason, for -v
    expected: float | None = None  # seconds that it took before, or others of its target; None: none of them ever ran
    others: tuple[str, ...] = ()  # more reasons, where phases are told


@dataclass(frozen=True, slots=True)
class TaskPrinted:
    """A piece of what a running task prints, cut anywhere; told to whoever asks for it."""

    target: str
    key: Key
    data: bytes


@dataclass(frozen=True, slots=True)
class Spent:
    """What an execution took of the machine."""

    worker: int  # the process that ran it
    cpu: float = 0.0  # seconds, of all its processes
    memory: int = 0  # bytes at its highest, where that was watched; else 0


@dataclass(frozen=True, slots=True)
class TaskEnded:
    target: str
    key: Key
    status: Status
    changed: bool  # whether the output differs from the one before
    seconds: float
    error: str | None = None  # the recipe's own words
    tail: tuple[str, ...] = ()  # the last lines that it printed
    log: str | None = None  # where the rest is, relative to the project
    notes: tuple[str, ...] = ()  # what a person should know although it succeeded
    attempts: int = 1  # how often it was tried
    provisional: bool = False  # built without something expected
    spent: Spent | None = None  # None: no process ran it


@dataclass(frozen=True, slots=True)
class TaskRetried:
    """A task failed and is tried again after a while."""

    target: str
    key: Key
    attempt: int  # the one that failed, from 1 on
    attempts: int  # how many there will be at most
    error: str
    delay: float  # seconds
    seconds: float  # that the attempt ran
    log: str | None = None
    spent: Spent | None = None


@dataclass(frozen=True, slots=True)
class TaskStopped:
    """A task was ended because another one failed (--fail-fast), or by Ctrl-C; it counts as not tried."""

    target: str
    key: Key
    spent: Spent | None = None


@dataclass(frozen=True, slots=True)
class TaskRegrouped:
    """The call that made a partition with others failed as a whole: it is tried again with fewer, or alone."""

    target: str
    key: Key
    spent: Spent | None = None


@dataclass(frozen=True, slots=True)
class Resting:
    """A task that failed before isn't tried in this run: nothing that it reads has changed since. It has failed."""

    target: str
    key: Key
    failures: int  # in a row
    until: float  # seconds since the epoch: a run from then on tries it


@dataclass(frozen=True, slots=True)
class TaskSkipped:
    """A task that might have run didn't: what it reads came out the same (early cutoff)."""

    target: str
    key: Key


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that a person should know, once: a warning, a wait for a lock, a recovery."""

    text: str
    level: Literal["info", "warning"] = "warning"


@dataclass(frozen=True, slots=True)
class Lacking:
    """Partitions of a target that a run leaves waiting for sources, or made without something of them."""

    target: str
    keys: str  # as people type them, cut where they are many; "" for a target without partitions
    partitions: int
    standing: Literal["waiting", "provisional"]
    missing: tuple[str, ...]  # source partitions that the first few lack
    stand_ins: tuple[str, ...]  # what these read in their place


Deed = Literal["read", "list", "write", "remove", "unread"]


@dataclass(frozen=True, slots=True)
class Touched:
    """What recipes of a target did to a file (or a folder, which they listed) that nothing declares.

    Or, unread: an input that none of them opened.
    """

    target: str
    deed: Deed
    path: str  # relative to the project, absolute outside it; of an input its name
    tasks: int  # that did it
    hint: str  # what to write in the Dataflowfile


@dataclass(frozen=True, slots=True)
class Traced:
    """What all recipes of a run opened beside what their targets declare."""

    touched: tuple[Touched, ...]
    tasks: int  # that were looked at
    left_out: int  # files that are too many to be told

    @property
    def undeclared(self) -> int:
        """How many files were touched."""
        return sum(one.deed != "unread" for one in self.touched) + self.left_out


@dataclass(frozen=True, slots=True)
class LookedAt:
    """What a build looked at, for whoever wants to hear of its changes; of several the last counts.

    All paths are relative to the project's root, or absolute.
    """

    files: tuple[str, ...]  # also those that aren't there
    trees: tuple[tuple[str, int, bool], ...]  # folder, how many levels; whether only names of modules in it count
    globs: tuple[str, ...]  # patterns of which it matters what they match


@dataclass(frozen=True, slots=True)
class Summary:
    """The end of a run: the requested partitions and all that they need, as they now stand."""

    run: str
    built: int
    fresh: int
    failed: int
    waiting: int
    blocked: int
    restored: int
    provisional: int
    seconds: float
    was_interrupted: bool = False
    awaited: int = 0  # of the waiting: held back by nothing but what isn't due yet
    changes_at: float | None = None  # seconds since the epoch: when the clock alone may change what a build would do
    spared: int = 0  # of the fresh: might have had to run, but what they read came out the same
    saved_seconds: float | None = None  # that the fresh took when they last ran; None: not looked up, as nothing ran
    slowest: tuple[tuple[str, Key, float], ...] = ()  # of what ran, with the seconds of its recipe
    undeclared: int = 0  # files that recipes touched, of those that were traced, and that nothing declares
    assumed: tuple[str, ...] = ()  # datasets whose files nobody looked at, as they were said to be unchanged


Event = (
    RunStarted
    | Beat
    | Phase
    | TaskStarted
    | TaskPrinted
    | TaskEnded
    | TaskRetried
    | TaskStopped
    | TaskRegrouped
    | TaskSkipped
    | Resting
    | Notice
    | Lacking
    | LookedAt
    | Traced
    | Summary
)
