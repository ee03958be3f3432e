"""How the partitions of a dataset stand, in a few characters: a bar, a heat map of two dimensions, a calendar of days.

A character stands for one partition, or for as many as there are to a column, and shows the one of them that needs
attention most. States differ by shape as well as by colour.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbuild.core.partitions import Interval, PartitionSet, TimeAxis, common
from dbuild.ui.text import clean
from dbuild.ui.widths import cut, width_of
from dbuild.values import dataclass

Standing = Sequence[tuple[str, PartitionSet]]  # states with their partitions, what needs attention most first

SHAPES = {
    "running": "▶",
    "failed": "✗",
    "late": "!",
    "missing": "-",
    "stale": "▄",
    "undecided": "▂",
    "waiting": "▁",
    "unsettled": "~",
    "provisional": "▒",
    "frozen": "◆",
    "awaited": "·",
    "fresh": "▇",
}
PLAIN_SHAPES = SHAPES | {
    "running": ">",
    "failed": "x",
    "stale": "o",
    "undecided": "?",
    "waiting": "_",
    "provisional": "+",
    "frozen": "*",
    "awaited": ".",
    "fresh": "#",
}
_DAYS_OF_WEEK = 7
_LABEL = 8  # columns of what is written before a row


@dataclass(frozen=True, slots=True)
class Strip:
    """Rows of states, "" where there is no partition; with what each row is of, "" where that needs no word."""

    rows: tuple[tuple[str, ...], ...]
    labels: tuple[str, ...] = ()


def strip_of(domain: PartitionSet, standing: Standing, width: int, height: int) -> Strip:
    """The picture of a dataset that says most in so many characters."""
    axes = domain.axes
    if not domain:
        return Strip(())
    if not axes:
        return Strip((tuple(state for state, found in standing if found)[:1],))
    if height >= _DAYS_OF_WEEK and len(axes) == 1 and _is_daily(domain) and len(domain) > width:
        return _calendar(domain, standing, width - 4)
    if len(axes) >= 2 and height > 1:
        return _heat_map(domain, standing, width, height)
    return Strip((_bar(domain, standing, _main_axis(domain), width),))


def _is_daily(domain: PartitionSet) -> bool:
    axis = domain.axes[0]
    return isinstance(axis, TimeAxis) and (axis.grain.unit, axis.grain.count) == ("day", 1)


def _main_axis(domain: PartitionSet) -> int:
    """The position of the dimension that runs along a bar: the first of time, else the first."""
    times = [at for at, axis in enumerate(domain.axes) if isinstance(axis, TimeAxis)]
    return times[0] if times else 0


def _bar(domain: PartitionSet, standing: Standing, position: int, width: int) -> tuple[str, ...]:
    spans = domain.spans(position)
    total = sum(high - low for low, high in spans)
    cells = [""] * min(width, total)
    for state, found in reversed(standing):
        for low, high in _ranks(spans, found.spans(position) if found else ()):
            for cell in range(low * len(cells) // total, -(-high * len(cells) // total)):
                cells[cell] = state
    return tuple(cells)


def _ranks(spans: Sequence[Interval], some: Sequence[Interval]) -> Iterator[Interval]:
    """Intervals of numbers as intervals of ranks among those that there are."""
    inside = common(spans, some)
    before = at = 0
    for low, high in inside:
        while spans[at][1] <= low:
            before += spans[at][1] - spans[at][0]
            at += 1
        yield before + low - spans[at][0], before + high - spans[at][0]


def _heat_map(domain: PartitionSet, standing: Standing, width: int, height: int) -> Strip:
    """The main dimension across; the values of the longest other one, or groups of them, down."""
    across = _main_axis(domain)
    others = [at for at in range(len(domain.axes)) if at != across]
    down = max(others, key=lambda at: sum(high - low for low, high in domain.spans(at)))
    groups = list(_groups(domain.spans(down), height))
    labels = tuple(_label(domain, down, group) for group in groups)
    width -= max(map(width_of, labels)) + 1
    spans = domain.spans(across)
    total = sum(high - low for low, high in spans)
    rows = []
    for first, last in groups:
        part = _between(domain, down, first, last)
        cells = [""] * min(width, total)
        for state, found in reversed(standing):
            inside = (found & part).spans(across) if found else ()
            for low, high in _ranks(spans, inside):
                for cell in range(low * len(cells) // total, -(-high * len(cells) // total)):
                    cells[cell] = state
        rows.append(tuple(cells))
    return Strip(tuple(rows), labels)


def _label(domain: PartitionSet, position: int, group: Interval) -> str:
    """The value of a row, or the first one of several with a sign that there are more."""
    first, last = group
    text = clean(domain.axes[position].text(first))
    return cut(text, _LABEL, "") if first == last else cut(text, _LABEL - 1, "") + "+"


def _groups(spans: Sequence[Interval], most: int) -> Iterator[Interval]:
    """First and last number of each of at most so many groups of nearly equal size."""
    numbers = [number for low, high in spans for number in range(low, min(high, low + 10_000))]
    count = min(most, len(numbers))
    for group in range(count):
        part = numbers[group * len(numbers) // count : (group + 1) * len(numbers) // count]
        yield part[0], part[-1]


def _between(domain: PartitionSet, position: int, first: int, last: int) -> PartitionSet:
    sides = [[(first, last + 1)] if at == position else domain.spans(at) for at in range(len(domain.axes))]
    return domain & PartitionSet.box(domain.axes, sides)


def _calendar(domain: PartitionSet, standing: Standing, width: int) -> Strip:
    """The newest weeks from the left to the right, a row for each day of the week, Monday first."""
    newest = domain.spans(0)[-1][1] - 1
    oldest = domain.spans(0)[0][0]
    monday = newest - _weekday(domain.axes[0], newest)
    first = max(monday - _DAYS_OF_WEEK * (width - 1), oldest - _weekday(domain.axes[0], oldest))
    weeks = (monday - first) // _DAYS_OF_WEEK + 1
    grid = [[""] * weeks for _ in range(_DAYS_OF_WEEK)]
    for state, found in reversed(standing):
        for low, high in common(found.spans(0), [(first, newest + 1)]) if found else ():
            for day in range(low, high):
                week, weekday = divmod(day - first, _DAYS_OF_WEEK)
                grid[weekday][week] = state
    return Strip(tuple(map(tuple, grid)), ("Mon", "", "Wed", "", "Fri", "", "Sun"))


def _weekday(axis: object, day: int) -> int:
    from datetime import date

    assert isinstance(axis, TimeAxis)
    return date.fromisoformat(axis.text(day)).weekday()


def shares_of(counts: Sequence[tuple[str, int]], width: int) -> Strip:
    """States by how many partitions have them, most of what is well first; what isn't none is seen."""
    total = sum(number for _, number in counts)
    cells: list[str] = []
    left = width
    for at, (state, number) in enumerate(counts):
        size = left if at == len(counts) - 1 else max(1, min(left - (len(counts) - at - 1), number * width // total))
        cells += [state] * size
        left -= size
    return Strip((tuple(reversed(cells)),))
