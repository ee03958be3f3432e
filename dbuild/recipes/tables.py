"""Tables as files: the rows of a query or of a Python table, written in the format that an output's ending names.

CSV has a header; NULL is written as nothing and the empty string as "" (read it back with `readers.WRITTEN_CSV`).
`.jsonl` and `.ndjson` are one object a line, `.json` is one array. Parquet is compressed with zstd. Arrow is the IPC
file format, uncompressed, so that it can be mapped.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dbuild.core.task import Column, TaskOutput
from dbuild.errors import RecipeError
from dbuild.recipes.engine import Engine, columns_of
from dbuild.recipes.sqltext import literal, message

if TYPE_CHECKING:
    import duckdb
    import pyarrow

_VIEW = "dbuild_table"
_BATCH = 122_880  # rows: a row group of DuckDB


def copy_text(output: TaskOutput) -> tuple[str, str]:
    """What stands before and after a query to COPY its rows to an output of format parquet, csv or json."""
    return "COPY (", f"\n) TO {literal(output.path)} ({copy_options(output)})"


def copy_options(output: TaskOutput) -> str:
    """How an output of format parquet, csv or json is written by COPY."""
    name = output.path.lower()
    packed = "gzip" if name.endswith(".gz") else "zstd" if name.endswith(".zst") else "uncompressed"
    bare = name.removesuffix(".gz").removesuffix(".zst")
    match output.format:
        case "parquet":
            return "FORMAT parquet, COMPRESSION zstd"
        case "csv":
            delimiter = "\t" if bare.endswith(".tsv") else ","
            return f"FORMAT csv, HEADER true, DELIMITER '{delimiter}', COMPRESSION {packed}"
        case _:
            array = "true" if bare.endswith(".json") else "false"
            return f"FORMAT json, ARRAY {array}, COMPRESSION {packed}"


def write_table(table: object, output: TaskOutput, engine: Engine) -> tuple[Column, ...] | None:
    """Write a pyarrow, pandas or polars table or a DuckDB relation to `output.path`.

    Gives its columns with DuckDB's types (None for Parquet, which holds its own). Raises RecipeError naming the type
    and the format where it can't be written so.
    """
    import duckdb

    if output.format not in ("parquet", "csv", "json", "arrow"):
        raise _impossible(table, output, "it is no table format")
    try:
        if isinstance(table, duckdb.DuckDBPyRelation):
            return _write_relation(table, output)
        rows = _as_arrow(table, output)
        check_names(tuple((name, "") for name in rows.schema.names))
        engine.cursor.register(_VIEW, rows)
        try:
            return _write_relation(engine.cursor.table(_VIEW), output)
        finally:
            engine.cursor.unregister(_VIEW)
    except (duckdb.Error, OSError) as error:
        raise _impossible(table, output, message(error)) from None


def _write_relation(table: duckdb.DuckDBPyRelation, output: TaskOutput) -> tuple[Column, ...] | None:
    columns = columns_of(table)
    check_names(columns)
    if output.format == "arrow":
        write_arrow(table.to_arrow_reader(_BATCH), output.path)
    else:
        # On the relation's own connection, which may be another than the engine's.
        table.query(_VIEW + "_rows", f"SELECT * FROM {_VIEW}_rows".join(copy_text(output)))
    return None if output.format == "parquet" else columns


def check_names(columns: tuple[Column, ...]) -> None:
    """RecipeError where two columns have one name, so that no reader could tell them apart."""
    seen: set[str] = set()
    for name, _ in columns:
        if name.lower() in seen:
            raise RecipeError(f'the result has two columns of the name "{name}"', hint="give one of them an alias")
        seen.add(name.lower())


def write_arrow(rows: pyarrow.RecordBatchReader, path: str) -> None:
    """Write rows as an Arrow IPC file; OSError where the file can't be written."""
    import pyarrow.ipc

    with pyarrow.OSFile(path, "wb") as sink, pyarrow.ipc.new_file(sink, rows.schema) as writer:
        for table in _even(rows):
            writer.write_table(table, max_chunksize=_BATCH)


def _even(rows: pyarrow.RecordBatchReader) -> Iterator[pyarrow.Table]:
    """The rows in tables of one chunk and a fixed length: DuckDB's batches depend on the number of threads."""
    import pyarrow

    pending = rows.schema.empty_table()
    for batch in rows:
        pending = pyarrow.concat_tables([pending, pyarrow.Table.from_batches([batch])])
        whole = pending.num_rows - pending.num_rows % _BATCH
        if whole:
            yield pending.slice(0, whole).combine_chunks()
            pending = pending.slice(whole)
    yield pending.combine_chunks()


def _as_arrow(table: Any, output: TaskOutput) -> Any:
    """A table of any known library as one of pyarrow."""
    import pyarrow

    package = type(table).__module__.partition(".")[0]
    try:
        if package == "pandas":
            return pyarrow.Table.from_pandas(table, preserve_index=False)
        if package == "polars":
            return (table.collect() if hasattr(table, "collect") else table).to_arrow()
    except (pyarrow.ArrowException, TypeError, ValueError) as error:
        raise _impossible(table, output, str(error)) from None
    if isinstance(table, pyarrow.RecordBatch):
        return pyarrow.Table.from_batches([table])
    if isinstance(table, (pyarrow.Table, pyarrow.RecordBatchReader)):
        return table
    raise _impossible(table, output, "it is no table")


def _impossible(table: object, output: TaskOutput, why: str) -> RecipeError:
    kind = type(table)
    wanted = output.format or "a file that is no table"
    return RecipeError(
        f"a {kind.__module__.partition('.')[0]}.{kind.__name__} can't be written to {output.final} as {wanted}: {why}",
        hint="tables go to .parquet, .csv, .tsv, .json, .jsonl, .ndjson, .arrow or .feather files",
    )
