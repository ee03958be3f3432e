"""What a task costs dbuild itself: the functions that it calls for one more, in the build and in the worker."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from types import FrameType

import pytest

from dbuild.build import beats, groups, run
from tests.build.hoarding import hoard
from tests.build.workshop import EACH_FILE, Workshop

# The first call has Python count; each call writes what was counted before it, so that two tell what lies between.
COUNTING = """
import subprocess
import sys
calls = 0
def hear(frame, event, arg):
    global calls
    calls += event == "call"
def copy(raw, output):
    sys.setprofile(None)
    output.write_text(f"{calls}\\n{raw.read_text()}")
    sys.setprofile(hear)
def copy_all(keys, raw, output):
    for key in keys:
        output[key].write_text(raw[key].read_text())
"""
FEW, MANY = 250, 450  # from 200 rows on things are read as a whole

Heard = Callable[[FrameType, str, object], None]


def workshop(root: Path, recipe: str, count: int) -> Workshop:
    shop = Workshop(root, EACH_FILE + recipe, **{"recipes.py": COUNTING})
    for number in range(count):
        shop.write(f"in/{number:05d}.txt", f"{number}\n")
        os.utime(shop.path(f"in/{number:05d}.txt"), (1_300_000_000, 1_300_000_000))
    return shop


def calls_of_a_build(root: Path, recipe: str, count: int) -> Counter[str]:
    """The Python functions that a build of so many partitions calls, and how often."""
    shop = workshop(root, recipe, count)
    called: Counter[str] = Counter()

    def hear(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            called[f"{frame.f_code.co_filename} {frame.f_code.co_name}"] += 1

    sys.setprofile(hear)
    try:
        built = shop.build(jobs=1)
    finally:
        sys.setprofile(None)
    assert built.counts == {"made": count}
    return called


@pytest.mark.parametrize(
    ("recipe", "most"),
    [
        ('python = "recipes:copy"', 300),
        ('python = "recipes:copy_all"\nbatch = 50', 225),
        ('shell = "cp {raw} {output}"\ninterpreter = "sh"', 335),
    ],
    ids=["python", "batch", "shell"],
)
def test_a_build_calls_few_functions_for_a_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: str, most: int
) -> None:
    for module in (groups, run, beats):  # what is done a few times a second is counted by the pace of the machine
        monkeypatch.setattr(module, "SECONDS", 1e6)
    hoard(monkeypatch)  # so would be how many end together
    few, many = (calls_of_a_build(tmp_path / str(count), recipe, count) for count in (FEW, MANY))
    growing = {name: (many[name] - few[name]) / (MANY - FEW) for name in many}
    assert sum(growing.values()) <= most, sorted(growing.items(), key=lambda one: -one[1])[:40]


@pytest.mark.parametrize("more", [0, 300], ids=["bare", "with-300-variables"])
def test_a_worker_calls_few_functions_for_a_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: int) -> None:
    """Nor more of them where the environment is large."""
    for number in range(more):
        monkeypatch.setenv(f"SOME_VARIABLE_{number}", "value")
    shop = workshop(tmp_path / "shop", 'python = "recipes:copy"', 40)
    assert shop.build(jobs=1).counts == {"made": 40}
    counted = sorted(int(text.split()[0]) for text in shop.outputs().values())
    each = median(later - before for before, later in pairwise(counted))
    assert each <= 120, each


def test_python_seldom_looks_for_cycles(tmp_path: Path) -> None:
    shop = workshop(tmp_path / "shop", 'python = "recipes:copy"', MANY)
    counting = (
        "import gc, sys; from dbuild.__main__ import main\n"
        "def looks(): return sum(one['collections'] for one in gc.get_stats())\n"
        "before = looks(); main(); print(looks() - before, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", counting, "plan"], cwd=shop.root, env=shop.environment(), capture_output=True, text=True
    )
    assert int(done.stderr) <= 10, done.stderr


def test_python_looks_for_no_cycles_when_it_ends(tmp_path: Path) -> None:
    """Among what dbuild holds, neither in a build nor in a worker."""
    shop = workshop(tmp_path / "shop", 'python = "recipes:told"', 1)
    shop.write("recipes.py", "import gc\ndef told(raw, output):\n    output.write_text(str(gc.get_freeze_count()))\n")
    counting = (
        "import atexit, gc, sys; from dbuild.__main__ import main\n"
        "atexit.register(lambda: print(len(gc.get_objects()), gc.get_freeze_count(), file=sys.stderr)); main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", counting, "-q"], cwd=shop.root, env=shop.environment(), capture_output=True, text=True
    )
    looked_at, frozen = map(int, done.stderr.split())
    assert looked_at < 1000 < 10_000 < frozen
    assert int(shop.outputs()["out/00000.txt"]) > 5000


def test_nothing_is_said_of_what_python_leaves_to_its_end(tmp_path: Path) -> None:
    """DuckDB tells of what nobody has collected."""
    shop = workshop(tmp_path / "shop", 'sql = "SELECT name, count(*) AS lines FROM raw GROUP BY ALL"', 3)
    shop.write("Dataflowfile", shop.path("Dataflowfile").read_text().replace(".txt", ".csv"))
    for number in range(3):
        shop.write(f"in/{number}.csv", "name\na\n")
    ending = (
        "import atexit, sys; from dbuild.__main__ import main\n"
        "atexit.register(lambda: print('loaded' * ('_duckdb' in sys.modules))); sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", ending, "-q"], cwd=shop.root, env=shop.environment(), capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("loaded\n")
