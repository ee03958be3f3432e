"""Whether a failed task is tried again, and after how long: in its own run, and in later ones."""

from __future__ import annotations

from collections.abc import Iterable

from dbuild.core.model import Retries

LONGEST = 300.0  # seconds
_SPREAD = 0.25  # tasks that failed together don't all come back together
FIRST_REST, LONGEST_REST = 60.0, 3600.0  # seconds
_MOST_DOUBLINGS = 64  # any delay that counts is beyond the longest by then, and no number overflows


def delay_of(retries: Retries, attempt: int, jitter: float) -> float:
    """Seconds until a task is tried again whose `attempt`-th attempt (from 1) failed.

    The declared delay, doubled for each attempt after the first, at most five minutes. `jitter`, a number in [0, 1)
    that the caller draws, moves it by up to a quarter either way (never beyond the five minutes).
    """
    doubled = min(LONGEST, retries.delay * 2.0 ** min(attempt - 1, _MOST_DOUBLINGS))
    return min(LONGEST, doubled * (1 - _SPREAD + 2 * _SPREAD * jitter))


def rest_of(failures: int) -> float:
    """Seconds until a partition is built again that failed so often in a row (from 1), while nothing has changed."""
    return min(LONGEST_REST, FIRST_REST * 2.0 ** min(failures - 1, _MOST_DOUBLINGS))


def may_retry(retries: Retries, attempt: int, causes: Iterable[str]) -> bool:
    """Whether a task is tried again whose `attempt`-th attempt (from 1) failed for these causes (as in a `Result`).

    Where the target names causes (`on`), one of them has to be among these. Else any will do, but there has to be one:
    without a cause it isn't the recipe that failed (its input changed meanwhile, its output couldn't be moved), and
    trying again is no remedy.
    """
    found = set(causes)
    return attempt <= retries.times and bool(found & set(retries.on) if retries.on else found)
