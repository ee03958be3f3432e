"""The recipes of targets: which kind, and its text with the line where it begins. Unaware of what the text says."""

from __future__ import annotations

import os
import re
from keyword import iskeyword

from dbuild.core.model import PythonRecipe, Recipe, ShellRecipe, SqlRecipe
from dbuild.errors import Place
from dbuild.project.document import Table
from dbuild.project.names import is_identifier

KINDS = ("sql", "python", "shell")
_GLOB = re.compile(r"[*?\[]")


def read_recipe(table: Table, defaults: Table, root: str) -> tuple[Recipe, str | None]:
    """A target's recipe, and the SQL file that it was read from. Mistakes are reported.

    What isn't understood becomes a shell recipe without text, which names nothing that could be wrong as well.
    """
    given = [kind for kind in KINDS if kind in table]
    nothing = ShellRecipe("", "", table.place())
    if len(given) != 1:
        if given:
            what = f"{table.title} has {' and '.join(given)}: it can be made in one way only"
            table.report(what, given[1], hint=f"the other is at {table.place(given[0])}; remove one")
        elif not any(table.is_tried(kind) for kind in KINDS):
            table.report(f"{table.title} has no recipe", hint="give one of sql, python and shell")
        return nothing, None
    if given != ["shell"]:
        _report_shell_only(table, given[0])
    match given[0]:
        case "sql":
            return _read_sql(table, root) or (nothing, None)
        case "python":
            return _read_python(table) or nothing, None
        case _:
            interpreter = table.string("interpreter") or defaults.string("interpreter") or ""
            return ShellRecipe(table.string("shell") or "", interpreter, _text_place(table, "shell")), None


def _report_shell_only(table: Table, kind: str) -> None:
    others = {"sql": "SQL reads params as $name", "python": "functions look params up in `params`"}
    if "params" in table:
        table.report(f"params of {table.title} are for shell recipes", "params", hint=f"remove it: {others[kind]}")
    if "interpreter" in table:
        what = f"interpreter of {table.title} is for shell recipes"
        table.report(what, "interpreter", hint="remove it, or write the recipe as shell")


def _text_place(table: Table, name: str) -> Place:
    return table.document.text_place(*table.path, name)


def _read_sql(table: Table, root: str) -> tuple[Recipe, str | None] | None:
    text = table.string("sql") or ""
    if "\n" in text or not text.strip().endswith(".sql"):
        return SqlRecipe(text, _text_place(table, "sql")), None
    file = os.path.normpath(text.strip())
    try:
        with open(os.path.join(root, file), encoding="utf-8-sig") as stream:
            said = stream.read()
    except FileNotFoundError:
        table.report(f'the SQL file "{file}" doesn\'t exist', "sql", hint="paths are relative to the project's folder")
    except UnicodeDecodeError:
        table.report(f'the SQL file "{file}" is not valid UTF-8', "sql", hint="save it as UTF-8")
    except (OSError, ValueError) as error:
        table.report(f"the SQL file {file!r} can't be read: {error}", "sql", hint="check the name and its permissions")
    else:
        if said.strip():
            return SqlRecipe(said, Place(file, 1)), file
        table.report(f'the SQL file "{file}" is empty', "sql", hint="its last SELECT is the result")
    return None


def _read_python(table: Table) -> Recipe | None:
    text = table.string("python") or ""
    module, colon, function = text.partition(":")
    names = [*module.split("."), function]
    if colon and all(is_identifier(name) and not iskeyword(name) for name in names):
        return PythonRecipe(module, function, table.place("python"))
    what = f'python = "{text}" names no function'
    table.report(what, "python", hint='write module:function, as in "flights.train:fit"')
    return None


def read_uses(table: Table, root: str) -> tuple[str, ...]:
    """The files that count as the recipe, as given; those without globs have to exist."""
    taken = []
    for position, text in enumerate(table.strings("uses") or ()):
        if os.path.isabs(text) or "\0" in text or text.startswith("~"):
            hint = 'paths and globs relative to the project, as in "lib/*.py"'
            table.report(f"{text!r} can't be used", "uses", position, hint=hint)
        elif not _GLOB.search(text) and not os.path.exists(os.path.join(root, text)):
            hint = "paths are relative to the project's folder"
            table.report(f'the file "{text}" doesn\'t exist', "uses", position, hint=hint)
        else:
            taken.append(os.path.normpath(text))
    return tuple(dict.fromkeys(taken))
