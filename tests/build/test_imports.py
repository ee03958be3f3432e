"""What the real process imports: most of the time of a build with nothing to do is the time of its imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.build.workshop import DAYS, Workshop

FLOW = f"""
[project]
include = ["more/*.toml"]
{DAYS}
[sources.raw]
path = "data/{{day}}.csv"
[targets.q]
path = "out/q/{{day}}.parquet"
sql = "SELECT * FROM raw"
[targets.p]
path = "out/p.txt"
python = "step:make"
inputs = ["q"]
[targets.s]
path = "out/s.txt"
shell = "cat {{p}} > {{output}}"
"""
HEAVY = ("duckdb", "pyarrow", "numpy", "pandas", "polars", "rich", "asyncio", "multiprocessing", "tomllib", "tomli")
BUILD = ("routing", "routed", "routes", "moves", "passes", "portions", "strays")
ROUTING = {"dbuild.core.routes", "dbuild.recipes.routing", *(f"dbuild.build.{name}" for name in BUILD)}


def imported(shop: Workshop, *words: str) -> set[str]:
    """The modules that a command line imports, as the interpreter itself tells."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "dbuild", *words],
        cwd=shop.root,
        env=shop.environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    lines = (line for line in done.stderr.splitlines() if line.startswith("import time:"))
    return {line.rpartition("|")[2].strip() for line in lines}


def roots(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


def test_a_build_with_nothing_to_do_imports_next_to_nothing(tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "shop", FLOW)
    shop.write("more/r.toml", '[targets.r]\npath = "out/r.txt"\nshell = "echo r > {output}"\n')
    shop.write("step.py", "def make(q, output):\n    output.write_text(str(len(q)))\n")
    shop.days("data", "01-01", "01-02", ending="csv", text="v\n1\n")
    assert shop.build().summary.built == 5
    for _ in range(4):  # the first ones look again at what was too young, the others leave an answer
        assert shop.build().ran == []
    quick = imported(shop)
    assert not {"socket", "dbuild.observe.vouching", "dbuild.observe.patching"} & quick  # nobody watches
    assert roots(quick) & set(HEAVY) == set()
    # Each of these costs what thousands of stats do.
    assert not {"subprocess", "shutil", "tempfile", "random", "difflib"} & quick
    # Command lines of words and flags need no click, whose import would be a sixth of such a build.
    for words in ([], ["-q"], ["q"], ["--json"], ["build", "q"], ["plan"], ["plan", "q", "--json"], ["status"]):
        assert "click" not in imported(shop, *words)
    rooms = {module.split(".")[1] for module in quick if module.startswith("dbuild.")}
    assert rooms <= {"__main__", "values", "errors", "core", "observe", "state", "build", "ui", "cli"}
    assert quick & {"dbuild.core.model", "dbuild.core.partitions", "dbuild.build.session", "dbuild.project"} == set()
    for words in (["status"], ["plan"], ["why", "q@2013-01-01"], ["lint"]):
        found = imported(shop, *words)
        assert not roots(found) & {"duckdb", "pyarrow", "numpy", "pandas", "polars"}
        assert not found & ROUTING  # the flow has no `by`


def test_the_version_imports_nothing_of_the_engine(tmp_path: Path) -> None:
    found = imported(Workshop(tmp_path / "none"), "--version")
    assert not roots(found) & {*HEAVY, "sqlite3", "xxhash", "json", "subprocess"} - {"json"}
    ours = {module for module in found if module.startswith("dbuild")}
    parts = {f"dbuild.cli.{part}" for part in ("commands", "common", "group", "main", "options", "spec")}
    assert ours <= {"dbuild", "dbuild.__main__", "dbuild.cli"} | parts
