"""What all tasks of a target have alike: made once a run, and the same objects for all, so that it is sent once."""

from __future__ import annotations

import os
from typing import NamedTuple

from dbuild.build.allotments import Allotment, Allotments
from dbuild.build.world import World
from dbuild.core.graph import Flow, Step
from dbuild.core.model import PythonRecipe, Scalar, SqlRecipe, TimeDimension
from dbuild.core.task import Bounds, TaskDimension, TaskView
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


class Likenesses:
    """Those of one run."""

    def __init__(self, world: World, allotments: Allotments, snapshot: str, looking: Looking | None) -> None:
        """`snapshot` is where the Python code of the run is kept, if it is."""
        self._world = world
        self._allotments = allotments
        self._snapshot = snapshot
        self._looking = looking
        self._alike: dict[str, tuple[Step, Alike]] = {}
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
            )
            kept = self._alike[target.name] = (step, found)
        return kept[1]

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
