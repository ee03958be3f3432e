"""Sentences that fit the terminal: folded at blanks, what follows indented below what they begin with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from dbuild.ui.widths import width_of

_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")  # what `paint` writes; nothing else of that kind is in a line
_HANGING = 4  # columns by which what follows is indented: what belongs below a line is by two
_LEAST = 16  # columns of text: with less of them a line is left to the terminal
_VERBATIM = re.compile(r"\S* *\| |[-+] ?|@@")  # what others wrote: output of a recipe, a difference of texts


def folded_all(lines: Iterable[str], width: int | None) -> list[str]:
    """The lines, each folded where it is wider than `width`; without it, as they are."""
    return list(lines) if width is None else [part for line in lines for part in folded(line, width)]


def folded(line: str, width: int) -> list[str]:
    """A line as several of at most `width` columns; words stay whole, so that names and paths can be copied."""
    text = _ESCAPES.sub("", line)
    words = text.lstrip(" ")
    indent = len(text) - len(words) + _HANGING
    if width_of(text) <= width or _VERBATIM.match(words) or width - indent < _LEAST:
        return [line]
    return list(_folded(line, width, " " * indent))


def _folded(line: str, width: int, indent: str) -> Iterator[str]:
    kept = ""
    for word in re.findall(r" *[^ ]+", line):
        longer = kept + word
        if kept.strip(" ") and width_of(_ESCAPES.sub("", longer)) > width:
            yield kept
            kept = indent + word.lstrip(" ")
        else:
            kept = longer
    yield kept
