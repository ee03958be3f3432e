"""[sources.X] and [targets.X] -> datasets."""

from __future__ import annotations

from collections.abc import Mapping

from dbuild.core.model import (
    Environment,
    Limits,
    Needs,
    Output,
    Retries,
    ShellRecipe,
    Source,
    SqlRecipe,
    Target,
    TimeDimension,
)
from dbuild.errors import Place, nearest
from dbuild.project.arrivals import Arrival
from dbuild.project.batches import read_batch
from dbuild.project.document import Table
from dbuild.project.environment import NO_VARIABLES, Variables, read_variables
from dbuild.project.inputs import Datasets, read_inputs
from dbuild.project.limits import Policy, read_policy
from dbuild.project.options import Options, fitting_options, read_options, read_schema, read_timezone
from dbuild.project.outputs import OutputPaths
from dbuild.project.paths import DatasetPath
from dbuild.project.quantities import read_duration
from dbuild.project.recipe import Macros, read_recipe, read_uses
from dbuild.project.requirements import read_environment
from dbuild.project.resources import Pools, SaidNeeds, read_needs
from dbuild.values import dataclass

_OF_TASKS = ("needs", "retries", "retry_on", "timeout", "timezone", "environment")  # keys that say how a recipe runs


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
    macros: Macros  # of [project] and [defaults]
    pools: Pools
    needs: SaidNeeds  # of [defaults]
    policy: Policy  # of [defaults]
    variables: Variables  # of [defaults]
    environment: Environment | None  # of [project]


def read_source(name: str, table: Table, path: DatasetPath, arrival: Arrival) -> Source:
    """A source as far as it can be made; mistakes are reported."""
    return Source(
        name=name,
        path=path.text,
        dimensions=path.dimensions,
        read=read_options(table, (path.text,)) if path.text else (),
        schema=read_schema(table, (path.text,)) if path.text else None,
        description=table.string("description") or "",
        tags=table.strings("tags") or (),
        place=table.place(),
        owner=table.string("owner") or "",
        expect=arrival.expect,
        keeps_gone=arrival.keeps_gone,
        settle=arrival.settle,
        ready=arrival.marker.text if arrival.marker else "",
    )


def read_target(name: str, table: Table, made: OutputPaths, shared: Shared) -> tuple[Target, dict[str, Place]]:
    """A target as far as it can be made, and the files of SQL that it names; mistakes are reported."""
    defaults = shared.defaults
    recipe, files = read_recipe(table, defaults, shared.macros)
    is_view = not made.paths and "sql" in table
    outputs = made.outputs()
    if is_view and not isinstance(recipe, SqlRecipe):
        outputs = (Output("", ""),)  # its SQL can't be read: it is no action for that
    params = _read_params(table, shared.params) if "params" in table else shared.default_params
    needs, retries, limits = _read_running(table, shared, is_view)
    variables = NO_VARIABLES if "sql" in table else read_variables(table, shared.variables)
    target = Target(
        name=name,
        outputs=outputs,
        dimensions=made.dimensions,
        recipe=recipe,
        inputs=read_inputs(table, shared.datasets),
        uses=read_uses(table, shared.root) if "uses" in table else shared.uses,
        params=params if isinstance(recipe, ShellRecipe) else (),
        read=_read_options(table, made, shared),
        schema=read_schema(table, made.texts) if made.texts else None,
        timezone=read_timezone(table, shared.timezone),
        description=table.string("description") or "",
        tags=(table if "tags" in table else defaults).strings("tags") or (),
        place=table.place(),
        owner=table.string("owner") or defaults.string("owner") or "",
        needs=needs,
        retries=retries,
        limits=limits,
        env=tuple(variables.env.items()),
        secrets=variables.secrets,
        freeze_after=_read_freezing(table, made, shared.datasets, is_view),
        was=tuple(dict.fromkeys(table.one_or_more("was"))),
        batch=read_batch(table, made),
        environment=None if is_view else read_environment(table, shared.root, shared.environment),
    )
    return target, files


def _read_running(table: Table, shared: Shared, is_view: bool) -> tuple[Needs, Retries, Limits]:
    if not is_view:
        policy = read_policy(table, shared.defaults)
        return read_needs(table, shared.pools).over(shared.needs), *policy.over(shared.policy)
    for name in _OF_TASKS:
        if name in table:
            what = f"{name} of {table.title} is for what runs, and SQL without a path is a view, which doesn't"
            table.report(what, name, hint="what reads the view has its own; remove it, or give the target a path")
    return Needs(), Retries(), Limits()


def _read_freezing(table: Table, made: OutputPaths, datasets: Datasets, is_view: bool) -> float | None:
    text = table.string("freeze_after")
    if text is None:
        return None
    times = [name for name in made.dimensions if isinstance(datasets.dimensions.get(name), TimeDimension)]
    if is_view:
        what = f'"freeze_after" of {table.title} is for what is stored, and SQL without a path is a view'
        table.report(what, "freeze_after", hint="remove it, or give the target a path")
    elif made.is_known and len(times) != 1:
        what = f'"freeze_after" of {table.title} is for partitions of time, and it has {" and ".join(times) or "none"}'
        table.report(what, "freeze_after", hint="remove it" if times else 'as in path = "out/{day}.csv"')
    return read_duration(text) if len(times) == 1 else None


def _read_options(table: Table, made: OutputPaths, shared: Shared) -> Options:
    if "read" in table:
        return read_options(table, made.texts) if made.texts else ()
    return fitting_options(shared.read, made.texts)


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
