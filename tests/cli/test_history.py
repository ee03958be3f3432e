"""`dbuild history` on real projects."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dbuild.build import Settings, history
from dbuild.core.history import Happening, History
from dbuild.errors import UsageError
from dbuild.ui.bars import sparkline
from dbuild.ui.history import history_lines
from dbuild.ui.moments import When
from tests.build.workshop import DAYS, Workshop

FLOW = f"""{DAYS}
[sources.raw]
path = "raw/{{day}}.txt"
expect = {{ at = "06:00" }}
[targets.daily]
path = "out/daily/{{day}}.txt"
shell = "test ! -e broken; head -c 3 {{raw}} > {{output}}"
[targets.total]
path = "out/total.txt"
shell = "cat {{daily}} > {{output}}"
"""
NOW = {"DBUILD_NOW": "2013-01-04T11:00", "TZ": "UTC"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Two days; a third that comes late, fails and is mended; a first that changes, to no effect; a mark."""
    made = Workshop(tmp_path_factory.mktemp("history") / "p", FLOW)
    made.days("raw", "01-01", "01-02", text="abc {day}")
    made.build(now="2013-01-03T05:00")
    made.days("raw", "01-03", text="xyz {day}")
    made.date("raw/2013-01-03.txt", "2013-01-04T07:00")
    made.write("broken", "")
    made.build(now="2013-01-04T08:00")
    made.path("broken").unlink()
    made.write("raw/2013-01-01.txt", "abc, corrected")
    made.date("raw/2013-01-01.txt", "2013-01-04T08:30")
    made.build(now="2013-01-04T09:00")
    made.run("mark", "daily@2013-01-03", "stale", "--why", "looks odd", DBUILD_NOW="2013-01-04T10:00")
    return made


def told(made: Workshop, *arguments: str, limit: int = 20) -> list[tuple[str, str, int, int, int]]:
    """Number, keys, and how many were built, the same and failed, of what happened."""
    (found,) = history(Settings(str(made.root)), arguments, limit)
    return [(one.number, one.keys, one.built, one.same, one.failed) for one in found.happenings]


def test_a_name_of_nothing_is_told_as_by_other_commands_that_take_sources(shop: Workshop) -> None:
    for name, said in (("dialy", 'there is no dataset "dialy"'), ("dialy*", '"dialy[*]" matches no dataset')):
        with pytest.raises(UsageError, match=said):
            told(shop, name)


def test_a_target_run_by_run(shop: Workshop) -> None:
    assert told(shop, "daily") == [
        ("4", "2013-01-03", 0, 0, 0),
        ("3", "2013-01-01+2013-01-03", 2, 1, 0),
        ("2", "2013-01-03", 0, 0, 1),
        ("1", "2013-01-01..2013-01-02", 2, 0, 0),
    ]
    assert [one[0] for one in told(shop, "daily", limit=2)] == ["4", "3"]


def test_partitions_execution_by_execution(shop: Workshop) -> None:
    assert told(shop, "daily@2013-01-03") == [
        ("4", "2013-01-03", 0, 0, 0),
        ("3", "2013-01-03", 1, 0, 0),
        ("2", "2013-01-03", 0, 0, 1),
    ]
    assert told(shop, "daily@2013-01-01") == [("3", "2013-01-01", 1, 1, 0), ("1", "2013-01-01", 1, 0, 0)]
    assert len(told(shop, "daily@2013-01")) == 6
    assert told(shop, "total") == [("3", "", 1, 0, 0), ("1", "", 1, 0, 0)]
    (found,) = history(Settings(str(shop.root)), ["total"], 20)
    assert found.sizes == (6, 9)


def test_a_source(shop: Workshop) -> None:
    (found,) = history(Settings(str(shop.root)), ["raw"], 20)
    assert [(one.word, one.keys, one.number) for one in found.happenings] == [
        ("corrected", "2013-01-01", "3"),
        ("arrived", "2013-01-03", "2"),
    ]
    assert told(shop, "raw@2013-01-03") == [("2", "2013-01-03", 0, 0, 0)]
    assert told(shop, "raw@2013-01-02") == []


def test_the_screen(shop: Workshop) -> None:
    done = shop.run("history", "daily@2013-01-03", "raw@2013-01-02", **NOW)
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert lines[:3] == ["raw@2013-01-02: nothing has happened to it yet", "", "daily@2013-01-03"]
    lines = lines[2:]
    assert lines[1].split() == ["run", "when", "what", "took", "size", "who", "why"]
    assert lines[2].split()[:6] == ["4", "1", "h", "ago", "marked", "stale"]
    assert lines[2].endswith("looks odd")
    assert " 3  2 h ago  built" in lines[3].replace("  3", " 3", 1)
    assert "exited with status 1" in lines[4]
    assert not lines[5:]
    assert "2013-01-04 09:00:00+00:00" in shop.run("history", "daily", "-v", **NOW).stdout


def test_for_programs(shop: Workshop) -> None:
    records = [
        json.loads(line) for line in shop.run("history", "daily@2013-01-03", "--json", **NOW).stdout.splitlines()
    ]
    assert [(one["kind"], one["run"], one["word"], one["size"]) for one in records] == [
        ("mark", "4", "stale", None),
        ("run", "3", None, 3),
        ("run", "2", None, None),
    ]


def test_names_that_nobody_knows(shop: Workshop) -> None:
    done = shop.run("history", "dayly")
    assert (done.returncode, done.stdout) == (2, "")
    assert 'did you mean "daily"?' in done.stderr


def test_a_project_that_was_never_built(tmp_path: Path) -> None:
    made = Workshop(tmp_path / "p", FLOW)
    done = made.run("history", "total")
    assert (done.returncode, done.stdout) == (0, "total: nothing has happened to it yet\n")


def test_texts_that_mean_harm_do_none() -> None:
    evil = Happening("run", "a", "k\x1b[31m", "1", "", who="\x07", why="x\x1b]0;y\x07", seconds=1.0, size=5, built=1)
    found = History("a", "\x1b", (evil, evil), (1.0, 2.0), (1, 2))
    for width in (20, 60, None):
        lines = history_lines(found, When(0.0), width)
        assert not any("\x1b" in line or "\x07" in line for line in lines)


@pytest.mark.parametrize("values", [[], [0.0], [1.0, None, 3.0], list(range(1000))])
def test_a_curve_keeps_to_its_width(values: list[float | None]) -> None:
    drawn = sparkline(values, 10)
    assert len(drawn) == min(len(values), 10)
    assert not values or not values[-1] or drawn[-1] in "█#"
