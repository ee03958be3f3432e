"""What is due past the end of what is there: dimensions without an end reach no further than data, deadlines do."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from datetime import datetime

from dbuild.core.expectation import newest_due
from dbuild.core.model import Project, TimeDimension
from dbuild.core.partitions import Interval


def overdue_of(
    project: Project, bounds: MappingOf[str, tuple[Interval, ...]], now: datetime
) -> dict[str, tuple[str, Interval]]:
    """By source: the time dimension without an end, and its periods past the last that exists that are due by now.

    Nothing reads them and nothing waits for them until something newer comes: a partner who stops delivering doesn't
    make partitions. They are for people to know.
    """
    found: dict[str, tuple[str, Interval]] = {}
    for source in project.sources.values():
        for name in source.dimensions if source.expect is not None else ():
            dimension = project.dimensions[name]
            if not isinstance(dimension, TimeDimension) or dimension.end is not None or dimension.is_current:
                continue
            following = bounds[name][-1][1] if bounds.get(name) else dimension.start
            assert source.expect is not None
            newest = newest_due(source.expect, dimension.grain, following, now)
            if newest is not None:
                found[source.name] = (name, (following, newest + 1))
    return found
