"""The SQL that finds a dimension's keys, as a step of the flow that is never built. Unaware of when it is asked.

It reads sources, themselves or through views: a build has to know the keys before it makes anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dbuild.core.model import Input, Project, QueriedDimension, Source, Target
from dbuild.core.views import Step
from dbuild.errors import UserError, nearest


def queries_of(project: Project) -> dict[str, Target]:
    """The SQL of each dimension that has some, by dimension, as a target that stores nothing."""
    return {
        name: _target(dimension)
        for name, dimension in project.dimensions.items()
        if isinstance(dimension, QueriedDimension)
    }


def _target(dimension: QueriedDimension) -> Target:
    """Its name is one that no dataset can have."""
    return Target(
        name=f"partitions.{dimension.name}",
        outputs=(),
        dimensions=(),
        recipe=dimension.recipe,
        inputs=(),
        uses=(),
        params=(),
        read=(),
        schema=None,
        timezone=dimension.timezone,
        description="",
        tags=(),
        place=dimension.place,
    )


def query_problems(project: Project, queries: Mapping[str, Step]) -> Iterable[UserError]:
    """What the SQL of dimensions can't read, and the `$name`s in it that are no params."""
    for name, step in queries.items():
        for given in step.inputs:
            dataset = project.dataset(given.dataset)
            if isinstance(dataset, Source):
                yield from _source_problems(project, name, given, dataset)
            elif dataset is not None:
                what = f'the SQL of dimension "{name}" reads the target "{given.dataset}"'
                yield UserError(what, given.place, "keys are found in sources, before anything is made; read those")
        for param in () if step.analysis.problems else step.analysis.params or ():
            if param not in project.params:
                what = f'"${param}" in the SQL of dimension "{name}" is no param'
                hint = nearest(param, project.params) or "declare it under params of [project]"
                yield UserError(what, step.target.recipe.place, hint)


def _source_problems(project: Project, name: str, given: Input, source: Source) -> Iterable[UserError]:
    for own in source.dimensions:
        if isinstance(project.dimensions.get(own), QueriedDimension):
            what = f'the SQL of dimension "{name}" reads "{source.name}", whose files have keys of "{own}" themselves'
            hint = (
                f'discover = "{source.name}" takes the keys that its paths have'
                if own == name
                else "which of them count is known only when its keys are found; read another source"
            )
            yield UserError(what, given.place, hint)
