"""Tasks and inputs for the tests of SQL recipes, with everything that a test doesn't name left plain."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbuild.core.grain import Grain
from dbuild.core.model import MacroFile, SqlRecipe
from dbuild.core.task import Column, Task, TaskDimension, TaskInput, TaskOutput, TaskView, format_of
from dbuild.errors import Place
from dbuild.recipes.engine import Engine
from dbuild.recipes.sql import run

if TYPE_CHECKING:
    import duckdb

DAY = TaskDimension("day", Grain("day"))
HOUR = TaskDimension("hour", Grain("hour"))
ORIGIN = TaskDimension("origin", None)


def sql(text: str, *macros: str, file: str = "recipe.sql") -> SqlRecipe:
    """A recipe, and the texts of its files of macros: macros1.sql, macros2.sql, …"""
    files = [MacroFile(macro, Place(f"sql/macros{number}.sql", 1)) for number, macro in enumerate(macros, 1)]
    return SqlRecipe(text, Place(f"sql/{file}", 1), tuple(files))


def view(name: str, text: str, *macros: str) -> TaskView:
    """A view whose text stands in a file of its name."""
    return TaskView(name, sql(text, *macros, file=f"{name.rpartition('/')[2]}.sql"))


def given(
    name: str,
    *paths: Path,
    dimensions: tuple[TaskDimension, ...] = (),
    keys: tuple[tuple[str, ...], ...] | None = None,
    schema: tuple[Column, ...] | None = None,
    read: tuple[tuple[str, Any], ...] = (),
) -> TaskInput:
    kind = format_of(str(paths[0])) if paths else "parquet"
    places = tuple(str(path) for path in paths)
    return TaskInput(
        name,
        dimensions,
        tuple(() for _ in paths) if keys is None else keys,
        places,
        len(paths) == 1,
        kind,
        read,
        schema,
    )


def task(
    text: str,
    output: Path,
    *inputs: TaskInput,
    dimensions: tuple[TaskDimension, ...] = (),
    key: tuple[str, ...] = (),
    params: tuple[tuple[str, Any], ...] = (),
    timezone: str = "UTC",
    macros: tuple[str, ...] = (),
    views: tuple[TaskView, ...] = (),
) -> Task:
    made = TaskOutput("", str(output), str(output), format_of(str(output)))
    recipe = sql(text, *macros)
    root = str(output.parent)
    return Task(1, "target", dimensions, key, recipe, b"", inputs, (made,), params, timezone, root, views=views)


def rows(engine: Engine, text: str, out: Path, *inputs: TaskInput, **more: Any) -> list[tuple[Any, ...]]:
    """The rows of a statement that is run as a recipe into a Parquet file."""
    path = out / "result.parquet"
    run(task(text, path, *inputs, **more), engine)
    return read_parquet(path)


@cache
def session() -> duckdb.DuckDBPyConnection:
    """DuckDB itself, away from the code under test: one for all tests, as connecting takes longer than most of them."""
    import duckdb

    return duckdb.connect()


def read_parquet(path: Path) -> list[tuple[Any, ...]]:
    return session().execute("SELECT * FROM read_parquet($path)", {"path": str(path)}).fetchall()


def write(path: Path, select: str) -> Path:
    """A file made by DuckDB itself."""
    path.parent.mkdir(parents=True, exist_ok=True)
    quoted = str(path).replace("'", "''")
    session().execute(f"COPY ({select}) TO '{quoted}'")
    return path
