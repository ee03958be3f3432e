"""A Python recipe that makes several partitions in one call: what it is called with, and what it returns.

`keys` is the list of them; an input is a dict of the partitions' inputs by key, `output` of the paths by key. It writes
these paths, returns a dict of values by key, or yields pairs of a key and a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dbuild.core.task import Schemas, Task, TaskPart
from dbuild.errors import RecipeError
from dbuild.recipes.arguments import Form, Parameter, Params, convert, listed, outputs_of, shown_views, views_asked
from dbuild.recipes.keys import Key
from dbuild.recipes.returns import is_table, write_returned

if TYPE_CHECKING:
    from dbuild.recipes.engine import Engine

Outcome = tuple[str | None, Schemas]  # of one partition: what went wrong, and the columns of its outputs


def gather_together(task: Task, parameters: Sequence[Parameter], params: Params, engine: Engine) -> dict[str, Any]:
    """The keyword arguments of the call; RecipeError where an input doesn't fit the form asked for."""
    parts = {Key(task.dimensions, part.key): part for part in task.parts or ()}
    names = {given.name for part in parts.values() for given in part.inputs}
    views = views_asked(task, parameters)
    _check_views(views)
    arguments: dict[str, Any] = _views(task, parts, views, engine)
    for parameter in parameters:
        name = parameter.name
        if name in names:
            arguments[name] = {key: _input(part, parameter, engine) for key, part in parts.items()}
        elif name == "keys":
            arguments[name] = list(parts)
        elif name == "output":
            arguments[name] = {key: outputs_of(part.outputs) for key, part in parts.items()}
        elif name == "params":
            arguments[name] = params
        elif not parameter.has_default and name not in views:
            raise RecipeError(f'the parameter "{name}" is no input of {task.target}', hint=f"it has {listed(names)}")
    return arguments


def _input(part: TaskPart, parameter: Parameter, engine: Engine) -> Any:
    given = next(given for given in part.inputs if given.name == parameter.name)
    return convert(given, parameter.form, engine)


def _check_views(views: Mapping[str, Form]) -> None:
    for name, form in views.items():
        if form == "duckdb":
            what = f'the input "{name}" is a view, and a batch can\'t have its rows as relations of one session'
            raise RecipeError(what, hint="annotate it as dict[Key, pyarrow.Table]")


def _views(task: Task, parts: Mapping[Key, TaskPart], views: Mapping[str, Form], engine: Engine) -> dict[str, Any]:
    """The rows of views, of each partition: one after the other, as their names are the same."""
    found: dict[str, Any] = {name: {} for name in views}
    for key, part in parts.items() if views else ():
        for name, rows in shown_views(task.of_part(part), views, engine).items():
            found[name][key] = rows
        engine.reset()
        engine.set_timezone(task.timezone)
    return found


def write_together(value: Any, task: Task, may_write: bool, engine: Engine) -> tuple[Outcome, ...]:
    """Write what a function returned or yields, and say of each partition how it went.

    What can't be written is the failure of its partition alone. Raises RecipeError for a key that wasn't asked for,
    and for what is no dict and yields no pairs.
    """
    found: dict[tuple[str, ...], Outcome] = {}
    parts = {str(Key(task.dimensions, part.key)): part for part in task.parts or ()}
    for key, one in _pairs(value):
        part = parts.get(str(key)) if isinstance(key, Key | str) else None
        if part is None:
            what = f"the function returned something for {key!r}, which wasn't asked for"
            raise RecipeError(what, hint="the keys are those of `keys`")
        if part.key in found:
            raise RecipeError(f"the function returned something for {key} twice")
        found[part.key] = _written(one, task.of_part(part), may_write, engine)
    for part in parts.values():
        if part.key not in found:
            found[part.key] = _written(None, task.of_part(part), may_write, engine)
    return tuple(found[part.key] for part in parts.values())


def _written(value: Any, task: Task, may_write: bool, engine: Engine) -> Outcome:
    try:
        return None, write_returned(value, task, may_write, engine)
    except RecipeError as error:
        return str(error), ()


def _pairs(value: Any) -> Iterator[tuple[Any, Any]]:
    if value is None:
        return
    if isinstance(value, Mapping):
        yield from value.items()
        return
    hint = "return a dict of tables by key, or yield pairs: yield key, table"
    if is_table(value) or isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise RecipeError("the function returned one value, and it makes several partitions (batch)", hint=hint)
    for item in value:
        if not isinstance(item, tuple) or len(item) != 2:
            raise RecipeError("what the function yielded is no pair of a key and a value", hint=hint)
        yield item
