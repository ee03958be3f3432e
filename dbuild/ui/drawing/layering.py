"""A graph in layers: who stands in which, in what order, and where long edges pass.

Layers by longest paths, sources next to their first readers; order by medians and exchanges of neighbours (Gansner,
Koutsofios, North and Vo, "A technique for drawing directed graphs", 1993). All edges from one node share the points at
which they pass a layer, as they carry the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dbuild.values import dataclass

_SWEEPS = 12  # pairs of passes, down and up
_LARGEST = 400  # nodes of a layer above which neighbours aren't exchanged one by one


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a layer: of a node, or where the edges of a node pass."""

    name: str
    is_passage: bool = False


@dataclass(frozen=True, slots=True)
class Layering:
    """Layers from the top, each with its slots from the left; and for each gap who is joined to whom below."""

    layers: tuple[tuple[Slot, ...], ...]
    gaps: tuple[tuple[tuple[int, int], ...], ...]  # position above, position below; sorted


def layered(reads: Mapping[str, Sequence[str]]) -> Layering:
    """The layers of a graph without cycles: `reads` has each node with those that it reads, all of them keys too."""
    level = _levels(reads)
    rows: list[list[Slot]] = [[] for _ in range(max(level.values(), default=-1) + 1)]
    for name in reads:
        rows[level[name]].append(Slot(name))
    edges: list[set[tuple[Slot, Slot]]] = [set() for _ in rows[1:]]
    deepest = _deepest(reads, level)
    for name in reads:
        for row in range(level[name] + 1, deepest.get(name, 0)):
            rows[row].append(Slot(name, is_passage=True))
    for reader, names in reads.items():
        for name in names:
            for row in range(level[name], level[reader]):
                above = Slot(name, is_passage=row > level[name])
                below = Slot(reader) if row + 1 == level[reader] else Slot(name, is_passage=True)
                edges[row].add((above, below))
    ordered = _ordered(rows, edges)
    places = [{slot: number for number, slot in enumerate(row)} for row in ordered]
    gaps = (
        tuple(sorted((places[row][above], places[row + 1][below]) for above, below in found))
        for row, found in enumerate(edges)
    )
    return Layering(tuple(map(tuple, ordered)), tuple(gaps))


def _levels(reads: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """The layer of each node: below all that it reads; what reads nothing just above its first reader."""
    level: dict[str, int] = {}
    for first in reads:
        stack = [first]
        while stack:
            name = stack[-1]
            waiting = [one for one in reads[name] if one not in level]
            if name in level or not waiting:
                level.setdefault(name, 1 + max((level[one] for one in reads[name]), default=-1))
                stack.pop()
            else:
                stack.extend(waiting)
    readers: dict[str, list[str]] = {}
    for reader, names in reads.items():
        for name in names:
            readers.setdefault(name, []).append(reader)
    for name, names in reads.items():
        if not names and name in readers:
            level[name] = min(level[reader] for reader in readers[name]) - 1
    return level


def _deepest(reads: Mapping[str, Sequence[str]], level: Mapping[str, int]) -> dict[str, int]:
    """For each node that is read the lowest layer in which a reader stands."""
    found: dict[str, int] = {}
    for reader, names in reads.items():
        for name in names:
            found[name] = max(found.get(name, 0), level[reader])
    return found


def _ordered(rows: Sequence[Sequence[Slot]], edges: Sequence[set[tuple[Slot, Slot]]]) -> list[list[Slot]]:
    """The layers in an order with few crossings; the best of all that the sweeps come through."""
    above: list[dict[Slot, list[Slot]]] = [{} for _ in rows]
    below: list[dict[Slot, list[Slot]]] = [{} for _ in rows]
    for row, found in enumerate(edges):
        for upper, lower in sorted(found, key=lambda edge: (edge[0].name, edge[1].name)):
            below[row].setdefault(upper, []).append(lower)
            above[row + 1].setdefault(lower, []).append(upper)
    current = [list(row) for row in rows]
    best, fewest = [list(row) for row in current], _crossings(current, below)
    for sweep in range(_SWEEPS * 2):
        if not fewest:
            break
        is_down = sweep % 2 == 0
        for row in range(1, len(current)) if is_down else range(len(current) - 2, -1, -1):
            fixed = current[row - 1 if is_down else row + 1]
            current[row] = _by_median(current[row], fixed, (above if is_down else below)[row])
        _exchange(current, above, below)
        crossings = _crossings(current, below)
        if crossings < fewest:
            best, fewest = [list(row) for row in current], crossings
    return best


def _by_median(row: list[Slot], fixed: list[Slot], joined: Mapping[Slot, list[Slot]]) -> list[Slot]:
    """A layer sorted by where its neighbours stand; who has none keeps its place."""
    place = {slot: number for number, slot in enumerate(fixed)}
    wanted: dict[Slot, float] = {}
    for slot in row:
        places = sorted(place[other] for other in joined.get(slot, ()))
        if places:
            middle = len(places) // 2
            wanted[slot] = places[middle] if len(places) % 2 else (places[middle - 1] + places[middle]) / 2
    movable = iter(sorted((slot for slot in row if slot in wanted), key=wanted.__getitem__))
    return [next(movable) if slot in wanted else slot for slot in row]


def _exchange(rows: list[list[Slot]], above: list[dict[Slot, list[Slot]]], below: list[dict[Slot, list[Slot]]]) -> None:
    """Exchanges neighbours where that takes crossings away."""
    for number, row in enumerate(rows):
        if len(row) > _LARGEST:
            continue
        places = []
        for joined, other in ((above[number], number - 1), (below[number], number + 1)):
            place = {slot: at for at, slot in enumerate(rows[other])} if 0 <= other < len(rows) else {}
            places.append({slot: sorted(place[one] for one in joined.get(slot, ())) for slot in row})
        for at in range(len(row) - 1):
            left, right = row[at], row[at + 1]
            now = sum(_pairs(found[left], found[right]) for found in places)
            then = sum(_pairs(found[right], found[left]) for found in places)
            if then < now:
                row[at], row[at + 1] = right, left


def _pairs(left: list[int], right: list[int]) -> int:
    """How many edges of two neighbours cross."""
    return sum(one > other for one in left for other in right)


def _crossings(rows: Sequence[Sequence[Slot]], below: Sequence[Mapping[Slot, list[Slot]]]) -> int:
    """How many pairs of edges cross in all, each gap counted with a tree of sums (Barth, Jünger and Mutzel, 2002)."""
    total = 0
    for row, joined in enumerate(below[:-1]):
        place = {slot: number for number, slot in enumerate(rows[row + 1])}
        size = len(place)
        sums = [0] * (size + 1)
        seen = 0
        for slot in rows[row]:
            ends = [place[other] for other in joined.get(slot, ())]
            for end in ends:
                at, smaller = end + 1, 0
                while at:
                    smaller += sums[at]
                    at &= at - 1
                total += seen - smaller
            for end in ends:
                at = end + 1
                while at <= size:
                    sums[at] += 1
                    at += at & -at
            seen += len(ends)
    return total
