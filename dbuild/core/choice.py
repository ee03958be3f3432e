"""Which partitions of one dataset KEYS choose: `2013-01`, `..2013-03,JFK+LGA`, `-7d..`, `stale`. Text in, sets out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from dbuild.core.domain import Domains
from dbuild.core.graph import Flow
from dbuild.core.hints import example_of, hint_for_dimension, hint_of
from dbuild.core.keytext import (
    NONE,
    STANDINGS,
    Part,
    Span,
    choices_of,
    plain_key,
    spans_of,
    written_key,
)
from dbuild.core.model import Dimension, Project, Source, Target, TimeDimension
from dbuild.core.partitions import Axis, Interval, ListAxis, PartitionSet, TimeAxis, joined
from dbuild.core.relative import Calendar
from dbuild.errors import UsageError
from dbuild.values import dataclass

Standing = Callable[[str, str], PartitionSet]  # (dataset, word) -> its partitions that stand so


@dataclass(frozen=True, slots=True)
class Choice:
    """What KEYS choose of a dataset."""

    inside: PartitionSet
    absent: PartitionSet  # past the newest partition: asked for where nothing inside was


class Chooser:
    """Resolves KEYS at one moment."""

    def __init__(self, flow: Flow, domains: Domains, now: datetime, standing: Standing | None = None) -> None:
        """`now` is UTC, without a zone. `standing` says how partitions stand; without it such words are refused."""
        self._flow = flow
        self._domains = domains
        self._standing = standing
        self._calendar = Calendar(now)
        self.by_standing = False  # whether a word on how partitions stand was used

    @property
    def until(self) -> datetime | None:
        """The moment (UTC) from which on what was resolved means something else; None: never."""
        return self._calendar.until

    def choose(self, dataset: Source | Target, keys: str | None, text: str) -> Choice:
        """The partitions that KEYS choose; all without. Raises UsageError, which quotes `text`."""
        domain = self._domains.of(dataset.name)
        inside, absent = PartitionSet.empty(domain.axes), PartitionSet.empty(domain.axes)
        if keys is None:
            return Choice(domain, absent)
        for parts in choices_of(keys):
            words = [part.text for part in parts if part.is_word]
            asked = self._asked(dataset, [part for part in parts if not part.is_word], text)
            found = asked & domain
            if found or words:
                inside |= self._narrowed(dataset, found, words, text)
            else:
                absent |= asked
        return Choice(inside, absent if not inside else PartitionSet.empty(domain.axes))

    def _narrowed(self, dataset: Source | Target, found: PartitionSet, words: Iterable[str], text: str) -> PartitionSet:
        for word in words:
            if word == NONE:
                raise UsageError(f'"{text}" names no partitions', hint="leave it out")
            if word in STANDINGS:
                if self._standing is None:
                    raise UsageError(f'"{text}": how partitions stand isn\'t known here', hint="name keys")
                self.by_standing = True
                found &= self._standing(dataset.name, word)
        return found

    def _asked(self, dataset: Source | Target, parts: list[Part], text: str) -> PartitionSet:
        """The product of what the parts say, and of all there is on other dimensions."""
        domain = self._domains.of(dataset.name)
        chosen: dict[str, list[Interval]] = {}
        for place, part in enumerate(parts):
            name = part.name or (dataset.dimensions[place] if place < len(dataset.dimensions) else "")
            if name not in dataset.dimensions:
                raise self._no_dimension(dataset, part, text)
            chosen.setdefault(name, []).extend(self._intervals(name, part, dataset, text))
        bounds = self._domains.bounds
        sides = [joined(chosen[name]) if name in chosen else bounds[name] for name in dataset.dimensions]
        return PartitionSet.box(domain.axes, sides)

    def _no_dimension(self, dataset: Source | Target, part: Part, text: str) -> UsageError:
        if not dataset.dimensions:
            what = f'"{dataset.name}" has no partitions, so "{text}" names none'
            return UsageError(what, hint=f"write {dataset.name} without KEYS")
        if not part.text:
            return UsageError(f'"{text}": a key is empty', hint=f"its dimensions are {', '.join(dataset.dimensions)}")
        hint = hint_for_dimension(dataset, part.name or part.text, part.text, self._domains.axes.get(part.name))
        if not part.name:
            return UsageError(f'"{text}": "{part.text}" is one key too many for {dataset.name}', hint=hint)
        return UsageError(f'"{text}": "{part.name}" is no dimension of {dataset.name}', hint=hint)

    def _intervals(self, name: str, part: Part, dataset: Source | Target, text: str) -> list[Interval]:
        axis = self._domains.axes[name]
        try:
            spans = spans_of(part.text, is_time=isinstance(axis, TimeAxis))
        except ValueError as error:
            if isinstance(axis, ListAxis) and part.text in axis:
                return [_single(axis.index(part.text))]
            raise UsageError(f'"{text}": {error}', hint=example_of(axis)) from None
        if isinstance(axis, TimeAxis):
            return [self._period(axis, span, dataset, text) for span in spans]
        is_whole = any(end and end not in axis for span in spans for end in (span.first, span.last))
        if is_whole and part.text in axis:  # a key with signs in it, typed as it is
            return [_single(axis.index(part.text))]
        return [self._of_list(axis, span, dataset, text) for span in spans]

    def _hint(self, axis: Axis, key: str, dataset: Source | Target) -> str:
        return hint_of(axis, key, dataset, self._domains.axes)

    def _of_list(self, axis: ListAxis, span: Span, dataset: Source | Target, text: str) -> Interval:
        for end in (span.first, span.last):
            if end and end not in axis:
                what = f'"{text}": "{end}" is not a value of {axis.name}'
                raise UsageError(what, hint=self._hint(axis, end, dataset))
        low = axis.index(span.first) if span.first else 0
        high = axis.index(span.last) + 1 if span.last else len(axis.values)
        if high <= low and span.first and span.last:
            what = f'"{text}": "{span.last}" comes before "{span.first}" in {axis.name}'
            raise UsageError(what, hint=f"write {span.last}..{span.first}; {example_of(axis)}")
        return low, high

    # -- time ------------------------------------------------------------------------------------------------------

    def _period(self, axis: TimeAxis, span: Span, dataset: Source | Target, text: str) -> Interval:
        dimension = self._flow.project.dimensions[axis.name]
        assert isinstance(dimension, TimeDimension)
        first, last = (self._ends(axis, key, dataset, text) if key else None for key in span[:2])
        low = first[0] if first else dimension.start
        high = last[1] if last else self._open_end(axis, dimension, low)
        return self._inside(axis, dimension, (low, high), span, text)

    def _ends(self, axis: TimeAxis, key: str, dataset: Source | Target, text: str) -> Interval:
        """The first and the last period that a key names."""
        try:
            return self._calendar.first(axis, key), self._calendar.last(axis, key)
        except (ValueError, OverflowError) as error:
            raise UsageError(f'"{text}": {error}', hint=self._hint(axis, key, dataset)) from None

    def _inside(self, axis: TimeAxis, dimension: TimeDimension, ends: Interval, span: Span, text: str) -> Interval:
        low, last = ends
        is_outside = last < dimension.start or (dimension.end is not None and low > dimension.end)
        if last < low and not is_outside:
            what = f'"{text}": the range ends before it starts'
            raise UsageError(what, hint=f"write {span.last}..{span.first}")
        if is_outside:
            raise UsageError(f'"{text}" lies outside {axis.name}', hint=self._extent(axis, dimension))
        return max(low, dimension.start), (last if dimension.end is None else min(last, dimension.end)) + 1

    def _open_end(self, axis: TimeAxis, dimension: TimeDimension, low: int) -> int:
        """The newest partition; where the range begins later, the period of this moment, at least its first."""
        if dimension.end is not None:
            return max(dimension.end, low)
        bounds = self._domains.bounds[axis.name]
        newest = bounds[-1][1] - 1 if bounds else dimension.start - 1
        return newest if newest >= low else max(low, self._calendar.present(axis))

    def _extent(self, axis: TimeAxis, dimension: TimeDimension) -> str:
        bounds = self._domains.bounds[axis.name]
        last = f" to {axis.text(bounds[-1][1] - 1)}" if bounds else ""
        return f"{axis.name} goes from {axis.text(dimension.start)}{last}"

    # -- text ------------------------------------------------------------------------------------------------------

    def settled(self, dataset: Source | Target, keys: str, text: str) -> str:
        """KEYS so that they mean the same for ever: words on today, and how partitions stand, as what they are now.

        What is open stays open, and what comes later is part of it. Ranges of lists become their values, whose order
        may change. Raises UsageError.
        """
        self.choose(dataset, keys, text)
        settled = []
        for choice, parts in zip(keys.split("@"), choices_of(keys), strict=True):
            if any(part.is_word for part in parts):
                settled.append(str(self.choose(dataset, choice, text).inside))
            else:
                settled.append(",".join(self._settled(dataset, place, part) for place, part in enumerate(parts)))
        return "@".join(settled)

    def _settled(self, dataset: Source | Target, place: int, part: Part) -> str:
        axis = self._domains.axes[part.name or dataset.dimensions[place]]
        name = f"{part.name}=" if part.name else ""
        if isinstance(axis, TimeAxis):
            spans = spans_of(part.text, is_time=True)
            return name + "+".join(self._settled_period(axis, span) for span in spans)
        intervals = self._intervals(axis.name, part, dataset, "")
        numbers = [number for low, high in intervals for number in range(low, high)]
        return name + "+".join(written_key(axis.text(number)) for number in numbers)

    def _settled_period(self, axis: TimeAxis, span: Span) -> str:
        first, last = (self._calendar.settled(axis, end) for end in (span.first, span.last))
        return f"{first}..{last}" if span.is_range else first


def names_standing(keys: str | None) -> bool:
    """Whether KEYS have a word on how partitions stand."""
    return keys is not None and any(
        part.is_word and part.text in STANDINGS for parts in choices_of(keys) for part in parts
    )


def key_of(project: Project, dataset: Source | Target, keys: str, now: datetime) -> tuple[str, ...]:
    """The one key that KEYS name, whether or not there is such a partition. Raises UsageError for more or less.

    For commands that don't look at what there is; `now` is UTC, without a zone.
    """
    named: dict[str, str] = {}
    for place, part in enumerate(choices_of(keys)[0]):
        own = dataset.dimensions[place] if place < len(dataset.dimensions) else ""
        named[part.name or own] = part.text
    if named.keys() != set(dataset.dimensions) or "@" in keys:
        dimensions = ", ".join(dataset.dimensions)
        hint = f"its dimensions are {dimensions}" if dimensions else "it has no keys"
        raise UsageError(f'"{keys}" names no single partition', hint=hint)
    return tuple(_one_value(project.dimensions[name], named[name], keys, now) for name in dataset.dimensions)


def _one_value(dimension: Dimension, part: str, keys: str, now: datetime) -> str:
    text = plain_key(part)
    if not isinstance(dimension, TimeDimension):
        return text
    axis, calendar = TimeAxis(dimension.name, dimension.grain), Calendar(now)
    try:
        first, last = calendar.first(axis, text), calendar.last(axis, text)
    except (ValueError, OverflowError) as error:
        hint = f"a key of {axis.name} looks like {axis.grain.example}"
        raise UsageError(f'"{keys}" names no single partition: {error}', hint=hint) from None
    if first != last:
        what = f'"{keys}" names no single partition, but several of {axis.name}'
        raise UsageError(what, hint=f"as in {axis.text(first)}")
    return axis.text(first)


def _single(number: int) -> Interval:
    return number, number + 1
