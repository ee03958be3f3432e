"""Targets that read their own earlier partitions: built in order, from the first change on, as far as it changes."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from dbuild.errors import ProjectError
from tests.build.test_crashes import Ledgered
from tests.build.workshop import DAYS, Workshop

WEEK = [f"01-{day:02d}" for day in range(1, 8)]

# What is below 100 is forgotten each day: so a change comes to nothing sooner or later.
BALANCES = f"""
{DAYS}
[sources.moves]
path = "data/{{day}}.txt"
[targets.balances]
path = "out/balances/{{day}}.txt"
inputs.balances = {{ day = "previous" }}
shell = "cat {{balances}} {{moves}} | awk '{{{{ s += $1 }}}} END {{{{ print int(s / 100) * 100 }}}}' > {{output}}"
[targets.last]
path = "out/last.txt"
shell = "cat {{balances}} | tail -n1 > {{output}}"
"""


def labels(*days: str, target: str = "balances") -> list[str]:
    return [f"{target}@2013-{day}" for day in days]


def moves(project: Workshop, amounts: dict[str, int]) -> None:
    for day, amount in amounts.items():
        project.write(f"data/2013-{day}.txt", f"{amount}\n")


@pytest.fixture
def balances(tmp_path: Path) -> Workshop:
    made = Workshop(tmp_path / "project", BALANCES)
    moves(made, dict.fromkeys(WEEK, 100))
    done = made.build(jobs=4)
    assert [event.key[0][1] for event in done.ended if event.target == "balances"] == [f"2013-{day}" for day in WEEK]
    assert made.read("out/last.txt") == "700\n"
    return made


def check(project: Workshop, other: Path) -> None:
    """As a clean build makes it, and nothing is left to do."""
    assert project.outputs() == project.clean_outputs(other)
    assert project.build().ran == []


def test_a_change_in_the_middle_rebuilds_from_there_on(balances: Workshop, tmp_path: Path) -> None:
    moves(balances, {"01-04": 300})
    plan = balances.plan()
    assert str(plan.targets["balances"].will_set) == "2013-01-04"
    assert str(plan.targets["balances"].may) == "2013-01-05..2013-01-07"
    done = balances.build()
    assert done.ran == [*labels(*WEEK[3:]), "last"]
    assert balances.read("out/last.txt") == "900\n"
    check(balances, tmp_path / "clean")


def test_a_change_stops_where_a_day_comes_out_as_before(balances: Workshop, tmp_path: Path) -> None:
    moves(balances, {"01-04": 130})
    done = balances.build(jobs=4)
    assert (done.ran, done.skipped) == (labels("01-04"), [*labels(*WEEK[4:]), "last"])
    moves(balances, {"01-04": 200, "01-06": 0})
    done = balances.build(jobs=4)
    assert (done.ran, done.skipped) == ([*labels(*WEEK[3:6]), "last"], labels("01-07"))
    check(balances, tmp_path / "clean")


def test_an_edited_day_is_rebuilt_and_no_other(balances: Workshop) -> None:
    balances.write("out/balances/2013-01-04.txt", "7\n")
    done = balances.build()
    assert (done.ran, done.skipped) == (labels("01-04"), [*labels(*WEEK[4:]), "last"])
    balances.path("out/balances/2013-01-02.txt").unlink()
    done = balances.build()
    assert (done.ran, done.skipped) == (labels("01-02"), [*labels(*WEEK[2:]), "last"])
    assert balances.build().ran == []


def test_a_day_needs_all_before_it_and_none_after(balances: Workshop, tmp_path: Path) -> None:
    moves(balances, {"01-02": 300})
    assert balances.build("balances@2013-01-04").ran == labels(*WEEK[1:4])
    assert balances.build().ran == [*labels(*WEEK[4:]), "last"]
    check(balances, tmp_path / "clean")


def test_new_days_go_on_from_the_last(balances: Workshop) -> None:
    moves(balances, {"01-08": 100, "01-09": 100})
    assert balances.build().ran == [*labels("01-08", "01-09"), "last"]


def test_a_start_that_is_moved_rebuilds_as_far_as_it_changes(balances: Workshop, tmp_path: Path) -> None:
    balances.write("data/2012-12-31.txt", "30\n")
    balances.swap("Dataflowfile", "start = 2013-01-01", "start = 2012-12-31")
    done = balances.build()
    assert done.ran == ["balances@2012-12-31", *labels("01-01"), "last"]  # another first day is read by `last`
    balances.write("data/2012-12-31.txt", "200\n")
    assert balances.build().counts["balances"] == 8
    check(balances, tmp_path / "clean")
    balances.swap("Dataflowfile", "start = 2012-12-31", "start = 2013-01-03")
    assert balances.build().ran == [*labels(*WEEK[2:]), "last"]
    assert balances.clean_outputs(tmp_path / "shorter").items() <= balances.outputs().items()
    assert balances.build().ran == []


def test_a_missing_day_holds_back_the_later_ones(balances: Workshop) -> None:
    balances.path("data/2013-01-03.txt").unlink()
    done = balances.build()
    assert done.standing == (0, 2, 0, 6, 0)
    moves(balances, {"01-03": 200})
    assert balances.build().ran == [*labels(*WEEK[2:]), "last"]


@pytest.mark.parametrize("path", ["{day}/{branch}", "{branch}/{day}"])
def test_a_failure_blocks_the_later_ones_of_its_slice(tmp_path: Path, path: str) -> None:
    made = Workshop(
        tmp_path / "project",
        f"""
        {DAYS}
        end = 2013-01-04
        [partitions.branch]
        values = ["north", "south"]
        [targets.balances]
        path = "out/{path}.txt"
        inputs.before = {{ from = "balances", day = "previous" }}
        shell = "test ! -e stop-{{day}}-{{branch}}; cat /dev/null {{before}} > {{output}}; echo {{day}} >> {{output}}"
        """,
    )
    made.write("stop-2013-01-02-north", "")
    done = made.build(jobs=4, keep_going=True)
    assert (done.standing, len(done.ran)) == ((5, 0, 1, 0, 2), 6)
    made.path("stop-2013-01-02-north").unlink()
    done = made.build(jobs=4)
    assert (done.standing, made.build().ran) == ((3, 5, 0, 0, 0), [])
    last = path.format(day="2013-01-04", branch="north")
    assert made.read(f"out/{last}.txt") == "".join(f"2013-01-0{day}\n" for day in range(1, 5))


def test_all_values_of_the_day_before(tmp_path: Path) -> None:
    made = Workshop(
        tmp_path / "project",
        f"""
        {DAYS}
        end = 2013-01-03
        [partitions.branch]
        values = ["north", "south"]
        [sources.start]
        path = "start.txt"
        [targets.shares]
        path = "out/{{branch}}/{{day}}.txt"
        inputs.before = {{ from = "shares", day = "previous", branch = "all" }}
        shell = "cat {{start}} {{before}} | sort | uniq > {{output}}"
        """,
    )
    made.write("start.txt", "a\n")
    assert made.build(jobs=4).counts == {"shares": 6}
    made.path("out/south/2013-01-02.txt").write_text("b\n")
    done = made.build(jobs=4)
    assert (done.ran, len(done.skipped)) == (["shares@south,2013-01-02"], 2)
    plan = made.plan("shares@day=2013-01-02,branch=north")
    assert len(plan.targets["shares"].needed) == 3


def test_a_window_that_ends_before_the_day(tmp_path: Path) -> None:
    made = Workshop(
        tmp_path / "project",
        f"""
        {DAYS}
        [sources.moves]
        path = "data/{{day}}.txt"
        [targets.sums]
        path = "out/{{day}}.txt"
        inputs.sums = {{ day = "-2d..-1d" }}
        shell = "cat {{moves}} {{sums}} | awk '{{{{ s += $1 }}}} END {{{{ print s }}}}' > {{output}}"
        """,
    )
    moves(made, dict.fromkeys(WEEK[:6], 1))
    assert made.build(jobs=4).counts == {"sums": 6}
    assert [made.read(f"out/2013-{day}.txt") for day in WEEK[:6]] == [f"{n}\n" for n in (1, 2, 4, 7, 12, 20)]
    made.write("out/2013-01-03.txt", "5\n")
    done = made.build()
    assert (done.ran, done.skipped) == (
        labels("01-03", target="sums"),
        labels("01-04", "01-05", "01-06", target="sums"),
    )
    check(made, tmp_path / "clean")


# --- As recipes see it ---------------------------------------------------------------------------------------------

TYPED = f"""
{DAYS}
[sources.moves]
path = "data/{{day}}.csv"
[targets.totals]
path = "out/{{day}}.ENDING"
inputs.before = {{ from = "totals", day = "previous" }}
"""
AMOUNTS = {"01-01": "amount\n1\n", "01-02": "amount\n2\n", "01-03": "amount\n3\n"}
SUM = "sql = 'SELECT CAST(sum(n) AS BIGINT) AS n FROM (SELECT amount AS n FROM moves UNION ALL SELECT n FROM before)'"


def typed(root: Path, ending: str, recipe: str, code: str = "") -> Workshop:
    made = Workshop(root / "project", TYPED.replace("ENDING", ending) + recipe + "\n")
    made.write("code.py", code)
    for day, text in AMOUNTS.items():
        made.write(f"data/2013-{day}.csv", text)
    return made


@pytest.mark.parametrize("ending", ["csv", "json", "parquet", "arrow"])
def test_sql_sees_no_rows_of_a_declared_schema(tmp_path: Path, ending: str) -> None:
    made = typed(tmp_path, ending, SUM + '\nschema = { n = "BIGINT" }')
    assert made.build(jobs=4).counts == {"totals": 3}
    assert made.build().ran == []
    made.write("data/2013-01-01.csv", "amount\n5\n")
    assert made.build().counts == {"totals": 3}
    check(made, tmp_path / "clean")


def test_sql_without_a_schema_says_what_to_do(tmp_path: Path) -> None:
    made = typed(tmp_path, "csv", SUM)
    done = made.build(keep_going=True)
    assert done.ran == labels("01-01", target="totals")
    (said,) = done.errors.values()
    assert 'the input "before" (partitions of totals) has no partition here, and its columns are not known' in said
    assert '`schema = { column = "TYPE" }` of totals' in said


PATHS = """
import csv, pathlib
def run(moves: pathlib.Path, before: FORM, output: pathlib.Path):
    rows = [int(row["amount"]) for row in csv.DictReader(moves.open())]
    rows += [int(row["n"]) for path in before for row in csv.DictReader(path.open())]
    output.write_text(f"n\\n{sum(rows)}\\n")
"""


def test_python_gets_an_empty_list(tmp_path: Path) -> None:
    made = typed(tmp_path, "csv", 'python = "code:run"', PATHS.replace("FORM", "list[pathlib.Path]"))
    assert made.build(jobs=4).counts == {"totals": 3}
    assert made.read("out/2013-01-03.csv") == "n\n6\n"
    assert made.build().ran == []
    made.write("out/2013-01-01.csv", "n\n1\n")
    assert made.build().ran == []
    made.write("data/2013-01-01.csv", "amount\n5\n")
    assert made.build(jobs=4).counts == {"totals": 3}
    check(made, tmp_path / "clean")


def test_python_that_asks_for_one_path_is_told_of_lists(tmp_path: Path) -> None:
    made = typed(tmp_path, "csv", 'python = "code:run"', PATHS.replace("FORM", "pathlib.Path"))
    (said,) = made.build(keep_going=True).errors.values()
    assert 'the input "before" has no file here' in said
    assert "before: list[Path]" in said


def test_python_gets_an_empty_table(tmp_path: Path) -> None:
    code = """
import pyarrow
def run(moves: pyarrow.Table, before: pyarrow.Table):
    assert before.schema.field("n").type == pyarrow.int64()
    return pyarrow.table({"n": [sum(moves["amount"].to_pylist() + before["n"].to_pylist())]})
"""
    made = typed(tmp_path, "csv", 'python = "code:run"\nschema = { n = "BIGINT" }', code)
    assert made.build(jobs=4).counts == {"totals": 3}
    assert made.build().ran == []


def test_a_command_gets_no_words(tmp_path: Path) -> None:
    recipe = (
        """shell = 'echo "$DBUILD_INPUT_BEFORE|" > {output}; for each in {before}; do echo $each >> {output}; done'"""
    )
    made = typed(tmp_path, "txt", recipe + '\ninputs.moves = "moves"')
    assert made.build().counts == {"totals": 3}
    assert made.read("out/2013-01-01.txt") == "|\n"
    assert made.read("out/2013-01-02.txt").count("out/2013-01-01.txt") == 2


def test_a_previous_partition_of_another_dataset(tmp_path: Path) -> None:
    made = Workshop(
        tmp_path / "project",
        f"""
        {DAYS}
        [sources.raw]
        path = "data/{{day}}.txt"
        [targets.change]
        path = "out/{{day}}.txt"
        inputs.before = {{ from = "raw", day = "previous" }}
        shell = "cat {{raw}} {{before}} > {{output}}"
        """,
    )
    made.days("data", *WEEK[:4])
    assert made.build().counts == {"change": 4}
    made.days("data", "01-02", text="other\n")
    assert made.build().ran == labels("01-02", "01-03", target="change")
    made.path("data/2013-01-03.txt").unlink()
    assert made.build().standing == (0, 2, 0, 2, 0)


@pytest.mark.parametrize(
    ("rule", "hint"),
    [
        ("", 'inputs.raw = { day = "previous" }'),
        ('day = "-1d..0d"', "previous"),
        ('day = "-9h..-1h"', "previous"),
        ('day = "all"', "previous"),
    ],
)
def test_a_target_that_reads_what_it_is_about_to_make(tmp_path: Path, rule: str, hint: str) -> None:
    flow = f"""
    {DAYS}
    [targets.raw]
    path = "out/{{day}}.txt"
    inputs.raw = {{ {rule} }}
    shell = "cat {{raw}} > {{output}}"
    """
    with pytest.raises(ProjectError) as error:
        Workshop(tmp_path / "project", flow).build()
    assert 'target "raw" reads itself' in str(error.value)
    assert hint in str(error.value)


# --- Killed ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["renamed:2", "committed:2", "commit:2"])
def test_a_chain_that_was_cut_off_goes_on(tmp_path: Path, place: str) -> None:
    made = Ledgered(tmp_path / "project")
    made.write("Dataflowfile", BALANCES)
    moves(made, dict.fromkeys(WEEK, 100))
    done = made.cut(place, "-j1", "balances")
    assert done.returncode == -signal.SIGKILL, done.stderr
    again = made.build(jobs=4)
    assert 5 <= again.counts["balances"] <= 6
    assert made.temporaries() == []
    check(made, tmp_path / "clean")


@pytest.mark.parametrize("path", ["{day}/{branch}", "{branch}/{day}"])
def test_the_columns_of_the_first_are_those_of_all_the_others(tmp_path: Path, path: str) -> None:
    made = Workshop(
        tmp_path / "project",
        f"""
        {DAYS}
        end = 2013-01-03
        [partitions.branch]
        values = ["north", "south"]
        [sources.heads]
        path = "heads/{{branch}}.txt"
        [targets.totals]
        path = "out/{path}.csv"
        python = "code:run"
        inputs.before = {{ from = "totals", day = "previous" }}
        """,
    )
    made.write(
        "code.py",
        "import pathlib\n"
        "def run(heads: pathlib.Path, before: list[pathlib.Path], output: pathlib.Path):\n"
        "    output.write_text(before[0].read_text() if before else heads.read_text())\n",
    )
    made.write("heads/north.txt", "n\n1\n")
    made.write("heads/south.txt", "n\n2\n")
    assert made.build(jobs=4).counts == {"totals": 6}
    assert made.build().ran == []
    made.write("heads/south.txt", "n\n3\n")
    assert len(made.build(jobs=4).ran) == 3
    made.write("heads/north.txt", "m\n1\n")
    done = made.build(jobs=4)
    assert (len(done.ran), done.standing) == (5, (5, 1, 0, 0, 0))  # of the other slice those that read such a file
    check(made, tmp_path / "clean")
