"""The rows of one statement as the files of several partitions, told apart by the columns of their dimensions."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from dbuild.core.batching import KEYS
from dbuild.core.task import Column, TaskDimension, TaskOutput, TaskPart
from dbuild.errors import Place, RecipeError
from dbuild.recipes.composition import Step, added
from dbuild.recipes.engine import Engine
from dbuild.recipes.keys import time_value
from dbuild.recipes.readers import key_literal, key_type
from dbuild.recipes.sqltext import identifier, literal
from dbuild.recipes.tables import copy_options, write_arrow
from dbuild.recipes.views import execute

_NUMBERED, _ROWS, _SORTED = '"dbuild keys"', '"dbuild rows"', '"dbuild sorted rows"'
_NUMBER, _PLACE = "dbuild_part", "dbuild_place"  # columns beside those of the result
_TAKEN = ("rowid", _NUMBER, _PLACE)  # in a table DuckDB's own `rowid` is the place of a row
_PLAIN = ("VARCHAR", "DATE", "TIMESTAMP")  # types of keys, of which Python makes the texts that DuckDB does
_MOST_ROWS = 122_880  # that are split in one statement: a row group, so that other partitions move no border of one
_NAMED = 5  # partitions in an error
# Types that Parquet holds as texts: with ORDER_BY DuckDB 2.0 writes none of them, and its session ends with the error.
_UNSORTABLE = re.compile(r"\b(BIT|BIGNUM)\b")
# Files in one folder: making and removing one for each part would cost as much as writing a small file.
_FLAT = ", HIVE_FILE_PATTERN false, RETURN_STATS true"


def keys_select(dimensions: Sequence[TaskDimension], parts: Sequence[TaskPart], number: str = "") -> str:
    """A SELECT of the parts' keys, typed; with their numbers in a column, if it has a name."""
    names = [*(identifier(dim.name) for dim in dimensions), *([number] if number else [])]
    rows = []
    for place, part in enumerate(parts):
        values = [key_literal(dim.grain, text) for dim, text in zip(dimensions, part.key, strict=True)]
        rows.append(f"({', '.join([*values, *([str(place)] if number else [])])})")
    return f"SELECT * FROM (VALUES {', '.join(rows)}) AS given({', '.join(names)})"


class _Telling(NamedTuple):
    """What tells which part a row belongs to."""

    rows: str  # a SELECT of the result's rows with their place in it, and `columns`
    columns: tuple[str, ...]  # that are different for different parts
    numbers: dict[tuple[str | None, ...], int]  # what they hold, as texts -> the number of a part
    is_added: bool  # whether the result hasn't these columns itself

    @property
    def names(self) -> str:
        return ", ".join(map(identifier, self.columns))

    @property
    def texts(self) -> str:
        return ", ".join(f"{identifier(name)}::VARCHAR COLLATE C" for name in self.columns)  # exactly that text


class Splitting:
    """The result of one batch, on its way into files."""

    def __init__(
        self,
        dimensions: Sequence[TaskDimension],
        parts: Sequence[TaskPart],
        columns: Sequence[Column],
        place: Place,
        engine: Engine,
    ) -> None:
        """`columns` are those of the result. Raises RecipeError where one of a dimension is missing."""
        self._dimensions = dimensions
        self._parts = parts
        self._place = place
        self._engine = engine
        self._names = ", ".join(identifier(name) for name, _ in columns)
        self._kinds = {name.lower(): kind for name, kind in columns}
        self._written = {name.lower(): name for name, _ in columns}  # as the result has them
        for dim in dimensions:
            if dim.name.lower() not in self._kinds:
                raise RecipeError(
                    f'the result has no column "{dim.name}", and a batch is split into partitions by it',
                    place,
                    f"select {dim.name} too (and group by it); or remove `batch`",
                )
        for name in _TAKEN:
            if name in self._kinds:
                raise RecipeError(
                    f'the result has a column "{self._written[name]}", which hides what a batch is split by',
                    place,
                    "give it another name; or remove `batch`",
                )
        self._format = parts[0].outputs[0].format

    def write(self, query: Step) -> None:
        """Executes the query and writes the rows of each part, in their order, to its output.

        A part without rows gets a file without any. RecipeError for rows of partitions that weren't asked for.
        """
        execute([Step(f"CREATE TEMP TABLE {_ROWS} AS " + query.text, query.place, query.values)], self._engine)
        self._engine.ignore_statistics()
        by = self._by_values() if self._has_plain_keys() else self._by_numbers()
        counts = self._counted(by)
        for number, part in enumerate(self._parts):
            if number not in counts:
                self._write_none(part.outputs[0])
        if self._format == "arrow":
            for number in counts:
                self._write_arrow(number, by)
            return
        # Of more rows than it holds (524,288) COPY with PARTITION_BY would make several files of one part.
        alone = self._unsorted(counts, by) | {number for number, count in counts.items() if count > _MOST_ROWS}
        numbers = sorted(counts.keys() - alone)
        chunks = _chunks(numbers, counts)
        if not by.is_added and (alone or len(chunks) > 1):  # of values no range can be told as simply
            by = self._by_numbers()
        for first, last in chunks:
            within = [number for number in numbers if first <= number <= last]
            self._split(within, by, is_all=len(within) == len(counts), has_order=any(counts[n] > 1 for n in within))
        self._write_alone(sorted(alone), counts, by)

    def _has_plain_keys(self) -> bool:
        """Whether rows have on each dimension the key's own value, of which no other type or form says the same.

        Then no join has to tell which row is whose. Other formats than Parquet name folders by the values.
        """
        return self._format == "parquet" and all(
            self._kinds[dim.name.lower()] == key_type(dim.grain) in _PLAIN for dim in self._dimensions
        )

    def _by_values(self) -> _Telling:
        numbers: dict[tuple[str | None, ...], int] = {}
        for number, part in enumerate(self._parts):
            pairs = zip(self._dimensions, part.key, strict=True)
            numbers[tuple(text if dim.grain is None else str(time_value(dim.grain, text)) for dim, text in pairs)] = (
                number
            )
        names = tuple(self._written[dim.name.lower()] for dim in self._dimensions)
        return _Telling(f"SELECT *, rowid AS {_PLACE} FROM {_ROWS}", names, numbers, is_added=False)

    def _by_numbers(self) -> _Telling:
        keys = keys_select(self._dimensions, self._parts, _NUMBER)
        execute([self._step(f"CREATE TEMP TABLE {_NUMBERED} AS {keys}")], self._engine)
        rows = f"SELECT r.*, r.rowid AS {_PLACE}, k.{_NUMBER} FROM {_ROWS} r LEFT JOIN {_NUMBERED} k ON "
        rows += " AND ".join(f"{self._value(dim)} = k.{identifier(dim.name)}" for dim in self._dimensions)
        numbers: dict[tuple[str | None, ...], int] = {(str(number),): number for number in range(len(self._parts))}
        return _Telling(rows, (_NUMBER,), numbers, is_added=True)

    def _value(self, dim: TaskDimension) -> str:
        """A row's value on a dimension, of the type that keys have where it is text or the key is."""
        column = f"r.{identifier(dim.name)}"
        if dim.grain is None:
            return f"CAST({column} AS VARCHAR) COLLATE C"  # no other text is the key, whatever its own collation says
        is_text = self._kinds[dim.name.lower()] == "VARCHAR"
        return f"TRY_CAST({column} AS {key_type(dim.grain)})" if is_text else column

    def _counted(self, by: _Telling) -> dict[int, int]:
        """How many rows each part has; RecipeError where some belong to none."""
        counts: dict[int, int] = {}
        select = f"SELECT {by.texts}, count(*) FROM ({by.rows}) GROUP BY ALL"
        # With more groups than parts it is known already that some are of none, and there may be millions.
        for *texts, count in self._fetch(f"{select} LIMIT {len(self._parts) + 1}"):
            number = by.numbers.get(tuple(texts))
            if number is None:
                raise self._has_strays(by)
            counts[number] = count
        return counts

    def _has_strays(self, by: _Telling) -> RecipeError:
        by = by if by.is_added else self._by_numbers()
        names = ", ".join(f"{identifier(dim.name)}::VARCHAR" for dim in self._dimensions)
        select = f"SELECT DISTINCT {names} FROM ({by.rows}) WHERE {_NUMBER} IS NULL"
        found = self._fetch(f"{select} ORDER BY ALL LIMIT {_NAMED + 1}")
        shown = [",".join("NULL" if value is None else value for value in row) for row in found[:_NAMED]]
        more = ", …" if len(found) > _NAMED else ""
        return RecipeError(
            f"the result has rows of partitions that weren't asked for: {'; '.join(shown)}{more}",
            self._place,
            f"the table `{KEYS}` has those that are: join it, as in JOIN {KEYS} USING ({self._dimensions[0].name})",
        )

    def _unsorted(self, counts: dict[int, int], by: _Telling) -> set[int]:
        """The parts whose rows COPY can't give their order: it isn't that of all columns from the first to the last.

        By itself COPY with PARTITION_BY keeps no order among them, however they come; nor does it with ORDER_BY among
        rows that are equal. What is found of a part doesn't depend on others, so neither do the bytes of its file.
        """
        import duckdb

        several = {number for number, count in counts.items() if count > 1}
        kinds = " ".join(self._kinds.values())
        if not several or self._format == "json" or (self._format == "parquet" and _UNSORTABLE.search(kinds)):
            return several  # COPY of JSON sorts nothing
        row = f"row({self._names})"
        before = f"lag({row}) OVER (PARTITION BY {by.texts} ORDER BY {_PLACE})"
        compared = f"SELECT {by.names}, {row} <= {before} AS is_unsure FROM ({by.rows})"
        asked = self._step(f"SELECT DISTINCT {by.texts} FROM ({compared}) WHERE is_unsure")
        try:
            unsure = self._engine.cursor.execute(str(asked.text)).fetchall()
        except (duckdb.OutOfMemoryException, duckdb.InterruptException) as error:
            raise asked.failure(error) from None
        except duckdb.Error:  # a type without an order
            return several
        return {by.numbers[texts] for texts in unsure}

    def _write_alone(self, numbers: Sequence[int], counts: dict[int, int], by: _Telling) -> None:
        """Writes the rows of each of these parts by a statement of its own."""
        if not numbers:
            return
        select = f"SELECT {self._names} FROM ({by.rows}) WHERE {_within(numbers)} ORDER BY {_NUMBER}, {_PLACE}"
        execute([self._step(f"CREATE TEMP TABLE {_SORTED} AS {select}")], self._engine)
        first = 0
        for number in numbers:
            output, end = self._parts[number].outputs[0], first + counts[number]
            rows = f"FROM {_SORTED} WHERE rowid >= {first} AND rowid < {end}"
            execute([self._step(f"COPY ({rows}) TO {literal(output.path)} ({copy_options(output)})")], self._engine)
            first = end

    def _split(self, numbers: Sequence[int], by: _Telling, *, is_all: bool, has_order: bool) -> None:
        """Writes these parts, which have rows: one statement, one file for each. `is_all`: no others have any."""
        output = self._parts[numbers[0]].outputs[0]
        folder = f"{output.path}-parts"
        rows = f"SELECT {self._names}{f', {by.names}' if by.is_added else ''} FROM ({by.rows})"
        rows += "" if is_all else f" WHERE {_within(numbers)}"
        options = f"{copy_options(output)}, PARTITION_BY ({by.names})"
        options += "" if by.is_added else ", WRITE_PARTITION_COLUMNS true"
        options += f", ORDER_BY ({self._names})" if has_order else ""
        try:
            self._engine.hold_open(len(numbers) + 1)
            if self._format == "parquet":
                made = self._fetch_copied(f"COPY ({rows}) TO {literal(folder)} ({options}{_FLAT})", by)
            else:  # COPY doesn't tell which file is whose
                execute([self._step(f"COPY ({rows}) TO {literal(folder)} ({options})")], self._engine)
                made = list(_found(folder))
            if len(made) != len(numbers):  # a second one would take the first one's place
                raise RecipeError(f"DuckDB made {len(made)} files of {len(numbers)} partitions", self._place)
            for number, path in made:
                os.replace(path, self._parts[number].outputs[0].path)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _fetch_copied(self, copy: str, by: _Telling) -> list[tuple[int, str]]:
        """The number of each part with its file, as COPY tells them.

        Not all that it tells is fetched: making Python's dicts of each file's statistics would take as long again.
        """
        rows = self._fetch(f"WITH copied AS ({copy}) SELECT filename, partition_keys FROM copied")
        return [(by.numbers[tuple(keys[name] for name in by.columns)], path) for path, keys in rows]

    def _write_none(self, output: TaskOutput) -> None:
        """Writes an output without rows."""
        rows = f"SELECT {self._names} FROM {_ROWS} WHERE false"
        if output.format == "arrow":
            write_arrow(self._engine.cursor.sql(rows).to_arrow_reader(_MOST_ROWS), output.path)
        else:
            execute([self._step(f"COPY ({rows}) TO {literal(output.path)} ({copy_options(output)})")], self._engine)

    def _write_arrow(self, number: int, by: _Telling) -> None:
        rows = f"SELECT {self._names} FROM ({by.rows}) WHERE {_NUMBER} = {number} ORDER BY {_PLACE}"
        write_arrow(self._engine.cursor.sql(rows).to_arrow_reader(_MOST_ROWS), self._parts[number].outputs[0].path)

    def _step(self, text: str) -> Step:
        return Step(added(text), self._place)

    def _fetch(self, text: str) -> list[Any]:
        """All rows of a statement; RecipeError where it fails."""
        execute([self._step(text)], self._engine)
        return self._engine.cursor.fetchall()


def _within(numbers: Sequence[int]) -> str:
    return f"{_NUMBER} IN ({', '.join(map(str, numbers))})"


def _found(folder: str) -> Iterator[tuple[int, str]]:
    """The number of each part with its file, each of which lies in a folder of its own."""
    for name in os.listdir(folder):
        (file,) = os.listdir(os.path.join(folder, name))
        yield int(name.partition("=")[2]), os.path.join(folder, name, file)


def _chunks(numbers: Sequence[int], counts: dict[int, int]) -> list[tuple[int, int]]:
    """Runs of parts, by their numbers, that hold no more rows than are split at once, or one part."""
    found: list[tuple[int, int]] = []
    rows = 0
    for number in numbers:
        rows += counts[number]
        if not found or rows > _MOST_ROWS:
            found.append((number, number))
            rows = counts[number]
        else:
            found[-1] = (found[-1][0], number)
    return found
