"""What is declared of targets, as far as verdicts depend on it: recipes, params, where and how inputs are read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from dbuild.build.fingerprints import Fingerprints
from dbuild.build.schemas import Schemas
from dbuild.core.graph import Flow, Step
from dbuild.core.model import Project, Source
from dbuild.observe.digests import digest_bytes

if TYPE_CHECKING:
    from dbuild.build.routing import Routing


class Declarations:
    """The declarations of a flow's targets."""

    def __init__(self, flow: Flow, fingerprints: Fingerprints, schemas: Schemas, routing: Routing | None) -> None:
        self._flow = flow
        self._fingerprints = fingerprints
        self._schemas = schemas
        self._routing = routing
        # What is asked for each partition; of steps that may be others than the flow's, with the step:
        self._params: dict[str, tuple[Step, Mapping[str, str]]] = {}
        self._uncounted: dict[str, tuple[Step, frozenset[str]]] = {}
        self._asking: dict[str, bool] = {}

    def basis(self, target: str) -> bytes:
        """Identity of everything that a verdict on the target depends on, besides files and traces."""
        step = self._flow.steps[target]
        parts = [
            self.fingerprint(target).hex(),
            repr([(output.name, output.path) for output in step.target.outputs]),
            repr(sorted(self.params_of(step).items())),
            repr([(dimension, _declared_text(self._flow.project, dimension)) for dimension in step.target.dimensions]),
        ]
        for number, given in enumerate(step.inputs):
            schema: object = self._schemas.identity(given, step) if given.counts else 'impact = "none"'
            dataset = self._flow.project.dataset(given.dataset)
            assert dataset is not None
            paths = dataset.path if isinstance(dataset, Source) else [(o.name, o.path) for o in dataset.outputs]
            own = [(dimension, _declared_text(self._flow.project, dimension)) for dimension in dataset.dimensions]
            rules: object = given.rules
            if self._routing is not None and given.by:  # the seal rests on what is kept of this use
                use = self._routing.of(target, number).routed.use if given.counts else b""
                rules = (given.rules, sorted((name, self._flow.spellings[text]) for name, text in given.by), use)
            parts.append(repr((given.name, given.dataset, given.output, rules, paths, own, schema)))
            if given.missing == "latest":  # what stands in isn't told by who is there alone
                parts.append(f"latest {given.max_age}")
        return digest_bytes("\0".join(parts).encode("utf-8", "surrogateescape"))

    def fingerprint(self, target: str) -> bytes:
        """Identity of a target's recipe, and of what it is given by its declaration."""
        return self._fingerprints.present(target)

    def params_of(self, step: Step) -> Mapping[str, str]:
        """The params that a recipe could read, itself or through views, values as JSON."""
        kept = self._params.get(step.target.name)
        if kept is None or kept[0] is not step:
            kept = self._params[step.target.name] = (step, self._params_of(step))
        return kept[1]

    def _params_of(self, step: Step) -> dict[str, str]:
        project = self._flow.project
        read = step.analysis.params
        names = project.params if read is None else (*read, *step.target.params, *self.view_params(step))
        found = {name: json.dumps(project.params[name]) for name in names if name in project.params}
        if read is None:
            found["*"] = json.dumps(sorted(project.params))
        return found

    def params_read(self, step: Step) -> tuple[str, ...] | None:
        """The names whose values count; None for a recipe that only shows it when it runs."""
        read = step.analysis.params
        if read is None:
            return None
        if not step.views:
            return tuple(dict.fromkeys((*read, *step.target.params)))
        return tuple(dict.fromkeys((*read, *step.target.params, *self.view_params(step))))

    def view_params(self, step: Step) -> tuple[str, ...]:
        """The params that the views read which a recipe reads."""
        if not step.views:
            return ()
        return tuple(name for use in step.views for name in self._flow.views[use.view].analysis.params or ())

    def uncounted(self, step: Step) -> frozenset[str]:
        """The names of inputs of which no difference is a reason."""
        kept = self._uncounted.get(step.target.name)
        if kept is None or kept[0] is not step:
            found = frozenset(given.name for given in step.inputs if not given.counts)
            kept = self._uncounted[step.target.name] = (step, found)
        return kept[1]

    def asks_provisional(self, target: str) -> bool:
        """Whether a recipe is told if its partition is provisional."""
        if target not in self._asking:
            step = self._flow.steps[target]
            read = (step.analysis, *(self._flow.views[use.view].analysis for use in step.views))
            self._asking[target] = any("provisional" in analysis.calls for analysis in read)
        return self._asking[target]


def _declared_text(project: Project, dimension: str) -> str:
    """What of a dimension's declaration gives its keys their meaning (not how far it reaches)."""
    declared = project.dimensions[dimension]
    return repr(getattr(declared, "grain", "")) or type(declared).__name__
