"""How a random project is drawn from a seed."""

from __future__ import annotations

import random

from tests.random.domains import domain_of
from tests.random.flows import (
    KINDS,
    OPERATIONS,
    ORDERED,
    Given,
    Key,
    Kind,
    Makes,
    Project,
    Reading,
    Rows,
    Rule,
    Source,
    Target,
)
from tests.random.scales import draw_own_rule, draw_time_rule, draw_times

Keys = dict[str, list[str]]  # dimension -> what sources have of it in the beginning
_MOST_PERIODS = 12
_MOST = 24  # partitions of a dataset in the beginning
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
    drawn = draw_times(rng)
    project = Project(
        sources={},
        targets={},
        times=drawn.times,
        places=rng.sample(["A", "B", "C", "D"], rng.choice((2, 2, 3))),
        now=drawn.now,
        reach=drawn.reach,
        params={"k": rng.randrange(1, 5), "other": 1},
        uses={"conf/one.txt": rng.randrange(5), "conf/two.txt": rng.randrange(5)},
        shared=rng.randrange(5),
    )
    is_declared = list(project.times) != ["day", "month"]
    keys = {**drawn.keys, "place": project.places, "kind": KINDS, "item": ["x", "y", "z"][: rng.choice((1, 2, 3))]}
    for number in range(rng.choice((1, 2, 2, 3))):
        source = _draw_source(rng, project, f"s{number}", keys, is_declared)
        project.sources[source.name] = source
    count = rng.randrange(3, 9)
    for number in range(count):
        target = _draw_target(rng, project, f"t{number}", keys, is_declared, is_last=number == count - 1)
        project.targets[target.name] = target
    for name, known in domain_of(project).items():
        if name in project.times and len(known) > _MOST_PERIODS:  # days that only a year tells the end of
            project.times[name].end = keys[name][-1]
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


def draw_batch(target: Target, turn: int = 0) -> str:
    """How many are made in one call; drawn from what is drawn already, so that all else of a seed stays what it was."""
    own = random.Random(f"{target.name} {target.constant} {target.factor} {target.style} {turn}")
    sizes = ("2", "3", "30", '"all"')
    odds = {"python": 0.35, "sql": 0.7}.get(target.kind, 0.0)
    return own.choice(sizes) if turn or own.random() < odds else ""


def _draw_source(rng: random.Random, project: Project, name: str, keys: Keys, is_declared: bool) -> Source:
    dimensions = _draw_shape(rng, project, keys)
    parts: list[Key] = [()]
    for dimension in dimensions:
        parts = [(*key, value) for key in parts for value in keys[dimension]]
    is_globbed = rng.random() < 0.2
    has_schema, is_dated = is_declared or rng.random() < 0.5, rng.random() < 0.3
    source = Source(name, dimensions, f"data/{name}", is_globbed, has_schema, is_dated, {})
    for key in parts:
        names = [f"p{number}" for number in range(rng.choice((1, 2)))] if is_globbed else [""]
        source.parts[key] = {file: draw_rows(rng) for file in names}
    if len(parts) > 2 and rng.random() < 0.15:
        del source.parts[rng.choice(parts[1:])]
    return source


def _draw_shape(rng: random.Random, project: Project, keys: Keys) -> tuple[str, ...]:
    """Up to four dimensions, one of time at most, mostly the shortest."""
    time = rng.choice([*project.times, *list(project.times)[:1] * 3])
    chosen = [time] if rng.random() < 0.75 else []
    has_all = rng.random() < 0.06
    others = [("place", 0.35), ("item", 0.25), ("kind", 0.2)]
    chosen += [name for name, odds in others if has_all or rng.random() < (odds if time in chosen else 1.3 * odds)]
    rng.shuffle(chosen)
    return _fitting(chosen, keys)


def _fitting(dimensions: list[str], keys: Keys) -> tuple[str, ...]:
    """Of these the first whose keys aren't too many together."""
    found: list[str] = []
    size = 1
    for dimension in dimensions:
        if size * len(keys[dimension]) <= _MOST:
            size *= len(keys[dimension])
            found.append(dimension)
    return tuple(found)


def _draw_target(
    rng: random.Random, project: Project, name: str, keys: Keys, is_declared: bool, *, is_last: bool
) -> Target:
    kind: Kind = rng.choice(("sql", "sql", "python", "python", "shell", "shell"))
    is_tabular = kind == "python" and rng.random() < 0.35
    makes = _draw_makes(rng, kind, is_last)
    chosen = _draw_inputs(rng, project, kind, is_table=kind == "sql" or is_tabular)
    dimensions = _draw_dimensions(rng, project, chosen, keys) if makes != "view" else ()
    operations = [one for one in OPERATIONS[kind] if not (is_tabular and one in ORDERED)]
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
        is_declared=is_declared,
        style=rng.randrange(3),
        remarks=draw_remarks(rng, is_view=makes == "view"),
    )
    for given in chosen:
        given.rules = _draw_rules(rng, project, given.dataset, target)
        given.counts = rng.random() >= 0.08
    draw_retries(rng, target)
    target.batch = draw_batch(target)
    if target.batch and kind == "python":  # what can't be told of one of several
        target.is_guarded, target.reads = False, "always" if target.reads == "odd" else target.reads
    if target.batch and kind == "sql" and makes == "file":  # what has keys beside its rows is for those who read tables
        target.form = "json"
    if rng.random() < 0.2:
        _draw_chain(rng, project, target)
    return target


def _draw_chain(rng: random.Random, project: Project, target: Target) -> None:
    """Lets a target read its own earlier partitions, where it has any and something can be read."""
    times = [name for name in target.dimensions if name in project.times]
    is_table = target.kind == "sql" or target.is_tabular
    if not times or not target.outputs or (is_table and not target.has_schema):
        return
    rules: dict[str, Rule] = {times[0]: draw_own_rule(rng, project, times[0])}
    rules |= {name: "all" for name in target.dimensions if name not in times and rng.random() < 0.2}
    counts = rng.random() >= 0.05
    target.inputs.append(Given(target.name, rules, rng.choice(target.outputs), "before", counts))


def _draw_makes(rng: random.Random, kind: Kind, is_last: bool) -> Makes:
    if kind == "sql":
        return "view" if not is_last and rng.random() < 0.45 else "file"
    kinds: tuple[Makes, ...] = ("file", "several", "folder", "action")
    return rng.choices(kinds, (5, 3, 2, 1))[0]


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
    return name, rng.choice((*target.outputs, target.outputs[-1])) if target is not None and target.outputs else ""


def _draw_dimensions(rng: random.Random, project: Project, inputs: list[Given], keys: Keys) -> tuple[str, ...]:
    union = list(dict.fromkeys(dim for given in inputs for dim in project.dimensions_of(given.dataset)))
    times = [dim for dim in union if dim in project.times]
    chosen = rng.choice(times) if times else ""
    kept = [dim for dim in union if rng.random() < 0.8 and (dim == chosen or dim not in times)]
    if chosen in kept and rng.random() < 0.3:
        kept[kept.index(chosen)] = rng.choice(list(project.times))
    for dimension in ("place", "kind"):
        if len(kept) < 2 and dimension not in kept and rng.random() < 0.05:
            kept.append(dimension)
    rng.shuffle(kept)
    return _fitting(kept, keys)


def _draw_rules(rng: random.Random, project: Project, dataset: str, target: Target) -> dict[str, Rule]:
    rules: dict[str, Rule] = {}
    for dimension in project.dimensions_of(dataset):
        rule = draw_rule(rng, project, dataset, dimension, target)
        if rule and not (_is_last(rule) and any(map(_is_last, rules.values()))):
            rules[dimension] = rule
    return rules


def _is_last(rule: Rule) -> bool:
    return str(rule).startswith("last ")


def draw_rule(rng: random.Random, project: Project, dataset: str, dimension: str, target: Target) -> Rule:
    """A rule for one dimension of an input of a target; "" for none."""
    draw = rng.random()
    if dimension == "place" and draw < 0.15:
        return tuple(rng.sample(project.places, rng.randrange(1, len(project.places) + 1)))
    if dimension == "kind" and draw < 0.15:
        return tuple(rng.sample(KINDS, 1))
    if draw < 0.22:
        return "all"
    is_timed = dimension in project.times and any(name in project.times for name in target.dimensions)
    if not is_timed or draw > 0.65:
        return ""
    rule = draw_time_rule(rng, project, dimension, target)
    # An empty input has columns only where they are declared.
    is_plain = target.kind != "sql" and not target.is_tabular
    if is_plain or target.is_declared or (dataset in project.sources and project.sources[dataset].has_schema):
        return rule
    return rule if _holds_itself(rule) else ""


def _holds_itself(rule: Rule) -> bool:
    """Whether a rule reads the target's own period, so that there is something to read."""
    return str(rule).startswith("since ") or (".." in rule and str(rule).startswith(("-", "0")) and "..-" not in rule)
