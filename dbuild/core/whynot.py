"""Why a partition doesn't run, as values: what was compared, what doesn't count, what would make it run."""

from __future__ import annotations

from typing import Literal

from dbuild.core.causes import RunNote
from dbuild.core.events import Key
from dbuild.core.part import Part
from dbuild.core.report import Standing
from dbuild.core.staleness import Compared
from dbuild.values import dataclass

ExcuseKind = Literal["frozen", "uncounted", "gone", "marked fresh", "not selected", "waiting", "absent"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One thing that was compared, and what is known of when it came about."""

    compared: Compared
    at: str = ""  # ISO local time at which an input was built or written last, "" where nobody looked
    run: str = ""  # that built it


@dataclass(frozen=True, slots=True)
class Excuse:
    """Something that keeps a partition from running, or that doesn't count for it."""

    kind: ExcuseKind
    text: str


@dataclass(frozen=True, slots=True)
class CutOff:
    """A partition further up that ran since, and came out the same: so nothing behind it had to run."""

    target: str
    key: Key
    run: RunNote


@dataclass(frozen=True, slots=True)
class WhyNot:
    """Why one partition doesn't run."""

    target: str
    key: Key
    standing: Standing
    parts: tuple[Part, ...]  # of its recipe, as they are
    compared: tuple[Comparison, ...]
    excuses: tuple[Excuse, ...]
    cut_offs: tuple[CutOff, ...]  # the newest first
    cut_off_count: int  # how many there are in all
    would: tuple[str, ...]  # what would make it run
    last: RunNote | None  # the run that built it
    routed: frozenset[str] = frozenset()  # the datasets of which it reads not partitions but its own rows
