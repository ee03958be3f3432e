"""The wide workload: N small files, N copies, one aggregate; dbuild's no-op beside ninja's on files of the same shape.

    python tests/bench/wide.py 10000 100000

Prints medians of wall time and peak memory over several runs, in pairs, and the ratio. ninja builds the same graph with
its outputs made beforehand, so that only its no-op is measured.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Compiled modules are kept, as they are for whoever installs dbuild.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
DATAFLOWFILE = """\
[project]
name = "wide"
[partitions.name]
discover = "raw"
[sources.raw]
path = "in/{name}.txt"
[targets.copy]
path = "out/{name}.txt"
python = "recipes:copy"
inputs = ["raw"]
[targets.total]
path = "total.txt"
python = "recipes:total"
inputs = ["copy"]
"""
RECIPES = """\
from pathlib import Path

def copy(raw: Path, output: Path):
    output.write_bytes(raw.read_bytes())

def total(copy: list[Path], output: Path):
    output.write_text(str(len(copy)))
"""


def make_wide(folder: Path, count: int) -> None:
    """N one-kilobyte files and the flow that copies them."""
    (folder / "in").mkdir(parents=True)
    for number in range(count):
        (folder / "in" / f"f{number:06d}.txt").write_bytes(f"{number:06d}".encode() * 170)
    (folder / "Dataflowfile").write_text(DATAFLOWFILE)
    (folder / "recipes.py").write_text(RECIPES)


def make_ninja(folder: Path, count: int) -> None:
    """The same graph for ninja, built by hand, then known to ninja by one build that only touches."""
    make_wide(folder, count)
    (folder / "out").mkdir()
    names = [f"f{number:06d}.txt" for number in range(count)]
    lines = ["rule cp", "  command = true", "rule cat", "  command = true"]
    lines += [f"build out/{name}: cp in/{name}" for name in names]
    lines += [f"build total.txt: cat {' '.join('out/' + name for name in names)}"]
    (folder / "build.ninja").write_text("\n".join(lines) + "\n")
    for name in names:
        shutil.copyfile(folder / "in" / name, folder / "out" / name)
    (folder / "total.txt").write_text(str(count))
    # "restat" by hand: ninja takes outputs newer than inputs with a known command; one run writes its log.
    subprocess.run(["ninja", "-C", str(folder), "--quiet"], check=True, stdout=subprocess.DEVNULL)


def timed(command: list[str], folder: Path) -> tuple[float, float]:
    """Wall seconds and peak megabytes of one run."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} failed with {process.returncode}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def measure(count: int, runs: int = 7) -> None:
    """One row: the cold build, then no-ops in pairs, then one changed source."""
    base = Path(tempfile.mkdtemp(prefix="dbuild-wide-"))
    dbuild = [sys.executable, "-m", "dbuild"]
    try:
        ours, theirs = base / "dbuild", base / "ninja"
        make_wide(ours, count)
        cold, _ = timed(dbuild, ours)
        rows: dict[str, list[tuple[float, float]]] = {"dbuild": [], "ninja": [], "status": []}
        with_ninja = shutil.which("ninja") is not None
        if with_ninja:
            make_ninja(theirs, count)
        timed(dbuild, ours)
        for _ in range(runs):
            rows["dbuild"].append(timed(dbuild, ours))
            if with_ninja:
                rows["ninja"].append(timed(["ninja", "--quiet"], theirs))
            rows["status"].append(timed([*dbuild, "status"], ours))
        (ours / "in" / "f000001.txt").write_text("changed")
        changed, _ = timed(dbuild, ours)
        noop = statistics.median(t for t, _ in rows["dbuild"])
        line = f"N={count}: cold {cold:.2f} s, no-op {noop:.3f} s ({max(m for _, m in rows['dbuild']):.0f} MB)"
        if with_ninja:
            ninja = statistics.median(t for t, _ in rows["ninja"])
            ratios = sorted(a[0] / b[0] for a, b in zip(rows["dbuild"], rows["ninja"], strict=True))
            line += f", ninja {ninja:.3f} s, ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f}..{ratios[-1]:.2f})"
        status = statistics.median(t for t, _ in rows["status"])
        print(f"{line}, status {status:.3f} s, one changed {changed:.3f} s", flush=True)
    finally:
        shutil.rmtree(base)


if __name__ == "__main__":
    for size in sys.argv[1:] or ["1000"]:
        measure(int(size))
