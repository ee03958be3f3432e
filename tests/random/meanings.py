"""What recipes do, and what of them counts. A few obvious lines for each, over plain numbers."""

from __future__ import annotations

from collections.abc import Callable

from tests.random.domains import Seen, seen_by
from tests.random.flows import POISON, Held, Project, Rows, Target

Lookups = tuple[tuple[str, object], ...]  # params that a task looked up, with the values that it saw; "*": the names
Fetch = Callable[[Seen], Rows]  # all rows of an input, in order


class RecipeFails(Exception):
    """What a recipe does on a poisoned input."""


def meaning(project: Project, target: Target) -> object:
    """Everything that counts as the recipe."""
    return (
        (_text(target), project.is_together(target)),
        (target.uses, project.uses.get(target.uses)),
        project.shared if target.is_shared else None,
        [(one.name, _text(one.view)) for seen in seen_by(project, target) for one in seen.views() if one.view],
        _keys(project, target.dimensions),
        [
            (one.name, _keys(project, project.dimensions_of(one.given.dataset)))
            for seen in seen_by(project, target)
            for one in seen.files()
            if target.kind != "shell"  # a command gets paths, others get the keys as columns
        ],
    )


def _keys(project: Project, dimensions: tuple[str, ...]) -> object:
    """What the values of keys mean."""
    times = {name: time for name, time in project.times.items() if name in dimensions}
    grains = {name: (one.every, one.zone, project.line(name).periods[1].key) for name, one in times.items()}
    return [(name, grains.get(name)) for name in dimensions]


def _text(target: Target) -> object:
    return (
        (target.kind, target.form, target.operation, target.constant, target.factor, target.reads, target.is_guarded),
        [(given.name, given.reference) for given in target.inputs],
    )


def rows_read(project: Project, target: Target, fetch: Fetch) -> Rows:
    """The rows that a recipe reads, in order."""
    return tuple(row for seen in seen_by(project, target) for row in _through(project, seen, fetch))


def _through(project: Project, seen: Seen, fetch: Fetch) -> Rows:
    if seen.view is None:
        return fetch(seen)
    rows = (row for one in seen.inner for row in _through(project, one, fetch))
    added = seen.view.constant + (project.params["k"] if seen.view.reads == "always" else 0)
    factor = seen.view.factor
    return tuple(
        row if row == POISON else (row * factor + added) % 10 for row in rows if row == POISON or row % factor != 1
    )


def params_read(project: Project, target: Target, rows: Rows) -> tuple[int, Lookups]:
    """What the params add to the recipe's constant, and which were looked up, with their values."""
    params, reads = project.params, target.reads
    seen = {"k"} if any(_reads_k(one) for one in seen_by(project, target)) else set()
    added = 0
    if reads == "always" or (reads == "odd" and sum(rows) % 2):
        added, seen = params["k"], {"k"}
    elif reads == "absent":
        added, seen = params.get("bonus", 0), {*seen, "bonus"}
    elif reads == "all":
        added, seen = sum(params.values()), set(params)
    return added, tuple((name, params.get(name)) for name in sorted(seen))


def _reads_k(seen: Seen) -> bool:
    return any(one.view is not None and one.view.reads == "always" for one in seen.views())


def looked_up_now(project: Project, target: Target, lookups: Lookups) -> Lookups:
    """The params that a task looked up, with their present values."""
    if target.reads == "all":
        return tuple(sorted(project.params.items()))
    names = tuple(sorted(project.params))
    return tuple((name, names if name == "*" else project.params.get(name)) for name, _ in lookups)


def evaluate(project: Project, target: Target, rows: Rows) -> Rows:
    """What a recipe makes of its inputs' rows. RecipeFails where it can't."""
    if POISON in rows:
        raise RecipeFails
    constant = target.constant + params_read(project, target, rows)[0] + project.uses.get(target.uses, 0)
    constant += project.shared if target.is_shared else 0
    return _OPERATIONS[target.operation](rows, constant, target.factor)


def outputs_of(target: Target, made: Rows) -> dict[str, Held]:
    """What is in the outputs of a recipe that made these rows."""
    match target.makes:
        case "several":
            return {"main": (("", made),), "gist": (("", (len(made) % 2,)),)}
        case "folder":
            files = {row % 3: tuple(one for one in made if one % 3 == row % 3) for row in made}
            return {"": tuple(sorted((FILES[rest], rows) for rest, rows in files.items()))}
        case "file":
            return {"": (("", made),)}
        case _:
            return {}


FILES = ("sub/p0.csv", "p1.csv", "p2.csv")  # of a folder, by the rest of its rows modulo 3


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
