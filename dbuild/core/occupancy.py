"""What is free of each resource from now on, as time goes by."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from dbuild.core.resources import Claim

Ticks = int  # parts of a second: sums and differences of whole numbers are exact, so what just fits does fit
SECOND: Ticks = 1_000_000


def ticks(seconds: float) -> Ticks:
    """Seconds as ticks; at least one, so that every task takes some time."""
    return max(1, round(seconds * SECOND))


class Occupancy:
    """A step function: so much is free from one moment to the next."""

    __slots__ = ("_floors", "_free", "_times")

    def __init__(self, free: list[int]) -> None:
        """`free` is what is free of each resource from time 0 on, in the amounts of claims."""
        self._times = [0]
        self._free = [list(free)]
        self._floors: dict[Claim, Ticks] = {}  # before then, there is never enough for a claim

    def earliest(self, claim: Claim, length: Ticks, since: Ticks) -> Ticks:
        """The first moment from `since` on at which a claim fits for so long. There has to be one."""
        times, free = self._times, self._free
        floor = self._floors.get(claim, 0)
        start = max(since, floor)
        step = bisect_right(times, start) - 1
        if since <= floor:  # so all moments from the floor on are looked at: it may rise
            while not _fits(claim, free[step]):
                step += 1
                start = times[step]
            self._floors[claim] = start
        end = start + length
        while step < len(times) and times[step] < end:
            amounts = free[step]
            step += 1
            for number, amount in claim:
                if amount > amounts[number]:
                    start = times[step]  # not before this step is over
                    end = start + length
                    break
        return start

    def take(self, claim: Claim, start: Ticks, length: Ticks) -> None:
        """Takes a claim for so long."""
        first, end = self._step(start), self._step(start + length)
        for amounts in self._free[first:end]:
            for number, amount in claim:
                amounts[number] -= amount

    def _step(self, time: Ticks) -> int:
        """The step that begins at a time; made where there is none."""
        at = bisect_left(self._times, time)
        if at == len(self._times) or self._times[at] != time:
            self._times.insert(at, time)
            self._free.insert(at, self._free[at - 1][:])
        return at


def _fits(claim: Claim, amounts: list[int]) -> bool:
    for number, amount in claim:  # noqa: SIM110 (asked at every step: a generator costs as much again)
        if amount > amounts[number]:
            return False
    return True
