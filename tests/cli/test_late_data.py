"""The page on late data shows what dbuild prints, on the example that it is about; its links and keys are real."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from dbuild.build import Settings, lint
from dbuild.core.events import Lacking
from dbuild.ui.json import lacking_record
from tests.cli.pages import ROOT, Clone, blocks, normal, tour

EXAMPLE = "examples/pricing"
TEXT = (ROOT / "docs" / "late-data.md").read_text(encoding="utf-8")
FLOW = """
[partitions.day]
every = "day"
start = 2024-01-01
[sources.orders]
path = "data/orders/{day}.csv"
"""


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    made = Clone(tmp_path)
    made.example(EXAMPLE, "data")
    return made


def by_target(line: str) -> str:
    """A line on what an arrival caused, its targets in one order: they are told as they were built."""
    found = re.fullmatch(r"( +built )(.*)(, done .*)", line)
    return found[1] + ", ".join(sorted(found[2].split(", "))) + found[3] if found else line


def test_the_story_prints_what_the_page_shows(clone: Clone) -> None:
    steps = tour(TEXT)
    assert len([step for step in steps if "dbuild" in step.command]) >= 7
    for step in steps:
        found, shown = normal(clone.run(step.command, EXAMPLE)), normal(step.output)
        assert [by_target(line) for line in found] == [by_target(line) for line in shown], f"$ {step.command}"


def test_the_flow_that_it_shows_loads(tmp_path: Path) -> None:
    (flow,) = blocks("toml", TEXT)
    (tmp_path / "Dataflowfile").write_text(FLOW + flow)
    assert lint(Settings(str(tmp_path))).steps.keys() == {"valuation"}


def test_each_form_of_expect_that_it_shows_loads(tmp_path: Path) -> None:
    forms = re.findall(r"^\| `(\{.*\})` \|", TEXT, re.MULTILINE)
    assert len(forms) == 6
    (tmp_path / "holidays.txt").write_text("2024-12-25\n")
    for form in forms:
        (tmp_path / "Dataflowfile").write_text(FLOW + f"expect = {form}\n")
        assert tomllib.loads(FLOW + f"expect = {form}\n")["sources"]["orders"]["expect"]
        assert lint(Settings(str(tmp_path))).project.sources["orders"].expect is not None


def test_the_line_of_json_has_the_fields_that_there_are() -> None:
    (shown,) = blocks("json", TEXT)
    event = Lacking("valuation", "2024-01-04", 1, "provisional", ("prices@2024-01-04",), ("prices@2024-01-03",))
    assert json.loads(shown) == lacking_record(event)
