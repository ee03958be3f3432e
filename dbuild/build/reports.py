"""What commands tell of a project: how its datasets stand, why a partition is stale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dbuild.build.doubt import Doubt, ignore
from dbuild.build.expected import lacking
from dbuild.build.loading import idle_patterns, load_flow
from dbuild.build.looks import Looked, forget, look, reading
from dbuild.build.moments import local_time
from dbuild.build.plans import asked
from dbuild.build.settings import Settings
from dbuild.build.standings import Standings
from dbuild.build.world import World
from dbuild.core.absence import Absence
from dbuild.core.events import Key
from dbuild.core.graph import Flow
from dbuild.core.keytext import shortened_set
from dbuild.core.mark import Mark
from dbuild.core.model import PythonRecipe, ShellRecipe, Source, SqlRecipe, Target
from dbuild.core.partitions import Index, PartitionSet
from dbuild.core.plan import Plan, TargetPlan
from dbuild.core.report import (
    DatasetStatus,
    FailureRecord,
    MarkRecord,
)
from dbuild.core.selection import arguments_of, named_by, select, views_named
from dbuild.core.trace import joined_key
from dbuild.errors import UserError
from dbuild.state.store import Failure
from dbuild.values import replace

if TYPE_CHECKING:
    from dbuild.core.routes import Stray

_LOOKED_AT = 1000  # partitions of a target that are compared for what doesn't make them stale
_LONG = 200  # characters of a set of keys that are shown
_FILES = 100  # files of one partition that may have rows of it
_PLAIN = [
    name
    for name in DatasetStatus.__match_args__
    if name not in ("marks", "failures", "uncounted", "astray", "is_assumed")
]
_RUNS = 8  # runs of each dimension that are looked at to show a set


def lint(settings: Settings) -> Flow:
    """The flow, if nothing is wrong with it. Raises ProjectError with all mistakes."""
    with reading(settings) as state:
        return load_flow(settings, state, forget)


def lint_notes(settings: Settings, flow: Flow) -> tuple[UserError, ...]:
    """What is no mistake of a flow but good to know, each with its place."""
    return (*(note for step in flow.steps.values() for note in step.analysis.notes), *idle_patterns(settings))


def status(
    settings: Settings,
    arguments: Sequence[str],
    doubt: Doubt = ignore,
    notice: Doubt = ignore,
    *,
    is_detailed: bool = False,
) -> tuple[DatasetStatus, ...]:
    """How the partitions of these targets, and of all that they need, stand; with their details where asked for.

    `doubt` hears what can't be known, `notice` which arguments chose nothing.
    """
    with asked(settings, arguments, doubt, notice) as (looked, planned):
        rows = _rows(looked, planned, arguments)
        if is_detailed:
            from dbuild.build.details import Details

            details = Details(looked, planned)
            rows = [replace(row, detail=details.of(row.name)) for row in rows]
        return tuple(rows)


def _rows(looked: Looked, planned: Plan, arguments: Sequence[str]) -> list[DatasetStatus]:
    layers = _layers(looked.flow)
    needed = looked.flow.upstream(planned.targets)
    absences = lacking(looked.world)
    sources = [name for name in looked.flow.project.sources if name in needed]
    rows = [_source_status(looked, name, absences.get(name)) for name in sources]
    for name in looked.flow.order:
        if name in planned.targets:
            rows.append(_target_status(looked, planned, name, layers))
        elif name in looked.flow.views and _is_shown(looked.flow, name, planned, arguments):
            nothing = PartitionSet.empty(())
            rows.append(_described(looked, looked.flow.project.targets[name], layers[name], nothing, {}))
    astray = strays_of(looked, planned)
    assumed = looked.world.survey.assumed.datasets
    rows = [replace(row, is_assumed=True) if row.name in assumed else row for row in rows]
    return [replace(row, astray=astray[row.name]) if row.name in astray else row for row in rows]


def plain_rows(looked: Looked, planned: Plan, arguments: Sequence[str]) -> list[dict[str, object]] | None:
    """How each dataset stands, by the names of fields.

    None where more is to be told than is in the project's files: doubts, people's words, differences that don't count.
    """
    world = looked.world
    inputs = (given for name in planned.targets for given in planned.flow.steps[name].inputs)
    if planned.doubts or world.words or world.routing is not None or not all(given.counts for given in inputs):
        return None
    rows = _rows(looked, planned, arguments)
    if any(row.marks or row.failures or row.uncounted or row.astray for row in rows):
        return None
    return [{name: getattr(row, name) for name in _PLAIN} for row in rows]


def strays_of(looked: Looked, planned: Plan) -> dict[str, tuple[Stray, ...]]:
    """By dataset, the rows that no partition of a target that is planned gets."""
    routing = looked.world.routing
    found: dict[str, tuple[Stray, ...]] = {}
    for stray in routing.strays(planned.targets) if routing is not None else ():
        found[stray.dataset] = (*found.get(stray.dataset, ()), stray)
    return found


def _is_shown(flow: Flow, view: str, planned: Plan, arguments: Sequence[str]) -> bool:
    """Whether a view lies between what is shown, or was asked for."""
    asked = {one.name for selector in arguments_of(flow, arguments) for one in named_by(flow, selector)}
    return not arguments or view in asked or any(name in planned.targets for name in flow.readers.get(view, ()))


def overview(settings: Settings, arguments: Sequence[str] = (), doubt: Doubt = ignore) -> tuple[DatasetStatus, ...]:
    """The declared datasets with their keys, or with those that arguments choose; nobody looks how they stand.

    `doubt` as for `status`.
    """
    with reading(settings) as state:
        looked = look(settings, state, (), forget, everything=True)
        looked.tell(doubt)
        layers = _layers(looked.flow)
        chosen = _listed(looked, arguments)
        return tuple(
            _described(looked, dataset, layers.get(dataset.name, 0), chosen[dataset.name], {})
            for dataset in looked.flow.project.datasets()
            if dataset.name in chosen
        )


def _listed(looked: Looked, arguments: Sequence[str]) -> dict[str, PartitionSet]:
    """The datasets to list, sources and views among them, with their partitions; all of them without arguments."""
    flow, world = looked.flow, looked.world
    if not arguments:
        return {dataset.name: PartitionSet.empty(()) for dataset in flow.project.datasets()}
    views, rest = views_named(flow, arguments, with_sources=True)
    if not rest:
        return dict.fromkeys(views, PartitionSet.empty(()))
    standing = Standings(world, flow.steps)
    found = select(flow, world.domains, rest, world.now, with_sources=True, with_views=False, standing=standing)
    return {**dict.fromkeys(views, PartitionSet.empty(())), **found.wanted}


def _layers(flow: Flow) -> dict[str, int]:
    layers: dict[str, int] = dict.fromkeys(flow.project.sources, 0)
    for name in flow.order:
        step = flow.step(name)
        assert step is not None
        layers[name] = 1 + max((layers[dataset] for dataset in step.reads if dataset != name), default=0)
    return layers


def _source_status(looked: Looked, name: str, absence: Absence | None) -> DatasetStatus:
    world = looked.world
    domain = world.domains.of(name)
    counts = {"fresh": len(domain & world.present[name])}
    if absence is not None:
        late = len(absence.late)
        counts |= {"missing": len(absence.missing) - late, "late": late}
        counts |= {"awaited": len(absence.awaited), "unsettled": len(absence.unsettled)}
    return _described(looked, looked.flow.project.sources[name], 0, domain, counts)


def _target_status(looked: Looked, planned: Plan, name: str, layers: dict[str, int]) -> DatasetStatus:
    part = planned.targets[name]
    failed = looked.world.failures(name)
    domain = looked.world.domains.of(name)
    counts = {
        "provisional": len(part.fresh & part.provisional) if part.provisional else 0,
        "fresh": len(part.fresh) - len(part.held),
        "frozen": len(part.held),
        "stale": len(part.will),
        "undecided": len(part.may),
        "waiting": len(part.waiting) + len(part.absent),
        "awaited": len(planned.awaits(name)),
        "failed": sum(joined_key(domain.key(index)) in failed for index in part.will) if failed else 0,
    }
    step = looked.flow.steps[name]
    shown = _described(looked, step.target, layers[name], part.needed, counts)
    uncounted = tuple(given.name for given in step.inputs if not given.counts)
    if uncounted:
        shown = replace(shown, uncounted=uncounted, differing=_differing(looked.world, name, part.needed))
    return replace(shown, failures=_failures(looked, part, failed)) if failed else shown


def _differing(world: World, name: str, needed: PartitionSet) -> int | None:
    """How many partitions read something else of inputs that don't count; None where they are too many to look at."""
    if len(needed) > _LOOKED_AT:
        return None
    return sum(bool(world.judge(name, index, {}).ignored) for index in needed.indices())


def _failures(looked: Looked, part: TargetPlan, failed: dict[str, Failure]) -> tuple[FailureRecord, ...]:
    """The failures of partitions that are to be tried again, the newest first."""
    domain = looked.world.domains.of(part.target)
    found = []
    for index in part.will:
        failure = failed.get(joined_key(domain.key(index)))
        if failure is not None:
            found.append((failure.at, failure_record(part.target, named(domain, index), failure)))
    return tuple(record for _, record in sorted(found, key=lambda pair: -pair[0]))


def failure_record(target: str, key: Key, found: Failure) -> FailureRecord:
    at = local_time(found.at) if found.at else ""
    return FailureRecord(target, key, str(found.run), at, found.error, found.tail, found.attempts, found.log)


def marks_of(world: World, target: str) -> tuple[MarkRecord, ...]:
    """The words that hold on a target's partitions, newest first; `stale` only until they are built."""
    return tuple(mark_record(mark, len(partitions)) for mark, partitions in world.words.of(target))


def mark_record(mark: Mark, count: int) -> MarkRecord:
    """A mark for a report."""
    until = local_time(mark.until) if mark.until is not None else None
    return MarkRecord(mark.target, mark.keys, mark.word, count, mark.who, mark.why, local_time(mark.at), until)


def _described(
    looked: Looked, dataset: Source | Target, layer: int, keys: PartitionSet, counts: dict[str, int]
) -> DatasetStatus:
    step = looked.flow.step(dataset.name)
    domain = keys if keys.axes else looked.world.domains.of(dataset.name)
    text = shortened_set(domain.axes, domain.body, _LONG, _RUNS) if dataset.dimensions else ""
    return DatasetStatus(
        name=dataset.name,
        kind="source" if isinstance(dataset, Source) else "target",
        description=dataset.description,
        recipe=_recipe_kind(dataset),
        place=str(dataset.place),
        paths=(dataset.path,) if isinstance(dataset, Source) else tuple(output.path for output in dataset.outputs),
        dimensions=dataset.dimensions,
        keys=text,
        inputs=step.reads if step else (),
        layer=layer,
        fresh=counts.get("fresh", 0),
        stale=counts.get("stale", 0),
        undecided=counts.get("undecided", 0),
        missing=counts.get("missing", 0),
        late=counts.get("late", 0),
        waiting=counts.get("waiting", 0),
        failed=counts.get("failed", 0),
        provisional=counts.get("provisional", 0),
        frozen=counts.get("frozen", 0),
        awaited=counts.get("awaited", 0),
        unsettled=counts.get("unsettled", 0),
        tags=dataset.tags,
        owner=dataset.owner,
        marks=marks_of(looked.world, dataset.name) if dataset.name in looked.flow.steps else (),
    )


def _recipe_kind(dataset: Source | Target) -> str:
    if isinstance(dataset, Source):
        return ""
    if dataset.is_view or dataset.is_action:
        return "view" if dataset.is_view else "action"
    match dataset.recipe:
        case SqlRecipe():
            return "sql"
        case PythonRecipe():
            return "python"
        case ShellRecipe():
            return "shell"


def named(domain: PartitionSet, index: Index) -> Key:
    return tuple(zip((axis.name for axis in domain.axes), domain.key(index), strict=True))
