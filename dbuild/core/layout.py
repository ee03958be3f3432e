"""What of a declaration, besides its text, a recipe is given: the meaning of its keys and of its outputs' paths."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from dbuild.core.graph import Step
from dbuild.core.model import ShellRecipe
from dbuild.core.shape import Meaning, Shape

_FIELD = re.compile(r"(\w+)='?([^',)]+)")  # of a grain as shapes have it
Setting = tuple[str, str, str]  # its name, all that counts of it, and the same as people know it


def settings_of(step: Step, shape: Shape) -> Iterator[Setting]:
    """What counts of a declaration besides its recipe's text; each setting has a name of its own.

    `shape` is the one that the target has, or had.
    """
    target = step.target
    is_shell = isinstance(target.recipe, ShellRecipe)
    yield _plain("timezone", target.timezone)
    yield "dimensions", repr(list(shape.own.dimensions)), _words(shape.own.dimensions)
    for output in target.outputs:
        yield _plain(_titled("output", output.name), output.path[output.path.rfind(".") :])
        if len(target.outputs) > 1:
            yield _plain(f"path of {output.name}", output.path)
    if len(target.outputs) > 1:  # recipes are given them in this order
        yield _plain("outputs", ", ".join(output.name for output in target.outputs))
    for given in shape.inputs:
        yield _plain(f"input {given.name}", given.subject)
        if not is_shell:  # a command gets paths, others get the keys as columns
            cut = given.cut.dimensions
            yield f"dimensions of {given.name}", repr(list(cut)), _words(cut)
    if is_shell and target.params:
        yield _plain("params", ", ".join(sorted(target.params)))
    yield from (_plain(f"env {name}", value) for name, value in target.env)
    yield from (_plain(f"secret {name}", "") for name in target.secrets)  # a new password makes nothing stale


def _plain(name: str, value: str) -> Setting:
    return name, value, value


def _titled(word: str, name: str) -> str:
    return f"{word} {name}" if name else word


def _words(dimensions: Sequence[Meaning]) -> str:
    """Dimensions as people know them: "day (UTC), airport"."""
    return ", ".join(f"{name}{_meant(name, meaning)}" for name, meaning in dimensions) or "none"


def _meant(name: str, meaning: str) -> str:
    """What the keys of a dimension are, where they are periods; a unit that is called like it isn't said twice."""
    told = dict(_FIELD.findall(meaning))
    if not told:
        return ""
    unit = f"{told['count']} {told['unit']}s" if "count" in told else told["unit"]
    return f" ({told['timezone']})" if unit == name else f" ({unit}, {told['timezone']})"


def layout_of(step: Step, shape: Shape) -> list[object]:
    """The same as fingerprints had it before they had parts.

    Which dimension each value of a key is of, and which output goes where: keys and paths alone don't say, `{a}/{b}`
    that becomes `{b}/{a}` may have the very same ones.
    """
    target = step.target
    is_shell = isinstance(target.recipe, ShellRecipe)
    found: list[object] = [list(shape.own.dimensions), sorted(target.params) if is_shell else []]
    if len(target.outputs) > 1:
        found.append(sorted((output.name, output.path) for output in target.outputs))
    if not is_shell:  # a command gets paths, others get the keys as columns
        found += [(given.name, list(given.cut.dimensions)) for given in shape.inputs]
    return found
