"""What a task costs beyond its recipe: Python, SQL and shell, in one long run each.

    python -m tests.bench.overhead [N]

Each workload makes N partitions with one worker and is set beside the bare work: a function that copies a file, the
same COPY statements on one DuckDB connection, `sh -c` by subprocess: of `cp`, which dbuild starts without a shell, and
of `cat` with a file as its output. Prints seconds, the difference for each task, and how many times as long it takes;
cold folders for every run, by turns, the best of three of either.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench.measuring import ENVIRONMENT

HEAD = '[partitions.name]\ndiscover = "raw"\n[sources.raw]\npath = "in/{name}.%s"\n[targets.made]\n'
FLOWS = {
    "python": ("txt", HEAD + 'path = "out/{name}.txt"\npython = "recipes:copy"\ninputs = ["raw"]\n'),
    "sql": ("parquet", HEAD + 'path = "out/{name}.parquet"\nsql = "SELECT a, b + 1 AS b FROM raw"\n'),
    "program": ("txt", HEAD + 'path = "out/{name}.txt"\nshell = "cp {raw} {output}"\n'),
    "sh": ("txt", HEAD + 'path = "out/{name}.txt"\nshell = "cat {raw} > {output}"\ninterpreter = "sh"\n'),
}
RECIPE = "from pathlib import Path\ndef copy(raw: Path, output: Path):\n    output.write_bytes(raw.read_bytes())\n"


def make(folder: Path, kind: str, count: int) -> None:
    """N sources and the flow."""
    ending, flow = FLOWS[kind]
    (folder / "in").mkdir(parents=True)
    (folder / "out").mkdir()
    (folder / "Dataflowfile").write_text(flow % ending)
    (folder / "recipes.py").write_text(RECIPE)
    first = folder / "in" / f"f00000.{ending}"
    if kind == "sql":
        import duckdb

        duckdb.sql(f"COPY (SELECT range AS a, range * 2 AS b FROM range(20)) TO '{first}' (FORMAT parquet)")
    else:
        first.write_bytes(b"x" * 1000)
    for number in range(1, count):
        shutil.copyfile(first, folder / "in" / f"f{number:05d}.{ending}")


def bare(folder: Path, kind: str) -> None:
    """The same work without dbuild."""
    files = sorted((folder / "in").iterdir())
    if kind == "python":
        for file in files:
            (folder / "out" / file.name).write_bytes(file.read_bytes())
    elif kind == "sql":
        import duckdb

        connection = duckdb.connect(config={"threads": 2})
        for file in files:
            out = folder / "out" / file.name
            connection.execute(f"COPY (SELECT a, b + 1 AS b FROM '{file}') TO '{out}' (FORMAT parquet)")
    elif kind == "program":
        for file in files:
            subprocess.run(["sh", "-c", f"cp {file} {folder / 'out' / file.name}"], check=True)
    else:
        for file in files:
            with open(folder / "out" / file.name, "wb") as out:
                subprocess.run(["sh", "-c", f"cat {file}"], stdout=out, check=True)


def ours(folder: Path, kind: str) -> None:
    """A build with one worker."""
    subprocess.run([sys.executable, "-m", "dbuild", "-q", "-j", "1"], cwd=folder, env=ENVIRONMENT, check=True)


def seconds(kind: str, count: int, work: Callable[[Path, str], None]) -> float:
    """What a cold run takes."""
    folder = Path(tempfile.mkdtemp(prefix="dbuild-overhead-")) / "p"
    try:
        make(folder, kind, count)
        started = time.perf_counter()
        work(folder, kind)
        return time.perf_counter() - started
    finally:
        shutil.rmtree(folder.parent)


if __name__ == "__main__":
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    for name in FLOWS:
        turns = [(seconds(name, size, bare), seconds(name, size, ours)) for _ in range(3)]
        plain, built = map(min, zip(*turns, strict=True))
        each = (built - plain) / size * 1000
        ratios = ", ".join(f"{fully / plainly:.2f}" for plainly, fully in turns)
        words = f"{each:.2f} ms a task more, {built / plain:.2f} times (by turns {ratios})"
        print(f"{name}: {size} tasks, bare {plain:.2f} s, dbuild {built:.2f} s: {words}", flush=True)
