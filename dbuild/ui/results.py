"""What a question gives, as a table for people, or as CSV, JSON or Parquet. Batches are written as they come."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from itertools import islice
from textwrap import wrap
from typing import TYPE_CHECKING, Any, BinaryIO

from dbuild.core.catalogue import MOMENT, View
from dbuild.core.catalogue import Column as ViewColumn
from dbuild.ui.stream import paint
from dbuild.ui.tables import Column, headed, table
from dbuild.ui.text import clean, counted
from dbuild.ui.widths import cut, filled, width_of

if TYPE_CHECKING:
    import pyarrow

Columns = Sequence[tuple[str, str]]  # name and DuckDB's type
Batches = Iterable["pyarrow.RecordBatch"]

_MOST = 1000  # rows of a table
_WIDEST = 200  # characters of a cell
_LEAST = 10
_NULL = "NULL"
_BRIEF = {MOMENT: "TIMESTAMPTZ"}  # DuckDB has a shorter name too
_KIND = 11  # characters of the longest type


def table_of(columns: Columns, batches: Batches, width: int | None) -> tuple[list[str], int]:
    """Lines of a table with the first thousand rows, and how many rows there are in all."""
    rows = _rows(batches)
    shown = [[cut(clean(_short(value)), _WIDEST) for value in row] for row in islice(rows, _MOST)]
    count = len(shown) + sum(1 for _ in rows)
    names = [clean(name) for name, _ in columns]
    if width is not None and not _has_room(names, shown, width):
        return _blocks(names, shown, width), count
    heads = [Column(name, is_right=_is_number(kind)) for name, (_, kind) in zip(names, columns, strict=True)]
    return headed(table(heads, shown, width)), count


def _has_room(names: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> bool:
    """Whether a table can be as wide as it has to be to say anything in each column."""
    least = (min(_LEAST, max(map(width_of, cells))) for cells in zip(names, *rows, strict=True))
    return sum(least) + 2 * (len(names) - 1) <= width


def _blocks(names: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Each row as a block of lines, a line for each column."""
    room = max(map(width_of, names))
    lines: list[str] = []
    for row in rows:
        lines += [""] if lines else []
        lines += [
            f"{paint(filled(name, room), '', sys.stdout, bold=True)}  {cut(text, max(1, width - room - 2))}"
            for name, text in zip(names, row, strict=True)
        ]
    return lines


def count_text(count: int) -> str:
    """How many rows there are, and of how many a table shows only the first."""
    more = f"; the first {_MOST:,} are shown, --csv and -o FILE give all" if count > _MOST else ""
    return f"({counted(count, 'row')}{more})"


def csv_pieces(columns: Columns, batches: Batches) -> Iterator[str]:
    """CSV with a head, NULL as nothing; a piece for each batch, lines with their ends."""
    yield _csv([[name for name, _ in columns]])
    for batch in batches:
        yield _csv([text_of(value, is_null="") for value in row] for row in _rows([batch]))


def _csv(rows: Iterable[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def view_lines(views: Iterable[View], width: int | None) -> list[str]:
    """The views with their columns, what they mean folded where it is long."""
    lines: list[str] = []
    for view in views:
        title, *more = _folded(f"{view.name}: {view.meaning}", width)
        name, rest = title.split(":", 1)
        lines += ["", f"{paint(name, '', sys.stdout, bold=True)}:{rest}", *more]
        size = max(len(column.name) for column in view.columns)
        for column in view.columns:
            head = f"  {column.name:{size}}  {_BRIEF.get(column.type, column.type):{_KIND}}  "
            first, *others = _folded(column.meaning, width and max(20, width - len(head)))
            lines += [head + first, *(" " * len(head) + other for other in others)]
    return lines[1:]


def _folded(text: str, width: int | None) -> list[str]:
    return wrap(text, width) if width else [text]


def views_record(views: Iterable[View]) -> dict[str, object]:
    """The views with their columns."""
    return {
        "views": [
            {"name": view.name, "meaning": view.meaning, "columns": [_described(each) for each in view.columns]}
            for view in views
        ]
    }


def _described(column: ViewColumn) -> dict[str, str]:
    return {"name": column.name, "type": column.type, "meaning": column.meaning}


def json_pieces(columns: Columns, batches: Batches) -> Iterator[str]:
    """An object a line, its fields named as the columns; a second column of a name gets a number."""
    names = unlike([name for name, _ in columns])
    for batch in batches:
        lines = (json.dumps(dict(zip(names, map(plain, row), strict=True))) for row in _rows([batch]))
        yield "".join(f"{line}\n" for line in lines)


def write_parquet(columns: Columns, batches: pyarrow.RecordBatchReader, out: BinaryIO) -> None:
    """Writes a Parquet file."""
    import pyarrow
    from pyarrow import parquet

    names = unlike([name for name, _ in columns])
    named = pyarrow.schema([field.with_name(name) for name, field in zip(names, batches.schema, strict=True)])
    with parquet.ParquetWriter(out, named) as writer:
        for batch in batches:
            writer.write_batch(batch.rename_columns(names))


def unlike(names: Sequence[str]) -> list[str]:
    """The names, those that were there before with a number."""
    found: list[str] = []
    for name in names:
        free = name
        number = 1
        while free in found:
            free = f"{name}_{number}"
            number += 1
        found.append(free)
    return found


def _rows(batches: Batches) -> Iterator[tuple[Any, ...]]:
    for batch in batches:
        columns = [column.to_pylist() for column in batch.columns]
        yield from zip(*columns, strict=True)


def _is_number(kind: str) -> bool:
    return kind.startswith(("TINY", "SMALL", "BIG", "HUGE", "INT", "UTINY", "USMALL", "UBIG", "UHUGE", "UINT")) or (
        kind.startswith(("DECIMAL", "DOUBLE", "FLOAT")) and not kind.endswith("]")
    )


def _short(value: Any) -> str:
    """A value for people: what a float has of digits is rarely meant, nor where on earth the clock stands."""
    match value:
        case float() if math.isfinite(value):
            return f"{value:.1f}" if abs(value) >= 1e4 else f"{value:.4g}"
        case datetime():
            return _local(value).isoformat(sep=" ", timespec="seconds")[:19]
        case _:
            return text_of(value, is_null=_NULL)


def text_of(value: Any, *, is_null: str) -> str:
    """A value as text; moments by the clocks here."""
    match value:
        case None:
            return is_null
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.15g}"
        case datetime():
            return _moment(value)
        case bytes():
            return value.hex()
        case list() | dict() | tuple():
            return json.dumps(plain(value), ensure_ascii=False)
        case _:
            return str(value)


def plain(value: Any) -> Any:
    """A value as JSON has it; what JSON has no numbers for is null."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Decimal():
            return int(value) if value == value.to_integral_value() and value.as_tuple().exponent == 0 else float(value)
        case datetime():
            return _moment(value)
        case date() | time():
            return value.isoformat()
        case bytes():
            return value.hex()
        case dict():
            return {str(name): plain(each) for name, each in value.items()}
        case list() | tuple():
            return [plain(each) for each in value]
        case _:
            return str(value)


def _moment(value: datetime) -> str:
    return _local(value).isoformat(sep=" ", timespec="milliseconds" if value.microsecond else "seconds")


def _local(value: datetime) -> datetime:
    return value.astimezone() if value.tzinfo is not None else value
