"""What `late` reports, as values: what isn't there, what was built without it, how late things come, what that cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbuild.core.arrival import Kind, Punctuality
from dbuild.core.events import Key
from dbuild.values import dataclass

if TYPE_CHECKING:
    from dbuild.core.routes import Stray  # only flows that route rows have any, and import it


@dataclass(frozen=True, slots=True)
class Deadline:
    """A partition of a source, and when it is or was due."""

    key: Key
    due: str  # ISO local time
    seconds: float  # since then; negative: until then


@dataclass(frozen=True, slots=True)
class SourceLateness:
    """What isn't there of one source, and how late it comes. Of long lists the first are given, and the number."""

    source: str
    late: tuple[Deadline, ...]  # absent after their deadline, the newest first
    late_count: int
    late_keys: str  # all of them as people type them, long sets cut with …
    missing_count: int  # expected without a deadline, and absent
    missing_keys: str
    awaited: tuple[Deadline, ...]  # the next that are due
    unsettled_count: int  # there, and not to be read yet
    unsettled_keys: str
    punctuality: Punctuality


@dataclass(frozen=True, slots=True)
class Lack:
    """A partition of a target, and what it does without or waits for; other partitions as people type them."""

    key: Key
    absent: tuple[str, ...] = ()  # what it would read; the first few
    absent_count: int = 0
    stand_ins: tuple[tuple[str, str], ...] = ()  # what is absent -> what it reads in its place
    through: tuple[str, ...] = ()  # what it reads that is provisional itself; the first few
    why: str = ""  # of a frozen one: why it would be built


@dataclass(frozen=True, slots=True)
class Group:
    """Partitions of a target that stand the same way. Of many, the newest are given one by one."""

    count: int
    keys: str  # all of them as people type them, long sets cut with …
    shown: tuple[Lack, ...]


@dataclass(frozen=True, slots=True)
class TargetLateness:
    """What the partitions of one target do without, or wait for."""

    target: str
    provisional: Group
    waiting: Group
    failing: Group  # for a missing input, by `missing = "fail"`
    frozen: Group  # that would be built if they weren't frozen
    awaited: int = 0  # of the waiting: held back by nothing but what isn't due yet


@dataclass(frozen=True, slots=True)
class Repair:
    """Something that happened to a source, and what was built because of it."""

    source: str
    key: Key
    kind: Kind
    at: str  # ISO local time
    delay: float | None  # seconds after the deadline, negative before it
    partitions: int  # how many were built
    targets: tuple[tuple[str, int], ...]  # of which targets how many, in the order in which they were done
    failed: int  # of those that were tried, how many have not succeeded
    seconds: float | None  # from when it happened to the end of the last task; None where nothing was built
    runs: tuple[str, ...]  # in which


@dataclass(frozen=True, slots=True)
class Lateness:
    """Everything that `late` tells."""

    now: str  # ISO local time: the moment for which this holds
    sources: tuple[SourceLateness, ...]
    targets: tuple[TargetLateness, ...]
    repairs: tuple[Repair, ...]  # the newest first
    astray: tuple[Stray, ...] = ()  # rows that no partition of a target gets, as far as files were looked into
    unrouted: tuple[str, ...] = ()  # what says of which files that isn't known
