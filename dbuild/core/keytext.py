"""How choices of partitions are written, `2013-01..2013-03,origin=JFK+LGA@2013-06`; text alone, whatever there is.

Choices are joined by `@` and united. A choice has parts joined by `,`, one for a dimension: by its place in the path,
or by name. A part has values joined by `+`, each a key or a range FIRST..LAST, whose ends may be left open. A part may
also be a word on how partitions stand. In keys, what would be read as one of these signs is written as in a URL
(`%2C`), so that every key can be written and read back. None of the signs means anything to a shell, nor can `/` be in
a key. (`+` also stands before the offset of a time that a clock shows twice: 2013-10-27T02+0200.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from dbuild.core.partitions import Axis, Body, Interval

STANDINGS = ("fresh", "stale", "undecided", "missing", "waiting", "failed", "frozen")
ALL, NONE = "all", "none"
_RESERVED = frozenset((*STANDINGS, ALL, NONE))
_SIGNS = re.compile(r"[%,=@+]|\.(?=\.)|(?<=\.)\.|^\.|\.$")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_NAME = re.compile(r"([A-Za-z_]\w*)=(.*)", re.ASCII | re.DOTALL)
# A plus between times, but for one before an offset: years up to 1459 have to be written as ranges, say.
_PLUS = re.compile(r"\+(?<!T\d\d\+)(?<!T\d\d:\d\d\+)|\+(?!(?:0\d|1[0-4])[0-5]\d(?:\.\.|\+|$))", re.ASCII)

_WITH_OFFSET = re.compile(r"\d{4}-\d\d-\d\dT\d\d(?::\d\d)?\+\d{4}", re.ASCII)


class Part(NamedTuple):
    """What a choice says of one dimension, or a word."""

    name: str  # of the dimension; "" where its place tells
    text: str  # values as they are written

    @property
    def is_word(self) -> bool:
        return not self.name and self.text in _RESERVED


class Span(NamedTuple):
    """A key, or a range of keys of which either end may be open ("")."""

    first: str
    last: str
    is_range: bool


def written_key(value: str) -> str:
    """A value as it is written in a choice."""
    text = _SIGNS.sub(_escaped, value)
    return f"%{ord(text[0]):02X}{text[1:]}" if text in _RESERVED else text


def typed_key(value: str) -> str:
    """The same where the axis isn't known: times keep the plus before their offset, as they are written in sets."""
    return value if _WITH_OFFSET.fullmatch(value) else written_key(value)


def _escaped(found: re.Match[str]) -> str:
    return f"%{ord(found.group()):02X}"


def plain_key(text: str) -> str:
    """The value that is written so."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text) if "%" in text else text


def choices_of(text: str) -> list[list[Part]]:
    """The choices that a text unites, taken apart."""
    return [[_part(part) for part in choice.split(",")] for choice in text.split("@")]


def _part(text: str) -> Part:
    found = _NAME.fullmatch(text)
    return Part(found[1], found[2]) if found else Part("", text)


def spans_of(text: str, *, is_time: bool) -> list[Span]:
    """The keys and ranges of a part. Raises ValueError for what is neither."""
    return [_span(one) for one in (_PLUS.split(text) if is_time else text.split("+"))]


def _span(text: str) -> Span:
    first, dots, last = text.partition("..")
    if not text or ".." in last:
        raise ValueError(f'"{text}" is no key and no range' if text else "a key is empty")
    return Span(plain_key(first), plain_key(last if dots else first), bool(dots))


# -- writing -----------------------------------------------------------------------------------------------------------


def written_set(axes: Sequence[Axis], body: Body) -> str:
    """A set in the shortest form that says every dimension; `none` where it is empty."""
    if not axes or not body:
        return ALL if body else NONE
    return "@".join(
        ",".join(written_side(axis, side) for axis, side in zip(axes, product, strict=True))
        for product in _products(body, len(axes))
    )


def shortened_set(axes: Sequence[Axis], body: Body, width: int, runs: int) -> str:
    """A set as it is written, for a line of text: `…` stands for what has no place, or lies beyond so many runs.

    The cost doesn't grow with the set.
    """
    shown = _first_runs(body, len(axes), runs)
    text = written_set(axes, shown)
    if len(text) > width:
        return text[: max(0, width - 1)] + "…"
    return text if shown == body else f"{text} …"


def _first_runs(body: Body, depth: int, runs: int) -> Body:
    if depth <= 1:
        return body[:runs]
    return tuple((low, high, _first_runs(rest, depth - 1, runs)) for low, high, rest in body[:runs])


def written_side(axis: Axis, side: Sequence[Interval]) -> str:
    """Intervals of one axis as a part."""
    return "+".join(
        axis.written(low) if high - low == 1 else f"{axis.written(low)}..{axis.written(high - 1)}" for low, high in side
    )


def _products(body: Body, depth: int) -> Iterator[tuple[list[Interval], ...]]:
    """The set as disjoint products of intervals: runs with equal rests are one."""
    if depth == 0:
        yield ()
        return
    sides: dict[Body, list[Interval]] = {}
    for low, high, rest in body:
        sides.setdefault(rest, []).append((low, high))
    for rest, side in sides.items():
        for product in _products(rest, depth - 1):
            yield (side, *product)
