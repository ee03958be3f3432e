"""What stands behind a partition: from the one that was asked about up to the first causes. Values for every screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from dbuild.core.changes import PartChange
from dbuild.core.events import Key
from dbuild.core.staleness import Reason
from dbuild.values import dataclass

Stands = Literal["will run", "may run", "ran"]


@dataclass(frozen=True, slots=True)
class Author:
    """Who changed a file last, as git knows it."""

    who: str  # "Ann Lee <ann@example.org>"; "" where its content is in no commit
    commit: str = ""  # its id
    at: str = ""  # ISO local time


@dataclass(frozen=True, slots=True)
class RunNote:
    """A run, and who stood behind it."""

    run: str
    at: str  # ISO local time at which the partition was built
    who: str = ""  # the author of the commit that was built, or user@host; "" where nobody noted it
    commit: str = ""
    is_dirty: bool | None = None  # whether the project's files differed from the commit


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason with what is known of how it came about."""

    reason: Reason
    when: str = ""  # "changed 2026-11-21 03:10:02" or "" if nothing is known (ISO local time of the file or of the run)
    more: int = 0  # how many more there are of this kind and dataset
    parts: tuple[PartChange, ...] | None = None  # of a recipe that changed; None: what it was isn't kept
    authors: tuple[tuple[str, Author], ...] = ()  # of the files of these parts, or of the param's
    sizes: tuple[int | None, int | None] = (None, None)  # bytes of an input before and after, where they are known


@dataclass(frozen=True, slots=True)
class Behind:
    """Partitions of one dataset for which the same holds, and which their reader depends on."""

    dataset: str
    keys: tuple[Key, ...]  # the first of them
    count: int
    stands: Stands
    causes: tuple[Cause, ...] = ()  # of the first of them
    run: RunNote | None = None  # in which it ran; of what will or may run, in which it was built before
    behind: tuple[Behind, ...] = ()
    is_repeated: bool = False  # what stands behind it was told above
    unrouted: tuple[str, ...] = ()  # files of which it isn't known whether they have rows of these partitions
    is_far: bool = False  # what lies between it and its reader isn't told: the way is too long


_READING = ("input changed", "input added", "input arrived", "stand-in changed")


def first_causes(
    causes: Sequence[Cause], behind: Sequence[Behind], dataset: str, key: Key
) -> Iterator[tuple[str, Key, Cause]]:
    """The causes that nothing stands behind, each with the partition that it is one of; the same ones once."""
    told = {one.dataset for one in behind}
    seen = set()
    own = [(dataset, key, cause) for cause in causes if not _is_told(cause, told)]
    for each in (*own, *_deeper(behind)):
        subject = (each[2].reason, each[2].parts)
        if subject not in seen:
            seen.add(subject)
            yield each


def _deeper(behind: Sequence[Behind]) -> Iterator[tuple[str, Key, Cause]]:
    for one in behind:
        yield from first_causes(one.causes, one.behind, one.dataset, one.keys[0] if one.keys else ())


def _is_told(cause: Cause, datasets: set[str]) -> bool:
    """Whether what a cause is about is told with what stands behind."""
    return cause.reason.kind in _READING and cause.reason.subject.partition("@")[0].partition(".")[0] in datasets
