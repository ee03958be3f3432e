"""Pieces of text with their styles, as terminals show them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

from dbuild.ui.drawing.canvas import Piece
from dbuild.ui.stream import is_screen, paint

FAINT = "faint"  # seen, but only where it is looked for
BOLD = "bold"
STYLES = {  # of how partitions stand
    "running": "bright_blue",
    "failed": "red",
    "late": "red",
    "missing": "yellow",
    "stale": "yellow",
    "undecided": "cyan",
    "waiting": "yellow",
    "unsettled": "cyan",
    "provisional": "magenta",
    "frozen": "blue",
    "awaited": "cyan",
    "fresh": "green",
}
COUNTED = STYLES | {"fresh": ""}  # of how many stand so: what needs no attention has no colour
_STANDINGS = STYLES | {"will run": "yellow", "may run": "cyan", "absent": "cyan"}  # words that plans have besides


def standing_text(word: str) -> str:
    """How partitions stand, in its colour on standard output."""
    return paint(word, _STANDINGS[word], sys.stdout)


def wrapped(pieces: Sequence[Piece], width: int) -> list[list[Piece]]:
    """Rows of the pieces, with commas between them, as many to a row as it takes; what is wider is broken at blanks."""
    rows: list[list[Piece]] = []
    left = 0
    for number, piece in enumerate(pieces, 1):
        text = piece.text if number == len(pieces) else f"{piece.text},"
        for word in [text] if len(text) <= width else text.split(" "):
            if left > len(word):
                rows[-1].append(Piece(" "))
                left -= 1
            else:
                rows.append([])
                left = width
            rows[-1].append(Piece(word, piece.style))
            left -= len(word)
    return rows


def painted(rows: Iterable[Sequence[Piece]], stream: TextIO) -> list[str]:
    """Lines without blanks at their ends; with colours where the stream is a screen."""
    if not is_screen(stream):
        return ["".join(piece.text for piece in row).rstrip() for row in rows]
    return ["".join(map(styled, row)) for row in rows]


def styled(piece: Piece) -> str:
    """The text of a piece as a screen shows it."""
    if not piece.style:
        return piece.text
    from click import style

    match piece.style:
        case "faint":  # not the terminal's own faint, which some don't have
            return style(piece.text, fg="bright_black")
        case "bold":
            return style(piece.text, bold=True)
        case colour:
            return style(piece.text, fg=colour)
