"""The flow for other programs: in the language of Graphviz or of Mermaid, or as an SVG image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbuild.core.report import DatasetStatus
from dbuild.ui.drawing.canvas import Piece
from dbuild.ui.text import clean

# Fill and border; told apart in grey too, and by the words in each node.
_COLOURS = {
    "fresh": ("#d9f0dd", "#2b8a3e"),
    "stale": ("#fff3bf", "#b08900"),
    "undecided": ("#d0ebff", "#1971c2"),
    "failed": ("#ffc9c9", "#c92a2a"),
    "late": ("#ffc9c9", "#c92a2a"),
    "missing": ("#ffe8cc", "#d9480f"),
    "waiting": ("#ffe8cc", "#d9480f"),
    "unsettled": ("#d0ebff", "#1971c2"),
    "provisional": ("#f3d9fa", "#862e9c"),
    "frozen": ("#dbe4ff", "#364fc7"),
    "awaited": ("#e7f5ff", "#1971c2"),
    "": ("#f1f3f5", "#868e96"),
}
_DARK = {"red": "#e8716f", "green": "#7fbf7a", "yellow": "#d9b650", "blue": "#7aa2f7", "magenta": "#c792ea"}
_DARK |= {"cyan": "#67b7c9", "faint": "#7d8590", "bold": "#e6edf3", "": "#c9d1d9"}
_CELL, _LINE, _SIZE = 8.4, 18, 14  # pixels: a column, a row, the font


def dot_lines(datasets: Sequence[DatasetStatus]) -> Iterator[str]:
    """The flow as a digraph of Graphviz."""
    yield "digraph flow {"
    yield '  graph [rankdir=TB, fontname="sans-serif"];'
    yield '  node [shape=box, style="rounded,filled", fontname="sans-serif"];'
    for each in datasets:
        fill, border = _COLOURS[_state(each)]
        label = "\\n".join(map(_dot_escaped, _words(each)))
        yield f'  "{_dot_escaped(each.name)}" [label="{label}", fillcolor="{fill}", color="{border}"];'
    for above, below in _edges(datasets):
        yield f'  "{_dot_escaped(above)}" -> "{_dot_escaped(below)}";'
    yield "}"


def mermaid_lines(datasets: Sequence[DatasetStatus]) -> Iterator[str]:
    """The flow as a flowchart of Mermaid."""
    number = {each.name: f"n{at}" for at, each in enumerate(datasets)}
    yield "flowchart TD"
    for each in datasets:
        opening, closing = ("([", "])") if each.kind == "source" else ("[", "]")
        label = "<br/>".join(map(_html_escaped, _words(each)))
        yield f'  {number[each.name]}{opening}"{label}"{closing}:::{_state(each) or "plain"}'
    for above, below in _edges(datasets):
        yield f"  {number[above]} --> {number[below]}"
    for state in dict.fromkeys(map(_state, datasets)):
        fill, border = _COLOURS[state]
        yield f"  classDef {state or 'plain'} fill:{fill},stroke:{border},color:#212529"


def svg_lines(rows: Sequence[Sequence[Piece]], title: str) -> Iterator[str]:
    """The drawing in characters as an image, on a dark ground as in a terminal; nothing is loaded from elsewhere."""
    width = max((sum(len(piece.text) for piece in row) for row in rows), default=0) * _CELL + 4 * _CELL
    height = (len(rows) + 2) * _LINE
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}"'
        f' viewBox="0 0 {width:.0f} {height}" role="img">'
    )
    yield f"<title>{_xml_escaped(title)}</title>"
    yield '<rect width="100%" height="100%" rx="8" fill="#0d1117"/>'
    fonts = "ui-monospace, 'Cascadia Mono', Menlo, 'DejaVu Sans Mono', Consolas, monospace"
    yield f'<g font-family="{fonts}" font-size="{_SIZE}" xml:space="preserve">'
    for at, row in enumerate(rows):
        column = 0
        for piece in row:
            text = piece.text.strip(" ")
            if text:
                weight = ' font-weight="bold"' if piece.style == "bold" else ""
                blanks = len(piece.text) - len(piece.text.lstrip(" "))
                left, length = (column + blanks + 2) * _CELL, len(text) * _CELL
                yield (
                    f'<text x="{left:.1f}" y="{(at + 2) * _LINE - 5}" textLength="{length:.1f}"'
                    f' fill="{_DARK[piece.style]}"{weight}>{_xml_escaped(text)}</text>'
                )
            column += len(piece.text)
    yield "</g>"
    yield "</svg>"


def _words(each: DatasetStatus) -> list[str]:
    """What a node says: the name, and how its partitions stand."""
    detail = each.detail
    counts = [f"{len(partitions):,} {state}" for state, partitions in detail.standing] if detail else []
    return [clean(each.name), ", ".join(counts) or each.recipe or each.kind]


def _state(each: DatasetStatus) -> str:
    return each.detail.standing[0][0] if each.detail and each.detail.standing else ""


def _edges(datasets: Sequence[DatasetStatus]) -> Iterator[tuple[str, str]]:
    names = {each.name for each in datasets}
    for each in datasets:
        yield from ((one, each.name) for one in each.inputs if one in names and one != each.name)


def _dot_escaped(text: str) -> str:
    return clean(text).replace("\\", "\\\\").replace('"', '\\"')


def _html_escaped(text: str) -> str:
    return "".join(f"#{ord(one)};" if one in '#"<>&;`[](){}|\\' else one for one in text)


def _xml_escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
