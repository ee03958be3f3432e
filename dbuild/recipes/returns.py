"""What a Python recipe returns, written to the target's outputs."""

from __future__ import annotations

import gzip
import json
import os
import sys
from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from dbuild.core.task import Column, Schemas, Task, TaskOutput
from dbuild.errors import RecipeError

if TYPE_CHECKING:
    from dbuild.recipes.engine import Engine

_ALLOWED = "a table (pyarrow, DuckDB, pandas, polars), str, bytes, or a dict or list for a .json output"
_TABLES = (
    ("pyarrow", "Table"),
    ("pyarrow", "RecordBatch"),
    ("pyarrow", "RecordBatchReader"),
    ("duckdb", "DuckDBPyRelation"),
    ("pandas", "DataFrame"),
    ("polars", "DataFrame"),
    ("polars", "LazyFrame"),
)


def write_returned(value: Any, task: Task, may_write: bool, engine: Engine) -> Schemas:
    """Write what a function returned, and give the columns of each output (None for what is no table).

    `may_write` says whether the function was given `output` to write itself. Each output has to be either returned
    or written, not both; a function with named outputs returns a dict of those that it didn't write. Raises
    RecipeError where it isn't so, or where a value can't be written.
    """
    values = _by_name(value, task.outputs)
    schemas = []
    for output in task.outputs:
        returned = values.get(output.name)
        _check_once(output, returned is not None, may_write)
        schemas.append(
            (output.name, None if returned is None else write_value(returned, output, task.timezone, engine))
        )
    return tuple(schemas)


def _by_name(value: Any, outputs: tuple[TaskOutput, ...]) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not outputs:
        raise RecipeError("the function returned a value, but its target has no path", hint="return nothing")
    if not any(output.name for output in outputs):
        return {"": value}
    names = [output.name for output in outputs]
    if not isinstance(value, Mapping):
        raise RecipeError(f"the function returned {_spelt(value)}, not a dict of its outputs ({', '.join(names)})")
    strange = [str(name) for name in value if name not in names]
    if strange:
        raise RecipeError(f"the function returned {', '.join(strange)}: its outputs are {', '.join(names)}")
    return value


def _check_once(output: TaskOutput, is_returned: bool, may_write: bool) -> None:
    called = f'the output "{output.name}"' if output.name else "its output"
    is_folder = output.format == "folder"
    if is_returned and is_folder:
        what = f"the function returned a value for {called}, which is a folder"
        raise RecipeError(what, hint="take `output` as a parameter and write files into that folder")
    if is_folder and may_write:
        return  # that it isn't empty is looked at with its files
    is_written = not is_folder and os.path.lexists(output.path)
    if is_returned and is_written:
        raise RecipeError(f"the function both returned and wrote {called}", hint="do one of the two")
    if is_returned or (is_written and may_write):
        return
    if may_write:
        raise RecipeError(f"the function neither returned nor wrote {called}")
    raise RecipeError(
        f"the function returned nothing for {called}",
        hint="take `output` as a parameter and write files into that folder"
        if is_folder
        else "return it, or take `output` as a parameter and write to that path",
    )


def write_value(value: Any, output: TaskOutput, timezone: str, engine: Engine) -> tuple[Column, ...] | None:
    """Write one value to an output's temporary path; its columns where it is a table.

    Instants are written as `timezone` (IANA) shows them where a format has no zones.
    """
    if is_table(value):
        from dbuild.recipes.tables import write_table

        engine.set_timezone(timezone)
        return write_table(value, output, engine)
    if isinstance(value, str):
        data = _encoded(value)
    elif isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(value)
    elif isinstance(value, (dict, list, tuple)):
        data = _json(value, output)
    else:
        raise RecipeError(f"the function returned {_spelt(value)}, which can't be written", hint=f"return {_ALLOWED}")
    with open(output.path, "wb") as stream:
        stream.write(data)
    return None


def is_table(value: object) -> bool:
    """Whether a value is a table of one of the known libraries; imports none of them."""
    for package, kind in _TABLES:
        known = getattr(sys.modules.get(package), kind, None)
        if isinstance(known, type) and isinstance(value, known):
            return True
    return False


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise RecipeError(f"the text that was returned can't be written as UTF-8: {error.reason}") from None


def _json(value: Any, output: TaskOutput) -> bytes:
    """A dict or list as JSON, or a list as one line for each item; gzipped where the ending says so."""
    name = output.final.lower()
    bare = name.removesuffix(".gz")
    if bare.endswith((".jsonl", ".ndjson")) and not isinstance(value, dict):
        text = "".join(_dumped(item, None) + "\n" for item in value)
    elif bare.endswith(".json"):
        text = _dumped(value, 2) + "\n"
    else:
        raise RecipeError(
            f"the function returned {_spelt(value)}, which goes to a .json file only, not to {os.path.basename(name)}",
            hint=f"return {_ALLOWED}",
        )
    data = _encoded(text)
    return gzip.compress(data, mtime=0) if bare != name else data  # with the time in it no output would be the same


def _dumped(value: Any, indent: int | None) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent, default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise RecipeError(f"what the function returned can't be written as JSON: {error}") from None


def _plain(value: Any) -> object:
    """Dates as their ISO text, numpy's numbers as Python's."""
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        plain: object = value.tolist()
        return plain
    raise TypeError(f"{_spelt(value)} is no JSON value")


def _spelt(value: object) -> str:
    kind = type(value)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
