"""What a person asks for on the command line: `TARGET[@KEYS]`, `+x`, `x+`. Text in, sets of partitions out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from dbuild.core.domain import Domains
from dbuild.core.graph import Flow
from dbuild.core.model import Source, Target, TimeDimension
from dbuild.core.partitions import Interval, ListAxis, PartitionSet, TimeAxis, joined
from dbuild.errors import UsageError, nearest


@dataclass(frozen=True, slots=True)
class Selector:
    """One argument of the command line, taken apart."""

    text: str
    name: str
    keys: str | None
    is_up: bool  # +x: and all that it needs
    is_down: bool  # x+: and all that is made from it


@dataclass(frozen=True, slots=True)
class Selection:
    """The chosen partitions of targets and sources."""

    wanted: dict[str, PartitionSet]  # inside the domain
    absent: dict[str, PartitionSet]  # past the newest partition


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


def select(
    flow: Flow, domains: Domains, arguments: Iterable[str], now: datetime, *, with_sources: bool = False
) -> Selection:
    """The partitions that the arguments name; without any, the project's default, else all targets.

    Raises UsageError for unknown names, keys that are no keys, and keys outside their dimension.
    """
    wanted: dict[str, PartitionSet] = {}
    absent: dict[str, PartitionSet] = {}
    texts = list(arguments) or list(flow.project.default) or list(flow.steps)
    for selector in map(parse_selector, texts):
        dataset = _dataset(flow, selector, with_sources)
        if dataset.name in flow.views:
            for name in _around_view(flow, selector):
                wanted[name] = domains.of(name)
            continue
        inside, outside = _keys(flow, domains, dataset, selector, now)
        for name, found in _spread(flow, domains, selector, inside).items():
            if with_sources or name in flow.steps:
                wanted[name] = wanted[name] | found if name in wanted else found
        if outside:
            absent[dataset.name] = absent[dataset.name] | outside if dataset.name in absent else outside
    return Selection(wanted, absent)


def partitions_of(flow: Flow, domains: Domains, name: str, keys: str | None, now: datetime) -> PartitionSet:
    """The partitions of a target in its domain that KEYS name; all of them without. Raises UsageError."""
    selector = Selector(f"{name}@{keys}" if keys else name, name, keys, is_up=False, is_down=False)
    return _keys(flow, domains, flow.steps[name].target, selector, now)[0]


def _dataset(flow: Flow, selector: Selector, with_sources: bool) -> Source | Target:
    found = flow.project.dataset(selector.name)
    if found is None:
        raise UsageError(
            f'there is no target "{selector.name}"',
            hint=nearest(selector.name, [*flow.steps, *flow.views, *flow.project.sources])
            or "dbuild list shows what there is",
        )
    if isinstance(found, Source) and not with_sources and not selector.is_down:
        raise UsageError(
            f'"{selector.name}" is a source: dbuild never writes it',
            hint=f"{selector.name}+ builds all that is made from it",
        )
    return found


def _around_view(flow: Flow, selector: Selector) -> list[str]:
    """The targets whose partitions, all of them, a view stands for: what it reads; for `x+` what reads it."""
    if selector.keys is not None:
        what = f'"{selector.name}" is a view, which has no partitions of its own, so "{selector.text}" names none'
        raise UsageError(what, hint="name partitions of what reads it, or of what it reads")
    if selector.is_down:
        around = flow.downstream([selector.name])
    else:
        around = {given.dataset for given in flow.views[selector.name].inputs}
    return [name for name in flow.steps if name in around]


def _spread(flow: Flow, domains: Domains, selector: Selector, inside: PartitionSet) -> dict[str, PartitionSet]:
    from_plan = {selector.name: inside}
    if selector.is_down:
        for name in flow.steps:
            for given, mapping in zip(flow.steps[name].inputs, domains.mappings[name], strict=True):
                if given.dataset in from_plan:
                    touched = mapping.touches(from_plan[given.dataset], domains.of(name))
                    from_plan[name] = from_plan[name] | touched if name in from_plan else touched
    if selector.is_up:
        for name in reversed(list(flow.steps)):
            if name not in from_plan:
                continue
            for given, mapping in zip(flow.steps[name].inputs, domains.mappings[name], strict=True):
                reads = mapping.reads(from_plan[name], domains.of(given.dataset))
                from_plan[given.dataset] = from_plan[given.dataset] | reads if given.dataset in from_plan else reads
    return from_plan


def _keys(
    flow: Flow, domains: Domains, dataset: Source | Target, selector: Selector, now: datetime
) -> tuple[PartitionSet, PartitionSet]:
    """The selector's partitions: those in the domain, and those past its newest."""
    domain = domains.of(dataset.name)
    if selector.keys is None:
        return domain, PartitionSet.empty(domain.axes)
    chosen: dict[str, list[Interval]] = {}
    for position, part in enumerate(selector.keys.split(",")):
        name, equals, value = part.partition("=")
        if not equals:
            value = part
            name = dataset.dimensions[position] if position < len(dataset.dimensions) else ""
        if name not in dataset.dimensions:
            raise _no_dimension(dataset, selector, name or part)
        chosen.setdefault(name, []).append(_interval(flow, domains, name, value, selector, now))
    sides = [joined(chosen[name]) if name in chosen else domains.bounds[name] for name in dataset.dimensions]
    asked = PartitionSet.box(domain.axes, sides)
    inside = asked & domain
    if inside or not asked:
        return inside, PartitionSet.empty(domain.axes)
    return inside, asked


def _no_dimension(dataset: Source | Target, selector: Selector, name: str) -> UsageError:
    if not dataset.dimensions:
        return UsageError(f'"{dataset.name}" has no partitions, so "{selector.text}" names none', hint=dataset.name)
    return UsageError(
        f'"{selector.text}": "{name}" is no dimension of {dataset.name}',
        hint=nearest(name, dataset.dimensions) or f"its dimensions are {', '.join(dataset.dimensions)}",
    )


def _interval(flow: Flow, domains: Domains, name: str, value: str, selector: Selector, now: datetime) -> Interval:
    axis = domains.axes[name]
    if isinstance(axis, ListAxis):
        try:
            number = axis.index(value)
        except ValueError:
            known = ", ".join(axis.values[:8]) + (", …" if len(axis.values) > 8 else "")
            other = f"its values are {known}" if known else f"{name} has no values yet"
            raise UsageError(
                f'"{selector.text}": "{value}" is not a value of {name}', hint=nearest(value, axis.values) or other
            ) from None
        return number, number + 1
    dimension = flow.project.dimensions[name]
    assert isinstance(dimension, TimeDimension)
    low, high = _periods(axis, value, selector, now)
    if high <= dimension.start or (dimension.end is not None and low > dimension.end):
        last = f" to {axis.text(dimension.end)}" if dimension.end is not None else ""
        raise UsageError(
            f'"{selector.text}" lies outside {name}', hint=f"{name} goes from {axis.text(dimension.start)}{last}"
        )
    return max(low, dimension.start), high if dimension.end is None else min(high, dimension.end + 1)


def _periods(axis: TimeAxis, value: str, selector: Selector, now: datetime) -> Interval:
    if value == "today":
        number = axis.grain.index_at(now)
        return number, number + 1
    first, dots, last = value.partition("..")
    try:
        low = axis.grain.bounded(first)
        high = axis.grain.bounded(last or first, is_end=True)
    except ValueError as error:
        hint = f"a key of {axis.name} looks like {axis.grain.example}"
        raise UsageError(f'"{selector.text}": {error}', hint=hint) from None
    if dots and not last:
        raise UsageError(f'"{selector.text}": the range has no end', hint=f"write {first}..{axis.grain.example}")
    if high < low:
        raise UsageError(f'"{selector.text}": the range ends before it starts', hint="write FIRST..LAST")
    return low, high + 1
