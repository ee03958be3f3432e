"""What is read of a command line without click is what click reads of it."""

from __future__ import annotations

import errno
from importlib import import_module

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbuild import build as building
from dbuild.cli.commands import COMMANDS
from dbuild.cli.group import Grouped
from dbuild.cli.main import main
from dbuild.cli.spec import Declared

DECLARED: dict[str, Declared] = {name: import_module(module).command for name, (module, _) in COMMANDS.items()}


def flags_of(declared: Declared) -> list[str]:
    return [name for one in declared.parameters if one.is_flag for name in one.names if name[0] == "-"]


FLAGS = sorted({flag for declared in DECLARED.values() for flag in flags_of(declared)})
OTHERS = ["daily", "daily@2013-01", "x", "", "a b", "@stale", "=", "7", "--", "-", "-j", "-j2", "-nk", "--js"]
OTHERS += ["--param", "--param=a=b", "--limit", "--limit=3", "--help", "-h", "--version", "--no-such", "-Cx", "stale"]
words = st.lists(st.sampled_from([*FLAGS, *OTHERS]), max_size=5)


def read_by_click(name: str, line: list[str]) -> dict[str, object] | None:
    """What click would call the command with; None where it refuses or shows help."""
    command = DECLARED[name].clicked(Grouped)
    try:
        with command.make_context(name, list(line), help_option_names=["-h", "--help"]) as context:
            return context.params
    except (click.ClickException, click.exceptions.Exit):
        return None


@given(st.sampled_from(sorted(COMMANDS)), words)
def test_what_is_read_is_what_click_reads(name: str, line: list[str]) -> None:
    found = DECLARED[name].read(line)
    assert found is None or found == read_by_click(name, line)


@pytest.mark.parametrize("name", COMMANDS)
def test_flags_and_words_need_no_click(name: str) -> None:
    """Each flag of each command alone, and with words where it takes any number of them."""
    declared = DECLARED[name]
    takes = [one for one in declared.parameters if one.is_argument]
    plain = ["daily", "monthly@2013-01"] if takes and takes[0].settings.get("nargs") == -1 else []
    is_single = bool(takes) and not plain
    for flag in flags_of(declared):
        for line in ([flag, *plain], [*plain, flag], [*plain, flag, "-q"]):
            found = declared.read(line)
            assert is_single or found is not None
            assert found is None or found == read_by_click(name, line)


MORE = [["--", "-x"], ["-j", "2"], ["-j2"], ["-nk"], ["--js"], ["--param", "a=b"], ["-"], ["--help"], ["--no-such"]]


@pytest.mark.parametrize("line", [["plan"], ["plan", "-C", "."]])
@pytest.mark.parametrize(
    ("error", "code", "said"),
    [(KeyboardInterrupt(), 130, "\n"), (EOFError(), 130, "\n"), (BrokenPipeError(errno.EPIPE, "Broken pipe"), 1, "")],
)
def test_what_ends_a_command_ends_it_alike_whoever_reads_its_line(
    line: list[str],
    error: BaseException,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def end(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(building, "fresh", end)
    assert main(line) == code
    assert capsys.readouterr() == ("", said)


@pytest.mark.parametrize("line", MORE)
def test_what_needs_more_than_that_is_left_to_click(line: list[str]) -> None:
    assert DECLARED["build"].read(line) is None
    assert DECLARED["build"].read(["daily", *line]) is None


@pytest.mark.parametrize(
    ("name", "line"), [("why", []), ("why", ["-q"]), ("history", []), ("lint", ["daily"]), ("query", ["SELECT 1"])]
)
def test_words_that_are_missing_or_too_many_are_left_to_click(name: str, line: list[str]) -> None:
    assert DECLARED[name].read(line) is None
