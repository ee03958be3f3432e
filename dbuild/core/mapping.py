"""Which input partitions a target partition reads, and which target partitions a changed input touches.

A mapping is made of one link for each dimension of the input. Every link is a monotone function from a number on one
axis of the target to an interval on the input's axis, so both directions are interval arithmetic on runs.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from dbuild.core.grain import Grain
from dbuild.core.latest import Slice, Slices
from dbuild.core.model import All, Last, MappingRule, Overlap, Previous, Since, Values, Window
from dbuild.core.partitions import Axis, Index, Interval, ListAxis, PartitionSet, TimeAxis, common, joined

_SPANS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}
_ELAPSED = ("minute", "hour")  # units that always last the same
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Same:
    """The same value as the target's on that axis."""

    axis: int  # position among the target's axes


@dataclass(frozen=True, slots=True)
class Periods:
    """The input's periods that intersect the target's own, moved at its two ends."""

    axis: int
    target: Grain
    given: Grain
    low: int = 0
    high: int = 0
    unit: str = "day"
    since: str = ""  # a unit of the calendar: from the start of its period in which the target's own begins

    def image(self, number: int) -> Interval:
        """The input's periods for one period of the target."""
        first = self.given.index_at(self._first(number))
        return first, max(first, self.given.index_at(self._last(number)) + 1)

    def _first(self, number: int) -> datetime:
        """The first moment that is read. Days and longer are moved by what calendars and clocks show there."""
        start = self._start(number)
        if not self.low or not self._is_by_clock:
            return _moved(start, self.low, self.unit)
        wall = self.target.walls(number)[0]
        return self.target.first_moment(_moved(wall, self.low, self.unit))

    @property
    def _is_by_clock(self) -> bool:
        """Whether moving by the clock differs from moving by elapsed time, as hours are."""
        return self.target.timezone != "UTC" and self.unit not in _ELAPSED

    def _start(self, number: int) -> datetime:
        start = self.target.start(number)
        if not self.since:
            return start
        whole = Grain(self.since, self.target.timezone)
        return whole.start(whole.index_at(start))

    def _last(self, number: int) -> datetime:
        """The last moment that is read: the period's own last one moved, or the last before its end moved.

        They differ where months of unlike lengths meet, and the later one counts. A month back, the end of 28 March
        is the start of 28 February: only its last moment lies in that day. A month on, the last moment of February
        lies in 28 March: only its end is that of March.
        """
        if not self.high or not self._is_by_clock:
            return _last_moved(self.target.last(number), self.high, self.unit)
        wall = self.target.walls(number)[1]
        return self.target.last_moment(_last_moved(wall, self.high, self.unit))

    @property
    def is_single(self) -> bool:
        """Whether each of the target's periods lands on one of the input's."""
        return (
            not self.since
            and self.target == self.given
            and self.low == self.high
            and _is_whole(self.low, self.unit, self.given)
            and (not self.low or self.target.timezone == "UTC" or (self.target.is_dated and self._is_by_clock))
        )


@dataclass(frozen=True, slots=True)
class Before:
    """The one period of the input before that in which the target's own begins."""

    axis: int
    target: Grain
    given: Grain

    def image(self, number: int) -> Interval:
        """The input's period for one period of the target."""
        holds = number if self.target == self.given else self.given.index_at(self.target.start(number))
        return holds - 1, holds

    def images(self, low: int, high: int) -> list[Interval]:
        """The input's periods for the target's [low, high): with gaps where the target's are the longer ones."""
        if self.target == self.given:
            return [(low - 1, high - 1)]
        return joined(self._halves(low, high))

    def _halves(self, low: int, high: int) -> list[Interval]:
        first, last = self.image(low), self.image(high - 1)
        if first[1] >= last[0]:  # one period, or two neighbours
            return [(first[0], last[1])]
        middle = (low + high) // 2
        return self._halves(low, middle) + self._halves(middle, high)


@dataclass(frozen=True, slots=True)
class Latest:
    """The last so many that are there, up to the end of the target's own period."""

    axis: int
    target: Grain
    given: Grain
    count: int

    def top(self, number: int) -> int:
        """The first of the input's periods after one period of the target."""
        return Periods(self.axis, self.target, self.given).image(number)[1]


@dataclass(frozen=True, slots=True)
class Fixed:
    """The same values whatever the target's key; None: all that there are."""

    intervals: tuple[Interval, ...] | None


Link = Same | Periods | Before | Latest | Fixed


@dataclass(frozen=True, slots=True)
class Mapping:
    """The links of one input, in the order of its dimensions."""

    links: tuple[Link, ...]
    is_identity: bool  # the key itself: the common case, kept cheap
    is_single: bool  # can never give more than one partition
    latest: int | None = None  # the input's axis on which only the last that are there are read
    there: Slices | None = None  # what counts as there for that; None: the whole domain

    def reads(self, wanted: PartitionSet, domain: PartitionSet) -> PartitionSet:
        """What the target's partitions `wanted` read of an input with this domain."""
        if self.is_identity:
            return PartitionSet(domain.axes, wanted.body) & domain
        if self.latest is not None:
            return self._latest_of(wanted.boxes(), domain)
        whole = [domain.spans(position) for position in range(len(domain.axes))]
        bodies = []
        for box in wanted.boxes():
            sides = [common(_forward(link, box), whole[position]) for position, link in enumerate(self.links)]
            bodies.append(PartitionSet.box(domain.axes, sides).body)
        return PartitionSet.union_of(domain.axes, bodies) & domain

    def touches(self, changed: PartitionSet, domain: PartitionSet) -> PartitionSet:
        """The target's partitions, of its domain, that read any of the input's partitions `changed`."""
        if self.is_identity:
            return PartitionSet(domain.axes, changed.body) & domain
        if self.latest is not None:
            found = changed & self._slices(changed).there
            return self._readers_of_latest(found, domain, is_coming=False)
        whole = [domain.spans(position) for position in range(len(domain.axes))]
        bodies = []
        for box in _coarse_boxes(changed, self.links):
            sides = [list(side) for side in whole]
            if all(_narrow(link, box[position], sides) for position, link in enumerate(self.links)):
                bodies.append(PartitionSet.box(domain.axes, sides).body)
        return PartitionSet.union_of(domain.axes, bodies) & domain

    def affects(self, changed: PartitionSet, domain: PartitionSet) -> PartitionSet:
        """The same, also of what isn't there any more, or wasn't before: those that it moves out of, or into, reach."""
        if self.latest is None:
            return self.touches(changed, domain)
        return self._readers_of_latest(changed, domain, is_coming=True)

    def counting(self, there: PartitionSet) -> Mapping:
        """The mapping with these of the input's partitions as those that are there."""
        return self if self.latest is None else replace(self, there=Slices(there, self.latest))

    def _slices(self, domain: PartitionSet) -> Slices:
        assert self.latest is not None
        return self.there or Slices(domain, self.latest)

    def _latest_of(self, boxes: Iterable[tuple[Interval, ...]], domain: PartitionSet) -> PartitionSet:
        slices, position = self._slices(domain), self.latest
        assert position is not None
        link = self.links[position]
        assert isinstance(link, Latest)
        bodies = []
        for box in boxes:
            low, high = box[link.axis]
            sides = [
                common(_forward(each, box), domain.spans(place)) if place != position else []
                for place, each in enumerate(self.links)
            ]
            for each in slices.all:
                shared = [
                    common(side, [own])
                    for side, own in zip((*sides[:position], *sides[position + 1 :]), each.others, strict=True)
                ]
                if all(shared):
                    found = each.last(link.count, link.top, low, high, is_dense=link.target == link.given)
                    shared.insert(position, joined(found))
                    bodies.append(PartitionSet.box(domain.axes, shared).body)
        return PartitionSet.union_of(domain.axes, bodies) & domain

    def _readers_of_latest(self, changed: PartitionSet, domain: PartitionSet, *, is_coming: bool) -> PartitionSet:
        slices, position = self._slices(changed), self.latest
        assert position is not None
        whole = [domain.spans(place) for place in range(len(domain.axes))]
        bodies = []
        for box in changed.boxes():
            meeting = list(slices.meeting(box))
            if is_coming and not slices.covers(box):
                meeting.append((Slice((), ()), slices.others(box)))
            for each, others in meeting:
                sides = [list(side) for side in whole]
                shared = (*others[:position], box[position], *others[position:])
                if all(_narrow(link, shared[place], sides, each) for place, link in enumerate(self.links)):
                    bodies.append(PartitionSet.box(domain.axes, sides).body)
        return PartitionSet.union_of(domain.axes, bodies) & domain

    def of_index(self, index: Index, domain: PartitionSet) -> PartitionSet:
        """What one partition reads; the same as `reads` of the set that holds only it."""
        if self.is_identity and index in domain:
            return PartitionSet.box(domain.axes, [[(number, number + 1)] for number in index])
        box = tuple((number, number + 1) for number in index)
        if self.latest is not None:
            return self._latest_of([box], domain)
        sides = [common(_forward(link, box), domain.spans(position)) for position, link in enumerate(self.links)]
        return PartitionSet.box(domain.axes, sides) & domain


def mapping_of(target: Sequence[Axis], given: Sequence[Axis], rules: dict[str, MappingRule]) -> Mapping:
    """The mapping from a target's axes to an input's, by the given rules and by overlap elsewhere.

    Raises ValueError, with what to do, where a rule doesn't fit or where overlap is ambiguous.
    """
    own_rules = [rules.get(axis.name, Overlap()) for axis in given]
    links = tuple(_link(axis, target, given, rule) for axis, rule in zip(given, own_rules, strict=True))
    latest = [position for position, link in enumerate(links) if isinstance(link, Latest)]
    if len(latest) > 1:
        raise ValueError('only one dimension of an input can be read by its "last"')
    is_identity = len(links) == len(target) and all(link == Same(n) for n, link in enumerate(links))
    return Mapping(links, is_identity, all(map(_is_single, links, own_rules)), latest[0] if latest else None)


def _is_single(link: Link, rule: MappingRule) -> bool:
    """By what is declared alone: which values were discovered must not change what a recipe is given."""
    if isinstance(link, Periods):
        return link.is_single
    return isinstance(link, Same) or (isinstance(rule, Values) and len(rule.values) == 1)


def _is_whole(count: int, unit: str, grain: Grain) -> bool:
    """Whether so many units of the calendar are always a whole number of a grain's periods."""
    if unit in _SPANS and grain.unit in _SPANS:
        return not count * _SPANS[unit] % (grain.count * _SPANS[grain.unit])
    if unit in _MONTHS and grain.unit in _MONTHS:
        return not count * _MONTHS[unit] % (grain.count * _MONTHS[grain.unit])
    return count == 0


def _link(axis: Axis, target: Sequence[Axis], given: Sequence[Axis], rule: MappingRule) -> Link:
    names = [own.name for own in target]
    if isinstance(rule, All):
        return Fixed(None)
    if isinstance(rule, Values):
        return Fixed(_intervals(axis, rule.values))
    if isinstance(rule, Window):
        return Periods(*_both_times(axis, target, given, "a window"), rule.low, rule.high, rule.unit)
    if isinstance(rule, Since):
        return Periods(*_both_times(axis, target, given, f'"since {rule.unit}"'), since=rule.unit)
    if isinstance(rule, Last):
        return Latest(*_both_times(axis, target, given, f'"last {rule.count}"'), rule.count)
    if isinstance(rule, Previous):
        return Before(*_both_times(axis, target, given, '"previous"'))
    if axis.name in names:
        return Same(names.index(axis.name))
    if isinstance(axis, TimeAxis):
        position, own = _time_axis(axis, target, given)
        if own is not None:
            return Periods(position, own.grain, axis.grain)
    return Fixed(None)


def _intervals(axis: Axis, values: Sequence[str]) -> tuple[Interval, ...]:
    """These values on an axis. A list may lack some that are only discovered with the data: nothing is there yet."""
    known = [value for value in values if not isinstance(axis, ListAxis) or value in axis]
    return tuple(joined((axis.index(value), axis.index(value) + 1) for value in known))


def _both_times(axis: Axis, target: Sequence[Axis], given: Sequence[Axis], what: str) -> tuple[int, Grain, Grain]:
    """The target's time axis that an input's is tied to, and the grains of both; ValueError where one is no time."""
    position, own = _time_axis(axis, target, given)
    if not isinstance(axis, TimeAxis) or own is None:
        raise ValueError(f'{what} on "{axis.name}" needs a time dimension on both sides')
    return position, own.grain, axis.grain


def _time_axis(axis: Axis, target: Sequence[Axis], given: Sequence[Axis]) -> tuple[int, TimeAxis | None]:
    """The target's axis that a time dimension of the input is tied to; ValueError where several could be."""
    times = [(position, own) for position, own in enumerate(target) if isinstance(own, TimeAxis)]
    same = [(position, own) for position, own in times if own.name == axis.name]
    if same:
        return same[0]
    others = [own for own in given if isinstance(own, TimeAxis)]
    if len(times) > 1 or (times and len(others) > 1):
        raise ValueError(
            f'which partitions of "{axis.name}" are read is ambiguous: give a mapping such as {axis.name} = "all"'
        )
    return times[0] if times else (0, None)


def _moved(moment: datetime, count: int, unit: str) -> datetime:
    """A moment moved by calendar units, as far as the calendar goes; a day that a month lacks becomes its last."""
    if unit in _SPANS:
        try:
            return moment + count * _SPANS[unit]
        except OverflowError:
            return datetime.min if count < 0 else datetime.max
    year, month = divmod(moment.year * 12 + moment.month - 1 + count * _MONTHS[unit], 12)
    if not 1 <= year <= 9999:
        return datetime.min if count < 0 else datetime.max
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))


def _last_moved(last: datetime, count: int, unit: str) -> datetime:
    """The last moment of a period, moved; see `Periods._last`."""
    end = _moved(last + _MOMENT, count, unit) if last < datetime.max else last
    return max(_moved(last, count, unit), end - _MOMENT if end > datetime.min else end)


def _forward(link: Link, box: Sequence[Interval]) -> Sequence[Interval]:
    if isinstance(link, Same):
        return (box[link.axis],)
    if isinstance(link, Periods):
        low, high = box[link.axis]
        return ((link.image(low)[0], link.image(high - 1)[1]),)
    if isinstance(link, Before):
        return link.images(*box[link.axis])
    assert not isinstance(link, Latest)
    return link.intervals if link.intervals is not None else ((-(10**12), 10**12),)


def _narrow(link: Link, interval: Interval, sides: list[list[Interval]], there: Slice | None = None) -> bool:
    """Takes from `sides` (the target's axes) what doesn't read the input's `interval`; whether anything may be left.

    `there` is what the last are counted in.
    """
    if isinstance(link, Same):
        sides[link.axis] = common(sides[link.axis], (interval,))
        return bool(sides[link.axis])
    if isinstance(link, Periods | Before):
        side = sides[link.axis]
        if not side:
            return False
        sides[link.axis] = common(side, (_readers(link, interval, side[0][0], side[-1][1]),))
        return bool(sides[link.axis])
    if isinstance(link, Latest):
        assert there is not None
        side = sides[link.axis]
        if not side:
            return False
        sides[link.axis] = common(side, (_readers_of_last(link, interval, there, side[0][0], side[-1][1]),))
        return bool(sides[link.axis])
    return link.intervals is None or bool(common(link.intervals, (interval,)))


def _readers_of_last(link: Latest, interval: Interval, there: Slice, low: int, high: int) -> Interval:
    """The numbers in [low, high) for which fewer than the link's count lie between the interval and their end."""

    def is_out_of_reach(number: int) -> bool:
        top = link.top(number)
        return there.rank(top) - there.rank(min(interval[1], top)) >= link.count

    return _first(low, high, lambda number: link.top(number) > interval[0]), _first(low, high, is_out_of_reach)


def _readers(link: Periods | Before, interval: Interval, low: int, high: int) -> Interval:
    """The numbers in [low, high) whose image meets `interval`; by bisection, since images move monotonely."""
    return (
        _first(low, high, lambda number: link.image(number)[1] > interval[0]),
        _first(low, high, lambda number: link.image(number)[0] >= interval[1]),
    )


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _coarse_boxes(changed: PartitionSet, links: Sequence[Link]) -> list[tuple[Interval, ...]]:
    """The boxes of a set, with axes that the target doesn't follow reduced to one interval.

    Keeps a change of many scattered keys on such an axis (all customers of a day) from costing a box each.
    """
    if all(isinstance(link, Fixed) and link.intervals is None for link in links):
        if not changed or not links:
            return [() for _ in changed.body]
        spans = [changed.spans(position) for position in range(len(links))]
        return [tuple((side[0][0], side[-1][1]) for side in spans)]
    return list(changed.boxes())
