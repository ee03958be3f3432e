"""Events as plain lines on standard error, one line a task."""

from __future__ import annotations

import sys
from types import TracebackType

from dbuild.core.events import Event, Lacking, Notice, Resting, Summary, TaskEnded, TaskRetried, TaskStarted
from dbuild.ui.report import (
    ended_line,
    failure_lines,
    lacking_line,
    note_lines,
    resting_line,
    retried_line,
    started_line,
    summary_line,
)
from dbuild.ui.stream import paint, tell
from dbuild.ui.text import clean, partition_name


class PlainSink:
    """Writes what happens as it happens. With `is_quiet`, failures alone; with `is_verbose`, why each task starts."""

    def __init__(self, *, is_quiet: bool = False, is_verbose: bool = False, has_tasks: bool = True) -> None:
        self._is_quiet = is_quiet
        self._is_verbose = is_verbose
        self._has_tasks = has_tasks  # whether tasks that succeed, and the summary, are written
        self._failures: list[str] = []

    def __call__(self, event: Event) -> None:
        match event:
            case TaskStarted() if self._is_verbose:
                self._write(started_line(event))
            case TaskEnded(status="failed"):
                self._failures.append(partition_name(event.target, event.key))
                head, *rest = failure_lines(event)
                self._write(paint(head, "red", sys.stderr, bold=True), *rest)
            case TaskEnded() if not self._is_quiet:
                self._write(*([ended_line(event)] if self._has_tasks else []), *warnings(event))
            case Resting():
                self._failures.append(partition_name(event.target, event.key))
                if not self._is_quiet:
                    self._write(paint(resting_line(event), "yellow", sys.stderr))
            case TaskRetried() if not self._is_quiet:
                self._write(paint(retried_line(event), "yellow", sys.stderr))
            case Lacking() if not self._is_quiet:
                self._write(paint(lacking_line(event), "yellow", sys.stderr))
            case Notice() if not self._is_quiet:
                self._write(notice_line(event))
            case Summary() if self._has_tasks and not self._is_quiet:
                tell(sys.stderr, summary_line(event, self._failures), is_last=True)

    def __enter__(self) -> PlainSink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is left to be written."""

    def _write(self, *lines: str) -> None:
        tell(sys.stderr, *lines)


def warnings(event: TaskEnded) -> list[str]:
    """The notes of a task that succeeded, as warnings."""
    return [f"{paint('warning:', 'yellow', sys.stderr)} {line}" for line in note_lines(event)]


def notice_line(event: Notice) -> str:
    """A notice, safe to print."""
    text = clean(event.text)
    return f"{paint('warning:', 'yellow', sys.stderr)} {text}" if event.level == "warning" else text
