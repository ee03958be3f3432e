"""`dbuild clean` as a process: what it lists, asks and answers."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from dbuild.state.lock import BuildLock
from tests.cli.sandbox import Sandbox

OUTPUTS = ["out/copy/2013-01-01.txt", "out/copy/2013-01-02.txt", "out/copy/2013-01-03.txt"]


def made(sandbox: Sandbox) -> list[str]:
    found = (path for path in (sandbox.root / "out").rglob("*") if path.is_file())
    return sorted(str(path.relative_to(sandbox.root)) for path in found)


def answered(sandbox: Sandbox, answer: str, *words: str) -> subprocess.CompletedProcess[str]:
    """One command line with a terminal as its input, on which something was typed."""
    typed, terminal = pty.openpty()
    try:
        os.write(typed, answer.encode())
        return subprocess.run(
            [sys.executable, "-m", "dbuild", *words],
            cwd=sandbox.root,
            env=sandbox.environment(),
            stdin=terminal,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(typed)
        os.close(terminal)


def test_it_lists_and_asks(sandbox: Sandbox) -> None:
    sandbox.run()
    before = made(sandbox)
    done = answered(sandbox, "\n", "clean", "--outputs", "copy", "--outputs", "total")
    assert (done.returncode, made(sandbox)) == (0, before)
    assert done.stdout.splitlines() == [
        "target  files  size",
        "copy        3  18 B",
        "total       1  18 B",
        "total       4  36 B",
    ]
    assert done.stderr.startswith("remove 4 files, 36 B? [y/N]: ")
    done = answered(sandbox, "y\n", "clean", "--outputs", "copy")
    assert done.returncode == 0
    assert done.stderr.endswith("removed 3 files, 18 B\n")
    assert made(sandbox) == ["out/plan.txt", "out/total.txt"]
    assert sandbox.summary()["built"] == 3


def test_nobody_to_ask_is_an_error(sandbox: Sandbox) -> None:
    sandbox.run()
    before = made(sandbox)
    done = sandbox.run("clean", "--all")
    assert (done.returncode, made(sandbox)) == (2, before)
    assert "--yes" in done.stderr
    assert sandbox.run("clean").returncode == 2
    assert (
        sandbox.run("clean", "--outputs", "cpoy", "--yes").stderr.splitlines()[-1].strip()
        == 'hint: did you mean "copy"?'
    )


def test_a_dry_run_only_lists(sandbox: Sandbox) -> None:
    sandbox.run()
    before = made(sandbox)
    done = sandbox.run("clean", "--outputs", "copy", "-n")
    assert (done.returncode, made(sandbox)) == (0, before)
    assert done.stdout.splitlines() == ["target  files  size", "copy        3  18 B"]
    (record,) = sandbox.json("clean", "--outputs", "copy@2013-01-02", "-n")
    assert (record["dry_run"], made(sandbox)) == (True, before)


def test_json_tells_what_went_and_what_stayed(sandbox: Sandbox) -> None:
    sandbox.run()
    sandbox.write(OUTPUTS[0], "mine\n")
    (record,) = sandbox.json("clean", "--outputs", "copy", "--yes")
    assert record == {
        "removed": [
            {"target": "copy", "key": {"day": f"2013-01-0{day}"}, "path": OUTPUTS[day - 1], "bytes": 6}
            for day in (2, 3)
        ],
        "kept": [{"path": OUTPUTS[0], "why": "it was changed since dbuild made it"}],
        "bytes": 12,
        "dry_run": False,
    }
    assert made(sandbox) == [OUTPUTS[0], "out/plan.txt", "out/total.txt"]


def test_all_is_all_and_then_nothing(sandbox: Sandbox) -> None:
    sandbox.run()
    done = sandbox.run("clean", "--all", "--yes")
    assert (done.returncode, made(sandbox)) == (0, [])
    again = sandbox.run("clean", "--all", "--yes")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "nothing to remove\n")
    (run,) = sandbox.json("log")
    assert (run["command"], run["outcome"]) == ("clean --all --yes", "cleaned")
    assert sandbox.summary()["built"] == 5


def test_it_waits_for_a_build(sandbox: Sandbox) -> None:
    sandbox.run()
    lock = BuildLock(str(sandbox.root / ".dbuild/lock"))
    lock.acquire(lambda holder: None)
    words = [sys.executable, "-m", "dbuild", "clean", "--outputs", "plan", "--yes"]
    done = subprocess.Popen(words, cwd=sandbox.root, env=sandbox.environment(), stderr=subprocess.PIPE, text=True)
    assert done.stderr is not None
    assert "waiting" in done.stderr.readline()
    assert "out/plan.txt" in made(sandbox)
    lock.release()
    done.communicate(timeout=60)
    assert (done.returncode, "out/plan.txt" in made(sandbox)) == (0, False)


def test_quiet_lists_and_says_nothing_else(sandbox: Sandbox) -> None:
    sandbox.run()
    done = sandbox.run("clean", "--outputs", "plan", "--yes", "-q")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("word", ["--outputs", "--orphans", "--logs", "--all", "--dry-run", "--yes"])
def test_help_names_its_options(sandbox: Sandbox, word: str) -> None:
    assert word in sandbox.run("clean", "--help").stdout
