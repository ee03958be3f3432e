"""The names that a project's files declare: [partitions.X], [sources.X], [targets.X], each once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from dbuild.project.document import Document, Table, report_unknown
from dbuild.project.keys import KEYS, RESERVED, SECTIONS

IDENTIFIER = "[A-Za-z_][A-Za-z0-9_]*"
_ROOT_ONLY = ("project", "defaults", "pools")


def is_identifier(text: str) -> bool:
    """Whether a name can be used in SQL, Python and shell as it is."""
    return re.fullmatch(IDENTIFIER, text) is not None


def check_sections(documents: Sequence[Document]) -> None:
    """Reports what stands at the top of files and doesn't belong there."""
    for document in documents:
        for name, value in document.values.items():
            if name not in SECTIONS:
                report_unknown(document, "", (name,), SECTIONS)
            elif not isinstance(value, dict):
                hint = f"as in [{name}]" if name in _ROOT_ONLY else f"as in [{name}.NAME]"
                document.report(f'"{name}" must be a table', (name,), hint)
            elif name in _ROOT_ONLY and document is not documents[0]:
                document.report(f"[{name}] in an included file", (name,), f"it belongs into {documents[0].file}")


def single_table(document: Document, section: str) -> Table:
    """[project], [defaults] or [pools] of a file; empty where it has none."""
    values = document.values.get(section)
    return Table(document, section, (section,), values if isinstance(values, dict) else {})


def named_tables(documents: Iterable[Document], section: str) -> dict[str, Table]:
    """The tables of a section by name, of all files; what is declared twice counts as it was first."""
    found: dict[str, Table] = {}
    for document in documents:
        values = document.values.get(section)
        for name, value in values.items() if isinstance(values, dict) else ():
            path = (section, name)
            if not isinstance(value, dict):
                hint = f"declare it as [{section}.{name}]"
                document.report(f'"{name}" of [{section}] must be a table', path, hint)
                continue
            table = Table(document, section, path, value)
            check_name(table, section[:-1], name)
            found.setdefault(name, table)
            if found[name] is not table:
                report_twice(table, name, found[name])
    check_cases(found)
    return found


def check_name(table: Table, kind: str, name: str, *path: str | int) -> bool:
    """Whether a name can be taken; reported at `path` below the table where it can't."""
    reserved = RESERVED | (frozenset(KEYS["inputs"]) if kind == "partition" else frozenset())
    article = "an" if kind == "input" else "a"
    if not is_identifier(name):
        hint = "names have letters, digits and underscores, and don't start with a digit"
        table.report(f'"{name}" can\'t be the name of {article} {kind}', *path, hint=hint)
    elif name in reserved:
        table.report(f'"{name}" is a reserved word, not a name for {article} {kind}', *path, hint="choose another name")
    else:
        return True
    return False


def check_cases(tables: dict[str, Table]) -> None:
    """Reports names that differ in case only: SQL and the environment can't tell them apart."""
    folded: dict[str, str] = {}
    for name, table in tables.items():
        other = folded.setdefault(name.lower(), name)
        if other != name:
            what = f'"{name}" differs only in case from "{other}" ({tables[other].place()})'
            table.report(what, hint="SQL takes them for one name: rename one")


def check_datasets(sources: dict[str, Table], targets: dict[str, Table]) -> None:
    """Reports names that are both a source and a target."""
    folded = {name.lower(): name for name in sources}
    for name, table in targets.items():
        if name.lower() in folded:
            report_twice(table, name, sources[folded[name.lower()]])


def check_former(sources: dict[str, Table], targets: dict[str, Table]) -> None:
    """Reports names that targets say they had, and that something else has, or had as well."""
    claimed: dict[str, Table] = {}
    for name, table in targets.items():
        for position, former in enumerate(table.one_or_more("was")):
            path: tuple[str | int, ...] = ("was", position) if table.strings("was") else ("was",)
            other = targets.get(former) or sources.get(former)
            first = claimed.setdefault(former, table)
            if other is table:
                table.report(f'"{name}" is its name now', *path, hint="`was` is for names that a target had before")
            elif other is not None:
                what = f'"{former}", which {table.title} says it was, is still declared ({other.place()})'
                table.report(what, *path, hint=f"remove {other.title}, or take the name out of `was`")
            elif first is not table:
                what = f'two targets say that they were "{former}": {first.title} ({first.place("was")}) and this one'
                table.report(what, *path, hint="what was built under a name can go on under one other only")


def report_twice(table: Table, name: str, first: Table) -> None:
    """Reports a second declaration of a name, with the place of the first."""
    what = f'"{name}" is declared twice, first at {first.place()}'
    table.report(what, hint=f"rename {table.title} or {first.title}, or remove one")
