"""The outputs of targets: one path, a table of named ones, or none (views and actions)."""

from __future__ import annotations

from collections.abc import Mapping

from dbuild.core.model import Output
from dbuild.core.task import format_of
from dbuild.errors import nearest
from dbuild.project.document import Table
from dbuild.project.names import is_identifier
from dbuild.project.options import COLUMNAR
from dbuild.project.paths import Axes, DatasetPath, understand_path
from dbuild.project.recipe import KINDS
from dbuild.values import dataclass


@dataclass(frozen=True, slots=True)
class OutputPaths:
    """The paths of a target's outputs as they were understood."""

    paths: Mapping[str, DatasetPath]  # by the output's name, "" where it is the only one; empty: a view or an action
    dimensions: tuple[str, ...]  # in the order of the first; of an action as declared
    is_known: bool  # whether there is no mistake in them

    def outputs(self) -> tuple[Output, ...]:
        """The same as the model has them."""
        return tuple(Output(name, path.text) for name, path in self.paths.items())

    @property
    def texts(self) -> tuple[str, ...]:
        """The paths that could be read."""
        return tuple(path.text for path in self.paths.values() if path.text)


_UNKNOWN = OutputPaths({"": DatasetPath("", (), None)}, (), False)


def read_outputs(table: Table, axes: Axes, root: str) -> OutputPaths:
    """The outputs of a target; mistakes are reported."""
    given = table.value("path")
    if given is None:
        return _without_path(table, axes)
    if "partitions" in table:
        what = f'"partitions" of {table.title} is for actions, which have no path'
        table.report(what, "partitions", hint="remove it: a target has the dimensions in its path")
    if isinstance(given, dict):
        return _read_named(table, given, axes, root)
    path = understand_path(str(given), table, ("path",), axes, root, is_output=True)
    _check_sql(table, path)
    return OutputPaths({"": path}, path.dimensions, path.pattern is not None)


def _without_path(table: Table, axes: Axes) -> OutputPaths:
    if table.is_tried("path"):
        return _UNKNOWN
    if not any(kind in table for kind in KINDS):
        return _UNKNOWN
    for name in ("read", "schema"):
        if name in table:
            what = f'"{name}" of {table.title} is for what has files, and without a path it has none'
            table.report(what, name, hint="remove it, or give the target a path")
    if "partitions" not in table:
        return OutputPaths({}, (), True)
    if "sql" in table:
        what = f'"partitions" of {table.title} is for actions, and SQL without a path is a view'
        table.report(what, "partitions", hint="remove it: what reads the view chooses partitions")
        return OutputPaths({}, (), True)
    return OutputPaths({}, _read_dimensions(table, axes), True)


def _read_dimensions(table: Table, axes: Axes) -> tuple[str, ...]:
    taken: dict[str, int] = {}
    for position, name in enumerate(table.strings("partitions") or ()):
        if name not in axes.names:
            hint = nearest(name, axes.names) or f"declare it as [partitions.{name}]"
            table.report(f'"{name}" of {table.title} is no dimension', "partitions", position, hint=hint)
        elif name in taken:
            table.report(f'"{name}" of {table.title} is given twice', "partitions", position, hint="remove one")
        taken.setdefault(name, position)
    return tuple(name for name in taken if name in axes.dimensions)


def _read_named(table: Table, given: Mapping[str, object], axes: Axes, root: str) -> OutputPaths:
    if "sql" in table:
        what = f"{table.title} is SQL, which has one output"
        table.report(what, "path", hint='as in path = "out/{day}.parquet"; or write the recipe in Python')
    elif not given:
        table.report(f"path of {table.title} names no output", "path", hint='as in { model = "out/model.joblib" }')
    taken: dict[str, DatasetPath] = {}
    folded: dict[str, str] = {}
    is_known = bool(given) and "sql" not in table
    for name, text in given.items():
        if not _check_name(table, name, folded):
            is_known = False
        elif not isinstance(text, str) or not text.strip():
            what = f'the path of the output "{name}" must be a string that isn\'t empty'
            table.report(what, "path", name, hint=f'as in {name} = "out/{name}.json"')
            is_known = False
        else:
            taken[name] = understand_path(text, table, ("path", name), axes, root, is_output=True)
    if is_known and all(path.pattern is not None for path in taken.values()):
        is_known = _check_dimensions(table, taken)
    else:
        is_known = False
    first = next(iter(taken.values()), None)
    return OutputPaths(taken, first.dimensions, is_known) if first else _UNKNOWN


def _check_name(table: Table, name: str, folded: dict[str, str]) -> bool:
    if not is_identifier(name):
        hint = "names have letters, digits and underscores, and don't start with a digit"
        table.report(f'"{name}" can\'t be the name of an output', "path", name, hint=hint)
        return False
    other = folded.setdefault(name.lower(), name)
    if other != name:
        what = f'the output "{name}" differs only in case from "{other}"'
        table.report(what, "path", name, hint="SQL takes them for one name: rename one")
    return other == name


def _check_dimensions(table: Table, paths: Mapping[str, DatasetPath]) -> bool:
    (first, path), *others = paths.items()
    own = ", ".join(path.dimensions) or "none"
    is_right = True
    for name, other in others:
        if set(other.dimensions) != set(path.dimensions):
            dimensions = ", ".join(other.dimensions) or "none"
            what = f'the output "{name}" has other dimensions ({dimensions}) than "{first}" ({own})'
            table.report(what, "path", name, hint="all outputs of a target are made together, for one partition")
            is_right = False
    return is_right


def _check_sql(table: Table, path: DatasetPath) -> None:
    if "sql" not in table or path.pattern is None or format_of(path.text) in COLUMNAR:
        return
    if path.pattern.is_folder:
        what = f'SQL writes a file, and "{path.text}" is a folder'
        table.report(what, "path", hint=f'as in path = "{path.text.rstrip("/")}.parquet"')
        return
    hint = "SQL writes .parquet, .csv, .json and .arrow, CSV and JSON also with .gz"
    table.report(f'the ending of "{path.text}" names no format that SQL can write', "path", hint=hint)
