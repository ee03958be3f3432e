"""Which partitions exist: the axes of dimensions, and how far each reaches given what sources have.

Pure: what was observed and what day it is come in as values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Mapping as MappingOf
from datetime import datetime, timedelta

from dbuild.core.graph import Flow, Step
from dbuild.core.mapping import Mapping, mapping_of
from dbuild.core.model import (
    Dimension,
    DiscoveredDimension,
    Input,
    ListDimension,
    Project,
    QueriedDimension,
    Source,
    Target,
    TimeDimension,
)
from dbuild.core.partitions import Axis, Interval, ListAxis, PartitionSet, TimeAxis
from dbuild.core.supplied import Supplied
from dbuild.errors import UserError
from dbuild.values import dataclass

AHEAD = timedelta(days=1)  # how far ahead of the clock periods may begin that count: clocks and zones differ
NO_NUMBERS: MappingOf[str, Sequence[int]] = {}


def latest_of(now: datetime) -> datetime:
    """The moment up to which periods begin that count."""
    return now + AHEAD


@dataclass(frozen=True, slots=True)
class Domains:
    """The axes and the full set of partitions of every dataset, and the mapping of every input."""

    axes: dict[str, Axis]  # by dimension
    bounds: dict[str, tuple[Interval, ...]]  # by dimension: the numbers that exist
    sets: dict[str, PartitionSet]  # by dataset
    mappings: dict[str, tuple[Mapping | Supplied, ...]]  # by target (of `Flow.queries` too), in the order of inputs

    def of(self, dataset: str) -> PartitionSet:
        """All partitions of a dataset."""
        return self.sets[dataset]


def axes_of(project: Project, discovered: MappingOf[str, tuple[str, ...]]) -> dict[str, Axis]:
    """An axis for each dimension; `discovered` has the values of the discovered ones."""
    axes: dict[str, Axis] = {}
    for name, dimension in project.dimensions.items():
        match dimension:
            case TimeDimension():
                axes[name] = TimeAxis(name, dimension.grain)
            case ListDimension():
                axes[name] = ListAxis(name, dimension.values)
            case DiscoveredDimension() | QueriedDimension():
                axes[name] = ListAxis(name, discovered.get(name, ()))
    return axes


def axes_for(dataset: Source | Target, axes: MappingOf[str, Axis]) -> tuple[Axis, ...]:
    """The axes of a dataset, in the order of its path."""
    return tuple(axes[name] for name in dataset.dimensions)


def mappings_of(flow: Flow, axes: MappingOf[str, Axis]) -> tuple[dict[str, tuple[Mapping, ...]], list[UserError]]:
    """The mapping of each input of each target, and the mistakes found in them."""
    problems: list[UserError] = []
    found: dict[str, tuple[Mapping, ...]] = {}
    fed = fed_by_rows(flow)
    for name, step in _all_steps(flow):
        own = axes_for(step.target, axes)
        mappings = []
        for given in step.inputs:
            try:
                mapping = mapping_of(own, _axes_of_input(flow, given, axes), dict(given.rules), dict(given.by))
                mappings.append(mapping)
                _check_reach(flow, given, fed)
                _check_policies(given, mapping, _axes_of_input(flow, given, axes))
            except ValueError as error:
                problems.append(UserError(f'target "{name}", input "{given.name}": {error}', given.place))
        found[name] = tuple(mappings)
    return found, problems


def _check_policies(given: Input, mapping: Mapping, axes: Sequence[Axis]) -> None:
    """ValueError, with what to do, where something is to be done without an input for which that can't be."""
    times = sum(isinstance(axis, TimeAxis) for axis in axes)
    if given.missing == "latest" and times != 1:
        what = "several time dimensions" if times else "no time dimension"
        raise ValueError(f'missing = "latest" takes the newest one before, and it has {what}')
    if given.missing == "latest" and not mapping.is_single:
        raise ValueError('missing = "latest" is for one partition, and it can be several: use "skip", or min = 1')
    if given.minimum is not None and mapping.is_single and "/" not in given.name:
        raise ValueError('min is for several partitions, and it is always one: use missing = "skip"')


def _check_reach(flow: Flow, given: Input, fed: set[str]) -> None:
    """ValueError, with what to do, where nobody knows before a build how far a dimension (one of `fed`) reaches."""
    for dimension, _ in given.by if given.dataset in flow.steps else ():
        if dimension in fed:
            raise ValueError(
                f'how far "{dimension}" reaches would be known only when "{given.dataset}" is built:'
                f' give [partitions.{dimension}] an end, or end = "now"'
            )


def fed_by_rows(flow: Flow) -> set[str]:
    """The open-ended time dimensions that reach as far as rows that are routed to them: no source has them."""
    project = flow.project
    sourced = {name for source in project.sources.values() for name in source.dimensions}
    routed = {name for step in flow.steps.values() for given in step.inputs for name, _ in given.by}
    return {
        name
        for name in routed - sourced
        if isinstance(found := project.dimensions.get(name), TimeDimension)
        and found.end is None
        and not found.is_current
    }


def _all_steps(flow: Flow) -> list[tuple[str, Step]]:
    """What reads something: all that is built, and the SQL that finds keys."""
    return [*flow.steps.items(), *((step.target.name, step) for step in flow.queries.values())]


def _axes_of_input(flow: Flow, given: Input, axes: MappingOf[str, Axis]) -> tuple[Axis, ...]:
    dataset = flow.project.dataset(given.dataset)
    assert dataset is not None
    return axes_for(dataset, axes)


def domains_of(
    flow: Flow,
    axes: dict[str, Axis],
    mappings: dict[str, tuple[Mapping, ...]],
    present: MappingOf[str, PartitionSet],
    now: datetime,
    routed: MappingOf[str, Sequence[int]] = NO_NUMBERS,
) -> tuple[Domains, list[str]]:
    """How far every dimension reaches, and notices about keys that are left out and sources that have none.

    A time dimension without `end` goes to the newest partition that any source has on it, and where no source has it,
    to the newest that the inputs of its targets map to, or that rows are `routed` to (numbers by dimension). Periods
    that start later than tomorrow don't count. One with `end = "now"` goes to the period that holds this moment.
    """
    notices: list[str] = []
    latest = latest_of(now)
    bounds: dict[str, tuple[Interval, ...]] = {}
    open_ends: dict[str, int | None] = {}
    for name, dimension in flow.project.dimensions.items():
        axis = axes[name]
        if isinstance(axis, ListAxis):
            bounds[name] = ((0, len(axis.values)),) if axis.values else ()
        elif isinstance(dimension, TimeDimension):
            if dimension.end is None:
                limit = axis.grain.index_at(latest)
                found = [_newest(flow, name, axis, present, limit, notices)]
                found += [number for number in routed.get(name, ()) if number <= limit]
                if dimension.is_current:
                    bounds[name] = _interval(dimension.start, axis.grain.index_at(now) + 1)
                else:
                    open_ends[name] = max((number for number in found if number is not None), default=None)
            else:
                bounds[name] = _interval(dimension.start, dimension.end + 1)
    _spread(flow, axes, mappings, bounds, open_ends)
    for name, last in open_ends.items():
        dimension = flow.project.dimensions[name]
        assert isinstance(dimension, TimeDimension)
        bounds[name] = _interval(dimension.start, last + 1) if last is not None else ()
    sets = {
        dataset.name: PartitionSet.box(axes_for(dataset, axes), [bounds[name] for name in dataset.dimensions])
        for dataset in flow.project.datasets()
    }
    notices += [
        f'source "{source.name}" has no partitions: there is no file like {source.path}'
        for source in flow.project.sources.values()
        if source.dimensions
        and not sets[source.name]
        and source.name in present
        and flow.readers.get(source.name)
        and not _has_no_keys(flow, source, axes)
    ]
    return Domains(axes, bounds, sets, _counting(flow, mappings, sets, present)), notices


def _has_no_keys(flow: Flow, source: Source, axes: MappingOf[str, Axis]) -> bool:
    """Whether SQL has found no keys that the files of a source could have."""
    return any(name in flow.queries and axes[name] == ListAxis(name, ()) for name in source.dimensions)


def _counting(
    flow: Flow,
    mappings: dict[str, tuple[Mapping, ...]],
    sets: dict[str, PartitionSet],
    present: MappingOf[str, PartitionSet],
) -> dict[str, tuple[Mapping | Supplied, ...]]:
    """The mappings with what is there: of a source what it has, of a target all of it."""
    found: dict[str, tuple[Mapping | Supplied, ...]] = {}
    for name, step in _all_steps(flow):
        own = []
        for given, mapping in zip(step.inputs, mappings[name], strict=True):
            domain = sets[given.dataset]
            own.append(mapping.counting(domain & present.get(given.dataset, domain)))
        found[name] = tuple(own)
    return found


def changes_after(dimensions: Iterable[Dimension], now: datetime) -> datetime | None:
    """The instant at which one of these with `end = "now"` gets its next period; None where there is none."""
    grains = [one.grain for one in dimensions if isinstance(one, TimeDimension) and one.is_current]
    return min((grain.start(grain.index_at(now) + 1) for grain in grains), default=None)


def reaches_after(
    project: Project, dimensions: Iterable[str], present: MappingOf[str, PartitionSet], now: datetime
) -> datetime | None:
    """The instant at which a key that a source has gets as near as tomorrow, for dimensions without an end."""
    found = []
    for name in dimensions:
        dimension = project.dimensions[name]
        if not isinstance(dimension, TimeDimension) or dimension.end is not None or dimension.is_current:
            continue
        limit = dimension.grain.index_at(latest_of(now))
        for source in project.sources.values():
            if name in source.dimensions and source.name in present and present[source.name]:
                spans = present[source.name].spans(source.dimensions.index(name))
                ahead = [max(low, limit + 1) for low, high in spans if high - 1 > limit]
                found += [dimension.grain.start(number) - AHEAD for number in ahead]
    return min(found, default=None)


def _interval(low: int, high: int) -> tuple[Interval, ...]:
    return ((low, high),) if low < high else ()


def _newest(
    flow: Flow, name: str, axis: TimeAxis, present: MappingOf[str, PartitionSet], limit: int, notices: list[str]
) -> int | None:
    newest: int | None = None
    for source in flow.project.sources.values():
        if name not in source.dimensions or source.name not in present:
            continue
        spans = present[source.name].spans(source.dimensions.index(name))
        future = [low for low, high in spans if high - 1 > limit]
        if future:
            notices.append(f'source "{source.name}" has keys of {name} later than tomorrow: they are left out')
        inside = [min(high - 1, limit) for low, high in spans if low <= limit]
        newest = max([*inside, *([] if newest is None else [newest])], default=None)
    return newest


def _spread(
    flow: Flow,
    axes: dict[str, Axis],
    mappings: dict[str, tuple[Mapping, ...]],
    bounds: dict[str, tuple[Interval, ...]],
    open_ends: dict[str, int | None],
) -> None:
    """Ends of dimensions that no source has: the newest period that meets the newest of what its targets read."""
    sourced = {name for source in flow.project.sources.values() for name in source.dimensions}
    for step in flow.steps.values():
        for name in step.target.dimensions:
            axis = axes[name]
            if name in sourced or name not in open_ends or not isinstance(axis, TimeAxis):
                continue
            for given in step.inputs:
                if name in dict(given.by):
                    continue  # when files came says nothing of what their rows are of
                for last in _reach(flow, given, name, axis, axes, bounds, open_ends):
                    known = open_ends[name]
                    open_ends[name] = last if known is None else max(known, last)


def _reach(
    flow: Flow,
    given: Input,
    name: str,
    axis: TimeAxis,
    axes: dict[str, Axis],
    bounds: dict[str, tuple[Interval, ...]],
    open_ends: dict[str, int | None],
) -> list[int]:
    dataset = flow.project.dataset(given.dataset)
    assert dataset is not None
    found = []
    for other in dataset.dimensions:
        source_axis = axes[other]
        last = open_ends.get(other)
        if last is None and bounds.get(other):
            last = bounds[other][-1][1] - 1
        if isinstance(source_axis, TimeAxis) and last is not None and other != name:
            found.append(source_axis.grain.overlapping(axis.grain, last, last + 1)[1] - 1)
    return found
