"""Reader calls: how files of each format are read, with which options, and how their partitions' keys become columns.

Unaware of sessions: these are texts, made from values.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from datetime import UTC, date, datetime

from dbuild.core.grain import Grain
from dbuild.core.model import Scalar
from dbuild.core.task import Column, TaskDimension, TaskInput
from dbuild.errors import RecipeError, nearest
from dbuild.recipes.keys import time_value
from dbuild.recipes.sqltext import file_list, identifier, literal, type_name
from dbuild.values import dataclass

ReaderOptions = tuple[tuple[str, Scalar], ...]

READ_OPTIONS: dict[str, frozenset[str]] = {
    "csv": frozenset(
        {
            "allow_quoted_nulls",
            "comment",
            "compression",
            "dateformat",
            "decimal_separator",
            "delim",
            "encoding",
            "escape",
            "header",
            "ignore_errors",
            "max_line_size",
            "new_line",
            "null_padding",
            "nullstr",
            "parallel",
            "quote",
            "sample_size",
            "skip",
            "strict_mode",
            "thousands",
            "timestampformat",
        }
    ),
    "json": frozenset(
        {
            "compression",
            "dateformat",
            "format",
            "ignore_errors",
            "maximum_depth",
            "maximum_object_size",
            "records",
            "sample_size",
            "timestampformat",
        }
    ),
    "parquet": frozenset({"binary_as_string"}),
}
_ALIASES = {
    "sep": "delim",
    "delimiter": "delim",
    "separator": "delim",
    "null": "nullstr",
    "date_format": "dateformat",
    "timestamp_format": "timestampformat",
    "maximum_line_size": "max_line_size",
}
_SNIFFED_ONLY = frozenset({"sample_size"})  # has a meaning only where types are guessed

# How a CSV that `tables.copy_text` wrote has to be read: it tells the empty string ("") from NULL (nothing).
WRITTEN_CSV: ReaderOptions = (("allow_quoted_nulls", False),)


def csv_options(path: str, read: ReaderOptions) -> dict[str, Scalar]:
    """All that decides how a CSV is cut into fields: what was given, and fixed values for the rest.

    Nothing is left to the sniffer, which looks at each file's data and may take two files of one dataset differently.
    """
    bare = path.lower().removesuffix(".gz").removesuffix(".zst")
    fixed: dict[str, Scalar] = {"delim": "\t" if bare.endswith(".tsv") else ",", "header": True, "quote": '"'}
    return fixed | checked_options("csv", read)


def checked_options(kind: str, read: ReaderOptions) -> dict[str, Scalar]:
    """Reader options by DuckDB's first name for each; RecipeError for one that isn't known."""
    known = READ_OPTIONS.get(kind, frozenset())
    found: dict[str, Scalar] = {}
    for name, value in read:
        canonical = _ALIASES.get(name.lower(), name.lower())
        if canonical not in known:
            raise RecipeError(
                f'"{name}" is not an option for reading {kind or "such"} files',
                hint=nearest(name, known) or f"known are: {', '.join(sorted(known))}",
            )
        found[canonical] = value
    return found


def option_text(options: dict[str, Scalar]) -> str:
    """Options as named arguments, each led by a comma."""
    return "".join(f", {name}={_value(value)}" for name, value in options.items())


def _value(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return literal(value) if isinstance(value, str) else repr(value)


def csv_call(paths: Sequence[str], columns: Sequence[Column], options: dict[str, Scalar]) -> str:
    """A call that reads CSV files of one order of columns, guessing nothing."""
    kept = {name: value for name, value in options.items() if name not in _SNIFFED_ONLY}
    return (
        f"read_csv({file_list(paths)}, columns={column_struct(columns)}, auto_detect=false"
        f"{no_hive(paths)}{option_text(kept)})"
    )


def json_call(paths: Sequence[str], columns: Sequence[Column], options: dict[str, Scalar]) -> str:
    """A call that reads JSON files, an array or one object a line, with known columns."""
    kept = {name: value for name, value in options.items() if name not in _SNIFFED_ONLY}
    shape = "" if "format" in kept else ", format='auto'"
    columns = [(name, "VARCHAR" if is_blob(kind) else kind) for name, kind in columns]  # see `json_star`
    return f"read_json({file_list(paths)}, columns={column_struct(columns)}{no_hive(paths)}{shape}{option_text(kept)})"


def json_star(columns: Sequence[Column]) -> str:
    """What to select of `json_call`: a BLOB stands as text with escapes, which a cast takes and the reader doesn't."""
    texts = [f"CAST({identifier(name)} AS BLOB) AS {identifier(name)}" for name, kind in columns if is_blob(kind)]
    return f"* REPLACE ({', '.join(texts)})" if texts else "*"


def is_blob(kind: str) -> bool:
    """Whether a type is one of bytes."""
    return type_name(kind) == "BLOB"


def cast_star(columns: Sequence[Column] | None) -> str:
    """Columns by name with the types given; a star where none are."""
    if columns is None:
        return "*"
    return ", ".join(f"CAST({identifier(name)} AS {type_name(kind)}) AS {identifier(name)}" for name, kind in columns)


def parquet_call(paths: Sequence[str], options: dict[str, Scalar]) -> str:
    """A call that reads Parquet files of one schema."""
    return f"read_parquet({file_list(paths)}{no_hive(paths)}{option_text(options)})"


def no_hive(paths: Sequence[str]) -> str:
    """The option that keeps folders like `day=2013-01-05` from becoming columns, only where there are any: it costs."""
    return ", hive_partitioning=false" if any("=" in path for path in paths) else ""


def column_struct(columns: Sequence[Column]) -> str:
    """A schema as the value of `columns=`; RecipeError for a type that DuckDB doesn't know."""
    if not columns:
        raise RecipeError("a schema without columns")
    return "{" + ", ".join(f"{literal(name)}: {literal(type_name(kind))}" for name, kind in columns) + "}"


def empty_select(columns: Sequence[Column], dimensions: Sequence[TaskDimension]) -> str:
    """No rows, of the columns given and those dimensions."""
    parts = [f"CAST(NULL AS {type_name(kind)}) AS {identifier(name)}" for name, kind in columns]
    parts += [f"CAST(NULL AS {key_type(dim.grain)}) AS {identifier(dim.name)}" for dim in dimensions]
    return f"SELECT {', '.join(parts)} WHERE false"


def key_type(grain: Grain | None) -> str:
    """The type of a dimension's column and of the value bound to `$name`."""
    if grain is None:
        return "VARCHAR"
    if grain.is_dated:
        return "DATE"
    return "TIMESTAMP" if grain.timezone == "UTC" else "TIMESTAMP WITH TIME ZONE"


def key_literal(grain: Grain | None, text: str) -> str:
    """A key as a constant of `key_type`; RecipeError where it is none."""
    if grain is None:
        return f"CAST({literal(text)} AS VARCHAR)"
    try:
        return moment_literal(time_value(grain, text))
    except (ValueError, OverflowError) as error:
        raise RecipeError(str(error)) from None


def moment_literal(value: date) -> str:
    """A date, or a datetime with or without a time zone, as a constant."""
    if not isinstance(value, datetime):
        return f"DATE '{value.isoformat()}'"
    if value.tzinfo is None:
        return f"TIMESTAMP '{value.isoformat(sep=' ')}'"
    return f"TIMESTAMPTZ '{value.astimezone(UTC).isoformat(sep=' ')}'"


@dataclass(frozen=True, slots=True)
class Part:
    """Some consecutive files of an input, as indices [first, last), that one reader call can take."""

    first: int
    last: int
    columns: tuple[Column, ...]  # in the order of the files; empty where the reader finds them itself


def shown_dimensions(
    given: TaskInput, names: Container[str], wanted: Container[str] | None
) -> tuple[tuple[int, TaskDimension], ...]:
    """The dimensions to add as columns, each with its place in a key: those that are wanted and no column of the file.

    `names` are the file's columns and `wanted` the names that the statement uses (None: all), both in lower case.
    """
    return tuple(
        (place, dim)
        for place, dim in enumerate(given.dimensions)
        if dim.name.lower() not in names and (wanted is None or dim.name.lower() in wanted)
    )


def key_columns(given: TaskInput, part: Part, shown: Sequence[tuple[int, TaskDimension]]) -> str:
    """The dimensions' columns of a part, each led by a comma.

    Where files of one call have different keys the key is looked up by the file's number in the call, which is the
    cheapest way that keeps the order of rows (measured beside a map by file name, a join, and a union of files).
    """
    texts = []
    for place, dim in shown:
        keys = [key[place] for key in given.keys[part.first : part.last]]
        if len(set(keys)) == 1:
            value = key_literal(dim.grain, keys[0])
        else:
            listed = ", ".join(key_literal(dim.grain, key) for key in keys)
            value = f"list_extract([{listed}], file_index::BIGINT + 1)"
        texts.append(f", {value} AS {identifier(dim.name)}")
    return "".join(texts)


def runs_of_equal_keys(given: TaskInput, part: Part, shown: Sequence[tuple[int, TaskDimension]]) -> Iterator[Part]:
    """A part cut where the shown keys change."""
    first = part.first
    for index in range(part.first + 1, part.last + 1):
        if index == part.last or any(given.keys[index][p] != given.keys[first][p] for p, _ in shown):
            yield Part(first, index, part.columns)
            first = index
