"""When source partitions are due, and what that makes of those that aren't there.

Deadlines are counted by the clocks of a grain's time zone: from the latest day that they have shown by the last moment
of a period. So a later period is never due before an earlier one, and sets are told apart by bisection.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as MappingOf
from datetime import date, datetime, time, timedelta

from dbuild.core.absence import Absence
from dbuild.core.grain import Grain
from dbuild.core.model import Dimension, Expectation, Source, Target, TimeDimension
from dbuild.core.partitions import Interval, PartitionSet

_END_OF_DAY = 24 * 60  # minutes
_BUSINESS = range(5)  # Monday to Friday


def due_at(expectation: Expectation, grain: Grain, number: int) -> datetime | None:
    """The instant (UTC, without a zone) from which on a period's partition is late if it isn't there.

    None for a period that has none of the days on which anything is due. A time of day that clocks skip is the first
    moment after it; of one that they show twice, the first counts. What lies beyond the calendar is its last moment.
    """
    return _deadline(expectation, grain, number) if is_expected(expectation, grain, number) else None


def is_expected(expectation: Expectation, grain: Grain, number: int) -> bool:
    """Whether a period's partition is ever due."""
    if not _is_choosy(expectation):
        return True
    first, last = grain.walls(number)
    return any(_is_day(expectation, day) for day in range(first.toordinal(), last.toordinal() + 1))


def absence_of(
    source: Source,
    dimensions: MappingOf[str, Dimension],
    domain: PartitionSet,
    there: PartitionSet,
    unsettled: PartitionSet,
    now: datetime,
) -> Absence:
    """What a source lacks at a moment (UTC, without a zone).

    It costs by the runs of what is absent, and by their days where `on` is given. `unsettled` may be part of `there`.
    A source that expects something has exactly one time dimension.
    """
    nothing = PartitionSet.empty(domain.axes)
    unsettled = unsettled & domain
    absent = domain - there - unsettled
    if source.expect is None or not absent:
        return Absence(nothing, nothing, absent, nothing, unsettled)
    position, grain = time_of(source, dimensions)
    idle = nothing
    if _is_choosy(source.expect):
        idle = absent & _along(domain, position, [*_idle(source.expect, grain, absent.spans(position))])
        absent = absent - idle
    awaited = absent & _along(domain, position, _awaited(source.expect, grain, absent.spans(position), now))
    missing = absent - awaited
    return Absence(idle, awaited, missing, missing, unsettled)


def next_deadline(source: Source, absence: Absence, dimensions: MappingOf[str, Dimension]) -> datetime | None:
    """The instant at which the first of the awaited partitions becomes late; None where none is awaited."""
    if source.expect is None or not absence.awaited:
        return None
    position, grain = time_of(source, dimensions)
    return _deadline(source.expect, grain, absence.awaited.spans(position)[0][0])


def newest_due(expectation: Expectation, grain: Grain, start: int, now: datetime) -> int | None:
    """The last period, from `start` on, that has begun and whose deadline has passed; None where there is none."""
    begun = range(start, grain.index_at(now) + 1)
    number = start + bisect_right(begun, now, key=lambda each: _deadline(expectation, grain, each)) - 1
    while number >= start and not is_expected(expectation, grain, number):
        first_day = grain.walls(number)[0].toordinal()
        number = min(number, grain.index_at(_midnight(grain, first_day))) - 1
    return number if number >= start else None


def next_due(expectation: Expectation, grain: Grain, start: int, now: datetime) -> datetime:
    """An instant after `now`, not later than the first at which a period from `start` on becomes the newest due."""
    begun = range(start, grain.index_at(now) + 1)
    number = start + bisect_right(begun, now, key=lambda each: _deadline(expectation, grain, each))
    deadline = _deadline(expectation, grain, number)
    return deadline if deadline > now else grain.last(number - 1)  # due before it begins


def time_of(dataset: Source | Target, dimensions: MappingOf[str, Dimension]) -> tuple[int, Grain]:
    """The position of a dataset's time dimension among its own, and its grain."""
    for position, name in enumerate(dataset.dimensions):
        dimension = dimensions[name]
        if isinstance(dimension, TimeDimension):
            return position, dimension.grain
    raise ValueError(f'"{dataset.name}" has no time dimension')


def _deadline(expectation: Expectation, grain: Grain, number: int) -> datetime:
    """When a period's partition would be due, whatever day it is; never falls as numbers grow."""
    try:
        if expectation.seconds is not None:
            return grain.start(number + 1) + timedelta(seconds=expectation.seconds)
        day = _due_day(expectation, grain.walls(number)[1].date())
        at = expectation.at if expectation.at is not None else _END_OF_DAY
        return grain.first_moment(datetime.combine(day, time()) + timedelta(minutes=at))
    except OverflowError:
        return datetime.max


def _due_day(expectation: Expectation, last: date) -> date:
    """The day on which something is due of a period whose last day this is."""
    if expectation.business_days is None:
        return last + timedelta(days=1 if expectation.days is None else expectation.days)
    left, day = expectation.business_days, last
    while left:
        day += timedelta(days=1)
        left -= day.weekday() in _BUSINESS and day not in expectation.holidays
    return day


def _midnight(grain: Grain, ordinal: int) -> datetime:
    """The instant at which a day begins; beyond the calendar its last moment."""
    if ordinal > date.max.toordinal():
        return datetime.max
    return grain.first_moment(datetime.fromordinal(ordinal))


def _is_choosy(expectation: Expectation) -> bool:
    """Whether some periods may never be due."""
    return expectation.is_business or len(expectation.weekdays) < 7


def _is_day(expectation: Expectation, ordinal: int) -> bool:
    """Whether something is due for a day, by its proleptic number (1 is a Monday)."""
    if expectation.is_business and date.fromordinal(ordinal) in expectation.holidays:
        return False
    return (ordinal - 1) % 7 in (_BUSINESS if expectation.is_business else expectation.weekdays)


def _idle(expectation: Expectation, grain: Grain, spans: Iterable[Interval]) -> Iterator[Interval]:
    """The periods, of these spans, that have none of the days on which anything is due."""
    for low, high in spans:
        first, last = grain.walls(low)[0], grain.walls(high - 1)[1]
        for begin, end in _days_off(expectation, first.toordinal(), last.toordinal()):
            number = grain.index_at(_midnight(grain, begin))
            number += grain.walls(number)[0].toordinal() < begin
            following = grain.index_at(_midnight(grain, end + 1))
            if max(number, low) < min(following, high):
                yield max(number, low), min(following, high)


def _days_off(expectation: Expectation, first: int, last: int) -> Iterator[tuple[int, int]]:
    """The runs of days, both ends inclusive, for which nothing is due."""
    begin = first
    for day in range(first, last + 2):
        if day > last or _is_day(expectation, day):
            if begin < day:
                yield begin, day - 1
            begin = day + 1


def _awaited(expectation: Expectation, grain: Grain, spans: list[Interval], now: datetime) -> list[Interval]:
    """The periods, of these spans or between them, that aren't due yet."""
    if not spans:
        return []
    low, high = spans[0][0], spans[-1][1]
    low += bisect_right(range(low, high), now, key=lambda number: _deadline(expectation, grain, number))
    return [(low, high)] if low < high else []


def _along(domain: PartitionSet, position: int, intervals: list[Interval]) -> PartitionSet:
    """The partitions of a domain's extent whose number on one axis lies in some intervals."""
    sides = [domain.spans(place) if place != position else intervals for place in range(len(domain.axes))]
    return PartitionSet.box(domain.axes, sides)
