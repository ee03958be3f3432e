"""Queries of the build's own process that a signal ends."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interruptible() -> Iterator[list[int]]:
    """Ctrl-C, SIGTERM and SIGHUP end a query, as KeyboardInterrupt: DuckDB makes some other error of what is raised.

    Gives the signals that came, for those who take errors and go on.
    """
    caught: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        caught.append(number)
        raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    try:
        before = {number: signal.signal(number, handle) for number in numbers}
    except ValueError:  # not the main thread: whoever started it owns the signals
        yield caught
        return
    try:
        yield caught
    except Exception:
        if caught:
            raise KeyboardInterrupt from None
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
