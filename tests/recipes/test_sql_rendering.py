"""The text of a task as it would run: runnable, made by what runs it, and without running anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbuild.core.task import Task, TaskInput
from dbuild.errors import RecipeError
from dbuild.recipes.engine import Engine
from dbuild.recipes.rendering import render
from dbuild.recipes.sql import run
from tests.recipes.sqltasks import DAY, HOUR, ORIGIN, given, read_parquet, task, view, write

KEYS = tuple((f"2013-01-0{day}",) for day in range(1, 6))
MACRO = "CREATE MACRO twice(x) AS\n  x * 2 -- of it"


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine([str(tmp_path)])


@pytest.fixture
def few(tmp_path: Path) -> TaskInput:
    return given("few", write(tmp_path / "few.parquet", "SELECT 1 AS n"), dimensions=(DAY,), keys=KEYS[:1])


def many(folder: Path, name: str) -> TaskInput:
    paths = [write(folder / f"{key}.parquet", f"SELECT {number} AS n") for number, (key,) in enumerate(KEYS)]
    return given(name, *paths, dimensions=(DAY,), keys=KEYS)


def test_the_statements_of_a_recipe_with_its_inputs_and_values(engine: Engine, tmp_path: Path, few: TaskInput) -> None:
    made = task(
        "SELECT n,\n  $day, $hour_end, $origin, $name, $low, $share, $on FROM few",
        tmp_path / "o.parquet",
        few,
        dimensions=(DAY, HOUR, ORIGIN),
        key=("2013-01-05", "2013-01-05T03", "JFK"),
        params=(("low", 5), ("name", "it's"), ("share", 0.5), ("on", True), ("unused", 1)),
        timezone="Asia/Tokyo",
    )
    found = render(made, engine)
    assert found.text == (
        "SET TimeZone = 'Asia/Tokyo';\n\n"
        f"WITH \"few\" AS NOT MATERIALIZED (SELECT * FROM read_parquet('{tmp_path}/few.parquet'))\n"
        "SELECT n,\n  $day, $hour_end, $origin, $name, $low, $share, $on FROM few;\n"
    )
    assert found.values == (
        "$day = DATE '2013-01-05'",
        "$hour_end = TIMESTAMP '2013-01-05 04:00:00'",
        "$low = 5",
        "$name = 'it''s'",
        "$on = true",
        "$origin = 'JFK'",
        "$share = 0.5",
    )
    assert not (tmp_path / "o.parquet").exists()


def test_long_lists_of_files_are_cut_and_counted(engine: Engine, tmp_path: Path) -> None:
    views = (view("clean", "SELECT n FROM raw"),)
    made = task("SELECT max(n) FROM clean", tmp_path / "o.parquet", many(tmp_path, "clean/raw"), views=views)
    text = render(made, engine).text
    assert "-- clean/raw: these 3 files and 2 more files\n" in text
    assert text.count(".parquet'") == 3


def shapes(folder: Path, few: TaskInput) -> list[Task]:
    out = folder / "o.parquet"
    clean = (view("clean", "SELECT twice(n) AS n FROM few WHERE n > $low -- low", MACRO),)
    inner = TaskInput("clean/few", few.dimensions, few.keys, few.paths, True, few.format, (), None)
    low = (("low", 0),)
    return [
        task("SELECT twice(n) AS n FROM few -- end", out, few, macros=(MACRO,)),
        task("(SELECT n + 1 AS n FROM few)", out, few),
        task("SELECT n FROM clean", out, inner, views=clean, params=low),
        task("CREATE TEMP TABLE t AS FROM clean; SELECT n FROM t", out, inner, views=clean, params=low),
        task("CREATE TEMP MACRO twice(x) AS -x; SELECT n, twice(n) FROM clean", out, inner, views=clean, params=low),
        task("WITH x AS (SELECT 1) SELECT twice(n) AS n FROM few, x", out, few, macros=(MACRO,)),
        task("SELECT total() AS n", out, few, macros=("CREATE MACRO total() AS (SELECT sum(n) FROM few)",)),
    ]


@pytest.mark.parametrize("number", range(7))
def test_the_text_can_be_run_as_it_is_and_gives_the_result(
    engine: Engine, tmp_path: Path, few: TaskInput, number: int
) -> None:
    import duckdb

    made = shapes(tmp_path, few)[number]
    found = render(made, engine)
    run(made, engine)
    with duckdb.connect() as session:
        assert session.execute(found.text).fetchall() == read_parquet(tmp_path / "o.parquet")


def test_arrow_files_are_named(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    run(task("SELECT 1 AS n", path), engine)
    text = render(task("SELECT n FROM a", tmp_path / "o.parquet", given("a", path)), engine).text
    assert f"-- dbuild_arrow_1 is {path}\n" in text


def test_a_view_can_be_shown_without_an_output(engine: Engine, tmp_path: Path, few: TaskInput) -> None:
    from dataclasses import replace

    made = replace(task("SELECT n FROM few", tmp_path / "o.parquet", few), outputs=())
    assert render(made, engine).text.endswith("SELECT n FROM few;\n")


def test_a_recipe_with_a_mistake_can_not_be_shown(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="neither a dimension"):
        render(task("SELECT $nothing", tmp_path / "o.parquet"), engine)


def test_nothing_stays_of_what_was_shown(engine: Engine, tmp_path: Path, few: TaskInput) -> None:
    for made in shapes(tmp_path, few):
        render(made, engine)
    for query in ("duckdb_views()", "duckdb_tables()", "duckdb_functions()"):
        assert engine.cursor.execute(f"SELECT count(*) FROM {query} WHERE NOT internal").fetchall() == [(0,)]
