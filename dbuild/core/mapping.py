"""Which input partitions a target partition reads, and which target partitions a changed input touches.

A mapping is made of one link for each dimension of the input (see core.links). Only what "last 7" reads depends on
which partitions are there (see core.latest).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from dbuild.core.grain import Grain
from dbuild.core.latest import Slice, Slices
from dbuild.core.links import Before, Fixed, Latest, Link, Periods, Same, forward, narrow
from dbuild.core.model import All, Last, MappingRule, Overlap, Previous, Since, Values, Window
from dbuild.core.partitions import Axis, Index, Interval, ListAxis, PartitionSet, TimeAxis, common, joined
from dbuild.values import dataclass, replace

_NO_AXIS = ListAxis("", ())


@dataclass(frozen=True, slots=True)
class Mapping:
    """The links of one input, in the order of its dimensions."""

    links: tuple[Link, ...]
    is_identity: bool  # the key itself: the common case, kept cheap
    is_single: bool  # can never give more than one partition
    latest: int | None = None  # the input's axis on which only the last that are there are read
    there: Slices | None = None  # what counts as there for that; to be told by `counting` before anything is asked

    def reads(self, wanted: PartitionSet, domain: PartitionSet) -> PartitionSet:
        """What the target's partitions `wanted` read of an input with this domain."""
        if self.is_identity:
            return PartitionSet(domain.axes, wanted.body) & domain
        if self.latest is not None:
            return self._latest_of(wanted.boxes(), domain)
        whole = [domain.spans(position) for position in range(len(domain.axes))]
        bodies = []
        for box in wanted.boxes():
            sides = [common(forward(link, box), whole[position]) for position, link in enumerate(self.links)]
            bodies.append(PartitionSet.box(domain.axes, sides).body)
        return PartitionSet.union_of(domain.axes, bodies) & domain

    def touches(self, changed: PartitionSet, domain: PartitionSet) -> PartitionSet:
        """The target's partitions, of its domain, that read any of the input's partitions `changed`."""
        if self.is_identity:
            return PartitionSet(domain.axes, changed.body) & domain
        if self.latest is not None:
            return self._readers_of_latest(changed & self._slices.there, domain, is_coming=False)
        whole = [domain.spans(position) for position in range(len(domain.axes))]
        bodies = []
        for box in _coarse_boxes(changed, self.links):
            sides = [list(side) for side in whole]
            if all(narrow(link, box[position], sides) for position, link in enumerate(self.links)):
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

    @property
    def _slices(self) -> Slices:
        assert self.there is not None
        return self.there

    def _latest_of(self, boxes: Iterable[tuple[Interval, ...]], domain: PartitionSet) -> PartitionSet:
        slices, position = self._slices, self.latest
        assert position is not None
        link = self.links[position]
        assert isinstance(link, Latest)
        bodies = []
        for box in boxes:
            low, high = box[link.axis]
            sides = [
                common(forward(each, box), domain.spans(place)) if place != position else []
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
        slices, position = self._slices, self.latest
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
                if all(narrow(link, shared[place], sides, each) for place, link in enumerate(self.links)):
                    bodies.append(PartitionSet.box(domain.axes, sides).body)
        return PartitionSet.union_of(domain.axes, bodies) & domain

    def of_index(self, index: Index, domain: PartitionSet) -> PartitionSet:
        """What one partition reads; the same as `reads` of the set that holds only it."""
        if self.is_identity and index in domain:
            return PartitionSet.box(domain.axes, [[(number, number + 1)] for number in index])
        box = tuple((number, number + 1) for number in index)
        if self.latest is not None:
            return self._latest_of([box], domain)
        sides = [common(forward(link, box), domain.spans(position)) for position, link in enumerate(self.links)]
        return PartitionSet.box(domain.axes, sides) & domain


def mapping_of(
    target: Sequence[Axis], given: Sequence[Axis], rules: dict[str, MappingRule], routed: Container[str] = ()
) -> Mapping:
    """The mapping from a target's axes to an input's, by the given rules and by overlap elsewhere.

    Files say nothing of the dimensions that rows are `routed` to by their own values: none overlaps with those.
    Raises ValueError, with what to do, where a rule doesn't fit or where overlap is ambiguous.
    """
    own_rules = [rules.get(axis.name, Overlap()) for axis in given]
    bare = [_NO_AXIS if axis.name in routed else axis for axis in target]
    links = tuple(
        _link(axis, bare if isinstance(rule, Overlap) else target, given, rule)
        for axis, rule in zip(given, own_rules, strict=True)
    )
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
