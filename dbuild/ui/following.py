"""`dbuild status --watch`: how everything stands, drawn again and again while a build in any terminal works."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from dbuild.build.running import RunningTask
from dbuild.core.partitions import PartitionSet
from dbuild.core.report import DatasetStatus
from dbuild.ui.drawing.canvas import Piece
from dbuild.ui.live import Line, Size, live_on
from dbuild.ui.styles import FAINT, painted
from dbuild.ui.text import brief, counted, partition_name
from dbuild.ui.widths import cut, width_of
from dbuild.values import replace

Rows = list[list[Piece]]

_PAUSE = 0.5  # seconds between two looks at whether anything has changed
_IDLE = 10.0  # seconds after which it is drawn anew though nothing has: ages grow
_BUSY = 4  # how many times as long as a look took the next one waits: who watches mustn't slow the build


def follow(
    look: Callable[[], Sequence[DatasetStatus]],
    running: Callable[[], Sequence[RunningTask]],
    witness: Callable[[], object],
    draw: Callable[[Sequence[DatasetStatus], Size], Rows],
) -> tuple[Sequence[DatasetStatus], Rows]:
    """Draws until somebody presses Ctrl-C; gives what was seen last, and its drawing, which is off the screen again.

    `witness` differs when there may be something new to see; it is asked often, and has to be cheap.
    """
    live = live_on(sys.stdout)
    datasets: Sequence[DatasetStatus] = ()
    rows: Rows = []
    seen: object = None
    drawn = due = 0.0
    try:
        while True:
            start = time.monotonic()
            tasks, size = running(), live.size()
            found = (witness(), tasks, size)
            if start >= due and (found != seen or start >= drawn + _IDLE):
                datasets = with_running(look(), tasks)
                rows = draw(datasets, size)
                shown = fitting(rows, _footer(tasks, size), size)
                texts = painted(shown, sys.stdout)
                widths = (sum(width_of(piece.text) for piece in row) for row in shown)
                live.draw([Line(text, width) for text, width in zip(texts, widths, strict=True)])
                seen, drawn = found, time.monotonic()
                due = drawn + _BUSY * (drawn - start)
            time.sleep(_PAUSE)
    except KeyboardInterrupt:
        return datasets, rows
    finally:
        live.clear()


def with_running(datasets: Sequence[DatasetStatus], tasks: Sequence[RunningTask]) -> list[DatasetStatus]:
    """The datasets with what runs at this moment as a state of its own."""
    keys: dict[str, list[tuple[str, ...]]] = {}
    for task in tasks:
        keys.setdefault(task.target, []).append(tuple(value for _, value in task.key))
    return [_overlaid(each, keys[each.name]) if each.name in keys else each for each in datasets]


def _overlaid(each: DatasetStatus, keys: Sequence[tuple[str, ...]]) -> DatasetStatus:
    detail = each.detail
    if detail is None:
        return each
    run = PartitionSet.empty(detail.domain.axes)
    for key in keys:
        with suppress(ValueError):  # a dimension that has changed since the build began
            run = run | PartitionSet.of_keys(detail.domain.axes, [key])
    rest = ((state, found - run) for state, found in detail.standing)
    standing = (("running", run & detail.domain), *rest)
    return replace(each, detail=replace(detail, standing=tuple((state, found) for state, found in standing if found)))


def fitting(rows: Rows, footer: list[Piece], size: Size) -> Rows:
    """As many rows as the screen has, with how many are left out, and the footer below."""
    room = max(1, size.rows - 2)
    if len(rows) > room:
        rows = [*rows[: room - 1], [Piece(f"and {counted(len(rows) - room + 1, 'more line')}", FAINT)]]
    return [*rows, footer]


def _footer(tasks: Sequence[RunningTask], size: Size) -> list[Piece]:
    now = time.time()
    if not tasks:
        text = f"{time.strftime('%H:%M:%S')}, Ctrl-C ends"
    else:
        names = ", ".join(f"{partition_name(task.target, task.key)} ({brief(now - task.since)})" for task in tasks)
        text = f"{time.strftime('%H:%M:%S')}, running: {names}"
    return [Piece(cut(text, size.columns - 1), FAINT)]
