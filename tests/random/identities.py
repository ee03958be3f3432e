"""What a partition's inputs are compared by, and where its outputs are."""

from __future__ import annotations

from tests.random.calendars import offset_at
from tests.random.domains import Domain, inputs_of, read_by, seen_by
from tests.random.flows import Held, Key, Project, Source, Target
from tests.random.memory import Found, Identities, There

_FORMATS = {
    "minute": "%Y%m%d/%H%M",
    "hour": "%Y/%m/%d/%H",
    "day": "%Y/%m/%d",
    "week": "%G/%V",
    "month": "%Y/%m",
    "quarter": "%Y-%q",
    "year": "%Y",
}
# Where clocks are put back by an hour or more, so that an offset tells what hour it is.
_PUT_BACK = ("America/New_York", "Europe/Zurich", "America/Havana", "Antarctica/Troll")


def _format(project: Project, dimension: str, is_dated: bool) -> str:
    """The format of a dimension in a path; "" where its key stands there as it is."""
    if not is_dated or dimension not in project.times:
        return ""
    time = project.times[dimension]
    if time.unit not in ("minute", "hour") or time.zone == "UTC":
        return _FORMATS[time.unit]
    is_twice = time.zone in _PUT_BACK and (time.unit == "minute" or time.count == 1)
    return f"{_FORMATS[time.unit]}%z" if is_twice else ""


def placeholder(project: Project, dimension: str, is_dated: bool) -> str:
    """A dimension as it stands in a path."""
    form = _format(project, dimension, is_dated)
    return f"{{{dimension}:{form}}}" if form else f"{{{dimension}}}"


def written(project: Project, dimension: str, value: str, is_dated: bool) -> str:
    """A value as it stands in a path."""
    form = _format(project, dimension, is_dated)
    if not form:
        return value
    period = project.line(dimension).by_key[value]
    form = form.replace("%q", str((period.wall.month + 2) // 3))
    return period.wall.strftime(form.replace("%z", offset_at(period.start, project.times[dimension].zone)))


def path_of(project: Project, target: Target, key: Key, output: str) -> str:
    """The path of one output of one partition; a folder's ends with a slash."""
    parts = [written(project, name, part, target.is_dated) for name, part in zip(target.dimensions, key, strict=True)]
    folder = f"{target.folder}/{output}" if output else target.folder
    return f"{folder}/{'/'.join(parts) or 'whole'}{'/' if target.makes == 'folder' else f'.{target.form}'}"


def held_by(source: Source, key: Key) -> Held:
    """The files of a source's partition, in the order of their names."""
    return tuple(sorted(source.parts[key].items()))


def found_in(project: Project, name: str, output: str, key: Key, there: There) -> Found:
    """What is in a partition that is read; None where it isn't there."""
    if name in project.sources:
        source = project.sources[name]
        return held_by(source, key) if key in source.parts else None
    return there((name, key), output)


def identities(project: Project, target: Target, key: Key, domain: Domain, there: There) -> Identities:
    """What one partition reads: keys in order, with contents; the names of several files count."""
    names = [one.name for seen in seen_by(project, target) for one in seen.files()]
    inputs = inputs_of(project, target)
    return tuple(
        (
            name,
            given.reference,
            tuple(
                (one, found_in(project, given.dataset, given.output, one, there))
                for one in read_by(project, target, key, given, domain)
            ),
        )
        for name, given in zip(names, inputs, strict=True)
    )


def uncounted(project: Project, target: Target) -> set[str]:
    """What a recipe calls the inputs whose changes aren't reasons."""
    return {one.name for seen in seen_by(project, target) for one in seen.files() if not one.given.counts}


def counted(project: Project, target: Target, inputs: Identities) -> Identities:
    """What of this counts now."""
    left_out = uncounted(project, target)
    return tuple(each for each in inputs if each[0] not in left_out)
