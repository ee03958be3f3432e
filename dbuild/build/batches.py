"""Several partitions of a target as one task."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress

from dbuild.build.tasks import Prepared
from dbuild.build.world import World
from dbuild.core.model import SqlRecipe
from dbuild.core.partitions import PartitionSet
from dbuild.core.plan import inputs_of
from dbuild.core.task import Task, TaskInput, TaskPart
from dbuild.errors import RecipeError
from dbuild.values import replace


def task_of(world: World, prepared: Sequence[Prepared]) -> Task:
    """The task that makes these partitions of one target together; its number is that of the first.

    SQL gets the union of what they read, a Python function what each of them reads. Raises RecipeError where the
    partitions of an input can't be read as one table.
    """
    first = prepared[0].task
    is_union = isinstance(first.recipe, SqlRecipe)
    return replace(
        first,
        key=(),
        inputs=_union(world, prepared) if is_union else (),
        outputs=(),
        provisional=False,
        parts=tuple(TaskPart(p.task.key, () if is_union else p.task.inputs, p.task.outputs) for p in prepared),
    )


def share_log(prepared: Sequence[Prepared]) -> None:
    """Gives what their task has printed to each of its partitions, under its own name."""
    first = prepared[0].task.log
    for one in prepared[1:]:
        with suppress(OSError):
            os.unlink(one.task.log)
        with suppress(OSError):  # then it is with the first alone
            os.link(first, one.task.log)


def _union(world: World, prepared: Sequence[Prepared]) -> tuple[TaskInput, ...]:
    given = inputs_of(world.flow, world.domains, prepared[0].task.target)
    return tuple(
        _merged([one.task.inputs[place] for one in prepared], world.domains.of(read.dataset))
        for place, (read, _) in enumerate(given)
    )


def _merged(inputs: Sequence[TaskInput], domain: PartitionSet) -> TaskInput:
    """What several partitions read of an input, each file once, in the order of its partitions."""
    there = [given for given in inputs if given.paths]
    if not there:
        return inputs[0]
    files = dict.fromkeys(pair for given in there for pair in zip(given.keys, given.paths, strict=True))
    places = {
        key: tuple(axis.index(text) for axis, text in zip(domain.axes, key, strict=True))
        for key in dict.fromkeys(key for key, _ in files)
    }
    ordered = sorted(files, key=lambda file: places[file[0]])
    schemas = dict.fromkeys(given.schema for given in there)
    if len(schemas) > 1:
        raise RecipeError(
            f'the partitions of "{there[0].name}" have different columns',
            hint="declare a `schema` for it, or cast the columns in its recipe",
        )
    wheres = dict.fromkeys(given.where for given in there)
    return replace(
        there[0],
        keys=tuple(key for key, _ in ordered),
        paths=tuple(path for _, path in ordered),
        is_single=False,
        where=" OR ".join(f"({where})" for where in wheres) if len(wheres) > 1 else there[0].where,
    )
