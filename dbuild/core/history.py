"""What happened to datasets, as values. Screens and JSON are made from these."""

from __future__ import annotations

from typing import Literal

from dbuild.values import dataclass


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened to partitions of a dataset: they were built in a run, marked, or they arrived."""

    kind: Literal["run", "mark", "arrival"]
    dataset: str
    keys: str  # as people type them, long sets cut with …; "" for a dataset without dimensions, or all of it
    number: str  # of the run or the mark; of an arrival, the first run that could act on it
    at: str  # ISO local time: of the end, in a run
    word: str = ""  # of a mark; or arrived, corrected, withdrawn
    partitions: int = 1
    built: int = 0
    same: int = 0  # of the built: those that came out as they were before
    failed: int = 0
    retried: int = 0  # attempts that failed and weren't the last
    seconds: float | None = None  # that recipes ran; of an arrival, how long after its deadline
    size: int | None = None  # bytes that were made
    who: str = ""
    why: str = ""  # the first reason, or the last line of the error
    log: str | None = None  # path relative to the project


@dataclass(frozen=True, slots=True)
class History:
    """What happened to one dataset, or to some of its partitions."""

    dataset: str
    keys: str  # those that were asked for; "" for all
    happenings: tuple[Happening, ...]  # newest first
    seconds: tuple[float, ...] = ()  # that the recipe ran for one partition, oldest first; of several in a run the mean
    sizes: tuple[int, ...] = ()  # bytes of one partition, in the same order; of several in a run the mean
