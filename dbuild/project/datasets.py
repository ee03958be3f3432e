"""[sources.X] and [targets.X] -> datasets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dbuild.core.model import Output, ShellRecipe, Source, Target
from dbuild.core.task import format_of
from dbuild.errors import nearest
from dbuild.project.document import Table
from dbuild.project.inputs import Datasets, read_inputs
from dbuild.project.options import Options, fitting_options, read_options, read_schema, read_timezone
from dbuild.project.paths import DatasetPath
from dbuild.project.recipe import read_recipe, read_uses


@dataclass(frozen=True, slots=True)
class Shared:
    """What all targets of a project have in common."""

    root: str
    defaults: Table
    timezone: str
    uses: tuple[str, ...]  # of [defaults]
    read: Options  # of [defaults]
    params: Mapping[str, object]  # of [project]
    default_params: tuple[str, ...]  # of [defaults]
    datasets: Datasets


def read_source(name: str, table: Table, path: DatasetPath) -> Source:
    """A source as far as it can be made; mistakes are reported."""
    return Source(
        name=name,
        path=path.text,
        dimensions=path.dimensions,
        read=read_options(table, path.text) if path.text else (),
        schema=read_schema(table, path.text) if path.text else None,
        description=table.string("description") or "",
        tags=table.strings("tags") or (),
        place=table.place(),
    )


def read_target(name: str, table: Table, path: DatasetPath, shared: Shared) -> tuple[Target, str | None]:
    """A target as far as it can be made, and the SQL file that its recipe was read from; mistakes are reported."""
    defaults = shared.defaults
    recipe, file = read_recipe(table, defaults, shared.root)
    if "sql" in table and path.text and not format_of(path.text):
        hint = "SQL writes .parquet, .csv, .json and .arrow, CSV and JSON also with .gz"
        table.report(f'the ending of "{path.text}" names no format that SQL can write', "path", hint=hint)
    params = _read_params(table, shared.params) if "params" in table else shared.default_params
    target = Target(
        name=name,
        outputs=(Output("", path.text),),
        dimensions=path.dimensions,
        recipe=recipe,
        inputs=read_inputs(table, shared.datasets),
        uses=read_uses(table, shared.root) if "uses" in table else shared.uses,
        params=params if isinstance(recipe, ShellRecipe) else (),
        read=_read_options(table, path.text, shared),
        schema=read_schema(table, path.text) if path.text else None,
        timezone=read_timezone(table, shared.timezone),
        description=table.string("description") or "",
        tags=(table if "tags" in table else defaults).strings("tags") or (),
        place=table.place(),
    )
    return target, file


def _read_options(table: Table, path: str, shared: Shared) -> Options:
    if "read" not in table:
        return fitting_options(shared.read, path)
    return read_options(table, path) if path else ()


def read_default_params(defaults: Table, params: Mapping[str, object]) -> tuple[str, ...]:
    """The params of [defaults]; unknown ones are reported."""
    return _read_params(defaults, params)


def _read_params(table: Table, params: Mapping[str, object]) -> tuple[str, ...]:
    """The params that a table asks for; unknown ones are reported."""
    given = table.strings("params") or ()
    for position, name in enumerate(given):
        if name not in params:
            hint = nearest(name, params) or "declare it under params of [project]"
            table.report(f'the project has no param "{name}"', "params", position, hint=hint)
    return tuple(dict.fromkeys(name for name in given if name in params))
