"""What happens to partitions of sources, and how late they come."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from math import ceil
from typing import Literal, NamedTuple

from dbuild.values import dataclass

Kind = Literal["arrived", "corrected", "withdrawn"]

_HOUR = 3600.0
_DAY = 24 * _HOUR
# How late an arrival is at most, in seconds, for each bar of a histogram but the last.
EDGES = (0.0, _HOUR, 6 * _HOUR, _DAY, 3 * _DAY, 7 * _DAY, 30 * _DAY)
# What the ledger keeps: for so many seconds, and of each partition so many.
KEPT_SECONDS = 2 * 365 * _DAY
KEPT_OF_EACH = 20


class Arrival(NamedTuple):
    """One thing that happened to a partition of a source since it was looked at before. Times are seconds UTC."""

    dataset: str
    key: str  # joined
    kind: Kind
    at: float  # when it happened, as well as that can be told
    seen: float  # when a build saw it
    due: float | None  # its deadline, of what arrived; None without one
    run: int  # the first run that could act on it

    @property
    def delay(self) -> float | None:
        """Seconds after the deadline, negative before it; None where there was none."""
        return self.at - self.due if self.due is not None else None


@dataclass(frozen=True, slots=True)
class Punctuality:
    """How late the partitions of a source have come. Seconds after the deadline, negative before it."""

    arrivals: int  # all that were seen to arrive
    on_time: int
    late: int
    median: float | None  # None where none had a deadline
    most: float | None  # nine of ten came no later
    worst: float | None
    bars: tuple[int, ...]  # how many came no later than each of EDGES, and later than all


def punctuality(arrivals: Iterable[Arrival]) -> Punctuality:
    """How late these came; corrections and withdrawals don't count."""
    arrived = [one for one in arrivals if one.kind == "arrived"]
    delays = sorted(one.delay for one in arrived if one.delay is not None)
    bars = [0] * (len(EDGES) + 1)
    for delay in delays:
        bars[bisect_left(EDGES, delay)] += 1
    return Punctuality(
        len(arrived),
        bars[0],
        len(delays) - bars[0],
        _part(delays, 0.5),
        _part(delays, 0.9),
        delays[-1] if delays else None,
        tuple(bars),
    )


def _part(ordered: list[float], part: float) -> float | None:
    """The least of them that such a part of all doesn't exceed."""
    return ordered[ceil(part * len(ordered)) - 1] if ordered else None
