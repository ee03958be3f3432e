"""SQL recipes: what they read, the identity of their code, and how they are run on DuckDB."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

from dbuild.core.grain import Grain
from dbuild.core.model import Analysis, Scalar, SqlRecipe
from dbuild.core.task import Column, Task, TaskInput, TaskOutput
from dbuild.errors import Place, RecipeError, UserError, nearest
from dbuild.recipes.engine import Engine, columns_of
from dbuild.recipes.inspection import Findings, inspect
from dbuild.recipes.sqltext import identifier, line_of, message
from dbuild.recipes.statements import Script, Statement, parse, place_of
from dbuild.recipes.tables import check_names, copy_text, write_arrow

_MOST_RESULTS = 5_000
_DESCRIBING = ("describe", "desc", "summarize", "show")  # these can neither be copied nor stand behind a WITH


def analyse(recipe: SqlRecipe) -> Analysis:
    """What a recipe reads and binds, its fingerprint, and its mistakes; it is parsed, neither bound nor run.

    `params` holds every `$name`, those of dimensions (and their `_end`) among them. The fingerprint is of the
    statements in a canonical form: layout, comments, the case of keywords and redundant parentheses don't count.
    """
    script = parse(recipe)
    findings = inspect(script)
    return Analysis(
        fingerprint=_fingerprint(script),
        reads=_first_of_each(findings),
        params=tuple(findings.params),
        problems=tuple(dict.fromkeys((*script.problems, *findings.problems))),
    )


def _first_of_each(findings: Findings) -> tuple[Any, ...]:
    return tuple({reference.name.lower(): reference for reference in reversed(findings.reads)}.values())[::-1]


def _fingerprint(script: Script) -> bytes:
    from xxhash import xxh3_128

    if script.problems:  # there is no canonical form of what can't be parsed
        return xxh3_128(script.recipe.text.encode(errors="surrogateescape")).digest()
    forms = [[statement.head, [_canonical(tree) for tree, _ in statement.trees]] for statement in script.statements]
    return xxh3_128(json.dumps(forms, sort_keys=True).encode()).digest()


def _canonical(tree: Any) -> Any:
    """A tree without the positions in the text."""
    if isinstance(tree, dict):
        return {key: _canonical(value) for key, value in tree.items() if not key.startswith("query_location")}
    return [_canonical(item) for item in tree] if isinstance(tree, list) else tree


def run(task: Task, engine: Engine) -> tuple[Column, ...] | None:
    """Run a task's statements and write the result to its one output.

    Gives the result's columns with DuckDB's types, None for Parquet, which holds its own. Raises RecipeError with
    DuckDB's message and the place in the recipe. Nothing that the task created stays in the session.
    """
    if not isinstance(task.recipe, SqlRecipe) or len(task.outputs) != 1:
        raise ValueError(f"{task.label} is no SQL task with one output")
    job = _Job(task, task.recipe, engine)
    try:
        engine.set_timezone(task.timezone)
        return job.run(task.outputs[0])
    except RecursionError:
        raise RecipeError("the SQL is nested too deeply", task.recipe.place) from None
    except RecipeError as error:
        raise error if error.place else RecipeError(error.what, task.recipe.place, error.hint) from None
    finally:
        job.drop()
        engine.reset()


@lru_cache(maxsize=256)
def _prepare(recipe: SqlRecipe) -> tuple[Script, Findings]:
    script = parse(recipe)
    return script, inspect(script)


class _Job:
    """One task on its way through the session."""

    def __init__(self, task: Task, recipe: SqlRecipe, engine: Engine) -> None:
        self._task = task
        self._recipe = recipe
        self._engine = engine
        self._views: list[str] = []  # those that are not temporary
        script, self._findings = _prepare(recipe)
        problems: Sequence[UserError] = (*script.problems, *self._findings.problems)
        if problems:  # a build is not asked to run these, yet the session must never see them
            raise RecipeError(problems[0].what, problems[0].place, problems[0].hint)
        self._statements = script.statements
        used = {reference.name.lower() for reference in self._findings.reads}
        self._inputs = [given for given in task.inputs if given.name.lower() in used]

    def run(self, output: TaskOutput) -> tuple[Column, ...] | None:
        *before, last = self._statements
        inputs = self._inputs
        prefix = "" if before or not self._can_prefix(last, inputs) else self._with_clause(inputs)
        if not prefix:
            self._create_views(inputs)
        for statement in before:
            self._execute(statement, statement.text, "")
        return self._write(last, prefix, output)

    def _can_prefix(self, last: Statement, inputs: Sequence[TaskInput]) -> bool:
        """Whether the inputs can stand before the SELECT as CTEs, which saves the binding of a view for each.

        Not before parentheses, whose own WITH DuckDB then forgets, nor beside a CTE of the same name.
        """
        names = {given.name.lower() for given in inputs}
        plain = last.first in ("select", "from", "with") and not any("." in name for name in names)
        return plain and bool(names) and not names & self._findings.ctes

    def _with_clause(self, inputs: Sequence[TaskInput]) -> str:
        wanted = self._findings.wanted
        parts = [f"{identifier(g.name)} AS NOT MATERIALIZED ({self._engine.select(g, wanted)})" for g in inputs]
        return f"WITH {', '.join(parts)} "

    def _create_views(self, inputs: Sequence[TaskInput]) -> None:
        for given in inputs:
            text = self._engine.select(given, self._findings.wanted)
            owner, dot, name = given.name.partition(".")
            if not dot:
                self._run_own(f"CREATE TEMP VIEW {identifier(owner)} AS {text}")
                continue
            view = f"{identifier(owner)}.{identifier(name)}"
            self._run_own(f"CREATE SCHEMA IF NOT EXISTS {identifier(owner)}")
            self._views.append(view)
            self._run_own(f"CREATE VIEW {view} AS {text}")

    def drop(self) -> None:
        """Drop what the cursor's end doesn't: the views of named outputs. Their empty schemas may stay."""
        for view in self._views:
            self._engine.cursor.execute(f"DROP VIEW IF EXISTS {view}")

    def _run_own(self, text: str) -> None:
        import duckdb

        try:
            self._engine.cursor.execute(text)
        except duckdb.Error as error:
            raise RecipeError(message(error), self._recipe.place) from None

    def _write(self, last: Statement, prefix: str, output: TaskOutput) -> tuple[Column, ...] | None:
        import duckdb

        query, prefix = _joined(prefix, last)
        values = self._values(last)
        if output.format == "parquet":
            self._execute(last, copy_text(query, output), prefix)
            return None
        if output.format not in ("csv", "json", "arrow"):
            raise RecipeError(
                f"SQL can't write {output.final}",
                self._recipe.place,
                "its ending has to be .parquet, .csv, .tsv, .json, .jsonl, .ndjson, .arrow or .feather",
            )
        try:
            columns = self._columns(last, query, values)
            check_names(columns)
            if output.format == "arrow":
                write_arrow(self._engine.cursor.sql(query, params=values).to_arrow_reader(122_880), output.path)
        except (duckdb.BinderException, duckdb.CatalogException) as error:
            self._execute(last, query, prefix)  # a relation's error has lost its line, this one fails with it
            raise self._failure(last, error, prefix) from None
        except (duckdb.Error, OSError) as error:
            raise self._failure(last, error, prefix) from None
        if output.format != "arrow":
            self._execute(last, copy_text(query, output), prefix)
        return columns

    def _columns(self, last: Statement, query: str, values: dict[str, object]) -> tuple[Column, ...]:
        """The result's columns: bound once for all tasks of one recipe whose inputs have the same columns."""
        known = self._engine.results
        key = self._shape()
        found = known.get(key) if key is not None else None
        if found is None:
            found = columns_of(self._engine.cursor.sql(query, params=values))
            if key is not None:
                if len(known) >= _MOST_RESULTS:  # params and lists of values are part of the key
                    known.clear()
                known[key] = found
        return found

    def _shape(self) -> object | None:
        """All that decides the names and types of the result; None where data does (a PIVOT without its columns)."""
        if any(origin.added for statement in self._statements for _, origin in statement.trees):
            return None
        shapes = tuple(self._engine.shape(given) for given in self._inputs)
        if any(shape is None for shape in shapes):
            return None
        task = self._task
        # A value may decide a type too (COLUMNS($x), from_json(x, $shape)); that of a date can't.
        fixed = tuple(text for dim, text in zip(task.dimensions, task.key, strict=True) if dim.grain is None)
        return (self._recipe, task.dimensions, fixed, task.params, shapes)

    def _execute(self, statement: Statement, text: str, prefix: str) -> None:
        import duckdb

        try:
            self._engine.cursor.execute(text, self._values(statement))
        except duckdb.Error as error:
            raise self._failure(statement, error, prefix) from None

    def _failure(self, statement: Statement, error: Exception, prefix: str) -> RecipeError:
        """DuckDB's message at the line of the recipe that it points at."""
        place = place_of(self._recipe, statement.start)
        line = line_of(error)
        if line is not None:
            inside = line - 1 - prefix.count("\n")
            place = Place(place.file, place.line + max(0, min(inside, statement.text.count("\n"))))
        return RecipeError(message(error), place)

    def _values(self, statement: Statement) -> dict[str, object]:
        """The values of the `$name`s in a statement, typed; RecipeError for one that is neither dimension nor param."""
        names = _bound(statement)
        if not names:
            return {}
        known = _bindings(self._task)
        for name in names:
            if name not in known:
                what = f'"${name}" is neither a dimension of {self._task.target} nor a param'
                raise RecipeError(what, place_of(self._recipe, statement.start), nearest(name, known))
        return {name: known[name] for name in names}


def _joined(prefix: str, last: Statement) -> tuple[str, str]:
    """The query with the inputs before it, and all that stands before the recipe's own text."""
    if last.first in _DESCRIBING:
        return f"{prefix}FROM ({last.text}\n)", prefix
    if prefix and last.first == "with":
        words = last.text[len("with") :]
        rest = words.lstrip()
        if rest[:9].lower() == "recursive" and not rest[9:10].isidentifier():
            return f"WITH RECURSIVE{prefix[len('WITH') : -1]}, {rest[9:]}", prefix
        return f"{prefix[:-1]}, {words}", prefix
    return prefix + last.text, prefix


@lru_cache(maxsize=1024)
def _names_in(text: str) -> tuple[str, ...]:
    from dbuild.recipes.statements import tokens

    words = tokens(text)
    return tuple(dict.fromkeys(after.text for mark, after in pairwise(words) if mark.text == "$"))


def _bound(statement: Statement) -> tuple[str, ...]:
    return _names_in(statement.text)


def _bindings(task: Task) -> Mapping[str, object]:
    """All values that a task's statements may bind: its params, and its key above them."""
    values: dict[str, object] = {name: _typed(value) for name, value in task.params}
    for dimension, text in zip(task.dimensions, task.key, strict=True):
        if dimension.grain is None:
            values[dimension.name] = text
        else:
            values[dimension.name] = _moment(dimension.grain, text, 0)
            values[f"{dimension.name}_end"] = _moment(dimension.grain, text, 1)
    return values


def _typed(value: Scalar) -> object:
    """A param as DuckDB's value. A number keeps one type whatever its size, so that a result's type stays the same."""
    import duckdb
    from duckdb import sqltypes

    if isinstance(value, int) and not isinstance(value, bool):
        return duckdb.Value(value, sqltypes.BIGINT if -(2**63) <= value < 2**63 else sqltypes.HUGEINT)
    return value


def _moment(grain: Grain, text: str, steps: int) -> object:
    moment = grain.start(grain.index(text) + steps)
    return moment.date() if grain.is_dated else moment
