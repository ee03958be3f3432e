"""What other processes hear of a build that runs."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from dbuild.build import Settings
from dbuild.build.running import Board, RunningTask, running_of
from dbuild.core.events import Beat, Event, Key
from dbuild.core.schedule import Node
from dbuild.state.lock import BuildLock
from tests.build.workshop import DAYS, Workshop

FLOW = f"""
{DAYS}
[sources.raw]
path = "data/{{day}}.txt"
[targets.slow]
path = "out/{{day}}.txt"
shell = "until [ -e go ]; do sleep 0.02; done; cp {{raw}} {{output}}"
"""


def test_tasks_that_take_a_while_are_put_up_until_they_have_ended(tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "p", FLOW)
    shop.days("data", "01-01", "01-02")
    settings = Settings(str(shop.root))
    seen: list[tuple[RunningTask, ...]] = []

    def hear(event: Event) -> None:
        if isinstance(event, Beat) and not shop.path("go").exists():
            seen.append(running_of(settings))
            assert running_of(settings._replace(file="other")) == ()
            if len(seen[-1]) == 2:
                shop.write("go", "")

    began = time.time()
    assert shop.build(hear=hear).ran == ["slow@2013-01-01", "slow@2013-01-02"]
    assert seen[0] == ()  # they had only begun
    assert {(task.target, task.key) for task in seen[-1]} == {
        ("slow", (("day", "2013-01-01"),)),
        ("slow", (("day", "2013-01-02"),)),
    }
    assert all(began - 1 <= task.since <= time.time() for task in seen[-1])
    assert running_of(settings) == ()
    assert not shop.path(".dbuild/running").exists()


def key(node: Node) -> Key:
    return tuple(("day", str(number)) for number in node[1])


def test_what_a_dead_build_left_counts_for_nothing(tmp_path: Path) -> None:
    settings = Settings(str(tmp_path))
    (tmp_path / ".dbuild").mkdir()
    board = Board(settings)
    board.show([([("slow", (1,))], 2.0), ([("quick", ())], 0.1)], key)
    left = tmp_path / ".dbuild" / "running"
    assert running_of(settings) == ()  # nobody holds the lock
    lock = BuildLock(str(tmp_path / ".dbuild" / "lock"))
    lock.acquire(lambda holder: None)
    try:
        assert [task[:2] for task in running_of(settings)] == [("slow", (("day", "1"),))]
        found = json.loads(left.read_text())
        left.write_text(json.dumps(found | {"pid": os.getpid() + 1}))
        assert running_of(settings) == ()  # it is of the build before
        for text in ("", "{", "[]", '{"flow": "Dataflowfile"}', json.dumps(found | {"tasks": [1]})):
            left.write_text(text)
            assert running_of(settings) == ()
        Board(settings)
        assert not left.exists()
    finally:
        lock.release()


def test_the_file_is_written_only_when_other_tasks_run(tmp_path: Path) -> None:
    (tmp_path / ".dbuild").mkdir()
    board, path = Board(Settings(str(tmp_path))), tmp_path / ".dbuild" / "running"
    board.show([([("quick", ())], 0.1)], key)
    assert not path.exists()
    board.show([([("slow", (1,)), ("slow", (2,))], 2.0)], key)
    assert [task[:2] for task in json.loads(path.read_text())["tasks"]] == [["slow", [["day", day]]] for day in "12"]
    before = path.stat().st_ino, path.stat().st_mtime_ns
    board.show([([("slow", (1,)), ("slow", (2,))], 3.0), ([("quick", ())], 0.1)], lambda node: pytest.fail("a key"))
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == before
    board.clear()
    assert os.listdir(tmp_path / ".dbuild") == []
