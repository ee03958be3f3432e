"""What a Dataflowfile could say of families of files: names, dimensions, sources, and targets to begin with.

Families and the beginnings of files in, a draft out; how it is written, and what is on disk, is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from unicodedata import combining, normalize

from dbuild.core.families import Axis, Family
from dbuild.core.task import Column, format_of
from dbuild.core.unit import number_at

_GENERAL = frozenset(
    """
    data raw in input inputs src source sources files file export exports dump dumps download downloads part
    parts archive csv json jsonl parquet tsv arrow feather all daily hourly weekly monthly
    """.split()  # noqa: SIM905 (a paragraph can be read)
)
_RESERVED = frozenset(
    """
    all and any array as asc at by case cast check column create default desc distinct do else end except
    false fetch for foreign from grant group having in inputs intersect into is join key lateral limit
    missing natural not null offset on only or order output params partition primary provisional qualify
    references row rows select some symmetric table then to trailing true union unique user using values
    view when where window with max_age min gone impact
    """.split()  # noqa: SIM905 (a paragraph can be read)
)
_APART = re.compile(r"[^a-z0-9]+")
_NEAR = 0.1  # the share of periods by which ranges may differ that have one dimension


class Content(NamedTuple):
    """What files of a family have in common, as far as was looked."""

    columns: tuple[Column, ...] = ()  # with types that fit all that was looked at; () for what is no table
    read: tuple[tuple[str, str | bool | int], ...] = ()
    rows: tuple[tuple[object, ...], ...] = ()
    looked: int = 0  # files that were looked at
    is_alike: bool = True  # whether all of them have these columns
    is_widened: bool = False  # whether types differ between them
    problem: str = ""


class Dimension(NamedTuple):
    """A dimension of the draft."""

    name: str
    axis: Axis
    source: str  # whose paths tell its keys, where they aren't listed
    has_end: bool = False  # whether it goes beyond the present, so that its end has to be said
    is_guessed: bool = False  # whether nothing told its name


class Source(NamedTuple):
    """A source of the draft."""

    name: str
    path: str
    dimensions: tuple[str, ...]
    family: Family
    content: Content
    has_gaps: bool
    is_on_business_days: bool


class Draft(NamedTuple):
    """What is proposed."""

    dimensions: tuple[Dimension, ...]
    sources: tuple[Source, ...]

    @property
    def guessed(self) -> list[Dimension]:
        """The dimensions for which a better name could be known."""
        return [each for each in self.dimensions if each.is_guessed]


def identifier_of(text: str) -> str:
    """A word as a name of the Dataflowfile, letters without their accents; "" where nothing of it can stand in one."""
    plain = "".join(each for each in normalize("NFKD", text.casefold()) if not combining(each))
    name = _APART.sub("_", plain).strip("_")[:40].strip("_")
    return f"d{name}" if name[:1].isdigit() else name


def draft_of(
    families: Sequence[Family],
    contents: Mapping[str, Content],
    folder: str,
    tomorrow: datetime,
    names: Mapping[str, str] | None = None,
) -> Draft:
    """The draft for families, with their contents by first path, in a folder of that name.

    `names` are better names for dimensions by those that they would have.
    """
    taken: set[str] = set()
    order = sorted(range(len(families)), key=lambda number: (-len(families[number].paths), number))
    titles = dict.fromkeys(range(len(families)), "")
    for number in order:
        titles[number] = _title(families[number], folder, taken)
    dimensions: dict[str, Dimension] = {}
    sources: dict[int, Source] = {}
    for number in order:
        family = families[number]
        content = contents.get(family.paths[0], Content())
        found = [_dimension(axis, family, content, titles[number], dimensions, taken, names) for axis in family.axes]
        sources[number] = _source(family, content, titles[number], found)
    ends = [_ended(dimension, tomorrow) for dimension in dimensions.values()]
    return Draft(tuple(ends), tuple(sources[number] for number in sorted(sources)))


def _title(family: Family, folder: str, taken: set[str]) -> str:
    """The name of a source: the words of its files' names, else of the nearest folder."""
    words = [identifier_of(word) for word in (*family.words, folder)]
    fit = [word for word in words if word and not set(word.split("_")) <= _GENERAL]
    name = (fit or [word for word in words if word] or ["data"])[0]
    return _unused(name, taken, others=[f"{word}_{name}" for word in words if word != name and word not in _GENERAL])


def _unused(name: str, taken: set[str], others: Iterable[str] = ()) -> str:
    """A name that nothing has yet, and no language keeps for itself."""
    choices = [name] if name not in _RESERVED else [f"{name}_data"]
    free = next((each for each in (*choices, *others) if each and each not in taken), None)
    number = 2
    while free is None:
        free = f"{choices[0]}_{number}" if f"{choices[0]}_{number}" not in taken else None
        number += 1
    taken.add(free)
    return free


def _dimension(
    axis: Axis,
    family: Family,
    content: Content,
    source: str,
    known: dict[str, Dimension],
    taken: set[str],
    names: Mapping[str, str] | None,
) -> Dimension:
    """The dimension of an axis: one that is there, where it is the same, else a new one, which `known` gets."""
    wanted = identifier_of(axis.hint) or identifier_of(_column_with(axis, content))
    for each in known.values():
        shared = _shared(each.axis, axis)
        if shared is not None and (axis.rhythm is not None or not wanted or wanted == each.name or each.is_guessed):
            known[each.name] = each._replace(axis=shared)
            return known[each.name]
    proposed = wanted or "kind"
    name = _unused((names or {}).get(proposed, proposed), taken, [f"{source}_{proposed}"])
    made = Dimension(name, axis, source, is_guessed=not wanted)
    known[name] = made
    return made


def _column_with(axis: Axis, content: Content) -> str:
    """The column in which all rows of a file have its value of an axis; "" where none is so."""
    for place, (name, kind) in enumerate(content.columns):
        values = {str(row[place]) for row in content.rows}
        if kind == "VARCHAR" and len(values) == 1 and values <= set(axis.values) and len(content.rows) > 1:
            return name
    return ""


def _shared(one: Axis, other: Axis) -> Axis | None:
    """The axis that two are; None where they aren't one."""
    if one.rhythm is None or other.rhythm is None:
        return one if one.rhythm is other.rhythm and one.values == other.values else None
    first, second = one.rhythm, other.rhythm
    if (first.unit, first.step) != (second.unit, second.step):
        return None
    starts = [number_at(each.unit, each.first) for each in (first, second)]
    apart = abs(starts[0] - starts[1])
    if apart % first.step or apart > max(2, _NEAR * min(first.expected, second.expected)) * first.step:
        return None
    return one._replace(rhythm=first._replace(first=min(first.first, second.first), last=max(first.last, second.last)))


def _ended(dimension: Dimension, tomorrow: datetime) -> Dimension:
    rhythm = dimension.axis.rhythm
    return dimension._replace(has_end=rhythm is not None and rhythm.last > tomorrow)


def _source(family: Family, content: Content, name: str, dimensions: Sequence[Dimension]) -> Source:
    expected = 1
    for dimension in dimensions:
        rhythm = dimension.axis.rhythm
        expected *= len(dimension.axis.values) if rhythm is None else max(rhythm.expected, rhythm.present)
    rhythms = [axis.rhythm for axis in family.axes if axis.rhythm is not None]
    is_working = any(rhythm.is_on_business_days for rhythm in rhythms)
    names = [dimension.name for dimension in dimensions]
    has_gaps = family.present < expected or any(not rhythm.expected for rhythm in rhythms)
    return Source(name, family.pattern(names), tuple(names), family, content, has_gaps, is_working)


# -- what files have in common -----------------------------------------------------------------------------------------


def common_content(
    heads: Sequence[
        tuple[tuple[Column, ...], tuple[tuple[str, str | bool | int], ...], tuple[tuple[object, ...], ...], str]
    ],
) -> Content:
    """What the heads of a family's files have in common: (columns, read, rows, problem) of each."""
    first = heads[0]
    bad = next((head for head in heads if not head[0]), None)
    if bad is not None:
        return Content(looked=len(heads), is_alike=len(heads) == 1, problem=bad[3] or "it has no columns")
    names = [name for name, _ in first[0]]
    read = tuple(dict.fromkeys(option for head in heads for option in head[1]))
    is_alike = all([name for name, _ in head[0]] == names for head in heads)
    is_alike = is_alike and len({name for name, _ in read}) == len(read)
    if not is_alike:
        return Content(first[0], first[1], first[2], len(heads), is_alike=False)
    columns = tuple((name, _widest({head[0][place][1] for head in heads})) for place, name in enumerate(names))
    rows = tuple(row for head in heads for row in head[2])
    is_widened = any(head[0] != columns for head in heads)
    return Content(columns, read, rows, len(heads), True, is_widened)


def _widest(kinds: set[str]) -> str:
    """The type that takes the values of all of these."""
    if len(kinds) == 1:
        return next(iter(kinds))
    return "DOUBLE" if kinds <= {"BIGINT", "INTEGER", "HUGEINT", "DOUBLE", "FLOAT"} else "VARCHAR"


def is_table(path: str) -> bool:
    """Whether SQL can read files of this name."""
    return format_of(path) in ("csv", "json", "parquet", "arrow")
