"""Rows to keys by their own values: what a file's rows are worth for each key, and the condition that gives a key's.

Both come from one reading of a value, so that a row is counted for the very key with which it is read. Knows nothing of
graph or state.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dbuild.core.grain import Grain
from dbuild.core.routes import Periods, Route, Share, Way, is_local, joined_route, period
from dbuild.core.task import Column, TaskInput
from dbuild.errors import RecipeError
from dbuild.recipes.engine import Engine, columns_of
from dbuild.recipes.failures import failure
from dbuild.recipes.sqltext import identifier, literal
from dbuild.values import dataclass, field

if TYPE_CHECKING:
    import pyarrow
    import xxhash

_BATCH = 1_000_000  # rows that are sorted at once
_ROWS = "rows of the input"
_ZONED = "TIMESTAMP WITH TIME ZONE"
_MOMENTS = ("DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
# Types of which DuckDB's hash tells all values apart that a recipe could.
_PLAIN = frozenset({"BOOLEAN", *_INTEGERS, *_MOMENTS, _ZONED, "TIME", "VARCHAR", "BLOB"})
_FLOATS = ("FLOAT", "DOUBLE")
_TEXTS = ("VARCHAR", '"NULL"')
_HAS_OFFSET = ":[0-9]{2}.*(Z|[+-][0-9]{2}(:?[0-9]{2})?)$"
_LENGTHS = (("day", 86_400_000_000), ("hour", 3_600_000_000), ("minute", 60_000_000), ("second", 1_000_000))
_QUARTERS = "CASE right({0}, 1) WHEN '1' THEN '01' WHEN '2' THEN '04' WHEN '3' THEN '07' WHEN '4' THEN '10' END"
_KEY_TEXTS = {  # of units whose keys are no dates or timestamps to DuckDB
    "hour": "TRY_CAST({0} || ':00' AS TIMESTAMP)",
    "week": "TRY_STRPTIME({0} || '-1', '%G-W%V-%u')",
    "month": "TRY_CAST({0} || '-01' AS TIMESTAMP)",
    "quarter": f"TRY_CAST(CASE WHEN {{0}} LIKE '____-Q_' THEN left({{0}}, 5) || {_QUARTERS} || '-01' END AS TIMESTAMP)",
    "year": "TRY_CAST(CASE WHEN length({0}) = 4 THEN {0} || '-01-01' END AS TIMESTAMP)",
}


# -- values ------------------------------------------------------------------------------------------------------------


def _value(way: Way, kind: str) -> str:
    """SQL of a row's value: a text, or a moment, which is NULL where there is none.

    Moments are TIMESTAMPs of a clock in the dimension's zone where `is_local`, else of UTC. RecipeError for a type that
    no moment can be made of.
    """
    text = f"(\n{way.expression}\n)"
    if way.grain is None:
        return f"CAST({text} AS VARCHAR)"
    moment = _moment(text, kind, way.grain)
    if moment is None:
        raise RecipeError(
            f'"{way.expression}" gives {kind}, and {way.dimension} is found from dates and timestamps',
            hint="cast it: CAST(… AS DATE), to_timestamp(…), strptime(…)",
        )
    return f"CASE WHEN isfinite({moment}) THEN {moment} END"


def _moment(text: str, kind: str, grain: Grain) -> str | None:
    if kind == _ZONED:
        return f"timezone('UTC', {text})"
    if kind in _TEXTS or kind.startswith("ENUM("):
        return _moment_of_text(f"CAST({text} AS VARCHAR)", grain)
    if kind not in _MOMENTS:
        return None
    # A cast of nanoseconds would round them up, into the next day.
    moment = (
        f"make_timestamp({_whole(f'epoch_ns({text})')})" if kind == "TIMESTAMP_NS" else f"CAST({text} AS TIMESTAMP)"
    )
    return moment if is_local(grain, kind) else _utc(moment, grain)


def _whole(nanoseconds: str) -> str:
    return f"({nanoseconds} - ({nanoseconds} % 1000 + 1000) % 1000) // 1000"


def _utc(moment: str, grain: Grain) -> str:
    if grain.timezone == "UTC":
        return moment
    return f"timezone('UTC', timezone({literal(grain.timezone)}, {moment}))"


def _moment_of_text(text: str, grain: Grain) -> str:
    """A date, a timestamp with or without an offset, or a key of the grain."""
    plain = f"TRY_CAST({text} AS TIMESTAMP)"
    known = _KEY_TEXTS.get(grain.unit)
    local = _utc(f"coalesce({plain}, {known.format(text)})" if known else plain, grain)
    instant = f"timezone('UTC', TRY_CAST({text} AS TIMESTAMPTZ))"  # as a TIMESTAMP its offset would be passed over
    return f"CASE WHEN regexp_matches({text}, {literal(_HAS_OFFSET)}) THEN {instant} ELSE {local} END"


def condition(ways: Sequence[Way], kinds: Sequence[str], fields: Sequence[str]) -> str:
    """The condition that holds for the rows of one key (a field for each way) and for no others."""
    found = []
    for way, kind, text in zip(ways, kinds, fields, strict=True):
        if way.grain is None:
            found.append(f"{_value(way, kind)} = {literal(text)}")
            continue
        value, form = _compared(way, way.grain, kind)
        low, high = period(way.grain, int(text), by_clock=is_local(way.grain, kind))
        found.append(f"{value} >= {form(low)}")
        found.append(f"{value} < {form(high)}" if high is not None else f"{value} <= {form(datetime.max)}")
    return " AND ".join(found)


def _compared(way: Way, grain: Grain, kind: str) -> tuple[str, Callable[[datetime], str]]:
    """What is compared with a period's ends, and how they are written: columns as they are where that is the same.

    A reader skips what it needn't read only where a column stands alone.
    """
    text = f"(\n{way.expression}\n)"
    by_clock = is_local(grain, kind) or grain.timezone == "UTC"
    if kind == "DATE" and grain.is_dated and by_clock:
        return text, lambda moment: f"DATE '{moment.date().isoformat()}'"
    if kind == "TIMESTAMP" and by_clock:
        return text, _timestamp
    if kind == _ZONED:
        return text, lambda moment: f"TIMESTAMPTZ '{moment.isoformat(sep=' ')}+00:00'"
    return _value(way, kind), _timestamp


def _timestamp(moment: datetime) -> str:
    return f"TIMESTAMP '{moment.isoformat(sep=' ')}'"


# -- routes ------------------------------------------------------------------------------------------------------------


def route(engine: Engine, given: TaskInput, ways: Sequence[Way]) -> Route:
    """Where the rows of an input go, in one pass over its files. The session's time zone is the reader's to set.

    Raises RecipeError for a file that can't be read, and for an expression that doesn't fit its columns.
    """
    import duckdb

    own = _columns(engine, given)
    try:
        source = engine.select(given)
        listed = ", ".join(f"(\n{way.expression}\n)" for way in ways)
        kinds = tuple(kind for _, kind in columns_of(engine.cursor.sql(f"SELECT {listed} FROM ({source})")))
        values = [
            f"{_value(way, kind)} AS {identifier(f'{_ROWS} {number}')}"
            for number, (way, kind) in enumerate(zip(ways, kinds, strict=True))
        ]
        text = f"SELECT {row_hash(own)} AS {identifier(_ROWS)}, {', '.join(values)} FROM ({source})"
        reader = engine.cursor.sql(text).to_arrow_reader(_BATCH)
        sorter = _Sorter(ways, kinds, own)
        for batch in reader:
            sorter.take(batch)
    except (duckdb.Error, OSError) as error:
        raise failure(error, lead=f'the rows of "{given.name}" can\'t be told apart: ') from None
    return sorter.route()


def _columns(engine: Engine, given: TaskInput) -> tuple[Column, ...]:
    """The columns of the files themselves, without the dimensions."""
    import duckdb

    try:
        return columns_of(engine.cursor.sql(engine.select(given, frozenset())))
    except duckdb.Error as error:
        raise failure(error, lead=f'the input "{given.name}" can\'t be read: ') from None


def row_hash(columns: Sequence[Column]) -> str:
    """SQL of a row's hash that differs where any column does; their names and types are not in it.

    DuckDB's hash takes 0.0 for -0.0, a month for 30 days, and some 128-bit numbers for each other: such types are
    hashed as texts, which also tell the NULLs in nested ones from the text 'NULL'.
    """
    parts = []
    for name, kind in columns:
        column = identifier(name)
        if kind in _PLAIN or _is_small_decimal(kind):
            parts.append(column)
        elif kind in _FLOATS:
            parts += (column, f"signbit({column})")
        else:
            parts.append(f"CAST({column} AS VARCHAR)")
    return f"hash({', '.join(parts)})"


def _is_small_decimal(kind: str) -> bool:
    width = kind.removeprefix("DECIMAL(").partition(",")[0]
    return kind.startswith("DECIMAL(") and int(width) <= 18


@dataclass(slots=True)
class _Keys:
    """The rows of one key so far."""

    hasher: xxhash.xxh3_128
    rows: int = 0


@dataclass(slots=True)
class _Sorter:
    """Takes the rows' hashes and values batch by batch; a key's rows stay in their order."""

    ways: Sequence[Way]
    kinds: Sequence[str]
    columns: Sequence[Column]
    _found: dict[str, _Keys] = field(default_factory=dict)
    _keyless: list[int] = field(default_factory=list)
    _periods: list[Periods | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._keyless = [0] * len(self.ways)
        for way, kind in zip(self.ways, self.kinds, strict=True):
            self._periods.append(Periods(way.grain, is_local(way.grain, kind)) if way.grain else None)

    def take(self, batch: pyarrow.RecordBatch) -> None:
        import pyarrow
        import pyarrow.compute as pc

        codes: Any = None
        names: list[str] = [""]
        rows: Any = pyarrow.chunked_array([batch.column(0)]).combine_chunks()
        columns = [pyarrow.chunked_array([column]).combine_chunks() for column in batch.columns[1:]]
        for place, periods in enumerate(self._periods):
            values = columns[place]
            own, texts = _coded(values) if periods is None else _numbered(values, periods)
            is_there = pc.is_valid(own)
            if own.null_count:
                self._keyless[place] += own.null_count
                rows, own = rows.filter(is_there), own.filter(is_there)
                columns = [column.filter(is_there) for column in columns]
                codes = codes.filter(is_there) if codes is not None else None
            codes = own if codes is None else pc.add(pc.multiply(codes, _numbers([len(texts)])[0]), own)
            names, codes = _paired(names, texts, codes, place == 0)
        self._add(rows, codes, names)

    def _add(self, rows: Any, codes: Any, names: Sequence[str]) -> None:
        import pyarrow.compute as pc
        import xxhash

        if not len(rows):
            return
        order = pc.sort_indices(codes)  # a stable sort
        rows, runs = rows.take(order), pc.run_end_encode(codes.take(order))
        data = memoryview(rows.buffers()[1])[rows.offset * 8 :]
        first = 0
        for end, code in zip(runs.run_ends.to_pylist(), runs.values.to_pylist(), strict=True):
            keys = self._found.get(names[code])
            if keys is None:
                keys = self._found[names[code]] = _Keys(xxhash.xxh3_128(json.dumps(list(self.columns)).encode()))
            keys.hasher.update(data[first * 8 : end * 8])
            keys.rows += end - first
            first = end

    def route(self) -> Route:
        shares = {key: Share(keys.rows, keys.hasher.digest()) for key, keys in self._found.items()}
        return Route(tuple(self.columns), tuple(self.kinds), tuple(self._keyless), shares)


def _paired(names: list[str], texts: list[str], codes: Any, is_first: bool) -> tuple[list[str], Any]:
    """The keys of combined codes, those that occur only; and the codes by their places among these."""
    if is_first:
        return texts, codes
    encoded = codes.dictionary_encode()
    found = []
    for code in encoded.dictionary.to_pylist():
        head, tail = divmod(code, len(texts))
        found.append(joined_route((names[head], texts[tail])))
    return found, encoded.indices


def _coded(values: Any) -> tuple[Any, list[str]]:
    """A code for each text, null where it can be no key; and the texts by code."""
    encoded = values.dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    codes = [number if not any(char < " " for char in text) else None for number, text in enumerate(texts)]
    return _numbers(codes).take(encoded.indices), texts


def _numbered(values: Any, periods: Periods) -> tuple[Any, list[str]]:
    """A code for each period that moments lie in, null where there is none; and the periods' numbers by code."""
    import pyarrow
    import pyarrow.compute as pc

    for unit, length in _LENGTHS:
        encoded = pc.floor_temporal(values, unit=unit).dictionary_encode()
        moments = encoded.dictionary.cast(pyarrow.int64()).to_pylist()
        try:
            numbers = [periods.number(moment, length) for moment in moments]
        except ValueError:
            continue
        known = {number: code for code, number in enumerate(dict.fromkeys(n for n in numbers if n is not None))}
        codes = [known.get(number) if number is not None else None for number in numbers]
        return _numbers(codes).take(encoded.indices), [str(number) for number in known]
    raise RuntimeError("a period that is shorter than a second")


def _numbers(numbers: Sequence[int | None]) -> Any:
    """An Arrow array of numbers, or null. Given a list, or even one number, pyarrow itself would import pandas."""
    import pyarrow

    valid = bytearray(-(-len(numbers) // 8))
    for place, number in enumerate(numbers):
        if number is not None:
            valid[place // 8] |= 1 << place % 8
    data = array("q", [number or 0 for number in numbers])
    buffers = [pyarrow.py_buffer(bytes(valid)), pyarrow.py_buffer(data)]
    return pyarrow.Array.from_buffers(pyarrow.int64(), len(numbers), buffers)
