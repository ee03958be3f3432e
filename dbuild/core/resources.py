"""What tasks share while they run: the cpus, the memory, and the pools of a project.

Amounts are kept in thousandths, as integers: a third of a cpu, taken and given back a million times, leaves what was
there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

_UNITS = 1000  # the smallest amount is one part in so many of a cpu, a byte, or a place in a pool

Claim = tuple[tuple[int, int], ...]  # (number of a resource, amount in thousandths), by number: equal needs are equal


class Resources:
    """How much there is of each resource, and how much of it is free."""

    def __init__(self, capacity: Mapping[str, float]) -> None:
        """Raises ValueError for a capacity that isn't positive: a task that needs it could never start."""
        for name, amount in capacity.items():
            if not amount > 0:
                raise ValueError(f"{name}: a capacity is more than 0, not {amount}")
        limited = {name: amount for name, amount in capacity.items() if amount != math.inf}
        self._numbers = {name: number for number, name in enumerate(limited)}
        self.capacity = [_units(amount) for amount in limited.values()]
        self.free = list(self.capacity)

    def claim(self, amounts: Mapping[str, float]) -> Claim:
        """What a task with these needs takes: never more than there is of a resource, of an unlimited one nothing.

        Raises ValueError for an amount below 0.
        """
        claim = []
        for name, amount in amounts.items():
            if not amount >= 0:
                raise ValueError(f"{name}: a need is 0 or more, not {amount}")
            number = self._numbers.get(name)
            if amount and number is not None:
                whole = self.capacity[number]
                claim.append((number, whole if amount == math.inf else min(whole, _units(amount))))
        return tuple(sorted(claim))

    def fits(self, claim: Claim) -> bool:
        """Whether all of it is free."""
        free = self.free
        for number, amount in claim:  # noqa: SIM110 (asked at every choice: a generator costs as much again)
            if amount > free[number]:
                return False
        return True

    def take(self, claim: Claim) -> None:
        """Takes what is free. Raises ValueError, and takes nothing, where it doesn't fit."""
        if not self.fits(claim):
            raise ValueError("more is taken than is free")
        for number, amount in claim:
            self.free[number] -= amount

    def give_back(self, claim: Claim) -> None:
        """Frees what was taken."""
        for number, amount in claim:
            self.free[number] += amount

    def untouched(self) -> Resources:
        """The same resources, all of them free."""
        others = Resources({})
        others.capacity, others.free = self.capacity, list(self.capacity)
        return others

    def amounts_free(self) -> dict[str, float]:
        """How much of each limited resource is free, in the units that it was given in."""
        return {name: self.free[number] / _UNITS for name, number in self._numbers.items()}


class Loads:
    """How long each resource would be busy with the tasks that are still to start, were it never idle: seconds."""

    def __init__(self, resources: Resources) -> None:
        self._capacity = resources.capacity
        # Tasks that take more than half of a resource run one at a time, whatever they leave of it: for each resource
        # there is a second entry, the seconds of these.
        self._seconds = [0.0] * (2 * len(self._capacity))

    def add(self, claim: Claim, seconds: float) -> None:
        """Adds a task's expected seconds; negative ones take them off."""
        for number, amount in claim:
            whole = self._capacity[number]
            self._seconds[2 * number] += seconds * amount / whole
            if 2 * amount > whole:
                self._seconds[2 * number + 1] += seconds

    def copy(self) -> Loads:
        """Loads that are the same now."""
        others = Loads(Resources({}))
        others._capacity, others._seconds = self._capacity, list(self._seconds)
        return others

    @property
    def most(self) -> float:
        """The heaviest load of all: the tasks can't be done any sooner."""
        return max(self._seconds, default=0.0)

    def heaviest(self, claim: Claim) -> float:
        """The longest of the loads that a task with this claim is part of."""
        heaviest = 0.0
        for number, amount in claim:
            heaviest = max(heaviest, self._seconds[2 * number])
            if 2 * amount > self._capacity[number]:
                heaviest = max(heaviest, self._seconds[2 * number + 1])
        return heaviest


def lacking(claim: Claim, free: list[int]) -> set[int]:
    """The numbers of the resources of which a claim wants more than is free."""
    return {number for number, amount in claim if amount > free[number]}


def _units(amount: float) -> int:
    return max(1, round(amount * _UNITS))
