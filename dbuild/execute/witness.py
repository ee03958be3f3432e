"""What a worker's recipes open, on its way from what sees it (strace, or a hook in the worker) to the task's result.

Both write lines to one pipe. The worker writes lines of its own to it, which tell where a task begins and ends; since
a call is told before what made it goes on, all that a task has opened stands between these.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from dbuild.core.task import Sight
from dbuild.core.undeclared import is_below
from dbuild.execute.strace import Reader
from dbuild.values import dataclass

_PIECE = 1 << 18  # bytes that are taken from the pipe at once
_MOST = 100_000  # sights of one task that are kept
_LONGEST = 1 << 16  # bytes of a line: more is no path


@dataclass(frozen=True, slots=True)
class Tracing:
    """How a run's recipes are looked at."""

    areas: tuple[str, ...]  # folders in which reading counts
    scratch: tuple[str, ...]  # folders outside the areas in which nothing counts
    strace: str | None  # the program; None: only what Python itself opens is seen, by a hook


def spelt(kind: str, path: str) -> bytes:
    """A sight as a line of the pipe."""
    return f":{kind} {os.fsencode(path).hex()}\n".encode()


def boundary(word: str, number: int) -> bytes:
    """The line before ("begin") or after ("end") all that a task opens."""
    return f":{word} {number}\n".encode()


class Witness:
    """The reading end of one worker's pipe."""

    def __init__(self, descriptor: int, tracing: Tracing, folder: str) -> None:
        self.descriptor = descriptor
        self._tracing = tracing
        self._reader = Reader(folder)
        self._rest = b""
        self._number = 0  # the task whose sights are taken; 0: none
        self._ended = 0  # the last task whose end was there
        self._sights: set[Sight] = set()
        self._has_more = False  # than are kept

    def take(self) -> bool:
        """Takes a piece of what is in the pipe; False at its end."""
        return self._take() is not False

    def finish(self, number: int) -> tuple[frozenset[Sight], bool]:
        """What a task that has ended, or whose worker is dead, has opened; and whether that is all of it."""
        while self._ended != number and self._take():
            pass  # its end is in the pipe, unless its worker is dead: then whatever is there
        self._number = 0
        sights = frozenset(self._sights)
        self._sights.clear()
        return sights, self._tracing.strace is not None and not self._has_more

    def _take(self) -> bool | None:
        """Whether there was something; None for not now, False for never again."""
        try:
            data = os.read(self.descriptor, _PIECE)
        except BlockingIOError:
            return None
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest if len(rest) <= _LONGEST else b""
        for line in lines:
            self._hear(line)
        return bool(data)

    def close(self) -> None:
        os.close(self.descriptor)

    def _hear(self, line: bytes) -> None:
        if line.startswith(b":"):
            self._hear_own(line[1:])
        elif self._number:
            self._keep(self._reader.read(line.decode("latin-1")))

    def _hear_own(self, line: bytes) -> None:
        word, _, rest = line.partition(b" ")
        try:
            if word == b"begin":
                self._number = int(rest)
                self._sights.clear()
                self._has_more = False
                self._reader.forget()
            elif word == b"end":
                self._number, self._ended = 0, int(rest)
            elif self._number:
                path = os.fsdecode(bytes.fromhex(rest.decode()))
                self._keep([Sight(word.decode(), path)])  # type: ignore[arg-type]
        except ValueError:
            pass  # a line that something else has broken

    def _keep(self, sights: Iterable[Sight]) -> None:
        for sight in sights:
            if sight in self._sights or not self._counts(sight):
                continue
            if len(self._sights) >= _MOST:
                self._has_more = True
            else:
                self._sights.add(sight)

    def _counts(self, sight: Sight) -> bool:
        if is_below(sight.path, self._tracing.areas):
            return True
        return sight.kind not in ("read", "list") and not is_below(sight.path, self._tracing.scratch)
