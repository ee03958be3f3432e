"""What happens in a watch, as data. Every screen and JSON line of it is made from these and from nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from dbuild.values import dataclass

Ear = Literal["inotify", "watchfiles", "polling"]


@dataclass(frozen=True, slots=True)
class Watching:
    """The first build has ended, and changes are heard of from now on."""

    by: Ear
    folders: int  # that changes are heard of


@dataclass(frozen=True, slots=True)
class Changed:
    """Something changed that a build might look at; the first few paths, relative to the project."""

    paths: tuple[str, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Noted:
    """Something that a build said and the one before didn't: a record of its JSON."""

    record: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Failed:
    """A build couldn't be made at all, for another reason than the last time: the error of its JSON."""

    error: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """The project's files are wrong: builds take them as they were at the last build that could read them."""


@dataclass(frozen=True, slots=True)
class Mended:
    """Builds can be made again."""

    kind: str  # of the error that they had


@dataclass(frozen=True, slots=True)
class Circling:
    """Builds make each other necessary, and are slowed down."""

    partitions: tuple[tuple[str, str], ...]
    builds: int


@dataclass(frozen=True, slots=True)
class Missed:
    """Changes may have been missed, and everything is looked at anew; why."""

    why: str


@dataclass(frozen=True, slots=True)
class Told:
    """The command of `--exec` didn't end well."""

    what: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """The watch ends; whether a build was cut off."""

    was_cut: bool


WatchEvent = Watching | Changed | Noted | Failed | Kept | Mended | Circling | Missed | Told | Stopped
