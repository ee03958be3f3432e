"""`dbuild watch` as a real process: what it builds, what it says, how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dbuild.state.lock import BuildLock
from dbuild.watch.children import Builder
from tests.cli.sandbox import Sandbox
from tests.watch.watched import PATIENCE, Watched, until_idle, watching

KINDS = [(), ("--poll", "0.05")]


@pytest.mark.parametrize(
    "words", [KINDS[0], pytest.param(KINDS[1], marks=pytest.mark.slow)], ids=["inotify", "polling"]
)
def test_what_changes_is_built_and_nothing_else(sandbox: Sandbox, words: tuple[str, ...]) -> None:
    with watching(sandbox, *words) as watched:
        assert [record["event"] for record in watched.said].count("task") == 5
        sandbox.write("data/2013-01-02.txt", "corrected\n")
        assert watched.built() == ["copy@2013-01-02", "total"]
        sandbox.write("data/2013-01-04.txt", "new\n")
        assert watched.built() == ["copy@2013-01-04", "total"]
        (sandbox.root / "out/copy/2013-01-01.txt").unlink()  # behind its back
        assert watched.built() == ["copy@2013-01-01"]
        assert watched.stop() == 0
        assert [record["event"] for record in watched.rest() if record["event"] != "changed"] == ["stopped"]
    assert sandbox.read("out/total.txt") == "day 1\ncorrected\nday 3\nnew\n"
    assert sandbox.summary()["built"] == 0


def test_only_what_is_named_is_kept_fresh(sandbox: Sandbox) -> None:
    with watching(sandbox, "copy@2013-01-01", "plan") as watched:
        assert sorted(record["target"] for record in watched.said if record["event"] == "task") == ["copy", "plan"]
        sandbox.write("data/2013-01-02.txt", "not asked for\n")
        sandbox.write("data/2013-01-01.txt", "asked for\n")
        assert watched.built() == ["copy@2013-01-01"]


def test_it_says_what_changed(sandbox: Sandbox) -> None:
    with watching(sandbox) as watched:
        until_idle(sandbox)
        sandbox.write("data/2013-01-02.txt", "corrected\n")
        assert watched.until("changed") == {"event": "changed", "paths": ["data/2013-01-02.txt"], "more": 0}


def test_a_new_recipe_is_taken(sandbox: Sandbox) -> None:
    with watching(sandbox) as watched:
        sandbox.write("Dataflowfile", sandbox.read("Dataflowfile").replace("echo {greeting}", "echo -n {greeting}"))
        assert watched.built() == ["plan"]


def test_a_broken_dataflowfile_is_said_once_and_builds_go_on_as_before(sandbox: Sandbox) -> None:
    with watching(sandbox) as watched:
        good = sandbox.read("Dataflowfile")
        sandbox.write("Dataflowfile", good + "\n[targets.more\n")
        error = watched.until("error")
        assert error["kind"] == "dataflowfile"
        assert error["where"].startswith("Dataflowfile:")
        watched.until("kept")
        sandbox.write("data/2013-01-02.txt", "corrected\n")
        assert watched.built() == ["copy@2013-01-02", "total"]
        sandbox.write("data/2013-01-03.txt", "corrected\n")
        assert watched.built() == ["copy@2013-01-03", "total"]
        sandbox.write("Dataflowfile", good + '\n[targets.more]\npath = "out/more.txt"\nshell = "cp {total} {output}"\n')
        start = len(watched.said)
        assert watched.built() == ["more"]
        said = [record["event"] for record in watched.said[start:]]
        assert "mended" in said or watched.until("mended")
    assert [record["event"] for record in watched.said].count("error") == 1
    assert [record["event"] for record in watched.said].count("kept") == 1


def test_a_project_that_is_wrong_from_the_beginning_is_not_watched(sandbox: Sandbox) -> None:
    sandbox.write("Dataflowfile", "[targets.x\n")
    done = sandbox.run("watch")
    assert done.returncode == 2
    assert "Dataflowfile:1" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_project_is_no_reason_for_a_state_folder(tmp_path: Path) -> None:
    empty = Sandbox(tmp_path / "empty")
    empty.root.mkdir()
    done = empty.run("watch")
    assert done.returncode == 2
    assert os.listdir(empty.root) == []


FAILING = """
[sources.raw]
path = "data/raw.txt"
[targets.bad]
path = "out/bad.txt"
shell = "echo ran >> count; grep good {raw} > {output}"
[targets.fine]
path = "out/fine.txt"
shell = "cp {raw} {output}"
"""


def test_a_failing_recipe_rests_until_what_it_reads_changes(sandbox: Sandbox) -> None:
    sandbox.write("Dataflowfile", FAILING)
    sandbox.write("data/raw.txt", "wrong\n")
    with watching(sandbox) as watched:
        assert [record["status"] for record in watched.said if record["event"] == "task"].count("failed") == 1
        sandbox.write("data/raw.txt", "wrong again\n")
        assert watched.built() == ["bad", "fine"]
        sandbox.write("out/fine.txt", "tampered with\n")  # something else to do: the one that failed still rests
        assert watched.built() == ["fine"]
        assert sandbox.read("count") == "ran\nran\n"
        sandbox.write("data/raw.txt", "good\n")
        assert watched.built() == ["bad", "fine"]
        assert watched.stop() == 0
    assert sandbox.read("count") == "ran\nran\nran\n"


def test_a_folder_that_is_deleted_and_made_again_is_watched_again(sandbox: Sandbox) -> None:
    with watching(sandbox) as watched:
        shutil.move(sandbox.root / "data", sandbox.root / "away")
        (sandbox.root / "data").mkdir()
        sandbox.write("data/2013-01-02.txt", "made again\n")
        _until_copied(watched, sandbox, "2013-01-02", "made again\n")
        sandbox.write("data/2013-01-03.txt", "and once more\n")
        _until_copied(watched, sandbox, "2013-01-03", "and once more\n")
        shutil.rmtree(sandbox.root / "data")
        sandbox.write("data/2013-01-05.txt", "from nothing\n")
        _until_copied(watched, sandbox, "2013-01-05", "from nothing\n")


def _until_copied(watched: Watched, sandbox: Sandbox, day: str, text: str) -> None:
    path = sandbox.root / f"out/copy/{day}.txt"
    while not path.exists() or path.read_text() != text:
        watched.until("summary")


def test_a_folder_above_that_is_replaced_is_heard_of(sandbox: Sandbox) -> None:
    """As by `git checkout`, or whoever moves a whole tree away."""
    sandbox.write("Dataflowfile", sandbox.read("Dataflowfile").replace("data/{day}", "a/b/data/{day}"))
    (sandbox.root / "a/b").mkdir(parents=True)
    shutil.move(sandbox.root / "data", sandbox.root / "a/b/data")
    with watching(sandbox) as watched:
        until_idle(sandbox)
        (sandbox.root / "a").rename(sandbox.root / "away")
        sandbox.write("a/b/data/2013-01-02.txt", "moved\n")
        _until_copied(watched, sandbox, "2013-01-02", "moved\n")
        shutil.rmtree(sandbox.root / "a")
        sandbox.write("a/b/data/2013-01-03.txt", "from nothing\n")
        _until_copied(watched, sandbox, "2013-01-03", "from nothing\n")


def test_what_links_lead_to_is_looked_at(sandbox: Sandbox) -> None:
    """One file behind a link, and a link on the way to another that leads elsewhere from now on."""
    flow = """
    [sources.one]
    path = "one.txt"
    [sources.other]
    path = "current/in/other.txt"
    [targets.copy]
    path = "out.txt"
    shell = "cat {one} {other} > {output}"
    """
    sandbox.write("Dataflowfile", flow)
    for name in ("far/one.txt", "old/in/other.txt", "new/in/other.txt"):
        sandbox.write(name, f"{name}\n")
    os.symlink("far/one.txt", sandbox.root / "one.txt")
    os.symlink("old", sandbox.root / "current")
    with watching(sandbox) as watched:
        until_idle(sandbox)
        os.symlink("new", sandbox.root / "next")
        (sandbox.root / "next").rename(sandbox.root / "current")
        assert watched.built() == ["copy"]
        sandbox.write("far/one.txt", "changed\n")
        assert watched.built() == ["copy"]
    assert sandbox.read("out.txt") == "changed\nnew/in/other.txt\n"


def test_a_folder_that_is_not_there_yet_is_heard_of(sandbox: Sandbox) -> None:
    sandbox.write("Dataflowfile", sandbox.read("Dataflowfile").replace("data/{day}", "deep/down/data/{day}"))
    with watching(sandbox) as watched:
        sandbox.write("deep/down/data/2013-01-01.txt", "first\n")
        while not (sandbox.root / "out/copy/2013-01-01.txt").exists():
            watched.until("summary")


def test_an_arrival_during_a_build_is_for_the_next(sandbox: Sandbox) -> None:
    flow = sandbox.read("Dataflowfile").replace(
        'shell = "cp {raw} {output}"',
        'shell = "cp {raw} {output}; touch began; while [ ! -e go ]; do sleep 0.01; done"',
    )
    sandbox.write("Dataflowfile", flow)
    sandbox.write("go", "")
    with watching(sandbox) as watched:
        (sandbox.root / "go").unlink()
        (sandbox.root / "began").unlink()
        sandbox.write("data/2013-01-02.txt", "slow\n")
        _wait_for(sandbox.root / "began")
        sandbox.write("data/2013-01-03.txt", "meanwhile\n")
        sandbox.write("go", "")
        assert watched.built() == ["copy@2013-01-02", "total"]
        assert watched.built() == ["copy@2013-01-03", "total"]


def _wait_for(path: Path) -> None:
    import time

    deadline = time.monotonic() + PATIENCE
    while not path.exists():
        assert time.monotonic() < deadline, f"no {path}"
        time.sleep(0.005)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_cuts_a_build_off_in_good_order(sandbox: Sandbox, number: signal.Signals) -> None:
    flow = sandbox.read("Dataflowfile").replace(
        '"cat {copy} > {output}"', '"touch began; sleep 300; cat {copy} > {output}"'
    )
    sandbox.write("Dataflowfile", flow)
    with watching(sandbox, is_ready=False) as watched:
        _wait_for(sandbox.root / "began")
        assert watched.stop(number) == 130
        assert watched.rest()[-1] == {"event": "stopped", "cut": True}
    assert not list(sandbox.root.rglob(".dbuild-tmp-*"))


def test_a_terminal_that_is_closed_ends_it(sandbox: Sandbox) -> None:
    """Its descriptors are of no terminal any more when the word of that comes."""
    terminal, inside = os.openpty()
    words = "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    words += "os.execv(sys.executable, [sys.executable, '-m', 'dbuild', 'watch'])"
    process = subprocess.Popen(
        [sys.executable, "-c", words],
        cwd=sandbox.root,
        env=sandbox.environment(),
        stdin=inside,
        stdout=inside,
        stderr=inside,
    )
    try:
        os.close(inside)
        shown = b""
        while b"Ctrl-C" not in shown:
            shown += os.read(terminal, 65536)
        os.close(terminal)
        assert process.wait(PATIENCE) in (0, 130)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def test_a_module_of_the_project_is_none_of_the_builds(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.write("calendar.py", "raise SystemExit('no calendar')\n")
    monkeypatch.chdir(sandbox.root)
    outcome = asyncio.run(Builder(["-q"], sandbox.environment()).build())
    assert outcome.summary is not None
    assert outcome.summary["built"] == 5


def test_a_second_watch_is_refused_and_names_the_first(sandbox: Sandbox) -> None:
    with watching(sandbox) as watched:
        done = sandbox.run("watch")
        assert done.returncode == 2
        assert f"a watch of this project runs already (process {watched.process.pid}" in done.stderr
        sandbox.write("data/2013-01-02.txt", "corrected\n")
        assert watched.built() == ["copy@2013-01-02", "total"]


def test_its_status(sandbox: Sandbox) -> None:
    assert sandbox.run("watch", "--status").returncode == 3
    with watching(sandbox) as watched:
        (found,) = sandbox.json("watch", "--status")
        assert found["runs"]
        assert found["pid"] == watched.process.pid
        assert found["last"]["summary"]["fresh"] + found["last"]["summary"]["built"] == 5
        shown = sandbox.run("watch", "--status")
        assert shown.returncode == 0
        assert f"process {watched.process.pid}: " in shown.stdout
        watched.stop(signal.SIGKILL)
        assert sandbox.run("watch", "--status").returncode == 3
    with watching(sandbox):  # what was killed is in nobody's way
        assert sandbox.run("watch", "--status").returncode == 0


def test_a_state_folder_that_is_removed_is_taken_again(sandbox: Sandbox) -> None:
    with watching(sandbox) as watched:
        until_idle(sandbox)
        shutil.rmtree(sandbox.root / ".dbuild")
        sandbox.write("data/2013-01-02.txt", "corrected\n")
        watched.until("summary")
        _wait_for(sandbox.root / ".dbuild/watch-Dataflowfile.sock")
        assert f"process {watched.process.pid}" in sandbox.run("watch", "--status").stdout
        assert sandbox.run("watch").returncode == 2


def test_strict_status_tells_of_a_failure(sandbox: Sandbox) -> None:
    sandbox.write("Dataflowfile", FAILING)
    sandbox.write("data/raw.txt", "wrong\n")
    with watching(sandbox) as watched:
        assert sandbox.run("watch", "--status").returncode == 0
        assert sandbox.run("watch", "--status", "--strict").returncode == 3
        sandbox.write("data/raw.txt", "good\n")
        assert watched.built() == ["bad", "fine"]


def test_others_are_told_of_a_build_that_changed_something_or_failed(sandbox: Sandbox) -> None:
    sandbox.write("Dataflowfile", FAILING)
    sandbox.write("data/raw.txt", "good\n")
    with watching(sandbox, "--exec", "cat >> told; echo >> told") as watched:
        sandbox.write("data/raw.txt", "wrong\n")
        watched.built()
        good = sandbox.read("Dataflowfile")
        sandbox.write("Dataflowfile", good + "[oops\n")
        watched.until("kept")
        sandbox.write("Dataflowfile", good)
        watched.until("mended")
        assert watched.stop() == 0
    first, second, third = [json.loads(line) for line in sandbox.read("told").splitlines()]
    assert sorted(task["target"] for task in first["tasks"]) == ["bad", "fine"]
    assert [task["status"] for task in sorted(second["tasks"], key=lambda task: task["target"])] == ["failed", "built"]
    assert second["summary"]["failed"] == 1
    assert third["error"]["kind"] == "dataflowfile"


def test_a_command_that_fails_is_said_and_changes_nothing(sandbox: Sandbox) -> None:
    with watching(sandbox, "--exec", "exit 7") as watched:
        assert "exit code 7" in watched.until("exec")["error"]
        sandbox.write("data/2013-01-02.txt", "corrected\n")
        watched.until("task", lambda record: record["target"] == "total")


def test_a_budget_refuses_once_and_builds_when_it_fits(sandbox: Sandbox) -> None:
    with watching(sandbox, "--budget", "6") as watched:
        for day in range(1, 8):
            sandbox.write(f"data/2013-02-0{day}.txt", "new\n")
        refused = watched.until("refused")
        assert refused["will_run"] + refused["may_run"] > 6
        for day in range(1, 8):
            (sandbox.root / f"data/2013-02-0{day}.txt").unlink()
        watched.until("mended")
        sandbox.write("data/2013-01-02.txt", "corrected\n")
        assert watched.built() == ["copy@2013-01-02", "total"]
    assert [record["event"] for record in watched.said].count("refused") <= 2


def test_hang_up_looks_at_everything_anew(sandbox: Sandbox) -> None:
    with watching(sandbox) as watched:
        builds = _builds(sandbox)
        watched.process.send_signal(signal.SIGHUP)
        while _builds(sandbox) == builds:
            pass
        assert watched.process.poll() is None
        sandbox.write("data/2013-01-02.txt", "corrected\n")
        assert watched.built() == ["copy@2013-01-02", "total"]


def _builds(sandbox: Sandbox) -> int:
    (found,) = sandbox.json("watch", "--status")
    return int(found["builds"])


def test_a_manual_build_meanwhile_is_no_harm(sandbox: Sandbox) -> None:
    with watching(sandbox) as watched:
        for number in range(3):
            sandbox.write("data/2013-01-02.txt", f"corrected {number}\n")
            assert sandbox.run().returncode == 0
        assert watched.stop() in (0, 130)
    assert sandbox.summary()["built"] == 0


def test_the_socket_is_for_its_user_alone(sandbox: Sandbox) -> None:
    with watching(sandbox):
        path = sandbox.root / ".dbuild/watch-Dataflowfile.sock"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_ISSOCK(path.stat().st_mode)


def test_systemd_is_told(sandbox: Sandbox, tmp_path: Path) -> None:
    """As sd_notify has it: READY=1 after the first build, WATCHDOG=1 with each beat, STOPPING=1."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE)
        with watching(sandbox, NOTIFY_SOCKET=str(tmp_path / "notify")) as watched:
            watched.stop()
        manager.setblocking(False)
        said: list[str] = []
        while True:
            try:
                said += manager.recv(4096).decode().split("\n")
            except BlockingIOError:
                break
    assert said.index("WATCHDOG=1") < said.index("READY=1") < said.index("STOPPING=1")


def test_wrong_options_are_said(sandbox: Sandbox) -> None:
    for words, said in (
        (("--not-between", "8-9"), '"8-9" is no part of a day'),
        (("--not-between", "08:00"), '"08:00" is no part of a day'),
        (("--once-per", "soon"), '"soon" is no duration'),
        (("--poll", "0"), "--poll has to be longer than nothing"),
        (("--budget", "much"), '"much" is no budget'),
        (("nothing",), '"nothing"'),
    ):
        done = sandbox.run("watch", *words)
        assert done.returncode == 2, words
        assert said in done.stderr


def test_a_full_disk_is_said_once_and_outlasted(sandbox: Sandbox) -> None:
    """No file can grow, as on a disk without room, until there is room again."""
    import resource

    with watching(sandbox) as watched:
        until_idle(sandbox)
        pid = watched.process.pid
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        sandbox.write("data/2013-01-02.txt", "corrected\n")
        assert watched.until("error")["kind"] in ("disk", "state")
        sandbox.write("data/2013-01-03.txt", "corrected\n")
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        watched.until("mended")
        until_idle(sandbox)
        assert watched.stop() == 0
    assert [record["event"] for record in watched.said].count("error") == 1
    assert sandbox.read("out/total.txt") == "day 1\ncorrected\ncorrected\n"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="inotify is a part of Linux")
def test_nothing_is_missed_when_the_kernel_loses_changes(sandbox: Sandbox) -> None:
    with open("/proc/sys/fs/inotify/max_queued_events", encoding="ascii") as limit:
        most = int(limit.read())
    if most > 100_000:
        pytest.skip("the queue is too long here to fill it quickly")
    for number in range(2):
        sandbox.write(f"data/noise{number}", "")
    with watching(sandbox) as watched:
        until_idle(sandbox)
        watched.process.send_signal(signal.SIGSTOP)
        sandbox.write("data/2013-01-01.txt", "before\n")
        for number in range(most + 100):
            os.utime(sandbox.root / f"data/noise{number % 2}", (number, number))
        sandbox.write("data/2013-01-03.txt", "after\n")  # nobody is told of it
        watched.process.send_signal(signal.SIGCONT)
        assert "queue was full" in watched.until("missed")["why"]
        assert watched.built() == ["copy@2013-01-01", "copy@2013-01-03", "total"]
    assert sandbox.read("out/total.txt") == "before\nday 2\nafter\n"


KILLED = """
if [ ! -e killed ]; then
    touch killed
    kill -9 "$(tr -dc '0-9,' < .dbuild/lock | cut -d, -f1)"
    sleep 300
fi
cat {copy} > {output}
"""


def test_a_build_that_is_killed_is_said_and_made_again(sandbox: Sandbox) -> None:
    flow = sandbox.read("Dataflowfile").replace('"cat {copy} > {output}"', f"'''{KILLED}'''")
    sandbox.write("Dataflowfile", flow)
    with watching(sandbox) as watched:
        kinds = [record["event"] for record in watched.said]
        assert kinds.index("error") < kinds.index("mended") < kinds.index("watching")
    assert sandbox.read("out/total.txt") == "day 1\nday 2\nday 3\n"


def test_another_build_that_runs_is_waited_for_and_named(sandbox: Sandbox) -> None:
    with watching(sandbox) as watched:
        until_idle(sandbox)
        lock = BuildLock(str(sandbox.root / ".dbuild/lock"))
        lock.acquire(lambda holder: None)
        sandbox.write("data/2013-01-02.txt", "corrected\n")
        notice = watched.until("notice")
        assert f"process {os.getpid()}" in notice["text"]
        lock.release()
        assert watched.built() == ["copy@2013-01-02", "total"]
