"""What ends together is published together; what becomes of each is its own."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dbuild.build.tasks import TaskMaker
from dbuild.core.events import Notice
from dbuild.core.schedule import Node, Schedule, State
from dbuild.core.task import Result
from dbuild.errors import RecipeError
from dbuild.execute.pool import Pool
from dbuild.execute.publish import Journal
from dbuild.execute.queue import Queue
from tests.build.hoarding import hoard
from tests.build.test_queueing import most_at_once
from tests.build.workshop import EACH_FILE, Workshop, each_file

FLOW = f'{EACH_FILE}python = "recipes:make"\n'
RECIPES = """
def make(raw, output):
    text = raw.read_text()
    if text.startswith("spoiled"):
        raw.write_text("spoilt")
    if text.startswith("failing"):
        raise ValueError("no")
    output.write_text(text)

def make_all(keys, raw, output):
    for key in keys:
        make(raw[key], output[key])
"""
COUNT = 40


class Seen:
    """What goes into the journal at once, and what is prepared at once: how many each time."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.written: list[int] = []
        self.prepared: list[int] = []
        self.broken: set[str] = set()  # keys for which the journal can't be written
        write, prepare = Journal.write, TaskMaker.prepare_all

        def noted(journal: Journal, boot: str, intents: Sequence[Any]) -> None:
            self.written.append(len(intents))
            if self.broken.intersection(key for _, key, _ in intents):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            write(journal, boot, intents)

        def made(maker: TaskMaker, target: str, wanted: Sequence[Any]) -> Any:
            self.prepared.append(len(wanted))
            return prepare(maker, target, wanted)

        patch.setattr(Journal, "write", noted)
        patch.setattr(TaskMaker, "prepare_all", made)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """Of a build in which workers do all that waits for them before anything is settled."""
    hoard(monkeypatch)
    return Seen(monkeypatch)


def shop(root: Path, flow: str = FLOW, **texts: str) -> Workshop:
    names = [f"{number:02d}" for number in range(COUNT)]
    return each_file(root, flow, RECIPES, {name: texts.get(f"t{name}", f"{int(name)}\n") for name in names})


def names(*numbers: int) -> set[str]:
    return {f"made@{number:02d}" for number in numbers}


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_ended_together_is_published_together(tmp_path: Path, seen: Seen, jobs: int) -> None:
    project = shop(tmp_path)
    done = project.build(jobs=jobs)
    assert done.standing[:3] == (COUNT, 0, 0)
    assert sum(seen.written) == sum(seen.prepared) == COUNT
    assert len(seen.written) <= COUNT / 4
    assert len(seen.prepared) <= COUNT / 4 + jobs
    assert most_at_once(done.events) == jobs
    assert project.outputs() == {f"out/{n:02d}.txt": f"{n}\n".encode() for n in range(COUNT)}
    assert project.build().ran == []


def test_one_of_them_that_spoiled_itself_fails_alone(tmp_path: Path, seen: Seen) -> None:
    project = shop(tmp_path, t10="spoiled")
    done = project.build(jobs=1, keep_going=True)
    assert set(done.errors) == names(10)
    assert "changed while the recipe ran" in done.errors["made@10"]
    assert done.standing[:3] == (COUNT - 1, 0, 1)
    assert not project.path("out/10.txt").exists()
    assert project.temporaries() == []
    assert project.build().ran == ["made@10"]


def test_what_ended_with_one_that_fails_is_kept(tmp_path: Path, seen: Seen) -> None:
    """Nothing more begins, where the run stops at a failure; but what has run needn't run again."""
    project = shop(tmp_path, t05="spoiled", t08="failing")
    done = project.build(jobs=1)
    assert set(done.errors) == names(5, 8)
    assert most_at_once(done.events) == 1
    built = done.standing[0]
    assert built == 7
    assert len(project.outputs()) == built
    again = project.build(jobs=1, keep_going=True)
    assert set(again.ran) == names(5, *range(8, COUNT))
    assert set(again.errors) == names(8)


def test_where_the_journal_has_no_room_nothing_of_the_group_moves(tmp_path: Path, seen: Seen) -> None:
    project = shop(tmp_path)
    assert project.build(jobs=1).standing[0] == COUNT
    before = project.outputs()
    project.swap("recipes.py", "output.write_text(text)", "output.write_text(text.strip() + 'x')")
    seen.broken.add("20")
    seen.written.clear()
    done = project.build(jobs=1, keep_going=True)
    group = next(size for size in seen.written if size > 1)
    assert 1 < len(done.errors) <= 2 * group
    assert all("No space left on device" in error for error in done.errors.values())
    after = project.outputs()
    for number in range(COUNT):
        path = f"out/{number:02d}.txt"
        assert (after[path] == before[path]) is (f"made@{number:02d}" in done.errors)
    assert project.temporaries() == []
    seen.broken.clear()
    assert set(project.build().ran) == set(done.errors)


def test_a_folder_in_the_way_of_one_is_kept_aside(tmp_path: Path, seen: Seen) -> None:
    project = shop(tmp_path)
    project.write("out/07.txt/mine.txt", "mine")
    done = project.build(jobs=1)
    assert done.standing[:3] == (COUNT, 0, 0)
    assert project.read("out/07.txt") == "7\n"
    (kept,) = project.path(".dbuild/replaced").iterdir()
    assert (kept / "mine.txt").read_text() == "mine"


def test_of_long_tasks_as_many_wait_as_the_system_holds(
    tmp_path: Path, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    add, lengths, refused = Queue.add, list[int](), list[int]()

    def added(queue: Queue, task: Any, short: object) -> bool:
        if len(queue.tasks) >= 3:
            refused.append(task.number)
            return False
        lengths.append(len(queue.tasks))
        return add(queue, task, short)

    monkeypatch.setattr(Queue, "add", added)
    done = shop(tmp_path).build(jobs=1)
    assert done.standing[:3] == (COUNT, 0, 0)
    assert len(lengths) >= COUNT * 0.6
    assert max(lengths) == 2
    assert len(refused) <= 2


def test_one_that_cannot_be_prepared_costs_the_others_little(tmp_path: Path, seen: Seen) -> None:
    flow = (
        FLOW.replace('inputs = ["raw"]', 'inputs = ["raw", "first"]')
        + """
[targets.first]
path = "first.txt"
shell = "rm in/34.txt; echo > {output}"
inputs = []
"""
    )
    project = shop(tmp_path, flow)
    project.swap("recipes.py", "def make(raw, output)", "def make(raw, output, first)")
    done = project.build(jobs=1, keep_going=True)
    assert set(done.errors) == names(34)
    assert "in/34.txt is not there" in done.errors["made@34"]
    assert done.standing[:3] == (COUNT, 0, 1)
    assert sum(seen.prepared) <= 1.7 * COUNT


def test_each_runs_once_where_they_can_be_prepared_one_by_one_alone(
    tmp_path: Path, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = TaskMaker.prepare_all

    def prepared(maker: TaskMaker, target: str, wanted: Sequence[Any]) -> Any:
        if len(wanted) > 1:
            raise RecipeError("not together")
        return prepare(maker, target, wanted)

    monkeypatch.setattr(TaskMaker, "prepare_all", prepared)
    done = shop(tmp_path).build(jobs=1)
    assert done.standing[:3] == (COUNT, 0, 0)
    assert sum(seen.written) == sum(seen.prepared) == COUNT
    assert len(seen.written) <= COUNT / 4


@pytest.mark.parametrize("jobs", [2, 4])
def test_what_starts_next_is_asked_of_what_has_just_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    """Not of the halves of a batch that failed: these are to start anew."""
    take, poll, asked = Schedule.take_before, Pool.poll, list[bool]()

    def noted(schedule: Schedule, nodes: Sequence[Node]) -> Node | None:
        asked.append(all(schedule.states[node] is State.RUNNING for node in nodes))
        return take(schedule, nodes)

    def polled(pool: Pool, timeout: float | None) -> list[Result]:
        results = poll(pool, timeout)
        while results and pool._busy:  # all that run, so that those that fail come with others
            results += poll(pool, None)
        return sorted(results, key=lambda result: result.error is None)

    monkeypatch.setattr(Schedule, "take_before", noted)
    monkeypatch.setattr(Pool, "poll", polled)
    flow = f'{EACH_FILE}python = "recipes:make_all"\nbatch = 4\n'
    project = shop(tmp_path, flow, t02="failing", t17="failing", t33="failing")
    done = project.build(jobs=jobs, keep_going=True)
    assert set(done.errors) == names(2, 17, 33)
    assert asked
    assert all(asked)


@pytest.mark.parametrize(("place", "kept"), [("intent:3", 0), ("rename:3", 2), ("renamed:3", 3)])
def test_of_a_batch_that_is_killed_what_has_its_place_is_kept(tmp_path: Path, place: str, kept: int) -> None:
    project = Workshop(tmp_path, f'{EACH_FILE}python = "recipes:make_all"\nbatch = "all"\n', **{"recipes.py": RECIPES})
    for name in "abcdef":
        project.write(f"in/{name}.txt", name)
    words = [sys.executable, "-m", "dbuild", "-j1"]
    killed = subprocess.run(
        words, cwd=project.root, env=project.environment(DBUILD_FAILPOINT=place), capture_output=True, text=True
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len([path for path in project.outputs() if ".dbuild-tmp-" not in path]) == kept
    done = project.build(jobs=1)
    said = [event.text for event in done.events if isinstance(event, Notice)]
    assert any(f"{kept} partitions that it had finished are kept" in text for text in said) is (kept > 0)
    assert done.ran == [f"made@{name}" for name in "abcdef"[kept:]]
    assert project.outputs() == {f"out/{name}.txt": name.encode() for name in "abcdef"}
    assert project.temporaries() == []
    assert project.build().ran == []
