"""What one changed file of many can't do without: the floor under "one changed" of the wide workload.

    python -m tests.bench.change_floor [FILES]

Of so many files, each with a copy, and one aggregate over all copies: a build with nothing to do; a build after one
file was changed; and of what the second has to do beyond the first, each thing alone: both recipes in a Python of their
own, as a worker has one; the digests of all copies, read from the state; the folder of the copies, listed once more
when the recipe has ended. Prints the median milliseconds of five turns by the clock.
"""

from __future__ import annotations

import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from dbuild.observe.listing import Tree, list_trees
from tests.bench.measuring import apart, measure
from tests.bench.wide import batches, change, make_sources
from tests.bench.workloads import Edit

_RECIPES = """
import sys
from pathlib import Path
sys.path.insert(0, "")
import recipes
recipes.copy(Path("in/f000001.txt"), Path("copied"))
recipes.total([Path(f"out/f{number:06d}.txt") for number in range(int(sys.argv[1]))], Path("counted"))
"""


def build(folder: Path) -> None:
    """What `dbuild` makes there."""
    run = measure((sys.executable, "-m", "dbuild", "-q"), folder)
    assert run.outcome == "ok", run.said


def run_recipes(folder: Path, count: int) -> None:
    """Both recipes, by a new process."""
    run = measure((sys.executable, "-P", "-c", _RECIPES, str(count)), folder)
    assert run.outcome == "ok", run.said


def read_digests(folder: Path) -> None:
    """What the state has of the copies."""
    state = sqlite3.connect(folder / ".dbuild" / "state.db")
    found = dict(state.execute("SELECT path, digest FROM file WHERE path LIKE 'out/%'"))
    state.close()
    assert found


def main(count: int) -> None:
    with tempfile.TemporaryDirectory(prefix="dbuild-change-") as place:
        folder = Path(place) / "wide"
        folder.mkdir()
        apart(lambda: make_sources(folder, count))
        for name, text in batches(Edit()).items():
            (folder / name).write_text(text)
        build(folder)
        build(folder)  # what was young is hashed again
        steps: dict[str, Callable[[], object]] = {
            "nothing to do": lambda: build(folder),
            "one changed": lambda: build(folder),
            "  its recipes": lambda: run_recipes(folder, count),
            "  the digests of what they read": lambda: read_digests(folder),
            "  the folder, listed once more": lambda: list_trees([Tree(str(folder / "out"), 1, count)]),
        }
        taken: dict[str, list[float]] = {name: [] for name in steps}
        for turn in range(5):
            for name, step in steps.items():
                if name == "one changed":
                    change(folder, turn)
                elif name == "nothing to do":
                    build(folder)  # the first after a change keeps how the folder looks now
                started = time.perf_counter()
                step()
                taken[name].append(time.perf_counter() - started)
        for name, seconds in taken.items():
            print(f"{name:34} {statistics.median(seconds) * 1000:6.0f} ms", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
