"""A worker's standard streams, which its recipes share with it: flushed after each, and there for the next."""

from __future__ import annotations

import os
import sys
from typing import TextIO

_NAMES = ("stdout", "stderr")


class Streams:
    """Standard output and error as they are now; a recipe may close them, replace them or close their descriptors."""

    def __init__(self) -> None:
        self._spare = os.dup(1)
        self._identity = os.fstat(1).st_ino
        self._own = {name: _open(number) for number, name in enumerate(_NAMES, 1)}
        self.restore()

    def restore(self) -> None:
        """All that was printed is in the pipe; the streams are what they were."""
        for number, name in enumerate(_NAMES, 1):
            stream = getattr(sys, name)
            own = self._own[name]
            is_flushed = stream is own or _flush(stream)
            if not (_flush(own) and is_flushed and self._is_whole(number)):
                os.dup2(self._spare, number)
                own = self._own[name] = _open(number) if own.closed else own
            if stream is not own:
                setattr(sys, name, own)

    def write(self, data: bytes) -> None:
        """Puts a few bytes into the pipe, after all that was printed; nothing where a recipe has closed it."""
        try:
            os.write(self._spare, data)
        except BlockingIOError:  # a recipe has set it so, and filled it
            os.set_blocking(self._spare, True)
            os.write(self._spare, data)
        except OSError:
            pass

    def _is_whole(self, number: int) -> bool:
        try:
            return os.fstat(number).st_ino == self._identity
        except OSError:
            return False


def _open(number: int) -> TextIO:
    """A line is seen when it is printed, whatever is in it."""
    return open(number, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)


def _flush(stream: TextIO | None) -> bool:
    """Whether a stream could be flushed; None stands for one that was not there, so nothing is in it."""
    try:
        if stream is not None:
            stream.flush()
    except (OSError, ValueError, AttributeError):
        return False
    return True
