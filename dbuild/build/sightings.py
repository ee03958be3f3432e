"""The partitions of sources as the last build saw them: by kept listings of their folders, without a look there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from dbuild.build.folders import prefix_of
from dbuild.build.loading import read_project
from dbuild.build.locations import Location, locations_of
from dbuild.build.settings import Settings
from dbuild.core.trace import joined_key
from dbuild.errors import ProjectError
from dbuild.observe.listing import Stat, is_temporary, records_of, unpack_record
from dbuild.state.records import key_text, named
from dbuild.state.store import State

_MANY = 500  # files whose digests are read at once
_File = tuple[str, Stat]


def sightings(settings: Settings, state: State, doubt: Callable[[str], None]) -> Iterator[tuple[object, ...]]:
    """The rows of the view `partitions` that sources have. Of a project that can't be read there are none."""
    try:
        project, _ = read_project(settings)
    except ProjectError as error:
        doubt(f"nothing is known of sources: {error.problems[0]}")
        return
    locations = locations_of(project)
    for name in project.sources:
        yield from _rows(state, name, locations[name][0])


def _rows(state: State, source: str, location: Location) -> Iterator[tuple[object, ...]]:
    partitions = iter(sorted(_files(state, location).items()))
    while some := dict(islice(partitions, _MANY)):
        alone = [files[0][0] for files in some.values() if len(files) == 1]
        known = state.files(alone)
        for key, files in some.items():
            path, stat = files[0]
            row = known.get(path) if len(files) == 1 else None
            text = key_text(joined_key(key))
            yield (
                *(source, "source", text, named(source, text), "there"),
                *(max(each.mtime for _, each in files) // 1000, None, None),
                *(len(files), sum(each.size for _, each in files)),
                *(row.digest.hex() if row is not None and row.stat == stat else None, None, None),
            )


def _files(state: State, location: Location) -> dict[tuple[str, ...], list[_File]]:
    """Key -> the files of each partition that the kept listing has."""
    found: dict[tuple[str, ...], list[_File]] = {}
    prefix = prefix_of(location.root)
    for record in records_of(state.listing(location.root)):
        name, stat = unpack_record(record)
        key = None if is_temporary(name) else location.pattern.key(prefix + name)
        if key is not None:
            found.setdefault(key, []).append((prefix + name, stat))
    return found
