"""SQL text cut into statements and parsed into trees, by DuckDB's own parser. Nothing is bound, nothing is run.

DuckDB gives its tree for SELECTs only. Of a CREATE ... AS the body is parsed instead: all that stands before it is
blanked out, so that positions in the tree stay positions in the text. All positions are in bytes of UTF-8.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from dbuild.core.model import SqlRecipe
from dbuild.errors import Place, UserError

if TYPE_CHECKING:
    import duckdb

Tree = dict[str, Any]

_TEMPORARY = ("temp", "temporary")
_BODIED = ("table", "view", "macro", "function")
_COLUMN = b" IN ('found in the data') "
_AFTER_ON = ("using", "group", "order", "limit", "union", "intersect", "except")
_SIMPLE = re.compile(r'"([a-z_][a-z0-9_]*)"')
_ALLOWED = "only CREATE TEMP TABLE, VIEW or MACRO … AS may stand before the last SELECT"


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


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a recipe."""

    text: str  # without its semicolon
    start: int  # its position in the recipe, bytes
    kind: str  # "query", "table", "view" or "macro"
    name: str  # what it creates; "" for a query
    head: tuple[str, ...]  # the normal form of what stands before the body
    trees: tuple[tuple[Tree, Origin], ...]  # what it reads
    first: str  # the first word, in lower case


@dataclass(frozen=True, slots=True)
class Script:
    """A recipe's statements, or the mistakes that keep it from having any."""

    recipe: SqlRecipe
    statements: tuple[Statement, ...]
    problems: tuple[UserError, ...]

    def place(self, position: int) -> Place:
        """File and line of a position (bytes) in the recipe."""
        return place_of(self.recipe, position)


class _Mistake(Exception):
    """A mistake at a position of the recipe."""

    def __init__(self, what: str, position: int, hint: str | None) -> None:
        super().__init__(what)
        self.what = what
        self.position = position
        self.hint = hint


@lru_cache(maxsize=256)
def parse(recipe: SqlRecipe) -> Script:
    """The statements of a recipe; its mistakes of syntax and form, each with place and hint, as `problems`."""
    problems: list[UserError] = []
    statements: list[Statement] = []
    try:
        pieces = list(_cut(recipe.text))
    except _Mistake as mistake:
        return Script(recipe, (), (_problem(recipe, mistake),))
    for index, (text, start) in enumerate(pieces):
        try:
            statements.append(_parse_one(text, start, index == len(pieces) - 1))
        except _Mistake as mistake:
            problems.append(_problem(recipe, mistake))
    if not pieces:
        problems.append(UserError("the SQL is empty", recipe.place, "its last statement has to be a SELECT"))
    return Script(recipe, tuple(statements), tuple(problems))


def place_of(recipe: SqlRecipe, position: int) -> Place:
    """File and line of a position (bytes) in a recipe's text."""
    before = recipe.text.encode(errors="surrogateescape")[:position]
    return Place(recipe.place.file, max(1, recipe.place.line) + before.count(b"\n"))


def _problem(recipe: SqlRecipe, mistake: _Mistake) -> UserError:
    return UserError(mistake.what, place_of(recipe, mistake.position), mistake.hint)


@lru_cache(maxsize=1)
def parser() -> duckdb.DuckDBPyConnection:
    """A session that only parses; it can open no file."""
    import duckdb

    session = duckdb.connect(":memory:", config={"threads": 1, "enable_external_access": False})
    session.execute("SET errors_as_json = true")
    return session


@lru_cache(maxsize=1)
def table_functions() -> frozenset[str]:
    """The names of DuckDB's own functions that give tables."""
    rows = parser().execute(
        "SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE function_type IN ('table', 'table_macro')"
    )
    return frozenset(row[0] for row in rows.fetchall())


def _cut(text: str) -> Iterator[tuple[str, int]]:
    """Statements without their semicolons, each with its position; a _Mistake where DuckDB can't parse the text."""
    import duckdb

    if "\0" in text:
        raise _Mistake("the SQL holds a NUL", text.index("\0"), None)
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


def _syntax(text: str, error: Exception) -> _Mistake:
    """A parser's error with the line it points at as its hint."""
    found = error_object(error)
    position = int(found.get("position", 0))
    data = text.encode()
    start = data.rfind(b"\n", 0, position) + 1
    end = data.find(b"\n", position)
    line = data[start : len(data) if end < 0 else end].decode(errors="replace").rstrip()
    column = len(data[start:position].decode(errors="replace"))
    said = " ".join(str(found.get("exception_message", error)).split())
    return _Mistake(said, position, f"{line}\n        {' ' * column}^" if "position" in found else None)


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


def _parse_one(text: str, start: int, is_last: bool) -> Statement:
    words = tokens(text)
    first = words[0].text.lower()
    if first == "create":
        if is_last:
            raise _Mistake("the last statement is no SELECT", start, "end with the SELECT that gives the result")
        return _parse_create(text, start, words)
    if not is_last:
        raise _Mistake(f"{first.upper()} can't be used here", start, _ALLOWED)
    return Statement(text, start, "query", "", (), (_tree(text, start),), first)


def _tree(text: str, start: int) -> tuple[Tree, Origin]:
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
        raise _Mistake(what, start, hint)
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


def _parse_create(text: str, start: int, words: list[Token]) -> Statement:
    kind, at = _created_kind(words, start)
    if [w.text.lower() for w in words[at : at + 3]] == ["if", "not", "exists"]:
        at += 3
    name = words[at].text if at < len(words) else ""
    if at + 1 < len(words) and words[at + 1].text == ".":
        raise _Mistake("a temporary name has no schema", start, f"write {_bare(words[at + 2].text)} alone")
    body = _index_of_as(words, at + 1)
    if body is None:
        raise _Mistake(f"CREATE TEMP {kind.upper()} {name} has no AS", start, _ALLOWED)
    trees = _macro_trees(text, start, words, at, body) if kind == "macro" else [_body_tree(text, start, words, body)]
    head = tuple(_normal(word.text) for word in words[:body])
    return Statement(text, start, kind, _bare(name), head, tuple(trees), "create")


def _created_kind(words: list[Token], start: int) -> tuple[str, int]:
    """What a CREATE makes, and the index of the word after it."""
    lowered = [word.text.lower() for word in words[:6]]
    at = 3 if lowered[1:3] == ["or", "replace"] else 1
    is_temporary = lowered[at : at + 1] != [] and lowered[at] in _TEMPORARY
    at += is_temporary
    kind = lowered[at] if at < len(lowered) else ""
    if kind not in _BODIED:
        raise _Mistake(f"CREATE {kind.upper()} can't be used here", start, _ALLOWED)
    if not is_temporary:
        raise _Mistake(f"CREATE {kind.upper()} would outlive its task", start, f"write CREATE TEMP {kind.upper()}")
    return ("macro" if kind == "function" else kind), at + 1


def _index_of_as(words: list[Token], first: int) -> int | None:
    depth = 0
    for index in range(first, len(words)):
        text = words[index].text
        depth += (text == "(") - (text == ")")
        if depth == 0 and text.lower() == "as":
            return index
    return None


def _body_tree(text: str, start: int, words: list[Token], body: int) -> tuple[Tree, Origin]:
    data = text.encode()
    cut = words[body].start + 2
    return _tree(_blank(data[:cut]) + data[cut:].decode(), start)


def _blank(data: bytes) -> str:
    return re.sub(rb"[^\n]", b" ", data).decode()


def _macro_trees(text: str, start: int, words: list[Token], name: int, body: int) -> list[tuple[Tree, Origin]]:
    """The trees of a macro's bodies and of its parameters' defaults, for each of its forms."""
    data = text.encode()
    trees = []
    opening = name + 1
    while True:
        closing = words[body].start
        parameters = data[words[opening].start : closing].decode()
        trees.append(_tree(f"SELECT args{parameters}", _shift(start, words[opening], len("SELECT args"))))
        following = _next_form(words, body + 1)
        end = words[following].start if following else len(data)
        trees.append(_form_tree(data, start, words, body + 1, end))
        if following is None:
            return trees
        opening = following + 1
        body = _index_of_as(words, opening) or len(words) - 1


def _form_tree(data: bytes, start: int, words: list[Token], index: int, end: int) -> tuple[Tree, Origin]:
    if index >= len(words):
        raise _Mistake("a macro without a body", start, None)
    first = words[index]
    if first.text.lower() == "table":
        at = first.start + len("table")
        return _tree(data[at:end].decode(), start + at)
    return _tree("SELECT " + data[first.start : end].decode(), _shift(start, first, len("SELECT ")))


def _shift(start: int, token: Token, prefix: int) -> int:
    return start + token.start - prefix


def _next_form(words: list[Token], first: int) -> int | None:
    """The index of the comma before a further form of a macro: `, (parameters) AS`."""
    depth = 0
    for index in range(first, len(words)):
        text = words[index].text
        if depth == 0 and text == "," and index + 1 < len(words) and words[index + 1].text == "(":
            after = _closing(words, index + 1)
            if after + 1 < len(words) and words[after + 1].text.lower() == "as":
                return index
        depth += (text in "([{") - (text in ")]}") if len(text) == 1 else 0
    return None


def _closing(words: list[Token], opening: int) -> int:
    depth = 0
    for index in range(opening, len(words)):
        depth += (words[index].text == "(") - (words[index].text == ")")
        if depth == 0:
            return index
    return len(words) - 1


def _bare(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _normal(word: str) -> str:
    if word.startswith(("'", '"', "$")):
        simple = _SIMPLE.fullmatch(word)
        return simple[1] if simple else word
    return word.lower()
