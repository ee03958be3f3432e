"""The keys that a dimension's SQL gives: run as any SQL recipe, its one column taken as texts."""

from __future__ import annotations

from collections.abc import Sequence

from dbuild.core.model import SqlRecipe
from dbuild.core.pieces import is_key
from dbuild.core.task import Task
from dbuild.errors import RecipeError
from dbuild.recipes.composition import Step
from dbuild.recipes.engine import Engine
from dbuild.recipes.sql import Job
from dbuild.recipes.sqltext import identifier
from dbuild.recipes.views import execute
from dbuild.values import dataclass

_NAMED = 5  # values that a message shows


@dataclass(frozen=True, slots=True)
class FoundKeys:
    """What SQL gave as keys."""

    keys: tuple[str, ...]  # sorted, each once
    nulls: int  # rows that had none


def find_keys(task: Task, dimension: str, engine: Engine) -> FoundKeys:
    """Run a task's statements, and take the values of the result's column as keys, as DuckDB writes them.

    Of several columns it is the one that is called like the dimension. Raises RecipeError with DuckDB's message and
    the place in the SQL, for several columns of other names, and for values that no path can have.
    """
    recipe = task.recipe
    assert isinstance(recipe, SqlRecipe)
    try:
        engine.set_timezone(task.timezone)
        job = Job(task, recipe, engine)
        execute(job.steps(), engine)
        rows = _rows(job.query(), dimension, engine)
    except RecursionError:
        raise RecipeError("the SQL is nested too deeply", recipe.place) from None
    finally:
        engine.reset()
    keys = sorted(key for key, _ in rows if key is not None)
    _check_keys(keys)
    return FoundKeys(tuple(keys), sum(count for key, count in rows if key is None))


def _rows(query: Step, dimension: str, engine: Engine) -> list[tuple[str | None, int]]:
    """Each value as text, with how many rows have it."""
    import duckdb

    values = dict(query.values)
    try:
        column = _column(engine.cursor.sql(str(query.text), params=values).columns, dimension)
    except duckdb.Error as error:
        execute([query], engine)  # a relation's error has lost its line, this one fails with it
        raise query.failure(error) from None
    text = query.text.within(
        f"SELECT CAST({identifier(column)} AS VARCHAR) AS found, count(*) FROM (", "\n) GROUP BY found"
    )
    grouped = Step(text, query.place, query.values)
    try:
        return engine.cursor.execute(str(text), values).fetchall()
    except duckdb.Error as error:
        raise grouped.failure(error) from None


def _column(names: Sequence[str], dimension: str) -> str:
    if len(names) == 1:
        return names[0]
    found = [name for name in names if name.lower() == dimension.lower()]
    if len(found) == 1:
        return found[0]
    raise RecipeError(
        f'it gives the columns {", ".join(names)}, and none is called "{dimension}"',
        hint=f'select one column, or call the one with the keys "{dimension}"',
    )


def _check_keys(keys: Sequence[str]) -> None:
    bad = [key for key in keys if not is_key(key)]
    if bad:
        more = f" and {len(bad) - _NAMED} more" if len(bad) > _NAMED else ""
        raise RecipeError(
            f"it gives values that can't be keys: {', '.join(map(repr, bad[:_NAMED]))}{more}",
            hint='keys are parts of paths: no "/", no control characters, not "", "." or ".."; leave such rows out',
        )
