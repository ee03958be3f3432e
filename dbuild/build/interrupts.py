"""What signals do to a build: they end its run, or a query of its own process."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
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


@contextmanager
def signals_ending(interrupt: Callable[[], None], wake: int) -> Iterator[None]:
    """Ctrl-C, SIGTERM and SIGHUP end the run; they only wake the loop's wait, nothing is raised anywhere."""

    def handle(number: int, frame: FrameType | None) -> None:
        interrupt()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    try:
        before = {number: signal.signal(number, handle) for number in numbers}
    except ValueError:  # not the main thread: whoever started it owns the signals
        yield
        return
    woken = signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(woken)
        for number, handler in before.items():
            signal.signal(number, handler)
