"""Events on a terminal: an overall bar with the time left, a line for each running task, failures as they happen.

The screen is redrawn a few times a second whatever happens, so thousands of short tasks neither flicker nor cost.
"""

from __future__ import annotations

import sys
import time
from math import ceil
from types import TracebackType
from typing import TYPE_CHECKING

from dbuild.core.events import (
    Event,
    Lacking,
    LookedAt,
    Notice,
    Resting,
    Summary,
    TaskEnded,
    TaskRetried,
    TaskStarted,
)
from dbuild.ui.plain import notice_line, warnings
from dbuild.ui.progress import Progress
from dbuild.ui.report import (
    ended_line,
    failure_lines,
    lacking_line,
    resting_line,
    retried_line,
    started_line,
    summary_line,
)
from dbuild.ui.stream import paint, tell
from dbuild.ui.text import duration, partition_name

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.live import Live

_REDRAWS = 8  # a second
_BAR = 30  # characters


class TerminalSink:
    """Draws on standard error. With `is_verbose`, each task's start, with its reason, and end stay on the screen."""

    def __init__(self, *, is_verbose: bool = False) -> None:
        self._is_verbose = is_verbose
        self._progress = Progress()
        self._failures: list[str] = []
        self._live: Live | None = None
        self._pending: list[str] = []  # lines to stay on the screen; written in groups, as each write redraws
        self._written = 0.0

    def __call__(self, event: Event) -> None:
        if not isinstance(event, Notice | Lacking | LookedAt | Summary):
            self._progress.take(event, time.monotonic())
        match event:
            case TaskStarted():
                self._start()
                if self._is_verbose:
                    self._write(started_line(event))
            case TaskEnded(status="failed"):
                self._failures.append(partition_name(event.target, event.key))
                head, *rest = failure_lines(event)
                self._write(paint(head, "red", sys.stderr, bold=True), *rest, is_urgent=True)
            case TaskEnded():
                self._write(*([ended_line(event)] if self._is_verbose else []), *warnings(event))
            case Resting():
                self._failures.append(partition_name(event.target, event.key))
                self._write(paint(resting_line(event), "yellow", sys.stderr))
            case TaskRetried():
                self._write(paint(retried_line(event), "yellow", sys.stderr))
            case Lacking():
                self._write(paint(lacking_line(event), "yellow", sys.stderr))
            case Notice():
                self._write(notice_line(event), is_urgent=True)
            case Summary():
                self.close()
                colour = "red" if event.failed or event.was_interrupted else "green"
                tell(sys.stderr, paint(summary_line(event, self._failures), colour, sys.stderr), is_last=True)

    def __enter__(self) -> TerminalSink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Takes the moving lines off the screen and shows the cursor again."""
        if self._live is not None:
            self._flush(self._live)
            self._live.stop()
            self._live = None

    def _start(self) -> None:
        if self._live is not None:
            return
        from rich.console import Console
        from rich.live import Live

        console = Console(file=sys.stderr, highlight=False, markup=False, emoji=False, soft_wrap=False)
        self._live = Live(
            get_renderable=lambda: self._drawn(console),
            console=console,
            refresh_per_second=_REDRAWS,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def _write(self, *lines: str, is_urgent: bool = False) -> None:
        if not lines:
            return
        if self._live is None:
            tell(sys.stderr, *lines)
            return
        self._pending += lines
        if is_urgent or time.monotonic() - self._written >= 1 / _REDRAWS:
            self._flush(self._live)

    def _flush(self, live: Live) -> None:
        if self._pending:
            from rich.text import Text

            live.console.print(Text.from_ansi("\n".join(self._pending)), soft_wrap=True)
            self._pending.clear()
            self._written = time.monotonic()

    def _drawn(self, console: Console) -> Group:
        from rich.console import Group
        from rich.text import Text

        now = time.monotonic()
        size = console.size
        texts = [bar_line(self._progress, now), *running_lines(self._progress, now, max(1, size.height - 3))]
        return Group(*(Text(text, no_wrap=True, overflow="ellipsis") for text in texts))


def bar_line(progress: Progress, now: float) -> str:
    """The overall bar: how many of how many tasks, failures, and the time left where it can be known."""
    share = min(1.0, progress.done / progress.total) if progress.total else 0.0
    filled = int(share * _BAR)
    left = progress.seconds_left(now)
    failed = f", {progress.failed:,} failed" if progress.failed else ""
    ahead = f", about {duration(float(ceil(left)))} left" if left else ""
    return f"{'━' * filled}{'╌' * (_BAR - filled)} {progress.done:,}/{progress.total:,}{failed}{ahead}"


def running_lines(progress: Progress, now: float, limit: int) -> list[str]:
    """A line for each running task, the longest-running first, and the rest as a number."""
    running = sorted(progress.running.copy().items(), key=lambda item: item[1])
    shown = running if len(running) <= limit else running[: limit - 1]
    lines = [f"  {partition_name(*name)}  {duration(now - start)}" for name, start in shown]
    return lines + ([f"  and {len(running) - len(shown):,} more"] if len(shown) < len(running) else [])
