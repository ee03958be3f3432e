"""The tutorial's commands show what it says, on a copy of the example; its flow builds."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import duckdb
import pytest

from tests.cli.pages import Clone, blocks, normal, page, tour

EXAMPLE = "examples/flights"
TEXT = page("docs/tutorial.md")
needs_sklearn = pytest.mark.skipif(find_spec("sklearn") is None, reason="the example's model needs scikit-learn")


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    made = Clone(tmp_path)
    made.example(EXAMPLE)
    return made


@needs_sklearn
def test_each_command_shows_what_the_tutorial_says(clone: Clone) -> None:
    steps = tour(TEXT)
    assert len([step for step in steps if step.command.startswith("dbuild")]) >= 7
    for step in steps:
        assert normal(clone.type(step.command)) == normal(step.output), f"$ {step.command}"
    assert (clone.root / EXAMPLE / "out" / "delay_report.html").stat().st_size > 10_000


def test_the_small_flow_builds_what_its_comments_say(clone: Clone) -> None:
    (flow,) = [block for block in blocks("toml", TEXT) if "[project]" in block]
    assert "`dbuild -f Small`" in TEXT
    folder = clone.root / EXAMPLE
    (folder / "Small").write_text(flow)
    assert normal(clone.run("dbuild -f Small", EXAMPLE)[-1:]) == ["184 built, 0 fresh in LENGTH"]  # 90 days twice, 3, 1
    assert clone.run("dbuild -f Small", EXAMPLE)[0].startswith("fresh: 184 partitions, nothing to do")
    (wanted,) = duckdb.execute(
        "SELECT count(*) FILTER (CAST(nullif(dep_delay, '') AS BIGINT) >= 15) FROM read_csv(?, all_varchar = true)",
        [f"{folder}/data/flights/*.csv.gz"],
    ).fetchall()
    assert (folder / "out/small/total.txt").read_text() == f"{wanted[0]}\n"
