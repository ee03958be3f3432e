"""`batch`: how many partitions of a target one call of its recipe makes together."""

from __future__ import annotations

from dbuild.project.document import Table
from dbuild.project.outputs import OutputPaths

_ALL = 0


def read_batch(table: Table, made: OutputPaths) -> int | None:
    """What a target says, as `core.model.Target` has it; mistakes are reported."""
    given = table.value("batch")
    if given is None:
        return None
    hint = "remove it"
    if "shell" in table:
        what = f'"batch" of {table.title} is for SQL and Python: a command makes one partition'
    elif not made.paths:
        what = f'"batch" of {table.title} is for what is stored, and without a path nothing is'
        hint = "remove it, or give the target a path"
    elif made.is_known and not made.dimensions:
        what = f'"batch" of {table.title} is for a target with partitions, and it has none'
        hint = 'remove it; partitions are those of its path, as in path = "out/{day}.parquet"'
    else:
        return given if isinstance(given, int) else _ALL
    table.report(what, "batch", hint=hint)
    return None
