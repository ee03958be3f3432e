"""The reference documents every key, command, option and field that there is, and nothing that there isn't."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest

from dbuild.build.settings import Settings
from dbuild.cli.commands import COMMANDS
from dbuild.cli.group import dbuild
from dbuild.core.arrival import punctuality
from dbuild.core.budget import Budget, Excess
from dbuild.core.causes import Author, Behind, Cause, RunNote
from dbuild.core.changes import PartChange
from dbuild.core.events import Lacking, Notice, Resting, Summary, TaskEnded, TaskRetried, Touched, Traced
from dbuild.core.families import Family
from dbuild.core.history import Happening
from dbuild.core.lateness import Deadline, Group, Lack, Lateness, Repair, SourceLateness, TargetLateness
from dbuild.core.part import Part
from dbuild.core.proposal import Content, Draft, Source
from dbuild.core.report import (
    DatasetStatus,
    Explanation,
    FailureRecord,
    MarkRecord,
    RunRecord,
    Shown,
    ShownInput,
    ShownOutput,
    TaskRecord,
)
from dbuild.core.routes import Stray
from dbuild.core.staleness import Compared, Reason
from dbuild.core.statistics import Flaky, Growth, RunStats, Statistics, TargetStats
from dbuild.core.upgrades import Upgrade
from dbuild.core.watching import Changed, Circling, Kept, Mended, Missed, Noted, Stopped, Told, WatchEvent, Watching
from dbuild.core.whynot import Comparison, CutOff, Excuse, WhyNot
from dbuild.errors import Place, UserError
from dbuild.project.keys import INNER, READER_OPTIONS, accepted_keys
from dbuild.ui.datasets import STATES, list_record, status_record
from dbuild.ui.explanations import explanation_record, mark_record
from dbuild.ui.history import history_record
from dbuild.ui.json import (
    lacking_record,
    notice_record,
    refusal_record,
    resting_record,
    retry_record,
    summary_record,
    task_record,
)
from dbuild.ui.late import late_record
from dbuild.ui.ledger import ledger_record, run_record
from dbuild.ui.problems import error_record, problems_record
from dbuild.ui.profile import Profile, Took, profile_record
from dbuild.ui.proposals import proposal_record
from dbuild.ui.show import show_record
from dbuild.ui.statistics import statistics_record
from dbuild.ui.undeclared import traced_records
from dbuild.ui.watch import watch_record
from dbuild.ui.whynot import why_not_record
from dbuild.watch.children import Outcome
from dbuild.watch.heartbeat import Heartbeat
from tests.cli.sandbox import Sandbox

TEXT = (Path(__file__).parents[2] / "docs/reference.md").read_text()
COMMON = {"--directory", "--file", "--param", "--json", "--quiet", "--verbose", "--help"}


def section(title: str) -> str:
    """The text under a heading, to the next one."""
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found, f"no section {title}"
    return found.group(1)


def first_column(title: str, header: str) -> list[str]:
    """The first cells of the table with that header."""
    lines = section(title).splitlines()
    at = next((number for number, line in enumerate(lines) if line.startswith(f"| {header} |")), None)
    if at is None:
        return []
    rows = []
    for line in lines[at + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(line.split("|")[1].strip())
    return rows


def titles() -> dict[str, str]:
    """Sections of a Dataflowfile with their headings."""
    named = {"partitions", "sources", "targets"}
    return {
        key.section: f"`{key.section}`"
        if key.section in INNER
        else f"`[{key.section}{'.NAME' * (key.section in named)}]`"
        for key in accepted_keys()
    }


@pytest.mark.parametrize(("name", "title"), titles().items())
def test_exactly_the_accepted_keys_are_documented(name: str, title: str) -> None:
    lines = section(title).splitlines()
    start = lines.index("| key | example | |") + 2
    accepted = [
        f"| `{key.name}` | `{key.example}` | {key.description} |" for key in accepted_keys() if key.section == name
    ]
    assert lines[start : start + len(accepted)] == accepted
    assert len(first_column(title, "key")) == len(accepted)


def test_every_section_is_documented_and_no_other() -> None:
    documented = re.findall(r"^### (`(?:\[.*?\]|[a-z]+)`)$", TEXT, re.MULTILINE)
    assert sorted(documented) == sorted(titles().values())


@pytest.mark.parametrize("kind", READER_OPTIONS)
def test_exactly_the_readers_options_are_documented(kind: str) -> None:
    (line,) = re.findall(rf"^- \*\*{kind}\*\*: (.*)$", section("`[sources.NAME]`"), re.MULTILINE)
    assert {word.strip("`") for word in line.split(", ")} == set(READER_OPTIONS[kind])


def options_of(command: click.Command) -> set[str]:
    """The long names of a command's options, --help among them; but not of those that one command asks of another."""
    found = [
        one for one in command.get_params(click.Context(command)) if isinstance(one, click.Option) and not one.hidden
    ]
    return {name for one in found for name in one.opts if name.startswith("--")}


def documented_options(title: str) -> set[str]:
    return {name for cell in first_column(title, "option") for name in re.findall(r"`(--[a-z-]+)`", cell)}


@pytest.mark.parametrize("name", COMMANDS)
def test_exactly_the_options_of_each_command_are_documented(name: str) -> None:
    command = dbuild.get_command(click.Context(dbuild), name)
    assert command is not None
    assert documented_options(f"`dbuild {name}`") | COMMON == options_of(command)
    assert documented_options("Options of every command") == COMMON


@pytest.mark.parametrize("name", COMMANDS)
def test_short_names_of_options_are_documented(name: str) -> None:
    command = dbuild.get_command(click.Context(dbuild), name)
    assert command is not None
    text = section("Options of every command") + section(f"`dbuild {name}`")
    for option in command.params:
        for short in (one for one in option.opts if re.fullmatch(r"-\w", one)):
            assert f"`{short}`, `{option.opts[-1]}`" in text


def test_exactly_the_commands_are_documented() -> None:
    assert re.findall(r"^### `dbuild ([\w-]+)`$", TEXT, re.MULTILINE) == list(COMMANDS)


def shape(value: Any) -> Any:
    """A record's field names, of nested records too; keys of partitions are data."""
    if isinstance(value, dict):
        return {name: None if name == "key" else shape(inner) for name, inner in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value and isinstance(value[0], dict) else None


def lateness() -> Lateness:
    """A report that has something of everything."""
    key = (("day", "2013-01-05"),)
    lack = Lack(key, ("a",), 1, (("a", "b"),), ("c",))
    due = (Deadline(key, "", 1.0),)
    source = SourceLateness("a", due, 1, "", 0, "", due, 0, "", punctuality([]))
    target = TargetLateness("b", Group(1, "", (lack,)), Group(0, "", ()), Group(0, "", ()), Group(1, "", (lack,)))
    repair = Repair("a", key, "arrived", "", 0.0, 1, (("b", 1),), 0, 1.0, ("1",))
    return Lateness("", (source,), (target,), (repair,), (Stray("a", "b", (("day", 2),), (("day", 1),), "", ""),))


def explanation() -> Explanation:
    """One that has something of everything."""
    key = (("day", "2013-01-05"),)
    part = PartChange("code", "a", "changed", "x", "y", Place("a.py", 1))
    cause = Cause(Reason("recipe changed"), parts=(part,), authors=(("a.py", Author("ann", "1", "")),))
    arrived = Cause(Reason("input changed", "b"))
    note = RunNote("1", "")
    will = Behind("b", (key,), 1, "will run", (cause,), note)
    ran = Behind("b", (key,), 1, "ran", (arrived,), note)
    last = {"last_causes": (arrived,), "last_behind": (ran,)}
    return Explanation("a", key, "may run", (), (), (), note, None, (), None, behind=(will,), **last)  # type: ignore[arg-type]


def statistics() -> Statistics:
    """Statistics that have something of everything."""
    targets = (TargetStats("a", 1, 0, 0, 0, 1.0, 1.0, 1.0, (None,), None),)
    flaky, growth = (Flaky("a", 1, 1, "x", 1.0),), (Growth("a", 1, 1, (1,)),)
    return Statistics(0.0, 1.0, RunStats(1, 1.0, 1, 1, 1.0), targets, flaky, growth, (1,))


def idleness() -> WhyNot:
    """One that has something of everything."""
    key = (("day", "2013-01-05"),)
    parts = (Part("package", "numpy", b"", "2.1.0"),)
    compared = (Comparison(Compared("recipe", "", "1", "1", "same")),)
    same = (CutOff("b", key, RunNote("2", "")),)
    return WhyNot("a", key, "fresh", parts, compared, (Excuse("frozen", ""),), same, 1, ("",), RunNote("1", ""))


def watched() -> list[WatchEvent]:
    """What happens in a watch, in the order of the reference."""
    return [
        Watching("inotify", 1),
        Changed(("a",), 0),
        Noted(notice_record(Notice("x"))),
        Kept(),
        Mended("usage"),
        Missed("x"),
        Circling((("a", "{}"),), 20),
        Told("x"),
        Stopped(False),
    ]


def proposed() -> Draft:
    """A draft of one source."""
    family = Family(("a",), (), (), ("a.csv",), 1)
    return Draft((), (Source("a", "a.csv", (), family, Content((("a", "DATE"),)), False, False),))


def records() -> list[dict[str, object]]:
    """A record of each kind, as the code makes it, in the order of the reference."""
    key = (("day", "2013-01-05"),)
    mark = MarkRecord("a", "", "frozen", 1, "", "", "", None)
    failure = FailureRecord("a", key, "1", "", "", ("x",), 1, None)
    counts = [*range(len(STATES)), ("x",), "", (mark,), (failure,)]
    dataset = DatasetStatus("a", "target", "", "sql", "", (), (), "", (), 0, *counts)  # type: ignore[arg-type]
    told = explanation()
    given = ShownInput("a", "a", 1, ("x",), 1)
    made = ShownOutput("", "x", 1, (("a", "DATE"),), (("1",),), 1, ())
    shown = Shown("a", key, "sql", "", "", (), (("TZ", "UTC"),), (given,), (made,), ())
    summary = summary_record(Summary("1", 0, 0, 0, 0, 0, 0, 0, 0.0, slowest=(("a", key, 0.1),)))
    beat = Heartbeat(Settings(), "inotify", due=1.0, last={"at": 1.0, "code": 0, "summary": summary, "error": None})
    return [
        task_record(TaskEnded("a", key, "built", True, 0.1)),
        retry_record(TaskRetried("a", key, 1, 3, "x", 1.0, 0.1)),
        resting_record(Resting("a", key, 3, 1.0)),
        lacking_record(Lacking("a", "", 1, "waiting", ("b",), ())),
        *traced_records(Traced((Touched("a", "read", "x", 1, "y"),), 1, 0)),
        profile_record(Profile(0.1, {"other": Took(1, 0.1, 0.1)}, 0.1, {"a": Took(1, 0.1, 0.1)})),
        summary_record(Summary("1", 0, 0, 0, 0, 0, 0, 0, 0.0, slowest=(("a", key, 0.1),))),
        refusal_record(Excess(Budget("1"), 1, 0, 1.0, (("a", 1, 0),), (("x", 1),), (Upgrade((), (("a", 1),), 1.0),))),
        error_record("usage", "x"),
        *map(watch_record, watched()),
        Outcome(0, summary, None, tasks=[task_record(TaskEnded("a", key, "built", True, 0.1))]).report,
        {"event": "watch", "runs": True, **beat.record, "is_stuck": False},
        status_record([dataset]),
        list_record([replace(dataset, marks=())]),
        explanation_record(told),
        why_not_record(idleness()),
        show_record(shown),
        {"marks": [mark_record(mark)]},
        mark_record(mark),
        problems_record([UserError("x")]),
        late_record(lateness()),
        run_record(RunRecord("1", "", None, "", 0, 0, "done")),
        ledger_record(TaskRecord("1", "a", key, "built", True, 0.1, "", (), None, None)),
        history_record(Happening("run", "a", "", "1", "")),
        statistics_record(statistics()),
        proposal_record(proposed(), {"Dataflowfile": ""}, (), ("b",), is_dry=False),
    ]


def test_the_fields_of_json_are_those_of_the_code(sandbox: Sandbox) -> None:
    lines = [line for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines()]
    documented = [shape(json.loads(line)) for line in lines]
    plans = [each for each in documented if "will_run" in each and "event" not in each]
    assert [each for each in documented if each not in plans] == [shape(each) for each in records()]
    sandbox.run("copy")
    sandbox.write("data/2013-01-02.txt", "changed\n")
    sandbox.write("data/2013-01-05.txt", "so that the day before is missing\n")
    sandbox.write("data/2013-01-06.txt", "so that the total may run\n")
    (plan,) = sandbox.json("plan", "copy")
    assert [each.keys() for each in plans] == [plan.keys()]
    for name in ("will_run", "waiting"):
        assert shape(plan[name]) == plans[0][name]


def test_the_exit_codes_are_documented() -> None:
    assert first_column("Exit codes", "code") == ["0", "1", "2", "3", "70", "130"]


def test_the_example_of_the_format_has_no_mistake(sandbox: Sandbox) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    sandbox.write("Dataflowfile", example)
    done = sandbox.run("lint")
    assert (done.returncode, done.stderr) == (0, "no mistakes: 1 source, 4 targets\n")
