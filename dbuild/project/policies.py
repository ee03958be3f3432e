"""What an input says of partitions that are missing (`missing`, `max_age`, `min`), and of its rows (`by`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from dbuild.core.model import Missing
from dbuild.errors import nearest
from dbuild.project.document import Table
from dbuild.project.keys import KEYS
from dbuild.project.kinds import mistyped
from dbuild.project.quantities import read_duration
from dbuild.values import dataclass

POLICIES: tuple[Missing, ...] = get_args(Missing)
_KEYS = ("missing", "max_age", "min", "by")

Options = Mapping[str, object]
Routes = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Policies:
    """What one input says of them."""

    missing: Missing | None = None  # None where it isn't said
    max_age: float | None = None  # seconds
    minimum: int | None = None
    by: Routes = ()  # dimension of the target -> SQL


@dataclass(frozen=True, slots=True)
class Ends:
    """What an input leads from, and to."""

    dataset: str
    kind: Literal["source", "target", "view", "action"]  # of the dataset
    dimensions: tuple[str, ...]  # of the target that reads it
    is_known: bool  # whether the target's paths, which tell its dimensions, have no mistake


def read_policies(table: Table, name: str, options: Options, ends: Ends) -> Policies:
    """The policies of the input `name` of a target's table; mistakes are reported, and what has them is left out."""
    given = {key: options[key] for key in _KEYS if key in options and _check(table, name, key, options[key])}
    if given and ends.dataset == table.path[-1]:
        key = next(iter(given))
        what = f'"{key}" of the input "{name}", which is the target itself: what it needs of that is built first'
        table.report(what, "inputs", name, key, hint="remove it")
        return Policies()
    missing = _read_missing(table, name, given)
    minimum = given.get("min")
    if minimum is not None and missing == "latest":
        what = f'"min" of the input "{name}" is for several partitions, and missing = "latest" for one'
        table.report(what, "inputs", name, "min", hint="remove one")
    return Policies(
        missing=missing,
        max_age=_read_age(table, name, given, missing),
        minimum=minimum if isinstance(minimum, int) else None,
        by=_read_by(table, name, given["by"], options, ends) if "by" in given else (),
    )


def _check(table: Table, name: str, key: str, value: object) -> bool:
    wrong = mistyped(KEYS["inputs"][key].kind, value)
    if wrong:
        hint = f"as in {key} = {KEYS['inputs'][key].example}"
        table.report(f'"{key}" of the input "{name}" must be {wrong}', "inputs", name, key, hint=hint)
    return not wrong


def _read_missing(table: Table, name: str, given: Options) -> Missing | None:
    said = given.get("missing")
    found = next((policy for policy in POLICIES if policy == said), None)
    if said is not None and found is None:
        hint = nearest(str(said), POLICIES) or f"it is one of {', '.join(POLICIES)}"
        table.report(f'"{said}" is nothing that can be done without an input', "inputs", name, "missing", hint=hint)
    return found


def _read_age(table: Table, name: str, given: Options, missing: Missing | None) -> float | None:
    if "max_age" not in given:
        return None
    seconds = read_duration(str(given["max_age"]))
    if missing != "latest" and ("missing" not in given or missing):
        what = f'"max_age" of the input "{name}" is for missing = "latest"'
        table.report(what, "inputs", name, "max_age", hint='add missing = "latest", or remove it')
    elif not seconds:
        table.report(f'"max_age" of the input "{name}" is no time at all', "inputs", name, "max_age", hint='as in "7d"')
    return seconds or None


def _read_by(table: Table, name: str, given: object, options: Options, ends: Ends) -> Routes:
    path = ("inputs", name, "by")
    problem = _misplaced(table, ends)
    if problem:
        table.report(f'"by" of the input "{name}": {problem[0]}', *path, hint=problem[1])
        return ()
    if isinstance(given, str):
        if len(ends.dimensions) == 1:
            given = {ends.dimensions[0]: given}
        elif ends.is_known:
            example = ", ".join(f'{dimension} = "…"' for dimension in ends.dimensions)
            what = f"it doesn't say which of {', '.join(ends.dimensions)} it gives"
            table.report(f'"by" of the input "{name}": {what}', *path, hint=f"as in by = {{ {example} }}")
    routes = given if isinstance(given, dict) else {}
    if isinstance(given, dict) and not given:
        table.report(f'"by" of the input "{name}" names no dimension', *path, hint='as in { day = "CAST(ts AS DATE)" }')
    return tuple((key, sql) for key, sql in routes.items() if _is_route(table, name, key, sql, options, ends))


def _misplaced(table: Table, ends: Ends) -> tuple[str, str] | None:
    """Why rows can't be routed into a target, and what to do; None where they can."""
    if "shell" in table:
        return "a command reads files, which have all rows", "put an SQL target with a path between"
    if ends.is_known and not ends.dimensions:
        what = "a view has no partitions" if "sql" in table and "path" not in table else "the target has no partitions"
        return f"{what} to which rows could go", "give it to an input of a target that has some"
    if ends.kind == "view":
        return f'"{ends.dataset}" is a view', "read what the view reads, or give the view a path"
    return None


def _is_route(table: Table, name: str, key: str, sql: object, options: Options, ends: Ends) -> bool:
    path = ("inputs", name, "by", key) if isinstance(options["by"], dict) else ("inputs", name, "by")
    if key not in ends.dimensions:
        if ends.is_known:
            hint = nearest(key, ends.dimensions) or f"its dimensions: {', '.join(ends.dimensions)}"
            table.report(f'"{key}" is no dimension of {table.title}, to which "by" routes rows', *path, hint=hint)
        return False
    if not isinstance(sql, str) or not sql.strip():
        what = f'the value of a row on "{key}" must be SQL, as a string that isn\'t empty'
        table.report(what, *path, hint=f'as in {key} = "CAST(ts AS DATE)"')
        return False
    if key in options:
        what = f'the input "{name}" has a rule for "{key}", and its rows are routed by their own {key}'
        table.report(what, "inputs", name, key, hint="remove it: files of all keys are looked into")
    return True
