"""SQL recipes: what they read, the identity of their code, and how they are run on DuckDB."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from dbuild.core.batching import KEYS
from dbuild.core.model import Analysis, Scalar, SqlRecipe
from dbuild.core.part import Part
from dbuild.core.task import Column, Task, TaskOutput, TaskPart
from dbuild.errors import Place, RecipeError, nearest
from dbuild.recipes.composition import Step, Text, added, written
from dbuild.recipes.engine import Engine, columns_of
from dbuild.recipes.inspection import Findings
from dbuild.recipes.keys import moment
from dbuild.recipes.macros import Macro
from dbuild.recipes.meaning import meaning_of
from dbuild.recipes.scopes import Parsed, names_in, parsed, scope_of
from dbuild.recipes.sqltext import integer_type
from dbuild.recipes.statements import Statement, place_of
from dbuild.recipes.tables import check_names, copy_text, write_arrow
from dbuild.recipes.views import Reading, execute, execute_query

_MOST_RESULTS = 5_000
_PROVISIONAL = "provisional"  # the name that tells whether a partition is built without something expected
_DESCRIBING = ("describe", "desc", "summarize", "show")  # these can neither be copied nor stand behind a WITH


def analyse(recipe: SqlRecipe) -> Analysis:
    """What a recipe reads and binds, its fingerprint, and its mistakes; it is parsed, neither bound nor run.

    `params` holds every `$name`, those of dimensions (and their `_end`) among them. The fingerprint is of the
    statements in a canonical form: layout, comments, the case of keywords and redundant parentheses don't count.
    Of the macros of files only those count that the statements use, through other macros too.
    """
    found = parsed(recipe)
    forms = [] if found.script.problems else [statement.form for statement in found.script.statements]
    return Analysis(
        fingerprint=_fingerprint(found, forms),
        reads=_first_of_each(found.findings),
        params=tuple(name for name in found.findings.params if name != _PROVISIONAL),
        calls=frozenset({_PROVISIONAL} & set(found.findings.params)),
        problems=tuple(dict.fromkeys(found.problems)),
        is_single=all(statement.kind == "query" for statement in found.script.statements),
        parts=() if found.script.problems else parts_of(found.recipe, forms, found.macros),
    )


def _first_of_each(findings: Findings) -> tuple[Any, ...]:
    return tuple({reference.name.lower(): reference for reference in reversed(findings.reads)}.values())[::-1]


def _fingerprint(found: Parsed, forms: list[Any]) -> bytes:
    if found.script.problems:  # there is no canonical form of what can't be parsed
        from xxhash import xxh3_128

        return xxh3_128(found.recipe.text.encode(errors="surrogateescape")).digest()
    return fingerprint_of(forms, found.macros)


def fingerprint_of(forms: list[Any], macros: Sequence[Macro]) -> bytes:
    """The identity of statements, by their canonical forms, and of the macros of files that they use."""
    from xxhash import xxh3_128

    parts = [forms, sorted(macro.form for macro in macros)] if macros else forms
    return xxh3_128(json.dumps(parts, sort_keys=True).encode()).digest()


def parts_of(recipe: SqlRecipe, forms: list[Any], macros: Sequence[Macro]) -> tuple[Part, ...]:
    """The parts of a recipe's code: its statements, by their canonical forms, and each macro of files that they use."""
    from xxhash import xxh3_128_digest

    def digest(found: list[Any]) -> bytes:
        return xxh3_128_digest(json.dumps(found, sort_keys=True).encode())

    own = Part("sql", "", digest([meaning_of(form) for form in forms]), "", recipe.place)
    return (own, *(Part("macro", m.name, digest(meaning_of(json.loads(m.form))), "", m.place, m.lines) for m in macros))


def run(task: Task, engine: Engine) -> tuple[Column, ...] | None:
    """Run a task's statements and write the result to its one output; of a batch, its rows to those of its parts.

    Gives the result's columns with DuckDB's types, None for Parquet, which holds its own. Raises RecipeError with
    DuckDB's message and the place in the recipe. Nothing that the task created stays in the session.
    """
    outputs = task.outputs if task.parts is None else task.parts[0].outputs
    if not isinstance(task.recipe, SqlRecipe) or len(outputs) != 1:
        raise ValueError(f"{task.label} is no SQL task with one output")
    is_done = False
    try:
        engine.set_timezone(task.timezone)
        job = Job(task, task.recipe, engine)
        columns = job.run(outputs[0]) if task.parts is None else job.run_batch(task.parts)
        is_done = True
        return columns
    except RecursionError:
        raise RecipeError("the SQL is nested too deeply", task.recipe.place) from None
    except RecipeError as error:
        if error.place:
            raise
        raise RecipeError(error.what, task.recipe.place, error.hint, error.causes) from None
    finally:
        if is_done:
            engine.reset()
        else:
            engine.recover()


class Job:
    """One task on its way through the session: the statements that it takes, and the writing of its result."""

    def __init__(self, task: Task, recipe: SqlRecipe, engine: Engine) -> None:
        """RecipeError with the first of the mistakes in the recipe, its views and its macros."""
        self._task = task
        self._recipe = recipe
        self._engine = engine
        self._scope = scope_of(task, recipe)
        self._reading = Reading(task, engine, (self._scope,))
        self._has_ctes = self._can_have_ctes()

    def steps(self) -> Iterator[Step]:
        """All that is executed before the last statement; each is good once those before it were executed."""
        scope = self._scope
        if self._reads_keys():
            yield self._keys()
        yield from self._reading.steps()
        if not self._has_ctes:
            yield from self._reading.temporary(scope)
        yield from self._reading.macros(scope)
        for statement in scope.parsed.script.statements[:-1]:
            if statement.kind == "macro":
                yield from self._reading.shadowed(statement.name)
            yield self._step(statement, written(statement.text, self._place(statement)))

    def query(self) -> Step:
        """The last statement, which gives the result; good once all steps were executed."""
        last = self._scope.query
        ctes = self._reading.ctes(self._scope) if self._has_ctes else None
        return self._step(last, _joined(ctes, last, self._place(last)))

    def run(self, output: TaskOutput) -> tuple[Column, ...] | None:
        """Execute all, and write the result."""
        execute(self.steps(), self._engine)
        return self._write(self.query(), output)

    def run_batch(self, parts: Sequence[TaskPart]) -> tuple[Column, ...] | None:
        """Execute all, and write the rows of each partition."""
        from dbuild.recipes.splitting import Splitting

        execute(self.steps(), self._engine)
        output, query = parts[0].outputs[0], self.query()
        self._check_format(output)
        columns = self._bound(query)
        check_names(columns)
        Splitting(self._task.dimensions, parts, columns, query.place, self._engine).write(query)
        return None if output.format == "parquet" else columns

    def _reads_keys(self) -> bool:
        """Whether it asks which partitions it is to make; an input of that name comes before."""
        names = {given.name.lower() for given in self._scope.inputs} | {view.name.lower() for view in self._scope.views}
        return KEYS not in names and any(read.name.lower() == KEYS for read in self._scope.parsed.findings.reads)

    def _keys(self) -> Step:
        from dbuild.recipes.splitting import keys_select

        task = self._task
        parts = task.parts if task.parts is not None else (TaskPart(task.key, (), ()),)
        return Step(added(f"CREATE TEMP TABLE {KEYS} AS {keys_select(task.dimensions, parts)}"), self._recipe.place)

    def _bound(self, query: Step) -> tuple[Column, ...]:
        """The result's columns; RecipeError where it can't be bound."""
        import duckdb

        try:
            return self._columns(query, str(query.text))
        except (duckdb.BinderException, duckdb.CatalogException) as error:
            execute([query], self._engine)  # a relation's error has lost its line, this one fails with it
            raise query.failure(error) from None
        except duckdb.Error as error:
            raise query.failure(error) from None

    def _check_format(self, output: TaskOutput) -> None:
        if output.format not in ("parquet", "csv", "json", "arrow"):
            raise RecipeError(
                f"SQL can't write {output.final}",
                self._recipe.place,
                "its ending has to be .parquet, .csv, .tsv, .json, .jsonl, .ndjson, .arrow or .feather",
            )

    def _can_have_ctes(self) -> bool:
        """Whether what is read can stand before the SELECT as CTEs, which saves the binding of a view for each.

        Not before parentheses, whose own WITH DuckDB then forgets, nor beside a CTE of the same name; nor where
        something that is created before the SELECT reads.
        """
        scope = self._scope
        last = scope.query
        if len(scope.parsed.script.statements) > 1 or last.first not in ("select", "from", "with"):
            return False
        names = {given.name.lower() for given in scope.inputs} | {view.name.lower() for view in scope.views}
        is_plain = not any("." in name for name in names) and not names & scope.parsed.findings.ctes
        return is_plain and bool(names) and not any(macro.findings.reads for macro in scope.parsed.macros)

    def _place(self, statement: Statement) -> Place:
        return place_of(self._recipe, statement.start)

    def _step(self, statement: Statement, text: Text) -> Step:
        return Step(text, self._place(statement), self._values(statement))

    def _write(self, query: Step, output: TaskOutput) -> tuple[Column, ...] | None:
        import duckdb

        text = str(query.text)
        copy = Step(query.text.within(*copy_text(output)), query.place, query.values)
        if output.format == "parquet":
            self._copy(copy)
            return None
        self._check_format(output)
        try:
            columns = self._columns(query, text)
            check_names(columns)
            if output.format == "arrow":
                values = dict(query.values)
                write_arrow(self._engine.cursor.sql(text, params=values).to_arrow_reader(122_880), output.path)
        except (duckdb.BinderException, duckdb.CatalogException) as error:
            execute([query], self._engine)  # a relation's error has lost its line, this one fails with it
            raise query.failure(error) from None
        except (duckdb.Error, OSError) as error:
            raise query.failure(error) from None
        if output.format != "arrow":
            self._copy(copy)
        return columns

    def _copy(self, copy: Step) -> None:
        if self._scope.has_columns_of_data:  # DuckDB makes a type of what it finds, and leaves it there
            execute([copy], self._engine)
        else:
            execute_query(copy, self._engine)

    def _columns(self, query: Step, text: str) -> tuple[Column, ...]:
        """The result's columns: bound once for all tasks of one recipe whose inputs have the same columns."""
        known = self._engine.results
        key = self._shape()
        found = known.get(key) if key is not None else None
        if found is None:
            found = columns_of(self._engine.cursor.sql(text, params=dict(query.values)))
            if key is not None:
                if len(known) >= _MOST_RESULTS:  # params and lists of values are part of the key
                    known.clear()
                known[key] = found
        return found

    def _shape(self) -> object | None:
        """All that decides the names and types of the result; None where data does (a PIVOT without its columns)."""
        scopes = tuple(self._scope.all())
        if any(scope.has_columns_of_data for scope in scopes):
            return None
        shapes = tuple(self._engine.shape(given) for scope in scopes for given in scope.inputs)
        if any(shape is None for shape in shapes):
            return None
        task = self._task
        # A value may decide a type too (COLUMNS($x), from_json(x, $shape)); that of a date can't. A batch binds none.
        bound = zip(task.dimensions, task.key, strict=True) if task.parts is None else ()
        fixed = tuple(text for dim, text in bound if dim.grain is None)
        recipes = tuple((scope.name, scope.parsed.recipe) for scope in scopes)
        return (recipes, task.dimensions, fixed, task.params, shapes)

    def _values(self, statement: Statement) -> dict[str, object]:
        """The values of the `$name`s in a statement, typed; RecipeError for one that is neither dimension nor param."""
        names = names_in(statement.text)
        if not names:
            return {}
        known = _bindings(self._task)
        for name in names:
            if name not in known:
                what = f'"${name}" is neither a dimension of {self._task.target} nor a param'
                raise RecipeError(what, self._place(statement), nearest(name, known))
        return {name: known[name]() for name in names}


def _joined(ctes: Text | None, last: Statement, place: Place) -> Text:
    """The query with CTEs before it, which its own WITH goes on with."""
    if last.first in _DESCRIBING:
        return "FROM (" + written(last.text, place) + "\n)"
    if ctes is None:
        return written(last.text, place)
    if last.first != "with":
        return "WITH " + ctes + "\n" + written(last.text, place)
    words = last.text[len("with") :]
    rest = words.lstrip()
    if rest[:9].lower() == "recursive" and not rest[9:10].isidentifier():
        below = Place(place.file, place.line + words[: len(words) - len(rest)].count("\n"))
        return "WITH RECURSIVE " + ctes + ",\n" + written(rest[9:], below)
    return "WITH " + ctes + ",\n" + written(words, place)


def _bindings(task: Task) -> Mapping[str, Callable[[], object]]:
    """What gives the values that a task's statements may bind: its params, and its key above them."""
    values: dict[str, Callable[[], object]] = {name: partial(_typed, value) for name, value in task.params}
    if task.parts is not None:  # no value is that of all its partitions
        return values
    for dimension, text in zip(task.dimensions, task.key, strict=True):
        values[dimension.name] = partial(moment, dimension, text)
        if dimension.grain is not None:
            values[f"{dimension.name}_end"] = partial(moment, dimension, text, 1)
    values[_PROVISIONAL] = partial(bool, task.provisional)
    return values


def _typed(value: Scalar) -> object:
    """A param as DuckDB's value, of the type that `sqltext.constant` gives it."""
    import duckdb
    from duckdb import sqltypes

    if isinstance(value, int) and not isinstance(value, bool):
        return duckdb.Value(value, getattr(sqltypes, integer_type(value)))
    return value
