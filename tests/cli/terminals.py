"""A real pseudo-terminal with a real process in it, and what a terminal emulator makes of the bytes that come out."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

import pyte

PATIENCE = 40.0  # seconds after which a test gives up


class Terminal:
    """A terminal of some size in which a command runs. As a context manager it ends what still runs."""

    def __init__(
        self,
        folder: Path,
        environment: dict[str, str],
        *words: str,
        columns: int = 80,
        rows: int = 24,
        program: Sequence[str] = (sys.executable, "-m", "dbuild"),
    ) -> None:
        self.output = b""  # all bytes that came
        self.writes = 0  # reads that gave something: at most so many writes
        self.screen = pyte.HistoryScreen(columns, rows, history=1000)
        self._stream = pyte.ByteStream(self.screen)
        self._ours, theirs = os.openpty()
        self._set_size(columns, rows)
        self.process = subprocess.Popen(
            [*program, *words],
            cwd=folder,
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._ours)

    @property
    def lines(self) -> list[str]:
        """The screen without blanks at the ends, and without empty lines at its end."""
        lines = [line.rstrip() for line in self.screen.display]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    @property
    def history(self) -> list[str]:
        """What went out of the screen at the top, then the screen."""
        rows = ("".join(row[at].data for at in range(self.screen.columns)) for row in self.screen.history.top)
        return [*(row.rstrip() for row in rows), *self.lines]

    def until(self, is_so: Callable[[], bool]) -> None:
        """Takes what comes until something is so."""
        deadline = time.monotonic() + PATIENCE
        while not is_so():
            assert self._take(deadline), "\n".join(["it ended before that was so:", *self.history])

    def until_shown(self, text: str) -> None:
        """Takes what comes until a text is on the screen."""
        self.until(lambda: text in "\n".join(self.lines))

    def finish(self, patience: float = PATIENCE) -> int:
        """Takes all that comes; the exit code."""
        deadline = time.monotonic() + patience
        while self._take(deadline):
            pass
        return self.process.wait(patience)

    def resize(self, columns: int, rows: int) -> None:
        """The window gets another size, as when its border is moved."""
        self.screen.resize(rows, columns)
        self._set_size(columns, rows)

    def type(self, keys: bytes) -> None:
        """Somebody presses keys."""
        os.write(self._ours, keys)

    def close(self) -> None:
        """Somebody closes the window."""
        os.close(self._ours)
        self._ours = os.open(os.devnull, os.O_RDONLY)

    def _set_size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _take(self, deadline: float) -> bool:
        """Whether there may be more."""
        ready, _, _ = select.select([self._ours], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, "\n".join(["nothing comes any more:", *self.history])
        try:
            data = os.read(self._ours, 1 << 16)
        except OSError:  # Linux: everybody has closed the other end
            return False
        self.output += data
        self.writes += bool(data)
        self._stream.feed(data)
        return bool(data)
