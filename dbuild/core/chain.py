"""Chains: targets that read their own earlier partitions, as running balances do.

Such an input is no edge between targets. On one time dimension it leads to earlier periods only, so the partitions
themselves have an order; here is who stands behind whom in it, as sets. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Mapping as MappingOf

from dbuild.core.links import Before, Fixed, Periods, Same
from dbuild.core.mapping import Mapping
from dbuild.core.model import Dimension, Input, MappingRule, Previous, TimeDimension, Window
from dbuild.core.partitions import Index, Interval, PartitionSet
from dbuild.core.unit import MONTHS, SECONDS
from dbuild.values import dataclass

_ELAPSED = ("minute", "hour")  # units that always last the same, whatever clocks show
_DAY = SECONDS["day"]


def dimension_of(dimensions: MappingOf[str, Dimension], own: Iterable[Input]) -> str | None:
    """The time dimension on which inputs of a target that are the target itself all lead to earlier periods.

    None where there is none: the target would read what it is about to make.
    """
    rules = [dict(given.rules) for given in own]
    for name, dimension in dimensions.items():
        if isinstance(dimension, TimeDimension) and all(_is_earlier(each.get(name), dimension) for each in rules):
            return name
    return None


def _is_earlier(rule: MappingRule | None, dimension: TimeDimension) -> bool:
    if isinstance(rule, Window):
        return rule.high < 0 and _is_as_long(-rule.high, rule.unit, dimension)
    return isinstance(rule, Previous)


def _is_as_long(count: int, unit: str, dimension: TimeDimension) -> bool:
    """Whether so many units are never shorter than a period of the dimension."""
    grain = dimension.grain
    if unit in MONTHS and grain.unit in MONTHS:
        return count * MONTHS[unit] >= grain.count * MONTHS[grain.unit]
    least = SECONDS[unit] if unit in SECONDS else 28 * _DAY * MONTHS[unit]
    most = SECONDS[grain.unit] if grain.unit in SECONDS else 31 * _DAY * MONTHS[grain.unit]
    more = grain.excess(dimension.start) if unit in _ELAPSED else 0
    return count * least >= grain.count * most + more


@dataclass(frozen=True, slots=True)
class Chain:
    """How the partitions of one target hang together."""

    domain: PartitionSet
    mappings: tuple[Mapping, ...]  # of the inputs that are the target itself
    position: int  # of the dimension that orders them, among its axes

    def needs(self, wanted: PartitionSet, frozen: PartitionSet) -> PartitionSet:
        """These partitions and all that they need of the same target; what is `frozen` needs nothing."""
        if frozen or not self._is_dense:
            return self._closed(wanted, lambda some: self._reads(some - frozen))
        return wanted | self._stretched(self._reads(wanted), lambda low, high, whole: (whole[0], high))

    def behind(self, some: PartitionSet, frozen: PartitionSet) -> PartitionSet:
        """The partitions that read any of these, straight or through others; nothing goes through what is `frozen`."""
        first = self.readers(some) - frozen
        if frozen or not self._is_dense:
            return self._closed(first, lambda part: self.readers(part) - frozen)
        return self._stretched(first, lambda low, high, whole: (low, whole[1]))

    def readers(self, some: PartitionSet) -> PartitionSet:
        """The partitions that read any of these themselves."""
        found = [mapping.touches(some, self.domain).body for mapping in self.mappings]
        return PartitionSet.union_of(self.domain.axes, found)

    def ordered(self, indices: Iterable[Index]) -> list[Index]:
        """Each after those that it reads."""
        return sorted(indices, key=lambda index: index[self.position])

    def _reads(self, wanted: PartitionSet) -> PartitionSet:
        found = [mapping.reads(wanted, self.domain).body for mapping in self.mappings]
        return PartitionSet.union_of(self.domain.axes, found)

    def _closed(self, some: PartitionSet, following: Callable[[PartitionSet], PartitionSet]) -> PartitionSet:
        found = newest = some
        while newest:
            newest = following(newest) - found
            found |= newest
        return found

    def _stretched(self, some: PartitionSet, side: Callable[[int, int, Interval], Interval]) -> PartitionSet:
        """The set with each run of the ordering axis made longer: where each partition reads the one before it.

        The other axes are as they will be after one step: who reads all values of one does so at each step.
        """
        if not some:
            return some
        whole = self.domain.spans(self.position)[0]
        bodies = []
        for box in some.boxes():
            sides = [[interval] for interval in box]
            sides[self.position] = [side(*box[self.position], whole)]
            bodies.append(PartitionSet.box(some.axes, sides).body)
        return PartitionSet.union_of(some.axes, bodies) & self.domain

    @property
    def _is_dense(self) -> bool:
        """Whether each partition reads the one just before it, with other axes that stay as they are after a step."""
        if len(self.mappings) != 1 or len(self.domain.spans(self.position)) > 1:
            return False
        links = self.mappings[0].links
        others = [link for place, link in enumerate(links) if place != self.position]
        is_plain = all(isinstance(link, Same | Fixed) for link in others)
        return is_plain and _reaches_the_one_before(links[self.position])


def _reaches_the_one_before(link: object) -> bool:
    if isinstance(link, Periods):
        if link.target.timezone != "UTC":  # clocks that change may make it less, or more
            return False
        in_seconds = link.unit in SECONDS and link.target.unit in SECONDS
        length = SECONDS if in_seconds else MONTHS
        unit, own = length.get(link.unit), length.get(link.target.unit)
        return unit is not None and own is not None and -link.high * unit == link.target.count * own
    return isinstance(link, Before)
