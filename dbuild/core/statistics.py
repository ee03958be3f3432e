"""What the ledger says of targets as a whole: how long they take, how large they are, which fail by chance. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from math import ceil
from typing import NamedTuple

from dbuild.values import dataclass, field

BINS = 24  # parts of the time that is looked at, of a curve
_ENOUGH = 6  # executions from which on a trend is told


class Executed(NamedTuple):
    """One execution, as far as it counts here."""

    run: int
    target: str
    key: str  # joined
    status: str
    changed: bool
    seconds: float
    at: float
    is_mended: bool


@dataclass(frozen=True, slots=True)
class TargetStats:
    """How the recipe of one target ran."""

    target: str
    built: int
    same: int  # of the built: came out as before
    failed: int
    retried: int
    seconds: float  # of all that succeeded
    mean: float
    most: float  # 95 of 100 took no longer
    curve: tuple[float | None, ...]  # mean seconds in each part of the time, None where nothing ran
    trend: float | None  # how much longer the newest third took than the oldest, as a share; None: too few to tell


@dataclass(frozen=True, slots=True)
class Flaky:
    """Partitions of one target that failed and then, reading the same, did not."""

    target: str
    times: int
    partitions: int
    key: str  # joined: of the one to which it happened last
    at: float


@dataclass(frozen=True, slots=True)
class Growth:
    """How much is stored of one target."""

    target: str
    size: int  # bytes now
    grown: int  # bytes since the beginning of the time that is looked at
    curve: tuple[int, ...]  # bytes at the end of each part of it


@dataclass(frozen=True, slots=True)
class RunStats:
    """What runs did, and what they didn't have to do."""

    runs: int
    seconds: float  # from their starts to their ends
    fresh: int  # partitions that they needed, and that didn't run
    spared: int  # of these, because all that they read came out the same
    saved: float  # seconds that these would have taken


@dataclass(frozen=True, slots=True)
class Statistics:
    """All of it, for the time between two moments."""

    since: float  # seconds since the epoch
    until: float
    runs: RunStats
    targets: tuple[TargetStats, ...]  # those that took most first
    flaky: tuple[Flaky, ...]  # the most often first
    growth: tuple[Growth, ...]  # the largest first
    built: tuple[int, ...]  # partitions in each part of the time

    @property
    def recipe_seconds(self) -> float:
        """How long recipes ran."""
        return sum(one.seconds for one in self.targets)


@dataclass(slots=True)
class _Tally:
    same: int = 0
    failed: int = 0
    retried: int = 0
    seconds: array[float] = field(default_factory=lambda: array("d"))  # of each success, oldest first
    sums: list[float] = field(default_factory=lambda: [0.0] * BINS)
    counts: list[int] = field(default_factory=lambda: [0] * BINS)


class Tallies:
    """Counts executions, oldest first. Holds eight bytes for each of them."""

    def __init__(self, since: float, until: float) -> None:
        self._since = since
        self._until = until
        self._tallies: dict[str, _Tally] = {}
        self._built = [0] * BINS
        self._tried: dict[tuple[str, str], int] = {}  # what is to be tried again, with its run
        self._mended: dict[str, dict[str, int]] = {}  # target -> key -> how often; what happened last is last
        self._when: dict[str, float] = {}

    def add(self, one: Executed) -> None:
        """Counts one execution."""
        tally = self._tallies.setdefault(one.target, _Tally())
        if one.status == "retried":
            tally.retried += 1
            self._tried[one.target, one.key] = one.run
        elif one.status == "failed":
            tally.failed += 1
            self._tried.pop((one.target, one.key), None)
        elif one.status == "built":
            self._add_built(tally, one)

    def _add_built(self, tally: _Tally, one: Executed) -> None:
        place = bin_of(one.at, self._since, self._until)
        tally.same += not one.changed
        tally.seconds.append(one.seconds)
        tally.sums[place] += one.seconds
        tally.counts[place] += 1
        self._built[place] += 1
        if one.is_mended or self._tried.pop((one.target, one.key), None) == one.run:
            keys = self._mended.setdefault(one.target, {})
            keys[one.key] = keys.pop(one.key, 0) + 1
            self._when[one.target] = one.at

    def targets(self) -> tuple[TargetStats, ...]:
        """What came of it for each target, those that took most first."""
        found = [_stats(name, tally) for name, tally in self._tallies.items()]
        return tuple(sorted(found, key=lambda one: (-one.seconds, one.target)))

    def flaky(self) -> tuple[Flaky, ...]:
        """The targets of which partitions failed by chance, the most often first."""
        found = [
            Flaky(name, sum(keys.values()), len(keys), next(reversed(keys)), self._when[name])
            for name, keys in self._mended.items()
        ]
        return tuple(sorted(found, key=lambda one: (-one.times, one.target)))

    def built(self) -> tuple[int, ...]:
        """Partitions that were built in each part of the time."""
        return tuple(self._built)


def _stats(name: str, tally: _Tally) -> TargetStats:
    ordered = sorted(tally.seconds)
    number, total = len(ordered), sum(ordered)
    curve = tuple(s / count if count else None for s, count in zip(tally.sums, tally.counts, strict=True))
    return TargetStats(
        *(name, number, tally.same, tally.failed, tally.retried, total),
        *(total / number if number else 0.0, ordered[ceil(0.95 * number) - 1] if ordered else 0.0),
        *(curve, trend_of(tally.seconds)),
    )


def trend_of(values: array[float]) -> float | None:
    """How much greater the mean of the last third is than that of the first, as a share; None for too few."""
    third = len(values) // 3
    first = sum(values[:third])
    return sum(values[-third:]) / first - 1 if len(values) >= _ENOUGH and first else None


def bin_of(at: float, since: float, until: float) -> int:
    """The part of the time that a moment is in."""
    return max(0, min(BINS - 1, int((at - since) / max(until - since, 1e-9) * BINS)))


def growth_of(
    sizes: dict[str, int], changes: Iterable[tuple[str, float, int]], since: float, until: float
) -> tuple[Growth, ...]:
    """The growth of each target from what it has now and what was added to it (bytes), when; the largest first."""
    added: dict[str, list[int]] = {name: [0] * BINS for name in sizes}
    for name, at, change in changes:
        if name in added:
            added[name][bin_of(at, since, until)] += change
    found = []
    for name, size in sizes.items():
        curve, left = [], size
        for change in reversed(added[name]):
            curve.append(max(0, left))
            left -= change
        found.append(Growth(name, size, sum(added[name]), tuple(reversed(curve))))
    return tuple(sorted(found, key=lambda one: (-one.size, one.target)))
