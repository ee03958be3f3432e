"""Which partitions there are, which of them a partition reads, and what stands behind views."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from tests.random.calendars import DAY, Period, named, span_of
from tests.random.flows import KINDS, Given, Key, Node, Project, Rule, Target, Time

Domain = dict[str, list[str]]  # dimension -> its keys in order
Reference = tuple[str, str, Key]  # a dataset, which of its outputs ("" where it has one), a partition


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
    return [_see(project, given, given.name, {}, given.counts) for given in target.inputs]


def _see(project: Project, given: Given, name: str, over: dict[str, Rule], counts: bool) -> Seen:
    view = project.targets.get(given.dataset)
    rules = {**given.rules, **over}
    if view is not None and view.is_view:
        inner = tuple(_see(project, one, f"{name}/{one.name}", rules, counts and one.counts) for one in view.inputs)
        return Seen(name, given, view, inner)
    dimensions = project.dimensions_of(given.dataset)
    own = {dimension: rule for dimension, rule in rules.items() if dimension in dimensions}
    return Seen(name, Given(given.dataset, own, given.output, counts=counts), None)


def inputs_of(project: Project, target: Target) -> list[Given]:
    """What a target reads in the end, through views."""
    return [one.given for seen in seen_by(project, target) for one in seen.files()]


def references(
    project: Project, target: Target, key: Key, domain: Domain, *, is_counted: bool = False
) -> list[Reference]:
    """All that one partition reads, in order; or of it what counts."""
    return [
        (given.dataset, given.output, one)
        for given in inputs_of(project, target)
        if given.counts or not is_counted
        for one in read_by(project, target, key, given, domain)
    ]


def domain_of(project: Project) -> Domain:
    """The keys of every dimension."""
    domain = {"place": list(project.places), "kind": KINDS, "item": _items(project)}
    lasts = {name: _last(project, time, domain) for name, time in project.times.items()}
    _spread(project, lasts)
    for name, time in project.times.items():
        periods, last = project.line(name).periods, lasts[name]
        first = project.line(name).at(named(time.start, time.zone)[0])
        domain[name] = [period.key for period in periods[first : last + 1]] if last is not None else []
    return domain


def _items(project: Project) -> list[str]:
    discoverer = project.sources[project.discoverer] if project.discoverer else None
    return sorted({key[discoverer.dimensions.index("item")] for key in discoverer.parts}) if discoverer else []


def _last(project: Project, time: Time, domain: Domain) -> int | None:
    """The place of a dimension's last period: as declared, or of the newest that a source has, none after tomorrow."""
    line = project.line(time.name)
    if time.end == "now":
        return line.at(project.now)
    if time.end is not None:
        return line.place(time.end)
    tomorrow = project.now + DAY
    present = [
        line.place(own[time.name])
        for source in project.sources.values()
        if time.name in source.dimensions
        for own in (dict(zip(source.dimensions, key, strict=True)) for key in source.parts)
        if own[time.name] in line.by_key and own.get("place", domain["place"][0]) in domain["place"]
    ]
    return max((place for place in present if line.periods[place].start <= tomorrow), default=None)


def _spread(project: Project, lasts: dict[str, int | None]) -> None:
    """A dimension that no source has goes as far as what its targets read."""
    sourced = {name for source in project.sources.values() for name in source.dimensions}
    for target in project.built:
        name = project.time_of(target.name)
        if name is None or name in sourced or project.times[name].end is not None:
            continue
        for given in inputs_of(project, target):
            other = project.time_of(given.dataset)
            place = lasts[other] if other else None
            if other is not None and other != name and place is not None:
                end = project.line(other).periods[place].end
                known = lasts[name]
                reached = project.line(name).until(end)
                lasts[name] = reached if known is None else max(known, reached)


def partitions(project: Project, dataset: str, domain: Domain) -> list[Key]:
    """All partitions of a dataset, in order."""
    return list(product(*(domain[dimension] for dimension in project.dimensions_of(dataset))))


def read_by(project: Project, target: Target, key: Key, given: Given, domain: Domain) -> list[Key]:
    """The partitions of an input that one partition of a target reads, in order."""
    own = dict(zip(target.dimensions, key, strict=True))
    dimensions = project.dimensions_of(given.dataset)
    last = next((name for name in dimensions if str(given.rules.get(name)).startswith("last ")), None)
    if last is not None:
        return _last_there(project, own, given, last, domain)
    return list(product(*(_side(project, own, name, given, domain) for name in dimensions)))


def _last_there(project: Project, own: dict[str, str], given: Given, last: str, domain: Domain) -> list[Key]:
    """For each combination of other values the last so many that are there, up to the end of the target's period."""
    dimensions = project.dimensions_of(given.dataset)
    source = project.sources.get(given.dataset)
    count = int(str(given.rules[last]).removeprefix("last "))
    end = _period_of(project, own, last).end
    line = project.line(last)
    early = [value for value in domain[last] if line.by_key[value].start < end]
    others = [[""] if name == last else _side(project, own, name, given, domain) for name in dimensions]
    found: set[Key] = set()
    for key in product(*others):
        keys = [
            tuple(value if name == last else one for name, one in zip(dimensions, key, strict=True)) for value in early
        ]
        found |= set([one for one in keys if source is None or one in source.parts][-count:])
    return [key for key in product(*(domain[name] for name in dimensions)) if key in found]


def _goes_by(project: Project, own: dict[str, str], dimension: str) -> str:
    """The dimension of time of a target that one of its input goes by."""
    return dimension if dimension in own else project.time_among(tuple(own)) or ""


def _period_of(project: Project, own: dict[str, str], dimension: str) -> Period:
    """The period of a target's partition that a dimension of time of its input goes by."""
    name = _goes_by(project, own, dimension)
    return project.line(name).by_key[own[name]]


def _side(project: Project, own: dict[str, str], dimension: str, given: Given, domain: Domain) -> list[str]:
    """The values of one dimension of an input that are read."""
    rule, values = given.rules.get(dimension), domain[dimension]
    if rule == "all":
        return values
    if isinstance(rule, tuple):
        return [value for value in values if value in rule]
    if rule is None and dimension in own:
        return [value for value in values if value == own[dimension]]
    if dimension not in project.times or not any(name in project.times for name in own):
        return values
    period, line = _period_of(project, own, dimension), project.line(dimension)
    if rule == "previous":
        before = line.before(period.start)
        return [value for value in values if value == before]
    zone = project.times[_goes_by(project, own, dimension)].zone
    start, end = span_of(rule, period, zone) if rule else (period.start, period.end)
    return [value for value in values if line.by_key[value].start < end and line.by_key[value].end > start]


def ordered(project: Project, target: Target, domain: Domain) -> list[Key]:
    """All partitions of a target, each after those of its own that it reads."""
    keys, time = partitions(project, target.name, domain), project.time_of(target.name)
    if time is None:
        return keys
    place = target.dimensions.index(time)
    return sorted(keys, key=lambda key: domain[time].index(key[place]))


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
        for key in ordered(project, target, domain):
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
