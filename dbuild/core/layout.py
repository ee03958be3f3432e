"""What of a declaration, besides its text, a recipe is given: the meaning of its keys and of its outputs' paths."""

from __future__ import annotations

from dbuild.core.graph import Step
from dbuild.core.model import Project, ShellRecipe


def layout_of(project: Project, step: Step) -> list[object]:
    """What a recipe is given by its declaration: which dimension each value of a key is of, which output goes where.

    Keys and paths alone don't say: `{a}/{b}` that becomes `{b}/{a}` may have the very same ones.
    """
    target = step.target
    is_shell = isinstance(target.recipe, ShellRecipe)
    found: list[object] = [_dimensions(project, target.dimensions), sorted(target.params) if is_shell else []]
    if len(target.outputs) > 1:
        found.append(sorted((output.name, output.path) for output in target.outputs))
    if not is_shell:  # a command gets paths, others get the keys as columns
        datasets = ((given.name, project.dataset(given.dataset)) for given in step.inputs)
        found += [(name, _dimensions(project, dataset.dimensions)) for name, dataset in datasets if dataset]
    return found


def _dimensions(project: Project, names: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(name, repr(getattr(project.dimensions[name], "grain", ""))) for name in names]
