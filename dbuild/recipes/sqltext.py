"""Text of SQL: literals, names, paths and types spelt so that nothing in them can act; what DuckDB's errors say.

Unaware of tasks and inputs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from dbuild.core.model import Scalar
from dbuild.errors import RecipeError

_NEWLINE = "\n"
_GLOB = re.compile(r"[*?\[]")
_LINE = re.compile(r"^LINE (\d+): ", re.MULTILINE)
_EXCERPT = re.compile(r"\s*^LINE \d+: .*\Z", re.MULTILINE | re.DOTALL)
_CSV_NOISE = re.compile(r"^(?:Column .* is being converted|Possible (?:fixes|solutions)|\s*file = )", re.MULTILINE)
_ADVICE = re.compile(r"^(?:Possible solutions:|See also )", re.MULTILINE)  # settings that no recipe can make
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


def constant(value: Scalar) -> str:
    """A param as a constant of the type that it is bound with (see `sql.typed`), in one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"CAST({value} AS {integer_type(value)})"
    if isinstance(value, float):
        return f"CAST('{value!r}' AS DOUBLE)"
    return f"CAST({' || chr(10) || '.join(literal(line) for line in value.split(_NEWLINE))} AS VARCHAR)"


def integer_type(value: int) -> str:
    """The type of a whole number: the same whatever its size, so that a result's type stays the same."""
    return "BIGINT" if -(2**63) <= value < 2**63 else "HUGEINT"


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
    text = _ADVICE.split(_EXCERPT.sub("", text))[0]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    more = len(lines) - _LINES
    return "; ".join(lines if more <= 0 else [*lines[:_LINES], f"and {more} more"])


def line_of(error: Exception) -> int | None:
    """The line of the executed text that an error points at, from 1."""
    found = _LINE.search(str(error))
    return int(found[1]) if found else None
