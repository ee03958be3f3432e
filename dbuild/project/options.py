"""How a dataset's files are read: reader options, columns, time zones."""

from __future__ import annotations

from dbuild.core.task import format_of
from dbuild.errors import nearest
from dbuild.project.document import Table
from dbuild.project.keys import READER_OPTIONS

Options = tuple[tuple[str, str | int | float | bool], ...]

_TYPES = {str: "a string", bool: "true or false", int: "a whole number"}


def read_options(table: Table, path: str) -> Options:
    """The reader options of a dataset with files of that name; mistakes are reported."""
    given = table.table("read") or {}
    kind = format_of(path)
    if given and kind not in READER_OPTIONS:
        what = f'"read" of {table.title} is for CSV and JSON, and "{path}" is neither'
        table.report(what, "read", hint="the ending tells the format: .csv, .tsv, .json, .jsonl, also with .gz")
        return ()
    if "delim" in given and "sep" in given:
        table.report('"delim" and "sep" are one option', "read", "sep", hint="remove one")
    return check_options(table, given, READER_OPTIONS.get(kind, {}), kind.upper())


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


def fitting_options(options: Options, path: str) -> Options:
    """Those options of [defaults] that files of that name have."""
    known = READER_OPTIONS.get(format_of(path), {})
    return tuple((name, value) for name, value in options if name in known)


def read_schema(table: Table, path: str) -> tuple[tuple[str, str], ...] | None:
    """The declared columns of a dataset; None where none are. Mistakes are reported."""
    given = table.table("schema")
    if given is None:
        return None
    if not format_of(path):
        what = f'"schema" of {table.title} is for data with columns, and "{path}" has no such format'
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
