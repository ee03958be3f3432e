"""Completion: what is offered where, in real shells too, and that it costs next to nothing."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dbuild.cli.completing import complete, split_line
from dbuild.cli.wordlist import FILE, words_text
from tests.build.workshop import Workshop

FLOW = """
[project]
include = ["more/*.toml"]
[partitions.day]
every = "day"
start = 2013-01-01
[partitions.shop]
values = ["a,b", "north", "south"]
[sources.raw]
path = "data/{day}.txt"
[targets.copy]
path = "out/copy/{day}.txt"
shell = "cp {raw} {output}"
tags = ["nightly"]
owner = "data team"
description = "The same again"
[targets.counts]
path = "out/{day}/{shop}.txt"
shell = "cat {raw} > {output}"
[targets.total]
path = "out/total.txt"
shell = "cat {copy} > {output}"
"""
MORE = '[targets.more]\nshell = "true {total}"\n'


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """A project that was built: a target by day, one by day and shop, one of no partitions."""
    made = Workshop(tmp_path_factory.mktemp("project"), FLOW)
    made.write("more/more.toml", MORE)
    for day in range(1, 4):
        made.write(f"data/2013-01-0{day}.txt", "1\n")
    made.build()
    return made


@pytest.fixture
def offered(project: Workshop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """What is offered for a line, in the project's folder."""

    def ask(line: str, shell: str = "bash") -> list[str]:
        monkeypatch.chdir(project.root)
        assert complete([shell, line] if shell == "bash" else [shell, *split_line(line)]) == 0
        return capsys.readouterr().out.splitlines()

    return ask


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("dbuild sta", ["status", "stats"]),
        ("dbuild co", ["completion", "copy", "counts"]),
        ("dbuild status --gr", ["--graph"]),
        ("dbuild -j 4 --keep", ["--keep-going"]),
        ("dbuild why to", ["total"]),
        ("dbuild why +to", ["+total"]),
        ("dbuild copy", ["copy", "copy@"]),
        ("dbuild ra", ["raw+"]),
        ("dbuild list ra", ["raw"]),
        ("dbuild history ra", ["raw"]),
        ("dbuild status ra", ["raw+"]),  # it stands among what it is needed for, and isn't asked for alone
        ("dbuild tag:", ["tag:nightly"]),
        ("dbuild +owner:", ["+owner:data?team"]),
        ("dbuild mor", ["more"]),
        ("dbuild copy@2013", ["copy@2013-01-03", "copy@2013-01-02", "copy@2013-01-01"]),
        ("dbuild copy@2013-01-01..2013-01-02", ["copy@2013-01-01..2013-01-02"]),
        ("dbuild copy@to", ["copy@today"]),
        ("dbuild copy@-", ["copy@-7d.."]),
        ("dbuild copy@fai", ["copy@failed"]),
        ("dbuild +copy@2013-01-03+2013-01-02", ["+copy@2013-01-03+2013-01-02"]),
        ("dbuild counts@2013-01-02,n", ["counts@2013-01-02,north"]),
        ("dbuild counts@2013-01-02,a", ["counts@2013-01-02,a%2Cb"]),
        ("dbuild counts@shop=n", ["counts@shop=north"]),
        ("dbuild counts@shop=north+s", ["counts@shop=north+south"]),
        ("dbuild counts@sho", ["counts@shop="]),
        ("dbuild counts@2013-01-02,north@2013-01-03,so", ["counts@2013-01-02,north@2013-01-03,south"]),
        ("dbuild total@", []),
        ("dbuild nothing@", []),
        ("dbuild clean --outputs tot", ["total"]),
        ("dbuild mark copy st", ["stale"]),
        ("dbuild mark st", []),
        ("dbuild -f ", [":files"]),
        ("dbuild -C ", [":folders"]),
        ("dbuild -Bf ", [":files"]),
        ("dbuild init x", [":folders"]),
        ("dbuild completion ", ["bash", "zsh", "fish"]),
        ("dbuild help part", ["partitions"]),
        ("dbuild help wh", ["why", "why-not"]),
        ("dbuild status --format m", ["mermaid"]),
        ("dbuild -- sta", []),
        ("dbuild -j ", []),
        ("make; dbuild 'to", ["total"]),
    ],
)
def test_what_is_offered_begins_like_what_was_typed(offered, line: str, expected: list[str]) -> None:  # type: ignore[no-untyped-def]
    assert offered(line) == expected


def test_meanings_stand_beside_candidates_where_shells_show_them(offered) -> None:  # type: ignore[no-untyped-def]
    assert offered("dbuild cop", "zsh") == ["copy\tThe same again"]
    assert offered("dbuild --dry", "fish") == ["--dry-run\tShow what would run, and why"]


def test_another_folder_and_file_are_taken_from_the_line(offered, project: Workshop) -> None:  # type: ignore[no-untyped-def]
    project.write("sub/Other", '[targets.elsewhere]\nshell = "true"\n')
    assert offered("dbuild -C sub -f Other else") == ["elsewhere"]
    assert offered("dbuild -C nowhere else") == []


def test_names_are_those_of_the_files_as_they_are(offered, project: Workshop) -> None:  # type: ignore[no-untyped-def]
    assert offered("dbuild la") == ["late"]
    project.write("more/other.toml", '[targets.later]\nshell = "true"\n')
    assert offered("dbuild la") == ["late", "later"]
    project.write("more/other.toml", "= broken")
    assert offered("dbuild la") == ["late", "later"]  # as it was
    (project.root / "more/other.toml").unlink()
    assert offered("dbuild la") == ["late"]
    kept = [path.name for path in (project.root / ".dbuild").iterdir() if path.name.startswith("outline")]
    assert kept == ["outline-Dataflowfile"]
    (project.root / ".dbuild/outline-Dataflowfile").write_text("nonsense")
    assert offered("dbuild tot") == ["total"]


def test_many_keys_are_offered_as_longer_periods(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from dbuild.core.completion import _shortened

    days = [f"{year}-{month:02}-{day:02}" for year in (2013, 2014) for month in range(1, 13) for day in range(1, 29)]
    assert _shortened(days, "") == [f"{year}-{month:02}" for year in (2013, 2014) for month in range(1, 13)]
    assert _shortened([day for day in days if day.startswith("2013-05")], "2013-05") == days[112:140]


def test_nothing_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for line in ("dbuild x@", "dbuild -C /nowhere x", "dbuild '", "dbuild \\", "", "dbuild \udcff", "dbuild x\n;"):
        assert complete(["bash", line]) == 0
    assert complete([]) == 0
    (tmp_path / "Dataflowfile").write_bytes(b"\xff\0")
    assert complete(["zsh", "dbuild", "x"]) == 0
    assert os.listdir(tmp_path) == ["Dataflowfile"]
    capsys.readouterr()


# -- what it costs -----------------------------------------------------------------------------------------------------


def test_the_kept_words_are_those_of_the_commands() -> None:
    hint = "commands have changed: python -m dbuild.cli.wordlist && ruff format dbuild/cli/words.py"
    assert _words(FILE.read_text()) == _words(words_text()), hint


def _words(text: str) -> dict[str, object]:
    found: dict[str, object] = {}
    exec(text, found)  # it is our own
    return {name: found[name] for name in ("COMMANDS", "TOPICS")}


@pytest.mark.parametrize("line", ["dbuild sta", "dbuild --ke", "dbuild cop", "dbuild copy@2013-", "dbuild -f x"])
def test_completing_imports_next_to_nothing(project: Workshop, line: str) -> None:
    complete_first = subprocess.run([*project.command("--complete", "bash", "dbuild x")], cwd=project.root, check=True)
    assert complete_first.returncode == 0
    code = (
        "import sys; before = set(sys.modules); sys.argv = ['dbuild', '--complete', 'bash', sys.argv[1]]\n"
        "from dbuild.__main__ import main; main(); print(*sorted(set(sys.modules) - before), sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, line], cwd=project.root, env=project.environment(), capture_output=True, text=True
    )
    modules = {name for name in done.stdout.splitlines() if re.fullmatch(r"[\w.]+", name)}
    assert "dbuild.cli.completing" in modules
    heavy = {"click", "duckdb", "pyarrow", "rich", "tomli", "json", "asyncio", "subprocess"}
    assert heavy & modules == set()
    assert {name for name in modules if name.startswith(("dbuild.project", "dbuild.recipes", "dbuild.ui"))} == set()


# -- real shells -------------------------------------------------------------------------------------------------------

SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source <(dbuild completion bash)"),
    "zsh": (["zsh", "-f", "-i"], "autoload -U compinit; compinit -D -u; source <(dbuild completion zsh)"),
    "fish": (["fish", "--no-config", "-i"], "dbuild completion fish | source"),
}
ESCAPES = re.compile(rb"\x1b\[[0-9;?<>=]*[a-zA-Z]|\x1b[=>()][B0]?")


class Terminal:
    """A shell on a terminal."""

    def __init__(self, argv: list[str], folder: Path, environment: dict[str, str]) -> None:
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            os.chdir(folder)
            os.execvpe(argv[0], argv, environment)
        self._shown = b""

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def await_text(self, text: str, seconds: float = 60) -> None:
        """Reads until a text was shown."""
        deadline = time.monotonic() + seconds
        while text.encode() not in ESCAPES.sub(b"", self._shown):
            assert time.monotonic() < deadline, self._shown.decode(errors="replace")
            if select.select([self._terminal], [], [], 0.2)[0]:
                data = os.read(self._terminal, 65536)
                if b"\x1b[c" in data or b"\x1b[0c" in data:  # fish asks what terminal it is
                    os.write(self._terminal, b"\x1b[?1;2c")
                self._shown += data

    def close(self) -> None:
        os.close(self._terminal)
        os.kill(self._pid, 9)
        os.waitpid(self._pid, 0)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_tab_completes_in_a_real_shell(project: Workshop, tmp_path: Path, shell: str) -> None:
    argv, setup = SHELLS[shell]
    if shutil.which(argv[0]) is None:
        pytest.skip(f"there is no {shell} here")
    program = tmp_path / "bin/dbuild"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m dbuild "$@"\n')
    program.chmod(0o755)
    paths = f"{program.parent}:{os.environ['PATH']}"
    terminal = Terminal(argv, project.root, project.environment(PATH=paths, HOME=str(tmp_path), TERM="xterm", PS1="$ "))
    try:
        terminal.type(f"{setup}; echo rea''dy\n")
        terminal.await_text("ready\r\n")
        terminal.type("dbuild plan tot\t; echo is''total\n")
        terminal.await_text("total ")
        terminal.await_text("istotal\r\n")
        terminal.type("dbuild plan counts@2013-01-02,sou\t; echo is''key\n")
        terminal.await_text("counts@2013-01-02,south ")
        terminal.await_text("iskey\r\n")
        terminal.type("dbuild plan counts@shop=nor\t\n")
        terminal.await_text("counts@shop=north ")
        terminal.await_text("fresh: 3 partitions")
    finally:
        terminal.close()
