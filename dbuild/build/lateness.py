"""What `late` tells: what isn't there and since when, what was built without it, how late it comes, what that cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice

from dbuild.build.doubt import Doubt, ignore
from dbuild.build.expected import lacking
from dbuild.build.loading import load_flow
from dbuild.build.looks import Looked, forget, look, reading
from dbuild.build.moments import local_time
from dbuild.build.plans import make
from dbuild.build.repairs import Trail, trails
from dbuild.build.reports import named, strays_of
from dbuild.build.settings import Settings
from dbuild.core.absence import Absence
from dbuild.core.arrival import Arrival, punctuality
from dbuild.core.events import Key
from dbuild.core.expectation import due_at, time_of
from dbuild.core.graph import Flow
from dbuild.core.keytext import shortened_set
from dbuild.core.lateness import Deadline, Group, Lack, Lateness, Repair, SourceLateness, TargetLateness
from dbuild.core.model import Source
from dbuild.core.partitions import Body, Index, PartitionSet
from dbuild.core.plan import Plan, TargetPlan, inputs_of
from dbuild.core.selection import named_by, parse_selector
from dbuild.core.staleness import partition_name
from dbuild.core.trace import joined_key, split_key
from dbuild.errors import UsageError
from dbuild.state.store import State

_LONG = 200  # characters of a set of keys
_RUNS = 8  # runs of each dimension that are looked at to show a set
_NAMES = 5  # partitions that are named where others may be many
_AHEAD = 4000  # periods after the last one in which one that is ever due is looked for


def lateness(
    settings: Settings, arguments: Sequence[str], shown: int, arrivals: int, doubt: Doubt = ignore
) -> Lateness:
    """What is late of these sources and targets, and of all that the targets need; without any, of everything.

    `shown` partitions are given one by one of each kind, and the newest `arrivals` with what they caused. `doubt` hears
    what can't be known. Raises UsageError for names of nothing.
    """
    with reading(settings) as state:
        sources, targets = _sorted(load_flow(settings, state, forget), arguments) if arguments else ((), ())
        looked = look(settings, state, targets, forget)
        looked.tell(doubt)
        planned = make(looked)
        absences = lacking(looked.world)
        named = _sources(looked, planned, sources, is_all=not arguments)
        parts = [part for name, part in planned.targets.items() if not sources or _reads(looked, name, sources)]
        return Lateness(
            local_time(looked.world.now.replace(tzinfo=UTC).timestamp()),
            tuple(_source(looked, state, source, absences.get(source.name), shown) for source in named),
            tuple(found for part in parts for found in _target(looked, planned, part, shown)),
            tuple(_repairs(looked, state, [source.name for source in named], arrivals)),
            tuple(stray for found in strays_of(looked, planned).values() for stray in found),
            tuple(planned.doubts[len(looked.world.doubts) :]),
        )


def _sorted(flow: Flow, arguments: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The sources that are named, and what to look at: the targets that are named, else all that read these sources."""
    sources = tuple(dict.fromkeys(name for name in arguments if name in flow.project.sources))
    targets = tuple(name for name in arguments if name not in flow.project.sources)
    for name in targets:
        named_by(flow, parse_selector(name), with_sources=True)
        source = name.partition("@")[0]
        if source in flow.project.sources:
            raise UsageError(f'"{name}": of a source all is told, late or not', hint=f"dbuild late {source}")
    if not targets:
        targets = tuple(name for name in flow.steps if name in flow.downstream(set(sources)))
    return sources, targets


def _sources(looked: Looked, planned: Plan, sources: Sequence[str], *, is_all: bool) -> list[Source]:
    """Those to tell of: all, those that are named, or those that the named targets need."""
    project = looked.flow.project
    needed = looked.flow.upstream(planned.targets)
    return [
        source
        for name, source in project.sources.items()
        if is_all or name in (sources or needed & project.sources.keys())
    ]


def _reads(looked: Looked, target: str, sources: Sequence[str]) -> bool:
    return target in looked.flow.downstream(set(sources))


# -- sources -----------------------------------------------------------------------------------------------------------


def _source(looked: Looked, state: State, source: Source, absence: Absence | None, shown: int) -> SourceLateness:
    absence = absence or Absence.of_missing(PartitionSet.empty(looked.world.reach.of(source.name).axes))
    missing = absence.missing - absence.late
    return SourceLateness(
        source=source.name,
        late=tuple(_deadlines(looked, source, islice(_backwards(absence.late), shown))),
        late_count=len(absence.late),
        late_keys=_text(absence.late),
        missing_count=len(missing),
        missing_keys=_text(missing),
        awaited=tuple(_deadlines(looked, source, islice(_coming(looked, source, absence), min(shown, _NAMES)))),
        unsettled_count=len(absence.unsettled),
        unsettled_keys=_text(absence.unsettled),
        punctuality=punctuality(state.arrivals.of(source.name)),
    )


def _coming(looked: Looked, source: Source, absence: Absence) -> Iterator[Index]:
    """The partitions that are awaited, and the one after the newest, where time alone makes a partition."""
    yield from absence.awaited.indices()
    if source.expect is None or len(source.dimensions) != 1:
        return
    _, grain = time_of(source, looked.flow.project.dimensions)
    bounds = looked.world.reach.bounds[source.dimensions[0]]
    if bounds:
        ends = (bounds[-1][1], *(high for _, high in absence.late.spans(0)))
        periods = range(max(ends), max(ends) + _AHEAD)
        yield from islice(((number,) for number in periods if due_at(source.expect, grain, number)), 1)


def _deadlines(looked: Looked, source: Source, indices: Iterable[Index]) -> Iterator[Deadline]:
    if source.expect is None:
        return
    position, grain = time_of(source, looked.flow.project.dimensions)
    domain = looked.world.reach.of(source.name)
    for index in indices:
        due = due_at(source.expect, grain, index[position])
        if due is not None and due != datetime.max:
            since = (looked.world.now - due).total_seconds()
            yield Deadline(named(domain, index), local_time(due.replace(tzinfo=UTC).timestamp()), since)


# -- targets -----------------------------------------------------------------------------------------------------------


def _target(looked: Looked, planned: Plan, part: TargetPlan, shown: int) -> Iterator[TargetLateness]:
    """One target, where anything of it is provisional, waits, fails for a missing input, or is frozen."""
    nothing = PartitionSet.empty(part.needed.axes)
    held = PartitionSet.of_indices(part.needed.axes, part.held)
    groups = [part.fresh & (part.provisional or nothing), part.waiting, part.refused or nothing, held]
    if any(groups):
        provisional, waiting, failing, frozen = (_group(looked, planned, part, group, shown) for group in groups)
        awaited = len(planned.awaits(part.target))
        yield TargetLateness(part.target, provisional, waiting, failing, frozen, awaited)


def _group(looked: Looked, planned: Plan, part: TargetPlan, some: PartitionSet, shown: int) -> Group:
    lacks = tuple(_lack(looked, planned, part, index) for index in islice(_backwards(some), shown))
    return Group(len(some), _text(some), lacks)


def _lack(looked: Looked, planned: Plan, part: TargetPlan, index: Index) -> Lack:
    key = named(part.needed, index)
    if index in part.held:
        return Lack(key, why=str(part.held[index][0]))
    absent = planned.lacks(part.target, index)
    stand_ins = tuple(
        (_name(looked, dataset, found.absent), _name(looked, dataset, found.used))
        for dataset, found in planned.supply.stand_ins(looked.flow, part.target, index)
    )
    through = tuple(islice(_provisional_inputs(looked, planned, part, index), _NAMES))
    return Lack(key, tuple(absent[:_NAMES]), len(absent), stand_ins, through)


def _provisional_inputs(looked: Looked, planned: Plan, part: TargetPlan, index: Index) -> Iterator[str]:
    for given, mapping in inputs_of(looked.flow, planned.domains, part.target):
        found = planned.supply.provisional.get(given.dataset)
        if found:
            reads = mapping.of_index(index, planned.domains.of(given.dataset)) & found
            yield from (_name(looked, given.dataset, one) for one in reads.indices())


def _name(looked: Looked, dataset: str, index: Index) -> str:
    return partition_name(dataset, joined_key(looked.world.reach.of(dataset).key(index)))


# -- what arrivals caused ----------------------------------------------------------------------------------------------


def _repairs(looked: Looked, state: State, sources: Sequence[str], limit: int) -> Iterator[Repair]:
    if len(sources) == len(looked.flow.project.sources):
        found = state.arrivals.newest(limit)
    else:
        some = [one for name in sources for one in state.arrivals.newest(limit, name)]
        found = sorted(some, key=lambda one: one.seen, reverse=True)[:limit]
    found = [one for one in found if one.dataset in looked.flow.project.sources]
    for arrival, trail in zip(found, trails(looked.world, found), strict=True):
        yield _repair(looked.flow, arrival, trail)


def _repair(flow: Flow, arrival: Arrival, trail: Trail) -> Repair:
    counts: dict[str, int] = {}
    for target, _ in trail.built:
        counts[target] = counts.get(target, 0) + 1
    return Repair(
        source=arrival.dataset,
        key=_split(flow.project.sources[arrival.dataset], arrival.key),
        kind=arrival.kind,
        at=local_time(arrival.at),
        delay=arrival.delay,
        partitions=len(trail.built),
        targets=tuple(counts.items()),
        failed=len(trail.failed),
        seconds=max(0.0, trail.end - arrival.at) if trail.end is not None else None,
        runs=tuple(map(str, trail.runs)),
    )


def _split(source: Source, joined: str) -> Key:
    values = split_key(joined, len(source.dimensions))
    return tuple(zip(source.dimensions, values, strict=False))


# -- sets --------------------------------------------------------------------------------------------------------------


def _text(partitions: PartitionSet) -> str:
    return shortened_set(partitions.axes, partitions.body, _LONG, _RUNS) if partitions and partitions.axes else ""


def _backwards(partitions: PartitionSet) -> Iterator[Index]:
    """The indices from the last to the first, at a cost for those that are taken."""
    return _walk_back(partitions.body, len(partitions.axes))


def _walk_back(body: Body, depth: int) -> Iterator[Index]:
    if depth == 0:
        yield from ((),) if body else ()
        return
    for low, high, rest in reversed(body):
        for number in range(high - 1, low - 1, -1):
            for index in _walk_back(rest, depth - 1):
                yield (number, *index)
