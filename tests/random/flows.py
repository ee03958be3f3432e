"""Random projects: what a flow is made of here, and how one is drawn from a seed.

Every partition of every dataset is a list of whole numbers, in whatever format, so that each recipe means the same in
SQL, Python and shell, and a few lines of Python can say what has to come out. Unaware of files and of dbuild.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Literal

Key = tuple[str, ...]
Rows = tuple[int, ...]
Kind = Literal["sql", "python", "shell"]
Reading = Literal["none", "always", "odd", "absent", "all"]

POISON = -999  # a number that every recipe that reads it straight fails on
START = "2013-01-29"
DAYS = [f"2013-01-{day}" for day in (29, 30, 31)] + [f"2013-02-0{day}" for day in range(1, 8)]
OPERATIONS: dict[Kind, tuple[str, ...]] = {
    "sql": ("count", "sum", "least", "distinct"),
    "python": ("spread", "fold", "tally"),
    "shell": ("merge", "first", "total", "joined"),
}
ORDERED = ("fold", "joined")  # what comes out depends on the order of the files
WINDOWS = ("-2d..0d", "-1d..0d", "0d..1d", "-1d..-1d", "-1d..1d")
MONTH_WINDOWS = ("-1mo..0mo", "0mo..1mo")


@dataclass(slots=True)
class Source:
    """Files that others write: CSV with one column."""

    name: str
    dimensions: tuple[str, ...]
    folder: str
    is_globbed: bool  # a partition may have several files
    has_schema: bool
    parts: dict[Key, dict[str, Rows]]  # key -> name of a file -> its rows; named "" where a partition is one file


@dataclass(slots=True)
class Given:
    """An input: the dataset and its rules (a window, "all", or a list of keys) by dimension."""

    dataset: str
    rules: dict[str, str | tuple[str, ...]]


@dataclass(slots=True)
class Target:
    """A dataset with its recipe, as what the recipe means; `style` only changes how it is written."""

    name: str
    dimensions: tuple[str, ...]
    folder: str
    kind: Kind
    form: str  # csv, parquet or json
    operation: str
    constant: int
    factor: int
    inputs: list[Given]
    reads: Reading  # which params, and when
    uses: str  # a file with a number that the recipe adds; "" for none
    is_shared: bool  # Python: adds the number of a module of the project
    is_guarded: bool  # fails where a certain file is there
    is_tabular: bool  # Python: takes tables, not paths
    is_dated: bool  # its path has {day:%Y/%m/%d}
    style: int = 0

    @property
    def has_schema(self) -> bool:
        """Whether its columns are declared: where the format and the recipe don't say them."""
        return self.form == "csv" and self.kind != "sql" and bool(self.dimensions)


@dataclass(slots=True)
class Project:
    """A project as its author has it in mind."""

    sources: dict[str, Source]
    targets: dict[str, Target]  # each after what it reads
    places: list[str]
    last_day: str | None  # the declared end of the days
    params: dict[str, int]
    uses: dict[str, int]  # file -> the number in it
    shared: int
    style: int = 0  # of the shared module
    broken: set[tuple[str, Key]] = field(default_factory=set)  # guarded tasks that fail now

    def dimensions_of(self, dataset: str) -> tuple[str, ...]:
        """The dimensions of a source or target."""
        found = self.sources.get(dataset) or self.targets[dataset]
        return found.dimensions

    def form_of(self, dataset: str) -> str:
        """The format of a dataset's files."""
        return self.targets[dataset].form if dataset in self.targets else "csv"

    @property
    def discoverer(self) -> str | None:
        """The source whose paths tell the items."""
        return next((source.name for source in self.sources.values() if "item" in source.dimensions), None)


def draw(rng: random.Random) -> Project:
    """A random project, complete with its sources' contents."""
    project = Project(
        sources={},
        targets={},
        places=rng.sample(["A", "B", "C", "D"], rng.choice((2, 2, 3))),
        last_day=rng.choice((None, None, None, "2013-02-03")),
        params={"k": rng.randrange(1, 5), "other": 1},
        uses={"conf/one.txt": rng.randrange(5), "conf/two.txt": rng.randrange(5)},
        shared=rng.randrange(5),
    )
    days = DAYS[: rng.choice((3, 4, 5))]
    items = ["x", "y", "z"][: rng.choice((1, 2, 3))]
    for number in range(rng.choice((1, 2, 2, 3))):
        source = _draw_source(rng, f"s{number}", days, items, project.places)
        project.sources[source.name] = source
    for number in range(rng.randrange(2, 9)):
        target = _draw_target(rng, project, f"t{number}")
        project.targets[target.name] = target
    return project


def draw_rows(rng: random.Random) -> Rows:
    """The rows of one file: few numbers of a small range, so that results often come out the same."""
    return tuple(rng.randrange(10) for _ in range(rng.randrange(1, 5)))


def _draw_source(rng: random.Random, name: str, days: list[str], items: list[str], places: list[str]) -> Source:
    shapes = [(), ("day",), ("day",), ("place",), ("item",), ("day", "place"), ("place", "day"), ("day", "item")]
    dimensions = rng.choice(shapes)
    values = {"day": days, "place": places, "item": items}
    keys: list[Key] = [()]
    for dimension in dimensions:
        keys = [(*key, value) for key in keys for value in values[dimension]]
    is_globbed = rng.random() < 0.2
    source = Source(name, dimensions, f"data/{name}", is_globbed, rng.random() < 0.5, {})
    for key in keys:
        names = [f"p{number}" for number in range(rng.choice((1, 2)))] if is_globbed else [""]
        source.parts[key] = {file: draw_rows(rng) for file in names}
    if len(keys) > 2 and rng.random() < 0.15:
        del source.parts[rng.choice(keys[1:])]
    return source


def _draw_target(rng: random.Random, project: Project, name: str) -> Target:
    kind: Kind = rng.choice(("sql", "python", "python", "shell", "shell"))
    is_tabular = kind == "python" and rng.random() < 0.25
    known = [*project.sources, *project.targets, *list(project.targets)[-2:]]
    readable = [one for one in known if kind == "sql" or is_tabular or project.form_of(one) == "csv"]
    chosen = list(dict.fromkeys(rng.choice(readable) for _ in range(rng.choice((1, 1, 2, 2)))))
    dimensions = _draw_dimensions(rng, project, chosen)
    operations = [one for one in OPERATIONS[kind] if not (is_tabular and one in ORDERED)]
    operation = rng.choice(operations)
    readings: dict[Kind, tuple[Reading, ...]] = {
        "sql": ("none", "none", "always"),
        "shell": ("none", "none", "always"),
        "python": ("none", "none", "always", "odd", "absent", "all"),
    }
    return Target(
        name=name,
        dimensions=dimensions,
        folder=f"out/{name}",
        kind=kind,
        form=rng.choice(("csv", "csv", "parquet", "json")) if kind == "sql" else "csv",
        operation=operation,
        constant=rng.randrange(10),
        factor=rng.randrange(2, 5),
        inputs=[Given(one, _draw_rules(rng, project, one, dimensions, kind, is_tabular)) for one in chosen],
        reads=rng.choice(readings[kind]),
        uses=rng.choice(("", "", *project.uses)) if kind != "sql" else "",
        is_shared=kind == "python" and rng.random() < 0.3,
        is_guarded=kind != "sql" and rng.random() < 0.6,
        is_tabular=is_tabular,
        is_dated=rng.random() < 0.2,
        style=rng.randrange(3),
    )


def _draw_dimensions(rng: random.Random, project: Project, inputs: list[str]) -> tuple[str, ...]:
    union = list(dict.fromkeys(dim for one in inputs for dim in project.dimensions_of(one)))
    if "day" in union and "month" in union:
        union.remove(rng.choice(("day", "month")))
    kept = [dim for dim in union if rng.random() < 0.8]
    if "day" in kept and rng.random() < 0.25:
        kept[kept.index("day")] = "month"
    if len(kept) < 2 and "place" not in kept and rng.random() < 0.08:
        kept.append("place")
    rng.shuffle(kept)
    return tuple(kept[:2])


def _draw_rules(
    rng: random.Random, project: Project, dataset: str, own: tuple[str, ...], kind: Kind, is_tabular: bool
) -> dict[str, str | tuple[str, ...]]:
    rules: dict[str, str | tuple[str, ...]] = {}
    for dimension in project.dimensions_of(dataset):
        rule = draw_rule(rng, project, dataset, dimension, own, kind, is_tabular)
        if rule:
            rules[dimension] = rule
    return rules


def draw_rule(
    rng: random.Random,
    project: Project,
    dataset: str,
    dimension: str,
    own: tuple[str, ...],
    kind: Kind,
    is_tabular: bool,
) -> str | tuple[str, ...]:
    """A rule for one dimension of an input of a target with the dimensions `own`; "" for none."""
    draw = rng.random()
    if dimension == "place" and draw < 0.15:
        return tuple(rng.sample(project.places, rng.randrange(1, len(project.places) + 1)))
    if draw < 0.25:
        return "all"
    if dimension == "day" and {"day", "month"} & set(own) and draw < 0.6:
        # An empty input has columns only where they are declared.
        is_plain = kind != "sql" and not is_tabular
        may_be_empty = is_plain or (dataset in project.sources and project.sources[dataset].has_schema)
        return rng.choice([one for one in WINDOWS if may_be_empty or one != "-1d..-1d"])
    if dimension == "month" and "month" in own and draw < 0.5:
        return rng.choice(MONTH_WINDOWS)
    return ""
