"""What commands report of a project and its history, as values. Screens and JSON are made from these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from dbuild.core.causes import Behind, Cause, RunNote
from dbuild.core.events import Key
from dbuild.values import dataclass

if TYPE_CHECKING:
    from dbuild.core.partitions import PartitionSet
    from dbuild.core.routes import Stray  # only flows that route rows have any, and import it

Standing = Literal["fresh", "will run", "may run", "waiting", "frozen", "absent"]


@dataclass(frozen=True, slots=True)
class MarkRecord:
    """A person's word on partitions of one target, as far as it holds."""

    target: str
    keys: str  # as they were written, "" for all
    word: str  # stale, fresh, frozen, open
    partitions: int  # on how many it holds now
    who: str
    why: str
    at: str  # ISO local time
    until: str | None  # ISO local time


@dataclass(frozen=True, slots=True)
class FailureRecord:
    """How a partition failed when it was last tried."""

    target: str
    key: Key
    run: str
    at: str  # ISO local time, "" if it isn't known
    error: str
    tail: tuple[str, ...]  # the last lines that it printed
    attempts: int
    log: str | None  # path relative to the project


@dataclass(frozen=True, slots=True)
class Detail:
    """Which partitions of a dataset stand how, and how much there is of it."""

    domain: PartitionSet
    standing: tuple[tuple[str, PartitionSet], ...]  # state and its partitions, disjoint; what needs attention first
    files: int
    size: int  # bytes
    newest: float | None  # the latest mtime of its files, seconds since the epoch
    built: float | None = None  # when a partition of it was built last
    seconds: float | None = None  # that this took


@dataclass(frozen=True, slots=True)
class DatasetStatus:
    """How the partitions of one dataset stand. Of a source: fresh (there), awaited, missing, late, unsettled."""

    name: str
    kind: Literal["source", "target"]
    description: str
    recipe: str  # "sql", "python", "shell", "view", "action", or "" for a source
    place: str  # file:line of its declaration
    paths: tuple[str, ...]  # its path patterns
    dimensions: tuple[str, ...]
    keys: str  # the whole domain as people type it, "" for none; long sets are cut with …
    inputs: tuple[str, ...]  # the datasets that it reads
    layer: int  # 0 for sources; a target stands one above the highest that it reads
    fresh: int
    stale: int
    undecided: int
    missing: int
    late: int
    waiting: int
    failed: int  # among the stale: those that failed when they were last tried
    provisional: int  # made without something expected; they count in their other states too
    frozen: int = 0  # those that would run if nobody had frozen them
    awaited: int = 0  # absent, and not due yet; of a target those of the waiting that wait for nothing else
    unsettled: int = 0  # there, and not to be read yet
    tags: tuple[str, ...] = ()
    owner: str = ""
    marks: tuple[MarkRecord, ...] = ()  # newest first
    failures: tuple[FailureRecord, ...] = ()  # of needed partitions, the newest first
    uncounted: tuple[str, ...] = ()  # the inputs that are read, and whose changes make nothing stale
    differing: int | None = 0  # partitions that read something else of these; None: too many to look at
    detail: Detail | None = None  # where it was asked for
    astray: tuple[Stray, ...] = ()  # its rows that no partition of a target gets, as far as files were looked into
    is_assumed: bool = False  # nobody looked at its files, as they were said to be unchanged

    @property
    def total(self) -> int:
        """How many partitions there are."""
        absent = self.missing + self.late + self.unsettled + (self.awaited if self.kind == "source" else 0)
        return self.fresh + self.stale + self.undecided + absent + self.waiting + self.frozen


def status_of(fields: Mapping[str, Any]) -> DatasetStatus:
    """The status with these fields, where lists stand for tuples."""
    given: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in fields.items()}
    return DatasetStatus(**given)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one partition is, or isn't, to be built; and how it was built last."""

    target: str
    key: Key
    standing: Standing
    causes: tuple[Cause, ...]  # why it will run
    after: tuple[str, ...]  # what has to be built before it can be known
    lacks: tuple[str, ...]  # the missing or waiting inputs
    last: RunNote | None  # the run that built it, and who stood behind that
    last_seconds: float | None
    last_reasons: tuple[str, ...]  # why that run built it
    failure: FailureRecord | None  # its last failure since
    mark: MarkRecord | None = None
    uncounted: tuple[str, ...] = ()  # the inputs that are read, and whose changes are no cause
    ignored: tuple[Cause, ...] = ()  # how these differ from what was read
    unrouted: tuple[str, ...] = ()  # files that may have rows of it, the first of them, relative to the project
    frozen_after: str = ""  # the age from which on it stays as it is, "90d"; "" where it isn't that old
    behind: tuple[Behind, ...] = ()  # what makes that it may run; and how what it read came to change
    last_causes: tuple[Cause, ...] = ()  # why that run built it
    last_behind: tuple[Behind, ...] = ()  # how what it read then came to change


@dataclass(frozen=True, slots=True)
class ShownInput:
    """An input as a recipe would get it."""

    name: str  # what the recipe calls it; through a view "clean/raw"
    dataset: str
    partitions: int
    paths: tuple[str, ...]  # relative to the project, the first few
    files: int


@dataclass(frozen=True, slots=True)
class ShownOutput:
    """An output with the first rows of what it is now."""

    name: str  # "" where there is one
    path: str  # relative to the project
    size: int | None  # bytes; None: it isn't there
    columns: tuple[tuple[str, str], ...] = ()  # name and type; none: it is no table
    rows: tuple[tuple[str | None, ...], ...] = ()  # None for NULL
    total: int | None = None  # rows of the whole, where that is known
    lines: tuple[str, ...] = ()  # the first lines of a text, or the first names in a folder


@dataclass(frozen=True, slots=True)
class Shown:
    """A recipe as it would run for one partition, and what is there of its outputs."""

    target: str
    key: Key
    kind: str  # sql, python, shell; view
    place: str  # file:line of the recipe
    recipe: str  # its text as it would run
    values: tuple[str, ...]  # what is bound, or how it is run
    environment: tuple[tuple[str, str], ...]  # what is set for it; secrets as ***
    inputs: tuple[ShownInput, ...]
    outputs: tuple[ShownOutput, ...]
    notes: tuple[str, ...]  # why something isn't shown as it would be


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """One execution in the ledger."""

    run: str
    target: str
    key: Key
    status: str  # built, failed, retried
    changed: bool
    seconds: float
    at: str  # ISO local time of its end
    reasons: tuple[str, ...]
    error: str | None
    log: str | None  # path relative to the project


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run in the ledger."""

    run: str
    started: str  # ISO local time
    seconds: float | None  # None: it was cut off
    command: str
    built: int
    failed: int
    outcome: str  # done, failed, interrupted, cut off, running
