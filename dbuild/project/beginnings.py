"""One or two small targets to begin with, over the columns of the source that has most files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from dbuild.core.proposal import Dimension, Draft, Source

_WORDS = {"day": "daily", "hour": "hourly", "week": "weekly", "month": "monthly", "quarter": "quarterly"}
_WORDS |= {"year": "yearly"}
_NUMBERS = re.compile(r"(?:U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?|DOUBLE|FLOAT|DECIMAL\(.*\))")
_WHOLE = re.compile(r"U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?")
_NO_AMOUNT = re.compile(
    r"(?:^|_)(?:id|key|code|zip|plz|year|month|week|day|hour|minute|second|lat|lon|latitude|longitude|index|number|no|nr"
    r"|phone|version|x|y|z)$|ID$|Id$"
)
_MOST_GROUPS = 40
_AMOUNTS = 2
_SIMPLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS_OF_SQL = frozenset(
    """
    all and any array as asc at between by case cast check collate column constraint create cross default
    desc describe distinct do else end except exists false fetch for foreign from full glob grant group
    having in inner intersect into is isnull join lateral left like limit map natural not notnull null
    offset on only or order outer over partition pivot positional primary qualify references returning right
    row rows sample select semi show some struct summarize symmetric table tablesample then to trailing true
    try union unique unpivot using values when where window with
    """.split()  # noqa: SIM905 (a paragraph can be read)
)


class Beginning(NamedTuple):
    """A target to begin with."""

    name: str
    path: str
    comment: str
    recipe: str  # "sql" or "shell"
    text: str
    skips: str = ""  # the input of which what is missing is left out
    dimension: tuple[str, str, str] | None = None  # one that it needs besides: name, every, start


def beginnings_of(draft: Draft) -> list[Beginning]:
    """The targets for a draft: none where it has no sources."""
    if not draft.sources:
        return []
    main = max(draft.sources, key=lambda each: (_has_sql(each), len(each.family.paths)))
    dimensions = {each.name: each for each in draft.dimensions}
    own = [dimensions[name] for name in main.dimensions]
    taken = {*dimensions, *(source.name for source in draft.sources)}
    if not _has_sql(main):
        return [_counting(main, taken)]
    first = _summary(main, own, taken)
    if not own:
        return [first]
    return [first, _rollup(main, own, first, taken | {first.name})]


def _has_sql(source: Source) -> bool:
    return bool(source.content.columns) and source.content.is_alike


def _counting(source: Source, taken: set[str]) -> Beginning:
    """The size of each file, for what SQL can't read."""
    name = _free(f"{source.name}_size", taken)
    if source.dimensions:
        comment = "The bytes of each file: a command stands for whatever can read it."
    else:
        comment = "Its bytes: a command stands for whatever can read it."
    return Beginning(
        name,
        f"out/{name}{_folder(source.dimensions)}.txt",
        comment,
        "shell",
        f"cat {{{source.name}}} | wc -c > {{output}}",
    )


def _summary(source: Source, own: Sequence[Dimension], taken: set[str]) -> Beginning:
    """What is in each partition: rows and sums of amounts, by one column of few values."""
    columns = _Columns.of(source)
    time = next((each for each in own if each.axis.rhythm is not None), None)
    adjective = _WORDS.get(time.axis.rhythm.unit, "") if time is not None and time.axis.rhythm is not None else ""
    adjective = adjective if time is not None and time.name in _WORDS else ""
    name = _free(f"{adjective}_{source.name}" if adjective else f"{source.name}_summary", taken)
    parts = [
        *columns.groups,
        f"count(*) AS {columns.number}",
        *(f"{_sum(name, kind)} AS {quoted(name)}" for name, kind in columns.amounts),
    ]
    text = _select(parts, source.name, has_groups=bool(columns.groups))
    each = " and ".join(f"each {dimension.name}" for dimension in own) or "all of it"
    what = f"by {columns.groups[0]}, " if columns.groups else ""
    comment = f"Of {each}: {what}how many rows there are" + (", and sums." if columns.amounts else ".")
    ending = "parquet" if own else "csv"
    return Beginning(name, f"out/{name}{_folder(source.dimensions)}.{ending}", comment, "sql", text)


def _rollup(source: Source, own: Sequence[Dimension], first: Beginning, taken: set[str]) -> Beginning:
    """The same for longer periods, or for all of them in one file."""
    columns = _Columns.of(source)
    longer = _longer(own)
    shown = [each.name for each in own if each.axis.rhythm is None or longer is None]
    groups = [*(quoted(name) for name in shown), *columns.groups]
    sums = [f"sum({columns.number})::BIGINT AS {columns.number}"]
    sums += [f"{_sum(name, kind)} AS {quoted(name)}" for name, kind in columns.amounts]
    text = _select([*groups, *sums], first.name, has_groups=bool(groups))
    skips = first.name if source.has_gaps and not source.is_on_business_days else ""
    if longer is not None:
        time, unit, start = longer
        name = _free(f"{_WORDS[unit]}_{source.name}", taken)
        comment = f"A {unit} reads the {time.name}s that lie in it: nothing has to be said."
        if time.name == "period":
            comment = f"A {unit} reads the periods that lie in it: nothing has to be said."
        added = (unit, unit, start)
        return Beginning(name, f"out/{name}/{{{unit}}}.csv", comment, "sql", text, skips, added)
    name = _free(f"{source.name}_total", taken)
    return Beginning(name, f"out/{name}.csv", "All of them in one file.", "sql", text, skips)


def _longer(own: Sequence[Dimension]) -> tuple[Dimension, str, str] | None:
    """The time dimension, and a longer unit of which it has several: with the start of that."""
    time = next((each for each in own if each.axis.rhythm is not None), None)
    if time is None or time.axis.rhythm is None:
        return None
    rhythm = time.axis.rhythm
    units = {"minute": "day", "hour": "day", "day": "month", "week": "month", "month": "year", "quarter": "year"}
    unit = units.get(rhythm.unit)
    if unit is None or any(each.name == unit for each in own):
        return None
    start = {"day": f"{rhythm.first:%Y-%m-%d}", "month": f"{rhythm.first:%Y-%m}", "year": f"{rhythm.first:%Y}"}[unit]
    last = {"day": f"{rhythm.last:%Y-%m-%d}", "month": f"{rhythm.last:%Y-%m}", "year": f"{rhythm.last:%Y}"}[unit]
    return (time, unit, start) if start != last else None


class _Columns(NamedTuple):
    """The columns that a first target speaks of."""

    groups: list[str]  # at most one, as SQL writes it
    amounts: list[tuple[str, str]]  # names and types
    number: str  # the name for how many there are

    @classmethod
    def of(cls, source: Source) -> _Columns:
        content = source.content
        dimensions = set(source.dimensions)
        names = [name.lower() for name, _ in content.columns]
        groups: list[str] = []
        amounts: list[tuple[str, str]] = []
        for place, (name, kind) in enumerate(content.columns):
            if name.lower() in dimensions or names.count(name.lower()) > 1:
                continue
            if _NUMBERS.fullmatch(kind) and not _NO_AMOUNT.search(name):
                amounts.append((name, kind))
            elif kind == "VARCHAR" and not groups and _tells_groups([row[place] for row in content.rows]):
                groups.append(quoted(name))
        number = next(each for each in ("records", "row_count", "rows_in_it") if each not in names)
        return cls(groups, amounts[:_AMOUNTS], number)


def _tells_groups(values: Sequence[object]) -> bool:
    """Whether a column has few values, each several times."""
    texts = {str(value) for value in values if value is not None}
    return 1 < len(texts) <= _MOST_GROUPS and len(texts) <= 0.6 * len(values)


def _sum(name: str, kind: str) -> str:
    return f"sum({quoted(name)})::BIGINT" if _WHOLE.fullmatch(kind) else f"sum({quoted(name)})"


def _select(parts: Sequence[str], source: str, *, has_groups: bool) -> str:
    lines = ",\n".join(f"    {part}" for part in parts)
    grouping = "\nGROUP BY ALL\nORDER BY ALL" if has_groups else ""
    return f"SELECT\n{lines}\nFROM {source}{grouping}"


def quoted(name: str) -> str:
    """A column's name in SQL."""
    if _SIMPLE.fullmatch(name) and name.lower() not in _WORDS_OF_SQL:
        return name
    return '"' + name.replace('"', '""') + '"'


def _folder(dimensions: Sequence[str]) -> str:
    return "".join(f"/{{{name}}}" for name in dimensions)


def _free(name: str, taken: set[str]) -> str:
    return next(each for each in (name, *(f"{name}_{number}" for number in range(2, 1000))) if each not in taken)


def merged_dimensions(draft: Draft, beginnings: Sequence[Beginning]) -> Mapping[str, tuple[str, str]]:
    """The dimensions that targets need besides: how often, and from when on."""
    known = {each.name for each in draft.dimensions}
    needed = [each.dimension for each in beginnings if each.dimension is not None]
    return {name: (every, start) for name, every, start in needed if name not in known}
