"""A watch: how soon a change is built, what a no-op beside it costs, whether it misses anything, what memory it takes.

    python -m tests.bench.watch [--files 100000] [--minutes 10]

First a file a second for some minutes: how many of their copies are there in the end, how long each took, and what
memory the watch had at the beginning and at the end. Then a project of 50,000 files and a copy of each: seconds from
the moment that a file is written until its copy has the new content (median and worst of 20), and of `dbuild` with
nothing to do beside the watch and without it (medians of 11, by turns with `dbuild --version`, which is what a start
takes).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.measuring import ENVIRONMENT

FLOW = """\
[partitions.name]
discover = "raw"
[sources.raw]
path = "in/{name}.txt"
[targets.copy]
path = "out/{name}.txt"
python = "recipes:copy"
inputs = ["raw"]
"""
RECIPE = """\
import shutil
def copy(raw, output):
    shutil.copyfile(raw, output)
"""


def make_project(folder: Path, files: int) -> None:
    """A flow with so many source files."""
    (folder / "in").mkdir(parents=True)
    (folder / "Dataflowfile").write_text(FLOW)
    (folder / "recipes.py").write_text(RECIPE)
    for number in range(files):
        (folder / "in" / f"{number:06d}.txt").write_text("first\n")


def run(folder: Path, *words: str) -> float:
    """Seconds of one command."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "dbuild", *words]
    subprocess.run(command, cwd=folder, env=ENVIRONMENT, check=True, capture_output=True)
    return time.perf_counter() - started


@contextmanager
def watching(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A watch that has nothing to do by now."""
    process = subprocess.Popen([sys.executable, "-m", "dbuild", "watch", "-q"], cwd=folder, env=ENVIRONMENT)
    try:
        wait_idle(folder, process.pid)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def wait_idle(folder: Path, pid: int) -> None:
    """Until the watch waits."""
    while True:
        try:
            beat = json.loads((folder / ".dbuild" / "watch.Dataflowfile.json").read_text())
        except (OSError, ValueError):
            beat = {"pid": None}
        if beat["pid"] == pid and beat["doing"] == "waiting":
            return
        time.sleep(0.02)


def wait_for(path: Path, text: str, since: float, limit: float = 300.0) -> float:
    """Seconds until a file has this content."""
    while time.perf_counter() - since < limit:
        try:
            if path.read_text() == text:
                return time.perf_counter() - since
        except OSError:
            pass
        time.sleep(0.002)
    raise SystemExit(f"{path} hasn't got its content in {limit:g} s")


def memory(pid: int) -> float:
    """Megabytes of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def show_many(folder: Path, files: int) -> None:
    """A project of many files."""
    make_project(folder, files)
    print(f"{files:,} files and a copy of each; load {os.getloadavg()[0]:.1f}", flush=True)
    print(f"  first build                     {run(folder):8.2f} s", flush=True)
    run(folder)
    with watching(folder) as process:
        latencies = []
        for step in range(20):
            wait_idle(folder, process.pid)
            number, text = step * 997 % files, f"change {step}\n"
            (folder / "in" / f"{number:06d}.txt").write_text(text)
            latencies.append(wait_for(folder / "out" / f"{number:06d}.txt", text, time.perf_counter()))
        wait_idle(folder, process.pid)
        shown = f"{statistics.median(latencies):8.2f} s, at worst {max(latencies):.2f} s"
        print(f"  from a change to its output     {shown}")
        print(f"  memory of the watch             {memory(process.pid):8.1f} MB", flush=True)
        beside, starts = paired(folder)
        print(f"  no-op beside the watch          {beside:8.3f} s  (start alone {starts:.3f} s)", flush=True)
    alone, starts = paired(folder)
    print(f"  no-op without it                {alone:8.3f} s  (start alone {starts:.3f} s)", flush=True)


def paired(folder: Path) -> tuple[float, float]:
    """The medians of a no-op and of a start, by turns."""
    run(folder)
    pairs = [(run(folder), run(folder, "--version")) for _ in range(11)]
    return statistics.median(one for one, _ in pairs), statistics.median(two for _, two in pairs)


def show_steady(folder: Path, minutes: float) -> None:
    """A file a second."""
    make_project(folder, 10)
    run(folder)
    arrivals = round(minutes * 60)
    with watching(folder) as process:
        before, begun, written = memory(process.pid), time.perf_counter(), {}
        for number in range(arrivals):
            time.sleep(max(0.0, begun + number - time.perf_counter()))
            path = folder / "in" / f"new{number:06d}.txt"
            path.write_text(f"arrival {number}\n")
            written[path.name] = time.time()
        last = arrivals - 1
        wait_for(folder / "out" / f"new{last:06d}.txt", f"arrival {last}\n", time.perf_counter())
        wait_idle(folder, process.pid)
        after = memory(process.pid)
    right = sum(
        (folder / "out" / name).exists() and (folder / "out" / name).read_text() == (folder / "in" / name).read_text()
        for name in written
    )
    delays = [(folder / "out" / name).stat().st_ctime - moment for name, moment in written.items()]
    print(f"a file a second for {minutes:g} minutes; load {os.getloadavg()[0]:.1f}")
    print(f"  built                           {right:8} of {arrivals}")
    print(f"  from arrival to output          {statistics.median(delays):8.2f} s, at worst {max(delays):.2f} s")
    print(f"  memory of the watch             {before:8.1f} MB at first, {after:.1f} MB in the end", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=100_000, help="files in all, half of them copies")
    parser.add_argument("--minutes", type=float, default=10.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        if given.minutes:
            show_steady(Path(place) / "steady", given.minutes)
        if given.files:
            show_many(Path(place) / "many", given.files // 2)


if __name__ == "__main__":
    main()
