"""What a Python recipe is called with: inputs in the form that an annotation asks for, key, params, output.

Imports no data library: an annotation can only name one that the recipe has imported itself.
"""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

from dbuild.core.model import Scalar
from dbuild.core.task import Task, TaskInput, TaskOutput
from dbuild.errors import RecipeError
from dbuild.recipes.filepaths import paths_of
from dbuild.recipes.keys import Key
from dbuild.values import dataclass

if typing.TYPE_CHECKING:
    from dbuild.recipes.engine import Engine

Form = Literal["any", "path", "paths", "pyarrow", "duckdb", "pandas", "polars"]

EXTRAS = ("output", "key", "params", "provisional")
_TABLES: tuple[tuple[Form, str], ...] = (
    ("pyarrow", "Table"),
    ("duckdb", "DuckDBPyRelation"),
    ("pandas", "DataFrame"),
    ("polars", "DataFrame"),
)
_TABLE_FORMS = frozenset(form for form, _ in _TABLES)
_TABLES_ALLOWED = "pyarrow.Table, duckdb.DuckDBPyRelation, pandas.DataFrame or polars.DataFrame"
_ALLOWED = f"Path, list[Path], {_TABLES_ALLOWED}"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a recipe's function."""

    name: str
    form: Form
    has_default: bool


class Params(Mapping[str, Scalar]):
    """The project's params, read-only; remembers which were looked up, absent ones too.

    Whoever iterates, counts or compares has seen all of them and the set of their names.
    """

    __slots__ = ("_seen", "_values")

    def __init__(self, values: Mapping[str, Scalar]) -> None:
        self._values = dict(sorted(values.items()))  # whatever their order in the file, which doesn't count
        self._seen: set[str] = set()

    def __getitem__(self, name: str) -> Scalar:
        self._seen.add(name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        self._see_all()
        return iter(self._values)

    def __len__(self) -> int:
        self._see_all()
        return len(self._values)

    def __repr__(self) -> str:
        return f"Params({dict(self)})"

    def __reduce__(self) -> tuple[object, ...]:  # what another process looks up can't be seen
        return (Params, (dict(self),))

    def _see_all(self) -> None:
        self._seen.update(self._values, "*")

    @property
    def names_read(self) -> tuple[str, ...]:
        """The names looked up so far, sorted; "*" among them where the set of names was seen."""
        return tuple(sorted(str(name) for name in self._seen))


def inspect_parameters(function: Callable[..., Any], *, is_together: bool = False) -> tuple[Parameter, ...]:
    """The parameters of a function with the forms that their annotations ask for.

    `is_together`: it makes several partitions, so an input is a dict of such by key. Raises RecipeError where an
    annotation can't be evaluated or is none that an input can be given as.
    """
    hints = _hints(function)
    found = []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise RecipeError(
                f'{function.__qualname__} takes "{parameter}", so it can\'t be called with its inputs by name',
                hint="name each parameter; let a decorator keep the signature with functools.wraps",
            )
        has_default = parameter.default is not parameter.empty
        hint = hints.get(name, Any)
        if is_together and hint is not Any:
            hint = _each(name, hint, has_default)
        form = "any" if name in EXTRAS else _form(name, hint, has_default)
        found.append(Parameter(name, form, has_default))
    return tuple(found)


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """The evaluated annotations of the parameters; that of the result may name what exists for type checkers only."""
    bare = inspect.unwrap(function)
    if sys.version_info >= (3, 14):
        import annotationlib

        raw = annotationlib.get_annotations(bare, format=annotationlib.Format.FORWARDREF)
    else:
        raw = dict(bare.__annotations__)
    wanted = {name: hint for name, hint in raw.items() if name != "return" and name not in EXTRAS}
    try:
        return typing.get_type_hints(SimpleNamespace(__annotations__=wanted), globalns=bare.__globals__)
    except Exception as error:
        raise RecipeError(
            f"an annotation of {bare.__qualname__} can't be evaluated: {error}",
            hint="import what annotations name at the top of the module, not under `if TYPE_CHECKING`",
        ) from None


def _each(name: str, hint: Any, has_default: bool) -> Any:
    """What a dict of inputs by key is annotated to have; `keys` is no input, unless it is one of that name."""
    if hint is dict:
        return Any
    if typing.get_origin(hint) is dict:
        return typing.get_args(hint)[1]
    if has_default or name == "keys":
        return Any
    raise RecipeError(
        f'the parameter "{name}" is annotated {_spelt(hint)}, and a batch gives an input as a dict by key',
        hint=f"use dict[Key, {_spelt(hint)}]" if hint in (Path, list[Path]) else "use dict[Key, …]",
    )


def _form(name: str, hint: Any, has_default: bool) -> Form:
    if hint is Any:
        return "any"
    if hint is Path:
        return "path"
    if hint == list[Path] or hint == typing.List[Path]:  # noqa: UP006
        return "paths"
    for package, kind in _TABLES:
        if package in sys.modules and hint is getattr(sys.modules[package], kind, None):
            return package
    if has_default:  # a setting of the function's own, unless an input has its name
        return "any"
    raise RecipeError(
        f'the parameter "{name}" is annotated {_spelt(hint)}, and an input can\'t be given as that',
        hint=f"use {_ALLOWED}",
    )


def _spelt(hint: Any) -> str:
    return hint.__qualname__ if isinstance(hint, type) and not typing.get_args(hint) else str(hint)


def gather(task: Task, parameters: tuple[Parameter, ...], params: Params, engine: Engine) -> dict[str, Any]:
    """The keyword arguments of the call; RecipeError where an input doesn't fit the form asked for."""
    inputs = {given.name: given for given in task.inputs}
    views = views_asked(task, parameters)
    arguments: dict[str, Any] = {}
    if any(parameter.form in _TABLE_FORMS for parameter in parameters):
        engine.set_timezone(task.timezone)
    for parameter in parameters:
        name = parameter.name
        if name == "output":
            arguments[name] = outputs_of(task.outputs)
        elif name == "key":
            arguments[name] = Key(task.dimensions, task.key)
        elif name == "params":
            arguments[name] = params
        elif name == "provisional":
            arguments[name] = task.provisional
        elif name in inputs:
            arguments[name] = convert(inputs[name], parameter.form, engine)
        elif not parameter.has_default and name not in views:
            known = listed([*inputs, *(view.name for view in task.views if "/" not in view.name)])
            raise RecipeError(f'the parameter "{name}" is no input of {task.target}', hint=f"it has {known}")
    return arguments | shown_views(task, views, engine)


def views_asked(task: Task, parameters: Sequence[Parameter]) -> dict[str, Form]:
    """The views among the parameters, with the forms asked for; RecipeError for one that isn't asked for as a table."""
    known = {view.name for view in task.views if view.name not in EXTRAS}
    views = {parameter.name: parameter.form for parameter in parameters if parameter.name in known}
    for name, form in views.items():
        if form not in _TABLE_FORMS:
            raise RecipeError(
                f'the input "{name}" is a view, which has no files',
                hint=f"annotate it as a table ({_TABLES_ALLOWED}), or give the view a path",
            )
    return views


def shown_views(task: Task, views: Mapping[str, Form], engine: Engine) -> dict[str, Any]:
    """The rows of views, in the forms asked for."""
    if not views:
        return {}
    from dbuild.recipes.views import relations

    return {name: _table(name, relation, views[name]) for name, relation in relations(task, views, engine).items()}


def listed(names: Iterable[str]) -> str:
    """Names as a hint tells them."""
    return ", ".join(names) or "no inputs"


def outputs_of(outputs: tuple[TaskOutput, ...]) -> Path | dict[str, Path] | None:
    """The parameter `output`: a path, or a dict of those of named outputs."""
    if not outputs:
        return None
    if any(output.name for output in outputs):
        return {output.name: Path(output.path) for output in outputs}
    return Path(outputs[0].path)


def convert(given: TaskInput, form: Form, engine: Engine) -> Any:
    """An input in the form asked for; RecipeError where it can't be given so."""
    if given.is_routed and form not in _TABLE_FORMS:
        raise RecipeError(
            f'the input "{given.name}" is given by its rows, and its files have others too',
            hint=f"annotate it as a table: {_TABLES_ALLOWED}",
        )
    if form == "paths" or (form == "any" and not given.is_single):
        return paths_of(given.paths)
    if form in ("any", "path"):
        return _only(given)
    if not given.format:
        raise RecipeError(
            f'the input "{given.name}" is no table: {_example(given)} is neither Parquet, CSV, JSON nor Arrow',
            hint="annotate it as Path or list[Path] and read it yourself",
        )
    return _table(given.name, engine.relation(given), form)


def _table(name: str, relation: Any, form: Form) -> Any:
    """A relation of DuckDB as the kind of table asked for; RecipeError where its rows can't be read."""
    import duckdb

    from dbuild.recipes.failures import failure

    if form in ("pandas", "polars"):
        _require(form)
    try:
        match form:
            case "pyarrow":
                return relation.to_arrow_table()
            case "pandas":
                return relation.df()
            case "polars":
                return relation.pl()
            case _:
                return relation
    except duckdb.Error as error:
        raise failure(error, lead=f'the input "{name}" can\'t be read: ') from None


def _only(given: TaskInput) -> Path:
    if len(given.paths) == 1:
        return Path(given.paths[0])
    found = f"{len(given.paths)} files" if given.paths else "no file"
    raise RecipeError(
        f'the input "{given.name}" has {found} here, so it can\'t be given as one Path',
        hint=f"annotate it: {given.name}: list[Path]",
    )


def _example(given: TaskInput) -> str:
    return Path(given.paths[0]).name if given.paths else "it"


def _require(package: str) -> None:
    from importlib.util import find_spec

    if find_spec(package) is None:
        raise RecipeError(f"an input as {package}.DataFrame needs {package}", hint=f"pip install {package}")
