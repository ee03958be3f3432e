"""Reports as standard output can show them: folded where it is narrow, through a pager where it is low."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence

from dbuild.ui.folding import folded_all
from dbuild.ui.stream import ReaderGone, is_screen, print_lines, silence

WIDTH = 80  # columns of a report that goes to a file or another program, unless COLUMNS says otherwise


def width_of_output() -> int:
    """The columns that a report may have."""
    return shutil.get_terminal_size((WIDTH, 24)).columns


def room() -> int | None:
    """The columns that a table may have: those of the terminal, or COLUMNS; None where nothing has to be cut."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() or os.environ.get("COLUMNS") else None


def print_report(*lines: str) -> None:
    """Writes a report to standard output, folded where that is a terminal; tables are fitted before, by `room`.

    Raises ReaderGone when its reader has gone.
    """
    print_lines(*folded_all(lines, room()))


def print_long(lines: Sequence[str]) -> None:
    """Writes lines to standard output, through the user's pager where that is a terminal with fewer rows.

    Raises ReaderGone when the reader has gone.
    """
    if not sys.stdout.isatty() or len(lines) < shutil.get_terminal_size().lines or os.environ.get("PAGER") == "cat":
        print_lines(*lines)
        return
    os.environ.setdefault("LESS", "-FRSX")  # as git has it: colours, no folded lines, what was shown stays
    from click import echo_via_pager

    try:
        echo_via_pager("\n".join(lines) + "\n", color=is_screen(sys.stdout))
    except BrokenPipeError:
        silence(sys.stdout)
        raise ReaderGone from None
