"""Whether a recipe could tell that tables got other names, or that columns, keys or variables came or went."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from dbuild.core.model import Analysis, PythonRecipe, ShellRecipe, SqlRecipe

# What may show a command all of its environment, or its own variables under names that it puts together.
_LOOKS_AROUND = re.compile(r"env|dbuild|\b(?:declare|typeset|compgen|export)\b|\bset\b(?!\s+[-+])|\$\{!", re.IGNORECASE)
_PATHS = frozenset({"Path", "pathlib.Path", "list[Path]", "list[pathlib.Path]"})


def analysis_as(recipe: SqlRecipe, former: Mapping[str, str]) -> Analysis | None:
    """The identity of the same SQL if tables had their former names (by those that they have now).

    None where a name means more than which table is read: qualified columns and subqueries give columns their names.
    """
    from dbuild.recipes.scopes import parsed
    from dbuild.recipes.sql import fingerprint_of, parts_of

    found = parsed(recipe)
    if found.script.problems:
        return None
    tables = {name.lower(): old for name, old in former.items()}
    words = {name.lower().partition(".")[0] for pair in former.items() for name in pair}
    seen: set[str] = set()
    forms = [_renamed(statement.form, tables, seen) for statement in found.script.statements]
    macros = "".join(macro.form for macro in found.macros).lower()
    if words & seen or any(f'"{word}"' in macros for word in words):
        return None
    return Analysis(fingerprint_of(forms, found.macros), parts=parts_of(recipe, forms, found.macros))


def _renamed(node: Any, tables: Mapping[str, str], seen: set[str]) -> Any:
    """A tree with other names of tables; all other texts in it are put into `seen`, in lower case."""
    if isinstance(node, str):
        seen.add(node.lower().strip('"'))
    if isinstance(node, list):
        return [_renamed(item, tables, seen) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("class") == "SUBQUERY":
        return {key: _renamed(value, {}, seen) for key, value in node.items()}
    path = node.get("qualified_name", {}).get("path") or [] if node.get("type") == "BASE_TABLE" else []
    old = tables.get(".".join(path).lower())
    if old is None:
        return {key: _renamed(value, tables, seen) for key, value in node.items()}
    *schema, table = old.split(".")
    named: dict[str, Any] = {"table_name": table, "schema_name": ".".join(schema)}
    named["qualified_name"] = {**node["qualified_name"], "path": [*schema, table]}
    return {key: named[key] if key in named else _renamed(value, tables, seen) for key, value in node.items()}


def can_see_column(recipe: SqlRecipe, names: Iterable[str]) -> bool:
    """Whether it could make a difference to SQL that its tables have columns of these names, or haven't."""
    from dbuild.recipes.scopes import parsed

    wanted = parsed(recipe).findings.wanted
    return wanted is None or any(name.lower() in wanted for name in names)


def can_see_variable(recipe: ShellRecipe, texts: Iterable[bytes], names: Collection[str]) -> bool:
    """Whether a command, or a file that it uses, could take notice of the key's placeholders and variables.

    A variable whose name a program puts together without ever writing "env" isn't found.
    """
    if any(f"{{{name}" in recipe.text for name in names):
        return True
    return any(_LOOKS_AROUND.search(text) for text in (recipe.text, *(one.decode(errors="replace") for one in texts)))


def given_as_paths(recipe: PythonRecipe, root: str) -> frozenset[str]:
    """The parameters of a function that get paths, whatever columns there are; by its source alone."""
    from dbuild.recipes.python import source_of

    text, _ = source_of(recipe, root)
    found = ast.parse(text).body if text else []
    given = [node.args for node in found if isinstance(node, ast.FunctionDef)]
    return frozenset(
        one.arg
        for arguments in given
        for one in (*arguments.args, *arguments.kwonlyargs)
        if one.annotation is None or ast.unparse(one.annotation).strip("'\"") in _PATHS
    )
