"""The texts of recipes' parts, as they are written now; and their keeping with the fingerprints that they make.

No text is taken of a file that isn't any more what was looked at, nor of one that holds the value of a secret.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from dbuild.build.locations import SINGLES
from dbuild.build.survey import Survey
from dbuild.build.world import World
from dbuild.core.graph import Flow, Step
from dbuild.core.model import MacroFile, PythonRecipe, Recipe, SqlRecipe
from dbuild.core.part import Part, Wording
from dbuild.execute.masks import Mask
from dbuild.observe.digests import digest_bytes

_LONGEST = 1 << 17  # bytes of a text that is kept
_LARGEST = 1 << 22  # bytes of a file of which parts are taken


class Texts:
    """The texts of the parts of a flow's targets. Each file is read once."""

    def __init__(self, flow: Flow, survey: Survey) -> None:
        self._flow = flow
        self._survey = survey
        self._files: dict[str, bytes | None] = {}
        names = {name for target in flow.project.targets.values() for name in target.secrets}
        self._mask = Mask(os.environ.get(name, "") for name in names)

    def wordings(self, step: Step, parts: Iterable[Part]) -> list[Wording]:
        """Each part with its text; None where it has none that may be kept: too long, no text, gone, or secret."""
        return [Wording(self._masked(part), self._of(step, part)) for part in parts]

    def _masked(self, part: Part) -> Part:
        if not self._mask or self._mask.hide(part.value) == part.value:
            return part
        return Part(part.kind, part.name, part.digest, "***", part.place, part.lines)

    def _of(self, step: Step, part: Part) -> str | None:
        text = self._written(step, part)
        is_fit = text is not None and len(text) <= _LONGEST and "\0" not in text
        return text if is_fit and (not self._mask or self._mask.hide(text or "") == text) else None

    def _written(self, step: Step, part: Part) -> str | None:
        match part.kind:
            case "sql" | "shell":
                return _text_of(step.target.recipe)
            case "view":
                uses = {use.name: use.view for use in step.views}
                return _text_of(self._flow.views[uses[part.name]].target.recipe)
            case "macro":
                return self._macro(step, part)
            case "code":
                return _lines(self._file(part.place.file), part) if part.place else None
            case "file" | "lock":
                data = self._file(part.name)
                return _decoded(data) if data is not None else None
        return None

    def _macro(self, step: Step, part: Part) -> str | None:
        recipes = [step.target.recipe, *(self._flow.views[use.view].target.recipe for use in step.views)]
        files = (file for recipe in recipes if isinstance(recipe, SqlRecipe) for file in recipe.macros)
        return next((_macro_in(file, part) for file in files if _holds(file, part)), None)

    def _file(self, path: str) -> bytes | None:
        """A file's content, if it is what this look at the project found."""
        if path not in self._files:
            row = self._survey.row(path, SINGLES)
            data = self._read(path) if row is not None and row.stat.size <= _LARGEST else None
            is_same = row is not None and data is not None and digest_bytes(data) == row.digest
            self._files[path] = data if is_same else None
        return self._files[path]

    def _read(self, path: str) -> bytes | None:
        try:
            with open(os.path.join(self._survey.root, path), "rb") as stream:
                return stream.read()
        except OSError:
            return None


def _text_of(recipe: Recipe) -> str | None:
    return None if isinstance(recipe, PythonRecipe) else recipe.text


def _holds(file: MacroFile, part: Part) -> bool:
    return part.place is not None and file.place.file == part.place.file and file.place.line <= part.place.line


def _macro_in(file: MacroFile, part: Part) -> str | None:
    assert part.place
    first = part.place.line - max(1, file.place.line)
    return "\n".join(file.text.split("\n")[first : first + part.lines]) or None


def _lines(data: bytes | None, part: Part) -> str | None:
    """The lines of a part of a Python file, which ends lines as bytes do."""
    if data is None or part.place is None:
        return None
    lines = data.splitlines()[part.place.line - 1 :][: part.lines]
    return _decoded(b"\n".join(lines)) if lines else None


def _decoded(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def keep_recipes(world: World, targets: Iterable[str]) -> None:
    """Keeps the parts of what these targets are made by now, of those whose fingerprint isn't kept yet.

    Inside a transaction. Costs one question for each target that has not changed.
    """
    recipes = world.state.recipes
    unknown = [name for name in targets if not recipes.knows(name, world.fingerprints.present(name))]
    texts = Texts(world.flow, world.survey) if unknown else None
    for name in unknown:
        assert texts
        wordings = texts.wordings(world.flow.steps[name], world.fingerprints.parts(name))
        recipes.put(name, world.fingerprints.present(name), wordings)
