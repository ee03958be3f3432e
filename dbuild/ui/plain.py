"""Events as plain lines on standard error, one line a task."""

from __future__ import annotations

import sys

from dbuild.core.events import Event, Summary
from dbuild.ui.sinks import Sink
from dbuild.ui.stream import tell
from dbuild.ui.teller import Teller


class PlainSink(Sink):
    """Writes what happens as it happens. With `is_quiet`, failures alone; with `is_verbose`, why each task starts, and
    what recipes print."""

    def __init__(self, *, is_quiet: bool = False, is_verbose: bool = False, has_tasks: bool = True) -> None:
        """Without `has_tasks`, neither tasks that succeed are written nor the summary."""
        self._teller = Teller(is_quiet=is_quiet, is_verbose=is_verbose, names_tasks=has_tasks, has_summary=has_tasks)

    def __call__(self, event: Event) -> None:
        lines = self._teller.lines(event)
        if lines:
            tell(sys.stderr, *lines, is_last=isinstance(event, Summary))
