"""What a build says that it looked at: all that a later one would look at too, however it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbuild.core.events import LookedAt
from dbuild.errors import UserError
from tests.build.workshop import Built, Workshop

FLOW = """
[project]
include = ["flows/*.toml"]
[partitions.day]
every = "day"
start = 2013-01-01
[sources.raw]
path = "data/{day}.csv"
[sources.rates]
path = "rates.csv"
[targets.daily]
path = "out/{day}/daily.csv"
sql = "sql/daily.sql"
"""
MORE = """
[targets.report]
path = "report.txt"
python = "steps.report:make"
inputs = ["daily", "rates"]
uses = ["lib"]
"""
FILES = {
    "Dataflowfile",
    "flows/more.toml",
    "sql/daily.sql",
    "steps/report.py",
    "lib/words.txt",
    "rates.csv",
    "report.txt",
}


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    shop = Workshop(tmp_path / "project", FLOW)
    shop.write("flows/more.toml", MORE)
    shop.write("sql/daily.sql", "SELECT * FROM raw")
    shop.write("steps/report.py", "def make(daily, rates, output):\n    output.write_text(rates.read_text())\n")
    shop.write("lib/words.txt", "words\n")
    shop.write("rates.csv", "rate\n1\n")
    shop.write("data/2013-01-01.csv", "n\n1\n")
    return shop


def told(built: Built) -> LookedAt:
    (found,) = (event for event in built.events if isinstance(event, LookedAt))
    return found


def test_a_build_says_what_it_looked_at_whether_it_ran_anything_or_not(shop: Workshop) -> None:
    first = told(shop.build(tells_grounds=True))
    assert set(first.files) == FILES
    assert set(first.trees) == {("data", 1, False), ("out", 2, False), ("", 1, True), ("steps", 1, True)}
    assert set(first.globs) == {"flows/*.toml", "lib/**"}
    for _ in range(3):  # from the plan, and then from the kept answer
        assert told(shop.build(tells_grounds=True)) == first


def test_only_what_was_asked_for_counts_and_all_sources(shop: Workshop) -> None:
    found = told(shop.build("daily", tells_grounds=True))
    assert set(found.trees) == {("data", 1, False), ("out", 2, False)}
    assert set(found.files) == FILES - {"steps/report.py", "lib/words.txt", "report.txt"}


def test_nobody_who_did_not_ask_is_told(shop: Workshop) -> None:
    assert not any(isinstance(event, LookedAt) for _ in range(2) for event in shop.build().events)


def test_a_failure_is_no_reason_to_be_silent(shop: Workshop) -> None:
    shop.write("steps/report.py", "def make(daily, rates, output):\n    raise ValueError\n")
    failed = shop.build(tells_grounds=True)
    assert failed.summary.failed == 1
    assert set(told(failed).files) == FILES


def heard_before_error(shop: Workshop, *targets: str) -> LookedAt:
    heard: list[LookedAt] = []
    with pytest.raises(UserError):
        shop.build(
            *targets,
            tells_grounds=True,
            hear=lambda event: heard.append(event) if isinstance(event, LookedAt) else None,
        )
    (found,) = heard
    return found


def test_of_a_broken_project_its_files_are_told(shop: Workshop) -> None:
    shop.build()
    shop.write("flows/more.toml", MORE + "[")
    found = heard_before_error(shop)
    assert set(found.files) >= {"Dataflowfile", "flows/more.toml"}
    assert set(found.globs) == {"flows/*.toml"}
    shop.write("flows/more.toml", MORE)
    shop.path("sql/daily.sql").unlink()
    assert set(heard_before_error(shop).files) >= {"Dataflowfile", "flows/more.toml", "sql/daily.sql"}
    shop.write("sql/daily.sql", "SELECT * FROM raw")
    shop.write("steps/report.py", "def make(:\n")
    assert "steps/report.py" in heard_before_error(shop).files
    shop.write("steps/report.py", "def make(daily, rates, output):\n    output.write_text(rates.read_text())\n")
    assert set(heard_before_error(shop, "dayly").files) >= {"Dataflowfile", "flows/more.toml"}


def test_a_program_reads_it_from_a_line_of_its_own(shop: Workshop) -> None:
    first, *_, last = shop.json("build", "--events", "1")
    assert first["event"] == "grounds"
    assert set(first["files"]) == FILES
    assert ["out", 2, False] in first["trees"]
    assert last["event"] == "summary"
    shop.write("Dataflowfile", "[")
    grounds, error = shop.json("build", "--events", "1", code=2)
    assert (grounds["files"], error["event"]) == (["Dataflowfile"], "error")
