"""A person's word on partitions, and which word holds for which of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from dbuild.core.partitions import PartitionSet
from dbuild.values import dataclass

Word = Literal["stale", "fresh", "frozen", "open", "clear"]
WORDS: tuple[Word, ...] = ("stale", "fresh", "frozen")


@dataclass(frozen=True, slots=True)
class Mark:
    """One word on some partitions of one target. A later word takes the place of an earlier one."""

    run: int  # its number in the ledger; partitions that were built since have a higher one
    target: str
    keys: str  # as a person wrote them; "" for the whole target, whatever partitions it will have
    word: Word  # "clear" takes earlier words back; "open" too, and lets old partitions change until they are built
    why: str
    who: str
    at: float  # seconds since the epoch, UTC
    until: float | None  # from then on it doesn't hold any more

    @property
    def label(self) -> str:
        """Who said why, for a message."""
        return f"by {self.who}: {self.why}" if self.why else f"by {self.who}"


@dataclass(frozen=True, slots=True)
class Saying:
    """What a person says of partitions."""

    word: Word
    why: str = ""
    until: float | None = None  # seconds since the epoch
    inputs_too: bool = False  # `fresh`: accept the inputs as they are now


Marked = tuple[Mark, PartitionSet]


def holding(marks: Iterable[Marked]) -> list[Marked]:
    """Of marks, newest first, each with the partitions on which no later word stands; those with none are left out."""
    found: list[Marked] = []
    covered: PartitionSet | None = None
    for mark, partitions in marks:
        left = partitions if covered is None else partitions - covered
        covered = partitions if covered is None else covered | partitions
        if left and mark.word != "clear":
            found.append((mark, left))
    return found
