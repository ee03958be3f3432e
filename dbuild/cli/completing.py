"""What a shell asks while a command line is written: `dbuild --complete SHELL WORD...`. Imports next to nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from dbuild.cli.words import COMMANDS, TOPICS
from dbuild.core.completion import Candidate, Dataset, Line, Outline, candidates, read_line

_MOST = 500  # candidates: nobody looks through more
_CONTROL = dict.fromkeys(range(32), " ")


def complete(words: Sequence[str]) -> int:
    """Writes the candidates for the last word, one a line, with a tab before what they mean; never an error.

    `words` are the shell and the command line, up to the cursor, taken apart; from bash as one text.
    """
    shell, *given = words or [""]
    if shell == "bash":
        given = split_line(given[0] if given else "")
    line = read_line(given[1:], COMMANDS)
    found = candidates(line, COMMANDS, TOPICS, lambda: _outline(line), lambda dataset: _keys(line, dataset))
    texts = [_written(each, shell) for each in found[:_MOST]]
    try:
        sys.stdout.buffer.write("".join(f"{text}\n" for text in texts).encode("utf-8", "replace"))
        sys.stdout.flush()
    except OSError:
        return 1
    return 0


def split_line(text: str) -> list[str]:
    """The words of a line, as a shell would have them, as far as quotes go; the last may be unfinished."""
    words: list[str] = [""]
    quote = ""
    is_escaped = False
    for character in text:
        if is_escaped:
            words[-1] += character
            is_escaped = False
        elif character == "\\" and quote != "'":
            is_escaped = True
        elif quote:
            quote, words[-1] = ("", words[-1]) if character == quote else (quote, words[-1] + character)
        elif character in "'\"":
            quote = character
        elif character in " \t\n":
            words += [""] if words[-1] else []
        elif character in ";|&":
            words = [""]
        else:
            words[-1] += character
    return words


def _written(candidate: Candidate, shell: str) -> str:
    text = candidate.text.translate(_CONTROL)
    return text if shell == "bash" or not candidate.help else f"{text}\t{candidate.help.translate(_CONTROL)}"


def _place(line: Line) -> tuple[str, str]:
    """The folder of the project, and the name of its Dataflowfile."""
    path = os.path.abspath(os.path.join(".", *(os.path.expanduser(each) for each in line.folders), line.file))
    return os.path.dirname(path), os.path.basename(path)


def _outline(line: Line) -> Outline:
    from dbuild.state.outline import outline_of

    return outline_of(*_place(line))


def _keys(line: Line, dataset: Dataset) -> list[tuple[str, ...]]:
    from dbuild.state.outline import known_keys

    return list(known_keys(*_place(line), dataset))
