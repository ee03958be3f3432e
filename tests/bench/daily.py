"""The daily workload: days of Parquet through three stages of SQL, their months, and one total."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from tests.bench.workloads import Edit, Job, Recipe, Workload

FIRST = date(2013, 1, 1)
CLEAN = "SELECT id, amount, customer{blanks} FROM {raw} WHERE amount >= 10"
PRICED = "SELECT id, customer, amount, amount * 1.25 AS gross FROM {clean}"
SUMS = "SELECT count(*) AS orders, sum(amount) AS amount, sum(gross) AS gross FROM {priced}"
MONTHLY = (
    "SELECT sum(orders)::BIGINT AS orders, sum(amount)::BIGINT AS amount, max(gross) AS most FROM {sums}"  # integers
)
TOTAL = "SELECT sum(orders)::BIGINT AS orders, sum(amount)::BIGINT AS amount, {version} AS version FROM {monthly}"
STATEMENTS = {"clean": CLEAN, "priced": PRICED, "sums": SUMS, "monthly": MONTHLY, "total": TOTAL}
READS = {"clean": "raw", "priced": "clean", "sums": "priced", "monthly": "sums", "total": "monthly"}
HEAD = """\
[partitions.day]
every = "day"
start = 2013-01-01
[partitions.month]
every = "month"
start = 2013-01-01
[sources.raw]
path = "in/{day}.parquet"
"""
MODULE = """\
import duckdb

STATEMENTS = {statements!r}
session = duckdb.connect(config={{"threads": 1}})

def make(name, inputs, output):
    text = STATEMENTS[name].format(f"read_parquet({{list(inputs)}})")
    session.execute(f"COPY ({{text}}) TO '{{output}}' (FORMAT parquet, COMPRESSION zstd)")

{functions}"""
SOURCE = """
COPY (
    SELECT {number} * 100 + range AS id, (range * 7919 + {number} * 31) % 97 + {extra} AS amount,
           'customer ' || range % 7 AS customer, DATE '{day}' AS at
    FROM range(20)
) TO '{path}' (FORMAT parquet)
"""
RIGHT = "SELECT count(*), sum(amount) FROM read_parquet('{0}/in/*.parquet') WHERE amount >= 10"
MODEL = "MODEL (name bench.{name}, kind {kind}, start '2013-01-01', cron '@{cron}');\n{text}\n"
KIND = "INCREMENTAL_BY_TIME_RANGE (time_column at)"
BETWEEN = "at BETWEEN @start_date AND @end_date"
CONFIG = """\
gateways:
  local:
    connection: {type: duckdb, database: warehouse.db}
default_gateway: local
model_defaults: {dialect: duckdb, start: 2013-01-01}
disable_anonymized_analytics: true
"""


def daily(days: int) -> Workload:
    """The workload of so many days from 2013-01-01 on."""
    outputs = {"monthly": "monthly/{month}.parquet", "total": "total.parquet"}
    return Workload(
        "daily",
        f"{days:,} days",
        3 * days,
        lambda folder: make_sources(folder, days),
        dataflow,
        change,
        "in/2013-01-01.parquet",
        is_right,
        "total.parquet",
        lambda: jobs(days),
        {name: Recipe(outputs.get(name, f"{name}/{{day}}.parquet")) for name in STATEMENTS},
        module,
        sqlmesh=lambda edit: models(edit, days),
    )


def make_sources(folder: Path, days: int) -> None:
    """A file of twenty rows for each day."""
    (folder / "in").mkdir(parents=True)
    for number in range(days):
        write_source(folder, number)


def write_source(folder: Path, number: int, extra: int = 0) -> None:
    """The file of a day."""
    import duckdb

    day = FIRST + timedelta(number)
    duckdb.execute(SOURCE.format(number=number, day=day, extra=extra, path=folder / "in" / f"{day}.parquet"))


def statements(edit: Edit, inputs: dict[str, str]) -> dict[str, str]:
    """All SQL, with what each reads in its place."""
    blanks = "\n" * edit.blanks
    return {name: text.format(**inputs, blanks=blanks, version=edit.version) for name, text in STATEMENTS.items()}


def dataflow(edit: Edit) -> dict[str, str]:
    """dbuild's files."""
    paths = {"monthly": "monthly/{month}.parquet", "total": "total.parquet"}
    flow = HEAD
    for name, text in statements(edit, {one: one for one in READS.values()}).items():
        flow += f'[targets.{name}]\npath = "{paths.get(name, name + "/{day}.parquet")}"\nsql = """\n{text}"""\n'
    return {"Dataflowfile": flow}


def module(edit: Edit) -> str:
    """The same for whoever calls Python."""
    functions = "".join(f"def {name}(inputs, output):\n    make({name!r}, inputs, output)\n" for name in STATEMENTS)
    return MODULE.format(statements=statements(edit, dict.fromkeys(READS.values(), "{}")), functions=functions)


def models(edit: Edit, days: int) -> dict[str, str]:
    """The same for SQLMesh, which keeps its tables in a database."""
    texts = {
        "clean": CLEAN.format(raw="read_parquet('in/*.parquet')", blanks=", at" + "\n" * edit.blanks)
        + f" AND {BETWEEN}",
        "priced": f"SELECT id, customer, amount, amount * 1.25 AS gross, at FROM bench.clean WHERE {BETWEEN}",
        "sums": "SELECT at, count(*) AS orders, sum(amount) AS amount, sum(gross) AS gross "
        f"FROM bench.priced WHERE {BETWEEN} GROUP BY at",
        "monthly": "SELECT date_trunc('month', at) AS month, sum(orders)::BIGINT AS orders, "
        "sum(amount)::BIGINT AS amount, max(gross) AS most FROM bench.sums GROUP BY ALL",
        "total": TOTAL.format(monthly="bench.monthly", version=edit.version),
    }
    whole = ("monthly", "total")
    files = {
        f"models/{name}.sql": MODEL.format(name=name, kind="FULL" if name in whole else KIND, cron="daily", text=text)
        for name, text in texts.items()
    }
    return files | {"config.yaml": CONFIG}


def change(folder: Path, turn: int) -> None:
    """One day gets other amounts."""
    write_source(folder, 1, turn + 1)


def is_right(folder: Path, edit: Edit) -> bool:
    """Whether the total is of the days as they are."""
    import duckdb

    orders, amount = duckdb.sql(RIGHT.format(folder)).fetchall()[0]
    if (folder / "warehouse.db").exists():
        with duckdb.connect(str(folder / "warehouse.db"), read_only=True) as warehouse:
            return warehouse.sql("FROM bench.total").fetchall() == [(orders, amount, edit.version)]
    return duckdb.sql(f"FROM '{folder}/total.parquet'").fetchall() == [(orders, amount, edit.version)]


def jobs(days: int) -> Iterator[Job]:
    """Who makes what."""
    names = [str(FIRST + timedelta(number)) for number in range(days)]
    for stage in ("clean", "priced", "sums"):
        folder = {"raw": "in"}.get(READS[stage], READS[stage])
        for name in names:
            yield Job(stage, (f"{folder}/{name}.parquet",), f"{stage}/{name}.parquet")
    months = dict.fromkeys(name[:7] for name in names)
    for month in months:
        of_month = tuple(f"sums/{name}.parquet" for name in names if name.startswith(month))
        yield Job("monthly", of_month, f"monthly/{month}.parquet")
    yield Job("total", tuple(f"monthly/{month}.parquet" for month in months), "total.parquet")
