"""Builds that are cut off anywhere, disks that are full or read-only, states that are damaged."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dbuild.build import locks
from dbuild.core.events import Event, Notice, TaskStarted
from dbuild.errors import StateError
from dbuild.failpoints import PLACES
from dbuild.state.opening import open_state
from tests.build.workshop import DAYS, Workshop, await_that, is_running

DATES = ("01-01", "01-02", "01-03")
TASKS = [*(f"step@2013-{day}" for day in DATES), "sum"]

# One task after the other, each in a group of its own, so that every place is passed as often as there are tasks.
DRIVER = """
import sys
import dbuild.build.groups as groups
from dbuild.execute.publish import Flusher
groups.SECONDS = groups._SHARE = 0
Flusher.is_busy = property(lambda flusher: flusher._thread and flusher._thread.join())
turn = groups.Groups.turn
groups.Groups.turn = lambda self: (turn(self), turn(self))  # what has begun is committed before another task can end
from dbuild.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


class Ledgered(Workshop):
    """A project whose recipes write into a ledger outside it that they ran."""

    @property
    def ledger(self) -> Path:
        return self.root.parent / "ledger"

    def ledger_counts(self) -> Counter[str]:
        return Counter(self.ledger.read_text().split() if self.ledger.exists() else ())

    def begin(self) -> None:
        self.write(
            "Dataflowfile",
            f"""
            {DAYS}
            [sources.raw]
            path = "data/{{day}}.txt"
            [targets.step]
            path = "out/step/{{day}}.txt"
            shell = "echo step@{{day}} >> {self.ledger}; cp {{raw}} {{output}}"
            [targets.sum]
            path = "out/sum.txt"
            shell = "echo sum >> {self.ledger}; cat {{step}} > {{output}}"
            """,
        )
        self.days("data", *DATES)

    def cut(self, failpoint: str, *words: str) -> subprocess.CompletedProcess[str]:
        """The real process with a failpoint set."""
        return subprocess.run(
            [sys.executable, "-c", DRIVER, *words],
            cwd=self.root,
            env=self.environment(DBUILD_FAILPOINT=failpoint),
            capture_output=True,
            text=True,
            timeout=60,
        )

    def check_mended(self, text: str = "") -> None:
        """What the sources say is what is there, nothing is left over, and nothing is left to do."""
        days = {day: self.read(f"data/2013-{day}.txt") for day in DATES}
        expected = {f"out/step/2013-{day}.txt": found.encode() for day, found in days.items()}
        assert self.outputs() == expected | {"out/sum.txt": "".join(days.values()).encode()}
        assert self.temporaries() == []
        again = self.build()
        assert (again.ran, again.summary.fresh) == ([], 4)


@pytest.fixture
def new(tmp_path: Path) -> Ledgered:
    """A project that was never built."""
    made = Ledgered(tmp_path / "project")
    made.begin()
    return made


@pytest.fixture
def changed(new: Ledgered) -> Ledgered:
    """A project that was built, and whose sources have all changed since."""
    assert new.build(jobs=1).ran == TASKS
    new.ledger.unlink()
    new.days("data", *DATES, text="other {day}\n")
    return new


# --- Killed --------------------------------------------------------------------------------------------------------

# How many tasks are finished (committed, or in place and vouched for by an intent) when a place is passed for the nth
# time, one task after the other.
FINISHED = {"task": -1, "intent": -1, "rename": -1, "renamed": 0, "flush": 0, "commit": 0, "committed": 0}


def check_cut(project: Ledgered, place: str, count: int, finished: int) -> None:
    """A kill, and the build after it."""
    done = project.cut(f"{place}:{count}", "-j1")
    assert done.returncode == -signal.SIGKILL, done.stderr
    for path, content in project.outputs("out").items() if project.path("out").exists() else ():
        days = (b"01-01", b"01-02", b"01-03")
        whole = [b"%s%s\n" % (word, day) for word in (b"", b"other ") for day in days]
        whole += [b"".join(whole[:3]), b"".join(whole[3:])]
        assert ".dbuild-tmp-" in path or content in whole
    again = project.build(jobs=1)
    assert len(again.ran) == len(TASKS) - finished  # days come in the order of past durations
    assert again.ran[-1:] == TASKS[finished:][-1:]
    counts = project.ledger_counts()
    assert all(counts[task] == 1 for task in set(TASKS) - set(again.ran))
    assert all(1 <= counts[task] <= 2 for task in again.ran)
    project.check_mended()


def test_every_place_is_tried() -> None:
    elsewhere = {"inherit", "look", "route", "routed"}  # test_renamed_targets.py, test_routing_crashes.py
    assert set(PLACES) == {*FINISHED, *IN_FOLDERS, *elsewhere, "spawn", "write", "written", "seal", "log"}


@pytest.mark.parametrize("place", FINISHED)
def test_killed_at_the_first_passing_of_a_first_build(new: Ledgered, place: str) -> None:
    check_cut(new, place, 1, 1 + FINISHED[place])


@pytest.mark.parametrize("place", FINISHED)
def test_killed_at_the_third_passing_of_a_later_build(changed: Ledgered, place: str) -> None:
    unpublished = 1 if place == "task" else 0  # the third is handed out before the second is published
    check_cut(changed, place, 3, 3 + FINISHED[place] - unpublished)


IN_FOLDERS = ("intent", "rename", "renamed", "swapped", "commit")


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("place", IN_FOLDERS)
def test_a_kill_never_leaves_half_a_folder(tmp_path: Path, place: str, count: int) -> None:
    flow = f"""
    {DAYS}
    [sources.raw]
    path = "data/{{day}}.txt"
    [targets.pages]
    path = {{ site = "out/{{day}}/", count = "out/{{day}}.txt" }}
    shell = "for w in $(cat {{raw}}); do echo $w > {{output.site}}/$w; done; wc -w < {{raw}} > {{output.count}}"
    """
    project = Ledgered(tmp_path / "project", flow)
    project.days("data", *DATES[:2], text="a b\n")
    assert project.build().standing == (2, 0, 0, 0, 0)
    project.days("data", *DATES[:2], text="b c d\n")
    done = project.cut(f"{place}:{count}", "-j1")
    assert done.returncode == -signal.SIGKILL, done.stderr
    for day in DATES[:2]:
        found = sorted(os.listdir(project.path(f"out/2013-{day}")))
        assert found in (["a", "b"], ["b", "c", "d"])
    assert project.build().summary.failed == 0
    for day in DATES[:2]:
        assert sorted(os.listdir(project.path(f"out/2013-{day}"))) == ["b", "c", "d"]
        assert project.read(f"out/2013-{day}.txt").strip() == "3"
    assert project.temporaries() == []
    assert project.build().ran == []


def test_killed_before_the_end_is_recorded(changed: Ledgered) -> None:
    check_cut(changed, "seal", 1, 4)


@pytest.mark.parametrize("count", [1, 3])
def test_killed_when_a_worker_is_started(new: Ledgered, count: int) -> None:
    done = new.cut(f"spawn:{count}", "-j3")
    assert done.returncode == -signal.SIGKILL
    assert new.build(jobs=1).ran == TASKS
    new.check_mended()


@pytest.mark.parametrize("place", ["write", "written"])
@pytest.mark.parametrize("count", [1, 3])
def test_a_worker_that_is_killed_fails_its_task_alone(changed: Ledgered, place: str, count: int) -> None:
    done = changed.cut(f"{place}:{count}", "-j1")
    assert done.returncode == 1
    (failed,) = [line.split()[1] for line in done.stderr.splitlines() if line.startswith("failed ")]
    assert "killed" in done.stderr
    assert changed.temporaries() == []
    again = changed.build(jobs=1).ran  # days come in the order of past durations
    assert failed in again
    assert (len(again), again[-1]) == (len(TASKS) - count + 1, "sum")
    changed.check_mended()


def test_what_is_left_of_an_output_that_stands_alone_is_swept(changed: Ledgered) -> None:
    assert changed.cut("rename:4", "-j1").returncode == -signal.SIGKILL
    assert [os.path.dirname(path) for path in changed.temporaries()] == ["out"]
    assert changed.build("step").ran == []
    assert changed.temporaries() == []
    assert changed.build(jobs=1).ran == ["sum"]
    assert not [name for name in os.listdir(changed.path(".dbuild/logs")) if name.endswith(".tmp")]
    changed.check_mended()


def test_killed_twice_in_a_row(new: Ledgered) -> None:
    assert new.cut("renamed:1", "-j1").returncode == -signal.SIGKILL
    assert new.cut("commit:1", "-j1").returncode == -signal.SIGKILL
    assert new.build(jobs=1).ran == TASKS[2:]
    assert new.ledger_counts()[TASKS[0]] == 1
    new.check_mended()


def test_what_was_edited_after_the_kill_is_not_taken_over(new: Ledgered) -> None:
    assert new.cut("commit:1", "-j1").returncode == -signal.SIGKILL
    new.write("out/step/2013-01-01.txt", "edited\n")
    assert new.build(jobs=1).ran == TASKS
    new.check_mended()


def test_a_source_that_changed_after_the_kill_is_noticed(new: Ledgered) -> None:
    assert new.cut("commit:2", "-j1").returncode == -signal.SIGKILL
    new.write("data/2013-01-01.txt", "newer\n")
    assert new.build(jobs=1).ran == [TASKS[0], *TASKS[2:]]
    new.check_mended()


def test_after_a_power_loss_no_intent_counts(new: Ledgered) -> None:
    assert new.cut("commit:2", "-j1").returncode == -signal.SIGKILL
    journal = new.path(".dbuild/intents.Dataflowfile")
    lines = [json.loads(line) for line in journal.read_text().split("\n") if line]
    assert lines
    for line in lines:
        line[0] = "another boot"
    journal.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    new.path("out/step/2013-01-02.txt").write_text("")  # what a disk may hold then
    assert new.build(jobs=1).ran == TASKS[1:]
    new.check_mended()


def test_an_intent_that_was_cut_off_is_passed_over(new: Ledgered) -> None:
    assert new.cut("commit:1", "-j1").returncode == -signal.SIGKILL
    journal = new.path(".dbuild/intents.Dataflowfile")
    journal.write_bytes(journal.read_bytes()[:-40])
    assert new.build(jobs=1).ran == TASKS
    new.check_mended()


def test_when_the_build_is_killed_its_recipes_end_too(tmp_path: Path) -> None:
    flow = """
    [targets.shell]
    path = "out/shell.txt"
    shell = "sleep 600 & echo $$ $! > pids.tmp; mv pids.tmp shell.pids; trap '' TERM; sleep 600; sleep 600"
    [targets.python]
    path = "out/python.txt"
    python = "slow:rest"
    """
    slow = (
        "import os, subprocess\n"
        "def rest(output):\n"
        "    child = subprocess.Popen(['sleep', '600'])\n"
        "    open('pids2.tmp', 'w').write(f'{os.getpid()} {child.pid}')\n"
        "    os.rename('pids2.tmp', 'python.pids')\n"
        "    child.wait()\n"
    )
    busy = Workshop(tmp_path / "busy", flow, **{"slow.py": slow})
    process = subprocess.Popen(busy.command("-j2"), cwd=busy.root, env=busy.environment(), stderr=subprocess.DEVNULL)
    files = [busy.path("shell.pids"), busy.path("python.pids")]
    await_that(lambda: all(file.exists() for file in files))
    pids = [int(pid) for file in files for pid in file.read_text().split()]
    assert len(pids) == 4
    assert all(map(is_running, pids))
    process.kill()
    process.wait()
    await_that(lambda: not any(map(is_running, pids)))
    busy.swap("Dataflowfile", "sleep 600 &", "echo x > {output}; exit;")
    busy.write("slow.py", "def rest(output):\n    output.write_text('')\n")
    assert busy.build().standing == (2, 0, 0, 0, 0)
    assert busy.temporaries() == []


def left_by_a_kill(project: Workshop) -> int:
    """The worker, which stands still, of a build that is killed while its recipe runs."""
    words, quiet = project.command("-j1"), subprocess.DEVNULL
    build = subprocess.Popen(words, cwd=project.root, env=project.environment(), stderr=quiet)
    await_that(project.path("pids").exists)
    recipe, worker = map(int, project.read("pids").split())
    os.kill(worker, signal.SIGSTOP)
    state = ["ps", "-o", "state=", "-p", str(worker)]
    await_that(lambda: subprocess.run(state, capture_output=True, text=True, check=True).stdout.startswith("T"))
    build.kill()
    build.wait()
    assert is_running(recipe)
    return worker


@pytest.fixture
def left(tmp_path: Path) -> Workshop:
    """A project whose first recipe writes beside its output until it is ended."""
    flow = """
    [targets.made]
    path = "out/made.txt"
    shell = "echo $$ $PPID > pids.tmp; mv pids.tmp pids; while [ ! -e done ]; do echo x > {output}; sleep 0.01; done"
    """
    return Workshop(tmp_path / "left", flow)


def test_a_build_waits_for_the_workers_of_one_that_was_killed(left: Workshop) -> None:
    worker = left_by_a_kill(left)
    recipe = int(left.read("pids").split()[0])
    found = []

    def hear(event: Event) -> None:
        if isinstance(event, Notice) and "still ending" in event.text:
            left.swap("Dataflowfile", "while", "echo y > {output}; exit; while")
            os.kill(worker, signal.SIGCONT)
        if isinstance(event, TaskStarted):
            found.append((is_running(worker), is_running(recipe), left.temporaries()))

    assert left.build(jobs=1, hear=hear).ran == ["made"]
    assert found == [(False, False, [])]
    assert left.read("out/made.txt") == "y\n"
    assert left.temporaries() == []
    again = left.build()
    assert (again.ran, again.notices) == ([], [])


def test_a_worker_that_does_not_end_is_not_waited_for_without_end(
    left: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_PATIENCE", 0.0)
    worker = left_by_a_kill(left)
    try:
        left.write("done", "")
        left.swap("Dataflowfile", "while", "echo y > {output}; while")
        built = left.build(jobs=1)
        assert built.ran == ["made"]
        assert [text for text in built.notices if "still runs after 0 s: going on without it" in text], built.notices
    finally:
        os.kill(worker, signal.SIGCONT)
    await_that(lambda: not is_running(worker))


# --- No room, no permission ----------------------------------------------------------------------------------------


def recorded(project: Workshop) -> set[str]:
    """The partitions that have a trace."""
    state = open_state(str(project.root), "Dataflowfile", is_reader=True)
    found = {f"step@{key}" for key in state.traces("step")} | {"sum" for _ in state.traces("sum")}
    state.close()
    return found


@pytest.mark.parametrize(
    ("failpoint", "said"),
    [
        ("spawn:1:EMFILE", "no process can be started: Too many open files"),
        ("write:2:ENOSPC", "No space left on device"),
        ("intent:2:ENOSPC", "No space left on device"),
        ("rename:2:EMFILE", "Too many open files"),
    ],
)
def test_an_effect_that_fails_fails_its_task(new: Ledgered, failpoint: str, said: str) -> None:
    done = new.cut(failpoint, "-j1")
    assert done.returncode == 1
    place, count, _ = failpoint.split(":")
    at = int(count) - 1
    assert f"failed {TASKS[at]} (" in done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    also = TASKS[at + 1 :][:1] if place in ("intent", "rename") else []  # its recipe began before publishing failed
    assert recorded(new) == {*TASKS[:at], *also}
    assert new.build(jobs=1).ran == [task for task in TASKS[at:] if task not in also]
    new.check_mended()


@pytest.mark.parametrize("failpoint", ["flush:2:ENOSPC", "commit:2:ENOSPC", "seal:1:EIO"])
def test_a_record_that_fails_ends_the_run(new: Ledgered, failpoint: str) -> None:
    done = new.cut(failpoint, "-j1")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-2].startswith("error: ")
    assert "fault of dbuild" not in done.stderr
    assert recorded(new) == (set(TASKS) if "seal" in failpoint else {TASKS[0]})
    new.build(jobs=1)
    new.check_mended()


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[None]:
    """A small file system of its own; skips where that isn't permitted."""
    folder.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "small", str(folder)], capture_output=True)
    if made.returncode:
        pytest.skip("mounting is not permitted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def test_a_full_disk_of_outputs_fails_the_tasks_that_need_room(tmp_path: Path) -> None:
    flow = """
    [targets.large]
    path = "out/large.bin"
    shell = "head -c 1000000 /dev/zero > {output}"
    [targets.small]
    path = "out/small.txt"
    shell = "echo small > {output}"
    """
    full = Workshop(tmp_path / "full", flow)
    with mounted(full.path("out"), "100k"):
        done = full.run("-k", "-j1")
        assert done.returncode == 1
        assert "failed large (" in done.stderr
        assert "No space left on device" in done.stderr
        assert full.temporaries() == []
        remount(full.path("out"), "size=10m")
        assert full.build().ran == ["large"]
        assert full.build().ran == []


def test_a_full_disk_of_the_state_is_an_error_and_heals(tmp_path: Path) -> None:
    with mounted(tmp_path / "small", "600k"):
        full = Ledgered(tmp_path / "small" / "project")
        full.begin()
        ballast = tmp_path / "small" / "ballast"
        with ballast.open("wb", buffering=0) as out:
            try:
                while out.write(b"x" * 4096):
                    pass
            except OSError:
                pass
        done = full.run("-j1")
        assert done.returncode == 1
        assert "error: " in done.stderr
        assert "fault of dbuild" not in done.stderr
        ballast.unlink()
        assert full.build().summary.failed == 0
        full.check_mended()


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A folder that can't be written, for root neither; skips where that isn't permitted."""
    if os.getuid():
        folder.chmod(0o555)
        try:
            yield
        finally:
            folder.chmod(0o755)
        return
    if subprocess.run(["mount", "--bind", str(folder), str(folder)], capture_output=True).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        remount(folder, "bind,ro")
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_an_output_folder_that_is_read_only_is_said_before_any_recipe_starts(new: Ledgered) -> None:
    new.path("out").mkdir()
    with read_only(new.path("out")):
        done = new.run("-k")
        assert done.returncode == 1
        assert done.stderr.startswith("error: ")
        assert "out" in done.stderr
        assert "can't be written" in done.stderr
        assert not new.ledger.exists()
    assert new.build(jobs=1).ran == TASKS


def test_a_state_that_is_read_only_is_said_before_any_recipe_starts(changed: Ledgered) -> None:
    with read_only(changed.path(".dbuild")):
        done = changed.run("-k")
        assert done.returncode == 1
        assert done.stderr.startswith("error: ")
        assert "can't be written" in done.stderr
        assert not changed.ledger.exists()
        assert changed.run("status").returncode == 0
        assert "will run: 3 partitions" in changed.run("plan").stdout
    assert changed.build(jobs=1).ran == TASKS


# --- A damaged state -----------------------------------------------------------------------------------------------


def cut_half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def fill_with_noise(content: bytes) -> bytes:
    return bytes(range(256)) * (len(content) // 256)


def lose_all_but_the_head(content: bytes) -> bytes:
    return content[:4096] + bytes(len(content) - 4096)


def lose_the_end(content: bytes) -> bytes:
    return content[: len(content) * 2 // 3] + b"\xff" * (len(content) - len(content) * 2 // 3)


@pytest.mark.parametrize("damage", [cut_half, fill_with_noise, lose_all_but_the_head, lose_the_end])
def test_a_damaged_state_is_set_aside_and_everything_is_built_anew(changed: Ledgered, damage: object) -> None:
    changed.build(jobs=1)
    path = changed.path(".dbuild/state.db")
    damaged = damage(path.read_bytes())  # type: ignore[operator]
    path.write_bytes(damaged)
    for words in (["plan"], ["log"]):
        looked = changed.run(*words)
        assert "fault of dbuild" not in looked.stderr
        assert "Traceback" not in looked.stderr
    assert path.read_bytes() == damaged
    done = changed.run("-j1")
    assert done.returncode == 0
    assert "the state was damaged; it is kept as " in done.stderr
    aside = [found for found in changed.path(".dbuild").iterdir() if ".damaged-" in found.name]
    assert [found.read_bytes() for found in aside if "-wal" not in found.name and "-shm" not in found.name] == [damaged]
    changed.check_mended()
    assert "damaged" not in changed.run().stderr


def test_a_state_that_is_gone_is_begun_anew(changed: Ledgered) -> None:
    for name in ("state.db", "state.db-wal", "state.db-shm", "intents.Dataflowfile"):
        changed.path(f".dbuild/{name}").unlink(missing_ok=True)
    assert changed.build(jobs=1).ran == TASKS
    changed.check_mended()


def test_a_state_of_a_newer_version_is_refused_and_left_alone(changed: Ledgered) -> None:
    path = changed.path(".dbuild/state.db")
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version = 99")
    newer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    newer.close()
    before = path.read_bytes()
    with pytest.raises(StateError, match="newer dbuild"):
        changed.build()
    for words in ([], ["status"], ["plan"]):
        done = changed.run(*words)
        assert done.returncode == 1
        assert "was written by a newer dbuild" in done.stderr
        assert "hint: " in done.stderr
    assert path.read_bytes() == before
    assert not changed.ledger.exists()
    assert not [name for name in os.listdir(changed.path(".dbuild")) if "damaged" in name]
