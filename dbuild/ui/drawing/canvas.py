"""A sheet of characters on which lines are drawn and texts are written; where lines meet, they are joined."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from dbuild.values import dataclass

UP, RIGHT, DOWN, LEFT = 1, 2, 4, 8
LINES = " ╵╶╰╷│╭├╴╯─┴╮┤┬┼"  # by the directions in which lines leave a cell
_PLAIN = " |-+||++-+-+++++"


@dataclass(frozen=True, slots=True)
class Piece:
    """Characters of one style that stand next to each other."""

    text: str
    style: str = ""


class Canvas:
    """Grows to the right and downwards as far as it is drawn on."""

    def __init__(self) -> None:
        self._lines: dict[tuple[int, int], dict[str, int]] = {}  # row, column -> directions by line
        self._ties: set[tuple[int, int]] = set()  # where lines of different names join and don't cross
        self._texts: dict[tuple[int, int], tuple[str, str]] = {}  # row, column -> character, style

    def draw(self, line: str, *points: tuple[int, int]) -> None:
        """Draws a line through points (row, column), each straight beside or below the one before it.

        What is drawn under the same name joins where it meets; under other names it crosses.
        """
        for (row, column), (to_row, to_column) in pairwise(points):
            down, right = _sign(to_row - row), _sign(to_column - column)
            ahead = {(0, 1): RIGHT, (0, -1): LEFT, (1, 0): DOWN, (-1, 0): UP}[down, right] if down or right else 0
            back = {RIGHT: LEFT, LEFT: RIGHT, DOWN: UP, UP: DOWN, 0: 0}[ahead]
            while (row, column) != (to_row, to_column):
                self._join(line, row, column, ahead)
                row, column = row + down, column + right
                self._join(line, row, column, back)

    def tie(self, row: int, column: int) -> None:
        """Has all lines that meet there join, whatever their names."""
        self._ties.add((row, column))

    def write(self, row: int, column: int, text: str, style: str = "") -> None:
        """Writes a text over whatever is drawn there."""
        for offset, character in enumerate(text):
            self._texts[row, column + offset] = (character, style)

    def box(self, row: int, column: int, height: int, width: int, line: str) -> None:
        """Draws a rectangle, border included."""
        bottom, right = row + height - 1, column + width - 1
        self.draw(line, (row, column), (row, right), (bottom, right), (bottom, column), (row, column))

    def rows(self, styles: dict[str, str], *, is_plain: bool = False) -> Iterator[list[Piece]]:
        """The sheet from the top; `styles` has those of lines. With `is_plain`, lines are of ASCII."""
        cells = {place: self._drawn(place, styles, is_plain=is_plain) for place in self._lines}
        cells.update(self._texts)
        by_row: dict[int, dict[int, tuple[str, str]]] = {}
        for (row, column), cell in cells.items():
            by_row.setdefault(row, {})[column] = cell
        for row in range(max(by_row, default=-1) + 1):
            yield _pieces(by_row.get(row, {}))

    def _join(self, line: str, row: int, column: int, direction: int) -> None:
        found = self._lines.setdefault((row, column), {})
        found[line] = found.get(line, 0) | direction

    def _drawn(self, place: tuple[int, int], styles: dict[str, str], *, is_plain: bool) -> tuple[str, str]:
        found = self._lines[place]
        line, directions = next(iter(found.items()))
        if len(found) > 1 and place not in self._ties and {*found.values()} == {UP | DOWN, LEFT | RIGHT}:
            # Two that cross: the one that runs down passes over the other. A cross would look as if they joined.
            line, directions = next(item for item in found.items() if item[1] == UP | DOWN)
        else:
            for part in found.values():
                directions |= part
        return (_PLAIN if is_plain else LINES)[directions], styles.get(line, styles.get("", ""))


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def _pieces(cells: dict[int, tuple[str, str]]) -> list[Piece]:
    """The cells of one row, with blanks between them, as few pieces as can be."""
    pieces: list[Piece] = []
    text, style = "", ""
    for column in range(max(cells, default=-1) + 1):
        character, its = cells.get(column, (" ", style if not text.strip() else ""))
        if its != style and text:
            pieces.append(Piece(text, style))
            text = ""
        text, style = text + character, its
    return [*pieces, Piece(text, style)] if text else pieces


def plain_text(rows: Iterable[list[Piece]]) -> str:
    """The rows without their styles."""
    return "\n".join("".join(piece.text for piece in row).rstrip() for row in rows)
