"""Lines at the bottom of a terminal that change in place; whatever else is written goes above them.

A frame is one write, and of lines that are as they were nothing is written. The cursor stays visible and at the end of
the last line, so that whatever ends the process leaves a terminal in order.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple, TextIO

from dbuild.ui.stream import is_plain, put

_UP, _TO_END_OF_LINE, _TO_END_OF_SCREEN = "\x1b[{}A", "\x1b[K", "\x1b[J"


class Line(NamedTuple):
    """A line as it is written, and the columns that it takes; no more than the terminal has."""

    text: str
    width: int


class Size(NamedTuple):
    """Of a terminal, in characters."""

    columns: int
    rows: int


def size_of(stream: TextIO) -> Size:
    """The terminal's size at this moment; as usual where it doesn't tell."""
    try:
        found = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return Size(80, 24)
    return Size(found.columns or 80, found.lines or 24)


class Live:
    """The changing lines of one stream."""

    def __init__(
        self, stream: TextIO, size: Callable[[], Size], *, is_reflowing: bool = True, has_unicode: bool = True
    ) -> None:
        """`is_reflowing`: when the terminal gets narrower, it breaks lines that are too long, and doesn't cut them."""
        self.size = size
        self.has_unicode = has_unicode
        self._stream = stream
        self._is_reflowing = is_reflowing
        self._shown: list[Line] = []
        self._columns = 0  # of the terminal when they were drawn
        self._is_elsewhere = False  # the cursor, since then

    def draw(self, lines: Sequence[Line], above: Sequence[str] = ()) -> None:
        """Shows these lines, and writes others above them, to stay."""
        self._find_cursor()
        size = self.size().columns
        if above or size != self._columns or len(lines) != len(self._shown):
            text = self._erasure() + "".join(f"{line}\n" for line in above) + "\n".join(line.text for line in lines)
        else:
            text = self._changes(lines)
        self._shown, self._columns = list(lines), size
        if text:
            put(self._stream, text)

    def clear(self, above: Sequence[str] = (), *, is_last: bool = False) -> None:
        """Takes the lines off the screen, and writes others in their place, to stay."""
        self._find_cursor()
        text = self._erasure() + "".join(f"{line}\n" for line in above)
        self._shown = []
        if text:
            put(self._stream, text, is_last=is_last)

    def forget(self) -> None:
        """Takes what is shown for something else's: the next frame is drawn below whatever is on the screen.

        It may be called in the middle of a frame, by a signal.
        """
        self._is_elsewhere = True

    def _find_cursor(self) -> None:
        if self._is_elsewhere:
            self._is_elsewhere, self._shown = False, []

    def _changes(self, lines: Sequence[Line]) -> str:
        changed = [at for at, (old, new) in enumerate(zip(self._shown, lines, strict=True)) if old != new]
        if not changed:
            return ""
        last = len(lines) - 1
        parts = [_UP.format(last - changed[0]) if changed[0] < last else "", "\r"]
        for at in range(changed[0], len(lines)):
            parts.append(lines[at].text + _TO_END_OF_LINE if lines[at] != self._shown[at] or at == last else "")
            parts.append("\n" if at < last else "")
        return "".join(parts)

    def _erasure(self) -> str:
        """Takes what is shown off the screen, also where the terminal has become narrower since."""
        if not self._shown:
            return ""
        size = self.size()
        rows = rows_of(self._shown, size.columns) if self._is_reflowing else len(self._shown)
        up = min(rows, size.rows) - 1
        return (_UP.format(up) if up > 0 else "") + "\r" + _TO_END_OF_SCREEN


def rows_of(lines: Sequence[Line], columns: int) -> int:
    """The rows that lines take on a terminal that breaks those that are too long."""
    return sum(max(1, -(-line.width // max(1, columns))) for line in lines)


def live_on(stream: TextIO) -> Live:
    """The changing lines of a terminal."""
    cuts = "XTERM_VERSION" in os.environ or os.environ.get("TERM", "") in ("linux", "xterm-mono")
    live = Live(stream, lambda: size_of(stream), is_reflowing=not cuts, has_unicode=not is_plain(stream))
    with suppress(ValueError):  # not the main thread: whoever started it owns the signals
        # After Ctrl-Z the shell has written, and the cursor isn't where it was.
        signal.signal(signal.SIGCONT, lambda number, frame: live.forget())
    return live
