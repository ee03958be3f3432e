"""What a worker prints, told apart by its tasks.

A worker that goes on to the next task by itself puts a mark into the stream, after what the one before has printed.
"""

from __future__ import annotations

from collections.abc import Callable


class Printing:
    """The stream of one worker."""

    def __init__(self, mark: bytes, write: Callable[[bytes], None]) -> None:
        """`write` gets what the running task prints."""
        self._mark = mark
        self._write = write
        self._held = b""  # of later tasks once the mark was there; before, what may be its beginning
        self._is_marked = False  # whether all that the running task printed has been written

    def take(self, data: bytes, *, is_marked: bool) -> None:
        """More of the stream; `is_marked`: there may be a mark in it."""
        if self._is_marked:
            self._held += data
        elif is_marked or self._held:
            self._split(self._held + data)
        else:
            self._write(data)

    def _split(self, data: bytes) -> None:
        before, mark, self._held = data.partition(self._mark)
        self._is_marked = bool(mark)
        if not mark:
            length = len(self._mark) - 1
            while length and not before.endswith(self._mark[:length]):
                length -= 1
            self._held, before = before[len(before) - length :], before[: len(before) - length]
        if before:
            self._write(before)

    def end(self) -> None:
        """The running task has ended, and no other one was begun."""
        held, self._held, self._is_marked = self._held, b"", False
        if held:
            self._write(held)

    def go_on(self) -> None:
        """The next task runs: what was held is of it."""
        held, self._held, self._is_marked = self._held, b"", False
        if held:
            self._split(held)
