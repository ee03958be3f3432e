"""A flow as cards in layers, with lines from each dataset to those that read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dbuild.ui.drawing.canvas import Canvas, Piece
from dbuild.ui.drawing.layering import Layering
from dbuild.ui.drawing.placing import placed
from dbuild.ui.drawing.routing import routed
from dbuild.values import dataclass

NARROWEST = 20  # columns of a card
_WIDEST = 38


@dataclass(frozen=True, slots=True)
class Card:
    """What is written in a box."""

    lines: tuple[tuple[Piece, ...], ...]

    @property
    def height(self) -> int:
        """Its rows, border included."""
        return len(self.lines) + 2


def card_width(layering: Layering, width: int, wanted: int) -> int:
    """The columns that a card may have if the drawing is to have at most `width`; 0 where that can't be."""
    for size in range(min(wanted, _WIDEST), NARROWEST - 1, -1):
        columns = placed(layering, size)
        if max((row[-1] for row in columns if row), default=0) + size // 2 + 1 <= width:
            return size
    return 0


def drawn(layering: Layering, cards: Mapping[str, Card], width: int) -> Canvas:
    """The drawing; each card has `width` columns, border included."""
    canvas = Canvas()
    columns = placed(layering, width)
    top = 0
    bottoms: list[int] = []  # of the slots above: the row in which their lines begin
    for number, layer in enumerate(layering.layers):
        entered: list[list[tuple[str, int]]] = [[] for _ in layer]
        if number:
            top = _draw_gap(canvas, layering, number, columns, bottoms, top, width // 2, entered)
        height = max((cards[slot.name].height for slot in layer if not slot.is_passage), default=1)
        bottoms = []
        for slot, middle, lines in zip(layer, columns[number], entered, strict=True):
            if slot.is_passage:
                bottoms.append(top + height - 1)
                for name, column in lines:
                    canvas.draw(name, (top, column), (top + height - 1, column))
            else:
                card = cards[slot.name]
                bottoms.append(top + card.height - 1)
                _draw_card(canvas, card, slot.name, top, middle - width // 2, width)
        top += height
    return canvas


def _draw_gap(
    canvas: Canvas,
    layering: Layering,
    number: int,
    columns: Sequence[Sequence[int]],
    bottoms: Sequence[int],
    top: int,
    half: int,
    entered: list[list[tuple[str, int]]],
) -> int:
    """Draws the lines between a layer and the one above; gives the row at which the layer begins."""
    above, layer = layering.layers[number - 1], layering.layers[number]
    spans = [
        (middle, middle) if slot.is_passage else (middle - half + 2, middle + half - 2)
        for slot, middle in zip(layer, columns[number], strict=True)
    ]
    lines, entries = routed(layering.gaps[number - 1], columns[number - 1], columns[number], spans)
    end = top + max(1, 1 + max((line.track for line in lines.values()), default=-1))
    for upper, line in lines.items():
        name, row = above[upper].name, top + max(0, line.track)
        canvas.draw(name, (bottoms[upper], line.exit), (row, line.exit))
        for entry in line.entries:
            canvas.draw(name, (row, line.exit), (row, entry), (end, entry))
    for (upper, lower), column in entries.items():
        entered[lower].append((above[upper].name, column))
    return end


def _draw_card(canvas: Canvas, card: Card, name: str, top: int, left: int, width: int) -> None:
    canvas.box(top, left, card.height, width, f"[{name}")
    for offset, line in enumerate(card.lines, start=1):
        column = left + 2
        for piece in line:
            canvas.write(top + offset, column, piece.text, piece.style)
            column += len(piece.text)
