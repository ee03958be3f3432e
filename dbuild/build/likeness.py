"""What all tasks of a target have alike: made once a run, and the same objects for all, so that it is sent once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from dbuild.build.allotments import Allotment, Allotments
from dbuild.build.locations import Location
from dbuild.build.world import World
from dbuild.core.graph import Flow, Step
from dbuild.core.model import Input, PythonRecipe, Scalar, SqlRecipe, TimeDimension
from dbuild.core.partitions import PartitionSet
from dbuild.core.plan import inputs_of
from dbuild.core.task import Bounds, TaskDimension, TaskView, format_of
from dbuild.values import dataclass


@dataclass(frozen=True, slots=True)
class Looking:
    """How a run looks at what recipes open."""

    areas: tuple[str, ...]  # folders in which files have to be declared
    is_enforced: bool  # whether all else is refused
    sees_programs: bool  # whether what other programs than Python open is seen


def views_of(flow: Flow, step: Step) -> tuple[TaskView, ...]:
    """The views that a step reads through, those that others of them read first."""
    found = []
    for use in step.views:
        recipe = flow.views[use.view].target.recipe
        assert isinstance(recipe, SqlRecipe)
        found.append(TaskView(use.name, recipe))
    return tuple(found)


class Reading(NamedTuple):
    """What all tasks of a target have alike of one input."""

    given: Input
    location: Location
    dimensions: tuple[TaskDimension, ...]
    is_single: bool  # as in a TaskInput
    format: str  # the same
    options: tuple[tuple[str, str | int | float | bool], ...]  # of the reader, as they are declared
    dataset: str  # as in a TaskInput


class Alike(NamedTuple):
    """What all tasks of a target have alike, which is the same objects: they are sent once."""

    dimensions: tuple[TaskDimension, ...]
    params: tuple[tuple[str, Scalar], ...]
    allotment: Allotment
    views: tuple[TaskView, ...]
    env: tuple[tuple[str, str], ...]
    secrets: tuple[tuple[str, str], ...]
    snapshot: str
    bounds: Bounds | None
    locations: tuple[Location, ...]  # of its outputs
    inputs: tuple[Reading, ...]
    provisional: PartitionSet | None  # the partitions that are; None: none


class Noted(NamedTuple):
    """What the traces of all tasks of a target have alike, or are made from."""

    fingerprint: bytes
    roots: dict[str, str]  # output -> the folder that is listed for it
    params: Mapping[str, str]  # values as JSON
    params_read: tuple[str, ...] | None  # None: the recipe tells
    view_params: tuple[str, ...]  # of the views that it reads


class Likenesses:
    """Those of one run."""

    def __init__(self, world: World, allotments: Allotments, snapshot: str, looking: Looking | None) -> None:
        """`snapshot` is where the Python code of the run is kept, if it is."""
        self._world = world
        self._allotments = allotments
        self._snapshot = snapshot
        self._looking = looking
        self._alike: dict[str, tuple[Step, Alike]] = {}
        self._noted: dict[str, tuple[Step, Noted]] = {}
        self._shown: dict[tuple[str, ...], tuple[TaskDimension, ...]] = {}

    def of(self, step: Step) -> Alike:
        """What the tasks of a step's target have alike."""
        target = step.target
        kept = self._alike.get(target.name)
        if kept is None or kept[0] is not step:
            params, flow = self._world.declarations.params_of(step), self._world.flow
            found = Alike(
                self.dimensions(target.dimensions),
                tuple((name, flow.project.params[name]) for name in params if name != "*"),
                self._allotments.of(target.name),
                views_of(flow, step),
                target.env,
                tuple((name, os.environ.get(name, "")) for name in target.secrets),
                self._snapshot if isinstance(target.recipe, PythonRecipe) else "",
                self._bounds(step),
                self._world.survey.locations[target.name],
                self._inputs(step),
                self._world.supply.improvises(target.name) or None,
            )
            kept = self._alike[target.name] = (step, found)
        return kept[1]

    def noted(self, step: Step) -> Noted:
        """What their traces have alike."""
        target, declared = step.target.name, self._world.declarations
        kept = self._noted.get(target)
        if kept is None or kept[0] is not step:
            found = Noted(
                declared.fingerprint(target),
                {location.output: location.root for location in self._world.survey.locations[target]},
                declared.params_of(step),
                declared.params_read(step),
                declared.view_params(step),
            )
            kept = self._noted[target] = (step, found)
        return kept[1]

    def _inputs(self, step: Step) -> tuple[Reading, ...]:
        world = self._world
        given = inputs_of(world.flow, world.domains, step.target.name)
        return tuple(self.reading(one, is_single=mapping.is_single) for one, mapping in given)

    def reading(self, given: Input, *, is_single: bool) -> Reading:
        """What readings of an input have alike; `is_single`: by its mapping."""
        dataset = self._world.flow.project.dataset(given.dataset)
        assert dataset is not None
        location = self._world.location(given.dataset, given.output)
        return Reading(
            given,
            location,
            self.dimensions(dataset.dimensions),
            is_single and not location.pattern.has_glob,
            format_of(location.pattern.text),
            dataset.read,
            "" if given.dataset == given.name else given.dataset,
        )

    def dimensions(self, names: tuple[str, ...]) -> tuple[TaskDimension, ...]:
        """Dimensions as recipes see them."""
        if names not in self._shown:
            declared = self._world.flow.project.dimensions
            found = ((name, declared[name]) for name in names)
            self._shown[names] = tuple(
                TaskDimension(n, d.grain if isinstance(d, TimeDimension) else None) for n, d in found
            )
        return self._shown[names]

    def _bounds(self, step: Step) -> Bounds | None:
        """What a task is held to; SQL can read nothing but its inputs anyhow."""
        if self._looking is None or isinstance(step.target.recipe, SqlRecipe):
            return None
        files = (*step.target.files, *step.analysis.files)
        code = tuple(os.path.join(self._world.survey.root, path) for path in files)
        return Bounds(self._looking.areas, code, self._looking.is_enforced)
