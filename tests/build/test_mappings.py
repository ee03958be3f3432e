"""What one changed input partition rebuilds, for each mapping, on real projects."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbuild.build import Settings, explain, reports, status
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
        ('day = "previous"', "01-04", FIRST[4:5]),
        ('day = "last 3"', "01-04", FIRST[3:6]),
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


# --- The last that are there -----------------------------------------------------------------------------------------


@pytest.fixture
def last(tmp_path: Path) -> Workshop:
    """The last three of a source that has a file now and then, for each day."""
    made = Workshop(
        tmp_path / "project",
        f"""
        {DAYS}
        end = 2013-01-20
        [sources.raw]
        path = "data/{{day}}.txt"
        [targets.sum]
        path = "out/{{day}}.txt"
        inputs.raw = {{ day = "last 3" }}
        shell = "cat /dev/null {{raw}} > {{output}}"
        """,
    )
    made.days("data", "01-03", "01-05", "01-09", "01-10", "01-15")
    assert made.build().counts == {"sum": 20}
    assert made.read("out/2013-01-02.txt") == ""
    assert made.read("out/2013-01-12.txt") == "01-05\n01-09\n01-10\n"
    return made


def numbered(*days: int) -> list[str]:
    return labels(*(f"01-{day:02d}" for day in days))


def check(project: Workshop, other: Path) -> None:
    assert project.outputs() == project.clean_outputs(other)
    assert project.build().ran == []


def test_a_changed_day_rebuilds_up_to_where_it_is_out_of_the_last(last: Workshop, tmp_path: Path) -> None:
    last.days("data", "01-05", text="other\n")
    assert last.build().ran == numbered(*range(5, 15))
    last.days("data", "01-15", text="other\n")
    assert last.build().ran == numbered(*range(15, 21))
    check(last, tmp_path / "clean")


def test_a_day_that_appears_or_goes_rebuilds_who_has_it_among_the_last(last: Workshop, tmp_path: Path) -> None:
    last.days("data", "01-07")
    assert last.build().ran == numbered(*range(7, 15))
    check(last, tmp_path / "more")
    last.path("data/2013-01-09.txt").unlink()
    assert last.build().ran == numbered(*range(9, 21))
    check(last, tmp_path / "less")
    last.path("data/2013-01-10.txt").unlink()
    last.days("data", "01-12")
    assert last.build().ran == numbered(*range(10, 21))
    check(last, tmp_path / "other")


def test_a_start_that_is_moved_takes_or_gives(last: Workshop, tmp_path: Path) -> None:
    last.swap("Dataflowfile", "start = 2013-01-01", "start = 2013-01-04")
    assert last.build().ran == numbered(*range(4, 10))
    last.swap("Dataflowfile", "start = 2013-01-04", "start = 2013-01-02")
    assert last.build().ran == numbered(*range(4, 10))  # what was left is as it was built
    assert last.clean_outputs(tmp_path / "clean").items() <= last.outputs().items()
    assert last.build().ran == []


def test_each_value_of_another_dimension_has_its_own_last(tmp_path: Path) -> None:
    made = Workshop(
        tmp_path / "project",
        f"""
        {DAYS}
        end = 2013-01-06
        [partitions.origin]
        discover = "raw"
        [sources.raw]
        path = "data/{{origin}}/{{day}}.txt"
        [targets.own]
        path = "out/own/{{day}}-{{origin}}.txt"
        inputs.raw = {{ day = "last 2" }}
        shell = "cat /dev/null {{raw}} > {{output}}"
        [targets.all]
        path = "out/all/{{day}}.txt"
        inputs.raw = {{ day = "last 2" }}
        shell = "cat /dev/null {{raw}} > {{output}}"
        """,
    )
    made.days("data/JFK", "01-01", "01-02", "01-04", text="J{day}\n")
    made.days("data/LGA", "01-03", text="L{day}\n")
    assert made.build().counts == {"own": 12, "all": 6}
    assert made.read("out/all/2013-01-05.txt") == "J01-02\nJ01-04\nL01-03\n"
    made.days("data/JFK", "01-02", text="other\n")
    assert made.build().ran == [
        *labels("01-02", "01-03", "01-04", "01-05", "01-06", target="all"),
        *(f"own@2013-01-0{day},JFK" for day in range(2, 7)),
    ]
    made.path("data/LGA/2013-01-03.txt").unlink()
    assert made.build().ran == labels("01-03", "01-04", "01-05", "01-06", target="all")
    assert {path: made.outputs()[path] for path in made.clean_outputs(tmp_path / "clean")} == made.clean_outputs(
        tmp_path / "again"
    )
    assert made.build().ran == []


def test_the_last_of_a_target_are_waited_for(tmp_path: Path) -> None:
    made = Workshop(
        tmp_path / "project",
        f"""
        {DAYS}
        [sources.raw]
        path = "data/{{day}}.txt"
        [targets.copy]
        path = "out/copy/{{day}}.txt"
        shell = "cp {{raw}} {{output}}"
        [targets.sum]
        path = "out/sum/{{day}}.txt"
        inputs.copy = {{ day = "last 2" }}
        shell = "cat {{copy}} > {{output}}"
        """,
    )
    made.days("data", *FIRST[:2], *FIRST[3:6])
    assert made.build().standing == (5 + 4, 0, 0, 1 + 2, 0)
    made.days("data", FIRST[2])
    assert made.build().ran == [*labels(FIRST[2], target="copy"), *labels(*FIRST[2:4])]
    made.days("data", FIRST[4], text="other\n")
    assert made.build().ran == [*labels(FIRST[4], target="copy"), *labels(*FIRST[4:6])]


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


def test_what_does_not_count_and_differs_is_told(priced: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(str(priced.root))
    whatever = '  whatever happens to rates does not count (impact = "none")'
    (found,) = explain(settings, ["priced@2013-01-01"])
    assert (found.standing, found.uncounted, found.ignored) == ("fresh", ("rates",), ())
    assert whatever in explanation_lines([found])
    assert "impact" not in priced.run("status").stdout
    priced.write("rates.txt", "two\n")
    priced.days("data", "01-02", text="other\n")
    assert priced.build().counts == {"rates": 1, "priced": 1}
    (found,) = explain(settings, ["priced@2013-01-01"])
    (line,) = [line for line in explanation_lines([found]) if "impact" in line]
    assert line.startswith('  does not count (impact = "none"): input changed rates: ') and "in run 2" in line
    assert whatever in explanation_lines(explain(settings, ["priced@2013-01-02"]))
    assert [each["ignored"] != [] for each in priced.json("why", "priced")] == [True, False, True]
    said = 'priced: 2 partitions read another rates, which does not count (impact = "none")'
    assert priced.run("status").stdout.splitlines()[-1] == said
    assert priced.run("status", "--graph").stdout.splitlines()[-1] == said
    assert [(each["uncounted"], each["differing"]) for each in priced.json("status")[0]["datasets"]] == [
        *[([], 0)] * 3,
        (["rates"], 2),
    ]
    monkeypatch.setattr(reports, "_LOOKED_AT", 2)
    assert status(settings, ["priced"])[-1].differing is None
    assert status(settings, ["priced@2013-01-01"])[-1].differing == 1


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
