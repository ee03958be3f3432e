"""How the lines between two layers run: down from a box, along a track, and down to each of those that read it.

Each line has an exit above and entries below, all in columns of their own, so that no two lines lie on each other where
they run down; where they run across, two that meet have tracks of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from dbuild.values import dataclass

_PASSES = 4


@dataclass(frozen=True, slots=True)
class Line:
    """What leads from one slot to slots below."""

    exit: int  # column
    entries: tuple[int, ...]  # columns, from the left
    track: int  # the row of the gap in which it runs across; -1: straight down


def routed(
    gap: Sequence[tuple[int, int]], above: Sequence[int], below: Sequence[int], spans: Sequence[tuple[int, int]]
) -> tuple[dict[int, Line], dict[tuple[int, int], int]]:
    """The lines of a gap by the slot that they come from; and the column at which each edge enters what is below.

    `above` and `below` are the middles of the slots, `spans` the first and last column at which those below may be
    entered.
    """
    exits = {upper: above[upper] for upper, _ in gap}
    entries = _entries(gap, above, below, spans)
    ends: dict[int, list[int]] = {}
    for upper, lower in gap:
        ends.setdefault(upper, []).append(entries[upper, lower])
    bent = {upper: found for upper, found in ends.items() if found != [exits[upper]]}
    tracks = _tracks(bent, exits)
    lines = {upper: Line(exits[upper], tuple(sorted(found)), tracks.get(upper, -1)) for upper, found in ends.items()}
    return lines, entries


def _entries(
    gap: Sequence[tuple[int, int]], above: Sequence[int], below: Sequence[int], spans: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], int]:
    """Columns in which edges end, in the order in which they come; straight down where that can be."""
    coming: dict[int, list[int]] = {}
    for upper, lower in gap:
        coming.setdefault(lower, []).append(upper)
    taken = {above[upper]: upper for upper, _ in gap}
    found: dict[tuple[int, int], int] = {}
    for lower, uppers in coming.items():
        first, last = spans[lower]
        uppers = sorted(uppers, key=lambda upper: above[upper])
        least = first
        for number, upper in enumerate(uppers):
            rest = len(uppers) - number - 1
            wanted = above[upper] if first <= above[upper] <= last else _spread(below[lower], number, len(uppers))
            column = min(max(wanted, least), max(least, last - 2 * rest))
            column = _free(column, least, last, upper, taken)
            found[upper, lower] = column
            least = column + 2 if column + 2 <= last else column + 1
    return found


def _spread(middle: int, number: int, size: int) -> int:
    """Of several entries, one of those around the middle, two columns from the next."""
    return middle - (size - 1) + 2 * number


def _free(column: int, least: int, last: int, upper: int, taken: Mapping[int, int]) -> int:
    """The nearest column in which no other line runs down."""
    for distance in range(last - least + 1):
        for place in (column + distance, column - distance):
            if least <= place <= last and taken.get(place, upper) == upper:
                return place
    return column


def _tracks(bent: Mapping[int, Sequence[int]], exits: Mapping[int, int]) -> dict[int, int]:
    """A track for each line, so that those on one don't meet; in an order with few crossings."""
    spans = {upper: (min(exits[upper], *ends), max(exits[upper], *ends)) for upper, ends in bent.items()}
    order = sorted(bent, key=lambda upper: (exits[upper] < sum(bent[upper]) / len(bent[upper]), exits[upper]))
    order = _improved(order, bent, exits, spans)
    tracks: dict[int, int] = {}
    for upper in order:
        below = [tracks[other] + 1 for other in tracks if _meet(spans[upper], spans[other])]
        tracks[upper] = max(below, default=0)
    return tracks


def _improved(
    order: list[int],
    bent: Mapping[int, Sequence[int]],
    exits: Mapping[int, int],
    spans: Mapping[int, tuple[int, int]],
) -> list[int]:
    """Exchanges lines that follow each other as long as that takes crossings away."""
    for _ in range(_PASSES * len(order)):
        is_better = False
        for at, (upper, lower) in enumerate(pairwise(order)):
            now = _crossings(upper, lower, bent, exits, spans)
            if _crossings(lower, upper, bent, exits, spans) < now:
                order[at], order[at + 1] = lower, upper
                is_better = True
        if not is_better:
            break
    return order


def _crossings(
    upper: int,
    lower: int,
    bent: Mapping[int, Sequence[int]],
    exits: Mapping[int, int],
    spans: Mapping[int, tuple[int, int]],
) -> int:
    """How often two lines cross if the first one's track lies above the other's."""
    (first, last), (start, end) = spans[upper], spans[lower]
    down = sum(start <= column <= end for column in bent[upper])
    return down + (first <= exits[lower] <= last)


def _meet(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] <= other[1] + 1 and other[0] <= one[1] + 1
