"""The flow for other programs: in the language of Graphviz or of Mermaid, or as an SVG image."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from dbuild.core.report import DatasetStatus
from dbuild.ui.drawing.canvas import DOWN, LEFT, LINES, RIGHT, UP, Piece
from dbuild.ui.text import clean

# Fill and border; told apart in grey too, and by the words in each node.
_COLOURS = {
    "fresh": ("#d9f0dd", "#2b8a3e"),
    "running": ("#d0ebff", "#1971c2"),
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
_DARK |= {"cyan": "#67b7c9", "bright_blue": "#a5c8ff", "faint": "#7d8590", "bold": "#e6edf3", "": "#c9d1d9"}
_CELL, _LINE, _SIZE = 8.4, 18, 14  # pixels: a column, a row, the font
_MARGIN = 2  # columns
_BLOCKS = {"▁": 1 / 8, "▂": 1 / 4, "▄": 1 / 2, "▇": 1.0, "█": 1.0}
_DRAWN = re.escape(LINES.strip() + "".join(_BLOCKS))


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
    """The drawing in characters as an image, on a dark ground as in a terminal; nothing is loaded from elsewhere.

    Lines and blocks are drawn, whatever the font has for them.
    """
    width = (max((sum(len(piece.text) for piece in row) for row in rows), default=0) + 2 * _MARGIN) * _CELL
    height = (len(rows) + 2) * _LINE
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}"'
        f' viewBox="0 0 {width:.0f} {height}" role="img">'
    )
    yield f"<title>{_xml_escaped(title)}</title>"
    yield '<rect width="100%" height="100%" rx="8" fill="#0d1117"/>'
    fonts = "ui-monospace, 'Cascadia Mono', Menlo, 'DejaVu Sans Mono', Consolas, monospace"
    yield f'<g font-family="{fonts}" font-size="{_SIZE}">'
    drawn: dict[str, list[str]] = {}
    filled: dict[str, list[str]] = {}
    for at, row in enumerate(rows):
        column = _MARGIN
        for piece in row:
            for offset, character in enumerate(piece.text):
                left, top = (column + offset) * _CELL, (at + 1) * _LINE
                if character in LINES and character != " ":
                    drawn.setdefault(piece.style, []).append(_path(LINES.index(character), left, top))
                elif character in _BLOCKS:
                    filled.setdefault(piece.style, []).append(_block(_BLOCKS[character], left, top))
            for start, text in _texts(piece.text):
                yield _text(text, piece.style, column + start, at)
            column += len(piece.text)
    for style, paths in drawn.items():
        yield f'<path d="{"".join(paths)}" stroke="{_DARK[style]}" fill="none"/>'
    for style, paths in filled.items():
        yield f'<path d="{"".join(paths)}" fill="{_DARK[style]}"/>'
    yield "</g>"
    yield "</svg>"


def _texts(text: str) -> Iterator[tuple[int, str]]:
    """The words of a piece that are written, each with where it begins; single blanks between them stay."""
    for found in re.finditer(rf"[^{_DRAWN} ]+(?: [^{_DRAWN} ]+)*", text):
        yield found.start(), found.group()


def _text(text: str, style: str, column: int, row: int) -> str:
    weight = ' font-weight="bold"' if style == "bold" else ""
    return (
        f'<text x="{column * _CELL:.1f}" y="{(row + 2) * _LINE - 5}" textLength="{len(text) * _CELL:.1f}"'
        f' fill="{_DARK[style]}"{weight}>{_xml_escaped(text)}</text>'
    )


def _path(ways: int, left: float, top: float) -> str:
    """Lines from the middle of a cell to those of its sides that they leave by."""
    middle, centre = left + _CELL / 2, top + _LINE / 2
    ends = {UP: f"V{top}", DOWN: f"V{top + _LINE}", LEFT: f"H{left:.1f}", RIGHT: f"H{left + _CELL:.1f}"}
    return "".join(f"M{middle:.1f} {centre}{end}" for way, end in ends.items() if ways & way)


def _block(share: float, left: float, top: float) -> str:
    """A cell filled from below."""
    height = (_LINE - 2) * share
    return f"M{left:.1f} {top + _LINE - 1 - height:.1f}h{_CELL - 0.8:.1f}v{height:.1f}h{0.8 - _CELL:.1f}z"


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
