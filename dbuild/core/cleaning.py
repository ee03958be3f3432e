"""What `dbuild clean` was asked for, and what it found, as values."""

from __future__ import annotations

from collections.abc import Container

from dbuild.core.events import Key
from dbuild.values import dataclass, replace


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be removed; the parts add up."""

    outputs: tuple[str, ...] = ()  # X[@K], as on the command line
    orphans: bool = False  # outputs that nothing declared makes any more
    logs: bool = False
    everything: bool = False  # all of that, of all targets, and all that the state knows of this Dataflowfile

    @property
    def has_outputs(self) -> bool:
        """Whether the project has to be read to know what goes."""
        return bool(self.outputs) or self.orphans or self.everything


@dataclass(frozen=True, slots=True)
class Removable:
    """A file that goes, or a folder with all that is in it."""

    target: str  # "" for logs
    key: Key
    path: str  # relative to the project; a folder's ends with a slash
    bytes: int


@dataclass(frozen=True, slots=True)
class Kept:
    """An output that was asked for and stays."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What goes, or has gone, and what stays."""

    removed: tuple[Removable, ...]
    kept: tuple[Kept, ...] = ()
    notes: tuple[str, ...] = ()  # of what was named and has no files
    forgotten: int = 0  # what the state is to forget with it: partitions, orphans
    has_failed: bool = False  # whether something that was to go could not be removed

    @property
    def bytes(self) -> int:
        """The size of all that goes."""
        return sum(one.bytes for one in self.removed)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.removed and not self.forgotten

    def within(self, paths: Container[str]) -> Cleaning:
        """The same without what has another path."""
        return replace(self, removed=tuple(one for one in self.removed if one.path in paths))
