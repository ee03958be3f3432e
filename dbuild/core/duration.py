"""How long a task is expected to run. Only the order of a run depends on it, so a guess may be wrong."""

from __future__ import annotations

# What a recipe costs of which nothing is known: a start, and then so much for each byte that it reads. Its worth is
# that a bigger input comes out longer, and that it is near enough to measured durations to be compared with them.
_START = 0.1  # seconds
_RATE = 100_000_000  # bytes in a second: about what is got from reading CSV and grouping it


def estimate(partition: float | None, target: float | None, size: int) -> float:
    """The seconds that a partition's task will take, by the best that is known.

    `partition` is how long this very partition took when it was last built, `target` the mean over the target's
    partitions; None where it was never built. `size` is the bytes that it reads, used where nothing was.
    """
    if partition is not None:
        return partition
    return target if target is not None else first_guess(size)


def first_guess(size: int) -> float:
    """The seconds for a task that reads so many bytes, of a target that was never built."""
    return _START + size / _RATE
