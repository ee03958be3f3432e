"""How a dataset's files are read: reader options, columns, time zones."""

from __future__ import annotations

from collections.abc import Sequence

from dbuild.core.task import format_of
from dbuild.errors import nearest
from dbuild.project.document import Table
from dbuild.project.keys import READER_OPTIONS

Options = tuple[tuple[str, str | int | float | bool], ...]

_TYPES = {str: "a string", bool: "true or false", int: "a whole number"}


COLUMNAR = ("parquet", "csv", "json", "arrow")  # formats that have columns


def read_options(table: Table, paths: Sequence[str]) -> Options:
    """The reader options of a dataset with files of those names; mistakes are reported."""
    given = table.table("read") or {}
    kinds = _readers(paths)
    if given and len(kinds) != 1:
        what = f'"read" of {table.title} is for CSV and JSON, and "{paths[0]}" is neither'
        if kinds:
            what = f'"read" of {table.title} can\'t be both for CSV and for JSON outputs'
        table.report(what, "read", hint="the ending tells the format: .csv, .tsv, .json, .jsonl, also with .gz")
        return ()
    if "delim" in given and "sep" in given:
        table.report('"delim" and "sep" are one option', "read", "sep", hint="remove one")
    kind = next(iter(kinds), "")
    return check_options(table, given, READER_OPTIONS.get(kind, {}), kind.upper())


def _readers(paths: Sequence[str]) -> set[str]:
    return {kind for path in paths if (kind := format_of(path)) in READER_OPTIONS}


def check_options(table: Table, given: dict[str, object], known: dict[str, tuple[type, ...]], kind: str) -> Options:
    """The options that are known and well typed; the others are reported."""
    taken: list[tuple[str, str | int | float | bool]] = []
    for name, value in given.items():
        if name not in known:
            hint = nearest(name, known) or f"known are {', '.join(known)}"
            table.report(f'"{name}" is no option for reading {kind}', "read", name, hint=hint)
        elif not isinstance(value, str | int | bool) or type(value) not in known[name]:
            wanted = " or ".join(_TYPES[kind] for kind in known[name])
            table.report(
                f'the option "{name}" must be {wanted}', "read", name, hint="DuckDB's documentation has them all"
            )
        elif isinstance(value, int) and value < 0:
            table.report(f'the option "{name}" can\'t be negative', "read", name, hint=f"as in {name} = 1")
        else:
            taken.append((name, value))
    return tuple(taken)


def read_default_options(defaults: Table) -> Options:
    """The options of [defaults]; those that no reader has are reported."""
    known = {name: kinds for options in READER_OPTIONS.values() for name, kinds in options.items()}
    return check_options(defaults, defaults.table("read") or {}, known, "CSV or JSON")


def fitting_options(options: Options, paths: Sequence[str]) -> Options:
    """Those options of [defaults] that files of those names have."""
    kinds = _readers(paths)
    known = READER_OPTIONS[kinds.pop()] if len(kinds) == 1 else {}
    return tuple((name, value) for name, value in options if name in known)


def read_schema(table: Table, paths: Sequence[str]) -> tuple[tuple[str, str], ...] | None:
    """The declared columns of a dataset with files of those names; None where none are. Mistakes are reported."""
    given = table.table("schema")
    if given is None:
        return None
    columnar = [path for path in paths if format_of(path) in COLUMNAR]
    if len(columnar) != 1:
        what = f'"schema" of {table.title} is for data with columns, and "{paths[0]}" has no such format'
        if columnar:
            what = f'"schema" of {table.title} is for one output, and {len(columnar)} have columns'
        table.report(what, "schema", hint="formats are parquet, csv, json and arrow, told by the ending")
        return None
    if not given:
        table.report(f"the schema of {table.title} names no column", "schema", hint='as in { temp = "DOUBLE" }')
    folded: dict[str, str] = {}
    for column, kind in given.items():
        if not isinstance(kind, str) or not kind.strip():
            what = f'the type of the column "{column}" must be a string'
            table.report(what, "schema", column, hint=f'as in {column} = "DOUBLE"')
        other = folded.setdefault(column.lower(), column)
        if other != column:
            what = f'the column "{column}" differs only in case from "{other}"'
            table.report(what, "schema", column, hint="SQL takes them for one name")
    return tuple((column, kind) for column, kind in given.items() if isinstance(kind, str) and kind.strip()) or None


def read_timezone(table: Table, fallback: str) -> str:
    """The time zone that a table names; an unknown one is reported."""
    name = table.string("timezone")
    if name is None or name == "UTC":
        return name or fallback
    from zoneinfo import ZoneInfo, available_timezones  # costs as much as reading a project: only where it is named

    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        hint = nearest(name, available_timezones()) or 'names are those of the IANA, as in "Europe/Zurich"'
        table.report(f'"{name}" is no time zone', "timezone", hint=hint)
        return fallback
    return name
