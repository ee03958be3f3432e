"""DuckDB's own parser and tokenizer: words, statements cut apart, and the trees of queries. Nothing is bound or run.

All positions are in bytes of UTF-8.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from dbuild.values import dataclass

if TYPE_CHECKING:
    import duckdb

Tree = dict[str, Any]

_COLUMN = b" IN ('found in the data') "
_AFTER_ON = ("using", "group", "order", "limit", "union", "intersect", "except")


@dataclass(frozen=True, slots=True)
class Token:
    """A word of SQL; comments and blanks are none."""

    text: str
    start: int  # bytes


@dataclass(frozen=True, slots=True)
class Origin:
    """How positions in the text that was parsed become positions in the recipe. All are bytes."""

    start: int  # added to each
    added: tuple[tuple[int, int], ...] = ()  # what isn't in the recipe: its position in the parsed text, its length

    def position(self, parsed: int) -> int:
        """The place in the recipe of a position in the parsed text."""
        extra = sum(min(length, parsed - at) for at, length in self.added if at < parsed)
        return max(0, parsed - extra + self.start)


class Mistake(Exception):
    """A mistake at a position of the recipe."""

    def __init__(self, what: str, position: int, hint: str | None) -> None:
        super().__init__(what)
        self.what = what
        self.position = position
        self.hint = hint


_parsers: list[tuple[duckdb.DuckDBPyConnection, duckdb.DuckDBPyConnection | None]] = []  # one; whose cursor it is


def parser() -> duckdb.DuckDBPyConnection:
    """A session that only parses; it can open no file, or none but those of the session that was lent."""
    import duckdb

    if not _parsers:
        _keep(duckdb.connect(":memory:", config={"threads": 1, "enable_external_access": False}), None)
    return _parsers[0][0]


def lend(session: duckdb.DuckDBPyConnection) -> None:
    """Have a cursor of a session that is there anyhow parse, where nothing does yet: another costs 20 ms."""
    if not _parsers:
        _keep(session.cursor(), session)


def take_back(session: duckdb.DuckDBPyConnection) -> None:
    """Let go of a session that was lent, before it is closed."""
    if _parsers and _parsers[0][1] is session:
        _parsers.pop()[0].close()


def _keep(cursor: duckdb.DuckDBPyConnection, lent: duckdb.DuckDBPyConnection | None) -> None:
    cursor.execute("SET errors_as_json = true")  # of this cursor alone
    _parsers.append((cursor, lent))


@lru_cache(maxsize=1)
def table_functions() -> frozenset[str]:
    """The names of DuckDB's own functions that give tables."""
    rows = parser().execute(
        "SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE function_type IN ('table', 'table_macro')"
    )
    return frozenset(row[0] for row in rows.fetchall())


def cut(text: str) -> Iterator[tuple[str, int]]:
    """Statements without their semicolons, each with its position; a Mistake where DuckDB can't parse the text."""
    import duckdb

    if "\0" in text:
        raise Mistake("the SQL holds a NUL", text.index("\0"), None)
    try:
        parser().extract_statements(text)
    except duckdb.Error as error:
        raise _syntax(text, error) from None
    data = text.encode()
    first: int | None = None
    for token in tokens(text):
        if token.text == ";":
            if first is not None:
                yield data[first : token.start].decode(), first
            first = None
        elif first is None:
            first = token.start
    if first is not None:
        yield data[first:].decode(), first


def _syntax(text: str, error: Exception) -> Mistake:
    """A parser's error with the line it points at as its hint."""
    found = error_object(error)
    position = int(found.get("position", 0))
    data = text.encode()
    start = data.rfind(b"\n", 0, position) + 1
    end = data.find(b"\n", position)
    line = data[start : len(data) if end < 0 else end].decode(errors="replace").rstrip()
    column = len(data[start:position].decode(errors="replace"))
    said = " ".join(str(found.get("exception_message", error)).split())
    return Mistake(said, position, f"{line}\n        {' ' * column}^" if "position" in found else None)


def error_object(error: Exception) -> dict[str, Any]:
    """What an error of a session with `errors_as_json` holds; empty where it isn't of that form."""
    text = str(error)
    try:
        found = json.loads(text[text.index("{") :])
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def tokens(text: str) -> list[Token]:
    """The words of a text, without comments, by DuckDB's tokenizer."""
    import duckdb

    data = text.encode()
    marks = [(start, kind.name) for start, kind in duckdb.tokenize(text)] + [(len(data), "end")]
    return [
        Token(data[start:end].decode().strip(), start)
        for (start, kind), (end, _) in pairwise(marks)
        if kind != "comment"
    ]


def tree_of(text: str, start: int) -> tuple[Tree, Origin]:
    """The tree of a query. A PIVOT that finds its columns in the data has none, so it is parsed with a column given."""
    found = _serialize(text)
    added: tuple[tuple[int, int], ...] = ()
    if found.get("error_type") == "not implemented":
        listed, added = _with_columns(text)
        found = _serialize(listed) if added else found
    if found.get("error"):
        word = text.split(None, 1)[0].upper()
        said = str(found.get("error_message", ""))
        what = said if found.get("error_type") == "parser" else f"{word} can't be used here"
        hint = (
            "list the columns: PIVOT … ON column IN (…)"
            if added or word == "PIVOT"
            else "the last statement has to be a SELECT"
        )
        raise Mistake(what, start, hint)
    return found["statements"][0]["node"], Origin(start, added)


def _with_columns(text: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    """A text with a list of columns in each `PIVOT … ON expression` that has none, and what was added where."""
    words = tokens(text)
    ends = [end for index, word in enumerate(words) if word.text.lower() == "pivot" for end in _unlisted(words, index)]
    data = text.encode()
    added: list[tuple[int, int]] = []
    for end in sorted(set(ends)):
        at = (words[end].start if end < len(words) else len(data)) + len(_COLUMN) * len(added)
        data = data[:at] + _COLUMN + data[at:]
        added.append((at, len(_COLUMN)))
    return data.decode(), tuple(added)


def _unlisted(words: list[Token], pivot: int) -> Iterator[int]:
    """Where the expressions of a PIVOT's ON end (as indices of words) that are not followed by IN (…)."""
    depth = 0
    inside = listed = False
    for index in range(pivot + 1, len(words) + 1):
        word = words[index].text.lower() if index < len(words) else ")"
        depth += (word == "(") - (word == ")")
        if depth > 0 or (depth == 0 and word == ")"):
            continue
        if inside and (depth < 0 or word in (",", *_AFTER_ON)):
            if not listed:
                yield index
            listed = False
        if depth < 0 or (inside and word in _AFTER_ON):
            return
        inside = inside or word == "on"
        listed = listed or (inside and word == "in")


def _serialize(text: str) -> Tree:
    row = parser().execute("SELECT json_serialize_sql($text)", {"text": text}).fetchone()
    try:
        found: Tree = json.loads(row[0]) if row else {}
    except RecursionError:
        return {"error": True, "error_type": "parser", "error_message": "the SQL is nested too deeply", "position": 0}
    return found
