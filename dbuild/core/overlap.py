"""Whether two shapes of a path's component could ever be the same text.

A component is read as a small automaton over sets of characters; two meet where their product accepts something.
Unaware of dimensions and files.
"""

from __future__ import annotations

from collections.abc import Sequence

from dbuild.values import dataclass

Ranges = tuple[tuple[int, int], ...]  # characters as inclusive runs of code points
ANY: Ranges = ((0, 46), (48, 0x10FFFF))  # all but the slash
DIGIT: Ranges = ((48, 57),)


@dataclass(frozen=True, slots=True)
class Some:
    """One character of a set, or any number of them."""

    ranges: Ranges
    is_repeated: bool = False


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of several texts."""

    values: tuple[str, ...]


Atom = str | Some | OneOf  # a text stands for itself
FREE: tuple[Atom, ...] = (Some(ANY), Some(ANY, is_repeated=True))  # any text that isn't empty


def complement(ranges: Ranges) -> Ranges:
    """All characters but these."""
    left = []
    start = 0
    for low, high in sorted(ranges):
        if start < low:
            left.append((start, low - 1))
        start = max(start, high + 1)
    return (*left, (start, 0x10FFFF)) if start <= 0x10FFFF else tuple(left)


class Component:
    """One component of a path as a sequence of atoms. `text` is what it is where nothing in it varies."""

    __slots__ = ("_atoms", "_machine", "_prefix", "_suffix", "text")

    def __init__(self, atoms: Sequence[Atom]) -> None:
        self._atoms = atoms
        self._machine: list[list[tuple[Ranges, int]]] | None = None
        is_fixed = all(isinstance(atom, str) for atom in atoms)
        self.text = "".join(atom for atom in atoms if isinstance(atom, str)) if is_fixed else None
        self._prefix = atoms[0] if atoms and isinstance(atoms[0], str) else ""
        self._suffix = atoms[-1] if atoms and isinstance(atoms[-1], str) else ""

    def meets(self, other: Component) -> bool:
        """Whether some text fits both."""
        if self is other:
            return True
        if self.text is not None and other.text is not None:
            return self.text == other.text
        if not _could_start(self._prefix, other._prefix) or not _could_start(self._suffix[::-1], other._suffix[::-1]):
            return False  # most pairs end here, without an automaton
        return _intersect(self.machine, other.machine)

    @property
    def machine(self) -> list[list[tuple[Ranges, int]]]:
        """The automaton: for each state its steps (set of characters, next state); 0 starts, the last accepts."""
        if self._machine is None:
            self._machine = _machine(self._atoms)
        return self._machine


def _could_start(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _machine(atoms: Sequence[Atom]) -> list[list[tuple[Ranges, int]]]:
    states: list[list[tuple[Ranges, int]]] = [[]]
    for atom in atoms:
        match atom:
            case str():
                for character in atom:
                    _add(states, len(states) - 1, ((ord(character), ord(character)),))
            case Some(ranges, is_repeated):
                if is_repeated:
                    states[-1].append((ranges, len(states) - 1))
                else:
                    _add(states, len(states) - 1, ranges)
            case OneOf(values):
                _add_choice(states, values)
    return states


def _add(states: list[list[tuple[Ranges, int]]], state: int, ranges: Ranges) -> int:
    states.append([])
    states[state].append((ranges, len(states) - 1))
    return len(states) - 1


def _add_choice(states: list[list[tuple[Ranges, int]]], values: tuple[str, ...]) -> None:
    """A tree of the values (shared beginnings once, so that long lists stay linear) that ends in one new state."""
    start = len(states) - 1
    known: dict[tuple[int, str], int] = {}
    ends: list[tuple[int, str]] = []
    for value in values:
        state = start
        for character in value[:-1]:
            if (state, character) not in known:
                known[state, character] = _add(states, state, ((ord(character), ord(character)),))
            state = known[state, character]
        ends.append((state, value[-1]))
    states.append([])
    for state, character in ends:
        states[state].append((((ord(character), ord(character)),), len(states) - 1))


def _intersect(one: list[list[tuple[Ranges, int]]], other: list[list[tuple[Ranges, int]]]) -> bool:
    """Whether the product of two automata reaches the end of both (breadth first over pairs of states)."""
    goal = (len(one) - 1, len(other) - 1)
    seen = {(0, 0)}
    left = [(0, 0)]
    while left:
        if (pair := left.pop()) == goal:
            return True
        for ranges, following in one[pair[0]]:
            for others, other_following in other[pair[1]]:
                after = (following, other_following)
                if after not in seen and _share(ranges, others):
                    seen.add(after)
                    left.append(after)
    return False


def _share(one: Ranges, other: Ranges) -> bool:
    return any(low <= top and bottom <= high for low, high in one for bottom, top in other)
