"""Shell recipes: what is read from their text, how they are rendered, and how they end."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dbuild.core.model import Analysis, ShellRecipe
from dbuild.errors import RecipeError
from dbuild.recipes import shell
from dbuild.recipes.processes import is_alive
from tests.recipes.shells import PLACE, execute, given, task, with_outputs


def analysed(text: str, interpreter: str = "") -> Analysis:
    return shell.analyse(ShellRecipe(text, interpreter, PLACE), {"day", "origin"}, {"limit", "unused"})


def test_placeholders_are_sorted_by_what_they_name() -> None:
    found = analysed("x {weather}\ny {model.metrics} {weather} {day:%Y} {limit} {output} {output.b}")
    assert [(one.name, one.place.line, one.is_optional) for one in found.reads] == [
        ("weather", 7, False),
        ("model.metrics", 8, False),
    ]
    assert found.params == ("limit",)
    assert found.calls == {"output", "output.b"}
    assert found.problems == ()


def test_the_fingerprint_is_of_the_text_and_the_interpreter() -> None:
    texts = [analysed("a"), analysed("a "), analysed("a", "sh"), analysed("sh\0a")]
    assert len({one.fingerprint for one in texts}) == 4
    assert analysed("a").fingerprint == analysed("a").fingerprint
    assert len(analysed("a").fingerprint) == 16


@pytest.mark.parametrize("text", ["cat {weather:%Y}", "x {output:%d}", "x {limit:02d}"])
def test_a_format_belongs_to_time(text: str) -> None:
    (problem,) = analysed(text).problems
    assert "only a time dimension can have one" in problem.what and problem.hint and "{{" in problem.hint


def test_an_interpreter_that_can_not_be_read_is_a_problem() -> None:
    assert len(analysed("x", "sh 'a").problems) == 1


def test_values_of_every_kind(tmp_path: Path) -> None:
    made = task(
        tmp_path,
        "echo {day} {day:%Y%m%d} {origin} {limit} {flag} {rate} {a} {m.x} > {output}",
        given("a", "/a 1", "/a2"),
        given("m.x", "/m"),
        params={"limit": 3, "flag": True, "rate": 0.5},
        day="2013-01-05",
        origin="E WR",
    )
    assert execute(made) == ""
    assert (tmp_path / "out.txt").read_text() == "2013-01-05 20130105 E WR 3 true 0.5 /a 1 /a2 /m\n"


def test_rendering_gives_the_command_as_it_runs(tmp_path: Path) -> None:
    command = shell.render(task(tmp_path, "cat {a} > {output}", given("a", "/d/x-1.csv", "/b c")))
    assert command.text == f"cat /d/x-1.csv /b\\ c > {tmp_path}/out.txt"
    assert command.arguments == ("bash", "-euo", "pipefail", "-c", command.text)
    assert command.script is None


def test_outputs_with_names(tmp_path: Path) -> None:
    made = with_outputs(task(tmp_path, "echo 1 > {output.a}; echo 2 > {output.b}; echo $DBUILD_OUTPUT_B"), "a", "b")
    assert execute(made) == f"{tmp_path}/b.txt\n"
    assert (tmp_path / "a.txt").read_text() + (tmp_path / "b.txt").read_text() == "1\n2\n"
    with pytest.raises(RecipeError, match=r"\{output\} is no output of report: it has \{output.a\}, \{output.b\}"):
        shell.render(with_outputs(task(tmp_path, "x {output}"), "a", "b"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x {nothing}", r"\{nothing\} is no input, dimension or param of report"),
        ("x {origin:%Y}", '"origin" is no time dimension'),
        ("x {output.y}", r"\{output.y\} is no output"),
    ],
)
def test_values_that_are_not_there(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        shell.render(task(tmp_path, text, origin="EWR"))


def test_a_nul_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="NUL"):
        shell.render(task(tmp_path, "x {origin}", origin="a\0b"))
    with pytest.raises(RecipeError, match="DBUILD_KEY_ORIGIN holds a NUL"):
        shell.render(task(tmp_path, "x", origin="a\0b"))


def test_the_environment_has_the_values_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUILD_INPUT_GHOST", "of an outer dbuild")
    monkeypatch.setenv("KEPT", "yes")
    made = task(
        tmp_path,
        "env -0",
        given("model.x", "/a 1", "/b'$x"),
        given("none"),
        given("odd", "/line\nbreak"),
        params={"min_delay": 15},
        day="2013-01-05",
    )
    found = dict(line.split("=", 1) for line in execute(made).split("\0") if line)
    assert found["DBUILD_INPUT_MODEL_X"] == "/a 1\n/b'$x"
    assert found["DBUILD_INPUT_NONE"] == ""
    assert "DBUILD_INPUT_ODD" not in found and "DBUILD_INPUT_GHOST" not in found
    assert found["DBUILD_OUTPUT"] == str(tmp_path / "out.txt")
    assert found["DBUILD_KEY_DAY"] == "2013-01-05" and found["DBUILD_PARAM_MIN_DELAY"] == "15"
    assert found["TZ"] == "Europe/Vienna" and found["LC_ALL"].endswith("UTF-8") and found["KEPT"] == "yes"


def test_variables_of_the_target_and_secrets_kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "of another target")
    monkeypatch.setenv("OTHER", "of another target")
    monkeypatch.setenv("DBUILD_CPUS", "64")
    monkeypatch.setenv("DBUILD_MEMORY", "1")
    made = replace(
        task(tmp_path, "env -0"),
        env=(("TZ", "Asia/Tokyo"), ("MODE", "a b")),
        secrets=(("TOKEN", "hidden"),),
        threads=3,
    )
    command = shell.render(made)
    assert command.secrets == (("TOKEN", "hidden"),)
    assert "hidden" not in repr(command)
    assert {"TZ": "Asia/Tokyo", "MODE": "a b", "DBUILD_CPUS": "3"}.items() <= dict(command.environment).items()
    found = shell.environment_of(made, withheld={"OTHER", "TOKEN"})
    assert (found["TOKEN"], found.get("OTHER"), found.get("DBUILD_MEMORY")) == ("hidden", None, None)
    assert shell.environment_of(replace(made, memory=5))["DBUILD_MEMORY"] == "5"
    seen = dict(line.split("=", 1) for line in execute(made).split("\0") if line)
    expected = shell.environment_of(made)
    own = {"_", "PWD", "OLDPWD", "SHLVL"}  # the shell's
    assert {n: v for n, v in seen.items() if n not in own} == {n: v for n, v in expected.items() if n not in own}
    with pytest.raises(RecipeError, match="the value of TOKEN holds a NUL"):
        shell.render(replace(made, secrets=(("TOKEN", "a\0b"),)))


def test_it_runs_in_the_project_with_an_empty_input(tmp_path: Path) -> None:
    assert execute(task(tmp_path, "pwd -P; cat")) == f"{tmp_path.resolve()}\n"


def test_both_streams_go_to_the_log_in_order(tmp_path: Path) -> None:
    assert execute(task(tmp_path, "echo 1; echo 2 >&2; echo 3")) == "1\n2\n3\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("exit 3", "exited with status 3"),
        ("false; echo on", "exited with status 1"),
        ("false | true", "exited with status 1"),
        ("echo $unset_thing", "exited with status"),
        ("kill -9 $$", r"killed by signal SIGKILL \(out of memory\?\)"),
        ("kill -TERM $$", "killed by signal SIGTERM$"),
    ],
)
def test_failures(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        execute(task(tmp_path, text))


def test_a_hundred_thousand_paths(tmp_path: Path) -> None:
    paths = [f"{tmp_path}/data/some/longer/folder/{number:06}.csv" for number in range(100_000)]
    made = task(tmp_path, "printf '%s\\n' {x} | wc -l; echo ${DBUILD_INPUT_X-left out}", given("x", *paths))
    assert execute(made).split("\n")[:2] == ["100000", "left out"]


def test_too_many_paths_for_one_program_have_a_hint(tmp_path: Path) -> None:
    paths = [f"{tmp_path}/data/some/longer/folder/{number:06}.csv" for number in range(100_000)]
    with pytest.raises(RecipeError, match="exited with status 126") as caught:
        execute(task(tmp_path, "/bin/echo {x}", given("x", *paths)))
    assert "xargs -0" in str(caught.value.hint)


def test_an_environment_that_is_too_long_is_said(tmp_path: Path) -> None:
    params = {f"p{number}": "x" * 120_000 for number in range(30)}
    with pytest.raises(RecipeError, match="longer than the system takes"):
        execute(task(tmp_path, "true", params=dict(params)))


def test_an_interpreter_gets_a_file_that_is_removed(tmp_path: Path) -> None:
    text = "import sys; print(sys.flags.isolated, open(sys.argv[0]).readline()[:6]); print(sys.argv[0])"
    printed = execute(task(tmp_path, text, interpreter=f"{sys.executable} -I")).splitlines()
    assert printed[0] == "1 import"
    assert not os.path.exists(printed[1])


def test_env_finds_the_interpreter(tmp_path: Path) -> None:
    assert execute(task(tmp_path, "echo {x}", interpreter="/usr/bin/env -i sh -e", x="a b")) == "a b\n"


def test_a_program_is_the_first_of_its_name_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the one before is gone, can't be run any more, or isn't the first any more; or with a path of its own.

    The tasks of another target may make such a program, and which of them this process ran before mustn't count.
    """
    for name in ("zero", "one", "two", "three"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine").write_text(f"#!/bin/sh\necho {name} $0\n")
        (tmp_path / name / "mine").chmod(0o755)
    (tmp_path / "zero" / "mine").rename(tmp_path / "mine")
    monkeypatch.setenv("PATH", f"{tmp_path}/zero:{tmp_path}/one:{tmp_path}/two:/usr/bin:/bin")
    made = task(tmp_path, "", interpreter="mine")
    own = replace(made, env=(("PATH", f"{tmp_path}/three:/usr/bin:/bin"),))
    assert [execute(one).split()[0] for one in (made, own, made)] == ["one", "three", "one"]
    (tmp_path / "one" / "mine").chmod(0o644)
    assert execute(made).split()[0] == "two"
    (tmp_path / "one" / "mine").unlink()
    assert execute(made).split()[0] == "two"
    (tmp_path / "mine").rename(tmp_path / "zero" / "mine")
    assert execute(made).split()[0] == "zero"
    monkeypatch.setenv("PATH", f"four:{tmp_path}/two:/usr/bin:/bin")  # below the folder that it starts in
    assert execute(made).split()[0] == "two"
    (tmp_path / "three").rename(tmp_path / "four")
    assert execute(made).split()[0] == "three"
    assert execute(task(tmp_path, "echo $0", interpreter="sh")) == "sh\n"  # as it was written, not where it was found


@pytest.mark.parametrize("interpreter", ["", "no-such-program-here"])
def test_a_program_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interpreter: str) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RecipeError, match=r"the program (bash|no-such-program-here) isn't there") as caught:
        execute(task(tmp_path, "true", interpreter=interpreter))
    assert caught.value.hint


def run_and_list(tmp_path: Path, text: str) -> int:
    """Run a task; the number of its group."""
    numbers: list[int] = []
    with open(tmp_path / "log", "wb") as stream:
        shell.run(task(tmp_path, text), numbers.append, stream.fileno())
    return numbers[0]


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks at processes in /proc")
@pytest.mark.parametrize(
    "child",
    [
        "sleep 1000 & echo $! > pid",
        "(sleep 1000 & echo $! > pid) & wait $!",
        "(trap '' TERM; echo > ready; while :; do sleep 1000; done) & echo $! > pid; until [ -e ready ]; do :; done",
    ],
    ids=["child", "grandchild", "deaf"],
)
def test_what_it_left_running_ends_with_it(tmp_path: Path, child: str) -> None:
    group = run_and_list(tmp_path, child)
    assert not is_alive(group)
    assert not is_running(int((tmp_path / "pid").read_text()))


def test_children_end_with_a_recipe_that_fails(tmp_path: Path) -> None:
    numbers: list[int] = []
    with open(tmp_path / "log", "wb") as stream, pytest.raises(RecipeError):
        shell.run(task(tmp_path, "sleep 1000 & exit 1"), numbers.append, stream.fileno())
    assert not is_alive(numbers[0])


def test_an_interrupt_ends_the_group(tmp_path: Path) -> None:
    numbers: list[int] = []

    def interrupt(pid: int) -> None:
        numbers.append(pid)
        signal.raise_signal(signal.SIGINT)

    with open(tmp_path / "log", "wb") as stream, pytest.raises(KeyboardInterrupt):
        shell.run(task(tmp_path, "sleep 1000 & sleep 1000"), interrupt, stream.fileno())
    assert not is_alive(numbers[0])


def test_it_leads_a_group_of_its_own(tmp_path: Path) -> None:
    pid = run_and_list(tmp_path, "ps -o pgid= -p $$ > group")
    assert int((tmp_path / "group").read_text()) == pid != os.getpgrp()
