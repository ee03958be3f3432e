"""What is due past the end of what is there: dimensions without an end reach no further than data, deadlines do."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as MappingOf
from datetime import datetime

from dbuild.core.expectation import newest_due, next_due
from dbuild.core.grain import Grain
from dbuild.core.model import Expectation, Project, TimeDimension
from dbuild.core.partitions import Interval


def overdue_of(
    project: Project, bounds: MappingOf[str, tuple[Interval, ...]], now: datetime
) -> dict[str, tuple[str, Interval]]:
    """By source: the time dimension without an end, and its periods past the last that exists that are due by now.

    Nothing reads them and nothing waits for them until something newer comes: a partner who stops delivering doesn't
    make partitions. They are for people to know.
    """
    found: dict[str, tuple[str, Interval]] = {}
    for source, name, expectation, grain, following in _open_ends(project, bounds):
        newest = newest_due(expectation, grain, following, now)
        if newest is not None:
            found[source] = (name, (following, newest + 1))
    return found


def overdue_after(project: Project, bounds: MappingOf[str, tuple[Interval, ...]], now: datetime) -> datetime | None:
    """An instant after `now`, not later than the first at which more is overdue; None where nothing ever will be."""
    ends = _open_ends(project, bounds)
    return min((next_due(expect, grain, following, now) for _, _, expect, grain, following in ends), default=None)


def _open_ends(
    project: Project, bounds: MappingOf[str, tuple[Interval, ...]]
) -> Iterator[tuple[str, str, Expectation, Grain, int]]:
    """Sources that expect something, with their time dimension that has no end, and the first period past the last."""
    for source in project.sources.values():
        for name in source.dimensions if source.expect is not None else ():
            dimension = project.dimensions[name]
            if not isinstance(dimension, TimeDimension) or dimension.end is not None or dimension.is_current:
                continue
            assert source.expect is not None
            following = bounds[name][-1][1] if bounds.get(name) else dimension.start
            yield source.name, name, source.expect, dimension.grain, following
