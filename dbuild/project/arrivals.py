"""What a source says of its arrival: `expect`, `gone`, `settle`, `ready`."""

from __future__ import annotations

from dbuild.core.model import Expectation, TimeDimension
from dbuild.core.unit import CENTURY
from dbuild.errors import Place, nearest
from dbuild.project.document import Table
from dbuild.project.holidays import Holidays, read_holidays
from dbuild.project.paths import Axes, DatasetPath, understand_path
from dbuild.project.quantities import read_duration, read_time
from dbuild.values import dataclass

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
BUSINESS = "business days"
_SELF = "{path}"  # stands in `ready` for the source's own path
_INSTEAD = ("at", "days", "business_days")  # what `hours` is given instead of


@dataclass(frozen=True, slots=True)
class Arrival:
    """When a source's partitions come, and how it is seen that they have."""

    expect: Expectation | None
    keeps_gone: bool
    settle: float  # seconds
    marker: DatasetPath | None  # the path of `ready`
    files: dict[str, Place]  # of holidays, each with the place where it is named


def read_arrival(table: Table, path: DatasetPath, axes: Axes, root: str, holidays: Holidays) -> Arrival:
    """What a source says of its arrival; `holidays` are the project's. Mistakes are reported."""
    expect, files = _read_expectation(table, path, axes, holidays)
    gone = table.string("gone")
    if gone not in (None, "keep"):
        hint = "without it, a partition that is gone is missing"
        table.report(f'"gone" of {table.title} can only be "keep"', "gone", hint=hint)
    settle = table.string("settle")
    return Arrival(
        expect=expect,
        keeps_gone=gone == "keep",
        settle=read_duration(settle) if settle else 0.0,
        marker=_read_marker(table, path, axes, root),
        files=files,
    )


def _read_expectation(
    table: Table, path: DatasetPath, axes: Axes, holidays: Holidays
) -> tuple[Expectation | None, dict[str, Place]]:
    inner = table.inner("expect")
    if inner is None:
        return None, {}
    if not table.table("expect"):
        inner.report(f"{inner.title} doesn't say when", hint='as in expect = { at = "06:00" }')
    _check_dimensions(table, path, axes)
    _check_choice(inner)
    own = read_holidays(inner, holidays)
    weekdays, is_business = _read_weekdays(inner)
    business_days = _count(inner, "business_days")
    counts_holidays = is_business or inner.is_tried("business_days")
    if "holidays" in inner and not counts_holidays and not inner.is_tried("on"):
        what = f'"holidays" of {inner.title} is for business days, and none are asked for'
        inner.report(what, "holidays", hint=f'add on = "{BUSINESS}", or business_days = 1')
    hours = inner.value("hours")
    made = Expectation(
        place=table.place("expect"),
        at=read_time(inner.value("at")) if "at" in inner else None,
        days=_count(inner, "days"),
        business_days=business_days,
        seconds=float(hours) * 3600 if isinstance(hours, int | float) else None,
        weekdays=weekdays,
        holidays=own.dates if counts_holidays else frozenset(),
        is_business=is_business,
    )
    return made, own.files if "holidays" in inner else {}


def _check_dimensions(table: Table, path: DatasetPath, axes: Axes) -> None:
    """Reports a source without a dimension that could tell when its partitions are due, or with several."""
    if path.pattern is None:
        return
    times = [name for name in path.dimensions if isinstance(axes.dimensions[name], TimeDimension)]
    if not times:
        what = f'"expect" of {table.title} is for partitions of time, and its path has none'
        table.report(what, "expect", hint='as in path = "data/{day}.csv"')
    elif len(times) > 1:
        what = f'"expect" of {table.title} is for one time dimension, and its path has {", ".join(times)}'
        table.report(what, "expect", hint="remove it")


def _check_choice(table: Table) -> None:
    """Reports keys of an expectation that say the same thing in two ways, and what is out of reach."""
    others = [name for name in _INSTEAD if name in table]
    if "hours" in table and others:
        what = f'{table.title} has hours and {" and ".join(others)}: "hours" is counted from the end of the period'
        table.report(what, "hours", hint=f"remove it, or {' and '.join(others)}")
    elif "days" in table and "business_days" in table:
        table.report(f"{table.title} has days and business_days", "business_days", hint="remove one")
    for name, most in (("days", CENTURY["day"]), ("business_days", CENTURY["day"]), ("hours", CENTURY["hour"])):
        value = table.value(name)
        if isinstance(value, int | float) and value > most:
            table.report(f'"{name}" of {table.title} is more than a century', name, hint=f"at most {most}")


def _count(table: Table, name: str) -> int | None:
    value = table.value(name)
    return value if isinstance(value, int) else None


def _read_weekdays(table: Table) -> tuple[frozenset[int], bool]:
    """The weekdays on which something is due (0 is Monday), and whether they are meant as business days."""
    given = table.value("on")
    if given is None or given == BUSINESS:
        return frozenset(range(7 if given is None else 5)), given == BUSINESS
    known = {name: number for number, name in enumerate(WEEKDAYS)}
    if isinstance(given, str):
        hint = nearest(given, [BUSINESS]) or f'"{BUSINESS}", or a list of weekdays, as in ["monday", "friday"]'
        table.report(f'"{given}" of {table.title} names no days', "on", hint=hint)
    for position, name in enumerate(given if isinstance(given, list) else ()):
        if name.lower() not in known:
            hint = nearest(name, known) or f"weekdays are {', '.join(known)}"
            table.report(f'"{name}" of {table.title} is no weekday', "on", position, hint=hint)
    found = {known[name.lower()] for name in given if name.lower() in known} if isinstance(given, list) else set()
    return frozenset(found or range(7)), False


def _read_marker(table: Table, path: DatasetPath, axes: Axes, root: str) -> DatasetPath | None:
    text = table.string("ready")
    if text is None or path.pattern is None:
        return None
    if _SELF in text and path.pattern.has_glob:
        what = f'"{_SELF}" in "ready" of {table.title} stands for its path, which has globs: "{path.text}"'
        table.report(what, "ready", hint='name the marker by dimensions, as in "data/{day}/_SUCCESS"')
        return None
    marker = understand_path(text.replace(_SELF, path.text), table, ("ready",), axes, root)
    if marker.pattern is None:
        return None
    problem = _problem_of(marker, path, axes)
    if problem:
        table.report(f'"ready" of {table.title} {problem[0]}', "ready", hint=problem[1])
        return None
    return marker


def _problem_of(marker: DatasetPath, path: DatasetPath, axes: Axes) -> tuple[str, str] | None:
    """What is wrong with the path of a marker, and what to do; None where it can be one."""
    assert marker.pattern is not None
    assert path.pattern is not None
    if marker.pattern.has_glob:
        return f'has a glob: "{marker.text}"', f'a partition has one marker, as in "{_SELF}.done"'
    if strange := [name for name in marker.dimensions if name not in path.dimensions]:
        own = ", ".join(path.dimensions) or "none"
        return f"has dimensions ({', '.join(strange)}) that its path ({own}) hasn't", f'as in "{_SELF}.done"'
    if marker.pattern.overlaps(path.pattern, axes.values):
        return f'could be one of its files: "{marker.text}"', "give markers a name or a folder that data can't have"
    return None
