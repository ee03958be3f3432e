"""What is told of rows that go to partitions by their own values: those that go nowhere, and those nobody looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbuild.build import Settings, explain, late, mark, plan, status
from dbuild.core.mark import Saying
from dbuild.core.report import DatasetStatus
from dbuild.errors import UserError
from dbuild.ui.datasets import status_lines, status_record
from dbuild.ui.explanations import explanation_lines, explanation_record
from dbuild.ui.late import late_lines, late_record
from dbuild.ui.plans import plan_lines, plan_record
from tests.build.events import FLOW, days, drop, three_days
from tests.build.workshop import Workshop

ASTRAY = "ts,v\n,1\n,2\n2012-12-31 00:00:00,3\n2013-01-02 00:00:00,4\n"
SAID = (
    "events: 2 rows have no day, 1 row has a day that isn't there, such as 2012-12-31;"
    " no partition of daily gets them (see data/2013-01-02.csv)"
)
RECORD = {
    "dataset": "events",
    "target": "daily",
    "rows": 3,
    "no_key": {"day": 2},
    "out_of_range": {"day": 1},
    "example": "2012-12-31",
    "path": "data/2013-01-02.csv",
}


@pytest.fixture(scope="module")
def stray(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """A built project, of which one file has rows that go nowhere."""
    found = Workshop(tmp_path_factory.mktemp("stray") / "project", FLOW)
    drop(found, "01", "01 1")
    found.write("data/2013-01-02.csv", ASTRAY)
    assert found.build().ran == days("01", "02")
    return found


@pytest.fixture(scope="module")
def unrouted(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """A built project, and a file that came since; who only reads doesn't look into it."""
    found = three_days(tmp_path_factory.mktemp("unrouted") / "project")
    drop(found, "04", "01 10")
    return found


def settings(made: Workshop) -> Settings:
    return Settings(str(made.root))


# --- Rows that go nowhere --------------------------------------------------------------------------------------------


def test_status_counts_them_with_their_source(stray: Workshop) -> None:
    found = status(settings(stray), ())
    assert SAID in status_lines(found)
    (events, daily) = status_record(found)["datasets"]  # type: ignore[misc]
    assert (events["astray"], daily["astray"]) == ([RECORD], [])  # type: ignore[index]


def test_late_counts_them(stray: Workshop) -> None:
    found = late(settings(stray), ("events",), 5, 5)
    lines = late_lines(found, 100)
    assert lines[lines.index("rows that no partition gets") + 1] == f"  {SAID}"
    assert late_record(found)["astray"] == [RECORD]


def test_they_are_told_as_long_as_they_are_there(tmp_path: Path) -> None:
    made = Workshop(tmp_path / "project", FLOW)
    drop(made, "01", "01 1")
    made.write("data/2013-01-02.csv", ASTRAY)
    made.write("data/2013-01-03.csv", ASTRAY)
    assert made.build().notices == [SAID.replace("2 rows have", "4 rows have").replace("1 row has", "2 rows have")]
    made.path("data/2013-01-03.csv").unlink()
    assert made.build().notices == [SAID]
    drop(made, "02", "02 4")
    assert made.build().notices == []
    assert not any(one.astray for one in status(settings(made), ()))


# --- Files that nobody looked into -----------------------------------------------------------------------------------


def test_why_names_the_file(unrouted: Workshop) -> None:
    (found,) = explain(settings(unrouted), ["daily@2013-01-01"])
    assert (found.standing, found.after) == ("may run", ("events@2013-01-04",))
    assert explanation_lines([found])[:3] == [
        "daily@2013-01-01: may run",
        "  after events@2013-01-04",
        "  a build finds out where the rows of data/2013-01-04.csv go",
    ]
    assert explanation_record(found)["unrouted"] == ["data/2013-01-04.csv"]


def test_plan_names_its_partition(unrouted: Workshop) -> None:
    found = plan(settings(unrouted), ())
    assert "  daily@2013-01-01..2013-01-03 (3): if rows of events@2013-01-04 go there" in plan_lines(found)
    (first, *_) = plan_record(found)["may_run"]  # type: ignore[misc]
    assert first["after"] == ["events@2013-01-04"]  # type: ignore[index]


def test_status_and_late_say_what_they_cannot_know(unrouted: Workshop) -> None:
    said = 'where the rows of 1 partition of "events" go is found out by a build: daily may run for them'
    doubts: list[str] = []
    daily: DatasetStatus
    _, daily = status(settings(unrouted), (), doubts.append)
    assert (daily.undecided, doubts) == (3, [said])
    assert f"  {said}" in late_lines(late(settings(unrouted), (), 5, 5), 100)


def test_fresh_is_no_word_for_what_may_get_rows_that_nobody_looked_at(tmp_path: Path) -> None:
    made = three_days(tmp_path / "project")
    drop(made, "04", "01 10")
    saying = Saying("fresh", "checked by hand", None, inputs_too=True)
    with pytest.raises(UserError) as caught:
        mark(settings(made), ["daily@2013-01-01"], saying, lambda event: None)
    assert (
        "whether daily@2013-01-01 gets rows of events@2013-01-04 isn't known yet"
        " (dbuild daily --budget 0 finds out, and builds nothing)"
    ) in str(caught.value)
    done = made.run("daily", "--budget", "0")
    assert done.returncode == 3
    mark(settings(made), ["daily@2013-01-01"], saying, lambda event: None)
    assert made.build().ran == []
