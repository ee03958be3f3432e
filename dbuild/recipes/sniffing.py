"""What is in a data file, as far as its beginning tells: columns, their types, how it is to be read, some rows.

For proposals: nothing here decides how a build reads a file. Knows nothing of families or projects.
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from collections.abc import Sequence
from typing import NamedTuple

from dbuild.core.task import Column, format_of
from dbuild.errors import UserError
from dbuild.recipes import readers
from dbuild.recipes.engine import Engine
from dbuild.recipes.sqltext import file_list, literal, message, unglobbed

_SAMPLED = 20_480  # rows that types are told from
_ROWS = 400  # rows that are taken along
_NULLS = ("NA", "N/A", "n/a", "null", "NULL", "None", "nan", "NaN", "-", "\\N")
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_COMMA_NUMBER = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:\.\d{3})+)(?:,\d+)?")
_LOOKED = 65_536  # bytes that letters are told from
_DELIMITERS = {",", ";", "|", "\t"}

Options = tuple[tuple[str, str | bool | int], ...]


class Head(NamedTuple):
    """The beginning of a file."""

    columns: tuple[Column, ...]  # empty where it is no table
    read: Options  # options without which it isn't read so
    rows: tuple[tuple[object, ...], ...]
    problem: str = ""  # why it is no table


class Sniffer:
    """Looks at files below some folders, of each only at its beginning."""

    def __init__(self, folders: Sequence[str]) -> None:
        self._engine = Engine(folders)

    def close(self) -> None:
        """Ends the session."""
        self._engine.close()

    def head(self, path: str) -> Head:
        """The head of a file; never an error."""
        import duckdb

        kind = format_of(path)
        try:
            read = self._csv_options(path) if kind == "csv" else ()
            columns = self._columns(path, kind, read)
            rows = self._rows(path, kind, columns, read)
            more = _cell_options(columns, rows) if kind == "csv" else ()
            if "decimal_separator" in dict(more) and self._has_points(path, columns, read):
                more = tuple(option for option in more if option[0] == "nullstr")
            if more:
                read = (*read, *more)
                columns = self._columns(path, kind, read)
                rows = self._rows(path, kind, columns, read)
            return Head(columns, read, rows)
        except UserError as error:
            return Head((), (), (), error.what)
        except (duckdb.Error, OSError, ValueError) as error:
            return Head((), (), (), message(error))

    def _columns(self, path: str, kind: str, read: Options) -> tuple[Column, ...]:
        sample: Options = (("sample_size", _SAMPLED),) if kind in ("csv", "json") else ()
        return self._engine.infer_schema(path, kind, (*read, *sample))

    def _csv_options(self, path: str) -> Options:
        """Where a CSV isn't what its ending says: its letters, its delimiter, and whether it begins with names."""
        usual = readers.csv_options(path, ())
        read: Options = (("encoding", "latin-1"),) if _is_latin(path) else ()
        given = "".join(f", {name}={literal(str(value))}" for name, value in read)
        found = self._engine.root.execute(
            f"SELECT Delimiter, HasHeader FROM sniff_csv({literal(unglobbed(path))}, sample_size={_SAMPLED}{given})"
        ).fetchall()
        delimiter, has_header = found[0]
        if delimiter in _DELIMITERS and delimiter != usual["delim"]:
            read = (*read, ("delim", delimiter))
        return read if has_header else (*read, ("header", False))

    def _has_points(self, path: str, columns: Sequence[Column], read: Options) -> bool:
        """Whether a CSV has numbers with a decimal point too: with a comma for it they would be others (5237)."""
        places = [place for place, (_, kind) in enumerate(columns) if kind == "DOUBLE"]
        texts = self._rows(path, "csv", [(name, "VARCHAR") for name, _ in columns], read) if places else ()
        found = (str(row[place]).strip() for row in texts for place in places if row[place] is not None)
        return not all(map(_COMMA_NUMBER.fullmatch, found))

    def _rows(self, path: str, kind: str, columns: Sequence[Column], read: Options) -> tuple[tuple[object, ...], ...]:
        if kind == "csv":
            call = readers.csv_call([path], columns, readers.csv_options(path, read))
        elif kind == "json":
            call = f"read_json({file_list([path])}, hive_partitioning=false, sample_size={_SAMPLED})"
        elif kind == "parquet":
            call = readers.parquet_call([path], {})
        else:
            return _arrow_rows(path)
        return tuple(self._engine.root.execute(f"SELECT * FROM {call} LIMIT {_ROWS}").fetchall())


def _arrow_rows(path: str) -> tuple[tuple[object, ...], ...]:
    import pyarrow
    import pyarrow.ipc

    try:
        file = pyarrow.ipc.open_file(pyarrow.memory_map(path, "r"))
        if not file.num_record_batches:
            return ()
        return tuple(tuple(row.values()) for row in file.get_batch(0).slice(0, _ROWS).to_pylist())
    except pyarrow.ArrowException as error:
        raise ValueError(str(error)) from None


def _is_latin(path: str) -> bool:
    """Whether a file is a text of one byte a letter, as old exports are; compressed ones aren't looked at."""
    with open(path, "rb") as stream:
        data = stream.read(_LOOKED)
    if b"\0" in data or data.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd")):
        return False
    try:
        getincrementaldecoder("utf-8")().decode(data, final=len(data) < _LOOKED)  # else the last letter may be cut
    except UnicodeDecodeError:
        return True
    return False


def _cell_options(columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> Options:
    """What cells tell: which word stands for nothing, and whether numbers are written as in 1.234,50."""
    null = _null_text(columns, rows)
    options: Options = (("nullstr", null),) if null is not None else ()
    texts = [
        found
        for place, (_, kind) in enumerate(columns)
        if kind == "VARCHAR" and (found := {str(row[place]) for row in rows if row[place] not in (None, "")})
    ]
    numbers = [text for found in texts if all(map(_COMMA_NUMBER.fullmatch, found)) for text in found]
    if not any("," in text for text in numbers):
        return options
    options = (*options, ("decimal_separator", ","))
    return (*options, ("thousands", ".")) if any("." in text for text in numbers) else options


def _null_text(columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> str | None:
    """The word that stands for nothing in a column of numbers; None where there is none, or several."""
    found: set[str] = set()
    for place, (_, kind) in enumerate(columns):
        if kind != "VARCHAR":
            continue
        texts = {str(row[place]) for row in rows if row[place] not in (None, "")}
        rest = {text for text in texts if not _NUMBER.fullmatch(text)}
        if len(rest) == 1 and len(texts) > 1 and rest <= set(_NULLS):
            found |= rest
    return found.pop() if len(found) == 1 else None
