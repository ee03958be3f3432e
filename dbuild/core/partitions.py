"""Axes, keys and sets of partitions, and the algebra on them.

A dimension's values lie on an `Axis`, which numbers them with consecutive integers. A `PartitionSet` over axes is a
sorted list of runs of the first axis, each with the set over the remaining axes that belongs to it; adjacent runs with
equal rests are one. So a set has exactly one form (equality is structural) and costs memory and time by its runs,
never by the number of its keys. The form is that of an interval decision diagram.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from dbuild.core.grain import Grain
from dbuild.core.keytext import ALL, NONE, Part, Span, choices_of, spans_of, written_key, written_set
from dbuild.values import dataclass

Key = tuple[str, ...]  # a value for each dimension of a dataset, in the order of its path
Index = tuple[int, ...]  # the same as numbers on the axes
Body = tuple["Run", ...]
Run = tuple[int, int, Body]  # [low, high) of the first axis, and the set over the other axes
Interval = tuple[int, int]  # [low, high)

EMPTY: Body = ()
UNIT: Body = ((0, 1, ()),)  # the full set over no axes: there is one partition, with the empty key

_OR, _AND, _MINUS = (False, True, True, True), (False, False, False, True), (False, False, True, False)


@dataclass(frozen=True)
class TimeAxis:
    """The periods of a grain, without bounds."""

    name: str
    grain: Grain

    def index(self, text: str) -> int:
        """The number of the period that `text` names; ValueError where it names none."""
        return self.grain.index(text)

    def text(self, index: int) -> str:
        """The name of a period."""
        return self.grain.text(index)

    written = text  # periods have no signs but the plus of an offset, which `parse` knows

    @property
    def identity(self) -> str:
        """What numbers on this axis mean; equal for axes whose numbers can be compared."""
        return self.grain.identity


@dataclass(frozen=True)
class ListAxis:
    """Values in a given order; a value's number is its position."""

    name: str
    values: tuple[str, ...]

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {value: position for position, value in enumerate(self.values)}

    def index(self, text: str) -> int:
        """The position of a value; ValueError where it isn't one."""
        try:
            return self._positions[text]
        except KeyError:
            raise ValueError(f'"{text}" is not a value of {self.name}') from None

    def __contains__(self, value: str) -> bool:
        return value in self._positions

    def text(self, index: int) -> str:
        """The value at a position."""
        return self.values[index]

    def written(self, index: int) -> str:
        """The value at a position, as it is written in a choice."""
        return written_key(self.values[index])

    @cached_property
    def identity(self) -> str:
        """What numbers on this axis mean: the values themselves, joined (they hold no control characters)."""
        return "\n".join(self.values)


Axis = TimeAxis | ListAxis


@dataclass(frozen=True)
class PartitionSet:
    """A set of partitions over some axes; immutable, with one form for each set."""

    axes: tuple[Axis, ...]
    body: Body

    # -- making ----------------------------------------------------------------------------------------------------

    @classmethod
    def empty(cls, axes: tuple[Axis, ...]) -> PartitionSet:
        return cls(axes, EMPTY)

    @classmethod
    def box(cls, axes: tuple[Axis, ...], sides: Sequence[Sequence[Interval]]) -> PartitionSet:
        """The product of one list of sorted, disjoint intervals for each axis."""
        body = UNIT
        for side in reversed(sides):
            body = _merged((low, high, body) for low, high in side if low < high) if body else EMPTY
        return cls(axes, body)

    @classmethod
    def of_indices(cls, axes: tuple[Axis, ...], indices: Iterable[Index]) -> PartitionSet:
        """The set of these members, given in any order."""
        return cls(axes, _of_sorted(sorted(set(indices)), len(axes)))

    @classmethod
    def of_keys(cls, axes: tuple[Axis, ...], keys: Iterable[Key]) -> PartitionSet:
        """The set of these keys; ValueError where a value is none of its axis."""
        if len(axes) == 1 and isinstance(axes[0], ListAxis):
            position = axes[0].index
            return cls.of_indices(axes, ((position(key[0]),) for key in keys))
        return cls.of_indices(
            axes, (tuple(axis.index(value) for axis, value in zip(axes, key, strict=True)) for key in keys)
        )

    @classmethod
    def union_of(cls, axes: tuple[Axis, ...], bodies: Iterable[Body]) -> PartitionSet:
        """The union of many sets, pairwise as in a merge sort: no set is copied once for each other one."""
        level = [body for body in bodies if body]
        while len(level) > 1:
            level = [_combine(a, b, _OR, len(axes)) for a, b in zip(level[::2], level[1::2], strict=False)] + (
                level[-1:] if len(level) % 2 else []
            )
        return cls(axes, level[0] if level else EMPTY)

    # -- algebra ---------------------------------------------------------------------------------------------------

    def __or__(self, other: PartitionSet) -> PartitionSet:
        return PartitionSet(self.axes, _combine(self.body, other.body, _OR, len(self.axes)))

    def __and__(self, other: PartitionSet) -> PartitionSet:
        return PartitionSet(self.axes, _combine(self.body, other.body, _AND, len(self.axes)))

    def __sub__(self, other: PartitionSet) -> PartitionSet:
        return PartitionSet(self.axes, _combine(self.body, other.body, _MINUS, len(self.axes)))

    def __bool__(self) -> bool:
        return bool(self.body)

    def __len__(self) -> int:
        return _count(self.body, len(self.axes))

    def __contains__(self, index: Index) -> bool:
        body = self.body
        for number in index:
            if not body:
                return False
            low, high, body = body[_at(body, number)]
            if not low <= number < high:
                return False
        return bool(body)

    # -- reading ---------------------------------------------------------------------------------------------------

    def indices(self) -> Iterator[Index]:
        """The members in order: a cost for each, so only for sets that are to be worked on."""
        return _walk(self.body, len(self.axes))

    def keys(self) -> Iterator[Key]:
        """The members' keys in order."""
        if len(self.axes) == 1:
            text = self.axes[0].text
            return ((text(number),) for low, high, _ in self.body for number in range(low, high))
        return (self.key(index) for index in self.indices())

    def key(self, index: Index) -> Key:
        """A member's key."""
        if len(index) == len(self.axes) == 1:
            return (self.axes[0].text(index[0]),)
        return tuple([axis.text(number) for axis, number in zip(self.axes, index, strict=True)])

    def first(self) -> Index | None:
        """The first member, in the order of the axes."""
        return next(self.indices(), None)

    def boxes(self) -> Iterator[tuple[Interval, ...]]:
        """The set as disjoint products of one interval for each axis."""
        return _boxes(self.body, len(self.axes))

    def spans(self, position: int) -> list[Interval]:
        """The values on one axis that any member has, as sorted disjoint intervals."""
        return _spans(self.body, position)

    def rebased(self, axes: tuple[Axis, ...]) -> PartitionSet:
        """The same keys on other axes of the same names; keys that those don't have are left out."""
        if all(old.identity == new.identity for old, new in zip(self.axes, axes, strict=True)):
            return PartitionSet(axes, self.body)
        tables = tuple(_renumbering(old, new) for old, new in zip(self.axes, axes, strict=True))
        return PartitionSet(axes, _renumber(self.body, tables))

    def __str__(self) -> str:
        """The set as people type it, and as `parse` reads it: `2013-01-01..2013-01-05,JFK@2013-02-01,EWR+LGA`."""
        return written_set(self.axes, self.body)

    @classmethod
    def parse(cls, axes: tuple[Axis, ...], text: str) -> PartitionSet:
        """The set that is written so, every dimension of it. Raises ValueError for what is none."""
        if text in (ALL, NONE):
            if text == ALL and axes:
                raise ValueError('"all" names no dimension')
            return cls.empty(axes) if text == NONE else cls(axes, UNIT)
        return cls.union_of(axes, (cls._parsed(axes, parts).body for parts in choices_of(text)))

    @classmethod
    def _parsed(cls, axes: tuple[Axis, ...], parts: list[Part]) -> PartitionSet:
        named = {part.name or axes[place].name: part.text for place, part in enumerate(parts[: len(axes)])}
        if len(parts) != len(axes) or named.keys() != {axis.name for axis in axes}:
            raise ValueError(f"a choice names each of {', '.join(axis.name for axis in axes) or 'no dimensions'} once")
        return cls.box(axes, [joined(_interval(axis, span) for span in _spans_on(axis, named)) for axis in axes])


def _spans_on(axis: Axis, named: dict[str, str]) -> list[Span]:
    return spans_of(named[axis.name], is_time=isinstance(axis, TimeAxis))


def _interval(axis: Axis, span: Span) -> Interval:
    return axis.index(span.first), axis.index(span.last) + 1


def _at(body: Body, number: int) -> int:
    """The position of the only run that may hold `number`."""
    return max(0, bisect_left(body, (number + 1,)) - 1)  # a run that begins there is longer, so it comes after


def _low(run: Run) -> int:
    return run[0]


def _merged(runs: Iterable[Run]) -> Body:
    """Runs in order, adjacent ones with equal rests made one: what keeps the form unique."""
    out: list[Run] = []
    for run in runs:
        if out and out[-1][1] == run[0] and (out[-1][2] is run[2] or out[-1][2] == run[2]):
            out[-1] = (out[-1][0], run[1], run[2])
        else:
            out.append(run)
    return tuple(out)


def _combine(a: Body, b: Body, keep: tuple[bool, bool, bool, bool], depth: int) -> Body:
    """Both sets swept together; `keep` tells, by (in a) * 2 + (in b), what stays."""
    if not a:
        return b if keep[1] else EMPTY
    if not b:
        return a if keep[2] else EMPTY
    if a is b or depth == 0:
        return a if keep[3] else EMPTY
    return _merged(_sweep(a, b, keep, depth))


def _sweep(a: Body, b: Body, keep: tuple[bool, bool, bool, bool], depth: int) -> Iterator[Run]:
    i = j = 0
    low = min(a[0][0], b[0][0])
    while i < len(a) or j < len(b):
        in_a = i < len(a) and a[i][0] <= low
        in_b = j < len(b) and b[j][0] <= low
        ends = []
        if i < len(a):
            ends.append(a[i][1] if in_a else a[i][0])
        if j < len(b):
            ends.append(b[j][1] if in_b else b[j][0])
        high = min(ends)
        if in_a or in_b:
            rest = (
                _combine(a[i][2] if in_a else EMPTY, b[j][2] if in_b else EMPTY, keep, depth - 1)
                if depth > 1
                else (UNIT if keep[in_a * 2 + in_b] else EMPTY)
            )
            if rest:
                yield low, high, rest
        i += in_a and a[i][1] <= high
        j += in_b and b[j][1] <= high
        low = high


def _count(body: Body, depth: int) -> int:
    if depth == 0:
        return len(body)
    if depth == 1:
        return sum(high - low for low, high, _ in body)
    return sum((high - low) * _count(rest, depth - 1) for low, high, rest in body)


def _walk(body: Body, depth: int) -> Iterator[Index]:
    if depth == 0:
        yield from ((),) if body else ()
    elif depth == 1:
        for low, high, _ in body:
            for number in range(low, high):
                yield (number,)
    else:
        for low, high, rest in body:
            for number in range(low, high):
                for index in _walk(rest, depth - 1):
                    yield (number, *index)


def _boxes(body: Body, depth: int) -> Iterator[tuple[Interval, ...]]:
    if depth == 0:
        yield from ((),) if body else ()
        return
    for low, high, rest in body:
        for box in _boxes(rest, depth - 1):
            yield ((low, high), *box)


def _spans(body: Body, position: int) -> list[Interval]:
    if position == 0:
        return joined((low, high) for low, high, _ in body)
    return joined(span for rest in {id(run[2]): run[2] for run in body}.values() for span in _spans(rest, position - 1))


def joined(intervals: Iterable[Interval]) -> list[Interval]:
    """Intervals in any order as sorted, disjoint ones that don't touch."""
    out: list[Interval] = []
    for low, high in sorted(intervals):
        if low >= high:
            continue
        if out and low <= out[-1][1]:
            out[-1] = (out[-1][0], max(high, out[-1][1]))
        else:
            out.append((low, high))
    return out


def common(a: Sequence[Interval], b: Sequence[Interval]) -> list[Interval]:
    """The intersection of two sorted, disjoint lists of intervals."""
    out: list[Interval] = []
    i = j = 0
    while i < len(a) and j < len(b):
        low, high = max(a[i][0], b[j][0]), min(a[i][1], b[j][1])
        if low < high:
            out.append((low, high))
        if a[i][1] < b[j][1]:
            i += 1
        else:
            j += 1
    return out


def _of_sorted(indices: Sequence[Index], depth: int) -> Body:
    if depth == 0:
        return UNIT if indices else EMPTY
    if depth == 1:
        out: list[Run] = []
        start = last = None
        for (number,) in indices:
            if last is None or number != last + 1:
                if start is not None and last is not None:
                    out.append((start, last + 1, UNIT))
                start = number
            last = number
        if start is not None and last is not None:
            out.append((start, last + 1, UNIT))
        return tuple(out)
    groups: dict[int, list[Index]] = {}
    for index in indices:
        groups.setdefault(index[0], []).append(index[1:])
    return _merged((number, number + 1, _of_sorted(rest, depth - 1)) for number, rest in groups.items())


def _renumbering(old: Axis, new: Axis) -> dict[int, int] | None:
    """Old number -> new number; None where they are the same."""
    if old.identity == new.identity:
        return None
    if not (isinstance(old, ListAxis) and isinstance(new, ListAxis)):
        return {}
    positions = new._positions
    return {number: positions[value] for number, value in enumerate(old.values) if value in positions}


def _renumber(body: Body, tables: tuple[dict[int, int] | None, ...]) -> Body:
    if not tables:
        return body
    table, rests = tables[0], {}
    moved: list[Run] = []
    for low, high, rest in body:
        if id(rest) not in rests:
            rests[id(rest)] = _renumber(rest, tables[1:])
        inner = rests[id(rest)]
        if not inner:
            continue
        if table is None:
            moved.append((low, high, inner))
        else:
            moved.extend((table[n], table[n] + 1, inner) for n in range(low, high) if n in table)
    return _merged(sorted(moved, key=_low))
