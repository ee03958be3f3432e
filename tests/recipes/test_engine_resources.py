"""Threads and memory of a session: set when they change, kept through everything, and what happens at the limit."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import duckdb
import pytest

from dbuild.errors import Place, RecipeError
from dbuild.recipes import views
from dbuild.recipes.composition import Step, added
from dbuild.recipes.engine import Engine
from dbuild.recipes.sql import run
from tests.recipes.sqltasks import given, read_parquet, task, write


def settings(engine: Engine) -> tuple[str, int]:
    row = engine.cursor.execute("SELECT current_setting('memory_limit'), current_setting('threads')").fetchone()
    assert row is not None
    return row[0], row[1]


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine([str(tmp_path)])


@pytest.mark.parametrize("is_connected", [False, True])
def test_resources_are_set_before_and_after_the_session_connects(engine: Engine, is_connected: bool) -> None:
    usual = settings(Engine([]))
    if is_connected:
        assert settings(engine) == usual
    engine.set_resources(2, 512 << 20)
    assert settings(engine) == ("512.0 MiB", 2)
    engine.set_timezone("Asia/Tokyo")
    engine.reset()
    assert settings(engine) == ("512.0 MiB", 2)
    engine.close()
    assert settings(engine) == ("512.0 MiB", 2)
    engine.set_resources(1, None)
    assert settings(engine) == usual


def test_resources_that_are_set_already_are_not_set_again(engine: Engine) -> None:
    engine.set_resources(2, 512 << 20)
    engine.root.execute("SET GLOBAL threads = 3")  # behind its back: setting them again would undo this
    engine.root.execute("SET GLOBAL memory_limit = '600MiB'")
    engine.set_resources(2, 512 << 20)
    assert settings(engine) == ("600.0 MiB", 3)


def test_a_limit_that_nothing_can_run_in_is_raised_to_one_that_simple_statements_can(engine: Engine) -> None:
    engine.set_resources(1, 1)
    assert settings(engine) == ("16.0 MiB", 1)


@pytest.mark.parametrize("name", ["out.parquet", "out.csv", "out.arrow"])
def test_rows_and_their_order_do_not_depend_on_threads(engine: Engine, tmp_path: Path, name: str) -> None:
    """Nor do bytes, but for Parquet, whose row groups DuckDB cuts in another way with one thread than with more."""
    path = write(tmp_path / "in.parquet", "SELECT range AS n, hash(range) AS h FROM range(300_000)")
    text = "SELECT n, h % 7 AS g, 'x' || h AS s FROM a WHERE h % 5 <> 0"
    made = []
    for threads in (1, 2):
        engine.set_resources(threads, None)
        run(task(text, tmp_path / name, given("a", path)), engine)
        is_parquet = name == "out.parquet"
        made.append(read_parquet(tmp_path / name) if is_parquet else (tmp_path / name).read_bytes())
    assert made[0] == made[1]


def test_too_little_memory_fails_the_task_and_says_what_to_do(engine: Engine, tmp_path: Path) -> None:
    engine.set_resources(1, 16 << 20)
    text = "SELECT list(hash(n) ORDER BY hash(n + 1)) AS h FROM range(3_000_000) t(n)"
    with pytest.raises(RecipeError, match="Out of Memory Error") as caught:
        run(task(text, tmp_path / "out.parquet"), engine)
    assert {"OutOfMemoryException", "memory"} <= set(caught.value.causes)
    assert "needs = { memory" in str(caught.value.hint)
    assert "Possible solutions" not in caught.value.what
    engine.set_resources(1, None)
    run(task("SELECT count(*) AS n FROM range(3_000_000)", tmp_path / "out.parquet"), engine)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("SELECT CAST('x' AS INT)", "ConversionException"),
        ("SELECT nothing", "BinderException"),
        ("SELECT CAST(CASE n WHEN 400_000 THEN 'x' END AS INT) FROM range(400_001) t(n)", "ConversionException"),
    ],
)
@pytest.mark.parametrize("name", ["out.parquet", "out.csv", "out.arrow"])
def test_the_causes_of_a_failure_are_the_classes_of_its_error(
    engine: Engine, tmp_path: Path, name: str, text: str, cause: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        run(task(text, tmp_path / name), engine)
    assert cause in caught.value.causes
    assert "memory" not in caught.value.causes


def test_a_session_has_no_threads_but_those_of_its_tasks(engine: Engine) -> None:
    assert engine.root.sql("SELECT current_setting('async_threads'), current_setting('threads')").fetchall() == [(0, 1)]


def test_a_statement_without_values_is_executed_without_a_dict_which_has_it_planned_twice() -> None:
    given: list[tuple[object, ...]] = []

    class Cursor:
        def execute(self, *arguments: object) -> None:
            given.append(arguments)

    place = Place("Dataflowfile", 1)
    every: list[dict[str, object]] = [{}, {"a": 1}]
    for values in every:
        views._execute(Step(added("SELECT 1"), place, values), cast(duckdb.DuckDBPyConnection, Cursor()))
    assert given == [("SELECT 1",), ("SELECT 1", {"a": 1})]
