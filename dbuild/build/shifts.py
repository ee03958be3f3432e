"""Dimensions that reach further, or less far, than when the seals were written: which targets read what came and went.

A partition that goes leaves no changed file where its readers look, and one that comes back may be fresh as it is; so
the domains themselves are compared.
"""

from __future__ import annotations

from collections.abc import Callable

from dbuild.core.domain import Domains, axes_for
from dbuild.core.graph import Flow
from dbuild.core.mapping import Mapping, mapping_of
from dbuild.core.model import Input, Source, Target
from dbuild.core.partitions import Axis, Interval, ListAxis, PartitionSet
from dbuild.core.plan import inputs_of
from dbuild.values import dataclass, field


@dataclass(frozen=True, slots=True)
class Shifts:
    """The domains as they are and as they were kept."""

    flow: Flow
    domains: Domains
    kept: Callable[[str], tuple[str, ...]]  # dimension -> what `extent` gave when the seals were written
    _domains: dict[str, PartitionSet] = field(default_factory=dict)  # of datasets, as they were kept
    _axes: dict[str, ListAxis] = field(default_factory=dict)

    def kept_axis(self, axis: Axis) -> Axis:
        """The axis as it was when the seals were written."""
        if not isinstance(axis, ListAxis):
            return axis
        if axis.name not in self._axes:
            self._axes[axis.name] = ListAxis(axis.name, self.kept(axis.name))
        return self._axes[axis.name]

    def touched(self, target: str) -> PartitionSet:
        """The partitions of a target that read what came or went."""
        domain = self.domains.of(target)
        touched = PartitionSet.empty(domain.axes)
        for given, mapping in inputs_of(self.flow, self.domains, target):
            # Whom routed rows touch is told by the rows; the declared mappings know of no absence.
            if given.counts and not given.by and isinstance(mapping, Mapping):
                touched |= self._by_input(target, given, mapping)
        return touched & domain

    def moved(self, dataset: str) -> tuple[PartitionSet, PartitionSet]:
        """The partitions of a dataset that its dimensions have come to reach, and, on their old axes, those no more."""
        now, before = self.domains.of(dataset), self._kept(dataset)
        return now - before.rebased(now.axes), before - now.rebased(before.axes)

    def _by_input(self, target: str, given: Input, mapping: Mapping) -> PartitionSet:
        domain, now = self.domains.of(target), self.domains.of(given.dataset)
        before = self._kept(given.dataset)
        touched = mapping.affects(now - before.rebased(now.axes), domain)
        gone = before - now.rebased(before.axes)
        if gone:  # its keys may be on no axis any more: whoever read them is found among the axes of then
            own = self._kept(target)
            earlier = mapping_of(own.axes, before.axes, dict(given.rules))
            is_source = given.dataset in self.flow.project.sources  # which of them were there isn't known here
            earlier = earlier.counting(PartitionSet.empty(before.axes) if is_source else before)
            touched |= earlier.affects(gone, own).rebased(domain.axes)
        return touched

    def _kept(self, name: str) -> PartitionSet:
        if name not in self._domains:
            dataset = self.flow.project.dataset(name)
            assert isinstance(dataset, Source | Target)
            self._domains[name] = self.kept_domain(dataset)
        return self._domains[name]

    def kept_domain(self, dataset: Source | Target) -> PartitionSet:
        """All partitions that a dataset had when the seals were written."""
        axes = tuple(self.kept_axis(axis) for axis in axes_for(dataset, self.domains.axes))
        return PartitionSet.box(axes, [self._kept_bounds(axis) for axis in axes])

    def _kept_bounds(self, axis: Axis) -> list[Interval]:
        if isinstance(axis, ListAxis):
            return [(0, len(axis.values))]
        return [(int(low), int(high)) for low, _, high in (text.partition("..") for text in self.kept(axis.name))]


def extent(axis: Axis, bounds: tuple[Interval, ...]) -> tuple[str, ...]:
    """What is kept of an axis: a list's values, the numbers at the ends of a time's intervals."""
    return axis.values if isinstance(axis, ListAxis) else tuple(f"{low}..{high}" for low, high in bounds)
