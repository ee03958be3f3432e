"""Builds that are killed while they find out where rows go, or later on: the next one does the rest."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.build.events import FLOW, check, drop, three_days
from tests.build.workshop import Workshop

# What is found out is committed file by file; each file that was looked into is written down.
DRIVER = """
import sys
import dbuild.build.passes as passes
passes._SECONDS = -1
plain = passes.Passes._route
def route(self, routed, file):
    found = plain(self, routed, file)
    with open("../ledger", "a") as ledger:
        print(file.path[-6:-4], file=ledger)
    return found
passes.Passes._route = route
from dbuild.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def run(made: Workshop, failpoint: str = "") -> int:
    """The real process; its exit code."""
    command = [sys.executable, "-c", DRIVER, "-j1"]
    environment = made.environment(DBUILD_FAILPOINT=failpoint)
    done = subprocess.run(command, cwd=made.root, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


def check_killed(made: Workshop, tmp_path: Path, failpoint: str, looked: list[str]) -> None:
    """A kill, and the build after it; `looked`: the files that the two looked into."""
    assert run(made, failpoint) == -signal.SIGKILL
    assert run(made) == 0
    assert made.path("../ledger").read_text().split() == looked
    assert made.temporaries() == []
    check(made, tmp_path)


@pytest.mark.parametrize(
    ("failpoint", "looked"),
    [
        ("look:2", ["01", "02", "03"]),
        ("route:2", ["01", "02", "02", "03"]),  # what it found out of the second was not committed
        ("seal:1", ["01", "02", "03"]),
    ],
)
def test_killed_in_a_first_build(tmp_path: Path, failpoint: str, looked: list[str]) -> None:
    made = Workshop(tmp_path / "project", FLOW)
    drop(made, "01", "01 1", "02 2")
    drop(made, "02", "02 3", "01 4")
    drop(made, "03", "03 5")
    check_killed(made, tmp_path, failpoint, looked)


@pytest.mark.parametrize("failpoint", ["routed:1", "task:1"])
def test_killed_in_a_later_build(tmp_path: Path, failpoint: str) -> None:
    """A correction whose row moves, a new file with a row of an old day, and one that is gone."""
    made = three_days(tmp_path / "project")
    drop(made, "02", "02 3", "03 4")
    drop(made, "04", "04 1", "01 9")
    made.path("data/2013-01-01.csv").unlink()
    check_killed(made, tmp_path, failpoint, ["02", "04"])
