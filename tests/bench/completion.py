"""What a tab costs: the whole process that a shell starts, for commands, options, targets and keys.

    python -m tests.bench.completion [N] [KEYS]

Makes a project of N targets (200), and keeps KEYS keys (10,000) of one of them as built; then times each kind of line,
 best and median of ten, beside a bare Python and one that imports click. The first line of a project has to read its
files; the others find the names that it kept.
"""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from statistics import median

from dbuild.state.opening import open_state

FLOW = '[partitions.day]\nevery = "day"\nstart = 1990-01-01\n[sources.raw]\npath = "data/{day}.csv"\n'
TARGET = '[targets.t{number}]\npath = "out/{number}/{{day}}.csv"\nsql = "SELECT * FROM raw"\n'
LINES = {
    "commands": "dbuild sta",
    "options": "dbuild build --ke",
    "targets": "dbuild t1",
    "keys": "dbuild t0@",
    "keys of a year": "dbuild t0@2004-0",
}


def make(root: Path, targets: int, keys: int) -> None:
    """The project, with keys of its first target as a state has them."""
    (root / "Dataflowfile").write_text(FLOW + "".join(TARGET.format(number=number) for number in range(targets)))
    open_state(str(root), "Dataflowfile").close()
    days = ((date(1990, 1, 1) + timedelta(days=number)).isoformat() for number in range(keys))
    with sqlite3.connect(root / ".dbuild/state.db") as state:
        state.execute("INSERT INTO target (id, flow, name) VALUES (1, 'Dataflowfile', 't0')")
        state.executemany("INSERT INTO trace VALUES (1, ?, 1, 0, 0, x'', '', '', x'')", ((day,) for day in days))


def timed(words: list[str], root: Path, rounds: int = 10) -> tuple[float, float, float]:
    """The best and the median of so many runs, and the median of the processor's time; in milliseconds."""
    walls, processor = [], []
    for _ in range(rounds):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.perf_counter()
        subprocess.run(words, cwd=root, stdout=subprocess.DEVNULL, check=True)
        walls.append((time.perf_counter() - started) * 1000)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        processor.append((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000)
    return min(walls), median(walls), median(processor)


def main() -> None:
    """Prints the table."""
    given = [int(word) for word in sys.argv[1:]]
    targets, keys = [*given, *(200, 10_000)[len(given) :]]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make(root, targets, keys)
        dbuild = [sys.executable, "-m", "dbuild", "--complete", "bash"]
        first = timed([*dbuild, "dbuild t1"], root, 1)
        print(f"{f'{targets} targets, {keys:,} keys':<28}      best    median  processor")
        for name, words in (("python -c pass", ["-c", "pass"]), ("python -c 'import click'", ["-c", "import click"])):
            show(name, timed([sys.executable, *words], root))
        show("the first", first)
        for name, line in LINES.items():
            show(name, timed([*dbuild, line], root))


def show(name: str, found: tuple[float, float, float]) -> None:
    """Prints a row."""
    print(f"{name:<28} {found[0]:6.0f} ms {found[1]:6.0f} ms  {found[2]:6.0f} ms")


if __name__ == "__main__":
    main()
