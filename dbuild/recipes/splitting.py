"""The rows of one statement as the files of several partitions, told apart by the columns of their dimensions."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
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

_NUMBERED, _ROWS = '"dbuild keys"', '"dbuild rows"'
_NUMBER, _PLACE = "dbuild_part", "dbuild_place"  # columns beside those of the result
_MOST_ROWS = 122_880  # that are split in one statement: a row group, so that other partitions move no border of one
_NAMED = 5  # partitions in an error


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
        self._columns = columns
        self._place = place
        self._engine = engine
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
        if self._parts[0].outputs[0].format != "arrow":
            for first, last in _chunks(sorted(counts), counts):
                self._split(first, last)
        else:
            for number in counts:
                self._write(self._parts[number].outputs[0], f"WHERE {_NUMBER} = {number} ORDER BY {_PLACE}")

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

    def _split(self, first: int, last: int) -> None:
        """Writes the parts with these numbers, both inclusive, that have rows: one statement, one file for each."""
        outputs = [part.outputs[0] for part in self._parts[first : last + 1]]
        folder = f"{outputs[0].path}-parts"
        names = ", ".join(f"{identifier(name)}" for name, _ in self._columns)
        rows = f"SELECT {names}, {_NUMBER} FROM ({self._joined()}) WHERE {_NUMBER} BETWEEN {first} AND {last}"
        options = f"{copy_options(outputs[0])}, PARTITION_BY ({_NUMBER})"
        try:
            execute(
                [
                    self._step(f"SET partitioned_write_max_open_files = {len(outputs) + 1}"),
                    self._step(f"COPY ({rows} ORDER BY {_NUMBER}, {_PLACE}) TO {literal(folder)} ({options})"),
                ],
                self._engine,
            )
            for name in os.listdir(folder):
                inner = os.path.join(folder, name)
                (file,) = os.listdir(inner)
                os.replace(os.path.join(inner, file), outputs[int(name.partition("=")[2]) - first].path)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _write(self, output: TaskOutput, clause: str) -> None:
        """Writes some of the rows to one output."""
        names = ", ".join(identifier(name) for name, _ in self._columns)
        rows = f"SELECT {names} FROM ({self._joined()}) {clause}"
        if output.format == "arrow":
            write_arrow(self._engine.cursor.sql(rows).to_arrow_reader(_MOST_ROWS), output.path)
        else:
            execute([self._step(f"COPY ({rows}) TO {literal(output.path)} ({copy_options(output)})")], self._engine)

    def _step(self, text: str) -> Step:
        return Step(added(text), self._place)

    def _fetch(self, text: str) -> list[Any]:
        return self._engine.cursor.execute(text).fetchall()


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
