"""The rows of one statement as the files of several partitions, told apart by the columns of their dimensions."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from dbuild.core.batching import KEYS
from dbuild.core.task import Column, TaskDimension, TaskOutput, TaskPart
from dbuild.errors import Place, RecipeError
from dbuild.recipes.composition import Step, added
from dbuild.recipes.engine import Engine
from dbuild.recipes.readers import key_literal, key_type
from dbuild.recipes.sqltext import identifier, literal
from dbuild.recipes.tables import copy_options, write_arrow
from dbuild.recipes.views import execute

_NUMBERED, _ROWS, _SORTED = '"dbuild keys"', '"dbuild rows"', '"dbuild sorted rows"'
_NUMBER, _PLACE = "dbuild_part", "dbuild_place"  # columns beside those of the result
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
        for dim in dimensions:
            if dim.name.lower() not in self._kinds:
                raise RecipeError(
                    f'the result has no column "{dim.name}", and a batch is split into partitions by it',
                    place,
                    f"select {dim.name} too (and group by it); or remove `batch`",
                )

    def write(self, query: Step) -> None:
        """Executes the query and writes the rows of each part, in their order, to its output.

        A part without rows gets a file without any. RecipeError for rows of partitions that weren't asked for.
        """
        rows = Step(f"CREATE TEMP TABLE {_ROWS} AS " + query.text, query.place, query.values)
        keys = keys_select(self._dimensions, self._parts, _NUMBER)
        execute([rows, self._step(f"CREATE TEMP TABLE {_NUMBERED} AS {keys}")], self._engine)
        self._check_strays()
        counts: dict[int, int] = dict(self._fetch(f"SELECT {_NUMBER}, count(*) FROM ({self._joined()}) GROUP BY ALL"))
        for number, part in enumerate(self._parts):
            if number not in counts:
                self._write(part.outputs[0], "WHERE false")
        if self._parts[0].outputs[0].format == "arrow":
            for number in counts:
                self._write(self._parts[number].outputs[0], f"WHERE {_NUMBER} = {number} ORDER BY {_PLACE}")
        else:
            alone = self._unsorted(counts)
            for first, last in _chunks(sorted(counts.keys() - alone), counts):
                has_order = any(counts.get(number, 0) > 1 for number in range(first, last + 1) if number not in alone)
                self._split(first, last, alone, has_order=has_order)
            self._write_alone(sorted(alone), counts)

    def _unsorted(self, counts: dict[int, int]) -> set[int]:
        """The parts whose rows COPY can't give their order: it isn't that of all columns from the first to the last.

        By itself COPY with PARTITION_BY keeps no order among them, however they come; nor does it with ORDER_BY among
        rows that are equal. What is found of a part doesn't depend on others, so neither do the bytes of its file.
        """
        import duckdb

        several = {number for number, count in counts.items() if count > 1}
        kind = self._parts[0].outputs[0].format
        if not several or kind == "json" or (kind == "parquet" and _UNSORTABLE.search(" ".join(self._kinds.values()))):
            return several  # COPY of JSON sorts nothing
        row = f"row({self._names})"
        before = f"lag({row}) OVER (PARTITION BY {_NUMBER} ORDER BY {_PLACE})"
        compared = f"SELECT {_NUMBER}, {row} <= {before} AS is_unsure FROM ({self._joined()})"
        try:
            return {number for (number,) in self._fetch(f"SELECT DISTINCT {_NUMBER} FROM ({compared}) WHERE is_unsure")}
        except duckdb.Error:  # a type without an order
            return several

    def _write_alone(self, numbers: Sequence[int], counts: dict[int, int]) -> None:
        """Writes the rows of each of these parts by a statement of its own."""
        if not numbers:
            return
        within = f"{_NUMBER} IN ({', '.join(map(str, numbers))})"
        select = f"SELECT {self._names} FROM ({self._joined()}) WHERE {within} ORDER BY {_NUMBER}, {_PLACE}"
        execute([self._step(f"CREATE TEMP TABLE {_SORTED} AS {select}")], self._engine)
        first = 0
        for number in numbers:
            output, end = self._parts[number].outputs[0], first + counts[number]
            rows = f"FROM {_SORTED} WHERE rowid >= {first} AND rowid < {end}"
            execute([self._step(f"COPY ({rows}) TO {literal(output.path)} ({copy_options(output)})")], self._engine)
            first = end

    def _joined(self) -> str:
        """The rows with their place and the number of their part."""
        return f"SELECT r.*, r.rowid AS {_PLACE}, k.{_NUMBER} FROM {_ROWS} r JOIN {_NUMBERED} k ON {self._condition()}"

    def _condition(self) -> str:
        return " AND ".join(f"{self._value(dim)} = k.{identifier(dim.name)}" for dim in self._dimensions)

    def _value(self, dim: TaskDimension) -> str:
        """A row's value on a dimension, of the type that keys have where it is text or the key is."""
        column = f"r.{identifier(dim.name)}"
        if dim.grain is None:
            return f"CAST({column} AS VARCHAR)"
        is_text = self._kinds[dim.name.lower()] == "VARCHAR"
        return f"TRY_CAST({column} AS {key_type(dim.grain)})" if is_text else column

    def _check_strays(self) -> None:
        names = ", ".join(f"r.{identifier(dim.name)}::VARCHAR" for dim in self._dimensions)
        select = f"SELECT DISTINCT {names} FROM {_ROWS} r ANTI JOIN {_NUMBERED} k ON {self._condition()}"
        found = self._fetch(f"{select} ORDER BY ALL LIMIT {_NAMED + 1}")
        if found:
            shown = [",".join("NULL" if value is None else value for value in row) for row in found[:_NAMED]]
            more = ", …" if len(found) > _NAMED else ""
            what = f"the result has rows of partitions that weren't asked for: {'; '.join(shown)}{more}"
            hint = (
                f"the table `{KEYS}` has those that are: join it, as in JOIN {KEYS} USING ({self._dimensions[0].name})"
            )
            raise RecipeError(what, self._place, hint)

    def _split(self, first: int, last: int, without: Collection[int], *, has_order: bool) -> None:
        """Writes the parts from one number to another that have rows: one statement, one file for each."""
        outputs = [part.outputs[0] for part in self._parts[first : last + 1]]
        folder = f"{outputs[0].path}-parts"
        rows = f"SELECT {self._names}, {_NUMBER} FROM ({self._joined()}) WHERE {_NUMBER} BETWEEN {first} AND {last}"
        left_out = [number for number in without if first < number < last]
        rows += f" AND {_NUMBER} NOT IN ({', '.join(map(str, left_out))})" if left_out else ""
        is_flat = outputs[0].format == "parquet"  # of other formats COPY doesn't tell which file is whose
        options = f"{copy_options(outputs[0])}, PARTITION_BY ({_NUMBER}){_FLAT if is_flat else ''}"
        options += f", ORDER_BY ({self._names})" if has_order else ""
        try:
            execute(
                [
                    self._step(f"SET partitioned_write_max_open_files = {len(outputs) + 1}"),
                    self._step(f"COPY ({rows}) TO {literal(folder)} ({options})"),
                ],
                self._engine,
            )
            for number, path in self._told() if is_flat else _found(folder):
                os.replace(path, outputs[number - first].path)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _told(self) -> Iterator[tuple[int, str]]:
        """The number of each part with its file, as COPY has told them."""
        cursor = self._engine.cursor
        names = [column[0] for column in cursor.description]
        path, keys = names.index("filename"), names.index("partition_keys")
        for row in cursor.fetchall():
            yield int(row[keys][_NUMBER]), row[path]

    def _write(self, output: TaskOutput, clause: str) -> None:
        """Writes some of the rows to one output."""
        rows = f"SELECT {self._names} FROM ({self._joined()}) {clause}"
        if output.format == "arrow":
            write_arrow(self._engine.cursor.sql(rows).to_arrow_reader(_MOST_ROWS), output.path)
        else:
            execute([self._step(f"COPY ({rows}) TO {literal(output.path)} ({copy_options(output)})")], self._engine)

    def _step(self, text: str) -> Step:
        return Step(added(text), self._place)

    def _fetch(self, text: str) -> list[Any]:
        return self._engine.cursor.execute(text).fetchall()


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
