"""The recipes of targets: which kind, and its text with the line where it begins. Unaware of what the text says."""

from __future__ import annotations

import os
import re
from keyword import iskeyword

from dbuild.core.model import MacroFile, PythonRecipe, Recipe, ShellRecipe, SqlRecipe
from dbuild.errors import Place
from dbuild.project.document import Table
from dbuild.project.names import is_identifier
from dbuild.project.texts import read_macros, read_text

KINDS = ("sql", "python", "shell")
Macros = dict[str, tuple[MacroFile, Place]]  # by file, each with the place where it is named
_GLOB = re.compile(r"[*?\[]")


def read_recipe(table: Table, defaults: Table, macros: Macros) -> tuple[Recipe, dict[str, Place]]:
    """A target's recipe, and the files of SQL that it names, each with the place where it does.

    `macros` are those that all SQL may use. Mistakes are reported.
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
        return nothing, {}
    _report_misfits(table, given[0])
    match given[0]:
        case "sql":
            said = read_sql(table, macros)
            return said if said is not None else (nothing, {})
        case "python":
            return _read_python(table) or nothing, {}
        case _:
            interpreter = table.string("interpreter") or defaults.string("interpreter") or ""
            text = table.string("shell") or ""
            if text and not text.strip():
                table.report("the command is empty", "shell", hint='as in shell = "sort {raw} > {output}"')
            return ShellRecipe(text, interpreter, _text_place(table, "shell")), {}


def _report_misfits(table: Table, kind: str) -> None:
    """Reports keys that recipes of another kind have."""
    if kind != "sql" and "macros" in table:
        table.report(f"macros of {table.title} are for SQL recipes", "macros", hint="remove it")
    for name in ("env", "secrets"):
        if kind == "sql" and name in table:
            what = f"{name} of {table.title} is for Python and shell recipes: SQL sees no environment"
            table.report(what, name, hint="remove it; SQL reads params as $name")
    if kind == "shell":
        return
    others = {"sql": "SQL reads params as $name", "python": "functions look params up in `params`"}
    if "params" in table:
        table.report(f"params of {table.title} are for shell recipes", "params", hint=f"remove it: {others[kind]}")
    if "interpreter" in table:
        what = f"interpreter of {table.title} is for shell recipes"
        table.report(what, "interpreter", hint="remove it, or write the recipe as shell")


def _text_place(table: Table, name: str) -> Place:
    return table.document.text_place(*table.path, name)


def read_sql(table: Table, macros: Macros) -> tuple[SqlRecipe, dict[str, Place]] | None:
    """The SQL of a table, and the files that it names, each with the place where it does; None, reported, without."""
    text = table.string("sql") or ""
    place = _text_place(table, "sql")
    own = read_macros(table)
    files = {file: named for file, (_, named) in own.items()}
    if "\n" not in text and text.strip().endswith(".sql"):
        file = os.path.normpath(text.strip())
        said = read_text(table, file, "SQL file", "sql")
        if said is None:
            return None
        text, place = said, Place(file, 1)
        files[file] = table.place("sql")
    return SqlRecipe(text, place, tuple(macro for macro, _ in (macros | own).values())), files


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
    texts = enumerate(table.strings("uses") or ())
    found = (read_file_name(table, root, text, "uses", position) for position, text in texts)
    return tuple(dict.fromkeys(name for name in found if name is not None))


def read_file_name(table: Table, root: str, text: str, *path: str | int) -> str | None:
    """A file of the project, or a glob; None, and a mistake reported at that key, for what can't be one."""
    if os.path.isabs(text) or "\0" in text or text.startswith("~"):
        hint = 'paths and globs relative to the project, as in "lib/*.py"'
        table.report(f"{text!r} can't be used", *path, hint=hint)
        return None
    if not is_pattern_of_files(text) and not os.path.exists(os.path.join(root, text)):
        table.report(f'the file "{text}" doesn\'t exist', *path, hint="paths are relative to the project's folder")
        return None
    return os.path.normpath(text)


def is_pattern_of_files(text: str) -> bool:
    """Whether a text is a glob."""
    return bool(_GLOB.search(text))
