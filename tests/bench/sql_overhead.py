"""What a SQL task costs beyond the same statement run directly: prints both, and the difference, by formats.

Run it as `python -m tests.bench.sql_overhead [TASKS]`. The plain loop is what a person would write: one connection,
the statement with the reader in its FROM, values bound, COPY to a file.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from dbuild.core.task import TaskInput
from dbuild.recipes.engine import Engine
from dbuild.recipes.sql import run
from tests.recipes.sqltasks import DAY, given, task

SCHEMA = (("fi", "BIGINT"), ("r", "BIGINT"), ("v", "DOUBLE"), ("s", "VARCHAR"))
_BLOCK = 20
BUDGET = 0.5  # milliseconds a task
STATEMENTS = {
    "columns": "SELECT s, sum(v) AS v FROM {source} WHERE r > $low GROUP BY s ORDER BY s",
    "day": "SELECT day, s, sum(v) AS v FROM {source} WHERE r > $low GROUP BY ALL ORDER BY s",
    "star": "SELECT * FROM {source} WHERE r > $low",
}
PLAIN = STATEMENTS | {  # where the task's view adds the day, a person has to
    "day": "SELECT CAST($day AS DATE) AS day, s, sum(v) AS v FROM {source} WHERE r > $low GROUP BY ALL ORDER BY s",
    "star": "SELECT *, CAST($day AS DATE) AS day FROM {source} WHERE r > $low",
}
KEYS = tuple(f"2013-{month:02d}-{day:02d}" for month in range(1, 13) for day in range(1, 29))


def sources(folder: Path, ending: str) -> list[Path]:
    import duckdb

    session = duckdb.connect()
    paths = [folder / f"{key}.{ending}" for key in KEYS]
    for number, path in enumerate(paths):
        session.execute(
            f"COPY (SELECT {number} AS fi, r, r * 2.5::DOUBLE AS v, 'x' || r AS s FROM range(100) t(r)) TO '{path}'"
        )
    return paths


def reader(path: Path) -> str:
    if path.suffix == ".csv":
        columns = ", ".join(f"'{name}': '{kind}'" for name, kind in SCHEMA)
        return f"read_csv('{path}', columns={{{columns}}}, auto_detect=false, header=true, delim=',', quote='\"')"
    return f"read_parquet('{path}')"


def inputs(path: Path, key: str) -> TaskInput:
    schema = SCHEMA if path.suffix == ".csv" else None
    return given("a", path, dimensions=(DAY,), keys=((key,),), schema=schema)


def timed(each: Callable[[int], None], count: int, first: int = 0) -> list[float]:
    times = []
    for number in range(first, first + count):
        start = time.perf_counter()
        each(number)
        times.append((time.perf_counter() - start) * 1e3)
    return times


def compare(folder: Path, paths: list[Path], name: str, ending: str, count: int) -> tuple[float, float]:
    """Milliseconds: what the plain statement takes, and what a task takes beyond it; medians over blocks of both."""
    import duckdb

    text = STATEMENTS[name].format(source="a")
    engine, session = Engine([str(folder)]), duckdb.connect(config={"threads": 1})
    output = folder / f"out.{ending}"
    options = "FORMAT parquet, COMPRESSION zstd" if ending == "parquet" else "FORMAT csv, HEADER true"

    tasks = [task(text, output, inputs(*pair), params=(("low", 5),)) for pair in zip(paths, KEYS, strict=True)]

    def plainly(number: int) -> None:
        at = number % len(paths)
        values: dict[str, object] = {"low": 5} | ({} if name == "columns" else {"day": KEYS[at]})
        session.execute(f"COPY ({PLAIN[name].format(source=reader(paths[at]))}) TO '{output}' ({options})", values)

    def as_task(number: int) -> None:
        run(tasks[number % len(paths)], engine)

    timed(plainly, 5)
    timed(as_task, 5)
    rounds = []
    for at in range(0, count, _BLOCK):  # blocks: each side runs warm, as it would alone, under the same load
        plain, made = median(timed(plainly, _BLOCK, at)), median(timed(as_task, _BLOCK, at))
        rounds.append((plain, made - plain))
    return median(plain for plain, _ in rounds), median(more for _, more in rounds)


def main(count: int) -> bool:
    """Print the table; whether every line is within the budget."""
    within = True
    print(f"{'input':8} {'output':8} {'reads':8} {'plain ms':>9} {'task ms':>9} {'overhead ms':>12}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for source in ("parquet", "csv"):
            paths = sources(folder, source)
            for ending in ("parquet", "csv"):
                for statement in STATEMENTS:
                    plain, more = compare(folder, paths, statement, ending, count)
                    within = within and more <= BUDGET
                    print(f"{source:8} {ending:8} {statement:8} {plain:9.3f} {plain + more:9.3f} {more:12.3f}")
    return within


if __name__ == "__main__":
    print("within the budget" if main(int(sys.argv[1]) if len(sys.argv) > 1 else 500) else f"over {BUDGET} ms")
