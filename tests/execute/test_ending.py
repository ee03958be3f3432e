"""Ending one task, and what recipes leave behind: nothing else is touched by it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dbuild.execute.process import Process
from dbuild.recipes import processes
from tests.build.workshop import await_that, is_running
from tests.execute.crews import Crew, crew, say

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux lets orphans be adopted")


def is_well(made: Crew) -> bool:
    """Whether the pool's next tasks are run."""
    tasks = [made.shell("true"), made.python("pass"), made.shell("true")]
    return [made.run(task).error for task in tasks] == [None] * 3


# --- Shell recipes ---------------------------------------------------------------------------------------------------


def test_a_shell_recipe_is_asked_to_end(tmp_path: Path) -> None:
    text = f"trap 'echo told; exit 1' TERM; sleep 600 & {say('ready', '$$ $!')}; wait"
    with crew(tmp_path, size=2) as made:
        task = made.shell(text)
        made.pool.submit(task)
        pids = made.said("ready")
        made.pool.end(task.number + 1)  # another one
        made.pool.end(task.number)
        result = made.result()
        assert (result.number, result.error, result.causes) == (task.number, "interrupted", ())
        assert not any(map(is_running, pids))
        workers = made.pids
        assert is_well(made)
        assert made.pids == workers
    assert made.printed(task) == "told\n"


def test_one_that_does_not_listen_is_killed_and_its_worker_stays(tmp_path: Path) -> None:
    text = f"trap '' TERM; setsid sleep 600 & {say('ready', '$$ $!')}; while :; do sleep 600; done"
    with crew(tmp_path) as made:
        task = made.shell(text)
        made.pool.submit(task)
        pids = made.said("ready")
        made.pool.end(task.number)
        made.pool.end(task.number)
        assert made.pool.poll(0.05) == []
        assert is_running(pids[0])
        made.pool.end(task.number, at_once=True)
        assert made.result().error == "interrupted"
        assert not any(map(is_running, pids))
        workers = made.pids
        assert is_well(made)
        assert made.pids == workers


# --- Python and SQL --------------------------------------------------------------------------------------------------

WAITING = """
import os, subprocess
child = subprocess.Popen(["sleep", "600"])
with open("ready.tmp", "w") as out:
    out.write(f"{os.getpid()} {child.pid}")
os.rename("ready.tmp", "ready")
child.wait()
"""


@pytest.mark.parametrize("at_once", [False, True])
def test_a_python_recipe_ends_with_what_it_started(tmp_path: Path, at_once: bool) -> None:
    with crew(tmp_path) as made:
        task = made.python(WAITING)
        made.pool.submit(task)
        pids = made.said("ready")
        made.pool.end(task.number, at_once=at_once)
        result = made.result()
        assert (result.number, result.error) == (task.number, "interrupted")
        await_that(lambda: not any(map(is_running, pids)))
        assert is_well(made)
    if not at_once:  # where it stood
        assert "recipe1.py" in made.printed(task)
        lines = [line for line in made.printed(task).splitlines() if line.strip(" ~^")]  # without Python 3.13's marks
        assert lines[-2:] == ["    child.wait()", "Interrupted: it was told to end here"]


def test_what_a_recipe_makes_once_its_child_was_killed_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Children are killed before their worker: for a moment the recipe may go on as if its child had done its work."""
    known = Process.kill
    with crew(tmp_path) as made:
        task = made.python(WAITING)
        made.pool.submit(task)
        pids = made.said("ready")

        def kill_child(worker: Process) -> None:
            monkeypatch.setattr(Process, "kill", known)
            os.kill(pids[1], signal.SIGKILL)

        monkeypatch.setattr(Process, "kill", kill_child)
        made.pool.end(task.number, at_once=True)
        assert made.result().error == "interrupted"
        assert is_well(made)


def test_one_that_holds_the_interpreter_is_killed(tmp_path: Path) -> None:
    body = "import ctypes, os\nos.mkdir('ready')\nctypes.PyDLL(None).pause()"
    with crew(tmp_path) as made:
        task = made.python(body)
        made.pool.submit(task)
        made.poll_until((tmp_path / "ready").exists)
        made.pool.end(task.number, at_once=True)
        assert made.result().error == "interrupted"
        assert is_well(made)


def test_a_query_is_interrupted(tmp_path: Path) -> None:
    with crew(tmp_path) as made:
        task = made.sql(
            "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range = 7", "a.csv"
        )
        made.pool.submit(task)
        assert made.pool.poll(0.5) == []  # it has most likely begun
        made.pool.end(task.number)
        assert made.result().error == "interrupted"
        again = made.sql("SELECT 1 AS one", "b.csv")
        assert made.run(again).error is None


def test_a_recipe_may_fork_and_end_its_children_itself(tmp_path: Path) -> None:
    body = """
import multiprocessing, os, time
child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,))
child.start()
child.terminate()
child.join()
print(child.exitcode)
if os.fork() == 0:
    os.setsid()
    time.sleep(600)
os.kill(os.getpid(), 9)
"""
    with crew(tmp_path) as made:
        task = made.python(body)
        result = made.run(task)  # although a copy of the worker lives on
        assert result.error == "its process was killed (SIGKILL): most likely the machine ran out of memory"
        assert result.causes == ("killed", "signal SIGKILL")
        assert is_well(made)
    assert made.printed(task) == "-15\n"


def test_what_a_forked_process_opens_its_own_children_have(tmp_path: Path) -> None:
    """It has given up the worker's files, so their numbers are those of its own, and are not given up again."""
    body = """
import os
if os.fork() == 0:
    mine = [os.open("file", os.O_RDWR | os.O_CREAT) for _ in range(20)]
    if os.fork() == 0:
        print([os.write(one, b"x") for one in mine] == [1] * 20)
        os._exit(0)
    os.wait()
    os._exit(0)
os.wait()
"""
    with crew(tmp_path) as made:
        task = made.python(body)
        assert made.run(task).error is None
    assert made.printed(task) == "True\n"


def test_a_recipe_that_closes_the_files_of_its_worker(tmp_path: Path) -> None:
    with crew(tmp_path) as made:
        result = made.run(made.python("import os, time\nos.closerange(0, 64)\ntime.sleep(600)"))
        assert result.error == "the recipe closed files of the process that it runs in, which had to be killed"
        assert is_well(made)


def test_what_a_killed_query_had_spilled_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    text = "SELECT range, md5(range::VARCHAR) AS m FROM range(100000000) ORDER BY m"
    with crew(tmp_path) as made:
        task = made.sql(text, "a.csv", share=100_000_000)
        made.pool.submit(task)
        made.poll_until(lambda: any((tmp_path / "tmp").glob("dbuild-spill-*/*")))
        made.pool.end(task.number, at_once=True)
        assert made.result().error == "interrupted"
        assert list((tmp_path / "tmp").iterdir()) == []


# --- Just before, just after -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_once", [False, True])
def test_a_task_that_is_ended_before_it_begins(tmp_path: Path, at_once: bool) -> None:
    with crew(tmp_path) as made:
        for number in range(10):
            slow = made.shell("sleep 600") if number % 2 else made.python("import time\ntime.sleep(600)")
            made.pool.submit(slow)
            made.pool.end(slow.number, at_once=at_once)
            result = made.result()
            assert (result.number, result.error) == (slow.number, "interrupted")
            quick = made.shell(f"touch {number}")
            assert made.run(quick).error is None
    assert len(list(tmp_path.glob("[0-9]"))) == 10


@pytest.mark.parametrize("at_once", [False, True])
def test_a_task_that_is_ended_when_it_has_ended(tmp_path: Path, at_once: bool) -> None:
    with crew(tmp_path) as made:
        for number in range(10):
            name = f"done{number}"
            quick = made.shell(f"touch {name}") if number % 2 else made.python(f"open('{name}', 'w').close()")
            made.pool.submit(quick)
            await_that((tmp_path / name).exists)
            made.pool.end(quick.number, at_once=at_once)
            result = made.result()
            assert result.number == quick.number
            assert result.error in (None, "interrupted")
            made.pool.end(quick.number, at_once=at_once)
            assert made.run(made.python("pass")).error is None


def test_all_are_ended_those_too_that_are_still_submitted(tmp_path: Path) -> None:
    with crew(tmp_path, size=2) as made:
        tasks = [made.shell("sleep 600"), made.python("import time\ntime.sleep(600)")]
        made.pool.submit(tasks[0])
        made.pool.terminate()
        made.pool.submit(tasks[1])
        results = [made.result(), made.result()]
    assert {result.number: result.error for result in results} == {1: "interrupted", 2: "interrupted"}


# --- What is left behind ---------------------------------------------------------------------------------------------


@linux
def test_processes_in_sessions_of_their_own_end_with_their_recipe(tmp_path: Path) -> None:
    deaf = """(trap '' TERM; echo $BASHPID >> pids; touch deaf; while :; do sleep 600; done)"""
    text = f"""
    setsid sleep 600 & echo $! >> pids
    setsid bash -c 'setsid sleep 600 & echo $! >> pids; exec sleep 600' &
    until [ "$(wc -l < pids)" = 2 ]; do :; done
    {deaf} &
    until [ -e deaf ]; do :; done
    echo x > {{output}}"""
    with crew(tmp_path) as made:
        result = made.run(made.shell(text, "out.txt"))
        assert result.error is None
        (note,) = result.notes
        # The deaf one's `sleep` may not have begun.
        assert note in {f"{count} processes that the recipe left running were ended" for count in (4, 5)}
        assert not any(is_running(int(pid)) for pid in (tmp_path / "pids").read_text().split())
        assert is_well(made)


@linux
def test_children_of_a_python_recipe_are_no_business_of_a_shell_recipe(tmp_path: Path) -> None:
    body = "import subprocess\noutput.write_text(str(subprocess.Popen(['sleep', '600']).pid))"
    with crew(tmp_path) as made:
        assert made.run(made.python(body, "pid")).error is None
        pid = int((tmp_path / "pid").read_text())
        assert made.run(made.shell("true")).notes == ()
        assert made.run(made.shell("setsid sleep 600 &")).notes == ("a process that the recipe left running was ended",)
        assert is_running(pid)
    await_that(lambda: not is_running(pid))


def test_what_ends_by_itself_is_not_cut_off(tmp_path: Path) -> None:
    with crew(tmp_path) as made:
        result = made.run(made.shell("seq 100000 > >(cat > {output})", "out.txt"))
        assert (result.error, result.notes) == (None, ())
    assert (tmp_path / "out.txt").read_text().endswith("\n100000\n")


@linux
def test_what_still_writes_the_output_fails_the_task(tmp_path: Path) -> None:
    slow = "seq 10 > >(echo half > {output}; exec 3> {output}.other 4>> {output}; touch ready; exec sleep 600)"
    with crew(tmp_path) as made:
        result = made.run(made.shell(f"{slow}; until [ -e ready ]; do :; done", "out.txt"))
        assert result.error is not None
        assert "while what it had started (sleep) was still writing its output" in result.error
        assert made.run(made.shell(f"{slow}; until [ -e ready ]; do :; done", "other.txt")).error
        assert is_well(made)


@linux
def test_orphans_are_reaped(tmp_path: Path) -> None:
    with crew(tmp_path) as made:
        assert made.run(made.shell("(setsid true &); (setsid true &); sleep 0.01")).notes == ()
        (worker,) = made.pids
        assert Path(f"/proc/{worker}/task/{worker}/children").read_text() == ""


@linux
def test_where_nothing_can_be_inherited_programs_are_spawned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: object, **named: object) -> None:
        raise AssertionError("the dearer way was taken")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.chdir(tmp_path)
    environment = {b"PATH": os.environb[b"PATH"], b"A": b"b"}
    text = "read x; pwd; echo $A; kill -0 -$$ && echo leads; cat /proc/self/status | grep SigIgn; echo oops >&2; exit 3"
    with open(tmp_path / "log", "wb") as log:
        ended = processes.run_in_group(
            [processes.Program(["sh", "-c", text], environment)],
            str(tmp_path),
            log.fileno(),
            lambda pid: None,
            is_fresh=True,
        )
    assert (ended.status, ended.left) == (3, 0)
    *said, ignored, error = (tmp_path / "log").read_text().splitlines()
    assert (said, error) == ([str(tmp_path), "b", "leads"], "oops")
    assert not int(ignored.split()[1], 16) & (1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1)


def test_a_folder_that_was_made_anew_is_where_programs_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process stands in the one that was removed, and has no name for it any more."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    folder.mkdir()
    program = processes.Program(["sh", "-c", "pwd; ls"], {b"PATH": os.environb[b"PATH"]})
    with open(tmp_path / "log", "wb") as log:
        ended = processes.run_in_group([program], str(folder), log.fileno(), lambda pid: None, is_fresh=True)
    assert ended.status == 0
    assert (tmp_path / "log").read_text() == f"{folder}\n"


def test_what_a_python_recipe_left_open_isnt_inherited(tmp_path: Path) -> None:
    with crew(tmp_path) as made:
        made.run(made.shell("true"))
        made.run(made.python("import os\nos.dup2(os.open('/dev/null', os.O_RDONLY), 77)"))  # dup2's is inheritable
        task = made.shell("[ -e /dev/fd/0 ] && [ ! -e /dev/fd/77 ] && echo closed")
        assert made.run(task).error is None
        assert made.printed(task) == "closed\n"


def test_the_grace_is_given_to_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graces: list[float] = []
    text = "(trap '' TERM; touch deaf; exec sleep 600) & until [ -e deaf ]; do :; done"

    def grace() -> float:
        graces.append(0.0)
        return 0.0

    with open(os.devnull, "wb") as log:
        environment = {b"PATH": os.environb[b"PATH"]}
        ended = processes.run_in_group(
            [processes.Program(["bash", "-c", text], environment)], str(tmp_path), log.fileno(), lambda pid: None, grace
        )
    assert ended.status == 0
    assert ended.left
    assert graces
