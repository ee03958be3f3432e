"""Recipes that are held to what they declare, by Landlock: what they can open, and what they can't."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dbuild.core.task import Bounds, Result, Task, TaskInput, TaskOutput
from dbuild.errors import UsageError
from dbuild.execute import landlock
from dbuild.execute.confinement import is_allowed
from dbuild.execute.refusals import refused
from dbuild.observe.surroundings import areas_of, tool_folders
from tests.execute.crews import Crew, crew

try:
    landlock.version()
    WHY = ""
except UsageError as error:
    WHY = str(error)
needs_landlock = pytest.mark.skipif(bool(WHY), reason=WHY)


@pytest.fixture
def confined(tmp_path: Path) -> Iterator[Crew]:
    """A pool in a project with an input, a folder that is one, code, and files that nothing declares."""
    for path in ("shop/in.txt", "shop/parts/deep/a.txt", "shop/code.txt", "shop/secret.txt", "beside/b.txt"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(f"{path}\n")
    os.symlink(tmp_path / "shop/secret.txt", tmp_path / "beside/way.txt")
    os.symlink(tmp_path / "shop", tmp_path / "way")
    with crew(tmp_path / "shop") as made:
        yield made


def bound(made: Crew, task: Task, *more: Path) -> Task:
    """The task, held to what is declared; its output in a folder of its own."""
    root = made.root
    inputs = tuple(
        TaskInput(name, (), ((),), (str(root / path),), True, "", (), None)
        for name, path in (("text", "in.txt"), ("parts", "parts"))
    )
    outputs = []
    for output in task.outputs:
        private = Path(f"{output.path}-private")
        private.mkdir()
        outputs.append(replace(output, path=str(private / Path(output.path).name), private=str(private)))
    code = [str(root / "code.txt"), *(str(path) for path in root.glob("*.py"))]
    bounds = Bounds(areas_of(str(root), map(str, more)), tuple(code), is_enforced=True)
    return replace(task, inputs=inputs, outputs=tuple(outputs), bounds=bounds)


def shell(made: Crew, text: str, *outputs: str, **fields: Any) -> Result:
    return made.run(bound(made, made.shell(text, *outputs, **fields)))


READABLE = [
    *("cat in.txt", "cat parts/deep/a.txt", "cat code.txt", "cat ../beside/b.txt", "cat ../way/in.txt", "ls . parts"),
    *("test -e secret.txt", "echo x > $TMPDIR/x; cat $TMPDIR/x", "echo x > /dev/null", "cat < <(echo x)"),
    "echo x > ../beside/new.txt",  # it lies in the folder for temporary files
    *(
        "cat <<< text",
        "echo x | tee /dev/stderr",
        'f=$(mktemp); mv "$f" "$f.2"; rm "$f.2"',
        "ls / /usr /tmp > /dev/null",
    ),
    *("cat /proc/self/status", f"{sys.executable} -c 'import json, sqlite3'", "sort -S 1k /etc/passwd", "cd parts; ls"),
]
REFUSED = [
    *("cat secret.txt", "cat ../way/secret.txt", "cat ../beside/way.txt", "bash -c 'sh -c \"cat secret.txt\"'"),
    *(
        "echo x > new.txt",
        "echo x >> in.txt",
        "rm code.txt",
        "mkdir new",
        "mv in.txt parts/",
        "ln secret.txt $TMPDIR/x",
    ),
    *(": >> /etc/passwd", "cp secret.txt $TMPDIR", "echo x > parts/new.txt", "truncate -s 0 in.txt"),
    *("ln -s secret.txt x.txt", "setsid -w cat secret.txt", f"{sys.executable} -c 'open(\"secret.txt\")'"),
]


def ways(commands: list[str], word: str) -> str:
    """A script that says which of these end as the word says: "fail" or "work"."""
    said = "&&" if word == "work" else "||"
    return "\n".join(f"( {text} ) > /dev/null 2>&1 {said} echo {shlex.quote(text)}" for text in commands) + "\ntrue"


@needs_landlock
def test_what_is_declared_or_not_the_project_s_can_be_opened(confined: Crew) -> None:
    task = bound(confined, confined.shell(ways(READABLE, "fail")))
    result = confined.run(task)
    assert (result.error, result.has_output) == (None, False), confined.printed(task)


@needs_landlock
def test_all_else_is_refused(confined: Crew) -> None:
    task = bound(confined, confined.shell(ways(REFUSED, "work")))
    result = confined.run(task)
    assert (result.error, result.has_output) == (None, False), confined.printed(task)
    assert (confined.root / "secret.txt").read_text() == "shop/secret.txt\n"


@needs_landlock
def test_an_output_can_be_written_in_any_way(confined: Crew) -> None:
    text = "echo x > $DBUILD_OUTPUT.tmp; mv $DBUILD_OUTPUT.tmp $DBUILD_OUTPUT; echo y >> $DBUILD_OUTPUT"
    result = shell(confined, text, "made.txt")
    assert result.error is None
    assert [one.size for one in result.made] == [4]


@needs_landlock
def test_a_python_recipe(confined: Crew) -> None:
    body = """
import tempfile, subprocess, threading
from pathlib import Path
tempfile.NamedTemporaryFile(delete=False).write(b"x")
assert subprocess.run(["cat", "in.txt"], capture_output=True).stdout == b"shop/in.txt\\n"
output.write_text(Path("code.txt").read_text())
"""
    (confined.root / "made.tmp").touch()
    task = confined.python(f"from pathlib import Path; output = Path(str(output))\n{body.strip()}", "made.txt")
    assert confined.run(bound(confined, task)).error is None
    for body in ("open('secret.txt')", "import numpy; numpy.fromfile('secret.txt')", _IN_A_THREAD):
        result = confined.run(bound(confined, confined.python(body)))
        assert result.error is not None
        assert "Permission denied: 'secret.txt'" in result.error


_IN_A_THREAD = """
from concurrent.futures import ThreadPoolExecutor
ThreadPoolExecutor(1).submit(open, 'secret.txt').result()
"""


@needs_landlock
def test_each_task_begins_anew_and_leaves_nothing(confined: Crew) -> None:
    """What one may open, the next may not; and no process or temporary file is left."""
    free = confined.shell("cat secret.txt")
    folders = []
    for _ in range(2):
        task = bound(confined, confined.shell('echo x > "$TMPDIR/x"; echo "$TMPDIR"'))
        assert confined.run(task).error is None
        assert confined.pids == []
        folders.append(confined.printed(task).strip())
    assert len(set(folders)) == 2
    assert not any(map(os.path.exists, folders))
    assert confined.run(free).error is None


@needs_landlock
def test_folders_of_datasets_elsewhere(confined: Crew) -> None:
    """They are held to the same: of the project's own only the way that leads there is shut."""
    beside = confined.root.parent / "beside"
    result = confined.run(bound(confined, confined.shell("cat in.txt; cat ../beside/b.txt"), beside))
    assert result.error == "exited with status 1"
    inside = replace(bound(confined, confined.shell("cat ../beside/b.txt"), beside))
    given = TaskInput("b", (), ((),), (str(beside / "b.txt"),), True, "", (), None)
    assert confined.run(replace(inside, inputs=(given,))).error is None


@needs_landlock
def test_a_timeout_and_a_kill_end_it(confined: Crew) -> None:
    task = bound(confined, confined.shell("echo 1 > $TMPDIR/x; echo $TMPDIR; sleep 1000"))
    confined.pool.submit(task)
    confined.poll_until(lambda: Path(task.log).exists() and confined.printed(task).endswith("\n"))
    folder = Path(confined.printed(task).strip())
    assert folder.exists()
    confined.pool.end(task.number, at_once=True)
    assert confined.result().error == "interrupted"
    assert not folder.exists()


# -- what is known of it without a kernel that has it ------------------------------------------------------------------


def test_a_system_without_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(UsageError, match="--sandbox needs Landlock, which only Linux has"):
        landlock.version.__wrapped__()


@pytest.mark.parametrize(("number", "why"), [(38, "has none"), (95, "switched off"), (1, "this container"), (5, "5")])
def test_a_kernel_without_it_says_why(monkeypatch: pytest.MonkeyPatch, number: int, why: str) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("dbuild.execute.landlock._call", lambda *words: -1)
    monkeypatch.setattr("ctypes.get_errno", lambda: number)
    with pytest.raises(UsageError, match=why if number != 5 else os.strerror(5)):
        landlock.version.__wrapped__()


def held(root: Path) -> Task:
    """A task that may read `in.txt` and write in `out/private`."""
    from dbuild.core.model import ShellRecipe
    from tests.execute.crews import PLACE

    given = TaskInput("text", (), ((),), (str(root / "in.txt"),), True, "", (), None)
    output = TaskOutput("", str(root / "out/private/x"), str(root / "out/x"), "", str(root / "out/private"))
    bounds = Bounds(areas_of(str(root), []), (), is_enforced=True)
    recipe = ShellRecipe("true", "", PLACE)
    return Task(1, "made", (), (), recipe, b"", (given,), (output,), (), "UTC", str(root), bounds=bounds)


SAID = [
    ("cat: config.yml: Permission denied", ["read config.yml"]),
    ("bash: line 1: ./tool.sh: Permission denied", ["read tool.sh"]),
    ("PermissionError: [Errno 13] Permission denied: 'config.yml'", ["read config.yml"]),
    ("[Errno 13] Failed to open local file '{root}/config.yml'. Detail: Permission denied", ["read config.yml"]),
    ("cannot open file 'config.yml': Permission denied", ["read config.yml"]),
    ("Error: EACCES: permission denied, open 'config.yml'", ["read config.yml"]),
    ('IO Error: Cannot open file "{root}/config.yml": Permission denied', ["read config.yml"]),
    ("bash: line 3: new.txt: Permission denied", ["write new.txt"]),
    ("mv: cannot move 'in.txt' to 'new.txt': Permission denied", ["write in.txt", "write new.txt"]),
    ("mkdir: cannot create directory ‘new’: Permission denied", ["write new"]),
    ("bash: line 1: in.txt: Permission denied", ["write in.txt"]),
    ("ssh: Permission denied (publickey)", []),
    ("cat: config.yml: No such file or directory", []),
    ("Permission denied", []),
]


@pytest.mark.parametrize(("line", "files"), SAID)
def test_the_file_is_found_in_what_programs_say(tmp_path: Path, line: str, files: list[str]) -> None:
    for name in ("in.txt", "config.yml", "tool.sh"):
        (tmp_path / name).write_text("")
    found = refused(held(tmp_path), [line.format(root=tmp_path)])
    assert [
        f"{'write' if is_written else 'read'} {os.path.relpath(path, tmp_path)}" for path, is_written in found
    ] == files


def test_what_is_allowed(tmp_path: Path) -> None:
    task = held(tmp_path)
    for path in ("/etc/passwd", "in.txt", "out/private/y"):
        assert is_allowed(task, str(tmp_path / path))
    assert not is_allowed(task, str(tmp_path / "other.txt"))
    assert is_allowed(task, str(tmp_path / "out/private/y"), is_written=True)
    for path in ("in.txt", "/etc/new", "out/y"):
        assert not is_allowed(task, str(tmp_path / path), is_written=True)


def test_programs_in_the_project_s_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (".venv/bin", "own/bin", "node_modules/x", "tools", "src"):
        (tmp_path / folder).mkdir(parents=True)
    for folder in (".venv", "own"):
        (tmp_path / folder / "pyvenv.cfg").touch()
    monkeypatch.setenv("PATH", f"{tmp_path}/.venv/bin:{tmp_path}/tools:{tmp_path}:relative:/usr/bin")
    found = tool_folders.__wrapped__((os.path.realpath(tmp_path),))
    assert sorted(os.path.relpath(path, os.path.realpath(tmp_path)) for path in found) == [
        *(".venv", "node_modules", "own", "tools"),
    ]


def test_areas(tmp_path: Path) -> None:
    root, lake = tmp_path / "shop", tmp_path / "lake"
    (lake / "raw").mkdir(parents=True)
    root.mkdir()
    os.symlink(lake, root / "data")
    home = os.path.realpath(tmp_path)
    found = areas_of(str(root), [str(root / "data/raw"), str(lake / "raw/deep"), str(root / "out"), "/", "/usr"])
    assert found == (f"{home}/lake/raw", f"{home}/shop")
