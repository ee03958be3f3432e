"""Which built partitions stay as they are: because a person says so, or because what they were made from is gone."""

from __future__ import annotations

from collections.abc import Callable

from dbuild.build.words import Words
from dbuild.core.domain import Domains
from dbuild.core.graph import Flow
from dbuild.core.partitions import Index, PartitionSet
from dbuild.core.reading import inputs_of
from dbuild.core.trace import joined_key


class Holds:
    """The partitions of targets that aren't to be built anew whatever changes."""

    def __init__(
        self,
        flow: Flow,
        reach: Domains,
        words: Words,
        gone: dict[str, PartitionSet],
        built: Callable[[str], PartitionSet],
        routed: Callable[[str, int, PartitionSet], PartitionSet],
    ) -> None:
        """`gone` has the partitions of sources with `gone = "keep"` that were there once; `built` those with traces.

        `routed` tells who got rows of partitions of an input (by its number) that are gone.
        """
        self._flow = flow
        self._reach = reach
        self._words = words
        self._gone = {name: some for name, some in gone.items() if some}
        self._built = built
        self._routed = routed
        self._bereft: dict[str, PartitionSet] = {}

    def frozen(self, target: str) -> PartitionSet:
        """All that stays as it is."""
        return self._words.frozen(target) | self.bereft(target)

    def bereft(self, target: str) -> PartitionSet:
        """What was built from source partitions that are gone, and that may be missed."""
        if target not in self._bereft:
            domain = self._reach.of(target)
            found = PartitionSet.empty(domain.axes)
            for number, (given, mapping) in enumerate(inputs_of(self._flow, self._reach, target)):
                gone = self._gone.get(given.dataset)
                if gone is not None:
                    found |= self._routed(target, number, gone) if given.by else mapping.touches(gone, domain)
            self._bereft[target] = found & self._built(target) if found else found
        return self._bereft[target]

    def missed(self, target: str, index: Index) -> frozenset[tuple[str, str]]:
        """Dataset and joined key of what one partition was built from and that is gone."""
        if not self._gone or index not in self.bereft(target):
            return frozenset()
        found = set()
        for given, mapping in inputs_of(self._flow, self._reach, target):
            gone = self._gone.get(given.dataset)
            if gone is not None:
                reads = mapping.of_index(index, self._reach.of(given.dataset)) & gone
                found |= {(given.dataset, joined_key(reads.key(one))) for one in reads.indices()}
        return frozenset(found)
