"""What a terminal shows of a run while it goes on: a line for each task that takes a while, and an overall bar.

Made from numbers for a screen of a given size, so that every line fits whatever its width.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from typing import NamedTuple

from dbuild.core.events import Key
from dbuild.ui.drawing.canvas import Piece
from dbuild.ui.live import Line, Size
from dbuild.ui.progress import Progress, Running
from dbuild.ui.styles import FAINT, styled
from dbuild.ui.text import brief, partition_name
from dbuild.ui.widths import cut, cut_middle, filled, width_of

_LONGER = 1.0  # seconds that a task runs before it gets a line: shorter ones would only flicker
_MOST_ROWS = 16
_NAME, _LEAST_NAME = 44, 8  # columns of the longest and of the shortest column of names
_BAR, _LEAST_BAR = 30, 8  # columns of the overall bar
_SMALL_BAR = 12  # columns of a task's


class Marks(NamedTuple):
    """The characters that it is drawn with."""

    full: str
    empty: str
    dots: str
    task: str  # before one that runs


UNICODE = Marks("━", "╌", "…", "▸")
ASCII = Marks("#", "-", "...", ">")
_BOUNDS = {"about": "about {} left", "at most": "up to {} left", "at least": "over {} left"}


def picture(progress: Progress, now: float, size: Size, *, has_unicode: bool = True) -> list[Line]:
    """The lines that show a run at a moment: never as many as the screen has, unless it has one alone."""
    marks = UNICODE if has_unicode else ASCII
    width = max(1, size.columns - 1)  # in the last column a terminal may break the line
    rows = max(1, min(size.rows - 1, max(2, size.rows // 2), _MOST_ROWS))
    lines = [*running_lines(progress, now, rows - 1, width, marks), bar_line(progress, now, width, marks)]
    return [_line(pieces, width) for pieces in lines]


def bar_line(progress: Progress, now: float, width: int, marks: Marks) -> list[Piece]:
    """The overall bar: how many of how many tasks, failures, the time so far and the time left, as far as they fit."""
    counts = Piece(f"{progress.done:,}/{progress.total:,}")
    failed = Piece(f"{progress.failed:,} failed", "red") if progress.failed else None
    spent = Piece(brief(now - progress.since))
    ahead = _ahead(progress, now)
    for parts in ([counts, failed, spent, ahead], [counts, failed, ahead], [counts, failed], [counts]):
        shown = [part for part in parts if part is not None]
        room = width - sum(2 + len(part.text) for part in shown)
        if room >= _LEAST_BAR:
            done, rest = _bar(progress.share, min(_BAR, room), marks)
            colour = "red" if progress.failed else "green"
            return [Piece(done, colour), Piece(rest, FAINT), *_spaced(shown)]
    return [Piece(cut(counts.text, width, marks.dots))]


def running_lines(progress: Progress, now: float, limit: int, width: int, marks: Marks) -> list[list[Piece]]:
    """A line for each task that has been running for a while, the longest first, and the rest as a number."""
    running = progress.running
    slow = [(_shown(*name, marks), task) for name, task in running.items() if now - task.since >= _LONGER]
    if limit < 1 or not slow:
        return []
    shown = slow if len(slow) <= limit and len(slow) == len(running) else slow[: limit - 1]
    if not shown:
        return []
    bars = _SMALL_BAR + 2 if width >= 56 and any(task.expected for _, task in shown) else 0
    room = max(_LEAST_NAME, min(_NAME, width - 12 - (bars + 12 if bars else 0)))
    names = [cut_middle(name, room, marks.dots) for name, _ in shown]
    widest = max(map(width_of, names))
    lines = [_task_line(name, widest, task, now, bars > 0, marks) for name, (_, task) in zip(names, shown, strict=True)]
    more = len(running) - len(shown)
    return lines + ([[Piece(f"  and {more:,} more", FAINT)]] if more else [])


def _shown(target: str, key: Key, marks: Marks) -> str:
    name = partition_name(target, key)
    return name if marks is UNICODE else name.encode("ascii", "backslashreplace").decode()


def _task_line(name: str, widest: int, task: Running, now: float, has_bar: bool, marks: Marks) -> list[Piece]:
    elapsed = now - task.since
    pieces = [Piece(marks.task, "cyan"), Piece(f" {filled(name, widest)}  {brief(elapsed):>6}")]
    if not task.expected or not has_bar:
        return pieces
    is_over = elapsed > task.expected
    done, rest = _bar(min(1.0, elapsed / task.expected), _SMALL_BAR, marks)
    colour = "yellow" if is_over else "cyan"
    expected = Piece(f" of {brief(task.expected)}", colour if is_over else FAINT)
    return [*pieces, Piece("  "), Piece(done, colour), Piece(rest, FAINT), expected]


def _ahead(progress: Progress, now: float) -> Piece | None:
    """The time left in words; None where it isn't known, or nearly over."""
    if progress.beat is not None and progress.beat.is_ending:
        return Piece("stopping", "yellow")
    left = progress.seconds_left(now)
    if progress.beat is None or left is None or left < 1:
        return None
    return Piece(_BOUNDS[progress.beat.bound].format(brief(float(ceil(left)))))


def _bar(share: float, width: int, marks: Marks) -> tuple[str, str]:
    cells = int(share * width)
    return marks.full * cells, marks.empty * (width - cells)


def _spaced(parts: Iterable[Piece]) -> list[Piece]:
    return [piece for part in parts for piece in (Piece("  "), part)]


def _line(pieces: Iterable[Piece], width: int) -> Line:
    """The pieces in their colours, cut where they are too wide for the screen."""
    text, used = "", 0
    for piece in pieces:
        shown = cut(piece.text, width - used, "")
        used += width_of(shown)
        text += styled(Piece(shown, piece.style)) if shown else ""
    return Line(text, used)
