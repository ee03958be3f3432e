"""What the traces of a target are written in: the names and the dimensions of itself and of what it reads.

A Dataflowfile may change these without changing what is made, so the state keeps in which shape its traces are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from dbuild.core.graph import Step
from dbuild.core.model import Project, Source, Target
from dbuild.values import dataclass

Meaning = tuple[str, str]  # a dimension, and what its keys mean: its grain, or "" where they are values


@dataclass(frozen=True, slots=True)
class Cut:
    """How a dataset is cut into partitions."""

    path: str  # of a source, or of a target's first output; "" where it has none
    dimensions: tuple[Meaning, ...]  # in the order of its keys


@dataclass(frozen=True, slots=True)
class Reading:
    """One thing that a target reads, also through views."""

    name: str  # what the recipe calls it
    dataset: str
    output: str
    cut: Cut

    @property
    def subject(self) -> str:
        """The dataset as traces name it: "weather", or "model.metrics"."""
        return f"{self.dataset}.{self.output}" if self.output else self.dataset


@dataclass(frozen=True, slots=True)
class Shape:
    """What the traces of one target are written in."""

    own: Cut
    inputs: tuple[Reading, ...]
    views: tuple[str, ...] = ()  # what it calls the views that it reads through


def shape_of(project: Project, step: Step) -> Shape:
    """The shape that traces of a target get now."""
    return shapes_of(project, [step])[step.target.name]


def shapes_of(project: Project, steps: Iterable[Step]) -> dict[str, Shape]:
    """The shapes that traces of these targets get now, by name."""
    cuts: dict[str, Cut] = {}
    found = {}
    for step in steps:
        inputs = (Reading(i.name, i.dataset, i.output, _cut(project, i.dataset, cuts)) for i in step.inputs)
        own = _cut(project, step.target.name, cuts, step.target)
        found[step.target.name] = Shape(own, tuple(inputs), tuple(use.name for use in step.views))
    return found


def _cut(project: Project, name: str, cuts: dict[str, Cut], dataset: Source | Target | None = None) -> Cut:
    """How a dataset is cut; `cuts` are those that are known. A target that only stands for a question is given."""
    if name not in cuts:
        dataset = dataset or project.dataset(name)
        assert dataset is not None
        path = dataset.path if isinstance(dataset, Source) else next((output.path for output in dataset.outputs), "")
        meanings = ((one, repr(getattr(project.dimensions[one], "grain", ""))) for one in dataset.dimensions)
        cuts[name] = Cut(path, tuple(meanings))
    return cuts[name]


def dump_shapes(shapes: Mapping[str, Shape]) -> str:
    """The shapes of targets by their names, as JSON."""
    return json.dumps(
        {
            name: [
                _listed(shape.own),
                [[i.name, i.dataset, i.output, _listed(i.cut)] for i in shape.inputs],
                shape.views,
            ]
            for name, shape in shapes.items()
        },
        separators=(",", ":"),
    )


def _listed(cut: Cut) -> list[Any]:
    return [cut.path, cut.dimensions]


def load_shapes(text: str) -> dict[str, Shape]:
    """What `dump_shapes` wrote."""
    return {
        name: Shape(_loaded(own), tuple(Reading(i, d, o, _loaded(cut)) for i, d, o, cut in inputs), tuple(views))
        for name, (own, inputs, views) in json.loads(text or "{}").items()
    }


def _loaded(listed: list[Any]) -> Cut:
    path, dimensions = listed
    return Cut(path, tuple((name, meaning) for name, meaning in dimensions))
