"""A warm DuckDB session of a worker: inputs as SELECTs and relations, and the columns of files.

The session can open files of the directories that it was given and nothing else. What a task creates (temporary
tables, views, macros, registered tables) lives in a cursor that `reset` closes; one in which nothing was created goes
on to the next task. Knows nothing of graph or state.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from dbuild.core.model import Scalar
from dbuild.core.task import Column, TaskInput
from dbuild.errors import RecipeError
from dbuild.recipes import readers, syntax
from dbuild.recipes.failures import MEMORY_HINT as MEMORY_HINT
from dbuild.recipes.failures import failure
from dbuild.recipes.filecheck import FileMemo, HeaderCheck
from dbuild.recipes.footer import ParquetSchema, read_schema
from dbuild.recipes.jsonkeys import KeyCheck
from dbuild.recipes.readers import Part, ReaderOptions
from dbuild.recipes.sqltext import file_list, identifier, literal, message, unglobbed

if TYPE_CHECKING:
    import duckdb
    import pyarrow

_SETTINGS = {
    "enable_external_file_cache": False,  # what a task reads it mostly reads once, and the system keeps it too
    "async_threads": 0,  # a task reads and writes in its own threads; handing it to others costs a tenth of a small one
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
    "preserve_insertion_order": True,
}

_OPEN = 100  # files that DuckDB by itself holds open for one COPY with PARTITION_BY; rows for more are put off
_LEAST_MEMORY = 16 << 20  # bytes; with a few thousand DuckDB can't even take the next statement


def spill_folder(pid: int) -> str:
    """Where the session of a process puts what doesn't fit into memory; it is left there if the process is killed."""
    return os.path.join(tempfile.gettempdir(), f"dbuild-spill-{pid}")


class Engine:
    """One warm DuckDB session; knows nothing of graph or state."""

    def __init__(self, directories: Sequence[str], threads: int = 1) -> None:
        """A session that reads and writes below absolute `directories` only; it connects when it is first used."""
        self._directories = tuple(directories)
        self._threads = threads
        self._memory: int | None = None  # None: DuckDB's own limit
        self._root: duckdb.DuckDBPyConnection | None = None
        self._cursor: duckdb.DuckDBPyConnection | None = None
        self._is_clean = True  # whether the cursor holds nothing that a later task could meet
        self._timezone = ""
        self._most_open = _OPEN
        self._registered: dict[str, str] = {}  # names of tables that are no files of a reader -> their paths
        self._undoing: list[str] = []
        self._headers = HeaderCheck()
        self._columns: FileMemo[tuple[Column, ...]] = FileMemo()
        self._footers: FileMemo[ParquetSchema | None] = FileMemo()
        self.results: dict[object, tuple[Column, ...]] = {}  # columns of results by all that decides them
        self._keys = KeyCheck()

    @property
    def root(self) -> duckdb.DuckDBPyConnection:
        """The session itself: what is created through it stays."""
        if self._root is None:
            self._root = self._connect()
        return self._root

    @property
    def cursor(self) -> duckdb.DuckDBPyConnection:
        """The current task's connection: what is temporary in it ends with `reset`."""
        self._is_clean = False
        return self.bare_cursor

    @property
    def bare_cursor(self) -> duckdb.DuckDBPyConnection:
        """The same connection, for a statement that creates nothing and sets nothing: `reset` leaves it be."""
        if self._cursor is None:
            self._cursor = self.root.cursor()
        return self._cursor

    def _connect(self) -> duckdb.DuckDBPyConnection:
        import duckdb

        # Spilled data would go to `.tmp` in the working directory, which is the project.
        config: dict[str, Any] = {**_SETTINGS, "threads": self._threads, "temp_directory": spill_folder(os.getpid())}
        if self._memory is not None:
            config["memory_limit"] = _limit_text(self._memory)
        root = duckdb.connect(":memory:", config=config)
        # A path with a glob character is given to readers in its escaped form, so that form has to be allowed too.
        allowed = {form for path in self._directories for form in (path, _escaped(path))}
        listed = ", ".join(literal(path) for path in sorted(allowed))
        root.execute(f"SET allowed_directories = [{listed}]")
        root.execute("SET enable_external_access = false")
        self._timezone = ""
        self._most_open = _OPEN
        syntax.lend(root)
        return root

    def set_resources(self, threads: int, memory: int | None) -> None:
        """Let the session use that many threads and bytes of memory; None: as many as DuckDB takes by itself.

        They hold until they are set again, whatever connects or resets. Costs nothing where they are set already.
        Raises RecipeError where DuckDB holds more than `memory` and can't let go of it.
        """
        if threads != self._threads:
            self._threads = threads
            if self._root is not None:
                self._root.execute(f"SET GLOBAL threads = {threads:d}")
        if memory != self._memory:
            self._memory = None
            if self._root is not None:
                _limit_memory(self._root, memory)
            self._memory = memory

    def set_timezone(self, name: str) -> None:
        """Make `name` (IANA) the session's zone, whatever TZ says in the environment; RecipeError if there is none."""
        import duckdb

        if name == self._timezone:
            return
        self.reset(ends_cursor=True)
        try:
            self.root.execute(f"SET GLOBAL TimeZone = {literal(name)}")
        except duckdb.Error as error:
            raise RecipeError(f'"{name}" is not a time zone: {message(error)}') from None
        self._timezone = name

    def hold_open(self, count: int) -> None:
        """Let a COPY write to that many files at once, so that each is written at once and in one piece."""
        if count > self._most_open:
            self.root.execute(f"SET GLOBAL partitioned_write_max_open_files = {count:d}")
            self._most_open = count

    def ignore_statistics(self) -> None:
        """Write columns in the same way whatever else the session knows about them, until `reset`.

        Else the bytes of a file depend on rows that aren't in it: a column of a table in which nothing is NULL is
        written without saying so of each row.
        """
        self.root.execute("SET GLOBAL disabled_optimizers = 'statistics_propagation'")
        self.undo_later("RESET GLOBAL disabled_optimizers")

    def undo_later(self, statement: str) -> None:
        """Have `reset` run a statement, for what the end of the task's cursor doesn't drop."""
        self._undoing.append(statement)

    def reset(self, *, ends_cursor: bool = False) -> None:
        """End a task: drop all that was created in its cursor, with the cursor; without need only if `ends_cursor`."""
        if self._cursor is not None and (ends_cursor or not self._is_clean):
            self._cursor.close()
            self._cursor = None
        self._is_clean = True
        self._registered.clear()
        while self._undoing:
            self.root.execute(self._undoing.pop())

    def recover(self) -> None:
        """End a task that failed: as `reset`; where DuckDB takes no more statements, the next task has a session anew.

        After a fault of its own it takes none, and then neither would what parses in a cursor of the same session.
        """
        if self._root is None:  # DuckDB may not even be imported
            return self.reset()
        import duckdb

        try:
            self.reset(ends_cursor=True)
            self.root.execute("SELECT 1")
        except duckdb.Error:
            self._undoing.clear()
            self.close()

    def interrupt(self) -> None:
        """Called by another thread: the statement that runs now, if any, fails."""
        for connection in (self._cursor, self._root):
            if connection is not None:
                with suppress(Exception):  # it is being closed
                    connection.interrupt()

    def close(self) -> None:
        """End the session; it connects again when it is used."""
        self.reset(ends_cursor=True)
        if self._root is not None:
            syntax.take_back(self._root)
            self._root.close()
            self._root = None
            self._timezone = ""

    def relation(self, given: TaskInput) -> duckdb.DuckDBPyRelation:
        """The rows of an input, with its dimensions as columns; errors as `select`."""
        import duckdb

        try:
            return self.cursor.sql(self.select(given))
        except duckdb.Error as error:
            raise failure(error, lead=f'the input "{given.name}" can\'t be read: ') from None

    def select(self, given: TaskInput, wanted: Container[str] | None = None) -> str:
        """A SELECT of this input's rows, in the order of its files, with its dimensions as columns.

        A dimension is left out where the file has a column of that name, and where `wanted` (names in lower case
        that the statement uses; None: all) doesn't hold it. The text is good until `reset`. Raises RecipeError for a
        file that can't be read or doesn't fit the schema, and for an input without files or a known schema.
        """
        if not given.paths:
            return self._select_nothing(given, wanted)
        if given.where:  # which may name any of the columns
            return f"SELECT * FROM ({self._select_files(given, None)}) WHERE {given.where}"
        return self._select_files(given, wanted)

    def _select_files(self, given: TaskInput, wanted: Container[str] | None) -> str:
        if given.format == "arrow":
            return self._select_arrow(given, wanted)
        if given.format not in ("parquet", "csv", "json"):
            raise RecipeError(
                f'the input "{given.name}" is no table: {given.paths[0]}',
                hint="SQL reads .parquet, .csv, .tsv, .json, .jsonl, .ndjson, .arrow and .feather files",
            )
        selects = [self._select_part(given, part, wanted) for part in self._parts(given)]
        return selects[0] if len(selects) == 1 else " UNION ALL ".join(f"({text})" for text in selects)

    @property
    def registered(self) -> Mapping[str, str]:
        """The names by which `select` reads Arrow files until `reset`, and the files."""
        return self._registered

    def _select_nothing(self, given: TaskInput, wanted: Container[str] | None) -> str:
        if given.schema is None:
            dataset = given.dataset or given.name
            said = f" (partitions of {dataset})" if dataset != given.name else ""
            raise RecipeError(
                f'the input "{given.name}"{said} has no partition here, and its columns are not known',
                hint=f'declare them: `schema = {{ column = "TYPE" }}` of {dataset}',
            )
        names = {name.lower() for name, _ in given.schema}
        shown = readers.shown_dimensions(given, names, wanted)
        return readers.empty_select(given.schema, [dim for _, dim in shown])

    def _parts(self, given: TaskInput) -> Iterator[Part]:
        """The input's files in runs that one reader call can take: CSV files by the order of their columns."""
        count = len(given.paths)
        if given.format == "parquet":
            yield Part(0, count, ())
            return
        schema = self._schema(given)
        if given.format == "json":
            self._keys.check(given, schema, self.root)
            yield Part(0, count, schema)
            return
        options = readers.csv_options(given.paths[0], given.read)
        orders = [self._headers.order(path, schema, options) for path in given.paths]
        first = 0
        for index in range(1, count + 1):
            if index == count or orders[index] != orders[first]:
                yield Part(first, index, orders[first])
                first = index

    def _schema(self, given: TaskInput) -> tuple[Column, ...]:
        return given.schema or self.infer_schema(given.paths[0], given.format, given.read)

    def _select_part(self, given: TaskInput, part: Part, wanted: Container[str] | None) -> str:
        paths = given.paths[part.first : part.last]
        names: Container[str] = {name.lower() for name, _ in part.columns}
        shown = readers.shown_dimensions(given, names, wanted)
        varying = any(len({key[place] for key in given.keys[part.first : part.last]}) > 1 for place, _ in shown)
        if not part.columns and shown and (wanted is None or varying):
            # Otherwise a file's own column is found first and the constant after it is never seen.
            names = self._parquet_names(paths[0], given)
            shown = readers.shown_dimensions(given, names, wanted)
        if varying and "file_index" in names:  # the file's column would hide the number that keys are looked up by
            runs = readers.runs_of_equal_keys(given, part, shown)
            return " UNION ALL ".join(f"({self._read(given, run, shown)})" for run in runs)
        return self._read(given, part, shown)

    def _parquet_names(self, path: str, given: TaskInput) -> set[str]:
        found = self._footer(path)
        if found is not None:
            return {name.lower() for name in found.names}
        return {name.lower() for name, _ in self.infer_schema(path, given.format, given.read)}

    def _footer(self, path: str) -> ParquetSchema | None:
        return self._footers.get(path, None, lambda: read_schema(path))

    def shape(self, given: TaskInput) -> object | None:
        """A value that is equal for inputs whose columns have the same names and types; None where that isn't known."""
        known: object = given.schema
        if given.format == "parquet" and given.paths:
            found = self._footer(given.paths[0])
            known = found.identity if found else None
        elif given.format not in ("csv", "json", "parquet"):
            known = None
        return None if known is None else (given.name, given.format, given.dimensions, given.read, known)

    def _read(self, given: TaskInput, part: Part, shown: Sequence[tuple[int, Any]]) -> str:
        paths = given.paths[part.first : part.last]
        star = "*"
        if given.format == "parquet":
            call = readers.parquet_call(paths, readers.checked_options("parquet", given.read))
        elif given.format == "json":
            star = readers.json_star(part.columns)
            call = readers.json_call(paths, part.columns, readers.checked_options("json", given.read))
        else:
            call = readers.csv_call(paths, part.columns, readers.csv_options(paths[0], given.read))
            schema = self._schema(given)
            if part.columns != schema:
                star = ", ".join(identifier(name) for name, _ in schema)
        return f"SELECT {star}{readers.key_columns(given, part, shown)} FROM {call}"

    def _select_arrow(self, given: TaskInput, wanted: Container[str] | None) -> str:
        selects = []
        names: set[str] | None = None
        for path, key in zip(given.paths, given.keys, strict=True):
            table = _map_arrow(path)
            names = {name.lower() for name in table.column_names} if names is None else names
            shown = readers.shown_dimensions(given, names, wanted)
            view = f"dbuild_arrow_{len(self._registered) + 1}"
            self._registered[view] = path
            self.cursor.register(view, table)
            keys = "".join(f", {readers.key_literal(d.grain, key[p])} AS {identifier(d.name)}" for p, d in shown)
            selects.append(f"SELECT {readers.cast_star(given.schema)}{keys} FROM {view}")
        return " UNION ALL BY NAME ".join(selects)

    def infer_schema(self, path: str, format: str, read: ReaderOptions) -> tuple[Column, ...]:
        """The columns of a file, as DuckDB's types; RecipeError where it can't be read as that format.

        A CSV or JSON is looked at as a whole (unless `sample_size` is given), so that no later row of it contradicts.
        Dates in a form other than ISO stay VARCHAR: without the form (`dateformat`) no other file could be read so.
        """
        return self._columns.get(path, (format, read), lambda: self._infer(path, format, read))

    def _infer(self, path: str, kind: str, read: ReaderOptions) -> tuple[Column, ...]:
        import duckdb

        try:
            match kind:
                case "parquet":
                    return self._describe(readers.parquet_call([path], readers.checked_options("parquet", read)))
                case "csv":
                    return self._sniff_csv(path, readers.csv_options(path, read))
                case "json":
                    options: dict[str, Scalar] = {"sample_size": -1} | readers.checked_options("json", read)
                    text = readers.option_text(options)
                    found = self._describe(f"read_json({file_list([path])}, hive_partitioning=false{text})")
                    # A field that is null throughout has the type "NULL", which reads every later value as NULL.
                    return tuple((name, shown.replace('"NULL"', "JSON")) for name, shown in found)
                case "arrow":
                    return columns_of(self.root.from_arrow(_map_arrow(path)))
        except duckdb.Error as error:
            raise failure(error, lead=f"{path} can't be read as {kind}: ") from None
        raise RecipeError(f"{path} is no table")

    def _describe(self, source: str) -> tuple[Column, ...]:
        # Not on the task's cursor, where a result may be half fetched: DuckDB then takes no other statement.
        return columns_of(self.root.sql(f"SELECT * FROM {source}"))

    def _sniff_csv(self, path: str, options: Mapping[str, Scalar]) -> tuple[Column, ...]:
        text = readers.option_text({"sample_size": -1, **options})
        found = self.root.execute(
            f"SELECT Columns, DateFormat, TimestampFormat FROM sniff_csv({literal(unglobbed(path))}{text})"
        ).fetchall()
        columns, date_form, stamp_form = found[0]
        guessed = {
            "DATE": "dateformat" not in options and date_form not in (None, "", "%Y-%m-%d"),
            "TIMESTAMP": "timestampformat" not in options and not _is_iso(stamp_form),
            "TIMESTAMP WITH TIME ZONE": "timestampformat" not in options and not _is_iso(stamp_form),
        }
        return tuple((c["name"], "VARCHAR" if guessed.get(c["type"]) else c["type"]) for c in columns)


def columns_of(relation: duckdb.DuckDBPyRelation) -> tuple[Column, ...]:
    """A relation's columns with DuckDB's types, from its binding alone."""
    return tuple((name, str(kind)) for name, kind in zip(relation.columns, relation.types, strict=True))


def _limit_memory(root: duckdb.DuckDBPyConnection, memory: int | None) -> None:
    """Set DuckDB's limit; where it can't work within it, RecipeError, and its own limit holds again."""
    import duckdb

    try:
        root.execute(
            "RESET GLOBAL memory_limit" if memory is None else f"SET GLOBAL memory_limit = '{_limit_text(memory)}'"
        )
    except duckdb.Error as error:
        root.execute("RESET GLOBAL memory_limit")
        raise RecipeError(
            f"DuckDB can't keep to {memory} bytes of memory: {message(error)}", hint=MEMORY_HINT
        ) from None


def _limit_text(memory: int) -> str:
    return f"{max(memory, _LEAST_MEMORY):d}B"


def _escaped(path: str) -> str:
    return path if "\\" in path else unglobbed(path)


def _is_iso(form: str | None) -> bool:
    return not form or form.startswith("%Y-%m-%d")


def _map_arrow(path: str) -> pyarrow.Table:
    """The table of an Arrow IPC file, mapped into memory and not copied."""
    import pyarrow
    import pyarrow.ipc

    try:
        return pyarrow.ipc.open_file(pyarrow.memory_map(path, "r")).read_all()
    except (OSError, pyarrow.ArrowException) as error:
        raise RecipeError(f"{path} can't be read as an Arrow file: {error}") from None
