"""A flow as rows, one for each dataset, what is read above what reads it, with lanes at the left that join them.

In the row of a dataset a line runs across to it from the lanes of all that it reads; so each row shows the edges of one
dataset alone. A lane goes on down to the last reader.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dbuild.ui.drawing.canvas import Canvas
from dbuild.values import dataclass


@dataclass(frozen=True, slots=True)
class Lanes:
    """The lanes as drawn, and the datasets by row with the column of each."""

    canvas: Canvas
    rows: tuple[tuple[str, int], ...]
    width: int  # columns


def laned(reads: Mapping[str, Sequence[str]]) -> Lanes:
    """The rows and lanes of a graph without cycles; `reads` has each node with those that it reads, all keys too."""
    left = _counts(reads)
    lanes: list[str] = []  # whose each lane is; "" where it is free
    canvas = Canvas()
    began: dict[str, tuple[int, int]] = {}  # the row and column at which a lane begins
    rows: list[tuple[str, int]] = []
    for row, name in enumerate(_sequence(reads)):
        for one in reads[name]:
            left[one] -= 1
        ended = [lanes.index(one) for one in reads[name] if not left[one]]
        joined = [lanes.index(one) for one in reads[name]]
        for at in ended:
            lanes[at] = ""
        at = _place(lanes, joined, ended, barred=rows[-1][1] // 2 if rows else -1)
        column = 2 * at
        for one in reads[name]:
            canvas.draw(one, began[one], (row, began[one][1]))
            began[one] = (row, began[one][1])
        _join(canvas, name, row, column, [2 * number for number in joined])
        rows.append((name, column))
        if left.get(name):
            lanes.extend([""] * (at + 1 - len(lanes)))
            lanes[at] = name
            began[name] = (row, column)
    width = 1 + max((column for _, column in rows), default=0)
    return Lanes(canvas, tuple(rows), width)


def _counts(reads: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """How many read each node."""
    found: dict[str, int] = {}
    for names in reads.values():
        for name in names:
            found[name] = found.get(name, 0) + 1
    return found


def _place(lanes: Sequence[str], joined: Sequence[int], ended: Sequence[int], barred: int) -> int:
    """The lane for a dataset: that of an input which ends, the first free one, or a new one at the right.

    Not `barred`, that of the dataset just above, unless it ends: one below the other would look as if they were joined.
    """
    if ended:
        return max(ended) if len(joined) > 1 else ended[0]
    free = [at for at, name in enumerate(lanes) if not name and at != barred]
    behind = [at for at in free if at > max(joined, default=-1)]
    last = len(lanes) + (len(lanes) == barred)
    return behind[0] if behind else free[0] if free else last


def _join(canvas: Canvas, name: str, row: int, column: int, columns: Sequence[int]) -> None:
    """The line across a row, from the lanes of all that a dataset reads to it."""
    for one in columns:
        canvas.tie(row, one)
        if one != column:
            canvas.draw(f">{name}", (row, one), (row, column))


def _sequence(reads: Mapping[str, Sequence[str]]) -> list[str]:
    """An order in which what is read comes first, and close to who reads it."""
    weights = _weights(reads)
    done: dict[str, None] = {}
    for first in sorted(reads, key=lambda name: -weights[name]):
        stack = [(first, False)]
        while stack:
            name, is_ready = stack.pop()
            if name in done:
                continue
            if is_ready:
                done[name] = None
                continue
            stack.append((name, True))
            stack.extend((one, False) for one in sorted(reads[name], key=lambda name: weights[name]))
    return list(done)


def _weights(reads: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """How long the longest path is that leads to each node: what takes longest to lead up to comes first."""
    found: dict[str, int] = {}
    for first in reads:
        stack = [first]
        while stack:
            name = stack[-1]
            waiting = [one for one in reads[name] if one not in found]
            if waiting:
                stack.extend(waiting)
            else:
                found[name] = 1 + max((found[one] for one in reads[name]), default=0)
                stack.pop()
    return found
