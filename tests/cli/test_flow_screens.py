"""The flow as terminals show it: 5, 50 and 200 datasets at several sizes, compared with kept screens.

DBUILD_KEEP_SCREENS=1 writes them anew; look at each before it is committed.
"""

from __future__ import annotations

import os
import random
import re
import xml.etree.ElementTree as ElementTree
from datetime import date
from pathlib import Path

import pyte
import pytest

from dbuild.core.grain import Grain
from dbuild.core.partitions import Axis, ListAxis, PartitionSet, TimeAxis
from dbuild.core.report import DatasetStatus, Detail
from dbuild.ui.diagrams import dot_lines, mermaid_lines, svg_lines
from dbuild.ui.drawing.canvas import LINES, Piece, plain_text
from dbuild.ui.drawing.focus import around
from dbuild.ui.flow import Look, flow_rows
from dbuild.ui.styles import COUNTED, STYLES, wrapped
from tests.cli.sandbox import Sandbox
from tests.cli.terminals import Terminal

SCREENS = Path(__file__).with_name("screens")
IMAGES = Path(__file__).parents[2] / "docs" / "images"
NOW = 1_714_521_600.0
DAY = TimeAxis("day", Grain("day"))
PLACE = ListAxis("place", ("north", "south", "east"))
FIRST = DAY.index("2024-01-01")


def days(first: int, last: int, *axes: Axis) -> PartitionSet:
    """Days of 2024 by their number, of all places where these are asked for."""
    sides = [[(FIRST + first, FIRST + last)], *([(0, len(PLACE.values))] for _ in axes)]
    return PartitionSet.box((DAY, *axes), sides)


def dataset(
    name: str, reads: tuple[str, ...], standing: list[tuple[str, PartitionSet]], size: int, folder: str = "out"
) -> DatasetStatus:
    domain = PartitionSet.union_of(standing[0][1].axes, [found.body for _, found in standing])
    is_target = bool(reads)
    seconds = 2.5 if is_target else None
    detail = Detail(domain, tuple(standing), len(domain), size, NOW - 7200, NOW - 3600 if is_target else None, seconds)
    states = dict.fromkeys(("fresh", "stale", "undecided", "missing", "late", "waiting", "failed", "provisional"), 0)
    return DatasetStatus(
        name, "target" if is_target else "source", "", "sql" if is_target else "", "Dataflowfile:1",
        (f"{folder}/{name}/{{day}}.csv",), ("day",), "", reads, 0, **states, detail=detail,
    )  # fmt: skip


def shop() -> list[DatasetStatus]:
    """Five datasets in which everything occurs."""
    two = (PLACE,)
    return [
        dataset("orders", (), [("late", days(119, 121)), ("fresh", days(0, 119))], 48_000_000),
        dataset("prices", (), [("missing", days(40, 42)), ("awaited", days(120, 121)), ("fresh", days(0, 40))], 912),
        dataset(
            "valuation", ("orders", "prices"),
            [("failed", days(7, 8, *two)), ("stale", days(60, 75, *two)), ("waiting", days(118, 121, *two)),
             ("provisional", days(40, 42, *two)), ("fresh", days(0, 118, *two) - days(7, 8, *two))], 2_450_000_000,
        ),
        dataset(
            "trend", ("valuation",),
            [("undecided", days(58, 77)), ("frozen", days(0, 30)), ("fresh", days(77, 118))], 0,
        ),
        dataset("report", ("trend", "valuation", "orders"), [("stale", PartitionSet.box((), []))], 15_302),
    ]  # fmt: skip


def company(size: int) -> list[DatasetStatus]:
    """Flows of several departments, that come together in some reports."""
    dice = random.Random(size)
    made: list[DatasetStatus] = []
    areas = ("sales", "stock", "web", "people", "money")
    for at in range(size):
        area = areas[at % len(areas)]
        own = [each.name for each in made if each.paths[0].split("/")[1] == area][-4:]
        stage = ("raw", "clean", "joined", "mart")[min(3, at * 4 // size)]
        reads = tuple(sorted(dice.sample(own, min(len(own), dice.choice((1, 1, 2)))))) if stage != "raw" else ()
        if stage == "mart" and at % 7 == 0:
            reads = tuple(dict.fromkeys((*reads, dice.choice(made[-12:]).name)))
        stale = dice.choice((0, 0, 0, 3))
        standing = [("stale", days(50, 50 + stale)), ("fresh", days(0, 120) - days(50, 50 + stale))]
        standing = [(state, found) for state, found in standing if found]
        made.append(dataset(f"{area}_{stage}_{at}", reads, standing, at * 1000, f"out/{area}/{stage}"))
    return made


FLOWS = {"5": shop(), "50": company(50), "200": company(200)}
LOOKS = {
    "5-wide": ("5", Look(130, NOW)),
    "5-usual": ("5", Look(80, NOW)),
    "5-narrow": ("5", Look(40, NOW)),
    "5-ascii": ("5", Look(100, NOW, is_plain=True)),
    "50-wide": ("50", Look(150, NOW)),
    "50-usual": ("50", Look(80, NOW)),
    "50-narrow": ("50", Look(40, NOW)),
    "200-wide": ("200", Look(150, NOW)),
    "200-usual": ("200", Look(80, NOW)),
}


def kept(path: Path, text: str) -> str:
    """A screen as it is kept; written first where that is asked for."""
    if os.environ.get("DBUILD_KEEP_SCREENS"):
        path.write_text(text, encoding="utf-8")
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", LOOKS)
def test_screens_are_as_they_were(name: str) -> None:
    flow, look = LOOKS[name]
    text = plain_text(flow_rows(FLOWS[flow], look)) + "\n"
    assert text == kept(SCREENS / f"{name}.txt", text)
    assert max(map(len, text.split("\n"))) <= look.width
    assert text.isascii() == look.is_plain


@pytest.mark.parametrize(("name", "flow"), [("graph", "5"), ("graph-50", "50")])
def test_the_images_of_the_docs_are_what_is_drawn(name: str, flow: str) -> None:
    text = "\n".join(svg_lines(flow_rows(FLOWS[flow], Look(110, NOW)), "dbuild status --graph")) + "\n"
    assert text == kept(IMAGES / f"{name}.svg", text)


@pytest.mark.parametrize("flow", FLOWS)
def test_every_dataset_is_drawn_or_counted(flow: str) -> None:
    rows = plain_text(flow_rows(FLOWS[flow], Look(150, NOW, is_whole=True)))
    assert all(re.search(rf"\b{each.name}\b", rows) for each in FLOWS[flow])
    grouped = plain_text(flow_rows(FLOWS[flow], Look(150, NOW)))
    counts = [int(number) for number in re.findall(r" (\d+) sets ", grouped)]
    alone = sum(bool(re.search(rf" {each.name} ", grouped)) for each in FLOWS[flow] if f"{each.name} …" not in grouped)
    ends = sum(1 for each in FLOWS[flow] if f"{each.name} …" in grouped or f"… {each.name} " in grouped)
    assert sum(counts) + alone - (ends - grouped.count(" … ")) == len(FLOWS[flow])


def test_what_lies_around_a_dataset() -> None:
    names = [each.name for each in around(shop(), ["trend"], 1)]
    assert names == ["valuation", "trend", "report"]
    assert [each.name for each in around(shop(), ["prices"], 0)] == ["prices"]


def test_states_differ_without_colours() -> None:
    rows = flow_rows(shop(), Look(130, NOW))
    legend = [piece for row in rows[rows.index([]) :] for piece in row]
    shapes = [piece.text for piece in legend[::2]]
    assert len(set(shapes)) == len(shapes) == 10
    assert {piece.text.strip() for piece in legend[1::2]} == STYLES.keys() - {"unsettled", "running"}


@pytest.mark.parametrize(("flow", "width"), [("5", 130), ("5", 60), ("50", 150)])
def test_a_count_has_the_colour_of_its_state(flow: str, width: int) -> None:
    pieces = [piece for row in flow_rows(FLOWS[flow], Look(width, NOW)) for piece in row]
    found = {(word, piece.style) for piece in pieces for word in re.findall(r"\d ([a-z]+)\b", piece.text)}
    counted = {(word, style) for word, style in found if word in STYLES}
    states = {state for each in FLOWS[flow] for state, _ in (each.detail.standing if each.detail else ())}
    assert counted == {(state, COUNTED[state]) for state in states}
    assert COUNTED["fresh"] == ""  # so that what needs attention is seen


def test_a_count_that_is_wider_than_its_room_is_broken_at_blanks() -> None:
    pieces = [Piece("12 stale", "yellow"), Piece("1,234 provisional", "magenta"), Piece("3 fresh")]
    for width, texts in (
        (80, ["12 stale, 1,234 provisional, 3 fresh"]),
        (27, ["12 stale,", "1,234 provisional, 3 fresh"]),
        (16, ["12 stale, 1,234", "provisional,", "3 fresh"]),
        (1, ["12", "stale,", "1,234", "provisional,", "3", "fresh"]),
    ):
        assert plain_text(wrapped(pieces, width)).split("\n") == texts
    assert [piece.style for piece in wrapped(pieces, 80)[0]] == ["yellow", "", "magenta", "", ""]
    assert wrapped([], 80) == []


# -- for other programs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flow", FLOWS)
def test_an_image_is_xml_and_says_what_is_drawn(flow: str) -> None:
    rows = flow_rows(FLOWS[flow], Look(120, NOW))
    image = ElementTree.fromstring("\n".join(svg_lines(rows, "a & b")))
    texts = [node.text for node in image.iter("{http://www.w3.org/2000/svg}text")]
    words = re.sub(f"[{LINES}▁▂▄▇]", "", plain_text(rows))
    assert "".join(filter(None, texts)).replace(" ", "") == words.replace("\n", "")
    assert not re.search(r"https?://(?!www\.w3\.org)", "\n".join(svg_lines(rows, "")))


@pytest.mark.parametrize("flow", FLOWS)
def test_a_digraph_has_every_node_and_edge(flow: str) -> None:
    first, *lines, last = dot_lines(FLOWS[flow])
    assert (first, last) == ("digraph flow {", "}")
    nodes = [found[1] for line in lines if (found := re.fullmatch(r'  "(\w+)" \[label="[^"]*", .*\];', line))]
    edges = [found.groups() for line in lines if (found := re.fullmatch(r'  "(\w+)" -> "(\w+)";', line))]
    assert nodes == [each.name for each in FLOWS[flow]]
    assert edges == [(one, each.name) for each in FLOWS[flow] for one in each.inputs]
    assert len(nodes) + len(edges) + 2 == len(lines)


@pytest.mark.parametrize("flow", FLOWS)
def test_a_flowchart_has_every_node_and_edge(flow: str) -> None:
    first, *lines = mermaid_lines(FLOWS[flow])
    assert first == "flowchart TD"
    names = {}
    for line in lines:
        if found := re.fullmatch(r'  (n\d+)(?:\(\[|\[)"(\w+)<br/>[\w, ]*"(?:\]\)|\]):::(\w+)', line):
            names[found[1]] = found[2]
    edges = [found.groups() for line in lines if (found := re.fullmatch(r"  (n\d+) --> (n\d+)", line))]
    styles = [line for line in lines if line.startswith("  classDef ")]
    assert list(names.values()) == [each.name for each in FLOWS[flow]]
    assert [(names[a], names[b]) for a, b in edges] == [(one, e.name) for e in FLOWS[flow] for one in e.inputs]
    assert len(names) + len(edges) + len(styles) == len(lines)


def test_hostile_names_stay_inside_their_quotes() -> None:
    bad = dataset('a"]; x<b>\x1b[2J', (), [("fresh", days(0, 1))], 1)
    assert all("\x1b" not in line for line in (*dot_lines([bad]), *mermaid_lines([bad])))
    assert '"a\\"]; x<b>' in "\n".join(dot_lines([bad]))
    assert "<b>" not in "\n".join(mermaid_lines([bad]))
    ElementTree.fromstring("\n".join(svg_lines(flow_rows([bad], Look(80, NOW)), bad.name.replace("\x1b", ""))))


# -- real terminals ----------------------------------------------------------------------------------------------------


def shown(sandbox: Sandbox, columns: int, rows: int, *words: str, **more: str) -> pyte.Screen:
    """What a terminal of a size shows at the end of a command."""
    # A width that somebody has set would go before the terminal's own.
    kept = {name: value for name, value in sandbox.environment().items() if name not in ("COLUMNS", "LINES", "PAGER")}
    with Terminal(sandbox.root, kept | more, *words, columns=columns, rows=rows) as terminal:
        assert terminal.finish() == 0
        return terminal.screen


@pytest.mark.parametrize("columns", [44, 80, 120])
def test_a_terminal_shows_the_drawing_as_it_is(sandbox: Sandbox, columns: int) -> None:
    sandbox.run()
    screen = shown(sandbox, columns, 60, "status", "--graph", DBUILD_NOW=f"{date(2026, 1, 1)}T00:00")
    lines = [line.rstrip() for line in screen.display]
    plain = sandbox.run("status", "--graph", COLUMNS=str(columns), DBUILD_NOW=f"{date(2026, 1, 1)}T00:00").stdout
    assert lines[: len(plain.splitlines())] == plain.splitlines()
    assert not any(lines[len(plain.splitlines()) :])
    mark = next((row, line.index("●")) for row, line in enumerate(lines) if "●" in line)
    assert screen.buffer[mark[0]][mark[1]].fg == "green"
    colourless = shown(sandbox, columns, 60, "status", "--graph", NO_COLOR="1")
    assert {cell.fg for row in colourless.buffer.values() for cell in row.values()} == {"default"}


def test_a_long_drawing_goes_through_the_pager(sandbox: Sandbox) -> None:
    screen = shown(sandbox, 80, 12, "status", "--graph", PAGER="sed s/^/pager:/")
    assert all(line.startswith("pager:") for line in screen.display if line.strip())
