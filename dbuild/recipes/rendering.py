"""A SQL task as text: the statements that would run, made by what runs them, and the values that they bind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import TYPE_CHECKING

from dbuild.core.model import SqlRecipe
from dbuild.core.task import Task, TaskInput
from dbuild.recipes.composition import Step
from dbuild.recipes.readers import moment_literal
from dbuild.recipes.sql import Job
from dbuild.recipes.sqltext import literal
from dbuild.values import dataclass, replace

if TYPE_CHECKING:
    from dbuild.recipes.engine import Engine

_MOST_FILES = 3  # of one input that are shown


@dataclass(frozen=True, slots=True)
class Rendering:
    """How a task would run."""

    text: str  # statements, each with its semicolon, and comments
    values: tuple[str, ...]  # what they bind: "$day = DATE '2013-01-05'"


def render(task: Task, engine: Engine) -> Rendering:
    """The statements of a SQL task (or of a view, which has no outputs) as they would run; nothing of it is run.

    Of inputs with many files the first few are shown, with a comment that counts the others. Headers and footers of
    these files are read. Raises RecipeError as `sql.run` would before the first statement.
    """
    if not isinstance(task.recipe, SqlRecipe):
        raise ValueError(f"{task.label} is no SQL task")
    try:
        job = Job(replace(task, inputs=tuple(map(_cut, task.inputs))), task.recipe, engine)
        steps = [*job.steps(), job.query()]
        files = [f"-- {name} is {path}" for name, path in engine.registered.items()]
    finally:
        engine.reset()
    statements = [f"{_ended(step)}" for step in steps]
    zone = f"SET TimeZone = {literal(task.timezone)};"
    return Rendering("\n\n".join(["\n".join([*_notes(task.inputs), *files, zone]), *statements]) + "\n", _values(steps))


def _cut(given: TaskInput) -> TaskInput:
    return replace(given, keys=given.keys[:_MOST_FILES], paths=given.paths[:_MOST_FILES])


def _notes(inputs: Iterable[TaskInput]) -> Iterator[str]:
    for given in inputs:
        more = len(given.paths) - _MOST_FILES
        if more > 0:
            yield f"-- {given.name}: these {_MOST_FILES} files and {more:,} more file{'s' * (more > 1)}"


def _ended(step: Step) -> str:
    """A statement with a semicolon, which a comment at its end doesn't swallow."""
    text = str(step.text).strip()
    return f"{text}\n;" if "--" in text.rpartition("\n")[2] else f"{text};"


def _values(steps: Iterable[Step]) -> tuple[str, ...]:
    bound = {name: value for step in steps for name, value in step.values.items()}
    return tuple(f"${name} = {_shown(value)}" for name, value in sorted(bound.items()))


def _shown(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case date():
            return moment_literal(value)
        case str():
            return literal(value)
        case _:  # a whole number is wrapped together with its type
            return str(getattr(value, "object", value))
