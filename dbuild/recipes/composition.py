"""SQL put together of what a person wrote and of what dbuild adds, so that a line of the whole leads back to its place.

A written piece begins on a line that nothing else written is on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dbuild.errors import Place, RecipeError
from dbuild.recipes.failures import failure
from dbuild.recipes.sqltext import line_of
from dbuild.values import dataclass, field

_NOTHING: Mapping[str, object] = {}


@dataclass(frozen=True, slots=True)
class Text:
    """SQL in pieces, each with the place of its first line, or None where nobody wrote it."""

    pieces: tuple[tuple[str, Place | None], ...]

    def __str__(self) -> str:
        return "".join(piece for piece, _ in self.pieces)

    def __add__(self, other: Text | str) -> Text:
        return Text(self.pieces + (((other, None),) if isinstance(other, str) else other.pieces))

    def __radd__(self, other: str) -> Text:
        return Text(((other, None), *self.pieces))

    def within(self, head: str, tail: str) -> Text:
        """The same between two texts that nobody wrote."""
        return Text(((head, None), *self.pieces, (tail, None)))

    def place(self, line: int) -> Place | None:
        """Where that line (from 1) was written; None for a line that nobody wrote."""
        first = 1
        found = None
        for piece, place in self.pieces:
            last = first + piece.count("\n")
            if place is not None and first <= line <= last:
                found = Place(place.file, place.line + line - first)
            first = last
        return found


def joined(separator: str, texts: Iterable[Text]) -> Text:
    """Texts with a separator between them."""
    pieces: list[tuple[str, Place | None]] = []
    for text in texts:
        pieces += ((separator, None), *text.pieces) if pieces else text.pieces
    return Text(tuple(pieces))


def written(text: str, place: Place) -> Text:
    """What a person wrote at a place."""
    return Text(((text, place),))


def added(text: str) -> Text:
    """What dbuild adds."""
    return Text(((text, None),))


@dataclass(frozen=True, slots=True)
class Step:
    """One statement as it is executed."""

    text: Text
    place: Place  # what it is for: where an error is shown whose line nobody wrote
    values: Mapping[str, object] = field(default_factory=lambda: _NOTHING)
    undo: str = ""  # a statement for the end of the task

    def failure(self, error: Exception) -> RecipeError:
        """An error of DuckDB, at the place that it points at."""
        line = line_of(error)
        place = self.text.place(line) if line is not None else None
        return failure(error, place or self.place)
