"""What happened to datasets: runs that built or tried their partitions, words on them, arrivals at sources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from dbuild.build.logs import partitions_named
from dbuild.build.looks import Looked, forget, look, reading
from dbuild.build.moments import local_time
from dbuild.build.settings import Settings
from dbuild.core.arrival import Arrival
from dbuild.core.graph import Flow
from dbuild.core.history import Happening, History
from dbuild.core.keytext import shortened_set
from dbuild.core.mark import Mark
from dbuild.core.partitions import PartitionSet
from dbuild.core.reasons import texts_of
from dbuild.core.selection import named_by, parse_selector, partitions_of, select
from dbuild.core.trace import joined_key
from dbuild.errors import UsageError
from dbuild.state.ledger import TaskRow
from dbuild.state.pasts import Round
from dbuild.state.records import key_text
from dbuild.state.store import State

_PLOTTED = 200  # runs, or executions, that a plot is made from
_KEYS = 1000  # partitions of a run that are shown as a set
_LONG = 200  # characters of a set of keys
_RUNS = 8  # runs of each dimension that are looked at to show a set

Keys = frozenset[tuple[str, ...]]


def histories(settings: Settings, arguments: Sequence[str], limit: int) -> tuple[History, ...]:
    """What happened last to each dataset that is named, newest first, at most `limit` things of each.

    Of partitions that are named by KEYS each execution, else what each run did. Raises UsageError.
    """
    with reading(settings) as state:
        looked = look(settings, state, [], forget, everything=True)
        sources, targets = _sorted(looked.flow, arguments)
        found = [_of_source(looked, state, name, keys, limit) for name, keys in _named_sources(looked, sources)]
        for name, keys in (partitions_named(settings, state, targets) if targets else {}).items():
            is_all = keys is None or not looked.flow.steps[name].target.dimensions
            found.append(_of_target(looked, state, name, None if is_all else keys, limit))
        return tuple(found)


def _sorted(flow: Flow, arguments: Iterable[str]) -> tuple[list[str], list[str]]:
    """The arguments that name sources, and the others. Raises UsageError for names of nothing."""
    sources: list[str] = []
    targets: list[str] = []
    for text in arguments:
        selector = parse_selector(text)
        named_by(flow, selector, with_sources=True)
        (sources if selector.name in flow.project.sources else targets).append(text)
    return sources, targets


def _named_sources(looked: Looked, arguments: Sequence[str]) -> Iterator[tuple[str, Keys | None]]:
    flow, world = looked.flow, looked.world
    for text in arguments:
        name = parse_selector(text).name
        if parse_selector(text).keys is None:
            yield name, None
        else:
            chosen = select(flow, world.domains, [text], world.now, with_sources=True)
            some = (sets.get(name) for sets in (chosen.wanted, chosen.absent))
            yield name, frozenset().union(*(partitions.keys() for partitions in some if partitions))


# -- targets -----------------------------------------------------------------------------------------------------------


def _of_target(looked: Looked, state: State, name: str, keys: Keys | None, limit: int) -> History:
    many = max(limit, _PLOTTED)
    is_plain = not looked.flow.steps[name].target.dimensions
    if keys is None and not is_plain:
        rounds = state.pasts.rounds(name, many)
        happened = [_round(looked, state, name, one) for one in rounds[:limit]]
        made = [one for one in reversed(rounds) if one.built]
        seconds = [one.seconds / one.built for one in made]
        sizes = [one.size // one.built for one in made if one.size is not None]
    else:
        rows = state.pasts.executions(name, [""] if keys is None else map(joined_key, keys), many)
        happened = [_execution(state, run, row) for run, row in rows[:limit]]
        done = [row for _, row in reversed(rows) if row.status == "built"]
        seconds = [row.seconds for row in done]
        sizes = [row.size for row in done if row.size is not None]
    marks = [_mark(one) for one in state.marks.all() if one.target == name and _concerns(looked, one, keys)]
    newest = sorted([*happened, *marks], key=lambda one: int(one.number), reverse=True)[:limit]
    return History(name, _text(looked, name, keys), tuple(newest), tuple(seconds), tuple(sizes))


def _round(looked: Looked, state: State, name: str, one: Round) -> Happening:
    found = state.pasts.keys_of(name, one.run, _KEYS)
    is_set = len(found) < _KEYS
    some = looked.world.keyed(name, dict.fromkeys(found)) if is_set and len(found) > 1 else None
    keys = _set_text(some) if some is not None and len(some) == len(found) else ""
    if not keys:  # so many that one stands for all, or there are some that aren't declared any more
        keys = f"{key_text(found[0])}{' …' if len(found) > 1 else ''}"
    return Happening(
        "run",
        name,
        keys,
        str(one.run),
        local_time(one.at),
        partitions=one.built + one.failed,
        built=one.built,
        same=one.same,
        failed=one.failed,
        retried=one.retried,
        seconds=one.seconds if one.built else None,
        size=one.size,
        who=_who(state, one.run),
        why=_why(one.first),
    )


def _execution(state: State, run: int, row: TaskRow) -> Happening:
    is_built = row.status in ("built", "restored")
    return Happening(
        "run",
        row.target,
        key_text(row.key),
        str(run),
        local_time(row.at),
        built=int(is_built),
        same=int(is_built and not row.changed),
        failed=int(row.status == "failed"),
        retried=int(row.status == "retried"),
        seconds=row.seconds,
        size=row.size,
        who=_who(state, run),
        why=_why(row),
        log=row.log,
    )


def _why(row: TaskRow) -> str:
    if row.error:
        return row.error.strip().rpartition("\n")[2]
    reasons = texts_of(row.reasons)
    return reasons[0] if reasons else ""


def _who(state: State, run: int) -> str:
    maker = state.maker(run)
    return maker.who if maker is not None else ""


def _mark(mark: Mark) -> Happening:
    at = local_time(mark.at)
    return Happening("mark", mark.target, mark.keys, str(mark.run), at, mark.word, 0, who=mark.who, why=mark.why)


def _concerns(looked: Looked, mark: Mark, keys: Keys | None) -> bool:
    """Whether a word was said of any of these partitions; one whose keys mean nothing any more may have been."""
    if keys is None or not mark.keys:
        return True
    flow, world = looked.flow, looked.world
    try:
        said = partitions_of(flow, world.domains, mark.target, mark.keys, world.now)
    except UsageError:
        return True
    return bool(said & world.keyed(mark.target, dict.fromkeys(map(joined_key, keys))))


# -- sources -----------------------------------------------------------------------------------------------------------


def _of_source(looked: Looked, state: State, name: str, keys: Keys | None, limit: int) -> History:
    joined = None if keys is None else set(map(joined_key, keys))
    found = [one for one in reversed(state.arrivals.of(name)) if joined is None or one.key in joined]
    if joined is not None:
        return History(name, _text(looked, name, keys), tuple(_arrival(one) for one in found[:limit]))
    groups: dict[tuple[int, str], list[Arrival]] = {}
    for one in found:
        groups.setdefault((one.run, one.kind), []).append(one)
    return History(name, "", tuple(_arrivals(looked, group) for group in list(groups.values())[:limit]))


def _arrival(one: Arrival) -> Happening:
    at = local_time(one.at)
    return Happening("arrival", one.dataset, key_text(one.key), str(one.run), at, one.kind, seconds=one.delay)


def _arrivals(looked: Looked, group: Sequence[Arrival]) -> Happening:
    """What a run saw of one kind."""
    newest = group[0]
    if len(group) == 1:
        return _arrival(newest)
    some = looked.world.keyed(newest.dataset, {one.key: None for one in group})
    keys = _set_text(some) if some else f"{key_text(newest.key)} …"
    late = [one.delay for one in group if one.delay is not None]
    at = local_time(max(one.at for one in group))
    worst = max(late) if late else None
    return Happening("arrival", newest.dataset, keys, str(newest.run), at, newest.kind, len(group), seconds=worst)


# -- keys --------------------------------------------------------------------------------------------------------------


def _text(looked: Looked, name: str, keys: Keys | None) -> str:
    """The keys that were asked for."""
    if keys is None:
        return ""
    if len(keys) == 1:
        return key_text(joined_key(next(iter(keys))))
    return _set_text(looked.world.keyed(name, dict.fromkeys(map(joined_key, keys))))


def _set_text(some: PartitionSet) -> str:
    return shortened_set(some.axes, some.body, _LONG, _RUNS) if some.axes and some else ""
