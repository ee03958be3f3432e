"""[partitions.X] -> dimensions."""

from __future__ import annotations

import re
from datetime import date, datetime, time

from dbuild.core.grain import UNITS, Grain
from dbuild.core.model import Dimension, DiscoveredDimension, ListDimension, QueriedDimension, TimeDimension
from dbuild.core.pieces import is_key
from dbuild.core.unit import CENTURY, MONTHS, number_at
from dbuild.errors import Place, nearest
from dbuild.project.document import Table
from dbuild.project.options import read_timezone
from dbuild.project.recipe import Macros, read_sql
from dbuild.values import dataclass, replace

_KINDS = ("every", "values", "discover")
_OF_A_DAY = {"minute": 1440, "hour": 24}  # units that start at midnight: periods of several have to divide a day
EVERY = rf"0*[1-9][0-9]{{0,7}} *(?:{'|'.join(UNITS)})s?"  # so many of a unit, as editors are told
_EVERY = re.compile(r"([0-9]{1,9}) *([a-z]+?)s?|([a-z]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the SQL of dimensions has of the project around it."""

    timezone: str
    macros: Macros  # of [project]
    files: dict[str, Place]  # files of SQL that dimensions name, each with the place where one does


def read_dimension(name: str, table: Table, around: Surroundings) -> Dimension | None:
    """A dimension, as far as it can be made; None where not even its kind is known. Mistakes are reported."""
    given = [kind for kind in _KINDS if kind in table]
    for other in ("start", "end", "timezone"):
        if other in table and "every" not in table:
            table.report(f'"{other}" of {table.title} is for time dimensions', other, hint='add every = "day"')
    if len(given) != 1:
        if given or not any(table.is_tried(kind) for kind in _KINDS):
            what = (
                f"{table.title} has {' and '.join(given)}" if given else f"{table.title} doesn't say what its keys are"
            )
            table.report(what, hint="give exactly one of every, values and discover")
        return None
    match given[0]:
        case "every":
            return _read_time(name, table)
        case "values":
            return ListDimension(name, _read_values(table), table.place())
        case _:
            return _read_discovery(name, table, around)


def _read_discovery(name: str, table: Table, around: Surroundings) -> DiscoveredDimension | QueriedDimension | None:
    inner = table.inner("discover")
    if inner is None:
        return DiscoveredDimension(name, table.string("discover") or "", table.place())
    if "sql" not in inner:
        if not inner.is_tried("sql"):
            what = f"discover of {table.title} doesn't say how its keys are found"
            table.report(what, "discover", hint='as in discover = { sql = "SELECT customer FROM orders" }')
        return None
    said = read_sql(inner, around.macros)
    if said is None:
        return None
    recipe, files = said
    around.files.update(files)
    return QueriedDimension(name, recipe, around.timezone, table.place())


def _read_values(table: Table) -> tuple[str, ...]:
    values = table.strings("values") or ()
    if not values:
        table.report(f"values of {table.title} is empty", "values", hint='give at least one key, as in ["JFK"]')
    first: dict[str, int] = {}
    for position, value in enumerate(values):
        if not is_key(value):
            hint = 'keys are parts of paths: no "/", no control characters, not "." or ".."'
            table.report(f"{value!r} can't be a key", "values", position, hint=hint)
        elif value in first:
            where = table.place("values", first[value])
            table.report(f'the key "{value}" is given twice, first at {where}', "values", position, hint="remove one")
        first.setdefault(value, position)
    return tuple(value for value in first if is_key(value))


def _read_time(name: str, table: Table) -> TimeDimension | None:
    grain = _read_grain(table)
    if grain is None:
        return None
    if not table.is_tried("start"):
        table.report(f"{table.title} has no start", hint=f'add the first key, as in start = "{grain.example}"')
    grain = _anchored(table, grain)
    is_current = table.value("end") == "now"
    start, end = _read_bound(table, grain, "start"), None if is_current else _read_bound(table, grain, "end")
    if start is not None and end is not None and end < start:
        what = f"{table.title} ends before it starts: {grain.text(end)} is before {grain.text(start)}"
        table.report(what, "end", hint="both ends are inclusive")
        end = None
    return TimeDimension(name, grain, start or 0, end, table.place(), is_current)


def _read_grain(table: Table) -> Grain | None:
    """The grain that `every` writes, not anchored yet; None, reported, where it is none."""
    every = table.string("every") or ""
    found = _EVERY.fullmatch(every)
    unit = (found[2] or found[3]) if found else every
    if unit not in UNITS:
        _report_unit(table, unit)
        return None
    count = int(found[1] or 1) if found else 1
    problem = _problem_of_count(unit, count)
    if problem:
        table.report(f'every = "{every}": {problem[0]}', "every", hint=problem[1])
        return None
    return Grain(unit, read_timezone(table, "UTC"), count)


def _problem_of_count(unit: str, count: int) -> tuple[str, str] | None:
    """What is wrong with a number of units as a period, and what to do; None where it can be one."""
    if not count:
        return "a period has a length", f'the shortest of this unit is "{unit}"'
    parts = _OF_A_DAY.get(unit)
    if parts and parts % count:
        near = sorted((n for n in range(1, parts + 1) if parts % n == 0), key=lambda n: abs(n - count))[:2]
        return "a day can't be divided evenly into these", f"use {' or '.join(_said(n, unit) for n in sorted(near))}"
    if not parts and count > CENTURY[unit]:
        return "a period longer than a century", f"the longest is {_said(CENTURY[unit], unit)}"
    return None


def _said(count: int, unit: str) -> str:
    return f"{count} {unit}{'s' * (count > 1)}"


def _anchored(table: Table, grain: Grain) -> Grain:
    """The grain with periods that begin at `start`, unless the calendar tells where they begin."""
    text = _bound_text(table.value("start"))
    if grain.count == 1 or grain.unit in _OF_A_DAY or text is None:
        return grain
    if grain.unit in MONTHS and not 12 % (grain.count * MONTHS[grain.unit]):
        return grain  # from January on
    one = replace(grain, count=1)
    try:
        anchor = number_at(grain.unit, one.wall(one.bounded(text)))  # by the calendar, which knows no skipped days
    except (ValueError, OverflowError):
        return grain  # reported where the bounds are read
    return replace(grain, anchor=anchor % grain.count)


def _report_unit(table: Table, unit: str) -> None:
    known = f'every is one of {", ".join(UNITS)}, or so many of them, as in "15 minutes"'
    singular = {"hourly": "hour", "daily": "day", "weekly": "week", "monthly": "month", "yearly": "year"}
    hint = nearest(singular.get(unit.lower(), unit), UNITS) or known
    table.report(f'"{unit}" is no period of time', "every", hint=hint)


def _read_bound(table: Table, grain: Grain, name: str) -> int | None:
    value = table.value(name)
    if value is None:
        return None
    text = _bound_text(value)
    try:
        if text is None:
            raise ValueError(f"{name} is no date")
        return grain.bounded(text, is_end=name == "end")
    except (ValueError, OverflowError) as error:
        hint = f'a date, or a key as in "{grain.example}"'
        table.report(f"{name} of {table.title}: {error}", name, hint=hint)
        return None


def _bound_text(value: object) -> str | None:
    """A bound in the form of a key; None where it can't be one (a time with seconds or an offset, a number)."""
    if isinstance(value, datetime):
        is_plain = value.tzinfo is None and not (value.second or value.microsecond)
        return value.isoformat(timespec="minutes") if is_plain else None
    if isinstance(value, date):
        return value.isoformat()
    return value if isinstance(value, str) and not isinstance(value, time) else None
