"""The flow drawn in characters: as cards in layers where there is room for them, else as rows with lanes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain

from dbuild.core.report import DatasetStatus
from dbuild.ui.drawing.canvas import Piece
from dbuild.ui.drawing.cards import Card, card_width, drawn
from dbuild.ui.drawing.collapse import Group, collapsed
from dbuild.ui.drawing.lanes import laned
from dbuild.ui.drawing.layering import Layering, layered
from dbuild.ui.drawing.strips import PLAIN_SHAPES, SHAPES, Strip, shares_of, strip_of
from dbuild.ui.styles import BOLD, COUNTED, FAINT, STYLES, wrapped
from dbuild.ui.text import age, clean, clip, duration, size_text
from dbuild.ui.widths import filled, width_of
from dbuild.values import dataclass

Rows = list[list[Piece]]

_MOST_CARDS = 14
_MOST_LAYERS = 7  # of cards: more of them are easier to read as rows
_CARD = 34  # columns
_STRIP = 24  # columns of a strip in a row
_WIDEST_NAME = 30
_MOST_ROWS = 60  # nodes above which chains and folders are drawn as one


@dataclass(frozen=True, slots=True)
class Look:
    """What a screen can show, and what is asked of it."""

    width: int  # columns
    now: float  # seconds since the epoch
    is_plain: bool = False  # ASCII only
    is_whole: bool = False  # every dataset on its own, however many there are


@dataclass(frozen=True, slots=True)
class _Node:
    """A dataset, or several that are drawn as one."""

    title: str
    kind: str
    counts: tuple[tuple[str, int], ...]  # by state, what needs attention most first
    facts: tuple[str, ...]  # the more telling first
    strip: Callable[[int, int], Strip]  # of so many columns and rows

    @property
    def worst(self) -> str:
        return self.counts[0][0] if self.counts else ""


def flow_rows(datasets: Sequence[DatasetStatus], look: Look) -> Rows:
    """The drawing, with a legend of the states in it; of nothing, nothing."""
    if not datasets:
        return []
    by_name = {each.name: each for each in datasets}
    reads = {each.name: [one for one in each.inputs if one in by_name and one != each.name] for each in datasets}
    graph = collapsed(reads, lambda name: _folder(by_name[name]), len(reads) if look.is_whole else _MOST_ROWS)
    nodes = {name: _node(name, graph.groups.get(name), by_name, look) for name in graph.reads}
    layering = layered(graph.reads)
    is_small = len(nodes) <= _MOST_CARDS and len(layering.layers) <= _MOST_LAYERS
    width = card_width(layering, look.width, _CARD) if is_small else 0
    picture = _Picture(nodes, look)
    rows = picture.cards(layering, width) if width else picture.lanes(graph.reads)
    legend = picture.legend()
    return [*rows, [], *legend] if legend else rows


def _folder(each: DatasetStatus) -> str:
    """The folder that a dataset's files lie in, without the parts that its keys or its own name make."""
    if not each.paths:
        return ""
    fixed = each.paths[0].partition("{")[0].partition("*")[0]
    folder = os.path.dirname(fixed)
    return os.path.dirname(folder) if os.path.basename(folder) == each.name else folder


def _node(name: str, group: Group | None, by_name: Mapping[str, DatasetStatus], look: Look) -> _Node:
    if group is not None:
        return _group_node(group, [by_name[member] for member in group.members], look)
    each = by_name[name]
    detail = each.detail
    counts = tuple((state, len(found)) for state, found in detail.standing) if detail else ()

    def strip(width: int, height: int) -> Strip:
        return strip_of(detail.domain, detail.standing, width, height) if detail else Strip(())

    return _Node(clean(each.name), each.recipe or each.kind, counts, _facts([each], look), strip)


def _group_node(group: Group, members: Sequence[DatasetStatus], look: Look) -> _Node:
    total: dict[str, int] = {}
    for each in members:
        for state, found in each.detail.standing if each.detail else ():
            total[state] = total.get(state, 0) + len(found)
    counts = tuple((state, total[state]) for state in SHAPES if state in total)
    return _Node(
        clean(group.name),
        f"{len(members)} sets",
        counts,
        _facts(members, look),
        lambda width, _: shares_of(counts, width),
    )


def _facts(members: Sequence[DatasetStatus], look: Look) -> tuple[str, ...]:
    """How much there is, how old the newest of it is, and how long the last partition of it took."""
    details = [each.detail for each in members if each.detail is not None]
    moments = [one.built if one.built is not None else one.newest for one in details]
    known = [moment for moment in moments if moment is not None]
    parts = [size_text(sum(one.size for one in details))] if any(one.files for one in details) else []
    parts += [age(look.now - max(known))] if known else []
    parts += [duration(one.seconds) for one in details if one.seconds is not None and len(members) == 1]
    return tuple(parts)


class _Picture:
    """Draws nodes, and remembers which states occurred."""

    def __init__(self, nodes: Mapping[str, _Node], look: Look) -> None:
        self._nodes = nodes
        self._look = look
        self._shapes = PLAIN_SHAPES if look.is_plain else SHAPES
        self._shown: set[str] = set()

    def cards(self, layering: Layering, width: int) -> Rows:
        """Cards in layers, each of so many columns."""
        height = 7 if len(self._nodes) <= 6 else 4
        cards = {
            name: Card(tuple(map(tuple, self._card(node, width - 4, height)))) for name, node in self._nodes.items()
        }
        return list(drawn(layering, cards, width).rows({"": FAINT}, is_plain=self._look.is_plain))

    def _card(self, node: _Node, width: int, height: int) -> Iterator[list[Piece]]:
        title = self._clip(node.title, width - len(node.kind) - 3)
        rest = width - 2 - len(title)
        yield [
            Piece(f"{self._mark(node)} ", self._style(node)),
            Piece(title, BOLD),
            Piece(node.kind.rjust(rest), FAINT),
        ]
        strip = node.strip(width, height)
        edge = max((width_of(label) + 1 for label in strip.labels), default=0)
        for at, row in enumerate(strip.rows):
            label = [Piece(filled(strip.labels[at], edge), FAINT)] if edge else []
            yield [*label, *self._strip(row)]
        yield from wrapped(self._counts(node), width)
        facts = self._facts(node, width)
        if facts:
            yield [Piece(facts, FAINT)]

    def lanes(self, reads: Mapping[str, Sequence[str]]) -> Rows:
        """A row for each node, lanes at the left."""
        found = laned(reads)
        name = min(_WIDEST_NAME, max(len(node.title) for node in self._nodes.values()))
        kind = max(len(node.kind) for node in self._nodes.values())
        counts = {key: [*chain(*wrapped(self._counts(node), sys.maxsize))] for key, node in self._nodes.items()}
        numbers = max(map(_length, counts.values()))
        # What is said last is left out first; the strip takes what is left, and goes where that is next to nothing.
        room = self._look.width - found.width - name - 4
        has_kind = room > kind + 24
        room -= (kind + 1) * has_kind
        strip = min(_STRIP, room - numbers - 2)
        has_strip = strip >= 6
        rows: Rows = []
        lines = found.canvas.rows({"": FAINT}, is_plain=self._look.is_plain)
        for key, column in found.rows:
            node = self._nodes[key]
            row = _marked(next(lines, []), column, Piece(self._mark(node), self._style(node)), found.width)
            row.append(Piece(self._clip(node.title, name).ljust(name + 2), BOLD))
            if has_kind:
                row.append(Piece(node.kind.ljust(kind + 1), FAINT))
            if has_strip:
                shown = (*node.strip(strip, 1).rows, ())[0]
                row += [*self._strip(shown), Piece(" " * (strip - len(shown) + 2), "")]
            row += [*counts[key], Piece(" " * (numbers + 2 - _length(counts[key])))]
            row.append(Piece(self._facts(node, self._look.width - _length(row)), FAINT))
            rows.append(_cut(row, self._look.width))
        return rows

    def legend(self) -> Rows:
        """What the characters of the strips mean, as far as they occur."""
        rows: Rows = []
        left = 0
        for state in reversed(self._shapes):
            if state in self._shown:
                if left < len(state) + 2:
                    rows.append([])
                    left = self._look.width
                rows[-1] += [Piece(self._shapes[state], STYLES[state]), Piece(f" {state}   ", FAINT)]
                left -= len(state) + 5
        return rows

    def _strip(self, row: Sequence[str]) -> Iterator[Piece]:
        """The cells of a strip, those of one state as one piece."""
        start = 0
        for at in range(1, len(row) + 1):
            if at == len(row) or row[at] != row[start]:
                state = row[start]
                self._shown.add(state)
                yield Piece(self._shapes.get(state, " ") * (at - start), STYLES.get(state, ""))
                start = at

    def _counts(self, node: _Node) -> list[Piece]:
        if not node.counts:
            return [] if node.kind in ("view", "action") else [Piece("no partitions")]
        return [Piece(f"{number:,} {state}", COUNTED[state]) for state, number in node.counts]

    def _facts(self, node: _Node, width: int) -> str:
        """As many of the facts as there is room for."""
        text = ""
        for fact in node.facts:
            longer = f"{text}{' . ' if self._look.is_plain else ' · '}{fact}" if text else fact
            if len(longer) > width:
                break
            text = longer
        return text

    def _mark(self, node: _Node) -> str:
        kinds = {"failed": "✗x", "late": "!!", "running": "▶>", "fresh": "●o", "": "●o"}
        return kinds.get(node.worst, "○.")[self._look.is_plain]

    def _style(self, node: _Node) -> str:
        return STYLES.get(node.worst, FAINT)

    def _clip(self, text: str, width: int) -> str:
        if self._look.is_plain:
            return text if len(text) <= width else text[: max(0, width - 2)] + ".."
        return clip(text, width)


def _length(row: Sequence[Piece]) -> int:
    return sum(len(piece.text) for piece in row)


def _marked(line: Sequence[Piece], column: int, mark: Piece, width: int) -> list[Piece]:
    """A row of lanes with the mark of a node in it, and blanks up to where the lanes end."""
    cells = [(character, piece.style) for piece in line for character in piece.text]
    cells += [(" ", "")] * (width - len(cells))
    before, after = cells[:column], cells[column + 1 :]
    pieces = [Piece("".join(one for one, _ in before), FAINT), mark, Piece("".join(one for one, _ in after), FAINT)]
    return [*pieces, Piece("  ", "")]


def _cut(row: Sequence[Piece], width: int) -> list[Piece]:
    found: list[Piece] = []
    for piece in row:
        found.append(Piece(piece.text[:width], piece.style))
        width -= len(piece.text)
        if width <= 0:
            break
    return found
