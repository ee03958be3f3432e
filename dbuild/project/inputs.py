"""The declared inputs of targets, and their rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from dbuild.core.model import Dimension, Input, MappingRule
from dbuild.errors import UserError, nearest
from dbuild.project.document import Table
from dbuild.project.keys import KEYS
from dbuild.project.names import check_name, is_identifier
from dbuild.project.outputs import OutputPaths
from dbuild.project.paths import DatasetPath
from dbuild.project.policies import Ends, read_policies
from dbuild.project.rules import read_rule
from dbuild.values import dataclass


@dataclass(frozen=True, slots=True)
class Offer:
    """What a dataset has for those that read it."""

    kind: Literal["source", "target", "view", "action"]
    dimensions: tuple[str, ...]
    outputs: tuple[str, ...]  # names; "" for one without
    is_known: bool  # whether there is no mistake in its paths, from which all this is read

    @classmethod
    def of_source(cls, path: DatasetPath) -> Offer:
        """What a source has."""
        return cls("source", path.dimensions, ("",), path.pattern is not None)

    @classmethod
    def of_target(cls, table: Table, made: OutputPaths) -> Offer:
        """What a target has."""
        kind: Literal["target", "view", "action"] = "target"
        if not made.paths and made.is_known:
            kind = "view" if "sql" in table else "action"
        return cls(kind, made.dimensions, tuple(made.paths), made.is_known)


@dataclass(frozen=True, slots=True)
class Datasets:
    """What inputs may name."""

    offers: Mapping[str, Offer]
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
    return _read_named(table, item, item, datasets, path)


def _unique(table: Table, inputs: list[Input]) -> tuple[Input, ...]:
    first: dict[str, Input] = {}
    for item in inputs:
        if first.setdefault(item.name, item) is not item:
            what = f'the input "{item.name}" of {table.title} is given twice'
            table.document.problems.append(UserError(what, item.place, "remove one"))
    return tuple(first.values())


def _read_entry(table: Table, name: str, value: object, datasets: Datasets) -> Input | None:
    path = ("inputs", name)
    head, dot, output = name.partition(".")
    if not (dot and is_identifier(head) and is_identifier(output)) and not check_name(table, "input", name, *path):
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
    if dot and origin != name:
        what = f'"{name}" names an output, so it can\'t be the name of an input from "{origin}"'
        table.report(what, *where, hint="choose a name without a dot")
        return None
    found = _read_named(table, name, origin, datasets, where, tuple(options))
    if found is None:
        return None
    rules = _read_rules(table, name, options, datasets, found.dataset)
    impact = options.get("impact")
    if impact not in (None, "none"):
        hint = "without it, changes of the input count"
        table.report(f'"impact" of the input "{name}" can only be "none"', *path, "impact", hint=hint)
    policies = read_policies(table, name, options, _ends(table, found.dataset, datasets))
    return Input(
        name,
        found.dataset,
        found.output,
        rules,
        table.place(*path),
        counts=impact is None,
        missing=policies.missing or "wait",
        says_missing=policies.missing is not None,
        max_age=policies.max_age,
        minimum=policies.minimum,
        by=policies.by,
    )


def _ends(table: Table, dataset: str, datasets: Datasets) -> Ends:
    own = datasets.offers[str(table.path[-1])]
    return Ends(dataset, datasets.offers[dataset].kind, own.dimensions, own.is_known)


def _read_named(
    table: Table, name: str, text: str, datasets: Datasets, path: tuple[str | int, ...], keys: tuple[str, ...] = ()
) -> Input | None:
    """The input of a name that a text says the dataset of; what can't be read is reported. `keys`: of its entry."""
    dataset, _, output = text.partition(".")
    offer = datasets.offers.get(dataset)
    if offer is None:
        if datasets.is_whole:
            hint = nearest(dataset, datasets.offers) or f"declare it as [sources.{dataset}] or [targets.{dataset}]"
            table.report(f'"{dataset}", an input of {table.title}, is no dataset', *path, hint=hint)
        return None
    mistake = _unreadable(table, dataset, offer) if offer.is_known else None
    if mistake is None and offer.is_known:
        mistake = _wrong_output(table, text, offer, keys)
        output = output or (offer.outputs[0] if offer.outputs else "")
    if mistake is not None:
        table.report(mistake[0], *path, hint=mistake[1])
        return None
    return Input(name, dataset, output, (), table.place(*path))


def _unreadable(table: Table, name: str, offer: Offer) -> tuple[str, str] | None:
    """Why a recipe can't read a dataset, and a hint; None where it can."""
    if offer.kind == "action":
        what = f'"{name}", an input of {table.title}, is an action: it makes nothing to read'
        return what, f"give [targets.{name}] a path, or remove the input"
    if offer.kind == "view" and "shell" in table:
        what = f'"{name}", an input of {table.title}, is a view: it has no files that a command could read'
        return what, f"give [targets.{name}] a path"
    return None


def _wrong_output(table: Table, text: str, offer: Offer, keys: tuple[str, ...]) -> tuple[str, str] | None:
    """Why a text names none of a dataset's outputs, and a hint; None where it does."""
    name, _, output = text.partition(".")
    named = [known for known in offer.outputs if known]
    if output and output not in named:
        what = f'"{name}" has no output "{output}"'
        if not named:
            return f"{what}: {'it is a view' if offer.kind == 'view' else 'it has one only'}", f'say "{name}"'
        return what, nearest(output, named) or f"its outputs: {', '.join(named)}"
    if output or len(named) < 2:
        return None
    what = f'"{name}", an input of {table.title}, has several outputs: {", ".join(named)}'
    split = next((key for key in keys if key in named), None)
    if split is not None:  # inputs.model.metrics is a key of a key to TOML
        return what, f'quote the name, as in inputs."{name}.{split}"'
    return what, f'say which, as in "{name}.{named[0]}"'


def _read_rules(
    table: Table, name: str, options: dict[str, object], datasets: Datasets, dataset: str
) -> tuple[tuple[str, MappingRule], ...]:
    rules = []
    offer = datasets.offers[dataset]
    # What is partitioned behind a view is known only when its SQL has been looked into.
    own = tuple(datasets.dimensions) if offer.kind == "view" else offer.dimensions
    for key, value in options.items():
        path = ("inputs", name, key)
        if key in KEYS["inputs"]:
            continue
        if key not in own:
            _report_key(table, path, own, offer, dataset, datasets)
            continue
        try:
            rules.append((key, read_rule(value, datasets.dimensions[key])))
        except UserError as error:
            table.report(error.what, *path, hint=error.hint)
    return tuple(rules)


def _report_key(
    table: Table, path: tuple[str, str, str], own: tuple[str, ...], offer: Offer, dataset: str, datasets: Datasets
) -> None:
    key = path[-1]
    said = ", ".join(own) or "none"
    if key in KEYS["sources"]:
        what = f'"{key}" of the input "{path[1]}" is said of a source, not where it is read'
        table.report(what, *path, hint="it belongs into [sources.NAME]")
    elif not offer.is_known:
        return  # the dataset's path has mistakes of its own: what its dimensions are isn't known
    elif key in datasets.dimensions:
        table.report(f'"{dataset}" is not partitioned by "{key}"', *path, hint=f"its dimensions: {said}")
    else:
        hint = nearest(key, (*own, *KEYS["inputs"])) or f'the dimensions of "{dataset}": {said}'
        table.report(f'unknown key "{key}" of the input "{path[1]}"', *path, hint=hint)
