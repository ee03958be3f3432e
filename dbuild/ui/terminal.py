"""Events on a terminal: an overall bar with the time left, a line for each running task, failures as they happen.

Nothing is drawn for a run that is over at once. A longer one is redrawn a few times a second, when it tells of
something, so thousands of short tasks neither flicker nor cost.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from dbuild.core.events import Event, Notice, RunStarted, Summary, TaskEnded
from dbuild.ui.progress import Progress
from dbuild.ui.sinks import Sink
from dbuild.ui.stream import fitted, tell
from dbuild.ui.teller import Teller

if TYPE_CHECKING:
    from dbuild.ui.live import Live

_BETWEEN = 0.1  # seconds between two frames, at least
_PATIENCE = 0.3  # seconds that a run takes before it is drawn
_MOST = 500  # lines that wait for the next frame


class TerminalSink(Sink):
    """Draws on standard error. With `is_verbose`, tasks stay there: why they start, what they print, how they end."""

    def __init__(self, *, is_verbose: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._teller = Teller(is_quiet=False, is_verbose=is_verbose, names_tasks=is_verbose, has_summary=True)
        self._progress = Progress()
        self._clock = clock
        self._live: Live | None = None  # once something is drawn
        self._waiting: list[str] = []  # lines to stay on the screen, written with the next frame
        self._next = float("inf")  # when that is

    def __call__(self, event: Event) -> None:
        now = self._clock()
        self._progress.take(event, now)
        lines = self._teller.lines(event)
        self._waiting += lines
        if isinstance(event, RunStarted):
            self._next = now + _PATIENCE
        if isinstance(event, Summary):
            self._end()
        elif now >= self._next:
            self._draw(now)
        elif lines and self._live is None:
            tell(sys.stderr, *self._taken())
        elif lines and (_is_urgent(event) or len(self._waiting) > _MOST):
            self._draw(now)

    def close(self) -> None:
        """Takes the moving lines off the screen."""
        self._end()

    def _draw(self, now: float) -> None:
        from dbuild.ui.live import live_on
        from dbuild.ui.picture import picture

        if self._live is None:
            self._live = live_on(sys.stderr)
        size = self._live.size()
        self._live.draw(picture(self._progress, now, size, has_unicode=self._live.has_unicode), self._taken())
        self._next = now + _BETWEEN

    def _end(self) -> None:
        """The run is over, or cut: nothing moves any more."""
        if self._live is not None:
            self._live.clear(self._taken(), is_last=True)
        elif self._waiting:
            tell(sys.stderr, *self._taken(), is_last=True)
        self._next, self._live = float("inf"), None

    def _taken(self) -> Sequence[str]:
        """The lines that waited, as they fit the terminal at this moment."""
        lines, self._waiting = self._waiting, []
        return fitted(lines, sys.stderr)


def _is_urgent(event: Event) -> bool:
    """Whether what is told of it doesn't wait for the next frame."""
    return isinstance(event, Notice) or (isinstance(event, TaskEnded) and event.status == "failed")
