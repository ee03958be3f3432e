"""SQL text cut into statements and parsed into trees, by DuckDB's own parser. Nothing is bound, nothing is run.

DuckDB gives its tree for SELECTs only. Of a CREATE ... AS the body is parsed instead: all that stands before it is
blanked out, so that positions in the tree stay positions in the text. All positions are in bytes of UTF-8.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from dbuild.core.model import MacroFile, SqlRecipe
from dbuild.errors import Place, UserError
from dbuild.recipes.syntax import Mistake, Origin, Token, Tree, cut, tokens, tree_of
from dbuild.values import dataclass, replace

_TEMPORARY = ("temp", "temporary")
_BODIED = ("table", "view", "macro", "function")
_SIMPLE = re.compile(r'"([a-z_][a-z0-9_]*)"')
_ALLOWED = "only CREATE TEMP TABLE, VIEW or MACRO … AS may stand before the last SELECT"
_ONLY_MACROS = "a file of macros holds CREATE MACRO statements only"


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
    named_at: int = 0  # where the name of what it creates stands in `text`, bytes
    is_table: bool = False  # a macro that gives a table

    @property
    def form(self) -> list[Any]:
        """What counts of it: layout, comments, the case of keywords and redundant parentheses don't."""
        return [list(self.head), [_canonical(tree) for tree, _ in self.trees]]


def _canonical(tree: Any) -> Any:
    """A tree without the positions in the text."""
    if isinstance(tree, dict):
        return {key: _canonical(value) for key, value in tree.items() if not key.startswith("query_location")}
    return [_canonical(item) for item in tree] if isinstance(tree, list) else tree


@dataclass(frozen=True, slots=True)
class Script:
    """The statements of a recipe or of a file of macros, or the mistakes that keep it from having any."""

    recipe: SqlRecipe | MacroFile
    statements: tuple[Statement, ...]
    problems: tuple[UserError, ...]

    def place(self, position: int) -> Place:
        """File and line of a position (bytes) in the recipe."""
        return place_of(self.recipe, position)


@lru_cache(maxsize=256)
def parse(recipe: SqlRecipe) -> Script:
    """The statements of a recipe; its mistakes of syntax and form, each with place and hint, as `problems`."""
    problems: list[UserError] = []
    statements: list[Statement] = []
    try:
        pieces = list(cut(recipe.text))
    except Mistake as mistake:
        return Script(recipe, (), (_problem(recipe, mistake),))
    for index, (text, start) in enumerate(pieces):
        try:
            statements.append(_parse_one(text, start, index == len(pieces) - 1))
        except Mistake as mistake:
            problems.append(_problem(recipe, mistake))
    if not pieces:
        problems.append(UserError("the SQL is empty", recipe.place, "its last statement has to be a SELECT"))
    return Script(recipe, tuple(statements), tuple(problems))


@lru_cache(maxsize=64)
def parse_macros(file: MacroFile) -> Script:
    """The statements of a file of macros, TEMP or not; anything else in it is a problem at its place."""
    problems: list[UserError] = []
    statements: list[Statement] = []
    try:
        for text, start in cut(file.text):
            try:
                statements.append(_parse_macro(text, start))
            except Mistake as mistake:
                problems.append(_problem(file, mistake))
    except Mistake as mistake:
        problems.append(_problem(file, mistake))
    return Script(file, tuple(statements), tuple(problems))


def place_of(recipe: SqlRecipe | MacroFile, position: int) -> Place:
    """File and line of a position (bytes) in the text of a recipe or a file of macros."""
    before = recipe.text.encode(errors="surrogateescape")[:position]
    return Place(recipe.place.file, max(1, recipe.place.line) + before.count(b"\n"))


def _problem(recipe: SqlRecipe | MacroFile, mistake: Mistake) -> UserError:
    return UserError(mistake.what, place_of(recipe, mistake.position), mistake.hint)


def _parse_one(text: str, start: int, is_last: bool) -> Statement:
    words = tokens(text)
    first = words[0].text.lower()
    if first == "create":
        if is_last:
            raise Mistake("the last statement is no SELECT", start, "end with the SELECT that gives the result")
        return _parse_create(text, start, words)
    if not is_last:
        raise Mistake(f"{first.upper()} can't be used here", start, _ALLOWED)
    return Statement(text, start, "query", "", (), (tree_of(text, start),), first)


def _parse_macro(text: str, start: int) -> Statement:
    words = tokens(text)
    kind, _, at = _created(words)
    if kind != "macro":
        first = " ".join(word.text.upper() for word in words[: max(1, at)])
        raise Mistake(f"{first} can't be used in a file of macros", start, _ONLY_MACROS)
    statement = _parse_body(text, start, words, kind, at)
    before = sum(word.start < statement.named_at for word in words)  # these say how it is created, not what
    return replace(statement, head=statement.head[before:])


def _parse_create(text: str, start: int, words: list[Token]) -> Statement:
    kind, is_temporary, at = _created(words)
    if not kind:
        raise Mistake(f"CREATE {_word(words, at - 1).upper()} can't be used here", start, _ALLOWED)
    if not is_temporary:
        written = words[at - 1].text.upper()
        raise Mistake(f"CREATE {written} would outlive its task", start, f"write CREATE TEMP {written}")
    return _parse_body(text, start, words, kind, at)


def _parse_body(text: str, start: int, words: list[Token], kind: str, at: int) -> Statement:
    if [w.text.lower() for w in words[at : at + 3]] == ["if", "not", "exists"]:
        at += 3
    name = _word(words, at)
    if _word(words, at + 1) == ".":
        raise Mistake("a temporary name has no schema", start, f"write {_bare(words[at + 2].text)} alone")
    body = _index_of_as(words, at + 1)
    if body is None:
        raise Mistake(f"CREATE TEMP {kind.upper()} {name} has no AS", start, _ALLOWED)
    if kind == "macro":
        trees, more = _macro_trees(text, start, words, at, body)
    else:
        trees, more = [_body_tree(text, start, words, body)], ()
    head = tuple(_normal(word.text) for word in (*words[:body], *more))
    is_table = kind == "macro" and _word(words, body + 1).lower() == "table"
    return Statement(text, start, kind, _bare(name), head, tuple(trees), "create", words[at].start, is_table)


def _created(words: list[Token]) -> tuple[str, bool, int]:
    """What a statement creates ("" for anything unknown), whether it is temporary, the index of the word after it."""
    lowered = [word.text.lower() for word in words[:6]]
    at = 3 if lowered[1:3] == ["or", "replace"] else 1
    is_temporary = lowered[at : at + 1] != [] and lowered[at] in _TEMPORARY
    at += is_temporary
    kind = lowered[at] if at < len(lowered) and lowered[0] == "create" else ""
    if kind not in _BODIED:
        return "", is_temporary, at + 1 if lowered[0] == "create" else 1
    return ("macro" if kind == "function" else kind), is_temporary, at + 1


def _word(words: list[Token], index: int) -> str:
    return words[index].text if index < len(words) else ""


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
    return tree_of(_blank(data[:cut]) + data[cut:].decode(), start)


def _blank(data: bytes) -> str:
    return re.sub(rb"[^\n]", b" ", data).decode()


def _macro_trees(
    text: str, start: int, words: list[Token], name: int, body: int
) -> tuple[list[tuple[Tree, Origin]], Sequence[Token]]:
    """The trees of a macro's bodies and of its parameters' defaults, and the words before its further bodies."""
    data = text.encode()
    trees = []
    further: list[Token] = []
    opening = name + 1
    while True:
        closing = words[body].start
        parameters = _untyped(data, words[opening:body], closing)
        trees.append(tree_of(f"SELECT args{parameters}", _shift(start, words[opening], len("SELECT args"))))
        following = _next_form(words, body + 1)
        end = words[following].start if following else len(data)
        trees.append(_form_tree(data, start, words, body + 1, end))
        if following is None:
            return trees, further
        opening = following + 1
        body = _index_of_as(words, opening) or len(words) - 1
        further += words[opening:body]


def _untyped(data: bytes, words: list[Token], end: int) -> str:
    """The parameters of a macro as arguments of a call: their types, which no call has, are blanked out."""
    first = words[0].start
    kept = bytearray(data[first:end])
    depth = 0
    is_type = is_default = False
    for word, after in zip(words, [*words[1:], Token("", end)], strict=True):
        depth += (word.text in "([{") - (word.text in ")]}") if len(word.text) == 1 else 0
        if depth == 0 or (depth == 1 and word.text in ("(", ",")):
            is_type = is_default = False
            continue
        is_default = is_default or word.text in (":=", "=>")
        if is_type and not is_default:
            kept[word.start - first : after.start - first] = _blank(data[word.start : after.start]).encode()
        is_type = True
    return kept.decode()


def _form_tree(data: bytes, start: int, words: list[Token], index: int, end: int) -> tuple[Tree, Origin]:
    if index >= len(words):
        raise Mistake("a macro without a body", start, None)
    first = words[index]
    if first.text.lower() == "table":
        at = first.start + len("table")
        return tree_of(data[at:end].decode(), start + at)
    return tree_of("SELECT " + data[first.start : end].decode(), _shift(start, first, len("SELECT ")))


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
