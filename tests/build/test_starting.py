"""When the next task starts: before what came of the last is settled, wherever that makes no difference to anybody."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from dbuild.build import queueing, run
from dbuild.build.durations import Durations
from dbuild.build.publication import Publisher
from dbuild.core.events import TaskEnded, TaskStarted
from dbuild.core.schedule import Node, Schedule
from dbuild.errors import DiskError
from dbuild.execute import pool, process, publish
from dbuild.execute.pool import Pool
from dbuild.execute.process import Process
from dbuild.execute.publish import Journal
from tests.build.test_undeclared import needs_landlock
from tests.build.workshop import EACH_FILE, Workshop, each_file

FLOW = f'{EACH_FILE}python = "recipes:copy"\n'
NEXT = """
[targets.next]
path = "next/{name}.txt"
python = "recipes:follow"
inputs = ["made"]
"""
# A recipe that writes to what it reads spoils itself, and is told so when it is to be published.
RECIPES = """
def copy(raw, output):
    text = raw.read_text()
    output.write_text(text)
    if text.startswith("spoiled"):
        raw.write_text("spoilt")
def follow(made, output):
    output.write_text(made.read_text())
"""
NAMES = ("a", "b", "c", "d")


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is handed to workers, one by one, and what is published, in that order."""
    monkeypatch.setattr(queueing, "_QUICK", 0.0)
    seen: list[str] = []
    submit, publish = Pool.submit, Publisher.publish_all

    def submitted(pool: Pool, task: Any) -> None:
        seen.append(f"start {task.label}")
        submit(pool, task)

    def published(publisher: Publisher, ended: Any) -> None:
        seen.extend(f"publish {ending.prepared.task.label}" for ending in ended)
        publish(publisher, ended)

    monkeypatch.setattr(Pool, "submit", submitted)
    monkeypatch.setattr(Publisher, "publish_all", published)
    return seen


def shop(root: Path, flow: str, **texts: str) -> Workshop:
    return each_file(root, flow, RECIPES, {name: texts.get(name, name) for name in NAMES})


def test_a_worker_has_its_next_task_before_the_last_one_is_published(tmp_path: Path, seen: list[str]) -> None:
    built = shop(tmp_path, FLOW).build(jobs=1)
    assert built.counts == {"made": 4}
    assert seen == [
        *("start made@a", "start made@b", "publish made@a", "start made@c", "publish made@b"),
        *("start made@d", "publish made@c", "publish made@d"),
    ]


def test_a_task_waits_until_what_it_reads_is_published(tmp_path: Path, seen: list[str]) -> None:
    assert shop(tmp_path, FLOW + NEXT).build(jobs=1).counts == {"made": 4, "next": 4}
    for name in NAMES:
        assert seen.index(f"publish made@{name}") < seen.index(f"start next@{name}")


def test_nobody_is_told_that_more_run_at_once_than_may(tmp_path: Path, seen: list[str]) -> None:
    built = shop(tmp_path, FLOW + NEXT).build(jobs=1)
    told = [event for event in built.events if isinstance(event, TaskStarted | TaskEnded)]
    assert [isinstance(event, TaskStarted) for event in told] == [True, False] * 8
    for started, ended in zip(told[::2], told[1::2], strict=True):
        assert (started.target, started.key) == (ended.target, ended.key)


def test_one_more_runs_when_publishing_fails_and_no_others(tmp_path: Path, seen: list[str]) -> None:
    built = shop(tmp_path, FLOW, a="spoiled").build(jobs=1)
    assert built.ran == ["made@a", "made@b"]
    assert list(built.errors) == ["made@a"]
    assert "changed while the recipe ran" in built.errors["made@a"]
    assert [line for line in seen if line.startswith("start")] == ["start made@a", "start made@b"]


def test_none_runs_after_a_recipe_that_failed(tmp_path: Path, seen: list[str]) -> None:
    made = shop(tmp_path, FLOW)
    made.write("recipes.py", "def copy(raw, output):\n    raise ValueError(raw.name)\n")
    assert made.build(jobs=1).ran == ["made@a"]
    assert seen == ["start made@a"]


def test_what_need_not_run_is_not_gone_through_before_a_result_is_settled(
    tmp_path: Path, seen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = shop(tmp_path, FLOW + NEXT)
    assert made.build(jobs=1).counts == {"made": 4, "next": 4}
    made.swap("recipes.py", "text = raw", "text = '' + raw")
    take = Schedule.take_before

    def noted(schedule: Schedule, nodes: Any) -> Node | None:
        node = take(schedule, nodes)
        seen.append(f"ask {node[0]}" if node else "ask")
        return node

    monkeypatch.setattr(Schedule, "take_before", noted)
    monkeypatch.setattr(Durations, "of", lambda self, node: 1.0)  # else what comes next is a matter of how long it took
    seen.clear()
    built = made.build(jobs=1)
    assert (built.counts, len(built.skipped)) == ({"made": 4}, 4)
    places = [place for place, line in enumerate(seen) if line == "ask next"]
    assert places
    assert all(seen[place + 1].startswith("publish made") for place in places), seen


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """When workers start, and when it is decided what starts when."""
    order: list[str] = []
    starting, scheduling = process.start_process, run.schedule_of

    def started(*arguments: Any) -> Process:
        order.append("worker")
        return starting(*arguments)

    def scheduled(*arguments: Any) -> Schedule:
        order.append("schedule")
        return scheduling(*arguments)

    monkeypatch.setattr(pool, "start_process", started)
    monkeypatch.setattr(run, "schedule_of", scheduled)
    return order


def test_the_first_worker_starts_while_the_run_is_prepared(tmp_path: Path, order: list[str]) -> None:
    made = shop(tmp_path, FLOW)
    assert made.build(jobs=1).counts == {"made": 4}
    assert order == ["worker", "schedule"]
    assert made.build(jobs=1).counts == {}
    assert order == ["worker", "schedule"]  # none where there is nothing to do


def test_a_worker_that_is_looked_at_starts_with_its_task(tmp_path: Path, order: list[str]) -> None:
    assert shop(tmp_path, FLOW).build(jobs=1, is_traced=True).counts == {"made": 4}
    assert order == ["schedule", "worker"]


def test_no_worker_is_left_where_a_run_cannot_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: list[str]
) -> None:
    def refused(path: str) -> Journal:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(publish, "Journal", refused)
    with pytest.raises(DiskError, match="Too many open files"):
        shop(tmp_path, FLOW).build(jobs=1)
    assert order == []


@needs_landlock
def test_a_worker_that_is_confined_starts_with_its_task(tmp_path: Path, order: list[str]) -> None:
    assert shop(tmp_path, FLOW).build(jobs=1, is_confined=True).counts == {"made": 4}
    assert order == ["schedule"] + 4 * ["worker"]


def test_a_worker_that_cannot_be_started_beforehand_fails_the_first_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starting, tries = process.start_process, iter(range(9))

    def started(*arguments: Any) -> Process:
        if next(tries) == 0:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return starting(*arguments)

    monkeypatch.setattr(pool, "start_process", started)
    made = shop(tmp_path, FLOW)
    assert made.build(jobs=1).errors == {"made@a": "no process can be started: Too many open files"}
    assert made.build(jobs=1).counts == {"made": 4}
