"""How what a task reads gets into the session: inputs and views as CTEs or temporary views, and macros of files.

A view's rows are a SELECT with its own inputs as CTEs inside, so that no name in it meets one of its reader's. Its
params stand in it as constants, since DuckDB binds none in a CREATE VIEW.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from dbuild.core.task import Task, TaskInput
from dbuild.errors import RecipeError, nearest
from dbuild.recipes.composition import Step, Text, added, joined, written
from dbuild.recipes.macros import Macro
from dbuild.recipes.scopes import Scope, is_mixed, marked, names_in, view_of
from dbuild.recipes.sqltext import constant, identifier
from dbuild.recipes.statements import place_of

if TYPE_CHECKING:
    import duckdb

    from dbuild.recipes.engine import Engine


class Reading:
    """The ways in which the scopes of one task get at what they read."""

    def __init__(self, task: Task, engine: Engine, scopes: Sequence[Scope]) -> None:
        """`scopes` are read straight: a SQL task's recipe, or the views that a Python task asks for."""
        self._task = task
        self._engine = engine
        self._scopes = scopes
        self._made: dict[str, Macro] = {}  # the macros of files that are in the session
        self._kept: dict[str, str] = {}  # views whose rows were computed before -> the table with them

    def steps(self) -> Iterator[Step]:
        """What has to be executed before `sources` and `rows` are of use."""
        every = [scope for top in self._scopes for scope in top.all()]
        yield from self._qualified(every)
        views = [scope for scope in every if scope.name]
        must_keep = bool(views) and is_mixed(every)
        for scope in views:
            yield from self._view(scope, must_keep or scope.has_columns_of_data)

    def _view(self, scope: Scope, must_keep: bool) -> Iterator[Step]:
        """What a view needs; or its rows, computed now, where a later macro of one name would be taken for its own."""
        self._check(scope)
        read = {reference.name.lower() for macro in scope.parsed.macros for reference in macro.findings.reads}
        shown = [(name, text) for name, text in self._texts(scope) if name.lower() in read]
        yield from (self._temporary(scope, name, text) for name, text in shown)
        yield from self.macros(scope)
        yield from (Step(added(f"DROP VIEW {identifier(name)}"), scope.place) for name, _ in shown)
        if must_keep:
            table = identifier(f"rows of {scope.name}")
            yield Step(added(f"CREATE TEMP TABLE {table} AS ") + self.rows(scope), scope.place)
            self._kept[scope.name] = table
            yield from (self._without(name) for name in tuple(self._made))

    def _check(self, scope: Scope) -> None:
        if len(scope.parsed.script.statements) != 1:
            raise RecipeError(
                f'the view "{scope.short}" has several statements',
                scope.place,
                "a view is one SELECT; use WITH in it, or give the target a path",
            )
        known = dict(self._task.params)
        for name in names_in(scope.query.text):
            if name not in known:
                hint = nearest(name, known) or "a view has no dimensions: they are columns of what it reads"
                raise RecipeError(f'"${name}" in the view "{scope.short}" is no param', scope.place, hint)

    def _qualified(self, scopes: Sequence[Scope]) -> Iterator[Step]:
        """Views `target.output` for named outputs: no CTE and nothing temporary can be called so."""
        found: dict[str, list[tuple[Scope, TaskInput]]] = {}
        for scope in scopes:
            for given in scope.inputs:
                if "." in given.name:
                    found.setdefault(_short(given).lower(), []).append((scope, given))
        for readers in found.values():
            scope, given = readers[0]
            if len({_content(other) for _, other in readers}) > 1:
                what = f'"{_short(given)}" is read twice here, of different partitions, once through a view'
                raise RecipeError(what, scope.place, "give one of the inputs another name: inputs.NAME = { from = … }")
            owner, _, name = _short(given).partition(".")
            view = f"{identifier(owner)}.{identifier(name)}"
            yield Step(added(f"CREATE SCHEMA IF NOT EXISTS {identifier(owner)}"), scope.place)
            rows = self._engine.select(given, scope.parsed.findings.wanted if len(readers) == 1 else None)
            yield Step(added(f"CREATE VIEW {view} AS {rows}"), scope.place, undo=f"DROP VIEW IF EXISTS {view}")

    def macros(self, scope: Scope) -> Iterator[Step]:
        """The macros of files that a scope uses, as far as they aren't there yet."""
        for macro in scope.parsed.macros:
            if macro.name not in self._made:
                self._made[macro.name] = macro
                text = macro.statement.text.encode()[macro.statement.named_at :].decode()
                place = macro.script.place(macro.statement.start + macro.statement.named_at)
                yield Step("CREATE TEMP MACRO " + written(text, place), macro.place)

    def shadowed(self, name: str) -> Iterator[Step]:
        """Make room for a macro of the recipe itself."""
        if name.lower() in self._made:
            yield self._without(name.lower())

    def _without(self, name: str) -> Step:
        macro = self._made.pop(name)
        kind = "MACRO TABLE" if macro.statement.is_table else "MACRO"
        return Step(added(f"DROP {kind} {identifier(macro.statement.name)}"), macro.place)

    def temporary(self, scope: Scope) -> Iterator[Step]:
        """What a scope reads, as temporary views."""
        yield from (self._temporary(scope, name, text) for name, text in self._texts(scope))

    def _temporary(self, scope: Scope, name: str, text: Text) -> Step:
        return Step(f"CREATE TEMP VIEW {identifier(name)} AS " + text, scope.place)

    def ctes(self, scope: Scope) -> Text:
        """What a scope reads, as the CTEs of a WITH."""
        parts = (f"{identifier(name)} AS NOT MATERIALIZED (" + text + ")" for name, text in self._texts(scope))
        return joined(",\n", parts)

    def _texts(self, scope: Scope) -> Iterator[tuple[str, Text]]:
        wanted = scope.parsed.findings.wanted
        for given in scope.inputs:
            if "." not in given.name:
                yield _short(given), added(self._engine.select(given, wanted))
        for view in scope.views:
            yield view.short, self.rows(view)

    def rows(self, view: Scope) -> Text:
        """A SELECT of a view's rows."""
        if view.name in self._kept:
            return added(f"FROM {self._kept[view.name]}")
        ctes = self.ctes(view)
        lead = "WITH " + ctes + " " if ctes.pieces else added("")
        place = place_of(view.parsed.recipe, view.query.start)
        return lead + "SELECT * FROM (\n" + written(self._filled(view.query.text), place) + "\n)"

    def _filled(self, text: str) -> str:
        """A view's text with its params as constants."""
        if not names_in(text):
            return text
        values = dict(self._task.params)
        data = text.encode()
        for mark, name in reversed(list(marked(text))):
            end = name.start + len(name.text.encode())
            data = data[: mark.start] + constant(values[name.text]).encode() + data[end:]
        return data.decode()


def _short(given: TaskInput) -> str:
    return given.name.rpartition("/")[2]


def _content(given: TaskInput) -> tuple[object, ...]:
    return given.dimensions, given.keys, given.paths, given.format, given.read, given.schema, given.where


def execute(steps: Iterable[Step], engine: Engine) -> None:
    """Execute steps in their order, each before the next is made; RecipeError at the place that an error points at."""
    for step in steps:
        if step.undo:
            engine.undo_later(step.undo)
        _execute(step, engine.cursor)


def execute_query(step: Step, engine: Engine) -> None:
    """Execute a query or the COPY of one, which leave nothing in the session; errors as `execute`."""
    _execute(step, engine.bare_cursor)


def _execute(step: Step, cursor: duckdb.DuckDBPyConnection) -> None:
    import duckdb

    try:
        if step.values:
            cursor.execute(str(step.text), dict(step.values))
        else:  # with a dict, also an empty one, DuckDB prepares and plans it twice
            cursor.execute(str(step.text))
    except duckdb.Error as error:
        raise step.failure(error) from None


def relations(task: Task, names: Iterable[str], engine: Engine) -> dict[str, duckdb.DuckDBPyRelation]:
    """The rows of views that a Python task reads, by what it calls them; RecipeError as for SQL recipes."""
    import duckdb

    found = {name: view for name in names if (view := view_of(task, name)) is not None}
    if not found:
        return {}
    reading = Reading(task, engine, tuple(found.values()))
    execute(reading.steps(), engine)
    made = {}
    for name, view in found.items():
        step = Step(reading.rows(view), view.place)
        try:
            made[name] = engine.cursor.sql(str(step.text))
        except duckdb.Error as error:
            execute([step], engine)  # a relation's error has lost its line, this one fails with it
            raise step.failure(error) from None
    return made
