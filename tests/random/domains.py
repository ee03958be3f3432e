"""Which partitions there are, which of them a partition reads, and what stands behind views."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import product

from tests.random.flows import START, Given, Key, Node, Project, Target

Domain = dict[str, list[str]]  # dimension -> its keys in order
Reference = tuple[str, str, Key]  # a dataset, which of its outputs ("" where it has one), a partition
_WINDOW = re.compile(r"(-?\d+)(d|mo)\.\.(-?\d+)(d|mo)")


@dataclass(frozen=True, slots=True)
class Seen:
    """An input of a recipe; of a view with what is behind it."""

    name: str  # what the recipe calls it, after the names of the views before it
    given: Given  # with the rules of all views before it
    view: Target | None
    inner: tuple[Seen, ...] = ()

    def files(self) -> Iterable[Seen]:
        """What is read in the end."""
        if self.view is None:
            yield self
        for one in self.inner:
            yield from one.files()

    def views(self) -> Iterable[Seen]:
        """The views on the way."""
        if self.view is not None:
            yield self
        for one in self.inner:
            yield from one.views()


def seen_by(project: Project, target: Target) -> list[Seen]:
    """The inputs of a target."""
    return [_see(project, given, given.name, {}) for given in target.inputs]


def _see(project: Project, given: Given, name: str, over: dict[str, str | tuple[str, ...]]) -> Seen:
    view = project.targets.get(given.dataset)
    rules = {**given.rules, **over}
    if view is not None and view.is_view:
        inner = tuple(_see(project, one, f"{name}/{one.name}", rules) for one in view.inputs)
        return Seen(name, given, view, inner)
    dimensions = project.dimensions_of(given.dataset)
    own = {dimension: rule for dimension, rule in rules.items() if dimension in dimensions}
    return Seen(name, Given(given.dataset, own, given.output), None)


def inputs_of(project: Project, target: Target) -> list[Given]:
    """What a target reads in the end, through views."""
    return [one.given for seen in seen_by(project, target) for one in seen.files()]


def references(project: Project, target: Target, key: Key, domain: Domain) -> list[Reference]:
    """All that one partition reads, in order."""
    return [
        (given.dataset, given.output, one)
        for given in inputs_of(project, target)
        for one in read_by(project, target, key, given, domain)
    ]


def domain_of(project: Project) -> Domain:
    """The keys of every dimension."""
    days = _days(project)
    months = [day[:7] for day in days]
    reached = any(
        "month" in target.dimensions and "day" in project.dimensions_of(given.dataset)
        for target in project.built
        for given in inputs_of(project, target)
    )
    discoverer = project.sources[project.discoverer] if project.discoverer else None
    items = {key[discoverer.dimensions.index("item")] for key in discoverer.parts} if discoverer else set()
    return {
        "day": days,
        "month": list(dict.fromkeys(months)) if reached else [],
        "place": list(project.places),
        "item": sorted(items),
    }


def _days(project: Project) -> list[str]:
    last = project.last_day
    if last is None:
        present = [
            key[source.dimensions.index("day")]
            for source in project.sources.values()
            if "day" in source.dimensions
            for key in source.parts
            if "place" not in source.dimensions or key[source.dimensions.index("place")] in project.places
        ]
        last = max(present, default="")
    days = []
    day = date.fromisoformat(START)
    while day.isoformat() <= last:
        days.append(day.isoformat())
        day += timedelta(days=1)
    return days


def partitions(project: Project, dataset: str, domain: Domain) -> list[Key]:
    """All partitions of a dataset, in order."""
    return list(product(*(domain[dimension] for dimension in project.dimensions_of(dataset))))


def read_by(project: Project, target: Target, key: Key, given: Given, domain: Domain) -> list[Key]:
    """The partitions of an input that one partition of a target reads, in order."""
    own = dict(zip(target.dimensions, key, strict=True))
    sides = [_side(own, dimension, given, domain[dimension]) for dimension in project.dimensions_of(given.dataset)]
    return list(product(*sides))


def _side(own: dict[str, str], dimension: str, given: Given, values: list[str]) -> list[str]:
    rule = given.rules.get(dimension)
    if rule == "all":
        return values
    if isinstance(rule, tuple):
        return [value for value in values if value in rule]
    if rule is not None:
        return _inside_window(own, dimension, rule, values)
    if dimension in own:
        return [value for value in values if value == own[dimension]]
    if dimension == "day" and "month" in own:
        return [value for value in values if value[:7] == own["month"]]
    if dimension == "month" and "day" in own:
        return [value for value in values if value == own["day"][:7]]
    return values


def _inside_window(own: dict[str, str], dimension: str, rule: str, values: list[str]) -> list[str]:
    found = _WINDOW.fullmatch(rule)
    assert found is not None
    low, high = int(found[1]), int(found[3])
    if dimension == "month":
        middle = _month_number(own["month"])
        return [value for value in values if middle + low <= _month_number(value) <= middle + high]
    if "day" in own:
        first = last = date.fromisoformat(own["day"])
    else:
        first = date.fromisoformat(f"{own['month']}-01")
        last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    start, end = first + timedelta(days=low), last + timedelta(days=high)
    return [value for value in values if start <= date.fromisoformat(value) <= end]


def _month_number(month: str) -> int:
    return int(month[:4]) * 12 + int(month[5:])


def needed_for(project: Project, wanted: Iterable[Node], domain: Domain, frozen: set[Node]) -> set[Node]:
    """These partitions of targets and all that they need; what is frozen needs nothing."""
    needed: set[Node] = set()
    left = list(wanted)
    while left:
        node = left.pop()
        if node in needed:
            continue
        needed.add(node)
        if node not in frozen:
            found = references(project, project.targets[node[0]], node[1], domain)
            left += [(name, key) for name, _, key in found if name in project.targets]
    return needed


def downstream(project: Project, name: str, domain: Domain) -> list[Node]:
    """All partitions of a target, and of other targets those that read any of them, straight or through others."""
    reached = {(name, key) for key in partitions(project, name, domain)}
    for target in project.built:
        for key in partitions(project, target.name, domain):
            if any((one, other) in reached for one, _, other in references(project, target, key, domain)):
                reached.add((target.name, key))
    return sorted(reached)


def around_view(project: Project, name: str, domain: Domain, *, is_down: bool) -> list[Node]:
    """What a view stands for on the command line: all of what it reads, or of all that is made from it."""
    if is_down:
        names = {name}
        for target in project.targets.values():
            if any(given.dataset in names for given in target.inputs):
                names.add(target.name)
    else:
        names = {given.dataset for given in inputs_of(project, project.targets[name])}
    found = [target.name for target in project.built if target.name in names]
    return [(one, key) for one in found for key in partitions(project, one, domain)]
