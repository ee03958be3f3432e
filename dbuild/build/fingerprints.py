"""The identity of recipes: code, files that it uses, the zone of its session, the forms of its outputs, its shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dbuild.build.locations import SINGLES
from dbuild.build.survey import Survey
from dbuild.core.graph import Flow, Step
from dbuild.core.layout import layout_of, settings_of
from dbuild.core.model import Analysis, ShellRecipe
from dbuild.core.part import Part, is_narrowed, packed_parts
from dbuild.core.shape import Shape, shape_of
from dbuild.observe.digests import digest_bytes
from dbuild.state.recipes import Recipes

# A fingerprint, and those of other versions and declarations under which the same was made: their traces vouch for it.
Prints = tuple[bytes, ...]
NO_CODES: Mapping[str, Analysis] = {}


class Fingerprints:
    """The fingerprints of a flow's targets."""

    def __init__(self, flow: Flow, survey: Survey, recipes: Recipes) -> None:
        self._flow = flow
        self._survey = survey
        self._recipes = recipes
        self._own: dict[str, Prints] = {}
        self._known: dict[str, Prints] = {}

    def present(self, target: str) -> bytes:
        """The fingerprint of a target as it is declared."""
        return self._in_own_shape(target)[0]

    def of(self, target: str) -> Prints:
        """The fingerprints of a target as it is declared."""
        if target not in self._known:
            self._known[target] = (*self._in_own_shape(target), *self._wider(self._flow.steps[target]))
        return self._known[target]

    def _in_own_shape(self, target: str) -> Prints:
        if target not in self._own:
            step = self._flow.steps[target]
            self._own[target] = self.in_shape(step, shape_of(self._flow.project, step))
        return self._own[target]

    def parts(self, target: str) -> tuple[Part, ...]:
        """What the fingerprint of a target as it is declared is made of."""
        step = self._flow.steps[target]
        return tuple(self._parts(step, shape_of(self._flow.project, step), NO_CODES))

    def in_shape(self, step: Step, shape: Shape, codes: Mapping[str, Analysis] = NO_CODES) -> Prints:
        """The fingerprints that a target's recipe has, or had, in a shape.

        `codes` has the identities of its code ("") and its views, by their names in the shape, where they were others.
        """
        present = digest_bytes(packed_parts(self._parts(step, shape, codes)))
        return (present, *self._former(step, shape, codes))

    def _wider(self, step: Step) -> Prints:
        """Those of the same recipe when more of what is installed counted, by the word of the Dataflowfile.

        Where it has no word, less than before also means that a package has been removed.
        """
        if step.target.environment is None and not isinstance(step.target.recipe, ShellRecipe):
            return ()
        now = self.parts(step.target.name)
        kept = self._recipes.all_of(step.target.name)
        return tuple(fingerprint for fingerprint, before in kept.items() if is_narrowed(before, now))

    def _parts(self, step: Step, shape: Shape, codes: Mapping[str, Analysis]) -> Iterator[Part]:
        yield from codes.get("", step.analysis).parts
        for name, use in zip(shape.views, step.views, strict=True):
            analysis = codes.get(name, self._flow.views[use.view].analysis)
            yield from (part.inside(name) for part in analysis.parts)
        for path in step.target.uses:
            yield Part("file", path, self._survey.file_digest(path, SINGLES) or b"")
        said = step.target.environment
        for path in said.files if said is not None else ():
            yield Part("lock", path, self._survey.file_digest(path, SINGLES) or b"")
        yield from step.environment
        for name, meaning, words in settings_of(step, shape):
            yield Part("setting", name, digest_bytes(meaning.encode("utf-8", "surrogateescape")), words)

    def _former(self, step: Step, shape: Shape, codes: Mapping[str, Analysis]) -> Prints:
        """The same as versions had it whose traces didn't know of parts."""
        analysis = codes.get("", step.analysis)
        code, former = analysis.fingerprint, analysis.former or analysis.fingerprint
        before = self._listed(step, shape, former, codes)
        layout = repr(layout_of(step, shape)).encode("utf-8", "surrogateescape")
        found = [digest_bytes(b"\0".join((*before, layout))), digest_bytes(b"\0".join(before))]
        return tuple(found) if former == code else (digest_bytes(b"\0".join((code, *before[1:], layout))), *found)

    def _listed(self, step: Step, shape: Shape, code: bytes, codes: Mapping[str, Analysis]) -> list[bytes]:
        """All that version 0.1 made a fingerprint of, the code first."""
        parts = [code]
        for path in step.target.uses:
            used = self._survey.file_digest(path, SINGLES)
            parts += (path.encode("utf-8", "surrogateescape"), used or b"absent")
        parts.append(step.target.timezone.encode())
        for output in step.target.outputs:
            parts.append(f"{output.name}:{output.path[output.path.rfind('.') :]}".encode())
        parts.append(repr([(given.name, given.dataset, given.output) for given in shape.inputs]).encode())
        for name, use in zip(shape.views, step.views, strict=True):
            parts += (name.encode(), codes.get(name, self._flow.views[use.view].analysis).fingerprint)
        if step.target.env or step.target.secrets:  # of secrets the names: a new password makes nothing stale
            parts.append(repr((sorted(step.target.env), sorted(step.target.secrets))).encode())
        return parts
