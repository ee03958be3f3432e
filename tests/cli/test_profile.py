"""Where the time of a build went: dbuild itself, its workers, the recipes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from functools import partial
from typing import Any

import pytest

from dbuild.core.events import Event, Phase, Spent, Summary, TaskEnded, TaskRegrouped, TaskRetried, TaskStarted
from dbuild.ui.choice import sink
from dbuild.ui.plain import PlainSink
from dbuild.ui.profile import Profile, Profiler, Took, fine_duration, profile_lines, profile_record
from tests.cli.sandbox import FLOW, Sandbox

Record = dict[str, Any]
PHASES = ["answer", "import", "lock", "recover", "load", "observe", "plan", "execute", "publish", "record", "show"]


def profiles(records: list[Record]) -> list[Record]:
    return [record for record in records if record["event"] == "profile"]


def check(profile: Record) -> None:
    """Parts add up to the whole."""
    assert sum(one["seconds"] for one in profile["phases"]) == pytest.approx(profile["seconds"], abs=1e-4)
    parts = profile["start_cpu"] + sum(one["cpu"] for one in profile["phases"])
    assert parts == pytest.approx(profile["cpu"], abs=1e-4)
    assert all(one["seconds"] >= 0 and one["cpu"] >= 0 for one in profile["phases"])
    times = sum(one["times"] for one in profile["targets"])
    assert times == profile["recipes"]["times"]


@pytest.mark.usefixtures("real_processes")  # only a process's own children are among what it has used
def test_a_build_tells_what_each_of_its_parts_took(sandbox: Sandbox) -> None:
    records = sandbox.json("--profile", "-j1")
    (found,) = profiles(records)
    assert records[-1]["event"] == "summary"
    assert [one["phase"] for one in found["phases"]] == [*PHASES, "other"]
    times = {one["phase"]: one["times"] for one in found["phases"]}
    assert times["publish"] == 5
    assert {one["target"]: one["times"] for one in found["targets"]} == {"copy": 3, "total": 1, "plan": 1}
    assert found["workers_cpu"] > 0  # they have ended, else nobody could know
    assert set(found["task_cpu"]) == {"dbuild", "worker"}
    check(found)
    (nothing,) = profiles(sandbox.json("build", "--profile"))
    assert "execute" not in {one["phase"] for one in nothing["phases"]}
    assert (nothing["task_cpu"], nothing["targets"], nothing["workers_cpu"]) == (None, [], 0)
    check(nothing)


def test_people_get_a_table_however_the_build_ends(sandbox: Sandbox) -> None:
    heads = ["where the time went", "wall", "processor"]
    done = sandbox.run("-q", "--profile")
    assert done.stdout == ""
    table = done.stderr.splitlines()
    assert all(head in table[0] for head in heads)
    assert [line.split("  ")[0] for line in table[1:]] == [
        *("start", *PHASES, "other", "dbuild itself", "workers, beside recipes", "recipes"),
        *([""] * 3),
    ]
    assert {line.split()[0] for line in table[-3:]} == {"copy", "total", "plan"}
    done = sandbox.run("--profile")
    first, *table = done.stderr.splitlines()
    assert "nothing to do" in first
    assert table[-1].startswith("dbuild itself")
    sandbox.write("data/2013-01-09.txt", "nine\n")
    sandbox.write("Dataflowfile", FLOW.replace("cp {raw} {output}", "exit 3"))
    done = sandbox.run("--profile")
    assert done.returncode == 1
    assert "  copy" in done.stderr.partition("where the time went")[2]
    done = sandbox.run("--profile", "nonsense")
    assert done.returncode == 2
    assert done.stderr.index("where the time went") < done.stderr.index('error: there is no target "nonsense"')


def test_a_build_that_is_interrupted_has_one_too(sandbox: Sandbox) -> None:
    os.mkfifo(sandbox.root / "started")
    sandbox.write("Dataflowfile", FLOW.replace("cp {raw} {output}", "echo > started; sleep 600"))
    process = subprocess.Popen(
        [sys.executable, "-m", "dbuild", "--json", "--profile", "-j1", "copy"],
        cwd=sandbox.root, env=sandbox.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    (sandbox.root / "started").read_text()  # blocks until the recipe writes to it
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    (found,) = profiles([json.loads(line) for line in out.splitlines()])
    assert found["targets"][0]["target"] == "copy"
    check(found)


def test_nobody_who_didnt_ask_is_told(sandbox: Sandbox) -> None:
    code = (
        "import sys; from dbuild.cli.main import main; assert main(['--json']) == 0;"
        "print(sorted({'resource', 'dbuild.ui.profile', 'dbuild.ui.tables'} & sys.modules.keys()), file=sys.stderr)"
    )
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=sandbox.root, env=sandbox.environment(), capture_output=True, text=True
        )
        assert not profiles([json.loads(line) for line in done.stdout.splitlines()])
    assert done.stderr.splitlines()[-1] == "[]"  # there was nothing to do


def test_a_dry_run_has_none(sandbox: Sandbox) -> None:
    done = sandbox.run("-n", "--profile")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: -n runs nothing, so there is nothing to profile",
        "  hint: leave out one of -n and --profile",
    ]


class Clocks:
    """A clock and the processors' time, as they are set."""

    def __init__(self) -> None:
        self.now, self.own, self.children = 100.0, 0.25, 0.0

    def pass_by(self, seconds: float, own: float, children: float = 0.0) -> None:
        self.now += seconds
        self.own += own
        self.children += children


def test_what_lies_in_another_phase_is_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    clocks = Clocks()
    profiler = Profiler(
        sink(True, False, False),
        is_json=False,
        clock=lambda: clocks.now,
        processor=lambda: clocks.own,
        ended=lambda: clocks.children,
    )

    def step(event: Event, seconds: float, own: float, children: float = 0.0) -> None:
        profiler(event)
        clocks.pass_by(seconds, own, children)

    spent = Spent(7, 2.0)
    clocks.pass_by(0.5, 0.25)
    step(Phase("observe", is_over=False), 1.0, 0.5, 0.125)  # helpers that list folders
    step(Phase("observe", is_over=True), 0.0, 0.0)
    step(Phase("execute", is_over=False), 2.0, 0.5)
    step(Phase("publish", is_over=False), 1.0, 0.25)
    step(Phase("publish", is_over=True), 1.0, 0.25, 9.0)
    step(TaskRegrouped("a", (), spent), 0.0, 0.0)
    step(TaskRetried("a", (), 1, 2, "no", 0.0, 3.0, spent=spent), 0.0, 0.0)
    step(TaskEnded("b\x1b", (), "built", True, 4.0, spent=spent), 0.0, 0.0)
    step(TaskEnded("never began", (), "failed", False, 0.0), 0.0, 0.0)
    step(Phase("execute", is_over=True), 0.5, 0.25)
    profiler(Summary("1", 1, 0, 0, 0, 0, 0, 0, 6.0))
    found = profiler.profile
    phases = {name: (part.wall, part.cpu) for name, part in found.phases.items()}
    assert phases == {
        "other": (1.0, 0.5),
        "observe": (1.0, 0.625),
        "execute": (3.0, 0.75),
        "publish": (1.0, 0.25),
        "show": (0.0, 0.0),
    }
    assert (found.start, found.wall, found.own) == (0.25, 6.0, 2.375)
    assert (found.workers, found.recipe, found.beside) == (9.0, Took(3, 7.0, 6.0), 3.0)
    assert found.of_each() == (1.0 / 3, 1.0)
    assert set(found.recipes) == {"a", "b\x1b"}
    said = capsys.readouterr().err.splitlines()
    assert ["b\\x1b", "4.0s", "2.0s"] in [line.split() for line in said]
    assert not any("a task took" in line for line in said)  # of so few it would say little


def test_a_task_is_timed_by_six_looks_at_the_clock() -> None:
    looks: Counter[str] = Counter()
    shown: list[Event] = []

    def look(what: str) -> float:
        looks[what] += 1
        return 0.0

    class Screen(PlainSink):
        def __call__(self, event: Event) -> None:
            shown.append(event)

    clocks = {name: partial(look, name) for name in ("clock", "processor", "ended")}
    profiler = Profiler(Screen(), is_json=False, **clocks)
    profiler(Phase("execute", is_over=False))
    looks.clear()
    of_a_task = [TaskStarted("a", (), "never built"), TaskEnded("a", (), "built", True, 1.0, spent=Spent(7))]
    for event in (of_a_task[0], Phase("publish", is_over=False), Phase("publish", is_over=True), of_a_task[1]):
        profiler(event)
    assert looks == {"clock": 6, "processor": 6}  # what ended is asked for when all have
    assert shown == of_a_task


def test_of_many_tasks_it_is_told_what_each_took() -> None:
    recipes = {f"t{number}": Took(10, 1.0 + number, 0.5) for number in range(7)}
    profile = Profile(0.05, {"execute": Took(1, 9.0, 0.07), "other": Took()}, 3.64, recipes)
    lines = profile_lines(profile)
    assert [line.split()[0] for line in lines[-7:-1]] == ["t6", "t5", "t4", "t3", "t2", "and"]
    assert lines[-2:] == [
        "  and 2 more targets",
        "a task took 1.00ms of dbuild itself, 2.00ms of its worker beside the recipe",
    ]
    assert profile_record(profile)["task_cpu"] == {"dbuild": 0.001, "worker": 0.002}
    assert [fine_duration(seconds) for seconds in (0, 0.0004, 0.0099, 0.01, 0.9994, 0.9996, 61)] == [
        *("0.0ms", "0.4ms", "9.9ms", "10ms", "999ms", "1.0s", "1m01s")
    ]
