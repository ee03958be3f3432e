"""Tables as plain lines that fit the terminal: numbers to the right, and what matters least gives way first.

A column gives way by its rank, the highest first: it is cut with `…` down to its least width, and when that isn't
enough it is left out. Columns of rank 0, mostly names that somebody may want to copy, stay whole as long as they can.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from dbuild.ui.bars import sparkline
from dbuild.ui.stream import paint
from dbuild.ui.widths import cut, filled, width_of
from dbuild.values import dataclass

_GAP = "  "
_STAYING = 70  # percent of the room that what stays gets where it needs more than all


@dataclass(frozen=True, slots=True)
class Painted:
    """A cell in a colour, where there are any."""

    text: str
    colour: str


@dataclass(frozen=True, slots=True)
class Curve:
    """A cell that draws how values went, in as many characters as it gets."""

    values: Sequence[float | None]
    colour: str


Cell = str | int | Painted | Curve


@dataclass(frozen=True, slots=True)
class Column:
    """The head of a column, and how it gives way."""

    title: str
    rank: int = 0  # 0: it stays
    least: int = 0  # characters that it is cut to at most; 0: it isn't cut
    is_right: bool = False  # to the right, as columns whose first cell is a number are


def table(heads: Sequence[str | Column], rows: Sequence[Sequence[Cell]], width: int | None = None) -> list[str]:
    """Lines of a table, heads first; zeros are shown as `-`. With `width`, no line is wider than that."""
    columns = [head if isinstance(head, Column) else Column(head) for head in heads]
    texts = [[_text(cell) for cell in row] for row in rows]
    natural = [
        max(map(width_of, (column.title, *cells)))
        for column, cells in zip(columns, zip(*texts, strict=True) if texts else [()] * len(columns), strict=True)
    ]
    widths = natural if width is None else _fitted(columns, natural, width)
    is_right = [
        column.is_right or (bool(rows) and isinstance(rows[0][place], int)) for place, column in enumerate(columns)
    ]
    shown = [place for place in range(len(columns)) if widths[place]]
    lines = []
    for row in ([column.title for column in columns], *rows):
        pieces = [_piece(row[n], widths[n], is_right=is_right[n]) for n in shown]
        lines.append(_GAP.join(pieces).rstrip())
    return lines


def headed(lines: list[str]) -> list[str]:
    """A table with its heads in bold, where that can be."""
    return [paint(lines[0], "", sys.stdout, bold=True), *lines[1:]]


def _fitted(columns: Sequence[Column], natural: Sequence[int], width: int) -> list[int]:
    """The width of each column; 0 for one that is left out."""
    yielding = sorted((n for n, column in enumerate(columns) if column.rank), key=lambda n: (columns[n].rank, n))
    staying = [0 if column.rank else size for column, size in zip(columns, natural, strict=True)]
    if yielding and _total(staying) > width:  # it will be cut anyway, so the others may have a part of the room
        cut_ones = _squeezed(staying, width * _STAYING // 100)
        natural = [small or size for small, size in zip(cut_ones, natural, strict=True)]
    kept = set(range(len(columns)))
    for place in reversed(yielding):
        if _total(_shrunk(columns, natural, kept, width)) <= width:
            break
        kept.remove(place)
    for place in yielding:  # what is small may have room where something larger hadn't
        if _total(_shrunk(columns, natural, kept | {place}, width)) <= width:
            kept.add(place)
    return _squeezed(_shrunk(columns, natural, kept, width) if kept.intersection(yielding) else staying, width)


def _shrunk(columns: Sequence[Column], natural: Sequence[int], kept: set[int], width: int) -> list[int]:
    widths = [size if place in kept else 0 for place, size in enumerate(natural)]
    for place in sorted(kept, key=lambda place: -columns[place].rank):
        excess = _total(widths) - width
        if excess > 0 and columns[place].least:
            widths[place] = max(min(columns[place].least, widths[place]), widths[place] - excess)
    return widths


def _squeezed(widths: list[int], width: int) -> list[int]:
    """What stays, where that is wider than the terminal: the widest columns are cut."""
    found = list(widths)
    while _total(found) > width and max(found, default=0) > 1:
        found[found.index(max(found))] -= 1
    return found


def _total(widths: Sequence[int]) -> int:
    shown = [size for size in widths if size]
    return sum(shown) + len(_GAP) * (len(shown) - 1)


def _piece(cell: Cell, width: int, *, is_right: bool) -> str:
    shown = sparkline(cell.values, width) if isinstance(cell, Curve) else cut(_text(cell), width)
    if not isinstance(cell, Painted | Curve):
        return filled(shown, width, is_right=is_right)
    blanks = filled("", width - width_of(shown))
    painted = paint(shown, cell.colour, sys.stdout)
    return blanks + painted if is_right else painted + blanks


def _text(cell: Cell) -> str:
    if isinstance(cell, Painted):
        return cell.text
    if isinstance(cell, Curve):
        return sparkline(cell.values, len(cell.values))
    return cell if isinstance(cell, str) else f"{cell:,}" if cell else "-"
