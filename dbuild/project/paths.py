"""The paths of datasets, from their text to a pattern of known dimensions."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from dbuild.core.grain import Grain
from dbuild.core.model import Dimension, ListDimension, TimeDimension
from dbuild.core.pattern import PathPattern
from dbuild.core.pieces import fields_of, parse_pattern
from dbuild.errors import UserError, nearest
from dbuild.project.document import Table
from dbuild.values import dataclass

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_INSIDE = "outputs are inside the project, and their paths relative to it"


@dataclass(frozen=True, slots=True)
class DatasetPath:
    """A dataset's path as it was understood."""

    text: str  # relative to the project where that is possible
    dimensions: tuple[str, ...]
    pattern: PathPattern | None  # None where it has mistakes


@dataclass(frozen=True, slots=True)
class Axes:
    """The dimensions that paths may name."""

    dimensions: Mapping[str, Dimension]  # those that could be made
    names: tuple[str, ...]  # all that are declared
    grains: Mapping[str, Grain | None]
    values: Mapping[str, tuple[str, ...]]  # of lists

    @classmethod
    def of(cls, dimensions: Mapping[str, Dimension], names: tuple[str, ...]) -> Axes:
        """The axes of the dimensions that could be made, of all that are declared."""
        grains = {name: item.grain if isinstance(item, TimeDimension) else None for name, item in dimensions.items()}
        values = {name: item.values for name, item in dimensions.items() if isinstance(item, ListDimension)}
        return cls(dimensions, names, grains, values)


def read_path(table: Table, axes: Axes, root: str) -> DatasetPath:
    """The path of a source; mistakes are reported, also that there is none."""
    text = table.string("path")
    if text is not None:
        return understand_path(text, table, ("path",), axes, root)
    if not table.is_tried("path"):
        table.report(f"{table.title} has no path", hint='as in path = "data/{day}.csv"')
    return DatasetPath("", (), None)


def understand_path(
    text: str, table: Table, place: tuple[str, ...], axes: Axes, root: str, *, is_output: bool = False
) -> DatasetPath:
    """What the path says that stands at `place` below a table; mistakes are reported there."""
    try:
        text = _normalised(text, root, is_output)
        fields = fields_of(parse_pattern(text))
    except UserError as error:
        table.report(error.what, *place, hint=error.hint)
        return DatasetPath(text, (), None)
    for name in fields:
        if name not in axes.names:
            hint = nearest(name, axes.names) or f"declare it as [partitions.{name}]"
            table.report(f'"{{{name}}}" in the path of {table.title} is no dimension', *place, hint=hint)
    known = tuple(name for name in fields if name in axes.dimensions)
    if known != fields:
        return DatasetPath(text, known, None)
    try:
        return DatasetPath(text, known, _pattern(text, axes, is_output))
    except UserError as error:
        table.report(error.what, *place, hint=error.hint)
        return DatasetPath(text, known, None)


def _pattern(text: str, axes: Axes, is_output: bool) -> PathPattern:
    pattern = PathPattern(text, axes.grains)
    if is_output and pattern.has_glob:
        raise UserError(
            f"an output's path can't have globs: \"{text}\"", hint="each key has one file: use placeholders"
        )
    if not pattern.has_glob:
        _check_values(pattern, axes)
    return pattern


def _check_values(pattern: PathPattern, axes: Axes) -> None:
    """UserError where a value of a list can't be written into the path, or not be found in it again."""
    names = [name for name in pattern.dimensions if axes.grains[name] is None]
    lists = [name for name in names if len(names) > 1 or any(value[0] == "." for value in axes.values.get(name, ()))]
    sample = {name: _example(axes, name) for name in pattern.dimensions}
    for name in lists:
        for value in axes.values.get(name, ()):
            try:
                pattern.path([({**sample, name: value})[other] for other in pattern.dimensions])
            except ValueError as error:
                hint = f'separate "{{{name}}}" by a folder, or by what its values don\'t have'
                raise UserError(str(error), hint=hint) from None


def _example(axes: Axes, name: str) -> str:
    grain = axes.grains[name]
    return grain.example if grain else (axes.values.get(name) or ("x",))[0]


def _normalised(text: str, root: str, is_output: bool) -> str:
    """A path without empty parts and dots, relative to the project if it is inside; UserError where it can't be one.

    A slash at the end of an output is kept: it is a folder.
    """
    if _CONTROL.search(text):
        raise UserError(f"the path {text!r} has control characters", hint="remove them")
    if "://" in text:
        raise UserError(f'"{text}" is no file: other places are not supported by this version', hint="name files")
    if text.startswith("~"):
        raise UserError(f'"~" in "{text}" is not expanded', hint="write the whole path")
    parts = [part for part in text.split("/") if part not in ("", ".")]
    climbs = next((number for number, part in enumerate(parts) if part != ".."), len(parts))
    if ".." in parts[climbs:] or (climbs and text.startswith("/")):
        raise UserError(f'".." inside the path "{text}"', hint='".." may only stand at its beginning')
    if is_output and not parts[climbs:]:
        raise UserError(f'the output "{text}" would be a folder that holds the project', hint='as in "out/NAME/"')
    if not is_output and (text.endswith("/") or not parts[climbs:]):
        raise UserError(f'"{text}" names a folder', hint='name the files in it, as in "data/{day}/*.csv"')
    joined = _relative(parts, text.startswith("/"), climbs, root)
    if is_output and (joined.startswith(("/", "../")) or joined.split("/")[0] == ".dbuild"):
        raise UserError(f'the output "{text}" is not a place for outputs', hint=_INSIDE)
    return f"{joined}/" if text.endswith("/") else joined


def _relative(parts: list[str], is_absolute: bool, climbs: int, root: str) -> str:
    joined = "/" * is_absolute + "/".join(parts)
    if not is_absolute and not climbs:
        return joined
    whole = (
        joined if is_absolute else os.path.normpath("/".join([root, *parts[:climbs]])) + "/" + "/".join(parts[climbs:])
    )
    return whole[len(root) + 1 :] if whole.startswith(root.rstrip("/") + "/") else joined
