"""Rows routed by their own time: 100 files of 100,000 rows, of which one in a hundred is of an earlier day.

    python -m tests.bench.routing

Prints seconds until it is known where all rows go ("routed"), seconds of the whole command, seconds of processor time
of all its processes, how many partitions ran and peak memory: of the first build, of one with nothing to do, of one
after a new file that has five rows of an old day, and of one after all rows of a file are corrected. Beside them, what
a plain loop over the same files takes that counts the rows of each day and file, and digests them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from tests.bench.measuring import ENVIRONMENT

FILES, ROWS = 100, 100_000
DATAFLOWFILE = """\
[partitions.day]
every = "day"
start = 2024-01-01
[sources.events]
path = "in/{day}.parquet"
[targets.daily]
path = "out/{day}.parquet"
sql = "SELECT count(*) AS events, sum(amount) AS amount FROM events"
inputs.events = { by = "CAST(ts AS DATE)" }
"""
EVENTS = """
COPY (
    SELECT TIMESTAMP '2024-01-01' + INTERVAL (seconds) SECOND
               + INTERVAL (CASE WHEN id % 100 = 0 THEN greatest({day} - id % 30, 0) ELSE {day} END) DAY AS ts,
           id, id % 1000 + {extra} AS amount, 'customer ' || id % 5000 AS customer
    FROM (SELECT range AS id, (range * 7919) % 86400 AS seconds FROM range({rows})){more}
) TO '{path}' (FORMAT parquet)
"""
LATE = " UNION ALL SELECT TIMESTAMP '2024-01-03 12:00', -range, 1, 'late' FROM range(5)"
PLAIN = """
SELECT CAST(ts AS DATE) AS day, count(*), bit_xor(hash(ts, id, amount, customer))
FROM read_parquet('{path}') GROUP BY ALL
"""
ONE = """
import json, sys, time
from dbuild.build import Settings, build
from dbuild.core.events import RunStarted, TaskEnded
begun, marks, ran = time.perf_counter(), {}, []
def hear(event):
    if isinstance(event, RunStarted):
        marks["routed"] = time.perf_counter() - begun
    ran.extend([event] if isinstance(event, TaskEnded) else [])
build(Settings(sys.argv[1]), (), emit=hear)
print(json.dumps([marks.get("routed"), time.perf_counter() - begun, len(ran)]))
"""


def write_events(folder: Path, day: int, more: str = "", extra: int = 0, rows: int = ROWS) -> None:
    """The file of a day."""
    name = duckdb.sql(f"SELECT CAST(DATE '2024-01-01' + {day} AS VARCHAR)").fetchall()[0][0]
    path = folder / "in" / f"{name}.parquet"
    duckdb.sql(EVENTS.format(day=day, more=more, extra=extra, rows=rows, path=path))


def plain_seconds(folder: Path) -> tuple[float, float]:
    """What a loop over the files takes that counts and digests the rows of each day: seconds, and processor time."""
    started, used = time.perf_counter(), time.process_time()
    with duckdb.connect() as connection:
        for path in sorted((folder / "in").glob("*.parquet")):
            connection.sql(PLAIN.format(path=path)).fetchall()
    return time.perf_counter() - started, time.process_time() - used


def show_build(label: str, folder: Path) -> None:
    """Builds in a process of its own and prints what it took."""
    command = [sys.executable, "-c", ONE, str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=ENVIRONMENT, text=True)
    assert process.stdout is not None
    routed, seconds, ran = json.loads(process.stdout.read())
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    megabytes = usage.ru_maxrss / (1024 * (1024 if sys.platform == "darwin" else 1))
    shown = f"{routed:6.2f} s" if routed is not None else f"{'-':>8}"
    used = usage.ru_utime + usage.ru_stime
    print(f"{label:34} {shown} {seconds:7.2f} s {used:7.2f} s {ran:5} ran {megabytes:7.0f} MB", flush=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "in").mkdir()
        (folder / "Dataflowfile").write_text(DATAFLOWFILE)
        for day in range(FILES):
            write_events(folder, day)
        plain, used = min(plain_seconds(folder) for _ in range(3))
        print(f"{FILES} files of {ROWS:,} rows; a plain loop: {plain:.2f} s, {used:.2f} s of processors")
        print(f"{'':34} {'routed':>8} {'all':>9} {'cpu':>9}")
        show_build("first build", folder)
        show_build("again", folder)
        show_build("nothing to do", folder)
        write_events(folder, FILES, more=LATE, rows=0)
        show_build("a new file, five rows of a day", folder)
        write_events(folder, FILES // 2, extra=1)
        show_build("a file corrected in every row", folder)


if __name__ == "__main__":
    main()
