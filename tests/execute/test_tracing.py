"""What recipes open, as a pool's results tell it: by strace, and by Python's own events where there is none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbuild.core.task import Result
from dbuild.execute import strace
from dbuild.execute.witness import Tracing, Witness, boundary, spelt
from tests.build.workshop import await_that, is_running
from tests.execute.crews import Crew, crew

STRACE, WHY = strace.find()
needs_strace = pytest.mark.skipif(STRACE is None, reason=WHY)


@pytest.fixture
def traced(tmp_path: Path) -> Iterator[Crew]:
    """A pool whose recipes are traced by strace, and a file."""
    (tmp_path / "a.txt").write_text("a")
    with crew(tmp_path, tracing=Tracing((str(tmp_path),), ("/dev",), STRACE)) as made:
        yield made


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[Crew]:
    """A pool whose recipes are listened to by a hook, and a file."""
    (tmp_path / "a.txt").write_text("a")
    with crew(tmp_path, tracing=Tracing((str(tmp_path),), ("/tmp", "/dev"), None)) as made:
        yield made


def told(made: Crew, result: Result) -> list[str]:
    """What a result tells, by paths below the project; modules of it, which every Python recipe opens, left out."""
    assert result.error is None
    shown = (f"{sight.kind} {os.path.relpath(sight.path, made.root)}" for sight in result.sights)
    return sorted(line for line in shown if ".py" not in line and "__pycache__" not in line and line != "list .")


@needs_strace
def test_a_shell_recipe_and_what_it_starts(traced: Crew) -> None:
    text = "cat a.txt; bash -c 'python3 -S -c \"open(chr(98), chr(119))\"; mv b c'; mkdir d; rm c; rmdir d"
    result = traced.run(traced.shell(text))
    assert told(traced, result) == [
        *("read a.txt", "remove b", "remove c", "remove d", "write b", "write c", "write d"),
    ]
    assert result.is_all_seen


@needs_strace
def test_a_python_recipe_with_its_libraries(traced: Crew) -> None:
    body = """
import numpy, os, threading, subprocess, sqlite3
numpy.fromfile("a.txt", dtype="u1")
thread = threading.Thread(target=lambda: os.listdir("logs"))
thread.start(); thread.join()
subprocess.run(["sh", "-c", "cat < a.txt > b.txt"])
sqlite3.connect("x.db").execute("SELECT 1 FROM sqlite_master")
"""
    assert told(traced, traced.run(traced.python(body))) == [
        *("change x.db", "list logs", "read a.txt", "write b.txt"),
    ]


@needs_strace
def test_what_one_task_opens_is_not_told_of_the_next(traced: Crew) -> None:
    first, second = traced.shell("cat a.txt"), traced.shell("true")
    assert told(traced, traced.run(first)) == ["read a.txt"]
    assert told(traced, traced.run(second)) == []
    assert len(traced.pids) == 1  # one worker for the tasks of one target


@needs_strace
def test_a_worker_serves_one_target(traced: Crew) -> None:
    """What it has opened and keeps in memory isn't opened again for another."""
    (traced.root / "shared.py").write_text("TEXT = open('a.txt').read()\n")
    for target in ("one", "two"):
        assert told(traced, traced.run(traced.python("import shared", target=target))) == ["read a.txt"]
    assert len(traced.pids) == 1


@needs_strace
def test_more_than_a_pipe_holds(traced: Crew) -> None:
    result = traced.run(traced.python("for i in range(1500):\n    open(f'{i:0200}', 'w').close()"))
    assert len([sight for sight in result.sights if sight.kind == "write"]) == 1500


@needs_strace
def test_a_worker_that_dies_has_opened_what_it_opened(traced: Crew) -> None:
    result = traced.run(traced.python("open('a.txt'); import os, signal; os.kill(os.getpid(), signal.SIGKILL)"))
    assert result.error is not None
    assert "was killed" in result.error
    assert any(sight.path.endswith("/a.txt") for sight in result.sights)
    assert told(traced, traced.run(traced.shell("cat a.txt"))) == ["read a.txt"]


@needs_strace
def test_what_is_killed_leaves_no_tracer(traced: Crew) -> None:
    """Nor does what it left running in a session of its own keep the pool waiting."""
    task = traced.shell("setsid sleep 1000 & echo $! > pid.tmp; mv pid.tmp pid; sleep 1000")
    traced.pool.submit(task)
    (pid,) = traced.said("pid")
    tracer = _tracer_of(pid)
    traced.pool.end(task.number, at_once=True)
    assert traced.result().error == "interrupted"
    await_that(lambda: not is_running(pid))
    traced.pool.close()
    await_that(lambda: not is_running(tracer))


def _tracer_of(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("TracerPid:"):
            return int(line.split()[1])
    raise AssertionError("it has no status")


@needs_strace
def test_a_recipe_that_is_interrupted_says_where_it_stood(traced: Crew) -> None:
    task = traced.python("open('here', 'w').close()\nimport time\ntime.sleep(1000)")
    traced.pool.submit(task)
    traced.poll_until((traced.root / "here").exists)
    traced.pool.end(task.number)
    assert traced.result().error == "interrupted"
    assert "time.sleep(1000)" in traced.printed(task)


def test_python_s_own_events(heard: Crew) -> None:
    body = """
import os, threading, sqlite3
from pathlib import Path
thread = threading.Thread(target=lambda: Path("a.txt").read_text())
thread.start(); thread.join()
os.listdir("logs")
Path("b.txt").write_text("b")
os.rename("b.txt", "c.txt")
os.remove("c.txt")
os.mkdir("d"); os.rmdir("d")
sqlite3.connect("file:x.db?mode=rwc", uri=True)
sqlite3.connect(":memory:")
os.close(os.open("a.txt", os.O_RDONLY))
open("/dev/null", "w")
if os.fork() == 0:
    open("a.txt", "a")
    os._exit(0)
os.wait()
"""
    result = heard.run(heard.python(body))
    assert told(heard, result) == [
        *("change x.db", "list logs", "read a.txt", "remove b.txt", "remove c.txt", "remove d"),
        *("write a.txt", "write b.txt", "write c.txt", "write d"),
    ]
    assert not result.is_all_seen
    assert told(heard, heard.run(heard.python("open('a.txt'); open('a.txt')"))) == ["read a.txt"]


def test_events_that_make_no_sense_change_nothing(heard: Crew) -> None:
    body = """
import os, sqlite3, sys
for attempt in (lambda: open(3.5), lambda: open("a\\0b"), lambda: sqlite3.connect(None), lambda: os.mkdir(7)):
    try:
        attempt()
    except (TypeError, ValueError, OSError):
        print("refused")
sys.audit("open"); sys.audit("os.rename", 1); sys.audit("os.mkdir", "x", 0, 0)
"""
    task = heard.python(body)
    assert heard.run(task).error is None
    assert heard.printed(task) == "refused\n" * 4


def test_a_witness_keeps_no_more_than_it_can(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("dbuild.execute.witness._MOST", 3)
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    witness = Witness(reading, Tracing(("/p",), (), "strace"), "/p")
    os.write(writing, spelt("read", "/p/early") + boundary("begin", 5))
    os.write(writing, b"".join(spelt("read", f"/p/{number}") for number in range(9)))
    os.write(writing, b":read zz\n:begin x\nrubbish\n\n" + b"x" * 60_000)
    assert witness.take()
    os.write(writing, b"y" * 60_000)
    assert witness.take()
    os.write(writing, b"\n" + boundary("end", 5) + spelt("read", "/p/late"))
    sights, is_all = witness.finish(5)
    assert sorted(sight.path for sight in sights) == ["/p/0", "/p/1", "/p/2"]
    assert not is_all
    os.write(writing, boundary("begin", 6) + spelt("read", "/q/x") + spelt("write", "/q/x") + boundary("end", 6))
    sights, is_all = witness.finish(6)
    assert [(sight.kind, sight.path) for sight in sights] == [("write", "/q/x")]
    assert is_all
    os.close(writing)
    witness.close()
