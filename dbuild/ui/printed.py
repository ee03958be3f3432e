"""What recipes print while they run, as whole lines, each with the partition that it is from.

Lines of tasks that run side by side are never mixed up, nothing in them acts on a terminal, and of a line that is drawn
again and again (a progress bar) the last state is told. What a task may have told is bounded; its log has the rest.
"""

from __future__ import annotations

import sys

from dbuild.core.events import Key, TaskPrinted
from dbuild.ui.stream import paint
from dbuild.ui.text import clean_lines, partition_name
from dbuild.ui.widths import filled, width_of

MOST = 1 << 20  # bytes of one task that are told
_LONGEST = 1 << 16  # bytes of a line that are held until it ends
_WIDEST = 40  # columns up to which the names stand below each other
_COLOURS = ("cyan", "magenta", "blue", "yellow", "green")


class Printed:
    """Puts lines together, of all tasks of a run."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, Key], bytes] = {}  # the beginning of a line
        self._told: dict[tuple[str, Key], int] = {}  # bytes, of tasks that run
        self._colours: dict[str, str] = {}  # target -> colour
        self._widest = 0

    def take(self, event: TaskPrinted) -> list[str]:
        """The lines that a piece completes."""
        task = (event.target, event.key)
        told = self._told.get(task, 0)
        if told > MOST:
            return []
        self._told[task] = told + len(event.data)
        data = self._held.pop(task, b"") + event.data
        if told + len(event.data) > MOST:
            kept = data[: len(data) - (told + len(event.data) - MOST)].rpartition(b"\n")[0]
            name = partition_name(*task)
            return [
                *(self._lines(task, kept) if kept else []),
                self._prefix(task) + f"(it prints more: dbuild log {name})",
            ]
        whole, _, rest = data.rpartition(b"\n")
        is_whole = len(whole) < len(data) - len(rest)
        if len(rest) > _LONGEST:
            rest = _redrawn(rest)
        if len(rest) > _LONGEST:
            whole, rest, is_whole = data, b"", True
        if rest:
            self._held[task] = rest
        return self._lines(task, whole) if is_whole else []

    def end(self, target: str, key: Key) -> list[str]:
        """The line that a task began and didn't end."""
        rest = self._held.pop((target, key), b"")
        self._told.pop((target, key), None)
        return self._lines((target, key), rest) if rest else []

    def has_told(self, target: str, key: Key) -> bool:
        """Whether all that a running task has printed was told."""
        return 0 < self._told.get((target, key), 0) <= MOST

    def _lines(self, task: tuple[str, Key], data: bytes) -> list[str]:
        prefix = self._prefix(task)
        return [prefix + line for line in clean_lines(data.decode("utf-8", "surrogateescape"))]

    def _prefix(self, task: tuple[str, Key]) -> str:
        name = partition_name(*task)
        self._widest = max(self._widest, min(_WIDEST, width_of(name)))
        colour = self._colours.setdefault(task[0], _COLOURS[len(self._colours) % len(_COLOURS)])
        return paint(f"{filled(name, self._widest)} |", colour, sys.stderr) + " "


def _redrawn(line: bytes) -> bytes:
    """The last state of a line that is drawn again and again."""
    return line[line.rfind(b"\r", 0, len(line) - 1) + 1 :]
