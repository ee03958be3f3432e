"""Drawings of flows: whoever follows the lines comes to what is declared, in cards and in lanes, however large."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence

import pytest

from dbuild.ui.drawing.canvas import DOWN, LEFT, RIGHT, UP, Piece, plain_text
from dbuild.ui.drawing.cards import Card, drawn
from dbuild.ui.drawing.lanes import laned
from dbuild.ui.drawing.layering import layered
from dbuild.ui.text import age, size_text

Reads = Mapping[str, Sequence[str]]
WIDTH = 22
STEPS = {UP: (-1, 0), DOWN: (1, 0), LEFT: (0, -1), RIGHT: (0, 1)}
BACK = {UP: DOWN, DOWN: UP, LEFT: RIGHT, RIGHT: LEFT}
WAYS = dict(zip("╵╶╰╷│╭├╴╯─┴╮┤┬┼", range(1, 16), strict=True))


def random_flow(seed: int, size: int) -> dict[str, list[str]]:
    """A flow in which each dataset reads some of those before it."""
    dice = random.Random(seed)
    names = [f"d{number}" for number in range(size)]
    return {
        name: sorted(dice.sample(names[max(0, at - 9) : at], min(at, dice.choice((0, 1, 1, 1, 2, 3)))))
        for at, name in enumerate(names)
    }


FLOWS = [
    {"a": []},
    {"a": [], "b": ["a"]},
    {"a": [], "b": [], "c": ["a", "b"], "d": ["a"], "e": ["d", "c", "b"]},
    {"hub": [], **{f"r{number}": ["hub"] for number in range(9)}},
    {**{f"s{number}": [] for number in range(9)}, "all": [f"s{number}" for number in range(9)]},
    {"a": [], "b": ["a"], "c": ["b"], "d": ["c", "a"], "e": ["d", "a", "b"]},
    *(random_flow(seed, size) for seed in range(20) for size in (6, 14)),
]


def cards_of(reads: Reads) -> list[str]:
    cards = {name: Card(((Piece(name, ""),),)) for name in reads}
    text = plain_text(drawn(layered(reads), cards, WIDTH).rows({}))
    size = max(map(len, text.split("\n")))
    return [line.ljust(size) for line in text.split("\n")]


def edges_in_cards(reads: Reads) -> set[tuple[str, str]]:
    """The edges that somebody sees who follows the lines from the lower side of each card."""
    grid = cards_of(reads)
    titles = {
        (row, column): name
        for name in reads
        for row, line in enumerate(grid)
        for column in [line.find(f"│ {name} ")]
        if column >= 0
    }
    assert len(titles) == len(reads)
    tops = {(row - 1, column + at): name for (row, column), name in titles.items() for at in range(WIDTH)}
    found = set()
    for (row, column), name in titles.items():
        for at in range(WIDTH):
            if grid[row + 1][column + at] == "┬":
                for end in ends_of(grid, row + 1, column + at, set(tops)):
                    found.add((name, tops[end]))
    return found


def ends_of(grid: Sequence[str], row: int, column: int, tops: set[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    stack, seen = [(row, column, DOWN)], set()
    while stack:
        row, column, way = stack.pop()
        if (row, column, way) in seen:
            continue
        seen.add((row, column, way))
        below, beside = row + STEPS[way][0], column + STEPS[way][1]
        if (below, beside) in tops and way == DOWN:
            assert grid[below][beside] == "┴"
            yield below, beside
            continue
        ways = WAYS.get(grid[below][beside], 0)
        if ways & BACK[way]:
            stack.extend((below, beside, other) for other in STEPS if ways & other and other != BACK[way])
        else:  # it passes under a line that runs down
            assert (grid[below][beside], way in (LEFT, RIGHT)) == ("│", True), (below, beside)
            stack.append((below, beside, way))


@pytest.mark.parametrize("reads", FLOWS)
def test_lines_between_cards_lead_where_they_should(reads: Reads) -> None:
    assert edges_in_cards(reads) == {(one, name) for name, names in reads.items() for one in names}


@pytest.mark.parametrize("reads", [*FLOWS, random_flow(1, 50), random_flow(2, 200)])
def test_lanes_lead_where_they_should(reads: Reads) -> None:
    lanes = laned(reads)
    grid = [list("".join(piece.text for piece in row).ljust(lanes.width)) for row in lanes.canvas.rows({})]
    grid += [[" "] * lanes.width for _ in range(len(reads) - len(grid))]
    for row, (_, column) in enumerate(lanes.rows):
        grid[row][column] = "●"
    assert sorted(name for name, _ in lanes.rows) == sorted(reads)
    for row, (name, column) in enumerate(lanes.rows):
        sources = {source_of(lanes.rows, row, place) for place in joined_in(grid, row, column)}
        assert sources == set(reads[name]), name


def joined_in(grid: Sequence[Sequence[str]], row: int, column: int) -> set[int]:
    """The columns of the lanes that come to a dataset, from above and along its row."""
    above = grid[row - 1][column] if row else " "
    found = {column} if above == "●" or WAYS.get(above, 0) & DOWN else set()
    for way, last in ((LEFT, "├╰"), (RIGHT, "┤╯")):
        place = column + STEPS[way][1]
        while 0 <= place < len(grid[row]) and grid[row][place] in f"─│┼┴{last}":
            if grid[row][place] in f"┼┴{last}":
                found.add(place)
            if grid[row][place] in last or (grid[row][place] == "│" and place == column + STEPS[way][1]):
                break
            place += STEPS[way][1]
    return found


def source_of(rows: Sequence[tuple[str, int]], row: int, column: int) -> str:
    """The dataset that a lane comes from: the next one above in its column."""
    return next(name for name, its in reversed(rows[:row]) if its == column)


@pytest.mark.parametrize(("size", "text"), [
    (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (9_949, "9.9 kB"), (9_950, "10 kB"), (999_499, "999 kB"),
    (999_500, "1.0 MB"), (48_000_000, "48 MB"), (2_450_000_000, "2.5 GB"), (10**21, "1000000 PB"),
])  # fmt: skip
def test_sizes_are_short(size: int, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(("seconds", "text"), [
    (0, "now"), (-5, "now"), (1, "1 s ago"), (59.9, "59 s ago"), (60, "1 min ago"), (3599, "59 min ago"),
    (3600, "1 h ago"), (47 * 3600, "47 h ago"), (48 * 3600, "2 d ago"), (59 * 86400, "59 d ago"),
    (61 * 86400, "2 months ago"), (730 * 86400, "23 months ago"), (731 * 86400, "2 years ago"),
])  # fmt: skip
def test_ages_have_one_unit(seconds: float, text: str) -> None:
    assert age(seconds) == text
