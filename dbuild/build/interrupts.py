"""What signals do to a build: they end its run, or a query of its own process."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_OVER = b"\0"  # no signal's number
_PAUSE = 0.05  # seconds


@contextmanager
def interruptible(stop: Callable[[], None] | None = None) -> Iterator[list[int]]:
    """Ctrl-C, SIGTERM and SIGHUP end a query, as KeyboardInterrupt: DuckDB makes some other error of what is raised.

    Gives the signals that came, for those who take errors and go on. `stop` ends what looks at no signal, as rows that
    are read from DuckDB as a stream; it is called from another thread.
    """
    caught: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        caught.append(number)
        raise KeyboardInterrupt

    try:
        before = {number: signal.signal(number, handle) for number in _NUMBERS}
    except ValueError:  # not the main thread: whoever started it owns the signals
        yield caught
        return
    try:
        if stop is None:
            yield caught
        else:
            with _stopped_by_signals(stop):
                yield caught
    except Exception:
        if caught:
            raise KeyboardInterrupt from None
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Calls `stop` when a signal comes, and on until the block ends: the first may find that nothing has quite begun.

    Handlers run in the main thread between two steps of Python alone; what wakes the other thread is written at once.
    """
    woken, waking = os.pipe()
    os.set_blocking(waking, False)
    is_over = threading.Event()

    def wait() -> None:
        while (number := os.read(woken, 1)) != _OVER:
            if number[0] in _NUMBERS:
                stop()
                while not is_over.wait(_PAUSE):
                    stop()
                return

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    before = signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        is_over.set()
        os.write(waking, _OVER)
        waiting.join()
        os.close(woken)
        os.close(waking)


@contextmanager
def signals_ending(interrupt: Callable[[], None], wake: int) -> Iterator[None]:
    """Ctrl-C, SIGTERM and SIGHUP end the run; they only wake the loop's wait, nothing is raised anywhere."""

    def handle(number: int, frame: FrameType | None) -> None:
        interrupt()

    try:
        before = {number: signal.signal(number, handle) for number in _NUMBERS}
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
