"""Lines and records made from events and reports, without a process."""

from __future__ import annotations

from datetime import date
from typing import Literal

import pytest

from dbuild.core.absence import Absence
from dbuild.core.causes import Cause, RunNote
from dbuild.core.domain import Domains
from dbuild.core.events import Summary, TaskEnded
from dbuild.core.grain import Grain
from dbuild.core.graph import Flow, link
from dbuild.core.mapping import Mapping, mapping_of
from dbuild.core.model import Analysis, Input, Output, Project, ShellRecipe, Source, Target
from dbuild.core.partitions import PartitionSet, TimeAxis
from dbuild.core.plan import Plan, TargetPlan
from dbuild.core.report import DatasetStatus, Explanation, FailureRecord
from dbuild.core.staleness import Reason
from dbuild.core.supplied import Supplied
from dbuild.core.supply import Supply
from dbuild.errors import Place, ProjectError, UserError
from dbuild.ui.datasets import STATES, list_lines, status_lines, status_record
from dbuild.ui.explanations import explanation_lines
from dbuild.ui.json import encode, summary_record, task_record
from dbuild.ui.plans import plan_lines, plan_record
from dbuild.ui.problems import problem_lines, problems_of
from dbuild.ui.report import ended_line, failure_lines, summary_line
from dbuild.ui.tables import table
from dbuild.ui.text import clean, clean_lines, duration, set_text

PLACE = Place("Dataflowfile", 1)
DAYS = TimeAxis("day", Grain("day"))


def days(*numbers: int) -> PartitionSet:
    """Days of January 2013."""
    first = (date(2013, 1, 1) - date(1970, 1, 1)).days - 1
    return PartitionSet.of_indices((DAYS,), [(first + number,) for number in numbers])


# -- text from data ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain ünïcode 日", "plain ünïcode 日"),
        ("a\x1b[31mred", "a\\x1b[31mred"),
        ("line\nbreak\ttab\rback", "line\\nbreak\\ttab\\rback"),
        ("bell\x07 del\x7f c1\x9b", "bell\\x07 del\\x7f c1\\x9b"),
        ("evil\u202egnp.exe", "evil\\u202egnp.exe"),
        (b"caf\xe9".decode("utf-8", "surrogateescape"), "caf\\xe9"),
    ],
)
def test_nothing_in_a_text_can_act_on_the_terminal(text: str, safe: str) -> None:
    assert clean(text) == safe


def test_output_of_a_recipe_loses_its_colours_and_redrawn_states() -> None:
    assert clean_lines("\x1b[1;31mred\x1b[0m\n10%\r50%\r100%\r\nbell\x07") == ["red", "100%", "bell\\x07"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.084, "0.08s"), (3.44, "3.4s"), (65, "1m05s"), (3725, "1h02m"), (0, "0.00s")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_long_set_is_cut() -> None:
    scattered = days(*range(1, 30, 2))
    assert set_text(days(1, 2, 3)) == "2013-01-01..2013-01-03"
    assert set_text(scattered).endswith("2013-01-07 …")


def test_a_table_sets_numbers_to_the_right() -> None:
    assert table(["name", "count"], [["a", 1200], ["bcdef", 0]]) == ["name   count", "a      1,200", "bcdef      -"]


# -- a run ---------------------------------------------------------------------------------------------------------


def ended(**changes: object) -> TaskEnded:
    given: dict[str, object] = {"target": "daily", "key": (("day", "2013-01-05"),), "status": "built"}
    given |= {"changed": True, "seconds": 0.25} | changes
    return TaskEnded(**given)  # type: ignore[arg-type]


def test_a_task_says_whether_anything_changed() -> None:
    assert ended_line(ended()) == "built daily@2013-01-05 (0.25s)"
    assert ended_line(ended(changed=False)) == "built daily@2013-01-05, the same as before (0.25s)"


def test_a_failure_ends_with_the_recipes_own_error_said_once() -> None:
    lines = failure_lines(
        ended(
            status="failed",
            error="exit code 1\nboom: \x1b[2J",
            tail=("one", "\x1b[31mtwo\x1b[0m", "boom: \x1b[2J"),
            log=".dbuild/logs/x",
        )
    )
    assert lines == [
        "failed daily@2013-01-05 (0.25s); its output is in .dbuild/logs/x",
        "  | one",
        "  | two",
        "  exit code 1",
        "  boom:",
    ]


def summary(**changes: object) -> Summary:
    given: dict[str, object] = {"run": "7", "built": 0, "fresh": 213, "failed": 0, "waiting": 0, "blocked": 0}
    given |= {"restored": 0, "provisional": 0, "seconds": 0.08} | changes
    return Summary(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "fresh: 213 partitions, nothing to do (0.08s)"),
        ({"fresh": 1, "waiting": 2}, "fresh: 1 partition, 2 waiting, nothing to do (0.08s)"),
        ({"built": 3, "seconds": 4.0}, "3 built, 213 fresh in 4.0s"),
        ({"built": 1, "failed": 1, "blocked": 2}, "1 failed, 1 built, 213 fresh, 2 blocked in 0.08s: a@1"),
        (
            {"built": 1, "was_interrupted": True},
            "interrupted: 1 built, 213 fresh in 0.08s; the next build goes on from here",
        ),
    ],
)
def test_the_summary_is_one_line(changes: dict[str, object], line: str) -> None:
    assert summary_line(summary(**changes), ["a@1"] if "failed" in changes else []) == line


def test_records_have_the_stable_fields() -> None:
    record = task_record(ended())
    assert record == {
        "event": "task",
        "target": "daily",
        "key": {"day": "2013-01-05"},
        "status": "built",
        "changed": True,
        "seconds": 0.25,
    }
    assert "\n" not in encode(task_record(ended(key=(("day", "a\nb\udcff"),))))
    stable = "event built fresh failed waiting blocked restored provisional seconds run"
    assert set(stable.split()) <= set(summary_record(summary()))


# -- reports -------------------------------------------------------------------------------------------------------


def target(name: str, dimensions: tuple[str, ...], read: str) -> Target:
    """A target of one input."""
    inputs = (Input(read, read, "", (), PLACE),)
    recipe = ShellRecipe("true", "", PLACE)
    return Target(name, (Output("", name),), dimensions, recipe, inputs, (), (), (), None, "UTC", "", (), PLACE)


def flow_of() -> Flow:
    """raw -> copy (by day) -> total."""
    raw = Source("raw", "data/{day}.txt", ("day",), (), None, "", (), PLACE)
    targets = {"copy": target("copy", ("day",), "raw"), "total": target("total", (), "copy")}
    project = Project("x", "/x", "Dataflowfile", (), {}, {"raw": raw}, targets, {}, (), (), PLACE)
    return link(project, {name: Analysis(b"") for name in targets})[0]


def plan_of(will: PartitionSet, waiting: PartitionSet) -> Plan:
    """A plan of 20 days of `copy`, some of which will run or wait, and of `total`, which may run."""
    flow = flow_of()
    everything, one, none = days(*range(1, 21)), PartitionSet.box((), []), PartitionSet.empty(())
    mappings: dict[str, tuple[Mapping | Supplied, ...]] = {
        "copy": (mapping_of((DAYS,), (DAYS,), {}),),
        "total": (mapping_of((), (DAYS,), {}),),
    }
    domains = Domains({"day": DAYS}, {}, {"raw": everything, "copy": everything, "total": one}, mappings)
    reasons = (Reason("input changed", "raw@2013-01-05", "aa", "bb"), Reason("recipe changed"))
    copy = TargetPlan("copy", everything, dict.fromkeys(will.indices(), reasons), will, days(), waiting, days(31))
    total = TargetPlan("total", one, {}, none, one, none, none)
    supply = Supply(domains, domains, {"raw": Absence.of_missing(waiting)}, {}, {}, {}, {})
    return Plan(flow, domains, {"copy": copy, "total": total}, supply)


def test_a_plan_keeps_what_will_and_what_may_run_apart() -> None:
    assert plan_lines(plan_of(days(5), days(6))) == [
        "will run: 1 partition",
        "  copy@2013-01-05: input changed raw@2013-01-05: aa -> bb (and 1 more reason)",
        "may run: 1 partition",
        "  total: if copy comes out changed",
        "waiting: 2 partitions",
        "  copy@2013-01-06: needs raw@2013-01-06",
        "  copy@2013-01-31: past the newest partition",
        "fresh: 18 partitions",
    ]


def test_a_plan_of_many_partitions_is_told_in_sets() -> None:
    lines = plan_lines(plan_of(days(*range(1, 8)), days(*range(10, 17))))
    assert lines[1] == ("  copy@2013-01-01..2013-01-07 (7): input changed raw@2013-01-05: aa -> bb (and 1 more reason)")
    assert "  copy@2013-01-10..2013-01-16 (7): the first needs raw@2013-01-10" in lines


def test_a_plan_of_unlike_reasons_tells_the_kind_and_the_first() -> None:
    plan = plan_of(days(*range(1, 8)), days())
    will = plan.targets["copy"].will
    for number, index in enumerate(list(will)):
        will[index] = (Reason("input changed", f"raw@{number}", "aa", "bb") if number < 6 else Reason("forced"),)
    assert plan_lines(plan)[1:3] == [
        "  copy@2013-01-01..2013-01-06 (6): input changed; the first: raw@0: aa -> bb",
        "  copy@2013-01-07 (1): forced",
    ]


def test_a_plans_record_has_every_partition() -> None:
    record = plan_record(plan_of(days(5), days(6)))
    assert record["will_run"] == [
        {
            "target": "copy",
            "key": {"day": "2013-01-05"},
            "reasons": ["input changed raw@2013-01-05: aa -> bb", "recipe changed"],
        }
    ]
    assert record["may_run"] == [{"target": "total", "key": {}, "after": ["copy@2013-01-05"]}]
    assert record["waiting"] == [
        {"target": "copy", "key": {"day": "2013-01-06"}, "missing": ["raw@2013-01-06"], "absent": False},
        {"target": "copy", "key": {"day": "2013-01-31"}, "missing": [], "absent": True},
    ]
    assert record["fresh"] == 18


def dataset(name: str, layer: int, *inputs: str, **counts: int) -> DatasetStatus:
    kind: Literal["source", "target"] = "target" if inputs else "source"
    recipe = "sql" if inputs else ""
    states = dict.fromkeys(STATES, 0) | counts
    return DatasetStatus(
        name, kind, "Says\x1b[2Jwhat", recipe, "Dataflowfile:1", ("p",), ("day",), "2013-01-01", inputs, layer, **states
    )


DATASETS = [dataset("raw", 0, fresh=3, missing=1), dataset("copy", 1, "raw", fresh=2, stale=1, failed=1, waiting=1)]


def test_status_shows_the_states_that_occur() -> None:
    assert status_lines(DATASETS) == [
        "dataset  kind    partitions  fresh  stale  missing  waiting  failed",
        "raw      source           4      3      -        1        -       -",
        "copy     sql              4      2      1        -        1       1",
    ]


def test_status_record_has_the_stable_fields() -> None:
    found = status_record(DATASETS)["datasets"][1]  # type: ignore[index]
    assert (found["name"], found["kind"]) == ("copy", "target")
    assert found["partitions"] == {
        "fresh": 2, "stale": 1, "undecided": 0, "missing": 0, "late": 0, "waiting": 1, "failed": 1, "provisional": 0,
        "frozen": 0, "awaited": 0, "unsettled": 0
    }  # fmt: skip


def test_descriptions_are_made_safe() -> None:
    assert "\x1b" not in "".join(list_lines(DATASETS))


def test_an_explanation_names_the_change_and_the_last_build() -> None:
    cause = Cause(Reason("input changed", "raw@2013-01-05", "aa", "bb"), "changed 2026-11-21 03:10:02")
    told = Explanation(
        "copy",
        (("day", "2013-01-05"),),
        "will run",
        (cause,),
        (),
        (),
        RunNote("7", "2026-11-20 01:00:00"),
        0.3,
        ("never built",),
        FailureRecord(
            "copy", (("day", "2013-01-05"),), "8", "2026-11-21 03:00:00", "boom\nbang", ("one", "two"), 2, "a.log"
        ),
    )
    assert explanation_lines([told]) == [
        "copy@2013-01-05: will run",
        "  input changed raw@2013-01-05: aa -> bb (changed 2026-11-21 03:10:02)",
        "  failed when it was last tried (in run 8, 2026-11-21 03:00:00) after 2 attempts: boom",
        "    bang",
        "    | one",
        "    | two",
        "    its output is in a.log",
        "  last built 2026-11-20 01:00:00 in run 7 (0.30s), because: never built",
    ]


def test_very_many_explanations_are_counted() -> None:
    fresh = [Explanation("copy", (("n", str(n)),), "fresh", (), (), (), None, None, None, (), None) for n in range(30)]
    stale = Explanation("copy", (("n", "x"),), "will run", (), (), (), None, None, None, (), None)
    lines = explanation_lines([*fresh, stale])
    assert lines[0] == "copy@x: will run"
    assert lines[-1] == "and more: 11 fresh (name a partition to see why)"


def test_what_is_the_same_of_several_partitions_is_told_once() -> None:
    absent = [Explanation("copy", (("n", str(n)),), "absent", (), (), (), None, None, None, (), None) for n in range(8)]
    assert explanation_lines(absent) == [
        "copy@0, copy@1, copy@2, copy@3, copy@4 and 3 more: absent",
        "  it lies past the newest partition",
        "  never built",
    ]


def test_all_mistakes_of_a_project_are_told_with_place_and_hint() -> None:
    error = ProjectError([UserError("bad\nworse", Place("b.toml", 3), "do this"), UserError("odd", Place("a.toml"))])
    assert problem_lines(problems_of(error)) == [
        "error: a.toml: odd",
        "error: b.toml:3: bad",
        "  worse",
        "  hint: do this",
    ]
