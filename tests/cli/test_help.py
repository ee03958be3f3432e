"""Help: it fits a terminal, its examples do what they say, and it prints the documentation."""

from __future__ import annotations

import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from io import StringIO
from pathlib import Path

import click
import pytest

from dbuild.cli.commands import COMMANDS
from dbuild.cli.group import dbuild
from dbuild.cli.main import main
from dbuild.cli.manual import manual_page
from dbuild.cli.topics import TOPICS, section_of, topic_text
from tests.build.workshop import Workshop

ROOT = Path(__file__).resolve().parents[2]
FLOW = """
[project]
default = ["report", "daily"]
params = { min_delay = 15 }
[partitions.day]
every = "day"
start = 2013-01-05
[partitions.month]
every = "month"
start = 2013-01-01
[partitions.origin]
values = ["EWR", "JFK"]
[sources.weather]
path = "data/{day}.csv"
[sources.prices]
path = "prices/{day}.csv"
gone = "keep"
[targets.daily]
path = "out/daily/{day}/{origin}.csv"
sql = "SELECT $min_delay AS least, a FROM weather"
tags = ["nightly"]
[targets.monthly]
path = "out/monthly/{month}.csv"
sql = "SELECT sum(a)::BIGINT AS a FROM daily"
[targets.model]
path = "out/model.csv"
sql = "SELECT count(*) AS n FROM monthly"
[targets.report]
path = "out/report.txt"
shell = "cat {model} > {output}"
tags = ["nightly"]
[targets.plan]
path = "out/plan.txt"
shell = "echo plan > {output}"
"""
# Examples that a test can't run to their end: they wait, ask, or open a shell. What they name is tried by other tests.
ENDLESS = ("dbuild watch", "--follow", " -F", "--debug-shell", "--watch")


def help_of(name: str, width: int = 80) -> str:
    command = dbuild.get_command(click.Context(dbuild), name)
    assert command is not None
    parent = click.Context(dbuild, info_name="dbuild", **dbuild.context_settings)
    return command.get_help(click.Context(command, parent=parent, info_name=name, terminal_width=width))


def examples_of(name: str) -> list[str]:
    """The command lines in a command's help; a line that begins further to the right goes on with what is said."""
    text = help_of(name).partition("Examples:\n")[2]
    found = [re.split(r"\s{2,}", line.strip())[0] for line in text.splitlines() if line.startswith("    dbuild ")]
    return [line.replace("…", "said") for line in found]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_on_a_terminal_of_80_columns(name: str) -> None:
    text = help_of(name)
    assert [line for line in text.splitlines() if len(line) > 80] == []
    assert "Options of every command:\n  -C, --directory DIR" in text
    assert len(examples_of(name)) >= 2


def test_the_help_of_the_program_fits_too(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    main(["--help"])
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that was built twice, and in which something failed."""
    made = Workshop(tmp_path_factory.mktemp("built"), FLOW)
    for day in ("2013-01-05", "2013-01-06", "2013-01-07"):
        made.write(f"data/{day}.csv", "a\n1\n")
        made.write(f"prices/{day}.csv", "a\n1\n")
    made.build()
    made.write("data/2013-01-08.csv", "b\n1\n")
    made.build(keep_going=True)
    for _ in range(12):
        made.build("plan", force=True)
    return made.root


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "watch"])
def test_the_examples_of_help_do_what_they_say(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    shutil.copytree(built, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("sys.stdin", StringIO())
    (tmp_path / "project/notify.sh").write_text("#!/bin/sh\n")
    if name == "build":
        (tmp_path / "project/data/2013-01-08.csv").write_text("a\n1\n")
    for line in examples_of(name):
        if any(word in line for word in ENDLESS):
            continue
        words = shlex.split(re.split(r" (?:>>?|\|) ", line)[0])[1:]
        if words[0] == "init" and "-n" not in words:
            words += ["-f", f"Flow{len(line)}"] if words[1:2] != ["shop"] else []
        if words[0] == "clean" and "-n" not in words:
            words += ["--yes"]
        code = main(words)
        err = capfd.readouterr().err
        assert code == 0, f"{line}\n{err}"
        assert "error" not in err, f"{line}\n{err}"


# -- topics ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TOPICS)
def test_every_topic_is_a_part_of_the_documentation(name: str) -> None:
    text = topic_text(TOPICS[name])
    assert text is not None
    assert text.startswith("#")
    assert len(text.splitlines()) > 8
    if TOPICS[name].section:
        assert text.count(f"# {TOPICS[name].section}\n") == 1


def test_the_pages_are_part_of_the_package() -> None:
    hatch = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert hatch["force-include"] == {"docs": "dbuild/docs"}


def _pages() -> list[str]:
    return list(dict.fromkeys(topic.page for topic in TOPICS.values()))


def test_all_pages_of_the_documentation_are_topics() -> None:
    assert sorted(path.name for path in (ROOT / "docs").glob("*.md")) == sorted(_pages())


def test_sections_end_where_the_next_begins() -> None:
    text = "# a\nx\n## b\n```\n# no heading\n```\n### c\ny\n## d\nz\n"
    assert section_of(text, "b") == "## b\n```\n# no heading\n```\n### c\ny\n"
    assert section_of(text, "d") == "## d\nz\n"
    assert section_of(text, "e") is None
    assert section_of(text, "") == text


def test_help_shows_topics_commands_and_pages(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help"]) == 0
    listed = capsys.readouterr().out
    for name in (*TOPICS, *COMMANDS):
        assert f"\n  {name} " in listed
    assert main(["help", "late", "data"]) == 0
    assert capsys.readouterr().out == (ROOT / "docs/late-data.md").read_text()
    assert main(["help", "why"]) == 0
    shown = capsys.readouterr().out
    assert main(["why", "--help"]) == 0
    assert shown == capsys.readouterr().out


def test_pages_are_set_for_a_terminal(tmp_path: Path) -> None:
    inner, outer = pty.openpty()
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PAGER": "cat",
        "TERM": "xterm",
        "COLUMNS": "72",
        "LINES": "9",
    }
    environment = {name: value for name, value in environment.items() if name not in ("CI", "NO_COLOR")}
    words = ["-m", "dbuild", "help", "exit-codes"]
    process = subprocess.Popen([sys.executable, *words], stdout=outer, stderr=outer, env=environment, cwd=tmp_path)
    os.close(outer)
    shown = b""
    while True:
        try:
            data = os.read(inner, 65536)
        except OSError:
            break
        if not data:
            break
        shown += data
    os.close(inner)
    assert process.wait() == 0
    text = re.sub(r"\x1b\[[0-9;]*m", "", shown.decode())
    assert "130" in text
    assert "|---" not in text
    assert "\x1b[" in shown.decode()
    assert max(map(len, text.splitlines())) <= 72


def test_a_page_means_something_at_a_terminal() -> None:
    topic = TOPICS["late-data"]
    text = "See [x](partitions.md#a), [y](#z), [`z`](../examples/a.md), [w](https://e), ![a flow](images/b.svg).\n"
    assert manual_page(topic, text, 80) == (
        "See x (`dbuild help partitions`), y, `z` (examples/a.md), w (https://e), *(A picture: a flow.)*.\n"
    )
    code = "```toml\n[a](b.md)\n| a | b |\n```\n"
    assert manual_page(topic, code, 10) == code


def test_tables_that_need_their_words_cut_are_lists() -> None:
    topic = TOPICS["late-data"]
    table = "| | make | dvc |\n|---|---|---|\n| unit of rebuild | a file | `stages` |\n"
    assert manual_page(topic, table, 40) == table
    assert manual_page(topic, table, 20) == "**unit of rebuild**\n\n- make: a file\n- dvc: `stages`\n\n"
    assert manual_page(topic, "| | |\n|---|---|\n| a | b |\n", 80) == "- a: b\n"
    escaped = r"| | b |" "\n|---|---|\n" r"| `a \| c` | d |" "\n"
    assert manual_page(topic, escaped, 3) == "**`a \\| c`**\n\n- b: d\n\n"
