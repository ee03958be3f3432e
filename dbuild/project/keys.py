"""Every key that a Dataflowfile may have, in one table: the loader, its messages and the reference all read this."""

from __future__ import annotations

from typing import Literal

from dbuild.values import dataclass

Kind = Literal[
    "string",
    "strings",
    "date",
    "table",
    "inputs",
    "outputs",
    "number",  # above 0
    "count",  # a whole number, at least 1
    "times",  # a whole number, also 0
    "size",
    "duration",
    "retries",
    "timeout",
    "causes",
    "time",  # of the day
    "dates",  # a list, or a file of them
    "days",  # of the week
    "routes",  # a string or a table of strings
    "discovery",
    "names",  # one, or a list of them
    "batch",
    "environment",
]
ANY = "NAME"  # stands for keys whose names are free


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
        (
            "default",
            "strings",
            '["report", "daily@-30d.."]',
            "What a bare `dbuild` builds, as the command line names it; all targets without it.",
        ),
        ("include", "strings", '["flows/*.toml"]', "More files with partitions, sources and targets (globs)."),
        ("params", "table", "{ min_delay = 15 }", "Values that recipes may read; `--param` overrides them."),
        ("macros", "strings", '["sql/macros.sql"]', "Files of CREATE MACRO statements that SQL recipes may use."),
        ("timezone", "string", '"Europe/Zurich"', 'The time zone of recipes that name none; "UTC" without it.'),
        ("holidays", "dates", "[2024-12-25]", "Days on which nobody works, for all sources; or a file of them."),
        (
            "environment",
            "environment",
            '["uv.lock"]',
            'What counts of all that is installed, for targets that don\'t say it: files, names, a command, "ignore".',
        ),
        ("description", "string", '"What the project is for"', "A text for people."),
        ("owner", "string", '"data team"', "Who to ask; a text for people."),
    ),
    "defaults": (
        ("uses", "strings", '["lib/*.py"]', "For targets without `uses` of their own."),
        ("params", "strings", '["min_delay"]', "For shell targets without `params` of their own."),
        ("timezone", "string", '"Europe/Zurich"', "For targets without `timezone` of their own."),
        ("read", "table", '{ nullstr = "NA" }', "For CSV and JSON targets without `read` of their own."),
        ("interpreter", "string", '"Rscript"', "For shell targets without `interpreter` of their own."),
        ("macros", "strings", '["sql/macros.sql"]', "For SQL targets, beside their own."),
        ("env", "table", '{ LOG_LEVEL = "info" }', "For Python and shell targets, beside their own."),
        ("secrets", "strings", '["DB_PASSWORD"]', "For Python and shell targets, beside their own."),
        ("needs", "table", '{ memory = "2GB" }', "For targets, key by key, where they don't say it themselves."),
        ("retries", "retries", "2", "For targets without `retries` of their own."),
        ("retry_on", "causes", '[75, "TimeoutError"]', "For targets without `retry_on` of their own."),
        ("timeout", "timeout", '"10m"', "For targets without `timeout` of their own."),
        ("tags", "strings", '["nightly"]', "For targets without `tags` of their own."),
        ("owner", "string", '"data team"', "For targets without `owner` of their own."),
    ),
    "pools": (
        ("memory", "size", '"16GB"', "The memory that all tasks may take together; the machine's without it."),
        (ANY, "count", "4", "A pool of your own, and how many of it there are."),
    ),
    "partitions": (
        (
            "every",
            "string",
            '"day"',
            'A time dimension: minute, hour, day, week (ISO), month, quarter, year, or "15 minutes".',
        ),
        ("start", "date", "2013-01-01", "The first key of a time dimension."),
        ("end", "date", "2013-03-31", 'The last key, or "now"; without it, the newest partition that a source has.'),
        ("timezone", "string", '"Europe/Zurich"', 'The zone whose clocks the periods follow; "UTC" without it.'),
        ("values", "strings", '["EWR", "JFK"]', "A dimension of these keys."),
        (
            "discover",
            "discovery",
            '"carriers"',
            "A dimension of the keys that this source's paths have; or a table with SQL that finds them.",
        ),
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
        (
            "expect",
            "table",
            '{ at = "06:00" }',
            "When its partitions are due; without it always, and without a deadline.",
        ),
        ("gone", "string", '"keep"', 'With "keep", what was built from partitions that are gone stays as it is.'),
        ("settle", "duration", '"30s"', "For how long a file has to have been left alone before it is read."),
        ("ready", "string", '"{path}.done"', "A file without which a partition isn't there: a path like the source's."),
        ("description", "string", '"Hourly weather"', "A text for people."),
        ("tags", "strings", '["nightly"]', "Words to select it by."),
        ("owner", "string", '"data team"', "Who to ask; a text for people."),
    ),
    "targets": (
        (
            "path",
            "outputs",
            '"out/{day}.parquet"',
            "Where its output goes: a path with placeholders for its dimensions; or a table of several.",
        ),
        ("sql", "string", '"sql/daily.sql"', "The recipe as SQL: a file, or the SQL itself."),
        ("python", "string", '"flights.train:fit"', "The recipe as a Python function: module, colon, name."),
        ("shell", "string", '"sort {raw} > {output}"', "The recipe as a command, with placeholders."),
        ("inputs", "inputs", '["raw"]', "What it reads, beyond what its recipe names: a list, or a table of names."),
        ("partitions", "strings", '["day"]', "The dimensions of an action, which has no path that would tell them."),
        ("uses", "strings", '["report.R"]', "Code and configuration files that count as the recipe (globs)."),
        ("params", "strings", '["min_delay"]', "The params that a shell recipe is given."),
        ("read", "table", '{ nullstr = "NA" }', "How its readers read it: options of DuckDB's CSV or JSON reader."),
        ("schema", "table", '{ temp = "DOUBLE" }', "The types of its columns, as DuckDB names them."),
        ("timezone", "string", '"Europe/Zurich"', "The time zone of its recipe."),
        ("interpreter", "string", '"Rscript"', "What runs a shell recipe instead of bash."),
        ("macros", "strings", '["sql/macros.sql"]', "More files of CREATE MACRO statements for its SQL."),
        ("env", "table", '{ LOG_LEVEL = "info" }', "Environment variables of its recipe."),
        ("secrets", "strings", '["DB_PASSWORD"]', "Variables that it takes from dbuild's own environment, unseen."),
        (
            "environment",
            "environment",
            '{ cmd = "Rscript --version" }',
            "What counts of all that is installed; without it, what its recipe imports, or DuckDB.",
        ),
        ("needs", "table", '{ cpus = 2, memory = "2GB" }', "What it takes of the machine and of pools while it runs."),
        ("retries", "retries", "2", "How often a failed task is tried again: a number, or a table."),
        ("retry_on", "causes", '[75, "TimeoutError"]', "The failures that are tried again; all without it."),
        ("timeout", "timeout", '"10m"', "How long a task may run: a duration, or a table."),
        (
            "batch",
            "batch",
            "30",
            'How many partitions one call of its recipe makes together; "all": those that may start.',
        ),
        ("freeze_after", "duration", '"90d"', "How long after its period's end what was built stays as it is."),
        (
            "was",
            "names",
            '"delays"',
            "The name that it had, or a list of them: what was built under these still counts.",
        ),
        ("description", "string", '"Delays by day"', "A text for people."),
        ("tags", "strings", '["nightly"]', "Words to select it by."),
        ("owner", "string", '"data team"', "Who to ask; a text for people."),
    ),
    "inputs": (
        ("from", "string", '"weekly_trend"', "The dataset that is read; the input's own name without it."),
        ("impact", "string", '"none"', 'With "none" it is read, and its changes alone make nothing stale.'),
        (
            "missing",
            "string",
            '"latest"',
            'What is done without a missing partition: "wait", "fail", "skip", "latest".',
        ),
        ("max_age", "duration", '"7d"', 'With "latest": how much older may be what stands in.'),
        ("min", "count", "5", "So many partitions are enough, or all that are expected."),
        ("by", "routes", '"CAST(ts AS DATE)"', "SQL of the value by which each row goes to a partition of the target."),
    ),
    "expect": (
        ("at", "time", '"06:00"', "The time of day at which it is due; the end of the day without it."),
        ("days", "times", "1", "How many days after the last day of its period; 1 without it."),
        ("business_days", "count", "2", "The same, counting only days on which people work."),
        ("hours", "number", "6", "Instead of these: how long after the end of its period."),
        ("on", "days", '"business days"', 'The days for which it is due: "business days", or a list of weekdays.'),
        ("holidays", "dates", "[2024-12-25]", "Days that are no business days; those of [project] without it."),
    ),
    "discover": (
        ("sql", "string", '"SELECT name FROM customers"', "SQL over sources that gives the keys: a file, or the text."),
    ),
    "environment": (
        ("cmd", "string", '"Rscript --version"', "A command whose output counts; it is run once in each build."),
    ),
    "needs": (
        ("cpus", "number", "2", "How many of the `-j` tasks at once it counts for; 1 without it."),
        ("memory", "size", '"2GB"', "The most memory that it may use; more ends it."),
        (ANY, "count", "1", "How many of that pool it takes."),
    ),
    "retries": (
        ("times", "times", "3", "How often a failed task is tried again."),
        (
            "delay",
            "duration",
            '"5s"',
            "How long until the first of them; doubled for each further one; 1 s without it.",
        ),
    ),
    "timeout": (
        ("after", "duration", '"10m"', "How long a task may run before it is asked to end."),
        ("grace", "duration", '"30s"', "How long it then has before it is ended; 5 s without it."),
    ),
}

# Known to the format, but not to this version: said so, instead of guessing at a misspelling.
UNSUPPORTED: dict[str, frozenset[str]] = {
    "defaults": frozenset({"missing"}),
    "partitions": frozenset({"was"}),
    "sources": frozenset({"was"}),
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

INNER = ("inputs", "discover", "environment", "expect", "needs", "retries", "timeout")  # tables that are values of keys
SECTIONS = tuple(name for name in _ROWS if name not in INNER)
RESERVED = frozenset({"output", "key", "params", "provisional"})  # what recipes are offered beside their inputs


def accepted_keys() -> tuple[AcceptedKey, ...]:
    """Every key that a Dataflowfile may have, section by section."""
    return tuple(AcceptedKey(section, *row) for section, rows in _ROWS.items() for row in rows)


KEYS: dict[str, dict[str, AcceptedKey]] = {section: {} for section in _ROWS}
for _key in accepted_keys():
    KEYS[_key.section][_key.name] = _key
