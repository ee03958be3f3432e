"""The last so many partitions that are there: what "last 7" reads, and whom a change touches.

What there is falls into slices, one for each combination of values on the other dimensions; each has its own last
seven. Within a slice partitions have ranks, and what one key reads is an interval of ranks that moves on with the key.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

from dbuild.core.partitions import Interval, PartitionSet, common


class Slice:
    """What is there on the time axis, for some values on the others."""

    def __init__(self, others: tuple[Interval, ...], spans: Sequence[Interval]) -> None:
        self.others = others  # an interval for each other axis
        self.spans = spans
        self._starts = [low for low, _ in spans]
        self._before = [0]  # how many are there before each span
        for low, high in spans:
            self._before.append(self._before[-1] + high - low)

    def rank(self, number: int) -> int:
        """How many are there below a number."""
        place = bisect_right(self._starts, number) - 1
        if place < 0:
            return 0
        low, high = self.spans[place]
        return self._before[place] + min(number, high) - low

    def at(self, rank: int) -> int:
        """The number that so many are below; it has to be there."""
        place = bisect_right(self._before, rank) - 1
        return self.spans[place][0] + rank - self._before[place]

    def last(self, count: int, tops: Callable[[int], int], low: int, high: int, *, is_dense: bool) -> list[Interval]:
        """The last `count` below `tops(n)`, for all n in [low, high); dense where tops grow by one."""
        ranges = self._ranges(count, tops, low, high, is_dense)
        return [each for a, b in ranges if a < b for each in common(self.spans, [(self.at(a), self.at(b - 1) + 1)])]

    def _ranges(
        self, count: int, tops: Callable[[int], int], low: int, high: int, is_dense: bool
    ) -> Iterator[Interval]:
        first, last = self.rank(tops(low)), self.rank(tops(high - 1))
        if is_dense or last - count <= first:  # nothing is left out between the first's and the last's
            yield max(0, first - count), last
            return
        middle = (low + high) // 2
        yield from self._ranges(count, tops, low, middle, is_dense)
        yield from self._ranges(count, tops, middle, high, is_dense)


class Slices:
    """What there is of a dataset, slice by slice."""

    def __init__(self, there: PartitionSet, position: int) -> None:
        self.there = there
        self.position = position  # of the time axis

    @cached_property
    def all(self) -> list[Slice]:
        """The slices; each combination of other values is in one at most."""
        axes = self.there.axes
        turned = (*axes[: self.position], *axes[self.position + 1 :], axes[self.position])
        bodies = [
            PartitionSet.box(turned, [[side] for side in (*self.others(box), box[self.position])]).body
            for box in self.there.boxes()
        ]
        spans: dict[tuple[Interval, ...], list[Interval]] = {}
        for box in PartitionSet.union_of(turned, bodies).boxes():
            spans.setdefault(box[:-1], []).append(box[-1])
        return [Slice(others, found) for others, found in spans.items()]

    def others(self, box: tuple[Interval, ...]) -> tuple[Interval, ...]:
        """A box without its side on the time axis."""
        return (*box[: self.position], *box[self.position + 1 :])

    def meeting(self, box: tuple[Interval, ...]) -> Iterator[tuple[Slice, tuple[Interval, ...]]]:
        """The slices that a box meets, each with the other values that they share."""
        wanted = self.others(box)
        for each in self.all:
            shared = [common([a], [b]) for a, b in zip(wanted, each.others, strict=True)]
            if all(shared):
                yield each, tuple(side[0] for side in shared)

    def covers(self, box: tuple[Interval, ...]) -> bool:
        """Whether each combination of a box's other values has something there."""
        shared = [side for _, side in self.meeting(box)]
        return sum(map(_size, shared)) == _size(self.others(box))


def _size(sides: tuple[Interval, ...]) -> int:
    size = 1
    for low, high in sides:
        size *= high - low
    return size
