"""What a recipe reads, and what the views that it reads read themselves, each under its own names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from dbuild.core.model import SqlRecipe
from dbuild.core.task import Task, TaskInput
from dbuild.errors import Place, RecipeError, UserError
from dbuild.recipes.inspection import Findings
from dbuild.recipes.macros import Macro, inspect_all, library
from dbuild.recipes.statements import Script, Statement, parse
from dbuild.recipes.syntax import Token, tokens
from dbuild.values import dataclass


@dataclass(frozen=True, slots=True)
class Parsed:
    """A recipe with all that its text alone tells."""

    recipe: SqlRecipe
    script: Script
    findings: Findings
    macros: tuple[Macro, ...]  # those of files that it uses, what is called first
    problems: tuple[UserError, ...]


@lru_cache(maxsize=256)
def parsed(recipe: SqlRecipe) -> Parsed:
    """A recipe's statements, what they name, and the mistakes in them and in its files of macros."""
    script = parse(recipe)
    macros = library(recipe.macros)
    findings, used = inspect_all(script, macros)
    return Parsed(recipe, script, findings, used, (*script.problems, *findings.problems, *macros.problems))


@dataclass(frozen=True, slots=True)
class Scope:
    """The recipe of a task, or one of its views, with what it reads."""

    name: str  # "" for the task's own recipe; a view's as in TaskView
    parsed: Parsed
    inputs: tuple[TaskInput, ...]
    views: tuple[Scope, ...]

    @property
    def short(self) -> str:
        """What its reader calls it."""
        return self.name.rpartition("/")[2]

    @property
    def place(self) -> Place:
        return self.parsed.recipe.place

    @property
    def query(self) -> Statement:
        """The statement that gives the rows."""
        return self.parsed.script.statements[-1]

    @property
    def has_columns_of_data(self) -> bool:
        """Whether it holds a PIVOT without its columns, which DuckDB takes in no view."""
        return any(origin.added for statement in self.parsed.script.statements for _, origin in statement.trees)

    def all(self) -> Iterator[Scope]:
        """Its views, those that are read by others before these, and itself at the end."""
        for view in self.views:
            yield from view.all()
        yield self

    def defined(self) -> dict[str, object]:
        """The macros that it has in the session while it is read, by their names: what they are."""
        made: dict[str, object] = {macro.name: macro.form for macro in self.parsed.macros}
        own = (name for name, kind in self.parsed.findings.created.items() if kind == "macro")
        return made | {name: (self.name, name) for name in own}


def scope_of(task: Task, recipe: SqlRecipe, name: str = "") -> Scope:
    """A recipe, or the view of that name, with the inputs and views of the task that it uses.

    Raises RecipeError with the first of its mistakes: a build isn't asked to run these, yet no session must see them.
    """
    found = parsed(recipe)
    if found.problems:
        first = found.problems[0]
        raise RecipeError(first.what, first.place, first.hint)
    used = {reference.name.lower() for reference in found.findings.reads}
    if not name and not task.views:
        return Scope(name, found, tuple(given for given in task.inputs if given.name.lower() in used), ())
    inside = f"{name}/" if name else ""
    start = len(inside)
    inputs = [given for given in task.inputs if given.name.startswith(inside) and given.name[start:].lower() in used]
    views = [view for view in task.views if view.name.startswith(inside) and view.name[start:].lower() in used]
    return Scope(name, found, tuple(inputs), tuple(scope_of(task, view.recipe, view.name) for view in views))


def view_of(task: Task, name: str) -> Scope | None:
    """The view that the task's recipe calls so; None if there is none."""
    for view in task.views:
        if view.name == name:
            return scope_of(task, view.recipe, view.name)
    return None


def is_mixed(scopes: Sequence[Scope]) -> bool:
    """Whether one of the scopes would see another's macro in the place of what it calls itself."""
    defined = [scope.defined() for scope in scopes]
    return any(
        name in scope.parsed.findings.calls and own.get(name) != what
        for scope, own in zip(scopes, defined, strict=True)
        for others in defined
        if others is not own
        for name, what in others.items()
    )


@lru_cache(maxsize=1024)
def names_in(text: str) -> tuple[str, ...]:
    """The names of the values that a statement binds."""
    return tuple(dict.fromkeys(name.text for _, name in marked(text)))


def marked(text: str) -> Iterator[tuple[Token, Token]]:
    """The `$` and the name of each value that a statement binds."""
    return ((mark, name) for mark, name in pairwise(tokens(text)) if mark.text == "$")
