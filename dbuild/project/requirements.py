"""`environment`: what counts of all that is installed where a recipe runs."""

from __future__ import annotations

import os
import re

from dbuild.core.model import Environment, Reference
from dbuild.project.document import Table
from dbuild.project.recipe import is_pattern_of_files, read_file_name

_LOCKS = (".lock", ".txt", ".toml", ".json")  # endings of files that list what is installed
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")


def read_environment(table: Table, root: str, default: Environment | None = None) -> Environment | None:
    """What a table says of it, or the default; mistakes are reported. Names aren't looked up."""
    value = table.value("environment")
    match value:
        case None:
            return default
        case str():  # "ignore": nothing else is taken
            return Environment(table.place("environment"))
        case dict():
            return _read_command(table)
        case _:
            return _read_list(table, root)


def _read_command(table: Table) -> Environment:
    inner = table.inner("environment")
    command = (inner.string("cmd") if inner else None) or ""
    if inner is not None and not inner.is_tried("cmd"):
        table.report(
            f"environment of {table.title} has no cmd", "environment", hint='as in { cmd = "Rscript --version" }'
        )
    elif "\0" in command:
        table.report(f"the command {command!r} can't be run", "environment", "cmd", hint="it holds a NUL")
    return Environment(table.place("environment"), command=command)


def _read_list(table: Table, root: str) -> Environment:
    files: list[str] = []
    names: dict[str, Reference] = {}
    for position, text in enumerate(table.strings("environment") or ()):
        if _is_file(text, root):
            found = read_file_name(table, root, text, "environment", position)
            files.extend([found] if found is not None else [])
        elif _NAME.fullmatch(text):
            names.setdefault(text, Reference(text, table.place("environment", position)))
        else:
            hint = 'a file, as in "uv.lock", or the name of a package, as in "numpy"; versions are looked up'
            table.report(f"{text!r} is neither a file nor a package", "environment", position, hint=hint)
    return Environment(table.place("environment"), tuple(dict.fromkeys(files)), tuple(names.values()))


def _is_file(text: str, root: str) -> bool:
    """Whether a text means a file: one is there, or it looks like no package's name."""
    if "/" in text or is_pattern_of_files(text) or text.lower().endswith(_LOCKS):
        return True
    return "\0" not in text and os.path.isfile(os.path.join(root, text))
