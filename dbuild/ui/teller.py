"""What is told of each event of a build, as lines for people on standard error, coloured where that is a screen."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from dbuild.core.events import (
    Event,
    Lacking,
    Notice,
    Resting,
    Summary,
    TaskEnded,
    TaskPrinted,
    TaskRegrouped,
    TaskRetried,
    TaskStarted,
    TaskStopped,
    Traced,
)
from dbuild.ui.report import (
    closing_lines,
    ended_line,
    failure_lines,
    lacking_line,
    note_lines,
    resting_line,
    retried_line,
    started_line,
)
from dbuild.ui.stream import paint
from dbuild.ui.text import clean, partition_name
from dbuild.ui.undeclared import traced_lines

if TYPE_CHECKING:
    from dbuild.ui.printed import Printed


class Teller:
    """Turns events into lines. With `is_quiet` failures alone; with `is_verbose` also why tasks start, what they print.

    `names_tasks`: tasks that succeed have a line; `has_summary`: so has the end.
    """

    def __init__(self, *, is_quiet: bool, is_verbose: bool, names_tasks: bool, has_summary: bool) -> None:
        self._is_quiet = is_quiet
        self._is_verbose = is_verbose and not is_quiet
        self._names_tasks = names_tasks
        self._has_summary = has_summary
        self._failures: list[str] = []
        self._printed: Printed | None = None  # once a recipe has printed something

    def lines(self, event: Event) -> list[str]:
        """What is told of it; nothing of many."""
        match event:
            case TaskStarted():
                return [started_line(event)] if self._is_verbose else []
            case TaskPrinted():
                return self._take(event) if self._is_verbose else []
            case TaskEnded():
                return self._ended(event)
            case Resting():
                self._failures.append(partition_name(event.target, event.key))
                return self._warned(resting_line(event))
            case TaskRetried():
                return [*self._rest(event), *self._warned(retried_line(event))]
            case TaskStopped() | TaskRegrouped():
                return self._rest(event)
            case Lacking():
                return self._warned(lacking_line(event))
            case Traced():
                return [] if self._is_quiet else traced_lines(event, is_verbose=self._is_verbose)
            case Notice():
                return [] if self._is_quiet else [notice_line(event)]
            case Summary():
                return self._closing(event)
            case _:
                return []

    def _ended(self, event: TaskEnded) -> list[str]:
        is_told = self._printed is not None and self._printed.has_told(event.target, event.key)
        lines = self._rest(event)
        if event.status == "failed":
            self._failures.append(partition_name(event.target, event.key))
            head, *rest = failure_lines(event, has_tail=not is_told)
            return [*lines, paint(head, "red", sys.stderr, bold=True), *rest]
        if self._is_quiet:
            return lines
        return [*lines, *([ended_line(event)] if self._names_tasks else []), *warnings(event)]

    def _take(self, event: TaskPrinted) -> list[str]:
        if self._printed is None:
            from dbuild.ui.printed import Printed

            self._printed = Printed()
        return self._printed.take(event)

    def _rest(self, event: TaskEnded | TaskRetried | TaskStopped | TaskRegrouped) -> list[str]:
        """The line that a task had begun to print."""
        return self._printed.end(event.target, event.key) if self._printed is not None else []

    def _warned(self, line: str) -> list[str]:
        return [] if self._is_quiet else [paint(line, "yellow", sys.stderr)]

    def _closing(self, event: Summary) -> list[str]:
        if self._is_quiet or not self._has_summary:
            return []
        *more, last = closing_lines(event, self._failures)
        colour = "red" if event.failed or event.was_interrupted else "green"
        return [*more, paint(last, colour, sys.stderr)]


def warnings(event: TaskEnded) -> list[str]:
    """The notes of a task that succeeded, as warnings."""
    return [f"{paint('warning:', 'yellow', sys.stderr)} {line}" for line in note_lines(event)]


def notice_line(event: Notice) -> str:
    """A notice, safe to print."""
    text = clean(event.text)
    return f"{paint('warning:', 'yellow', sys.stderr)} {text}" if event.level == "warning" else text
