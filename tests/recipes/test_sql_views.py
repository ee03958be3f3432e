"""Views: a recipe reads through them, each under its own names, with its own params and macros."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from dbuild.core.task import TaskInput
from dbuild.errors import RecipeError
from dbuild.recipes.engine import Engine
from dbuild.recipes.sql import run
from tests.recipes.sqltasks import DAY, given, rows, sql, task, view, write

DAYS = ("2013-01-05", "2013-01-06")


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine([str(tmp_path)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, day in enumerate(DAYS):
        write(tmp_path / f"{day}.parquet", f"SELECT n + {number * 10} AS n, n % 2 AS g FROM range(4) t(n)")
    return tmp_path


def raw(folder: Path, name: str, *days: str) -> TaskInput:
    paths = [folder / f"{day}.parquet" for day in days]
    return given(name, *paths, dimensions=(DAY,), keys=tuple((day,) for day in days))


EVEN = "SELECT * FROM raw WHERE g = 0"
PARTS = "-- first\n(SELECT n FROM raw WHERE n = 1) UNION ALL (SELECT n FROM raw WHERE n = 2) -- last"
COUNTING = "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3)"
PIVOT = "PIVOT (SELECT n, g FROM raw) ON g USING sum(n)"
FIFTH, SIXTH = date(2013, 1, 5), date(2013, 1, 6)


@pytest.mark.parametrize(
    ("clean", "text", "expected"),
    [
        (EVEN, "SELECT n, day FROM clean WHERE n > 0", [(2, FIFTH), (10, SIXTH), (12, SIXTH)]),
        ("SELECT n FROM raw", "SELECT max(n) FROM Clean", [(13,)]),
        ("SELECT n AS m FROM raw r WHERE r.day > DATE '2013-01-05'", "SELECT sum(m), count(*) FROM clean", [(46, 4)]),
        (PARTS, "FROM clean", [(1,), (2,)]),
        ("WITH raw AS (SELECT n FROM raw WHERE n < 2) SELECT * FROM raw", "FROM clean", [(0,), (1,)]),
        (f"{COUNTING} FROM r", "FROM clean", [(1,), (2,), (3,)]),
        ("SELECT n FROM raw ORDER BY n DESC LIMIT 2", "FROM clean", [(13,), (12,)]),
        ("VALUES (1), (2)", "SELECT count(*) FROM clean", [(2,)]),
        ("TABLE raw", "SELECT count(day) FROM clean", [(8,)]),
        (PIVOT, "FROM clean", [(24, 28)]),
        ("DESCRIBE raw", "SELECT column_name FROM clean", [("n",), ("g",), ("day",)]),
        (EVEN, "(SELECT n FROM clean LIMIT 1) UNION ALL (SELECT 7)", [(0,), (7,)]),
        (EVEN, "WITH clean AS (SELECT n FROM clean WHERE n = 2) SELECT n FROM clean", [(2,)]),
        (EVEN, f"{COUNTING} SELECT n FROM clean SEMI JOIN r USING (n)", [(2,)]),
        (EVEN, COUNTING.replace(" ", "\n", 1) + "\nSELECT n FROM clean SEMI JOIN r USING (n)", [(2,)]),
        (EVEN, "CREATE TEMP TABLE t AS FROM clean WHERE n > 10; SELECT n FROM t", [(12,)]),
        (EVEN, "CREATE TEMP VIEW t AS SELECT n + 1 AS n FROM clean; SELECT max(n) FROM t", [(13,)]),
        (EVEN, "CREATE TEMP MACRO m(x) AS (SELECT count(*) FROM clean WHERE n < x); SELECT m(10)", [(2,)]),
        (PIVOT, "CREATE TEMP VIEW t AS FROM clean; FROM t", [(24, 28)]),
        (EVEN, "SELECT clean.n FROM clean WHERE clean.n = 2", [(2,)]),
        (EVEN, "SELECT a.n FROM clean a JOIN clean b ON a.n = b.n + 10", [(10,), (12,)]),
        (EVEN, "SELECT clean FROM clean LIMIT 1", [({"n": 0, "g": 0, "day": FIFTH},)]),
    ],
)
def test_a_recipe_reads_through_a_view(
    engine: Engine, folder: Path, clean: str, text: str, expected: list[tuple[Any, ...]]
) -> None:
    found = rows(engine, text, folder, raw(folder, "clean/raw", *DAYS), views=(view("clean", clean),))
    assert found == expected


@pytest.mark.parametrize("before", ["", "CREATE TEMP TABLE t AS SELECT 1; "])
def test_views_and_recipe_read_one_dataset_each_in_its_own_way(engine: Engine, folder: Path, before: str) -> None:
    inputs = (raw(folder, "raw", *DAYS), raw(folder, "a/raw", DAYS[0]), raw(folder, "b/raw", DAYS[1]))
    views = (view("a", "SELECT min(n) AS n FROM raw"), view("b", "SELECT min(n) AS n FROM raw"))
    text = before + "SELECT (SELECT n FROM a), (SELECT n FROM b), count(*) FROM raw"
    assert rows(engine, text, folder, *inputs, views=views) == [(0, 10, 8)]


def test_a_view_may_have_its_inputs_name_for_something_else(engine: Engine, folder: Path) -> None:
    views = (view("raw", "SELECT n FROM raw WHERE n = 3"),)
    assert rows(engine, "FROM raw", folder, raw(folder, "raw/raw", DAYS[0]), views=views) == [(3,)]


@pytest.mark.parametrize("before", ["", "CREATE TEMP TABLE t AS SELECT 1; "])
def test_views_read_views(engine: Engine, folder: Path, before: str) -> None:
    views = (view("upper/base", "SELECT n FROM raw WHERE g = 1"), view("upper", "SELECT n * 2 AS n, '\n' FROM base"))
    text = before + "SELECT upper.n, raw.n FROM upper JOIN raw ON upper.n = raw.n + 2"
    inputs = (raw(folder, "upper/base/raw", DAYS[0]), raw(folder, "raw", DAYS[0]))
    assert rows(engine, text, folder, *inputs, views=views) == [(2, 0)]


def test_a_view_that_is_not_read_is_not_looked_at(engine: Engine, folder: Path) -> None:
    views = (view("clean", EVEN), view("broken", "SELECT nothing FROM raw"), view("wrong", "SELECT FROM"))
    inputs = (raw(folder, "clean/raw", DAYS[0]), given("broken/raw", folder / "none.parquet"))
    assert rows(engine, "SELECT max(n) FROM clean", folder, *inputs, views=views) == [(2,)]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (3, "BIGINT"),
        (-(2**63), "BIGINT"),
        (2**70, "HUGEINT"),
        (0.1, "DOUBLE"),
        (float("inf"), "DOUBLE"),
        (True, "BOOLEAN"),
        ("it's\n $x; -- \\ é", "VARCHAR"),
        ("", "VARCHAR"),
    ],
)
@pytest.mark.parametrize("before", ["", "CREATE TEMP VIEW t AS FROM clean; "])
def test_params_of_a_view_are_what_a_recipe_would_bind(
    engine: Engine, folder: Path, value: Any, kind: str, before: str
) -> None:
    clean = "SELECT $x AS x, typeof($x) AS kind, /* $x */ '$x' AS text, -- $x\n$x IS NULL AS empty"
    params = (("x", value), ("y", 3))
    text = before + "SELECT *, x = $x AND typeof($x) = kind FROM clean"
    found = rows(engine, text, folder, views=(view("clean", clean),), params=params)
    assert found == [(value, kind, "$x", False, True)]


def test_a_param_of_a_view_is_no_dimension_of_its_reader(engine: Engine, folder: Path) -> None:
    more: dict[str, Any] = {"dimensions": (DAY,), "key": (DAYS[0],), "params": (("day", 7),)}
    views = (view("clean", "SELECT $day AS x"),)
    assert rows(engine, "SELECT x, $day FROM clean", folder, views=views, **more) == [(7, date(2013, 1, 5))]
    with pytest.raises(RecipeError, match=r'"\$day" in the view "clean" is no param') as caught:
        rows(engine, "SELECT x FROM clean", folder, views=views, **(more | {"params": ()}))
    assert str(caught.value.place) == "sql/clean.sql:1"


def test_the_kept_columns_of_a_result_are_those_of_these_views(engine: Engine, folder: Path) -> None:
    out = folder / "out.csv"
    for clean in ("SELECT n FROM raw", "SELECT n, g FROM raw", "SELECT n, 'x' AS g FROM raw", "SELECT day FROM raw"):
        made = task("FROM clean", out, raw(folder, "clean/raw", DAYS[0]), views=(view("clean", clean),))
        columns = run(made, engine)
        with out.open() as file:
            assert [name for name, _ in columns or ()] == next(csv.reader(file))


def test_only_the_columns_that_a_view_names_are_read_for_it(engine: Engine, folder: Path) -> None:
    inputs = (raw(folder, "clean/raw", *DAYS), raw(folder, "raw", *DAYS))
    views = (view("clean", "SELECT n, day FROM raw"),)
    assert rows(engine, "SELECT count(clean.day) FROM clean JOIN raw USING (n)", folder, *inputs, views=views) == [(8,)]
    views = (view("clean", "SELECT n FROM raw"),)
    with pytest.raises(RecipeError, match='"day"'):
        rows(engine, "SELECT clean.day FROM clean", folder, *inputs, views=views)


@pytest.mark.parametrize("before", ["", "CREATE TEMP TABLE t AS SELECT 1;\n\n"])
def test_an_error_in_a_view_is_at_its_own_line(engine: Engine, folder: Path, before: str) -> None:
    views = (view("upper/base", "SELECT n\n\nFROM raw\nWHERE nothing = 1"), view("upper", "SELECT\n * FROM base"))
    with pytest.raises(RecipeError, match="nothing") as caught:
        rows(engine, before + "SELECT *\n FROM upper", folder, raw(folder, "upper/base/raw", *DAYS), views=views)
    assert str(caught.value.place) == "sql/base.sql:4"


def test_an_error_in_the_data_is_at_the_line_of_the_view_that_meets_it(engine: Engine, folder: Path) -> None:
    views = (view("clean", "SELECT n,\n  CAST('x' || n AS INT) AS m FROM raw"),)
    with pytest.raises(RecipeError, match="Could not convert string 'x0'") as caught:
        rows(engine, "SELECT 1,\n\n\nm FROM clean", folder, raw(folder, "clean/raw", *DAYS), views=views)
    assert str(caught.value.place) == "sql/clean.sql:2"
    assert "ConversionException" in caught.value.causes


@pytest.mark.parametrize(
    "text",
    [
        "SELECT\n\n nope FROM clean",
        "CREATE TEMP TABLE t AS\n SELECT 1;\nSELECT nope FROM clean",
        "WITH x AS\n (SELECT 1)\nSELECT nope FROM clean, x",
    ],
)
def test_an_error_in_the_recipe_is_at_its_line_beside_views(engine: Engine, folder: Path, text: str) -> None:
    views = (view("clean", "SELECT\n\n\n n FROM raw"),)
    with pytest.raises(RecipeError, match="nope") as caught:
        rows(engine, text, folder, raw(folder, "clean/raw", *DAYS), views=views)
    assert str(caught.value.place) == "sql/recipe.sql:3"


def test_a_view_of_several_statements_is_refused(engine: Engine, folder: Path) -> None:
    with pytest.raises(RecipeError, match='the view "clean" has several statements'):
        rows(engine, "FROM clean", folder, views=(view("clean", "CREATE TEMP TABLE t AS SELECT 1; FROM t"),))


def test_a_view_can_not_reach_out(engine: Engine, folder: Path) -> None:
    with pytest.raises(RecipeError, match="can't be used here") as caught:
        rows(engine, "FROM clean", folder, views=(view("clean", "FROM read_csv('x.csv')"),))
    assert str(caught.value.place) == "sql/clean.sql:1"


COUNT = "CREATE MACRO total() AS (SELECT count(*) FROM raw);\nCREATE MACRO twice(x) AS x * 2;"


@pytest.mark.parametrize("before", ["", "CREATE TEMP TABLE t AS SELECT 1; "])
def test_a_macro_reads_what_the_scope_that_calls_it_calls_so(engine: Engine, folder: Path, before: str) -> None:
    inputs = (raw(folder, "clean/raw", DAYS[0]), raw(folder, "raw", *DAYS))
    views = (view("clean", "SELECT total() AS of_view", COUNT),)
    text = before + "SELECT twice(of_view), total() FROM clean"
    assert rows(engine, text, folder, *inputs, views=views, macros=(COUNT,)) == [(8, 8)]
    text = before + "SELECT twice(of_view) FROM clean"
    assert rows(engine, text, folder, *inputs, views=views, macros=(COUNT,)) == [(8,)]


@pytest.mark.parametrize("before", ["", "CREATE TEMP TABLE raw AS SELECT 1; "])
def test_what_a_views_macro_reads_is_nothing_of_the_recipe(engine: Engine, folder: Path, before: str) -> None:
    views = (view("clean", "SELECT total() AS n", COUNT),)
    assert rows(engine, before + "FROM clean", folder, raw(folder, "clean/raw", DAYS[0]), views=views) == [(4,)]


@pytest.mark.parametrize(
    ("text", "macros", "expected"),
    [
        ("SELECT m(1), n FROM clean", ("CREATE MACRO m(x) AS x + 100",), [(101, -1)]),
        ("CREATE TEMP MACRO m(x) AS x + 100; SELECT m(1), n FROM clean", (), [(101, -1)]),
        ("CREATE TEMP MACRO abs(x) AS 'mine'; SELECT abs(1), n FROM clean", (), [("mine", -1)]),
        ("SELECT abs(1), n FROM clean", ("CREATE MACRO abs(x) AS 'mine'",), [("mine", -1)]),
        ("CREATE TEMP MACRO m(x) AS x; SELECT m(1), n FROM clean", ("CREATE MACRO m(x) AS -abs(x)",), [(1, -1)]),
    ],
)
def test_each_scope_calls_its_own_macros(
    engine: Engine, folder: Path, text: str, macros: tuple[str, ...], expected: list[tuple[object, ...]]
) -> None:
    views = (
        view("clean/base", "SELECT 1 AS n", "CREATE MACRO m(x) AS 'unused'"),
        view("clean", "SELECT m(n) AS n FROM base", "CREATE MACRO m(x) AS -abs(x)"),
    )
    assert rows(engine, text, folder, views=views, macros=macros) == expected


def test_a_builtin_that_a_views_macro_hides_is_still_the_recipes(engine: Engine, folder: Path) -> None:
    views = (view("clean", "SELECT upper('a') AS n", "CREATE MACRO upper(x) AS 'of the view'"),)
    assert rows(engine, "SELECT upper('b'), n FROM clean", folder, views=views) == [("B", "of the view")]


def test_named_outputs_are_read_in_views(engine: Engine, folder: Path) -> None:
    one, two = raw(folder, "clean/model.metrics", DAYS[0]), raw(folder, "model.metrics", DAYS[0])
    views = (view("clean", "SELECT max(n) AS n FROM model.metrics"),)
    assert rows(engine, "FROM clean", folder, one, views=views) == [(3,)]
    text = "SELECT c.n, m.n FROM clean c, model.metrics m WHERE day IS NOT NULL LIMIT 1"
    assert rows(engine, text, folder, one, two, views=views) == [(3, 0)]
    other = raw(folder, "model.metrics", DAYS[1])
    with pytest.raises(RecipeError, match=r'"model.metrics" is read twice here, of different partitions'):
        rows(engine, "SELECT c.n, m.n FROM clean c, model.metrics m", folder, one, other, views=views)
    assert rows(engine, "SELECT max(n) FROM model.metrics", folder, other) == [(13,)]


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.arrow"])
def test_views_read_every_format(engine: Engine, folder: Path, name: str) -> None:
    path = folder / name
    schema = (("n", "BIGINT"), ("s", "VARCHAR"))
    run(task("SELECT n, 'x' || n AS s FROM range(3) t(n)", path), engine)
    table = given("clean/raw", path, dimensions=(DAY,), keys=((DAYS[0],),), schema=schema)
    for before in ("", "CREATE TEMP TABLE t AS SELECT 1; "):
        found = rows(engine, before + "FROM clean", folder, table, views=(view("clean", "FROM raw WHERE n > 1"),))
        assert found == [(2, "x2", date(2013, 1, 5))]


def test_a_view_of_an_input_without_files_is_empty(engine: Engine, folder: Path) -> None:
    table = given("clean/raw", dimensions=(DAY,), schema=(("n", "BIGINT"),))
    found = rows(engine, "SELECT count(*) FROM clean", folder, table, views=(view("clean", "SELECT * FROM raw"),))
    assert found == [(0,)]


def test_nothing_of_a_view_stays_in_the_session(engine: Engine, folder: Path) -> None:
    views = (view("clean", "SELECT m(max(n)) AS n FROM model.metrics", "CREATE MACRO m(x) AS x"),)
    text = "CREATE TEMP MACRO m(x) AS 0; SELECT n FROM clean"
    assert rows(engine, text, folder, raw(folder, "clean/model.metrics", DAYS[0]), views=views) == [(3,)]
    for query in ("duckdb_views()", "duckdb_tables()", "duckdb_functions()"):
        assert engine.root.execute(f"SELECT count(*) FROM {query} WHERE NOT internal").fetchall() == [(0,)]


def test_the_fingerprint_of_a_recipe_knows_nothing_of_its_views() -> None:
    from dbuild.recipes.sql import analyse

    found = analyse(sql("SELECT * FROM clean JOIN raw USING (n)"))
    assert [reference.name for reference in found.reads] == ["clean", "raw"]
