"""What a target can't have whose partitions are made several together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from dbuild.core.model import Project, PythonRecipe, SqlRecipe, Target
from dbuild.core.views import Step
from dbuild.errors import Place, UserError

KEYS = "keys"  # what a batched recipe calls the partitions that it is to make: a table, or a parameter


def batch_problems(project: Project, step: Step) -> Iterable[UserError]:
    """The mistakes of a batched target; `step` has its inputs seen through views."""
    target = step.target
    if target.batch is None or step.analysis.problems:
        return
    yield from _single_values(project, step)
    for given in step.inputs:
        if given.dataset == target.name:
            what = f'"{target.name}" reads its own earlier partitions, so they can\'t be made together'
            yield UserError(what, given.place, 'remove "batch"')
        elif given.missing == "latest" and isinstance(target.recipe, SqlRecipe):
            what = f'"{given.name}" has missing = "latest", and rows of a batch don\'t tell what they stand in for'
            yield UserError(what, given.place, 'remove "batch", or write the recipe in Python')


def _single_values(project: Project, step: Step) -> Iterator[UserError]:
    """What a recipe asks for that one partition has, and several haven't."""
    target = step.target
    if isinstance(target.recipe, PythonRecipe):
        for name in sorted(step.analysis.calls & {"key", "provisional"}):
            what = f'the parameter "{name}" is of one partition, and "{target.name}" makes several in one call (batch)'
            hint = "take `keys`, a list of keys" if name == "key" else "remove it"
            yield UserError(what, target.recipe.place, hint)
        return
    own = {spelt: name for name in target.dimensions for spelt in (name, f"{name}_end")}
    asked = step.analysis.params or ()
    for name in (*asked, *sorted(step.analysis.calls & {"provisional"})):
        if name in own and name not in project.params:
            what = f'"${name}" is of one partition, and "{target.name}" makes several in one call (batch)'
            yield UserError(what, _place(target, name), f"use the column {own[name]}; its result has to have it")
        elif name in step.analysis.calls:
            what = f'"${name}" is of one partition, and "{target.name}" makes several in one call (batch)'
            yield UserError(what, _place(target, name), 'remove it, or "batch"')


def _place(target: Target, name: str) -> Place:
    """Where SQL binds a value."""
    recipe = target.recipe
    assert isinstance(recipe, SqlRecipe)
    found = re.search(rf"\${re.escape(name)}\b", recipe.text)
    return Place(recipe.place.file, recipe.place.line + recipe.text.count("\n", 0, found.start() if found else 0))


def is_keys(target: Target, name: str) -> bool:
    """Whether a name in a recipe is that of the partitions asked for, if no input is called so."""
    return target.batch is not None and name.lower() == KEYS
