"""What recipes print, as it comes: whole lines, each with the partition that it is from."""

from __future__ import annotations

import io

from dbuild.ui.stream import print_bytes, print_lines
from dbuild.ui.text import clean, clean_lines

_LONGEST = 1 << 16  # bytes of a line that are held until it ends


class LogPrinter:
    """Writes to standard output: made safe for a terminal where it is one, else byte for byte."""

    def __init__(self, *, is_terminal: bool) -> None:
        self.has_printed = False
        self._is_terminal = is_terminal
        self._held: dict[str, bytes] = {}  # label -> the beginning of a line

    def take(self, label: str, data: bytes) -> None:
        """Prints what is whole of it. Raises ReaderGone when its reader has gone."""
        self.has_printed = True
        if not label and not self._is_terminal:
            print_bytes(io.BytesIO(data))
            return
        *lines, rest = (self._held.get(label, b"") + data).split(b"\n")
        if len(rest) > _LONGEST:
            lines, rest = [*lines, rest], b""
        self._held[label] = rest
        self._print(label, lines)

    def finish(self) -> None:
        """Prints the lines that never ended."""
        for label, rest in self._held.items():
            self._print(label, [rest] if rest else [])
        self._held.clear()

    def _print(self, label: str, lines: list[bytes]) -> None:
        prefix = f"{clean(label)} | " if label else ""
        if self._is_terminal:
            texts = [line.decode("utf-8", "surrogateescape") for line in lines]
            print_lines(*(prefix + part for text in texts for part in clean_lines(text)))
        else:
            print_bytes(io.BytesIO(b"".join(prefix.encode() + line + b"\n" for line in lines)))
