"""What small partitions cost DuckDB alone, one by one and together: the floor under `batches`.

    python -m tests.bench.batch_floor [DAYS]

The sums of each of many days of twenty rows in Parquet, by one session with one thread: a COPY for each day; thirty
days by one COPY with PARTITION_BY; of these the query alone, its rows in memory; and such files written by pyarrow,
which is what they cost as files. Prints the milliseconds of processor time for each day, best of three, and how many
times less that is than one by one. Nothing is hashed, renamed or recorded.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
from pyarrow import parquet

from tests.bench.daily import write_source

_TOGETHER = 30
SUMS = "SELECT r.at AS day, sum(r.amount)::BIGINT AS amount FROM read_parquet([{files}]) r GROUP BY r.at"
OPTIONS = "FORMAT parquet, COMPRESSION zstd"


class Days:
    """The days' files, and a session."""

    def __init__(self, base: Path, count: int) -> None:
        self.files = sorted((base / "in").iterdir())[:count]
        self.groups = [self.files[first : first + _TOGETHER] for first in range(0, count, _TOGETHER)]
        self.session = duckdb.connect(config={"threads": 1, "async_threads": 0})
        self.session.execute(f"SET partitioned_write_max_open_files = {_TOGETHER + 1}")

    def query(self, files: list[Path]) -> str:
        return SUMS.format(files=", ".join(f"'{file}'" for file in files))

    def one_by_one(self, out: Path) -> None:
        for file in self.files:
            self.session.execute(f"COPY ({self.query([file])}) TO '{out / file.name}' ({OPTIONS})")

    def together(self, out: Path) -> None:
        for number, files in enumerate(self.groups):
            options = f"{OPTIONS}, PARTITION_BY (day), WRITE_PARTITION_COLUMNS true, HIVE_FILE_PATTERN false"
            self.session.execute(f"COPY ({self.query(files)}) TO '{out / str(number)}' ({options})")

    def queried(self, out: Path) -> None:
        for files in self.groups:
            self.session.execute(self.query(files)).fetchall()

    def written(self, out: Path) -> None:
        table = pa.Table.from_pylist([{"day": "2013-01-01", "amount": 1}])
        for file in self.files:
            parquet.write_table(table, out / file.name, compression="zstd")


STEPS: dict[str, Callable[[Days, Path], None]] = {
    "a COPY for each": Days.one_by_one,
    "a COPY for thirty": Days.together,
    "the query for thirty alone": Days.queried,
    "the files alone, by pyarrow": Days.written,
}


def best(step: Callable[[Days, Path], None], days: Days, base: Path) -> float:
    """The least processor time of three runs, in milliseconds for each day."""
    found = []
    for _ in range(3):
        out = Path(tempfile.mkdtemp(dir=base))
        before = time.process_time()
        step(days, out)
        found.append(time.process_time() - before)
        made = sum(1 for path in out.rglob("*.parquet"))
        assert made in ((0,) if step is Days.queried else (len(days.files),)), made
    return min(found) / len(days.files) * 1000


def main(count: int) -> None:
    with tempfile.TemporaryDirectory(prefix="dbuild-floor-") as place:
        base = Path(place)
        (base / "in").mkdir()
        for number in range(count):
            write_source(base, number)
        days = Days(base, count)
        alone = 0.0
        for words, step in STEPS.items():
            took = best(step, days, base)
            alone = alone or took
            print(f"{words:28} {took:6.3f} ms {alone / took:5.1f} times less", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 900)
