"""Files of SQL: recipes' own, and macros."""

from __future__ import annotations

import os

from dbuild.core.model import MacroFile
from dbuild.errors import Place
from dbuild.project.document import Table


def read_text(table: Table, file: str, kind: str, *path: str | int) -> str | None:
    """The text of a file of the project; where it can't be taken that is reported at `path` of the table."""
    named = f'the {kind} "{file}"'
    try:
        text = table.document.reader.text(file).replace("\r\n", "\n").replace("\r", "\n")
    except FileNotFoundError:
        table.report(f"{named} doesn't exist", *path, hint="paths are relative to the project's folder")
    except UnicodeDecodeError:
        table.report(f"{named} is not valid UTF-8", *path, hint="save it as UTF-8")
    except (OSError, ValueError) as error:
        table.report(f"the {kind} {file!r} can't be read: {error}", *path, hint="check the name and its permissions")
    else:
        if text.strip():
            return text
        table.report(f"{named} is empty", *path, hint="write something into it, or don't name it")
    return None


def read_macros(table: Table) -> dict[str, tuple[MacroFile, Place]]:
    """The files of macros that a table names, each with the place where it is named; mistakes are reported."""
    taken: dict[str, tuple[MacroFile, Place]] = {}
    for position, name in enumerate(table.strings("macros") or ()):
        file = os.path.normpath(name)
        text = read_text(table, file, "file of macros", "macros", position) if file not in taken else None
        if text is not None:
            taken[file] = MacroFile(text, Place(file, 1)), table.place("macros", position)
    return taken
