"""The first rows of a file as text."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from dbuild.core.task import Column, TaskInput
from dbuild.errors import RecipeError
from dbuild.recipes.engine import columns_of
from dbuild.recipes.failures import failure
from dbuild.recipes.readers import ReaderOptions
from dbuild.recipes.sqltext import identifier

if TYPE_CHECKING:
    import duckdb

    from dbuild.recipes.engine import Engine

_COUNTABLE = 32 << 20  # bytes of a CSV or JSON file, whose rows are only known by reading all of it
_FORMATS = ("parquet", "csv", "json", "arrow")


class Preview(NamedTuple):
    """Some rows of a table."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str | None, ...], ...]  # values as DuckDB writes them; None for NULL
    total: int | None  # how many rows there are; None where counting them would take long


def first_rows(table: duckdb.DuckDBPyRelation, limit: int) -> tuple[tuple[str | None, ...], ...]:
    """The first rows of a relation, values as DuckDB writes them."""
    texts = ", ".join(f"CAST({identifier(name)} AS VARCHAR)" for name in table.columns)
    return tuple(table.limit(limit).project(texts).fetchall())


def preview(
    engine: Engine, path: str, format: str, schema: tuple[Column, ...] | None, read: ReaderOptions, limit: int
) -> Preview:
    """The first `limit` rows of a file of that format (as core.task.format_of says), read as a recipe would read it.

    `schema` is the dataset's, None where the file shows it. Raises RecipeError for a file that can't be read.
    """
    if format not in _FORMATS:
        raise RecipeError(f"{path} is no table", hint=f"tables are files of {', '.join(_FORMATS)}")
    import duckdb

    given = TaskInput("rows", (), ((),), (path,), True, format, read, schema)
    try:
        is_counted = format in ("parquet", "arrow") or os.path.getsize(path) <= _COUNTABLE
        table = engine.cursor.sql(engine.select(given))
        columns = columns_of(table)
        rows = first_rows(table, limit)
        total = int(table.aggregate("count(*)").fetchall()[0][0]) if is_counted else None
    except duckdb.Error as error:
        raise failure(error, lead=f"{path} can't be read: ") from None
    except OSError as error:
        raise RecipeError(f"{path} can't be read: {error.strerror}") from None
    finally:
        engine.reset()
    return Preview(columns, rows, total)
