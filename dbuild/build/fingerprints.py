"""The identity of recipes: code, files that it uses, the zone of its session, the forms of its outputs, its shape."""

from __future__ import annotations

from collections.abc import Mapping

from dbuild.build.locations import SINGLES
from dbuild.build.survey import Survey
from dbuild.core.graph import Flow, Step
from dbuild.core.layout import layout_of
from dbuild.core.shape import Shape, shape_of
from dbuild.observe.digests import digest_bytes

Pair = tuple[bytes, bytes]  # a fingerprint, and the same as version 0.1 had it: its traces vouch for what they did


class Fingerprints:
    """The fingerprints of a flow's targets."""

    def __init__(self, flow: Flow, survey: Survey) -> None:
        self._flow = flow
        self._survey = survey
        self._known: dict[str, Pair] = {}

    def of(self, target: str) -> Pair:
        """The fingerprints of a target as it is declared."""
        if target not in self._known:
            step = self._flow.steps[target]
            self._known[target] = self.in_shape(step, shape_of(self._flow.project, step))
        return self._known[target]

    def in_shape(self, step: Step, shape: Shape, codes: Mapping[str, bytes] | None = None) -> Pair:
        """The fingerprints that a target's recipe has, or had, in a shape.

        `codes` has the identities of its code ("") and its views, by their names in the shape, where they were others.
        """
        codes = codes or {}
        parts: list[bytes] = [codes.get("", step.analysis.fingerprint)]
        for path in step.target.uses:
            used = self._survey.file_digest(path, SINGLES)
            parts += (path.encode("utf-8", "surrogateescape"), used or b"absent")
        parts.append(step.target.timezone.encode())
        for output in step.target.outputs:
            parts.append(f"{output.name}:{output.path[output.path.rfind('.') :]}".encode())
        parts.append(repr([(given.name, given.dataset, given.output) for given in shape.inputs]).encode())
        for name, use in zip(shape.views, step.views, strict=True):
            parts += (name.encode(), codes.get(name, self._flow.views[use.view].analysis.fingerprint))
        if step.target.env or step.target.secrets:  # of secrets the names: a new password makes nothing stale
            parts.append(repr((sorted(step.target.env), sorted(step.target.secrets))).encode())
        before = digest_bytes(b"\0".join(parts))
        parts.append(repr(layout_of(step, shape)).encode("utf-8", "surrogateescape"))
        return digest_bytes(b"\0".join(parts)), before
