"""`dbuild log` as a process, on a terminal and off it."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from contextlib import closing

import pytest

from dbuild.build import Settings, runs
from dbuild.state.lock import BuildLock
from dbuild.state.opening import open_state
from tests.cli.sandbox import Sandbox

FLOW = r"""
[targets.a_target_with_a_name_that_leaves_little_room_for_anything_else]
path = "out/long.txt"
shell = '''echo; printf 'red \033[31mtext\033[0m\nend'; echo > {output}'''
[targets.short]
path = "out/short.txt"
shell = "echo one; echo > {output}"
"""
LONG = "a_target_with_a_name_that_leaves_little_room_for_anything_else"


@pytest.fixture
def printed(sandbox: Sandbox) -> Sandbox:
    """A project that was built once."""
    sandbox.write("Dataflowfile", FLOW)
    assert sandbox.run("-j1").returncode == 0
    return sandbox


def on_terminal(sandbox: Sandbox, *words: str, **more: str) -> str:
    """What a command line shows on a terminal of 60 columns."""
    master, terminal = pty.openpty()
    try:
        done = subprocess.Popen(
            [sys.executable, "-m", "dbuild", *words],
            cwd=sandbox.root,
            env=sandbox.environment(COLUMNS="60", **more),
            stdout=terminal,
            stderr=subprocess.STDOUT,
        )
        os.close(terminal)
        found = b""
        while True:
            try:
                part = os.read(master, 1 << 16)
            except OSError:  # how Linux says that the other side is closed
                break
            if not part:
                break
            found += part
        assert done.wait(60) == 0
    finally:
        os.close(master)
    return found.decode().replace("\r\n", "\n")


def test_tables_are_no_wider_than_the_terminal(printed: Sandbox) -> None:
    for words in (["log"], ["log", "1"]):
        assert max(map(len, on_terminal(printed, *words, NO_COLOR="1").splitlines())) <= 60
    table = on_terminal(printed, "log", "1")
    assert re.search(r"a_target_with\w*…", table) and "built" in table
    assert LONG in printed.run("log", "1").stdout


@pytest.mark.parametrize("follow", [[], ["-F"]])
@pytest.mark.parametrize("more", [{}, {"NO_COLOR": "1"}])
def test_a_terminal_is_not_told_what_to_do(printed: Sandbox, follow: list[str], more: dict[str, str]) -> None:
    assert on_terminal(printed, "log", LONG, *follow, **more) == "\nred text\nend\n"


@pytest.mark.parametrize("follow", [[], ["--follow"]])
def test_a_file_gets_every_byte(printed: Sandbox, follow: list[str]) -> None:
    assert printed.run("log", LONG, *follow).stdout == "\nred \033[31mtext\033[0m\nend"


def test_lines_of_a_run_begin_with_their_partition(printed: Sandbox) -> None:
    lines = printed.run("log", "1", "--follow").stdout.splitlines()
    end = f"{LONG} | end"  # a line that has no end is held until nothing more can come
    assert lines == [f"{LONG} | ", f"{LONG} | red \033[31mtext\033[0m", "short | one", end]


def test_what_can_not_be_followed_is_said(printed: Sandbox) -> None:
    assert printed.run("log", "--follow").returncode == 2
    assert printed.run("log", "1", "--follow", "--json").returncode == 2
    assert printed.run("log", "9", "--follow").returncode == 2
    printed.run("clean", "--logs", "--yes")
    done = printed.run("log", "short", "--follow")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "short printed nothing\n")


def test_a_run_that_goes_on_is_not_cut_off(printed: Sandbox) -> None:
    settings = Settings(str(printed.root))
    with closing(open_state(settings.root, settings.flow)) as state:
        state.begin_run(settings.clock(), "short")
    lock = BuildLock(str(printed.root / ".dbuild/lock"))
    lock.acquire(lambda holder: None)
    assert [run.outcome for run in runs(settings, 5)] == ["running", "done"]
    lock.release()
    assert [run.outcome for run in runs(settings, 5)] == ["cut off", "done"]
