"""What one changed input partition rebuilds, for each mapping, on real projects."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbuild.build import Settings
from dbuild.build.reports import explain
from dbuild.ui.explanations import explanation_lines
from tests.build.workshop import DAYS, Workshop

FIRST = [f"01-{day:02d}" for day in range(1, 11)]  # Tuesday to Thursday of the week after


def reading(root: Path, rule: str, *days: str, more: str = "") -> Workshop:
    """A target of days that concatenates what `rule` says of a source of days; built."""
    made = Workshop(
        root / "project",
        f"""
        {DAYS}
        [sources.raw]
        path = "data/{{day}}.txt"
        [targets.sum]
        path = "out/sum/{{day}}.txt"
        inputs.raw = {{ {rule} }}
        shell = "cat /dev/null {{raw}} > {{output}}"
        {more}
        """,
    )
    made.days("data", *days)
    assert made.build().counts == {"sum": len(days)}
    return made


def labels(*days: str, target: str = "sum") -> list[str]:
    return [f"{target}@2013-{day}" for day in days]


@pytest.mark.parametrize(
    ("rule", "changed", "rebuilt"),
    [
        ('day = "-2d..0d"', "01-04", FIRST[3:6]),
        ('day = "since week"', "01-04", FIRST[3:6]),  # Friday to Sunday
        ('day = "since week"', "01-07", FIRST[6:]),  # a Monday
        ('day = "since month"', "01-09", FIRST[8:]),
        ('day = "all"', "01-09", FIRST),
        ('day = ["2013-01-02"]', "01-02", FIRST),
        ('day = ["2013-01-02"]', "01-03", []),
    ],
)
def test_a_changed_day_rebuilds_those_that_read_it(tmp_path: Path, rule: str, changed: str, rebuilt: list[str]) -> None:
    made = reading(tmp_path, rule, *FIRST)
    made.days("data", changed, text="other\n")
    done = made.build()
    assert done.ran == labels(*rebuilt)
    assert made.outputs() == made.clean_outputs(tmp_path / "clean")
    assert made.build().ran == []


# --- impact = "none" -------------------------------------------------------------------------------------------------

PRICED = f"""
{DAYS}
[sources.raw]
path = "data/{{day}}.txt"
[sources.base]
path = "rates.txt"
[targets.rates]
path = "out/rates.txt"
shell = "cp {{base}} {{output}}"
[targets.priced]
path = "out/priced/{{day}}.txt"
inputs.rates = {{ impact = "none" }}
shell = "cat {{raw}} {{rates}} > {{output}}"
"""
THREE = ("01-01", "01-02", "01-03")


@pytest.fixture
def priced(tmp_path: Path) -> Workshop:
    made = Workshop(tmp_path / "priced", PRICED)
    made.days("data", *THREE)
    made.write("rates.txt", "one\n")
    assert made.build().counts == {"rates": 1, "priced": 3}
    return made


def test_what_does_not_count_is_read_and_makes_nothing_stale(priced: Workshop) -> None:
    priced.write("rates.txt", "two\n")
    assert priced.build().ran == ["rates"]
    assert priced.build().ran == []
    priced.days("data", "01-02", text="other\n")
    assert priced.build().ran == labels("01-02", target="priced")
    assert priced.read("out/priced/2013-01-02.txt") == "other\ntwo\n"
    assert priced.read("out/priced/2013-01-01.txt") == "01-01\none\n"


def test_what_does_not_count_is_waited_for_in_the_same_run(priced: Workshop) -> None:
    priced.write("rates.txt", "two\n")
    priced.days("data", "01-03", text="other\n")
    assert priced.build().counts == {"rates": 1, "priced": 1}
    assert priced.read("out/priced/2013-01-03.txt") == "other\ntwo\n"


def test_what_does_not_count_holds_back_when_it_is_missing(priced: Workshop) -> None:
    priced.path("rates.txt").unlink()
    assert priced.build().standing == (0, 0, 0, 4, 0)
    priced.write("rates.txt", "three\n")
    assert priced.build().ran == ["rates"]


def test_an_input_that_counts_again_is_compared_with_what_was_read(priced: Workshop) -> None:
    priced.write("rates.txt", "two\n")
    priced.days("data", "01-02", text="other\n")
    assert priced.build().counts == {"rates": 1, "priced": 1}
    priced.swap("Dataflowfile", 'inputs.rates = { impact = "none" }', "")
    assert priced.build().ran == labels("01-01", "01-03", target="priced")


def test_an_input_that_comes_to_count_no_more_rebuilds_nothing(priced: Workshop) -> None:
    priced.swap("Dataflowfile", 'inputs.rates = { impact = "none" }', "")
    assert priced.build().ran == []
    priced.write("rates.txt", "two\n")
    priced.swap("Dataflowfile", "[targets.priced]", '[targets.priced]\ninputs.rates = { impact = "none" }')
    assert priced.build().ran == ["rates"]


def test_why_names_what_does_not_count(priced: Workshop) -> None:
    (found,) = explain(Settings(str(priced.root), "Dataflowfile", ()), "priced@2013-01-01")
    assert (found.standing, found.uncounted) == ("fresh", ("rates",))
    assert '  whatever happens to rates does not count (impact = "none")' in explanation_lines([found])


def test_nothing_behind_a_view_counts_that_does_not(tmp_path: Path) -> None:
    made = Workshop(
        tmp_path / "view",
        """
        [sources.raw]
        path = "raw.csv"
        [targets.seen]
        sql = "SELECT * FROM raw"
        [targets.copy]
        path = "out/copy.csv"
        inputs.seen = { impact = "none" }
        sql = "SELECT * FROM seen"
        """,
    )
    made.write("raw.csv", "a\n1\n")
    assert made.build().ran == ["copy"]
    made.write("raw.csv", "a\n2\n")
    assert made.build().ran == []
    made.write("raw.csv", "b\n2\n")  # not even its columns
    assert made.build().ran == []
    assert made.build(force=True).ran == ["copy"]
    assert made.read("out/copy.csv") == "b\n2\n"
