"""Reading a log while it is written, also when it is replaced by a shorter one (see execute/logs.py)."""

from __future__ import annotations

import os
import re
from collections import OrderedDict
from collections.abc import Iterator
from itertools import repeat

from dbuild.execute.logs import HEAD, TAIL

_PIECE = 1 << 20  # bytes that are read at once
_LINE = 1 << 16  # bytes: as far as a log looks for a line break where it cuts
_OPEN = 32  # logs that are held open at once, those that grew last
_LEFT_OUT = re.compile("… [^\n]* left out …\n".encode())
_LOST = "… a part is left out here: it was printed faster than it could be shown …\n".encode()


class Tail:
    """One log, from its beginning; nothing of it is given twice."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = -1
        self._inode = 0
        self._place = 0  # bytes of the file that were given

    @property
    def is_open(self) -> bool:
        return self._descriptor >= 0

    def read(self) -> bytes:
        """What has been added since the last call, as much as is read at once; b"" for nothing yet."""
        try:
            found = os.stat(self._path)
        except OSError:
            return self._rest()  # it is being replaced, or was removed: what is held is all that there is
        if found.st_ino == self._inode and found.st_size == self._place:
            return b""
        if found.st_ino != self._inode:
            rest = self._rest()
            return rest or self._turn_over()
        if found.st_size < self._place:  # begun anew
            self._place = 0
        self._open()
        return self._rest()

    def close(self) -> None:
        """Gives the descriptor back; a later `read` takes up where this one ended."""
        if self.is_open:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> None:
        if not self.is_open:
            self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            self._inode = os.fstat(self._descriptor).st_ino

    def _rest(self) -> bytes:
        if not self.is_open:
            return b""
        data = os.pread(self._descriptor, _PIECE, self._place)
        self._place += len(data)
        return data

    def _turn_over(self) -> bytes:
        """Goes on with the file that has taken the place of the one that was read to its end."""
        old, self._descriptor = self._descriptor, -1
        has_begun = self._place > 0
        try:
            self._open()
            if not has_begun:
                return self._rest()
            place = _counterpart(old, self._place, self._descriptor)
            self._place = place if place is not None else _last_lines(self._descriptor)
            return self._rest() if place is not None else _LOST + self._rest()
        except FileNotFoundError:
            return b""
        finally:
            if old >= 0:
                os.close(old)


def _counterpart(old: int, size: int, new: int) -> int | None:
    """Where in a shortened log the end of the one before is; None where that can't be told.

    The new one is the old one's beginning, a line that says what is left out, and the old one's end.
    """
    if old < 0:
        return None
    end = os.pread(old, TAIL, max(0, size - TAIL))
    cut = end[:_LINE].find(b"\n") + 1
    end = end[cut:]
    start = HEAD - _LINE
    lines = list(_LEFT_OUT.finditer(os.pread(new, _LINE + 256, start)))
    for line in reversed(lines):
        place = start + line.end()
        if os.pread(new, len(end), place) == end:
            return place + len(end)
    return None


def _last_lines(descriptor: int) -> int:
    """Where the last lines of a file begin."""
    size = os.fstat(descriptor).st_size
    place = max(0, size - _LINE)
    data = os.pread(descriptor, _LINE, place)
    return place + data.find(b"\n") + 1 if place else 0


class Tails:
    """The logs of a run. Few are held open: most have ended, or say nothing for a long time."""

    def __init__(self) -> None:
        self._tails: dict[str, Tail] = {}
        self._open: OrderedDict[str, Tail] = OrderedDict()

    def drain(self, path: str, limit: int | None = None) -> Iterator[bytes]:
        """All that has been added to a log since it was read last, in at most `limit` pieces."""
        for _ in range(limit) if limit is not None else repeat(None):
            data = self._read(path)
            if not data:
                return
            yield data

    def _read(self, path: str) -> bytes:
        tail = self._tails.setdefault(path, Tail(path))
        data = tail.read()
        if tail.is_open:
            self._open[path] = tail
            if data:
                self._open.move_to_end(path)
            while len(self._open) > _OPEN:
                self._open.popitem(last=False)[1].close()
        return data

    def close(self) -> None:
        """Gives all descriptors back."""
        while self._open:
            self._open.popitem()[1].close()
