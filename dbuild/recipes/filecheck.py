"""Whether CSV files have the columns of their dataset, from their first record alone.

DuckDB takes the columns of a CSV with a given schema by position and never looks at their names, so a file whose
columns stand in another order would be read wrongly without a word.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Generic, TypeVar

from dbuild.core.model import Scalar
from dbuild.core.task import Column
from dbuild.errors import RecipeError

Stamp = tuple[int, int, int, int]
T = TypeVar("T")


class FileMemo(Generic[T]):
    """What was learnt of files, as long as they stay as they are. It forgets all when it holds too much."""

    LIMIT = 20_000

    def __init__(self) -> None:
        self._seen: dict[object, tuple[Stamp, T]] = {}

    def get(self, path: str, given: object, learn: Callable[[], T]) -> T:
        """What `learn` gave for this state of the file and for `given`; RecipeError where the file is gone."""
        stamp = stamp_of(path)
        key = (path, given)
        found = self._seen.get(key)
        if found is None or found[0] != stamp:
            if len(self._seen) >= self.LIMIT:
                self._seen.clear()
            found = self._seen[key] = (stamp, learn())
        return found[1]


class HeaderCheck:
    """Reads the header of each CSV once for each state of the file."""

    def __init__(self) -> None:
        self._seen: FileMemo[tuple[str, ...] | None] = FileMemo()

    def order(self, path: str, schema: Sequence[Column], options: Mapping[str, Scalar]) -> tuple[Column, ...]:
        """The columns of a schema in the order in which a file has them.

        Raises RecipeError where the file has other columns, or can't be read.
        """
        header = self._header(path, options)
        if header is None:
            return tuple(schema)
        known = {name.lower(): (name, kind) for name, kind in schema}
        if options.get("header") is False:
            return _by_count(path, len(header), schema)
        lowered = [name.lower() for name in header]
        if lowered == list(known):
            return tuple(schema)
        missing = [name for name, _ in schema if name.lower() not in lowered]
        strange = [name for name in header if name.lower() not in known]
        if missing or strange:
            raise RecipeError(misfit(path, missing, strange), hint=SCHEMA_HINT)
        return tuple(known[name] for name in lowered)

    def _header(self, path: str, options: Mapping[str, Scalar]) -> tuple[str, ...] | None:
        return self._seen.get(path, tuple(options.items()), lambda: _first_record(path, options))


SCHEMA_HINT = "a dataset has one schema for all its files: declare `schema`, or mend the file"


def misfit(path: str, missing: Sequence[str], strange: Sequence[str]) -> str:
    """What is wrong with a file of other columns."""
    parts = []
    if missing:
        parts.append(f"column{'s' if len(missing) > 1 else ''} missing: {', '.join(missing)}")
    if strange:
        parts.append(f"unexpected column{'s' if len(strange) > 1 else ''}: {', '.join(strange)}")
    return f"{path} doesn't fit its dataset; {'; '.join(parts)}"


def _by_count(path: str, count: int, schema: Sequence[Column]) -> tuple[Column, ...]:
    if count != len(schema):
        raise RecipeError(f"{path} has {count} columns, its dataset has {len(schema)}", hint=SCHEMA_HINT)
    return tuple(schema)


def stamp_of(path: str) -> Stamp:
    """What tells a file's state from another: size, mtime, ctime (ns) and inode; RecipeError where it is gone."""
    try:
        found = os.stat(path)
    except OSError as error:
        raise RecipeError(f"{path} can't be read: {error.strerror}") from None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _first_record(path: str, options: Mapping[str, Scalar]) -> tuple[str, ...] | None:
    """The fields of the first record; None for a file without any."""
    try:
        with _opened(path, options) as stream:
            for _ in range(int(options.get("skip", 0))):
                stream.readline()
            record = _record(stream, options)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, LookupError) as error:
        raise RecipeError(f"{path} can't be read as CSV: {error}") from None
    return None if record is None else tuple(_named(record))


def _record(stream: IO[str], options: Mapping[str, Scalar]) -> list[str] | None:
    quote = str(options.get("quote", '"'))
    lines = _uncommented(stream, str(options.get("comment", "")))
    delimiter = str(options["delim"])
    if len(delimiter) > 1:  # which Python's reader doesn't know
        line = next((line for line in lines if line.strip()), None)
        return None if line is None else [field.strip(quote or None) for field in line.rstrip("\r\n").split(delimiter)]
    if quote:
        reader = csv.reader(lines, delimiter=delimiter, quotechar=quote)
    else:
        reader = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    return next((record for record in reader if record), None)


def _uncommented(stream: IO[str], mark: str) -> list[str] | IO[str]:
    if not mark:
        return stream
    for line in stream:
        if not line.startswith(mark):
            return io.StringIO(line + stream.read(1 << 16), newline="")
    return []


def _opened(path: str, options: Mapping[str, Scalar]) -> IO[str]:
    encoding = str(options.get("encoding", "utf-8")).lower()
    encoding = "utf-8-sig" if encoding in ("utf-8", "utf8") else encoding
    kind = str(options.get("compression", "auto")).lower()
    name = path.lower()
    if kind == "gzip" or (kind == "auto" and name.endswith(".gz")):
        return gzip.open(path, "rt", encoding=encoding, newline="")
    if kind == "zstd" or (kind == "auto" and name.endswith(".zst")):
        import pyarrow

        return io.TextIOWrapper(pyarrow.input_stream(path, compression="zstd"), encoding=encoding, newline="")
    return open(path, encoding=encoding, newline="")


def _named(record: list[str]) -> list[str]:
    """The names that DuckDB gives to a header: trimmed, numbered where empty or said before."""
    names: list[str] = []
    counts: dict[str, int] = {}
    for position, field in enumerate(record):
        name = field.strip() or f"column{position}"
        count = counts.get(name.lower(), 0)
        counts[name.lower()] = count + 1
        names.append(f"{name}_{count}" if count else name)
    return names
