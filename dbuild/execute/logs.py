"""What a task prints, in a file of bounded size: its beginning, its end, and a line that says what is left out between.

The file is there from the first byte on and is appended to, so that it can be followed; when it has become too long
it is replaced as a whole by a shorter one (a follower sees another inode under the name).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from dbuild import failpoints
from dbuild.execute.amounts import spelt_bytes
from dbuild.execute.masks import Mask

HEAD = 1 << 20  # bytes of the beginning that are kept
TAIL = 4 << 20  # bytes of the end that are kept
_LONGEST = HEAD + 4 * TAIL  # bytes that a file may have before it is shortened
_LINE = 1 << 16  # bytes: a longer line is cut anywhere


class Log:
    """One task's log. Nothing here raises: what can't be written is said by `failure`."""

    def __init__(self, path: str, mask: Mask | None = None, hear: Callable[[bytes], None] | None = None) -> None:
        """`hear` gets all that is to be written, without the secrets that the mask hides."""
        self.failure: OSError | None = None  # why it could not be written; what came after is lost
        self.is_written = False  # whether there is a file
        self._path = path
        self._mask = mask
        self._hear = hear
        self._held = b""  # may be the beginning of a secret
        self._descriptor = -1
        self._size = 0  # of the file
        self._total = 0  # bytes that were to be written
        self._head = 0  # bytes of the beginning that the file keeps; 0 until something was left out

    def write(self, data: bytes) -> None:
        """Append what a task printed."""
        if self._mask:
            data, self._held = self._mask.hide_piece(self._held + data)
        self._append(data)

    def close(self) -> None:
        """Nothing more will come: the file gets its last form."""
        if self._mask and self._held:
            rest, self._held = self._mask.hide_piece(self._held, is_last=True)
            self._append(rest)
        if self._descriptor < 0:
            return
        try:
            if self._total > HEAD + TAIL and self.failure is None:
                self._shorten()
        except OSError as error:
            self.failure = error
        os.close(self._descriptor)
        self._descriptor = -1

    def _append(self, data: bytes) -> None:
        if self._hear is not None and data:
            self._hear(data)
        if not data or self.failure is not None:
            return
        try:
            if self._descriptor < 0:
                self._descriptor = _create(self._path)
                self.is_written = True
            self._total += len(data)
            failpoints.reach("log")
            _write(self._descriptor, data)
            self._size += len(data)
            if self._size > _LONGEST:
                self._shorten()
        except OSError as error:
            self.failure = error

    def _shorten(self) -> None:
        """Puts a file in its place that has only the beginning and the end of it."""
        if not self._head:
            self._head = HEAD - _after_line_break(os.pread(self._descriptor, _LINE, HEAD - _LINE)[::-1])
        head = os.pread(self._descriptor, self._head, 0)
        tail = os.pread(self._descriptor, TAIL, self._size - TAIL)
        tail = tail[_after_line_break(tail[:_LINE], 1) :]
        line = f"… {spelt_bytes(self._total - len(head) - len(tail))} left out …\n".encode()
        content = head + (b"" if head.endswith(b"\n") else b"\n") + line + tail
        temporary = f"{self._path}.tmp"
        new = _create(temporary)
        try:
            _write(new, content)
            os.replace(temporary, self._path)
        except OSError:
            os.close(new)
            os.unlink(temporary)
            raise
        os.close(self._descriptor)
        self._descriptor, self._size = new, len(content)


def append_lines(path: str, lines: Sequence[str]) -> None:
    """Adds lines to a log that is closed, or begins it; where it can't be written they are lost."""
    if not lines:
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC) if os.path.exists(path) else _create(path)
        try:
            _write(descriptor, "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace"))
        finally:
            os.close(descriptor)
    except OSError:
        pass


def _after_line_break(data: bytes, width: int = 0) -> int:
    """Where the first line break is, plus `width`; 0 where there is none."""
    place = data.find(b"\n")
    return 0 if place < 0 else place + width


def _create(path: str) -> int:
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
