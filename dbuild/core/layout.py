"""What of a declaration, besides its text, a recipe is given: the meaning of its keys and of its outputs' paths."""

from __future__ import annotations

from dbuild.core.graph import Step
from dbuild.core.model import ShellRecipe
from dbuild.core.shape import Shape


def layout_of(step: Step, shape: Shape) -> list[object]:
    """What a recipe is given by its declaration: which dimension each value of a key is of, which output goes where.

    Keys and paths alone don't say: `{a}/{b}` that becomes `{b}/{a}` may have the very same ones. `shape` is the one
    that the target has, or had.
    """
    target = step.target
    is_shell = isinstance(target.recipe, ShellRecipe)
    found: list[object] = [list(shape.own.dimensions), sorted(target.params) if is_shell else []]
    if len(target.outputs) > 1:
        found.append(sorted((output.name, output.path) for output in target.outputs))
    if not is_shell:  # a command gets paths, others get the keys as columns
        found += [(given.name, list(given.cut.dimensions)) for given in shape.inputs]
    return found
