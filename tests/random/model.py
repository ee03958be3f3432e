"""The oracle: what every partition has to hold, and which tasks a build has to run, from the author's view alone.

A few obvious lines for each rule of the design, over plain dicts and lists; nothing of dbuild is used here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import product

from tests.random.flows import POISON, START, Given, Key, Project, Rows, Source, Target

Node = tuple[str, Key]
Lookups = tuple[tuple[str, int | None], ...]  # params that a task looked up, with the values that it saw
Domain = dict[str, list[str]]  # dimension -> its keys in order
_WINDOW = re.compile(r"(-?\d+)(d|mo)\.\.(-?\d+)(d|mo)")


class RecipeFails(Exception):
    """What a recipe does on a poisoned input."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is to be remembered of a successful task."""

    recipe: object  # what the recipe meant
    params: Lookups
    inputs: tuple[object, ...]  # what it read: keys in order, with contents
    rows: Rows
    path: str
    content: bytes = b""  # of the file, as it was right after the build


@dataclass(slots=True)
class Memory:
    """What earlier builds left behind."""

    records: dict[Node, Record] = field(default_factory=dict)
    failed: set[Node] = field(default_factory=set)


@dataclass(slots=True)
class Expected:
    """How each needed task has to end, if everything that can be built is."""

    built: dict[Node, Record] = field(default_factory=dict)
    failed: set[Node] = field(default_factory=set)
    fresh: set[Node] = field(default_factory=set)
    waiting: set[Node] = field(default_factory=set)
    blocked: set[Node] = field(default_factory=set)
    reads: dict[Node, list[Node]] = field(default_factory=dict)  # straight, targets only

    @property
    def runs(self) -> set[Node]:
        """The tasks that have to run."""
        return self.built.keys() | self.failed


# -- which partitions there are ------------------------------------------------------------------------------------


def domain_of(project: Project) -> Domain:
    """The keys of every dimension."""
    days = _days(project)
    months = [day[:7] for day in days]
    reached = any(
        "month" in target.dimensions and "day" in project.dimensions_of(given.dataset)
        for target in project.targets.values()
        for given in target.inputs
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


def needed_for(project: Project, wanted: Iterable[Node], domain: Domain) -> set[Node]:
    """These partitions of targets and all that they need."""
    needed: set[Node] = set()
    left = list(wanted)
    while left:
        node = left.pop()
        if node in needed:
            continue
        needed.add(node)
        target = project.targets[node[0]]
        for given in target.inputs:
            if given.dataset in project.targets:
                left += [(given.dataset, one) for one in read_by(project, target, node[1], given, domain)]
    return needed


def downstream(project: Project, name: str, domain: Domain) -> list[Node]:
    """All partitions of a target, and of other targets those that read any of them, straight or through others."""
    reached = {(name, key) for key in partitions(project, name, domain)}
    for target in project.targets.values():
        for key in partitions(project, target.name, domain):
            inputs = ((g.dataset, one) for g in target.inputs for one in read_by(project, target, key, g, domain))
            if not reached.isdisjoint(inputs):
                reached.add((target.name, key))
    return sorted(reached)


# -- what recipes do -----------------------------------------------------------------------------------------------


def meaning(project: Project, target: Target) -> object:
    """Everything that counts as the recipe."""
    return (
        (target.kind, target.form, target.operation, target.constant, target.factor, target.reads, target.is_guarded),
        (target.uses, project.uses.get(target.uses)),
        project.shared if target.is_shared else None,
        tuple(given.dataset for given in target.inputs),
    )


def params_read(project: Project, target: Target, rows: Rows) -> tuple[int, Lookups]:
    """What the params add to the recipe's constant, and which were looked up, with their values."""
    reads = target.reads
    if reads == "always" or (reads == "odd" and sum(rows) % 2):
        return project.params["k"], (("k", project.params["k"]),)
    if reads == "absent":
        return project.params.get("bonus", 0), (("bonus", project.params.get("bonus")),)
    if reads == "all":
        return sum(project.params.values()), tuple(sorted(project.params.items()))
    return 0, ()


def looked_up_now(project: Project, target: Target, record: Record) -> Lookups:
    """The params that a record's task looked up, with their present values."""
    if target.reads == "all":
        return tuple(sorted(project.params.items()))
    return tuple((name, project.params.get(name)) for name, _ in record.params)


def evaluate(project: Project, target: Target, rows: Rows) -> Rows:
    """What a recipe makes of its inputs' rows. RecipeFails where it can't."""
    if POISON in rows:
        raise RecipeFails
    constant = target.constant + params_read(project, target, rows)[0] + project.uses.get(target.uses, 0)
    constant += project.shared if target.is_shared else 0
    return _OPERATIONS[target.operation](rows, constant, target.factor)


def _fold(rows: Rows, constant: int, factor: int) -> Rows:
    number = constant
    for row in rows:
        number = (number * factor + row) % 1009
    return (number,)


_OPERATIONS: dict[str, Callable[[Rows, int, int], Rows]] = {
    "count": lambda rows, constant, factor: (len(rows) + constant,),
    "sum": lambda rows, constant, factor: (sum(rows) % 7 + constant,),
    "least": lambda rows, constant, factor: (min((row % factor for row in rows), default=0) + constant,),
    "distinct": lambda rows, constant, factor: tuple(sorted({row % factor for row in rows} | {constant})),
    "spread": lambda rows, constant, factor: tuple(sorted({row * factor % 10 for row in rows} | {constant})),
    "fold": _fold,
    "tally": lambda rows, constant, factor: (len(rows), constant),
    "merge": lambda rows, constant, factor: tuple(sorted({*rows, constant})),
    "first": lambda rows, constant, factor: tuple(sorted((*rows, constant))[:2]),
    "total": lambda rows, constant, factor: ((sum(rows) + constant) % 5,),
    "joined": lambda rows, constant, factor: (*rows, constant)[:3],
}


# -- what a build has to do ----------------------------------------------------------------------------------------


def path_of(target: Target, key: Key) -> str:
    """The path of one partition's output."""
    parts = [
        part.replace("-", "/") if target.is_dated and name == "day" else part
        for name, part in zip(target.dimensions, key, strict=True)
    ]
    return f"{target.folder}/{'/'.join(parts) or 'whole'}.{target.form}"


def rows_of_source(source: Source, key: Key) -> Rows:
    """The rows of a source's partition, in the order of its files' names."""
    return tuple(row for _, rows in sorted(source.parts[key].items()) for row in rows)


def expect(
    project: Project, memory: Memory, wanted: Iterable[Node], forced: set[Node], content: Callable[[str], bytes | None]
) -> Expected:
    """What a build of these partitions has to do. `content` tells what is in a file now."""
    domain = domain_of(project)
    needed = needed_for(project, wanted, domain)
    expected = Expected()
    for target in project.targets.values():
        for key in partitions(project, target.name, domain):
            if (target.name, key) in needed:
                _expect_one(project, memory, target, key, forced, content, domain, expected)
    return expected


def _expect_one(
    project: Project,
    memory: Memory,
    target: Target,
    key: Key,
    forced: set[Node],
    content: Callable[[str], bytes | None],
    domain: Domain,
    expected: Expected,
) -> None:
    node = (target.name, key)
    reads = [(given.dataset, one) for given in target.inputs for one in read_by(project, target, key, given, domain)]
    expected.reads[node] = [one for one in reads if one[0] in project.targets]
    if any(_is_held(project, expected, one) for one in reads):
        expected.waiting.add(node)
        return
    if any(one in expected.failed or one in expected.blocked for one in reads):
        expected.blocked.add(node)
        return
    inputs = tuple(
        (given.dataset, tuple((one, _identity(project, memory, expected, (given.dataset, one))) for one in found))
        for given in target.inputs
        for found in [read_by(project, target, key, given, domain)]
    )
    recipe, path = meaning(project, target), path_of(target, key)
    record = memory.records.get(node)
    is_fresh = (
        record is not None
        and node not in forced
        and node not in memory.failed
        and record.recipe == recipe
        and record.params == looked_up_now(project, target, record)
        and record.inputs == inputs
        and record.path == path
        and content(path) == record.content
    )
    if is_fresh:
        expected.fresh.add(node)
        return
    rows = tuple(row for one in reads for row in _rows(project, memory, expected, one))
    try:
        if target.is_guarded and node in project.broken:
            raise RecipeFails
        made = evaluate(project, target, rows)
    except RecipeFails:
        expected.failed.add(node)
        return
    expected.built[node] = Record(recipe, params_read(project, target, rows)[1], inputs, made, path)


def _is_held(project: Project, expected: Expected, node: Node) -> bool:
    if node[0] in project.sources:
        return node[1] not in project.sources[node[0]].parts
    return node in expected.waiting


def _rows(project: Project, memory: Memory, expected: Expected, node: Node) -> Rows:
    if node[0] in project.sources:
        return rows_of_source(project.sources[node[0]], node[1])
    return (expected.built.get(node) or memory.records[node]).rows


def _identity(project: Project, memory: Memory, expected: Expected, node: Node) -> object:
    """What an input's content is compared by; for several files, their names count."""
    source = project.sources.get(node[0])
    if source is not None and source.is_globbed:
        return tuple(sorted(source.parts[node[1]].items()))
    return _rows(project, memory, expected, node)


def clean_rows(project: Project, nodes: Iterable[Node], domain: Domain) -> dict[Node, Rows]:
    """What a clean build would make of these partitions (their inputs are all there and healthy)."""
    made: dict[Node, Rows] = {}

    def rows(node: Node) -> Rows:
        if node[0] in project.sources:
            return rows_of_source(project.sources[node[0]], node[1])
        if node not in made:
            target = project.targets[node[0]]
            found = [(g.dataset, one) for g in target.inputs for one in read_by(project, target, node[1], g, domain)]
            made[node] = evaluate(project, target, tuple(row for one in found for row in rows(one)))
        return made[node]

    return {node: rows(node) for node in nodes}
