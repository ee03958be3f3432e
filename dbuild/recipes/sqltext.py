"""Text of SQL: literals, names, paths and types spelt so that nothing in them can act; what DuckDB's errors say.

Unaware of tasks and inputs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from dbuild.errors import RecipeError

_GLOB = re.compile(r"[*?\[]")
_LINE = re.compile(r"^LINE (\d+): ", re.MULTILINE)
_EXCERPT = re.compile(r"\s*^LINE \d+: .*\Z", re.MULTILINE | re.DOTALL)
_CSV_NOISE = re.compile(r"^(?:Column .* is being converted|Possible (?:fixes|solutions)|\s*file = )", re.MULTILINE)
_CSV_FILE = re.compile(r"^\s*file = (.*)$", re.MULTILINE)


def literal(text: str) -> str:
    """A string literal. DuckDB's plain literals know no escape but the doubled quote."""
    if "\0" in text:
        raise RecipeError(f"a text with a NUL can't be used in SQL: {text!r}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise RecipeError(f"a name that is not UTF-8 can't be used in SQL: {text!r}", hint="rename the file") from None
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A quoted name."""
    return '"' + name.replace('"', '""') + '"'


def file_list(paths: Iterable[str]) -> str:
    """The file names for a reader, each standing for itself; a single one not as a list, which binds slower."""
    paths = list(paths)
    if len(paths) == 1:
        return literal(unglobbed(paths[0]))
    return "[" + ", ".join(literal(unglobbed(path)) for path in paths) + "]"


def unglobbed(path: str) -> str:
    """A path that a reader's pattern matching takes as it is.

    DuckDB matches `*`, `?` and `[` in every file name, and keeps a backslash for itself as soon as one of them is
    there, so that no spelling of such a name is left.
    """
    if not _GLOB.search(path):
        return path
    if "\\" in path:
        raise RecipeError(f"DuckDB can't read a path with both a backslash and one of * ? [: {path}")
    return _GLOB.sub(lambda found: f"[{found[0]}]", path)


@lru_cache(maxsize=4096)
def type_name(text: str) -> str:
    """DuckDB's own spelling of a type; RecipeError where there is no such type."""
    import duckdb

    try:
        return str(duckdb.type(text))
    except (duckdb.Error, RuntimeError) as error:
        raise RecipeError(f'"{text}" is not a type of DuckDB: {str(error).splitlines()[0]}') from None


_LINES = 5  # of a message: an operator's candidates alone are twenty


def message(error: Exception) -> str:
    """What DuckDB says in an error, in one line, without its excerpt of the SQL."""
    text = str(error)
    if "CSV Error" in text:
        found = _CSV_FILE.search(text)
        head = _CSV_NOISE.split(text)[0].strip()
        text = f"{found[1]}: {head}" if found else head
    lines = [line.strip() for line in _EXCERPT.sub("", text).splitlines() if line.strip()]
    more = len(lines) - _LINES
    return "; ".join(lines if more <= 0 else [*lines[:_LINES], f"and {more} more"])


def line_of(error: Exception) -> int | None:
    """The line of the executed text that an error points at, from 1."""
    found = _LINE.search(str(error))
    return int(found[1]) if found else None
