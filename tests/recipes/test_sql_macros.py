"""Macros of files: which of them count for a recipe, what they read, their mistakes, and their life in a session."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbuild.core.task import TaskInput
from dbuild.errors import RecipeError
from dbuild.recipes.engine import Engine
from dbuild.recipes.sql import analyse, run
from tests.recipes.sqltasks import DAY, given, rows, sql, task, write

LATE = "CREATE MACRO late(x) AS x > 15;\n"


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine([str(tmp_path)])


@pytest.fixture
def numbers(tmp_path: Path) -> TaskInput:
    path = write(tmp_path / "in" / "numbers.parquet", "SELECT n, n % 3 AS g FROM range(9) t(n)")
    return given("numbers", path, dimensions=(DAY,), keys=(("2013-01-05",),))


def fingerprint(text: str, *macros: str) -> bytes:
    found = analyse(sql(text, *macros))
    assert not found.problems, found.problems
    return found.fingerprint


def reads(text: str, *macros: str) -> list[tuple[str, str]]:
    found = analyse(sql(text, *macros))
    assert not found.problems, found.problems
    return [(reference.name, str(reference.place)) for reference in found.reads]


def problems(text: str, *macros: str) -> list[tuple[str, str]]:
    return [(p.what, str(p.place)) for p in analyse(sql(text, *macros)).problems]


def test_macros_that_are_not_used_do_not_count() -> None:
    plain = fingerprint("SELECT 1")
    assert fingerprint("SELECT 1", LATE, "CREATE MACRO two() AS TABLE FROM somewhere") == plain
    assert reads("SELECT 1", "CREATE MACRO two() AS TABLE FROM somewhere") == []


@pytest.mark.parametrize(
    ("macro", "is_same"),
    [
        ("create or replace temp function LATE (x)\n  as (x>15) -- over a quarter of an hour", True),
        ("CREATE TEMPORARY MACRO IF NOT EXISTS late(x) AS x > 15", True),
        ("CREATE MACRO late(x) AS x > 16", False),
        ("CREATE MACRO late(x) AS x >= 15", False),
        ("CREATE MACRO late(x := 3) AS x > 15", False),
        ("CREATE MACRO late(x INT) AS x > 15", False),
        ("CREATE MACRO late(y) AS y > 15", False),
        ("CREATE MACRO late(x) AS x > 15, (x, y) AS x > y", False),
        (LATE + "CREATE MACRO unused() AS 3", True),
    ],
)
def test_the_form_of_a_used_macro_is_part_of_the_fingerprint(macro: str, is_same: bool) -> None:
    text = "SELECT late(delay) FROM flights"
    assert (fingerprint(text, macro) == fingerprint(text, LATE)) is is_same


def test_types_of_further_forms_count() -> None:
    forms = ("CREATE MACRO m(x) AS x, (x, y INT) AS y", "CREATE MACRO m(x) AS x, (x, y BIGINT) AS y")
    assert fingerprint("SELECT m(1)", forms[0]) != fingerprint("SELECT m(1)", forms[1])


def test_macros_count_through_other_macros_whatever_their_order_and_file() -> None:
    first = "CREATE MACRO a(x) AS b(x) + 1;"
    text = "SELECT a(1)"
    made = fingerprint(text, first, "CREATE MACRO b(x) AS c(x) * 2;\nCREATE MACRO c(x) AS x;")
    assert made == fingerprint(text, "CREATE MACRO c(x) AS x;\nCREATE MACRO b(x) AS c(x) * 2;" + first)
    assert made != fingerprint(text, first, "CREATE MACRO b(x) AS c(x) * 2;\nCREATE MACRO c(x) AS x + 0;")
    assert made != fingerprint("CREATE TEMP TABLE t AS SELECT 1; SELECT a(1)", first, "CREATE MACRO b(x) AS x")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT m(1)",
        "SELECT 1 FROM x WHERE M(x.y)",
        "SELECT (1).m()",
        "SELECT list_transform([1], lambda y: m(y)) FROM x",
        "SELECT sum(x) OVER (ORDER BY m(1)) FROM x",
        "CREATE TEMP MACRO mine() AS m(1); SELECT 1",
        "CREATE TEMP TABLE t AS SELECT m(1); FROM t",
        "PIVOT x ON y USING sum(m(z))",
        "SELECT temp.m(1)",
        'SELECT "m"(1)',
        "WITH q AS (SELECT m(1)) FROM q",
    ],
)
def test_a_macro_is_used_wherever_it_is_called(text: str) -> None:
    read = reads(text, "CREATE MACRO m(x) AS (SELECT max(x) FROM dim)")
    assert ("dim", "sql/macros1.sql:1") in read


def test_what_a_macro_reads_is_read_by_the_recipe_at_the_place_of_the_macro() -> None:
    macros = "-- macros\nCREATE MACRO rate(d) AS (\n  SELECT max(r) FROM rates WHERE day = d);\n"
    macros += "CREATE MACRO m() AS TABLE\nFROM n();"
    assert reads("SELECT rate(day) FROM flights", macros, "\n\nCREATE MACRO n() AS TABLE FROM model.metrics") == [
        ("flights", "sql/recipe.sql:1"),
        ("rates", "sql/macros1.sql:3"),
    ]
    assert reads("FROM m()", macros, "\n\nCREATE MACRO n() AS TABLE FROM model.metrics") == [
        ("model.metrics", "sql/macros2.sql:3")
    ]


@pytest.mark.parametrize(
    ("macro", "what", "line"),
    [
        ("SELECT 1", "SELECT can't be used in a file of macros", 1),
        ("CREATE TEMP TABLE t AS SELECT 1", "CREATE TEMP TABLE can't be used in a file of macros", 1),
        ("CREATE INDEX i ON t(x)", "CREATE INDEX can't be used in a file of macros", 1),
        ("CREATE MACRO a() AS 1;\n\nDROP MACRO a", "DROP can't be used in a file of macros", 3),
        ("CREATE MACRO a() AS 1;\nCREATE MACRO b() AS", 'syntax error at or near "AS"', 2),
        ("CREATE MACRO a() AS 1;\nCREATE MACRO main.b() AS 2", "a temporary name has no schema", 2),
        ("CREATE MACRO a() AS\n TABLE FROM read_csv('x.csv')", "read_csv() can't be used here", 2),
        ("CREATE MACRO a() AS\n getenv('HOME')", "getenv() can't be used here", 2),
        ("CREATE MACRO a() AS\n\n $day", "$day can't be used in a macro", 3),
        ("CREATE MACRO a() AS TABLE\nFROM 'x.parquet'", 'the file "x.parquet" can\'t be read', 2),
        ("CREATE MACRO range(x) AS 3", '"range" is a function of DuckDB', 1),
    ],
)
def test_mistakes_in_a_file_of_macros_are_told_at_their_place(macro: str, what: str, line: int) -> None:
    assert problems("SELECT 1", macro) == [(what, f"sql/macros1.sql:{line}")]


def test_two_macros_of_one_name_are_told_with_both_places() -> None:
    found = analyse(sql("SELECT 1", "CREATE MACRO m(x) AS x;", "\nCREATE MACRO M(y) AS y"))
    assert [str(p) for p in found.problems] == [
        'sql/macros2.sql:2: there are two macros of the name "M"\n  hint: the other one is at sql/macros1.sql:1'
    ]


@pytest.mark.parametrize(
    ("macro", "circle"),
    [
        ("CREATE MACRO m(x) AS m(x - 1)", "m → m"),
        ("CREATE MACRO lower(x) AS lower(x)", "lower → lower"),
        (
            "CREATE MACRO a(x) AS b(x);\nCREATE MACRO b(x) AS TABLE FROM c(x);\nCREATE MACRO c(x) AS a(x)",
            "a → b → c → a",
        ),
    ],
)
def test_recursion_is_told(macro: str, circle: str) -> None:
    ((what, place),) = problems("SELECT 1", macro)
    assert what.startswith("macros can't call themselves: ")
    assert place == "sql/macros1.sql:1"
    assert sorted(what.split(": ")[1].split(" → ")[1:]) == sorted(circle.split(" → ")[1:])


def test_a_table_may_not_be_created_under_the_name_of_what_a_macro_reads() -> None:
    macro = "CREATE MACRO m() AS (SELECT max(x) FROM t)"
    text = "CREATE TEMP TABLE t AS SELECT 1 AS x;\nSELECT m()"
    ((what, place),) = problems(text, macro)
    assert (what, place) == ('"t" is created here, and the macro "m" reads a dataset so called', "sql/recipe.sql:1")


def test_a_recipe_is_single_if_it_is_one_select() -> None:
    assert analyse(sql("WITH a AS (SELECT 1) FROM a", LATE)).is_single
    assert not analyse(sql("CREATE TEMP TABLE t AS SELECT 1; FROM t")).is_single


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT twice(n) FROM numbers WHERE n = 4", [(8,)]),
        ("SELECT more(n) FROM numbers WHERE n = 4", [(9,)]),
        ("SELECT more(1), more(1, 5) FROM numbers LIMIT 1", [(3, 7)]),
        ("SELECT biggest()", [(8,)]),
        ("SELECT biggest(), count(*) FROM numbers", [(8, 9)]),
        ("FROM of_group(2)", [(2,), (5,), (8,)]),
        ("SELECT max(n) FROM of_group(1)", [(7,)]),
        ("SELECT day, n FROM everything() WHERE n = 3", None),
        ("CREATE TEMP TABLE t AS FROM of_group(2); SELECT sum(n), biggest() FROM t", [(15, 8)]),
        ("CREATE TEMP MACRO mine(x) AS more(x) * 10; SELECT mine(1)", [(30,)]),
        ("CREATE TEMP MACRO twice(x) AS x * 100; SELECT twice(1)", [(100,)]),
        ("CREATE TEMP MACRO twice(x) AS x * 100; SELECT twice(1), more(1)", [(100, 101)]),
        ("CREATE OR REPLACE TEMP MACRO of_group(x) AS TABLE SELECT x AS n; FROM of_group(7)", [(7,)]),
        ("WITH numbers AS (SELECT 99 AS n) SELECT n, biggest() > 0 FROM numbers", [(99, True)]),
    ],
)
def test_macros_of_files_work_in_a_recipe(
    engine: Engine, tmp_path: Path, numbers: TaskInput, text: str, expected: list[tuple[object, ...]] | None
) -> None:
    macros = (
        "CREATE MACRO more(x, y := 1) AS twice(x) + y;\nCREATE FUNCTION twice(x) AS x * 2;",
        "CREATE TEMP MACRO biggest() AS (SELECT max(n) FROM everything());\n"
        "CREATE MACRO everything() AS TABLE SELECT * FROM numbers;\n"
        "CREATE MACRO of_group(which) AS TABLE SELECT n FROM numbers WHERE g = which ORDER BY n;",
    )
    found = rows(engine, text, tmp_path, numbers, macros=macros)
    assert expected is None or found == expected


def test_macros_end_with_their_task(engine: Engine, tmp_path: Path, numbers: TaskInput) -> None:
    assert rows(engine, "SELECT late(20)", tmp_path, macros=(LATE,)) == [(True,)]
    with pytest.raises(RecipeError, match="late does not exist"):
        rows(engine, "SELECT late(20)", tmp_path)
    assert rows(engine, "SELECT late(20)", tmp_path, macros=("CREATE MACRO late(x) AS 'no'",)) == [("no",)]
    count = "SELECT count(*) FROM duckdb_functions() WHERE NOT internal"
    assert engine.root.execute(count).fetchall() == [(0,)]


def test_columns_that_only_a_macro_names_are_there(engine: Engine, tmp_path: Path, numbers: TaskInput) -> None:
    macro = "CREATE MACRO of_day(d) AS (SELECT count(*) FROM numbers WHERE day = d)"
    found = rows(engine, "SELECT of_day(DATE '2013-01-05'), max(n) FROM numbers", tmp_path, numbers, macros=(macro,))
    assert found == [(9, 8)]


def test_an_error_in_a_macro_is_at_its_line(engine: Engine, tmp_path: Path, numbers: TaskInput) -> None:
    macro = "CREATE MACRO fine() AS 1;\nCREATE MACRO bad() AS (\n  SELECT nothing FROM\n numbers)"
    with pytest.raises(RecipeError, match="nothing") as caught:
        rows(engine, "SELECT bad()", tmp_path, numbers, macros=(macro,))
    assert str(caught.value.place) == "sql/macros1.sql:3"
    assert "BinderException" in caught.value.causes


def test_a_mistake_in_a_macro_never_reaches_the_session(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="getenv") as caught:
        rows(engine, "SELECT a()", tmp_path, macros=("CREATE MACRO a() AS getenv('HOME')",))
    assert str(caught.value.place) == "sql/macros1.sql:1"


def test_the_columns_of_a_result_are_not_taken_from_a_task_with_other_macros(engine: Engine, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    kinds = []
    for macro in ("CREATE MACRO m() AS 1", "CREATE MACRO m() AS 'x'"):
        kinds.append(run(task("SELECT m() AS a", out, macros=(macro,)), engine))
    assert kinds == [(("a", "INTEGER"),), (("a", "VARCHAR"),)]
