"""Where in its layer each slot stands: as near to those that it is joined to as the order and the widths allow."""

from __future__ import annotations

from collections.abc import Sequence

from dbuild.ui.drawing.layering import Layering

_SWEEPS = 8
_GAP = 2  # columns between two boxes
_NARROW = 1  # columns of a passage
_STRAIGHT = 4.0  # how much more a passage's place weighs than a box's: long lines should be straight


def placed(layering: Layering, width: int) -> list[list[int]]:
    """The middle column of each slot; boxes have `width` columns. The leftmost column in use is 0."""
    half = width // 2
    steps = [
        [_step(layer[at].is_passage, layer[at + 1].is_passage, width) for at in range(len(layer) - 1)]
        for layer in layering.layers
    ]
    columns = [_packed(each, len(layer)) for each, layer in zip(steps, layering.layers, strict=True)]
    above, below = _joined(layering)
    for sweep in range(_SWEEPS * 2):
        is_down = sweep % 2 == 0
        numbers = range(1, len(columns)) if is_down else range(len(columns) - 2, -1, -1)
        for number in numbers:
            fixed = columns[number - 1 if is_down else number + 1]
            joined = (above if is_down else below)[number]
            wanted = [_mean([fixed[at] for at in ends], own) for ends, own in zip(joined, columns[number], strict=True)]
            weights = [
                (_STRAIGHT if slot.is_passage else 1.0) if ends else 0.01
                for slot, ends in zip(layering.layers[number], joined, strict=True)
            ]
            columns[number] = _nearest(wanted, weights, steps[number])
    rounded = [_rounded(row, each) for row, each in zip(columns, steps, strict=True)]
    edges = [
        column - (0 if slot.is_passage else half)
        for layer, row in zip(layering.layers, rounded, strict=True)
        for slot, column in zip(layer, row, strict=True)
    ]
    first = min(edges, default=0)
    return [[column - first for column in row] for row in rounded]


def _step(is_passage: bool, is_next_passage: bool, width: int) -> int:
    """The least distance between the middles of two neighbours."""
    if is_passage and is_next_passage:
        return _NARROW + 2
    half = width // 2
    if is_passage or is_next_passage:
        return half + _GAP + 1
    return width + _GAP


def _packed(steps: Sequence[int], size: int) -> list[float]:
    columns = [0.0] * size
    for at, step in enumerate(steps):
        columns[at + 1] = columns[at] + step
    return columns


def _joined(layering: Layering) -> tuple[list[list[list[int]]], list[list[list[int]]]]:
    above: list[list[list[int]]] = [[[] for _ in layer] for layer in layering.layers]
    below: list[list[list[int]]] = [[[] for _ in layer] for layer in layering.layers]
    for row, gap in enumerate(layering.gaps):
        for upper, lower in gap:
            below[row][upper].append(lower)
            above[row + 1][lower].append(upper)
    return above, below


def _mean(columns: Sequence[float], own: float) -> float:
    return sum(columns) / len(columns) if columns else own


def _nearest(wanted: Sequence[float], weights: Sequence[float], steps: Sequence[int]) -> list[float]:
    """The places nearest to those wanted, by weighted squares, with at least the steps between them.

    With the steps taken off, places may only grow: a regression by pooling what is out of order.
    """
    offsets = _packed(steps, len(wanted))
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many
    for place, weight, offset in zip(wanted, weights, offsets, strict=True):
        mean, total, size = place - offset, weight, 1
        while pools and pools[-1][0] > mean:
            other, its, count = pools.pop()
            mean = (mean * total + other * its) / (total + its)
            total, size = total + its, size + count
        pools.append((mean, total, size))
    means = [mean for mean, _, size in pools for _ in range(size)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]


def _rounded(columns: Sequence[float], steps: Sequence[int]) -> list[int]:
    found: list[int] = []
    for at, column in enumerate(columns):
        least = found[-1] + steps[at - 1] if found else None
        place = round(column)
        found.append(place if least is None else max(place, least))
    return found
