"""Every key that a Dataflowfile may have, in one table: the loader, its messages and the reference all read this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["string", "strings", "date", "table", "inputs"]


@dataclass(frozen=True, slots=True)
class AcceptedKey:
    """One key of one kind of table."""

    section: str  # the table that it stands in; of those with names ([targets.NAME]) the part before the dot
    name: str
    kind: Kind  # what its value is; the items of a table are checked where they are read
    example: str  # a value, as TOML writes it
    description: str


_ROWS: dict[str, tuple[tuple[str, Kind, str, str], ...]] = {
    "project": (
        ("name", "string", '"flights"', "The project's name; the folder's name without it."),
        ("default", "strings", '["report"]', "The targets that a bare `dbuild` builds; all of them without it."),
        ("include", "strings", '["flows/*.toml"]', "More files with partitions, sources and targets (globs)."),
        ("params", "table", "{ min_delay = 15 }", "Values that recipes may read; `--param` overrides them."),
        ("timezone", "string", '"Europe/Zurich"', 'The time zone of recipes that name none; "UTC" without it.'),
        ("description", "string", '"What the project is for"', "A text for people."),
        ("owner", "string", '"data team"', "Who to ask; a text for people."),
    ),
    "defaults": (
        ("uses", "strings", '["lib/*.py"]', "For targets without `uses` of their own."),
        ("params", "strings", '["min_delay"]', "For shell targets without `params` of their own."),
        ("timezone", "string", '"Europe/Zurich"', "For targets without `timezone` of their own."),
        ("read", "table", '{ nullstr = "NA" }', "For CSV and JSON targets without `read` of their own."),
        ("interpreter", "string", '"Rscript"', "For shell targets without `interpreter` of their own."),
        ("tags", "strings", '["nightly"]', "For targets without `tags` of their own."),
        ("owner", "string", '"data team"', "For targets without `owner` of their own."),
    ),
    "partitions": (
        ("every", "string", '"day"', "A time dimension: minute, hour, day, week (ISO), month, quarter or year."),
        ("start", "date", "2013-01-01", "The first key of a time dimension."),
        ("end", "date", "2013-03-31", "The last key; without it, the newest partition that a source has."),
        ("timezone", "string", '"UTC"', 'The zone whose clock the periods follow: "UTC".'),
        ("values", "strings", '["EWR", "JFK"]', "A dimension of these keys."),
        ("discover", "string", '"carriers"', "A dimension of the keys that this source's paths have."),
        ("description", "string", '"Days of data"', "A text for people."),
    ),
    "sources": (
        (
            "path",
            "string",
            '"data/{day}.csv"',
            "Where its files are: a path with placeholders for dimensions, and globs.",
        ),
        ("read", "table", '{ nullstr = "NA" }', "Options of DuckDB's CSV or JSON reader."),
        ("schema", "table", '{ temp = "DOUBLE" }', "The types of its columns, as DuckDB names them."),
        ("description", "string", '"Hourly weather"', "A text for people."),
        ("tags", "strings", '["nightly"]', "Words to select it by."),
        ("owner", "string", '"data team"', "Who to ask; a text for people."),
    ),
    "targets": (
        (
            "path",
            "string",
            '"out/{day}.parquet"',
            "Where its output goes: a path with placeholders for its dimensions.",
        ),
        ("sql", "string", '"sql/daily.sql"', "The recipe as SQL: a file, or the SQL itself."),
        ("python", "string", '"flights.train:fit"', "The recipe as a Python function: module, colon, name."),
        ("shell", "string", '"sort {raw} > {output}"', "The recipe as a command, with placeholders."),
        ("inputs", "inputs", '["raw"]', "What it reads, beyond what its recipe names: a list, or a table of names."),
        ("uses", "strings", '["report.R"]', "Code and configuration files that count as the recipe (globs)."),
        ("params", "strings", '["min_delay"]', "The params that a shell recipe is given."),
        ("read", "table", '{ nullstr = "NA" }', "How its readers read it: options of DuckDB's CSV or JSON reader."),
        ("schema", "table", '{ temp = "DOUBLE" }', "The types of its columns, as DuckDB names them."),
        ("timezone", "string", '"Europe/Zurich"', "The time zone of its recipe."),
        ("interpreter", "string", '"Rscript"', "What runs a shell recipe instead of bash."),
        ("description", "string", '"Delays by day"', "A text for people."),
        ("tags", "strings", '["nightly"]', "Words to select it by."),
        ("owner", "string", '"data team"', "Who to ask; a text for people."),
    ),
    "inputs": (("from", "string", '"weekly_trend"', "The dataset that is read; the input's own name without it."),),
}

# Known to the format, but not to this version: said so, instead of guessing at a misspelling.
UNSUPPORTED: dict[str, frozenset[str]] = {
    "": frozenset({"pools", "environment"}),
    "project": frozenset({"macros", "environment", "secrets", "pools", "tags"}),
    "defaults": frozenset(
        {"needs", "retries", "retry_on", "timeout", "macros", "env", "secrets", "missing", "environment"}
    ),
    "partitions": frozenset({"was"}),
    "sources": frozenset({"expect", "gone", "settle", "ready", "was", "missing"}),
    "targets": frozenset(
        {
            "batch",
            "by",
            "env",
            "environment",
            "expect",
            "freeze_after",
            "gone",
            "impact",
            "macros",
            "max_age",
            "min",
            "missing",
            "needs",
            "pools",
            "retries",
            "retry_on",
            "secrets",
            "timeout",
            "was",
        }
    ),
    "inputs": frozenset({"missing", "min", "max_age", "by", "impact", "gone"}),
}

# The options of DuckDB's readers that are taken, each with the type of its value.
READER_OPTIONS: dict[str, dict[str, tuple[type, ...]]] = {
    "csv": {
        "nullstr": (str,),
        "delim": (str,),
        "sep": (str,),
        "quote": (str,),
        "escape": (str,),
        "comment": (str,),
        "header": (bool,),
        "skip": (int,),
        "dateformat": (str,),
        "timestampformat": (str,),
        "decimal_separator": (str,),
        "thousands": (str,),
        "all_varchar": (bool,),
        "ignore_errors": (bool,),
        "null_padding": (bool,),
        "strict_mode": (bool,),
        "encoding": (str,),
        "compression": (str,),
    },
    "json": {
        "format": (str,),
        "records": (str, bool),
        "maximum_object_size": (int,),
        "dateformat": (str,),
        "timestampformat": (str,),
        "ignore_errors": (bool,),
        "compression": (str,),
    },
}

SECTIONS = tuple(name for name in _ROWS if name != "inputs")
RESERVED = frozenset({"output", "key", "params"})  # what recipes are offered beside their inputs


def accepted_keys() -> tuple[AcceptedKey, ...]:
    """Every key that a Dataflowfile may have, section by section."""
    return tuple(AcceptedKey(section, *row) for section, rows in _ROWS.items() for row in rows)


KEYS: dict[str, dict[str, AcceptedKey]] = {section: {} for section in _ROWS}
for _key in accepted_keys():
    KEYS[_key.section][_key.name] = _key
