"""Commands that need no shell: the same as by bash, which isn't started."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from random import Random

import pytest

from dbuild.core.model import Scalar
from dbuild.errors import RecipeError
from dbuild.recipes import processes, shell
from dbuild.recipes.processes import Program
from tests.recipes.shells import execute, given, task, with_outputs

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="compares with bash")

SHOW = '#!/bin/sh\nprintf "<%s>" "$0" "$@"\necho\n[ -t 0 ] || cat\nenv\n'
VALUES: dict[str, Scalar] = {"n": 3, "odd": "a 'b' $c *", "none": "", "home": "~", "line": "a\nb"}


def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The programs that are started from now on."""
    found: list[str] = []
    spawn = processes._open

    def noted(program: Program, folder: str, log: int, executable: str | None) -> int:
        pid = spawn(program, folder, log, executable)
        found.append(program.arguments[0])
        return pid

    monkeypatch.setattr(processes, "_open", noted)
    return found


def outcome(root: Path, text: str) -> tuple[list[str], str, dict[str, list[str]]]:
    """What a command says, how it ends, and the files that are there then: variables come in any order."""
    show = root / "show"
    show.write_text(SHOW)
    show.chmod(0o755)
    (root / "in.txt").write_text("given\n")
    (root / "in 2.txt").write_text("and more\n")
    made = task(root, text, given("raw", str(root / "in.txt")), given("two", "in.txt", "in 2.txt"), params=VALUES)
    error = ""
    try:
        execute(made)
    except RecipeError as problem:
        error = str(problem)
    found = {path.name: sorted(path.read_text().splitlines()) for path in root.iterdir()}
    for name in set(found) - {"show", "in.txt", "in 2.txt"}:
        (root / name).unlink()
    return found.pop("log"), error, found


def compared(root: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is started for a command, whose outcome is that by bash."""
    with monkeypatch.context() as patched:
        names = started(patched)
        plain = outcome(root, text)
    with monkeypatch.context() as patched:
        patched.setattr(shell, "_without_shell", lambda task, environment: [])
        assert plain == outcome(root, text), text
    return names


@pytest.mark.parametrize(
    "text",
    [
        "cp {raw} {output}",
        "  cp {raw} {output}\n",
        "./show a-b c=d,e --x={raw} {two} pre{two}post {n}{n} {odd} {none} {home} {line} %1 e@f +g",
        "./show {two}",
        "\n\t ./show {n} \n",
        "sort -r in.txt",
        "env",
        "/usr/bin/env",
    ],
)
def test_a_program_with_its_arguments_needs_no_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    assert compared(tmp_path, text, monkeypatch) == [text.split()[0]]


@pytest.mark.parametrize(
    "text",
    [
        *("echo {n}", "true", "exit {n}", ". ./show", "A=1 env", "a=b", "{raw}", "%1"),
        *(
            "cat {raw} | sort",
            "cat {raw}; env",
            "cat *.txt",
            "ls ~",
            "cat $HOME",
            "cat {raw} 2> {output}",
            "cat '{raw}'",
        ),
        *(
            "cat {raw} > {output}",
            "cat < {raw}",
            "./show > {output}.more {n}",
            "env > {output}",
            "setsid env > {output}",
        ),
        *("cat < nothing > in.txt", "env\n  ", "env\n\n", "env \u00a0", "-x env", "env\r"),
        *("cat {raw} >> {output}", "cat <<< {n}", "cat {raw}>{output}", "> {output}", "cat > {two}", "cat < {none}"),
        *("cat in.txt # all", "cat in.txt\nenv", "cat in\\ 2.txt", "cat {{a,b}}", "cat > a > b", "! cat in.txt", ""),
        *("no-such-program", "./in.txt", "./", "cat < nothing", "./show > no/where", "cat > in.txt/x", "usr/bin/env"),
    ],
)
def test_what_means_something_to_bash_or_cant_be_started_is_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    assert compared(tmp_path, text, monkeypatch) == ["bash"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("BASH_ENV", "setup"), ("BASH_FUNC_cat%%", "() { echo a function; }"), ("SHELLOPTS", "xtrace")),
        *(("SHLVL", "x"), ("SHLVL", "999"), ("OPTIND", "7"), ("IFS", ","), ("DYLD_LIBRARY_PATH", "lib")),
    ],
)
def test_an_environment_that_bash_would_look_at_is_shown_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert compared(tmp_path, "cat {raw}", monkeypatch) == ["bash"]


@pytest.mark.parametrize("interpreter", ["sh", "bash", "bash -x", "python3"])
def test_an_interpreter_that_was_named_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interpreter: str
) -> None:
    names = started(monkeypatch)
    text = "print({n})" if interpreter == "python3" else "cat {n}"
    (tmp_path / "3").write_text("three")
    execute(task(tmp_path, text, interpreter=interpreter, params=VALUES))
    assert names == [interpreter.split()[0]]


@pytest.mark.parametrize(("level", "program"), [(None, "bash"), ("0", "bash"), ("1", "env")])
def test_the_first_shell_of_a_remote_login_may_read_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: str | None, program: str
) -> None:
    monkeypatch.setenv("SSH_CLIENT", "10.0.0.1 1 22")
    monkeypatch.delenv("SHLVL", raising=False)
    if level is not None:
        monkeypatch.setenv("SHLVL", level)
    assert compared(tmp_path, "env", monkeypatch) == [program]


def test_the_folder_before_is_said_while_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for said in (str(tmp_path), str(tmp_path / "gone"), ""):
        monkeypatch.setenv("OLDPWD", said)
        assert compared(tmp_path, "env", monkeypatch) == ["env"]


def test_where_it_runs_is_said_as_bash_says_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, link = tmp_path / "root", tmp_path / "link"
    root.mkdir()
    link.symlink_to(root)
    for said in (str(root), str(link), f"{link}/.", "/", "nowhere", ""):
        monkeypatch.setenv("PWD", said)
        assert compared(root, "env", monkeypatch) == ["env"]


def test_random_commands_are_what_bash_makes_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(5)
    parts = ["a", "-b", "=", ".", "/", ",", ":", "{n}", "{odd}", "{two}", "{none}", " ", "  ", "\t"]
    rare = [*"'\"$#;~*%@", "\\", "\n", "{{", "}}", " > ", " < ", "in.txt", "2", "{raw}", "{output}"]
    count = 0
    for _ in range(150):
        words = random.choices([*parts * 3, *rare], k=random.randint(1, 7))
        text = "./show " + "".join(words)
        count += compared(tmp_path, text, monkeypatch) == ["./show"]
    assert count > 30


def test_several_outputs_have_their_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = started(monkeypatch)
    made = with_outputs(task(tmp_path, "cp {raw} {output.a}", given("raw", "log")), "a", "b")
    execute(made)
    assert names == ["cp"]
    assert os.path.exists(tmp_path / "a.txt")
