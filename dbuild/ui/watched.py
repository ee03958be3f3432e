"""The events of a build that a watch has started: all go to the watch, and to the screen what is new each time."""

from __future__ import annotations

import os
from collections.abc import Mapping

from dbuild.core.events import Event, Lacking, LookedAt, Notice, Resting, Summary, TaskEnded
from dbuild.ui.json import encode, event_record, notice_record
from dbuild.ui.sinks import Sink


class WatchedSink(Sink):
    """Hands tasks on to a screen; what a build would say again and again is for the watch to say once."""

    def __init__(self, screen: Sink, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)  # no recipe is to hold it open
        self._screen = screen
        self._descriptor = descriptor
        self._has_run = False

    def __call__(self, event: Event) -> None:
        record = notice_record(event) if isinstance(event, Notice) else event_record(event)
        if record is not None:
            write_record(self._descriptor, record)
        self._has_run |= isinstance(event, TaskEnded)
        if not isinstance(event, Notice | Lacking | Resting | LookedAt) and (
            self._has_run or not isinstance(event, Summary)
        ):
            self._screen(event)

    def close(self) -> None:
        """Leaves the screen in order."""
        self._screen.close()


def write_record(descriptor: int, record: Mapping[str, object]) -> None:
    """Writes one record to the watch. One that was killed doesn't stop what it began."""
    left = memoryview(encode(record).encode() + b"\n")
    try:
        while left:
            left = left[os.write(descriptor, left) :]
    except OSError:
        pass
