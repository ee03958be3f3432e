"""What a text of `by` means: an expression of SQL over one row that says to which partition the row belongs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from dbuild.core.model import SqlRecipe
from dbuild.errors import Place, UserError
from dbuild.recipes.meaning import meaning_of
from dbuild.recipes.scopes import Parsed, parsed
from dbuild.recipes.sqltext import identifier
from dbuild.recipes.syntax import Tree, parser

_ROWS = "rows of the input"
_CLOCKS = frozenset({"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"})
_EXAMPLE = 'as in by = { day = "CAST(ts AS DATE)" }'


def problem_of(expression: str, place: Place) -> UserError | None:
    """What keeps a text from being an expression over one row that always gives the same; None if nothing does.

    It is parsed, neither bound nor run.
    """
    if not expression.strip():
        return UserError("an expression of SQL is empty", place, _EXAMPLE)
    found = _parsed(expression, place)
    if found.problems:
        first = found.problems[0]
        return UserError(f'"{expression}" is no expression of SQL: {first.what}', place, _excerpt(first.hint))
    node = found.script.statements[0].trees[0][0] if len(found.script.statements) == 1 else {}
    mistake = _mistake(node) if node else "it has several statements"
    if mistake:
        hint = 'it says of one row which partition gets it, as in "CAST(ts AS DATE)"'
        return UserError(f'"{expression}" can\'t say where a row belongs: {mistake}', place, hint)
    return None


def form_of(expression: str) -> bytes:
    """The identity of what an expression means; of what can't be parsed, of its text."""
    from xxhash import xxh3_128_digest

    found = _parsed(expression, Place(""), "AS named")  # without a name, its text would be one
    forms = [meaning_of(statement.form) for statement in found.script.statements]
    return xxh3_128_digest(json.dumps(forms or expression, sort_keys=True).encode())


def _parsed(expression: str, place: Place, name: str = "") -> Parsed:
    return parsed(SqlRecipe(f"SELECT (\n{expression}\n) {name} FROM {identifier(_ROWS)}", place))


def _excerpt(hint: str | None) -> str:
    return hint if hint and "SELECT (" not in hint else _EXAMPLE


def _mistake(node: Tree) -> str | None:
    if node.get("type") != "SELECT_NODE" or len(node.get("select_list", ())) != 1 or _has_clauses(node):
        return "it is more than one expression"
    for part in _parts(node["select_list"][0]):
        kind, name = part.get("class"), str(part.get("function_name", "")).lower()
        if kind in ("SUBQUERY", "WINDOW", "STAR", "PARAMETER"):
            return {"SUBQUERY": "it has a query of its own", "WINDOW": "it looks at other rows"}.get(
                str(kind), "it may name columns and nothing else"
            )
        if name in _unsteady():
            return f"{name}() gives something else the next time"
        if name in _aggregates():
            return f"{name}() looks at other rows"
        if kind == "COLUMN_REF" and part["column_names"][0].lower() in _CLOCKS:
            return f"{part['column_names'][0]} gives something else the next time"
    return None


def _has_clauses(node: Tree) -> bool:
    from_table = node.get("from_table", {})
    return bool(
        from_table.get("type") != "BASE_TABLE"
        or any(node.get(name) for name in ("where_clause", "group_expressions", "having", "qualify", "sample"))
        or node.get("modifiers")
        or node.get("cte_map", {}).get("map")
    )


def _parts(tree: Any) -> Iterator[Tree]:
    left = [tree]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            yield node
            left.extend(node.values())
        elif isinstance(node, list):
            left.extend(node)


@lru_cache(maxsize=1)
def _unsteady() -> frozenset[str]:
    return _functions("function_type = 'scalar' AND stability <> 'CONSISTENT'")


@lru_cache(maxsize=1)
def _aggregates() -> frozenset[str]:
    return _functions("function_type = 'aggregate'") - _functions("function_type = 'scalar'")


def _functions(which: str) -> frozenset[str]:
    rows = parser().execute(f"SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE {which}")
    return frozenset(row[0] for row in rows.fetchall())
