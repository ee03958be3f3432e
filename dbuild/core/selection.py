"""What a person asks for on the command line: `TARGET[@KEYS]`, `+x`, `x+`, of any kind of name. Text in, sets out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from dbuild.core.choice import Choice, Chooser, Standing, names_standing
from dbuild.core.domain import Domains
from dbuild.core.graph import Flow
from dbuild.core.mapping import Mapping
from dbuild.core.model import DiscoveredDimension, Source, Target
from dbuild.core.naming import datasets_named, is_pattern
from dbuild.core.partitions import PartitionSet
from dbuild.core.plan import chain_of
from dbuild.core.supplied import Supplied
from dbuild.errors import Place, UsageError
from dbuild.values import dataclass, replace


@dataclass(frozen=True, slots=True)
class Selector:
    """One argument of the command line, or one of the project's default, taken apart."""

    text: str
    name: str  # of a dataset, a glob, or tag:x
    keys: str | None
    is_up: bool  # +x: and all that it needs
    is_down: bool  # x+: and all that is made from it
    place: Place | None = None  # where it is written; None: on the command line


@dataclass(frozen=True, slots=True)
class Selection:
    """The chosen partitions of targets and sources."""

    wanted: dict[str, PartitionSet]  # inside the domain
    absent: dict[str, PartitionSet]  # past the newest partition
    until: datetime | None = None  # UTC: from then on the same words choose others; None: never
    by_standing: bool = False  # whether it was chosen by how partitions stand
    empty: tuple[str, ...] = ()  # arguments that chose nothing, because nothing stands so


@dataclass(frozen=True, slots=True)
class Meant:
    """What arguments mean of one target."""

    keys: str  # KEYS that mean the same from now on; "": all of it, whatever partitions it will have
    partitions: PartitionSet  # those that there are now


def parse_selector(text: str) -> Selector:
    """Takes `+name@keys+` apart; UsageError where there is no name."""
    rest = text
    is_up = rest.startswith("+")
    rest = rest[1:] if is_up else rest
    name, at, keys = rest.partition("@")
    is_down = name.endswith("+") if not at else keys.endswith("+")
    if is_down:
        name, keys = (name[:-1], keys) if not at else (name, keys[:-1])
    if not name or (at and not keys):
        raise UsageError(f'"{text}" names no target', hint="write TARGET or TARGET@KEYS, as in monthly@2013-01")
    return Selector(text, name, keys if at else None, is_up, is_down)


def arguments_of(flow: Flow, arguments: Iterable[str]) -> list[Selector]:
    """The selectors that are meant; without any, the project's default, else all targets."""
    given = [*arguments]
    if given or not flow.project.default:
        return [parse_selector(text) for text in given or flow.steps]
    return [replace(parse_selector(each.name), place=each.place) for each in flow.project.default]


def named_by(flow: Flow, selector: Selector, *, with_sources: bool = False) -> list[Source | Target]:
    """The datasets that a selector starts from. Raises UsageError where there are none."""
    with _placed(selector):
        return datasets_named(flow, selector.name, with_sources=with_sources or selector.is_down)


def named_whole(flow: Flow, words: Iterable[str], option: str) -> list[str]:
    """The names of the datasets, sources too, that the words of an option name, in the order of the flow.

    Raises UsageError where a word names nothing, or partitions: the option takes whole datasets.
    """
    found: set[str] = set()
    for selector in map(parse_selector, words):
        if selector.keys is not None:
            what = f'{option} takes whole datasets, and "{selector.text}" names partitions'
            raise UsageError(what, hint=f"write {selector.name}")
        names = {dataset.name for dataset in named_by(flow, selector, with_sources=True)}
        found |= names
        found |= flow.upstream(names) if selector.is_up else set()
        found |= flow.downstream(names) if selector.is_down else set()
    return [name for name in (*flow.project.sources, *flow.order) if name in found]


def views_named(flow: Flow, arguments: Iterable[str], *, with_sources: bool = False) -> tuple[list[str], list[str]]:
    """The views that arguments name, each as itself, and the arguments that name something else too, or KEYS."""
    views: dict[str, None] = {}
    rest: list[str] = []
    for text in arguments:
        selector = parse_selector(text)
        named = [dataset.name for dataset in named_by(flow, selector, with_sources=with_sources)]
        own = [name for name in named if name in flow.views and selector.keys is None]
        views.update(dict.fromkeys([] if selector.is_up or selector.is_down else own))
        if len(own) < len(named) or selector.is_up or selector.is_down:
            rest.append(text)
    return list(views), rest


@contextmanager
def _placed(selector: Selector) -> Iterator[None]:
    """Errors tell where a selector is written that doesn't stand on the command line."""
    try:
        yield
    except UsageError as error:
        if selector.place is None or error.place is not None:
            raise
        raise UsageError(error.what, selector.place, error.hint) from None


def select(
    flow: Flow,
    domains: Domains,
    arguments: Iterable[str],
    now: datetime,
    *,
    with_sources: bool = False,
    with_views: bool = True,
    standing: Standing | None = None,
) -> Selection:
    """The partitions that the arguments name; without any, the project's default, else all targets.

    `standing` tells how partitions stand, for words such as `stale`; `now` is UTC, without a zone. `with_views`, a view
    stands for what it reads; else it is a mistake where it is named, and left out where a pattern meets it. Raises
    UsageError for what names no dataset, for keys that are no keys, and for keys outside their dimension.
    """
    chooser = Chooser(flow, domains, now, standing)
    wanted: dict[str, PartitionSet] = {}
    absent: dict[str, PartitionSet] = {}
    empty: list[str] = []
    for selector in arguments_of(flow, arguments):
        found, past = _chosen(flow, domains, chooser, selector, with_sources=with_sources, with_views=with_views)
        if _is_idle(selector, found, past):
            empty.append(selector.text)
        for name, partitions in _spread(flow, domains, selector, found).items():
            if with_sources or name in flow.steps:
                _add(wanted, name, partitions)
        for name, partitions in past.items():
            _add(absent, name, partitions)
    return Selection(wanted, absent, chooser.until, chooser.by_standing, tuple(empty))


def meanings(
    flow: Flow, domains: Domains, arguments: Iterable[str], now: datetime, standing: Standing | None = None
) -> tuple[dict[str, Meant], list[str]]:
    """What the arguments mean of each target with a recipe that is run, for what is kept or looked up by it.

    Also those of them that choose nothing, because nothing stands so. A view is a mistake where it is named, and left
    out where a pattern meets it. Raises UsageError as `select`.
    """
    chooser = Chooser(flow, domains, now, standing)
    meant: dict[str, Meant] = {}
    empty: list[str] = []
    for selector in map(parse_selector, arguments):
        found, past = _chosen(flow, domains, chooser, selector, with_sources=False, with_views=False)
        spread = _spread(flow, domains, selector, found)
        for name in flow.steps:
            partitions = spread.get(name)
            if partitions is None or not (partitions or name in past or selector.keys is None):
                continue
            keys = _lasting(flow, domains, chooser, selector, name, partitions, is_named=name in found)
            before = meant.get(name)
            meant[name] = Meant(keys, partitions) if before is None else _united(before, Meant(keys, partitions))
        if _is_idle(selector, found, past):
            empty.append(selector.text)
    return {name: meant[name] for name in flow.steps if name in meant}, empty


def _is_idle(selector: Selector, found: dict[str, PartitionSet], past: dict[str, PartitionSet]) -> bool:
    """Whether a selector chose nothing because nothing stands so."""
    return names_standing(selector.keys) and not past and not any(found.values())


def _lasting(
    flow: Flow,
    domains: Domains,
    chooser: Chooser,
    selector: Selector,
    name: str,
    partitions: PartitionSet,
    *,
    is_named: bool,
) -> str:
    """KEYS of what a selector means of a target: as they are written, or what is up and down from them now."""
    target = flow.steps[name].target
    if not target.dimensions or (selector.keys is None and (is_named or partitions == domains.of(name))):
        return ""
    if not is_named or (chain_of(flow, domains, name) and (selector.is_up or selector.is_down)):
        return str(partitions)
    assert selector.keys is not None
    return chooser.settled(target, selector.keys, selector.text)


def _united(one: Meant, other: Meant) -> Meant:
    keys = f"{one.keys}@{other.keys}" if one.keys and other.keys and one.keys != other.keys else ""
    return Meant(one.keys if one.keys == other.keys else keys, one.partitions | other.partitions)


def default_problems(flow: Flow, domains: Domains, now: datetime) -> Iterator[UsageError]:
    """Mistakes in the project's default, with their places, as far as they can be told before anything is looked at.

    `domains` may be those of a project of which nothing is there yet.
    """
    nothing = {name: PartitionSet.empty(domains.of(name).axes) for name in (*flow.steps, *flow.project.sources)}
    chooser = Chooser(flow, domains, now, lambda dataset, word: nothing[dataset])
    for selector in arguments_of(flow, ()) if flow.project.default else ():
        try:
            named = named_by(flow, selector)
            found = {dimension for dataset in named for dimension in dataset.dimensions}
            if not any(isinstance(flow.project.dimensions[name], DiscoveredDimension) for name in found):
                _chosen(flow, domains, chooser, selector, with_sources=False)
        except UsageError as error:
            yield error


def partitions_of(
    flow: Flow, domains: Domains, name: str, keys: str | None, now: datetime, standing: Standing | None = None
) -> PartitionSet:
    """The partitions of a target in its domain that KEYS name; all of them without. Raises UsageError."""
    text = f"{name}@{keys}" if keys else name
    return Chooser(flow, domains, now, standing).choose(flow.steps[name].target, keys, text).inside


def _add(sets: dict[str, PartitionSet], name: str, more: PartitionSet) -> None:
    sets[name] = sets[name] | more if name in sets else more


def _chosen(
    flow: Flow, domains: Domains, chooser: Chooser, selector: Selector, *, with_sources: bool, with_views: bool = True
) -> tuple[dict[str, PartitionSet], dict[str, PartitionSet]]:
    """Where a selector starts from: partitions in their domains, and those past the newest."""
    found: dict[str, PartitionSet] = {}
    absent: dict[str, PartitionSet] = {}
    refused: list[UsageError] = []
    named = named_by(flow, selector, with_sources=with_sources)
    is_alone = not (with_views or selector.is_up or selector.is_down)
    with _placed(selector):
        for dataset in named:
            try:
                if is_alone and dataset.name in flow.views:
                    what = f'"{dataset.name}" is a view: nothing of it is built'
                    raise UsageError(what, hint=f"name what reads it: {dataset.name}+")
                for name, choice in _choices(flow, domains, chooser, dataset, selector):
                    _add(found, name, choice.inside)
                    if choice.absent:
                        _add(absent, name, choice.absent)
            except UsageError as error:
                if not is_pattern(selector.name):
                    raise
                refused.append(error)
        if len(refused) == len(named):
            raise refused[0]
    return found, absent


def _choices(
    flow: Flow, domains: Domains, chooser: Chooser, dataset: Source | Target, selector: Selector
) -> Iterable[tuple[str, Choice]]:
    if dataset.name not in flow.views:
        yield dataset.name, chooser.choose(dataset, selector.keys, selector.text)
        return
    for name in _around_view(flow, dataset.name, selector):
        yield name, Choice(domains.of(name), PartitionSet.empty(domains.of(name).axes))


def _around_view(flow: Flow, view: str, selector: Selector) -> list[str]:
    """The targets whose partitions, all of them, a view stands for: what it reads; for `x+` what reads it."""
    if selector.keys is not None:
        what = f'"{view}" is a view, which has no partitions of its own, so "{selector.text}" names none'
        raise UsageError(what, hint="name partitions of what reads it, or of what it reads")
    if selector.is_down:
        around = flow.downstream([view])
    else:
        around = {given.dataset for given in flow.views[view].inputs}
    return [name for name in flow.steps if name in around]


def _spread(
    flow: Flow, domains: Domains, selector: Selector, found: dict[str, PartitionSet]
) -> dict[str, PartitionSet]:
    """What is chosen, with what is made from it and what it needs as far as the selector says."""
    spread = dict(found)
    if selector.is_down:
        for name in flow.steps:
            for given, mapping in zip(flow.steps[name].inputs, domains.mappings[name], strict=True):
                if given.dataset in spread:
                    for each in _both(mapping):
                        _add(spread, name, each.touches(spread[given.dataset], domains.of(name)))
            chain = chain_of(flow, domains, name) if name in spread else None
            if chain:
                _add(spread, name, chain.behind(spread[name], PartitionSet.empty(chain.domain.axes)))
    if selector.is_up:
        for name in reversed(list(flow.steps)):
            if name not in spread:
                continue
            chain = chain_of(flow, domains, name)
            if chain:
                _add(spread, name, chain.needs(spread[name], PartitionSet.empty(chain.domain.axes)))
            for given, mapping in zip(flow.steps[name].inputs, domains.mappings[name], strict=True):
                for each in _both(mapping):
                    _add(spread, given.dataset, each.reads(spread[name], domains.of(given.dataset)))
    return spread


def _both(mapping: Mapping | Supplied) -> list[Mapping | Supplied]:
    """A mapping as it is declared, and as far as its input can be had: who waits stands up and down the flow too."""
    return [mapping, mapping.mapping] if isinstance(mapping, Supplied) else [mapping]
