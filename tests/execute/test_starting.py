"""Processes of dbuild's own: whose code they run, and what they find first."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import dbuild
from tests.build.workshop import Workshop

FLOW = """
[targets.where]
path = "where.txt"
python = "recipes:where"
[targets.when]
path = "when.txt"
python = "recipes:when"
"""
RECIPES = """
import calendar
import dbuild
def where(output):
    output.write_text(dbuild.__file__)
def when(output):
    output.write_text(calendar.month_name[1])
"""
START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from dbuild.__main__ import main; sys.exit(main())"


def test_a_worker_runs_the_code_that_started_it(tmp_path: Path) -> None:
    """Also where an installed dbuild would be found before it: of another version, it understood no task."""
    other = tmp_path / "other"
    shutil.copytree(Path(dbuild.__file__).parent, other / "dbuild", ignore=shutil.ignore_patterns("__pycache__"))
    (other / "calendar.py").write_text("raise RuntimeError('this is no module of Python')")
    shop = Workshop(tmp_path / "shop", FLOW, **{"recipes.py": RECIPES})
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", START.replace("import sys;", "import sys, calendar;"), str(other), "-q"],
        cwd=shop.root,
        env=environment | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert shop.read("where.txt") == str(other / "dbuild" / "__init__.py")
    assert shop.read("when.txt") == "January"
