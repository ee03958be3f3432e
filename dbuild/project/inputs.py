"""The declared inputs of targets, and their rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dbuild.core.model import Dimension, Input, MappingRule
from dbuild.errors import UserError, nearest
from dbuild.project.document import Table
from dbuild.project.keys import KEYS, UNSUPPORTED
from dbuild.project.names import check_name
from dbuild.project.paths import DatasetPath
from dbuild.project.rules import read_rule


@dataclass(frozen=True, slots=True)
class Datasets:
    """What inputs may name."""

    paths: Mapping[str, DatasetPath]
    dimensions: Mapping[str, Dimension]
    is_whole: bool  # whether all files could be read, so that an unknown name is a mistake


def read_inputs(table: Table, datasets: Datasets) -> tuple[Input, ...]:
    """The inputs of a target; those with mistakes are reported, and left out if they name no dataset."""
    given = table.value("inputs")
    if isinstance(given, list):
        found = [_read_item(table, position, item, datasets) for position, item in enumerate(given)]
        return _unique(table, [item for item in found if item])
    pairs = given.items() if isinstance(given, dict) else ()
    return tuple(item for name, value in pairs if (item := _read_entry(table, name, value, datasets)))


def _read_item(table: Table, position: int, item: object, datasets: Datasets) -> Input | None:
    path = ("inputs", position)
    if not isinstance(item, str):
        table.report(f"an input of {table.title} is no string", *path, hint='as in inputs = ["raw"]')
        return None
    dataset = _dataset(table, item, datasets, path)
    return Input(item, dataset, "", (), table.place(*path)) if dataset else None


def _unique(table: Table, inputs: list[Input]) -> tuple[Input, ...]:
    first: dict[str, Input] = {}
    for item in inputs:
        if first.setdefault(item.name, item) is not item:
            what = f'the input "{item.name}" of {table.title} is given twice'
            table.document.problems.append(UserError(what, item.place, "remove one"))
    return tuple(first.values())


def _read_entry(table: Table, name: str, value: object, datasets: Datasets) -> Input | None:
    path = ("inputs", name)
    if not check_name(table, "input", name, *path):
        return None
    options = {"from": value} if isinstance(value, str) else value
    if not isinstance(options, dict):
        hint = f'as in {name} = "dataset" or {name} = {{ day = "-6d..0d" }}'
        table.report(f'the input "{name}" must be a string or a table', *path, hint=hint)
        return None
    origin = options.get("from", name)
    where = (*path, "from") if isinstance(value, dict) and "from" in value else path
    if not isinstance(origin, str):
        table.report(f'"from" of the input "{name}" must be a string', *where, hint="it names the dataset")
        return None
    dataset = _dataset(table, origin, datasets, where)
    if dataset is None:
        return None
    rules = _read_rules(table, name, options, datasets, dataset)
    return Input(name, dataset, "", rules, table.place(*path))


def _dataset(table: Table, text: str, datasets: Datasets, path: tuple[str | int, ...]) -> str | None:
    """The dataset that a text names; one that doesn't exist is reported."""
    name, dot, output = text.partition(".")
    if name not in datasets.paths:
        if datasets.is_whole:
            hint = nearest(name, datasets.paths) or f"declare it as [sources.{name}] or [targets.{name}]"
            table.report(f'"{name}", an input of {table.title}, is no dataset', *path, hint=hint)
        return None
    if dot:
        table.report(f'"{name}" has no output "{output}": it has one only', *path, hint=f'say "{name}"')
    return name


def _read_rules(
    table: Table, name: str, options: dict[str, object], datasets: Datasets, dataset: str
) -> tuple[tuple[str, MappingRule], ...]:
    rules = []
    found = datasets.paths[dataset]
    for key, value in options.items():
        path = ("inputs", name, key)
        if key in KEYS["inputs"]:
            continue
        if key not in found.dimensions:
            _report_key(table, path, found, dataset, datasets)
            continue
        try:
            rules.append((key, read_rule(value, datasets.dimensions[key])))
        except UserError as error:
            table.report(error.what, *path, hint=error.hint)
    return tuple(rules)


def _report_key(table: Table, path: tuple[str, str, str], found: DatasetPath, dataset: str, datasets: Datasets) -> None:
    key = path[-1]
    own = ", ".join(found.dimensions) or "none"
    if key in UNSUPPORTED["inputs"]:
        what = f'"{key}" of the input "{path[1]}" is not supported by this version of dbuild'
        table.report(what, *path, hint="remove it")
    elif found.pattern is None:
        return  # the dataset's path has mistakes of its own: what its dimensions are isn't known
    elif key in datasets.dimensions:
        table.report(f'"{dataset}" is not partitioned by "{key}"', *path, hint=f"its dimensions: {own}")
    else:
        hint = nearest(key, (*found.dimensions, *KEYS["inputs"])) or f'the dimensions of "{dataset}": {own}'
        table.report(f'unknown key "{key}" of the input "{path[1]}"', *path, hint=hint)
