"""What a partition's inputs are compared by, and where its outputs are."""

from __future__ import annotations

from tests.random.domains import Domain, inputs_of, read_by, seen_by
from tests.random.flows import Held, Key, Project, Source, Target
from tests.random.memory import Found, There


def path_of(target: Target, key: Key, output: str) -> str:
    """The path of one output of one partition; a folder's ends with a slash."""
    parts = [
        part.replace("-", "/") if target.is_dated and name == "day" else part
        for name, part in zip(target.dimensions, key, strict=True)
    ]
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


def identities(project: Project, target: Target, key: Key, domain: Domain, there: There) -> object:
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
