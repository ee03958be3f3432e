"""The time of a build, in the format that Perfetto and chrome://tracing read."""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from dbuild.core.events import Beat, Event, Phase, RunStarted, Spent, TaskEnded, TaskRegrouped, TaskStarted
from dbuild.ui.sinks import Sink
from dbuild.ui.timeline import Timeline
from tests.cli.sandbox import Sandbox

Record = dict[str, Any]
FAILING = """
[targets.broken]
path = "out/broken.txt"
shell = "exit 3"
retries = { times = 1, delay = "0s" }
"""
BATCHED = """
[targets.many]
path = "out/many/{day}.txt"
python = "recipes:many"
inputs = ["raw"]
batch = "all"
"""


def read(path: Path) -> list[Record]:
    """The records, each of which has what the format asks for."""
    found: list[Record] = json.loads(path.read_text())
    for record in found:
        assert {"name", "ph", "ts", "pid", "tid", "args"} <= record.keys()
        assert record["ph"] in ("X", "C", "M")
        assert isinstance(record["ts"], int)
        if record["ph"] == "X":
            assert record["dur"] >= 0
            assert record["cat"] in ("task", "phase")
        if record["ph"] == "C":
            assert all(isinstance(value, int) for value in record["args"].values())
    return found


def check_nesting(records: list[Record]) -> None:
    """On each lane slices are in each other or one after the other, as the format requires."""
    lanes: dict[int, list[Record]] = {}
    for record in records:
        if record["ph"] == "X":
            lanes.setdefault(record["tid"], []).append(record)
    for slices in lanes.values():
        open_ends: list[int] = []
        for one in sorted(slices, key=lambda found: (found["ts"], -found["dur"])):
            while open_ends and open_ends[-1] <= one["ts"]:
                open_ends.pop()
            end = one["ts"] + one["dur"]
            assert not open_ends or end <= open_ends[-1], one
            open_ends.append(end)


def slices(records: list[Record], category: str) -> list[Record]:
    return [record for record in records if record.get("cat") == category]


def test_a_build_has_lanes_of_workers_with_their_tasks_and_its_own_phases(sandbox: Sandbox) -> None:
    sandbox.write("Dataflowfile", sandbox.read("Dataflowfile") + FAILING)
    done = sandbox.run("-k", "-j2", "--timeline", "out.json")
    assert done.returncode == 1, done.stderr
    records = read(sandbox.root / "out.json")
    check_nesting(records)
    tasks = slices(records, "task")
    names = sorted(record["name"] for record in tasks)
    days = [f"copy@2013-01-0{day}" for day in (1, 2, 3)]
    assert names == ["broken", "broken", *days, "plan", "total"]
    statuses = [record["args"]["status"] for record in sorted(tasks, key=lambda found: found["ts"])]
    assert sorted(statuses) == ["built"] * 5 + ["failed", "retried"]
    total = next(record for record in tasks if record["name"] == "total")
    assert total["args"]["reasons"] == ["never built"]
    assert total["args"]["changed"]
    assert total["args"]["cpu_seconds"] >= 0
    assert total["dur"] >= total["args"]["recipe_seconds"] * 1_000_000 * 0.9
    lanes = {record["tid"]: record["args"]["name"] for record in records if record["name"] == "thread_name"}
    assert sorted(lanes.values()) == ["dbuild", "worker 1", "worker 2"]
    assert {lanes[record["tid"]] for record in tasks} <= {"worker 1", "worker 2"}
    phases = [record["name"] for record in slices(records, "phase")]
    assert {"load", "observe", "plan", "execute", "publish", "record"} <= set(phases)
    assert phases.count("publish") == 5
    counts = [record["args"]["running"] for record in records if record["ph"] == "C"]
    assert counts[-1] == 0
    assert max(counts) <= 2
    again = sandbox.run("plan", "build", "--timeline", "out.json")
    assert again.returncode == 2  # it is an option of builds


def test_a_build_with_nothing_to_do_has_one_too(sandbox: Sandbox) -> None:
    assert sandbox.run("-q").returncode == 0
    done = sandbox.run("--timeline", str(sandbox.root / "out.json"))
    assert "nothing to do" in done.stderr
    assert {record["name"] for record in slices(read(sandbox.root / "out.json"), "phase")} >= {"answer"}


def test_where_it_cant_be_written_nothing_runs(sandbox: Sandbox) -> None:
    done = sandbox.run("--timeline", "not/there/out.json")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: the timeline can't be written: No such file or directory: ./not/there/out.json",
        "  hint: --timeline names a file in a folder that is there",
    ]
    assert not (sandbox.root / "out").exists()
    assert sandbox.run("-n", "--timeline", "out.json").returncode == 2
    assert not (sandbox.root / "out.json").exists()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no disk that is always full here")
def test_a_full_disk_ends_it_and_not_the_build(sandbox: Sandbox) -> None:
    done = sandbox.run("--timeline", "/dev/full")
    assert done.returncode == 0
    assert done.stderr.count("warning: the timeline /dev/full isn't whole: No space left on device") == 1
    assert (sandbox.root / "out/total.txt").exists()


class Silence(Sink):
    """A screen that shows nothing."""

    def __call__(self, event: Event) -> None: ...


def test_partitions_of_one_call_stand_one_after_the_other(tmp_path: Path) -> None:
    """They run at the same time, but on a lane what overlaps and isn't in each other is dropped by viewers."""
    path, moments = tmp_path / "out.json", iter(range(1000))
    call, alone = Spent(77, 0.25), Spent(77, 0.5)
    days = [(("day", f"2013-01-0{day}"),) for day in (1, 2, 3)]
    with Timeline(Silence(), str(path), lambda: float(next(moments))) as timeline:
        for day in days:
            timeline(TaskStarted("a", day, "new"))
        timeline(TaskRegrouped("a", days[0], call))
        timeline(TaskRegrouped("a", days[1], call))
        timeline(TaskEnded("a", days[2], "built", True, 0.5, spent=alone))
        timeline(TaskStarted("b", (), "new"))
        timeline(TaskEnded("b", (), "built", True, 0.5, spent=call))
    records = read(path)
    check_nesting(records)
    found = {one["name"]: (one["ts"], one["dur"], one["args"].get("batch")) for one in slices(records, "task")}
    assert found == {
        "a@2013-01-01": (1_000_000, 2_000_000, 2),
        "a@2013-01-02": (3_000_000, 2_000_000, 2),
        "a@2013-01-03": (5_000_000, 1_000_000, None),
        "b": (7_000_000, 1_000_000, None),
    }


def test_a_build_in_batches_has_nothing_that_overlaps(sandbox: Sandbox) -> None:
    sandbox.write("Dataflowfile", sandbox.read("Dataflowfile") + BATCHED)
    sandbox.write("recipes.py", "def many(raw, output): yield from ((key, 'x') for key in output)\n")
    done = sandbox.run("-j2", "--timeline", "out.json", "many")
    assert done.returncode == 0, done.stderr
    records = read(sandbox.root / "out.json")
    check_nesting(records)
    assert [one["args"]["batch"] for one in slices(records, "task")] == [3, 3, 3]


def test_a_build_that_is_cut_off_leaves_what_there_was(tmp_path: Path) -> None:
    path, moments = tmp_path / "out.json", iter(range(1000))
    timeline = Timeline(Silence(), str(path), lambda: float(next(moments)))
    events = (
        Phase("execute", is_over=False),
        RunStarted("1", 2, 0, 2),
        TaskStarted("a", (), "new", 3.0, ("more\x1b",)),
        TaskStarted("b\x1b", (("day", "é"),), "new"),
        Beat(None, "about", 1),
        TaskEnded("a", (), "built", True, 0.5, spent=Spent(77, 0.25, 1000)),
    )
    for event in events:
        timeline(event)
    killed = path.read_text()  # nobody had the time to end it
    assert len(json.loads(killed.rstrip() + "]")) >= 6
    with pytest.raises(KeyboardInterrupt), timeline:
        raise KeyboardInterrupt
    records = read(path)
    check_nesting(records)
    done, cut = slices(records, "task")
    assert done["args"] == {
        "status": "built",
        "reasons": ["new", "more\\x1b"],
        "expected_seconds": 3.0,
        "cpu_seconds": 0.25,
        "memory_bytes": 1000,
        "recipe_seconds": 0.5,
        "changed": True,
    }
    assert (done["tid"], done["dur"]) == (77, 3_000_000)
    assert (cut["name"], cut["args"]["status"]) == ("b\\x1b@é", "unknown")
    assert all(earlier["ts"] <= later["ts"] for earlier, later in pairwise(r for r in records if r["ph"] == "C"))
