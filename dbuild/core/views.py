"""Views: SQL targets that store nothing. Whoever reads one reads through it, with mappings of its own.

So a view is no step of a build: each reader gets the view's inputs as its own, under the view's name and a slash, and
the views themselves to put between. Unaware of partitions and of files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dbuild.core.model import Analysis, Input, Project, ShellRecipe, Source, SqlRecipe, Target, TimeDimension
from dbuild.core.part import Part
from dbuild.core.task import format_of
from dbuild.errors import UserError, nearest
from dbuild.values import dataclass, replace


@dataclass(frozen=True, slots=True)
class ViewUse:
    """A view where it is read."""

    name: str  # what its reader calls it; of a view inside a view "outer/inner"
    view: str  # the target that it is


@dataclass(frozen=True, slots=True)
class Step:
    """A target with all its inputs and what its recipe says of itself."""

    target: Target
    inputs: tuple[Input, ...]  # those behind views among them
    analysis: Analysis
    views: tuple[ViewUse, ...] = ()  # those that others of them read come first
    reads: tuple[str, ...] = ()  # the datasets that it names, views among them
    environment: tuple[Part, ...] = ()  # what counts of all that is installed, but for files


def see_through(
    project: Project, order: Iterable[str], linked: Mapping[str, Step]
) -> tuple[dict[str, Step], list[UserError]]:
    """The steps with what stands behind views in place of the views; `order` has each after what it reads."""
    problems: list[UserError] = []
    done: dict[str, Step] = {}
    for name in order:
        step = linked[name]
        inputs: list[Input] = []
        views: list[ViewUse] = []
        for given in step.inputs:
            behind = done.get(given.dataset)
            if behind is None or not behind.target.is_view:
                inputs.append(given)
                continue
            views += [ViewUse(f"{given.name}/{use.name}", use.view) for use in behind.views]
            views.append(ViewUse(given.name, given.dataset))
            inputs += [_behind(project, given, inner) for inner in behind.inputs]
            problems += _stray_rules(project, given, behind)
        reads = tuple(dict.fromkeys(given.dataset for given in step.inputs))
        done[name] = replace(step, inputs=tuple(inputs), views=tuple(views), reads=reads)
    return done, problems


def _behind(project: Project, given: Input, inner: Input) -> Input:
    """An input of a view as the view's reader has it: the reader's own rules come before the view's."""
    dataset = project.dataset(inner.dataset)
    own = [rule for rule in given.rules if dataset is not None and rule[0] in dataset.dimensions]
    said = {name for name, _ in own}
    rules = (*own, *(rule for rule in inner.rules if rule[0] not in said))
    has_time = dataset is not None and any(_is_time(project, name) for name in dataset.dimensions)
    word = given if given.says_missing and (has_time or given.missing != "latest") else inner
    return replace(
        inner,
        name=f"{given.name}/{inner.name}",
        rules=rules,
        place=given.place,
        counts=given.counts and inner.counts,
        missing=word.missing,
        says_missing=word.says_missing,
        max_age=word.max_age,
        minimum=given.minimum or inner.minimum,
    )


def _is_time(project: Project, name: str) -> bool:
    return isinstance(project.dimensions.get(name), TimeDimension)


def _stray_rules(project: Project, given: Input, behind: Step) -> Iterable[UserError]:
    found = [project.dataset(inner.dataset) for inner in behind.inputs]
    known = {name for dataset in found if dataset is not None for name in dataset.dimensions}
    for name, _ in given.rules:
        if name not in known:
            own = ", ".join(sorted(known)) or "none"
            what = f'nothing that the view "{given.dataset}" reads is partitioned by "{name}"'
            yield UserError(what, given.place, f"dimensions behind it: {own}")
    if given.missing == "latest" and not any(_is_time(project, name) for name in known):
        what = f'missing = "latest" takes the newest before, and nothing that "{given.dataset}" reads has times'
        yield UserError(what, given.place, "remove it")


def view_problems(project: Project, step: Step) -> Iterable[UserError]:
    """What a view can't be."""
    target, analysis = step.target, step.analysis
    if not target.is_view or analysis.problems:
        return
    if not analysis.is_single:
        what = f'the view "{target.name}" has statements before its SELECT'
        yield UserError(what, target.recipe.place, "use a WITH clause, or give the target a path")
    for name in analysis.params or ():
        if name not in project.params and name.removesuffix("_end") in project.dimensions:
            what = f'the view "{target.name}" uses ${name}, and a view has no partitions of its own'
            yield UserError(what, target.recipe.place, f"use the column {name}; what reads the view chooses partitions")


def reading_problems(project: Project, step: Step) -> Iterable[UserError]:
    """Inputs that can't be read by what reads them."""
    for given in step.inputs:
        dataset = project.dataset(given.dataset)
        if given.by and dataset is not None and not _is_table(dataset, given):
            what = f'"by" of the input "{given.name}": its files are no tables, so they have no rows'
            yield UserError(what, given.place, "rows are those of .parquet, .csv, .json and .arrow files")
        if not isinstance(dataset, Target):
            continue
        if dataset.is_action:
            what = f'"{dataset.name}" is an action: it makes nothing that target "{step.target.name}" could read'
            yield UserError(what, given.place, "give it a path, or read what it reads")
        elif dataset.is_view and isinstance(step.target.recipe, ShellRecipe):
            what = f'"{dataset.name}" is a view, which has no file that a command could read'
            yield UserError(what, given.place, "give it a path")
        elif not dataset.is_view and all(output.name != given.output for output in dataset.outputs):
            names = [f"{dataset.name}.{output.name}" for output in dataset.outputs if output.name]
            what = f'"{given.dataset}" has several outputs' if names else f'"{given.dataset}" has one output only'
            yield UserError(what, given.place, f"say which: {', '.join(names)}" if names else f'say "{dataset.name}"')
        elif isinstance(step.target.recipe, SqlRecipe) and _is_folder(dataset, given):
            what = f'"{given.name}" is a folder, and SQL reads tables'
            yield UserError(what, given.place, "make a .parquet, .csv or .json file as an output of its own")


def _is_table(dataset: Source | Target, given: Input) -> bool:
    paths = (
        [dataset.path] if isinstance(dataset, Source) else [o.path for o in dataset.outputs if o.name == given.output]
    )
    return all(format_of(path) in ("parquet", "csv", "json", "arrow") for path in paths)


def _is_folder(dataset: Target, given: Input) -> bool:
    return any(output.name == given.output and output.is_folder for output in dataset.outputs)


def binding_problems(project: Project, target: Target, analysis: Analysis) -> Iterable[UserError]:
    """The `$name`s of SQL that are neither a param nor a dimension of the target."""
    if not isinstance(target.recipe, SqlRecipe) or analysis.problems or target.is_view:
        return
    known = {*project.params, *target.dimensions}
    known |= {f"{name}_end" for name in target.dimensions if name in project.dimensions}
    for name in analysis.params or ():
        if name not in known:
            what = f'"${name}" is neither a dimension of {target.name} nor a param'
            yield UserError(what, target.recipe.place, nearest(name, known) or "declare it under params of [project]")
