"""How much there is of each dataset and how old it is, by the listings of its folders and by its traces."""

from __future__ import annotations

from dbuild.build.locations import SINGLES, Location
from dbuild.build.survey import Survey
from dbuild.observe.listing import is_temporary, records_of, unpack_record
from dbuild.values import dataclass


@dataclass(frozen=True, slots=True)
class Volume:
    """The files of a dataset."""

    files: int
    size: int  # bytes
    newest: float | None  # the latest mtime, seconds since the epoch; None where there are none


class Volumes:
    """The volumes of a project's datasets; each listing is gone through once for each dataset in it."""

    def __init__(self, survey: Survey) -> None:
        self._survey = survey

    def of(self, dataset: str) -> Volume:
        """The files that a dataset has in all of its outputs, whether or not a partition is declared for them."""
        files, size, newest = 0, 0, 0
        for location in self._survey.locations.get(dataset, ()):
            for its_size, mtime in self._stats(location):
                files, size, newest = files + 1, size + its_size, max(newest, mtime)
        return Volume(files, size, newest / 1e9 if files else None)

    def _stats(self, location: Location) -> list[tuple[int, int]]:
        if not self._survey.is_listed(location):
            return []
        view = self._survey.views[location.root]
        pattern, static = location.pattern, location.pattern.path(()) if location.root == SINGLES else ""
        found = []
        for record in records_of(view.content):
            name, stat = unpack_record(record)
            path = name if location.root in (SINGLES, ".") else f"{location.root}/{name}"
            if path == static or (not static and not is_temporary(path) and pattern.key(path) is not None):
                found.append((stat.size, stat.mtime))
        return found
