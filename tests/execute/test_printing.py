"""What recipes print: whose log it goes to, how much is kept, what is hidden."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dbuild.execute.logs import HEAD, TAIL
from tests.execute.crews import crew, descriptors, say


def test_two_tasks_of_one_worker_have_logs_of_their_own(tmp_path: Path) -> None:
    with crew(tmp_path) as made:
        first, silent = made.shell("echo one; echo two >&2"), made.shell("true")
        second = made.python("import os\nprint('three')\nos.system('echo four')\nos.write(2, b'five')")
        results = [made.run(task) for task in (first, silent, second)]
        assert len(made.pids) == 1
    assert [result.has_output for result in results] == [True, False, True]
    assert made.printed(first) == "one\ntwo\n"
    assert made.printed(second) == "three\nfour\nfive"
    assert not os.path.exists(silent.log)
    assert os.stat(first.log).st_mode & 0o777 == 0o600
    assert os.stat(os.path.dirname(first.log)).st_mode & 0o777 == 0o700


def test_a_log_can_be_read_while_the_recipe_runs(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    with crew(tmp_path) as made:
        task = made.python("print('begun')\nopen('gate').read()\nprint('ended')")
        made.pool.submit(task)
        made.poll_until(lambda: os.path.exists(task.log) and made.printed(task) == "begun\n")
        (tmp_path / "gate").write_text("")
        assert made.result().error is None
    assert made.printed(task) == "begun\nended\n"


def test_printing_while_the_interpreter_is_held_does_not_deadlock(tmp_path: Path) -> None:
    body = """
import ctypes
libc = ctypes.PyDLL(None)  # keeps the interpreter's lock
data = b"x" * 99 + b"\\n"
for _ in range(20_000):
    libc.write(1, data, 100)
"""
    with crew(tmp_path) as made:
        task = made.python(body)
        assert made.run(task).error is None
    assert os.path.getsize(task.log) == 2_000_000


@pytest.mark.parametrize("megabytes", [50, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_log_keeps_its_beginning_and_its_end(tmp_path: Path, megabytes: int) -> None:
    line = "0123456789" * 10
    sizes: list[int] = []
    with crew(tmp_path) as made:
        task = made.shell(f"echo first; (yes {line} || true) | head -c {megabytes * 1_000_000}; echo; echo last")
        made.pool.submit(task)
        while not (results := made.pool.poll(0.05)):
            sizes.append(os.path.getsize(task.log) if os.path.exists(task.log) else 0)
    assert results[0].error is None
    data = Path(task.log).read_bytes()
    lines = data.decode().splitlines()
    assert (lines[0], lines[1], lines[-1], lines[-3]) == ("first", line, "last", line)
    (left_out,) = [number for number, text in enumerate(lines) if text.startswith("…")]
    assert lines[left_out] == {50: "… 45 MB left out …", 1000: "… 995 MB left out …"}[megabytes]
    assert set(lines[1:left_out] + lines[left_out + 1 : -2]) == {line}
    assert HEAD + TAIL - 300 < len(data) < HEAD + TAIL + 100
    assert max(sizes, default=0) < HEAD + 5 * TAIL
    assert os.listdir(os.path.dirname(task.log)) == [os.path.basename(task.log)]


def test_a_process_that_holds_the_pipe_blocks_nothing(tmp_path: Path) -> None:
    body = """
import subprocess
pid = subprocess.Popen(["sh", "-c", "while :; do echo noise; done"], start_new_session=True).pid
output.write_text(str(pid))
"""
    with crew(tmp_path) as made:
        assert made.run(made.python(body, "pid.txt")).error is None
        assert made.run(made.shell("true")).error is None
        assert made.run(made.python("print('mine')")).error is None


def test_descriptors_are_given_back(tmp_path: Path) -> None:
    before = descriptors()
    with crew(tmp_path, size=2) as made:
        for _ in range(3):
            assert made.run(made.python("import os\nprint(1, flush=True)\nos.kill(os.getpid(), 9)")).error
            assert made.run(made.shell("echo 1")).error is None
    assert descriptors() == before


def test_a_log_that_cannot_be_written_fails_its_task_alone(tmp_path: Path) -> None:
    with crew(tmp_path) as made:
        (tmp_path / "logs" / "run").write_text("in the way")
        loud = made.run(made.shell("echo x > {output}; echo printed", "out.txt"))
        both = made.run(made.shell("echo printed; exit 3"))
        silent = made.run(made.shell("echo x > {output}", "other.txt"))
    assert loud.error == "its log can't be written: File exists"
    assert (loud.made, loud.has_output) == ((), False)
    assert both.error == "exited with status 3\nits log can't be written: File exists"
    assert silent.error is None


def test_a_closed_stream_is_not_the_next_tasks(tmp_path: Path) -> None:
    with crew(tmp_path) as made:
        assert made.run(made.python("import os, sys\nsys.stdout.close()\nsys.stderr = None\nos.close(1)")).error is None
        after = made.python("import sys\nprint('out')\nprint('err', file=sys.stderr)")
        assert made.run(after).error is None
    assert made.printed(after) == "out\nerr\n"


# --- Secrets -------------------------------------------------------------------------------------------------------

SECRET = 's3cr\'t "x"\\n'


def test_secrets_are_hidden_in_logs_and_errors(tmp_path: Path) -> None:
    secrets = (("TOKEN", SECRET), ("EMPTY", ""))
    with crew(tmp_path) as made:
        shell = made.shell('printf "%s" "$TOKEN"; echo " ($EMPTY)"; echo "${TOKEN:0:3}"', secrets=secrets)
        assert made.run(shell).error is None
        body = "import os\nprint(repr(os.environ['TOKEN']))\nraise ValueError(os.environ['TOKEN'])"
        python = made.python(body, secrets=secrets)
        result = made.run(python)
    assert made.printed(shell) == "*** ()\ns3c\n"
    assert made.printed(python) == "'***'\n"
    assert result.error is not None
    assert result.error.endswith("ValueError: ***")


def test_a_secret_that_comes_in_two_pieces_is_hidden(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    text = f'printf "a${{TOKEN:0:3}}"; {say("ready", "1")}; cat gate; printf "%s" "${{TOKEN:3}}-${{TOKEN:0:2}}"'
    with crew(tmp_path) as made:
        task = made.shell(text, secrets=(("TOKEN", "password"),))
        made.pool.submit(task)
        made.said("ready")
        made.poll_until(lambda: os.path.exists(task.log))
        assert made.printed(task) == "a"
        (tmp_path / "gate").write_text("")
        assert made.result().error is None
    assert made.printed(task) == "a***-pa"


def test_variables_reach_their_own_recipes_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "of the build")
    monkeypatch.setenv("SHARED", "kept")
    show = "import os\nprint(os.environ.get('TOKEN'), os.environ.get('MODE'), os.environ['SHARED'])"
    echo = "echo ${TOKEN-None} ${MODE-None} $SHARED $DBUILD_CPUS ${DBUILD_MEMORY-None}"
    given = {"env": (("MODE", "fast"),), "secrets": (("TOKEN", "hidden"),)}
    with crew(tmp_path, withheld=("TOKEN",)) as made:
        tasks = [
            made.python(show, **given),
            made.python(show),
            made.shell(echo, threads=3, memory=1 << 30, **given),
            made.shell(echo),
        ]
        assert [made.run(task).error for task in tasks] == [None] * 4
    assert [made.printed(task) for task in tasks] == [
        "*** fast kept\n",
        "None None kept\n",
        "*** fast kept 3 1073741824\n",
        "None None kept 1 None\n",
    ]
