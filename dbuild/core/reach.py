"""How far dimensions without an end reach because something is due in them: what doesn't come has to be missed."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as MappingOf
from datetime import datetime

from dbuild.core.expectation import newest_due, next_due
from dbuild.core.model import Expectation, Project, TimeDimension
from dbuild.core.partitions import Interval


def reach_of(project: Project, dimension: TimeDimension, now: datetime) -> int | None:
    """The newest period of a dimension that is due of any source which says when; None where there is none."""
    found = [newest_due(each, dimension.grain, dimension.start, now) for each in _expectations(project, dimension.name)]
    return max((number for number in found if number is not None), default=None)


def grows_at(project: Project, bounds: MappingOf[str, tuple[Interval, ...]]) -> datetime | None:
    """The instant at which a dimension without an end reaches further because something is due; None where none will.

    `bounds` are those of the dimensions, as `core.domain` found them.
    """
    found = []
    for name, dimension in project.dimensions.items():
        if isinstance(dimension, TimeDimension) and dimension.end is None and not dimension.is_current:
            following = bounds[name][-1][1] if bounds[name] else dimension.start
            found += [next_due(each, dimension.grain, following) for each in _expectations(project, name)]
    return min(found, default=None)


def _expectations(project: Project, dimension: str) -> Iterator[Expectation]:
    for source in project.sources.values():
        if source.expect is not None and dimension in source.dimensions:
            yield source.expect
