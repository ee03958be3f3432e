"""How a random project is drawn from a seed."""

from __future__ import annotations

import random

from tests.random.flows import (
    DAYS,
    MONTH_WINDOWS,
    OPERATIONS,
    ORDERED,
    WINDOWS,
    Given,
    Key,
    Kind,
    Makes,
    Project,
    Reading,
    Rows,
    Source,
    Target,
)

_READINGS: dict[Kind, tuple[Reading, ...]] = {
    "sql": ("none", "none", "always"),
    "shell": ("none", "none", "always"),
    "python": ("none", "none", "always", "odd", "absent", "all"),
}
# Keys that mean nothing for what is built; those of the second line are for what runs.
_WORDS = ('description = "for people"', 'description = "words"', 'tags = ["nightly"]', 'owner = "us"')
_LIMITS = ("needs = { cpus = 0.5 }", "needs = { db = 1 }", 'timeout = "1h"', 'timeout = { after = "1h", grace = "1s" }')


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
    count = rng.randrange(3, 9)
    for number in range(count):
        target = _draw_target(rng, project, f"t{number}", is_last=number == count - 1)
        project.targets[target.name] = target
    return project


def draw_rows(rng: random.Random) -> Rows:
    """The rows of one file: few numbers of a small range, so that results often come out the same."""
    return tuple(rng.randrange(10) for _ in range(rng.randrange(1, 5)))


def draw_remarks(rng: random.Random, *, is_view: bool) -> tuple[str, ...]:
    """Some of the keys that mean nothing for what is built."""
    drawn = rng.sample(_WORDS if is_view else (*_WORDS, *_LIMITS), rng.randrange(3))
    return tuple({text.partition(" ")[0]: text for text in drawn}.values())


def draw_retries(rng: random.Random, target: Target) -> None:
    """Another number of retries, for other causes."""
    target.times = rng.choice((0, 0, 1, 2)) if not target.is_view else 0
    target.retry_on = rng.choice(("any", "any", "guard", "other"))


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


def _draw_target(rng: random.Random, project: Project, name: str, *, is_last: bool) -> Target:
    kind: Kind = rng.choice(("sql", "sql", "python", "python", "shell", "shell"))
    is_tabular = kind == "python" and rng.random() < 0.35
    makes = _draw_makes(rng, kind, is_last)
    chosen = _draw_inputs(rng, project, kind, is_table=kind == "sql" or is_tabular)
    dimensions = _draw_dimensions(rng, project, chosen) if makes != "view" else ()
    operations = [one for one in OPERATIONS[kind] if not (is_tabular and one in ORDERED)]
    for given in chosen:
        given.rules = _draw_rules(rng, project, given.dataset, dimensions, kind, is_tabular)
    target = Target(
        name=name,
        dimensions=dimensions,
        folder=f"out/{name}",
        kind=kind,
        makes=makes,
        form=_draw_form(rng, kind, makes),
        operation="shift" if makes == "view" else rng.choice(operations),
        constant=rng.randrange(10),
        factor=rng.randrange(2, 5),
        inputs=chosen,
        reads=rng.choice(_READINGS[kind]),
        uses=rng.choice(("", "", *project.uses)) if kind != "sql" else "",
        is_shared=kind == "python" and rng.random() < 0.3,
        is_guarded=kind != "sql" and rng.random() < 0.7,
        is_tabular=is_tabular,
        is_dated=rng.random() < 0.2,
        style=rng.randrange(3),
        remarks=draw_remarks(rng, is_view=makes == "view"),
    )
    draw_retries(rng, target)
    return target


def _draw_makes(rng: random.Random, kind: Kind, is_last: bool) -> Makes:
    if kind == "sql":
        return "view" if not is_last and rng.random() < 0.45 else "file"
    kinds: tuple[Makes, ...] = ("file", "several", "folder", "action")
    return rng.choices(kinds, (5, 2.5, 2, 1))[0]


def _draw_form(rng: random.Random, kind: Kind, makes: Makes) -> str:
    if makes in ("view", "action"):
        return ""
    if makes == "folder":
        return "folder"
    return rng.choice(("csv", "csv", "parquet", "json")) if kind == "sql" else "csv"


def _draw_inputs(rng: random.Random, project: Project, kind: Kind, *, is_table: bool) -> list[Given]:
    forms = ("csv", "parquet", "json", "view") if is_table else ("csv", "folder")
    known = [*project.sources, *project.targets, *list(project.targets)[-2:]]
    known += 2 * [name for name, target in project.targets.items() if target.is_view or target.makes == "several"]
    readable = [one for one in known if project.form_of(one) in forms]
    if kind != "shell":
        readable = [one for one in readable if not _lacks_columns(project, one)]
    pairs = [_draw_output(rng, project, rng.choice(readable)) for _ in range(rng.choice((1, 1, 2, 2)))]
    return [Given(name, {}, output) for name, output in dict.fromkeys(pairs)]


def _lacks_columns(project: Project, name: str) -> bool:
    """Whether only the first of several partitions tells the columns, which others would have to wait for."""
    target = project.targets.get(name)
    return target is not None and target.makes == "several" and bool(target.dimensions)


def _draw_output(rng: random.Random, project: Project, name: str) -> tuple[str, str]:
    target = project.targets.get(name)
    return name, rng.choice(target.outputs) if target is not None and target.outputs else ""


def _draw_dimensions(rng: random.Random, project: Project, inputs: list[Given]) -> tuple[str, ...]:
    union = list(dict.fromkeys(dim for given in inputs for dim in project.dimensions_of(given.dataset)))
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
