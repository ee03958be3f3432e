"""The flow drawn in a terminal: as cards in layers where there is room for them, else as rows with lanes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dbuild.core.report import DatasetStatus, Detail
from dbuild.ui.drawing.canvas import Piece
from dbuild.ui.drawing.cards import Card, card_width, drawn
from dbuild.ui.drawing.lanes import laned
from dbuild.ui.drawing.layering import layered
from dbuild.ui.drawing.strips import Strip, shape_of, states_in, strip_of
from dbuild.ui.text import age, clean, clip, duration, size_text

Rows = list[list[Piece]]

_STYLES = {
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
_FAINT = "faint"
_TALLEST = 4  # layers of cards above which rows are easier to read
_CARDS = 14  # datasets
_CARD = 34  # columns
_STRIP = 24


@dataclass(frozen=True, slots=True)
class Look:
    """What a screen can show."""

    width: int  # columns
    now: float  # seconds since the epoch
    is_plain: bool = False  # ASCII only


def flow_rows(datasets: Sequence[DatasetStatus], look: Look) -> Rows:
    """The drawing, with a legend of the states in it."""
    names = {each.name for each in datasets}
    reads = {each.name: [one for one in each.inputs if one in names] for each in datasets}
    by_name = {each.name: each for each in datasets}
    layering = layered(reads)
    width = card_width(layering, look.width, _CARD) if len(datasets) <= _CARDS else 0
    strips: dict[str, Strip] = {}
    rows = _cards(by_name, layering, width, look, strips) if width else _lanes(by_name, reads, look, strips)
    return [*rows, [], _legend(strips, look)]


def _strip(each: DatasetStatus, width: int, height: int) -> Strip:
    detail = each.detail
    return strip_of(detail.domain, detail.standing, width, height) if detail else Strip(())


def _cards(by_name: Mapping[str, DatasetStatus], layering, width: int, look: Look, strips: dict[str, Strip]) -> Rows:
    room = width - 4
    cards: dict[str, Card] = {}
    for name, each in by_name.items():
        strips[name] = _strip(each, room, 7 if len(by_name) <= 5 else 4)
        kind = each.recipe or each.kind
        title = clip(clean(name), room - len(kind) - 2)
        head = (
            Piece(f"{_mark(each, look)} ", _style(each)),
            Piece(title, "bold"),
            Piece(kind.rjust(room - len(title) - 2), _FAINT),
        )
        lines = [head, *(_strip_row(row, look) for row in strips[name].rows), (Piece(_counts(each), ""),)]
        lines.append((Piece(clip(_facts(each, look), room), _FAINT),))
        cards[name] = Card(tuple(tuple(line) for line in lines))
    return list(drawn(layering, cards, width).rows({"": _FAINT}, is_plain=look.is_plain))


def _lanes(
    by_name: Mapping[str, DatasetStatus], reads: Mapping[str, Sequence[str]], look: Look, strips: dict[str, Strip]
) -> Rows:
    lanes = laned(reads)
    widest = min(28, max(len(clean(name)) for name in by_name))
    counts = {name: _counts(each) for name, each in by_name.items()}
    numbers = max(map(len, counts.values()))
    rest = look.width - lanes.width - widest - numbers - 3 - 7 - 8
    strip = max(8, min(_STRIP, rest))
    rows: Rows = []
    for (name, column), line in zip(lanes.rows, lanes.canvas.rows({"": _FAINT}, is_plain=look.is_plain), strict=False):
        each = by_name[name]
        strips[name] = _strip(each, strip, 1)
        row = _with_mark(line, column, Piece(_mark(each, look), _style(each)), lanes.width)
        row += [Piece(clip(clean(name), widest).ljust(widest + 2), "bold")]
        row += [Piece((each.recipe or each.kind).ljust(7), _FAINT)]
        shown = strips[name].rows[0] if strips[name].rows else ()
        row += [*_strip_row(shown, look), Piece(" " * (strip - len(shown) + 2), "")]
        row += [Piece(counts[name].ljust(numbers + 2), "")]
        row += [Piece(_facts(each, look), _FAINT)]
        rows.append(_cut(row, look.width))
    return rows


def _with_mark(line: Sequence[Piece], column: int, mark: Piece, width: int) -> list[Piece]:
    cells = [(character, piece.style) for piece in line for character in piece.text]
    cells += [(" ", "")] * (width - len(cells))
    cells[column] = (mark.text, mark.style)
    return [*(Piece(character, style) for character, style in cells), Piece("  ", "")]


def _cut(row: Sequence[Piece], width: int) -> list[Piece]:
    found: list[Piece] = []
    for piece in row:
        if len(piece.text) > width:
            return [*found, Piece(piece.text[:width], piece.style)]
        found.append(piece)
        width -= len(piece.text)
    return found


def _strip_row(row: Sequence[str], look: Look) -> Iterator[Piece]:
    text, state = "", ""
    for one in row:
        if one != state and text:
            yield Piece(text, _STYLES.get(state, ""))
            text = ""
        text, state = text + shape_of(one, is_plain=look.is_plain), one
    if text:
        yield Piece(text, _STYLES.get(state, ""))


def _mark(each: DatasetStatus, look: Look) -> str:
    worst = _worst(each)
    if worst == "fresh":
        return "o" if look.is_plain else "●"
    if worst in ("failed", "late"):
        return "x" if look.is_plain else "✗"
    return "." if look.is_plain else "○"


def _style(each: DatasetStatus) -> str:
    return _STYLES[_worst(each)]


def _worst(each: DatasetStatus) -> str:
    return each.detail.standing[0][0] if each.detail and each.detail.standing else "fresh"


def _counts(each: DatasetStatus) -> str:
    detail = each.detail
    if detail is None:
        return ""
    found = [f"{len(partitions):,} {state}" for state, partitions in detail.standing]
    return ", ".join(found) or "no partitions"


def _facts(each: DatasetStatus, look: Look) -> str:
    detail = each.detail
    if detail is None:
        return ""
    parts = []
    if detail.files:
        parts.append(size_text(detail.size))
    moment = detail.built if detail.built is not None else detail.newest
    if moment is not None:
        parts.append(age(look.now - moment))
    if detail.seconds is not None:
        parts.append(duration(detail.seconds))
    return " · ".join(parts)


def _legend(strips: Mapping[str, Strip], look: Look) -> list[Piece]:
    row: list[Piece] = []
    for state in states_in(strips):
        row += [Piece(shape_of(state, is_plain=look.is_plain), _STYLES[state]), Piece(f" {state}   ", _FAINT)]
    return row
