"""Pages of the documentation, made ready for a terminal: what links mean there, and tables that fit."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from dbuild.cli.topics import TOPICS, Topic

_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(!?)\[((?:`[^`]*`|[^]`])*)\]\(\s*([^)\s]+)[^)]*\)")
_TABLE = re.compile(r"(?:^\|.*\|\n?)+", re.MULTILINE)
_BETWEEN = 2  # columns that a table needs beside those of its texts, for each column


def manual_page(topic: Topic, text: str, width: int) -> str:
    """A page as Markdown for a terminal of so many columns.

    Links name what shows the page that they lead to, pictures are told, and tables that could be shown only by cutting
    words, or that have no head, are lists.
    """
    parts, position = [], 0
    for block in _FENCED.finditer(text):
        parts += [_prose(text[position : block.start()], topic.page, width), block[0]]
        position = block.end()
    return "".join([*parts, _prose(text[position:], topic.page, width)])


def _prose(text: str, page: str, width: int) -> str:
    text = _LINK.sub(lambda found: _link(found[1], found[2], found[3], page), text)
    return _TABLE.sub(lambda found: _table(found[0], width), text)


def _link(mark: str, text: str, target: str, page: str) -> str:
    """What stands for a link: the command that shows the page, or where the file is."""
    if mark:
        return f"*(A picture: {text}.)*"
    if re.match(r"\w+:", target):
        return text if target.endswith(text) else f"{text} ({target})"
    path = target.partition("#")[0]
    if path in ("", page):
        return text
    for name, topic in TOPICS.items():
        if topic.page == path and not topic.section:
            return f"{text} (`dbuild help {name}`)"
    path = posixpath.normpath(posixpath.join("docs", path))
    return text if path.endswith(text) else f"{text} ({path})"


def _table(text: str, width: int) -> str:
    """A table as it is where that can be shown; else a list, of wide rows a list for each."""
    head, _, *rows = (_cells(line) for line in text.splitlines())
    if len(head) == 2 and not any(head):
        return "".join(f"- {first}: {second}\n" for first, second in rows)
    least = (max(map(_longest_word, column)) for column in zip(head, *rows, strict=True))
    if sum(least) + _BETWEEN * len(head) <= width:
        return text
    return "".join(_row(head, row) for row in rows)


def _row(head: Sequence[str], row: Sequence[str]) -> str:
    lines = (f"- {name}: {cell}\n" for name, cell in zip(head[1:], row[1:], strict=True))
    return "".join([f"**{row[0]}**\n\n", *lines, "\n"])


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])]


def _longest_word(cell: str) -> int:
    return max(map(len, re.sub(r"[`*]", "", cell).split()), default=0)
