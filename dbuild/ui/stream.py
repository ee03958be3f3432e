"""Standard output and error as they are: a terminal or not, with colours or not, perhaps closed by their reader."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Sequence
from typing import BinaryIO, TextIO

_DRAWN = "╭─┼▇▄●✗·…━╌▸█▏"  # some of each kind of what bars, curves and drawings are made of
_DOTS, _PLAIN_DOTS = "…", "~"  # one column each


def is_screen(stream: TextIO) -> bool:
    """Whether lines may be redrawn and coloured: a terminal, without NO_COLOR, CI or TERM=dumb."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return os.environ.get("CI", "").lower() not in ("true", "1") and stream.isatty()


def paint(text: str, colour: str, stream: TextIO, *, bold: bool = False) -> str:
    """The text in a colour where the stream is a screen, else as it is."""
    if not is_screen(stream):
        return text
    from click import style  # most of what a build writes goes to no screen, and click takes long to import

    return style(text, fg=colour or None, bold=bold or None)


def is_plain(stream: TextIO) -> bool:
    """Whether the stream is to have ASCII alone: because it can't show what is drawn with, or DBUILD_ASCII is set."""
    try:
        _DRAWN.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return True
    return bool(os.environ.get("DBUILD_ASCII"))


def _shown(text: str, stream: TextIO) -> str:
    """The text with the dots of what was cut as the stream can show them."""
    return text.replace(_DOTS, _PLAIN_DOTS) if _DOTS in text and is_plain(stream) else text


class ReaderGone(Exception):
    """Whoever read standard output has seen enough, as `head` does. No OSError: those are turned into exit code 1."""


def print_lines(*lines: str) -> None:
    """Writes lines of a report to standard output. Raises ReaderGone when its reader has gone."""
    print_data(_shown("".join(f"{line}\n" for line in lines), sys.stdout))


def print_data(text: str) -> None:
    """Writes a text to standard output as it is. Raises ReaderGone when its reader has gone."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        silence(sys.stdout)
        raise ReaderGone from None


def print_bytes(source: BinaryIO) -> None:
    """Copies a file to standard output as it is. Raises ReaderGone when its reader has gone."""
    try:
        for part in iter(lambda: source.read(1 << 20), b""):
            sys.stdout.buffer.write(part)
        sys.stdout.flush()
    except BrokenPipeError:
        silence(sys.stdout)
        raise ReaderGone from None


def print_notes(*lines: str) -> None:
    """Writes lines that are no data to standard error, folded where that is a terminal."""
    tell(sys.stderr, *fitted(lines, sys.stderr))


def fitted(lines: Sequence[str], stream: TextIO) -> Sequence[str]:
    """The lines, folded at blanks where the stream is a terminal that is narrower."""
    if not lines:  # of most events nothing is told, and the terminal needn't be asked
        return lines
    columns = columns_of(stream)
    if columns is None or all(len(line) <= columns for line in lines):
        return lines
    from dbuild.ui.folding import folded_all  # what is short, or goes to a file, needs none of it

    return folded_all(lines, columns)


def columns_of(stream: TextIO) -> int | None:
    """How wide the stream's terminal is at this moment; None where it is none, or doesn't tell."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None


def tell(stream: TextIO, *lines: str, is_last: bool = False) -> None:
    """Writes lines at once. A reader that has gone stops the run as Ctrl-C does, unless these lines are its last.

    A terminal that was closed is such a reader.
    """
    put(stream, "".join(f"{line}\n" for line in lines), is_last=is_last)


def put(stream: TextIO, text: str, *, is_last: bool = False) -> None:
    """Writes a text at once, as `tell` does lines."""
    try:
        stream.write(_shown(text, stream))
        stream.flush()
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.EIO):
            raise
        silence(stream)
        if not is_last:
            signal.raise_signal(signal.SIGINT)


def silence(stream: TextIO) -> None:
    """Sends all further writes to nowhere, the flush at the interpreter's end among them."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
