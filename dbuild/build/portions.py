"""Portions: what one partition of a target gets of an input whose rows are routed."""

from __future__ import annotations

import os
from collections.abc import Sequence

from dbuild.build.routes import Routes
from dbuild.core.partitions import Index
from dbuild.core.routes import split_route
from dbuild.core.task import Column, TaskInput
from dbuild.core.trace import joined_key
from dbuild.errors import RecipeError
from dbuild.observe.listing import Stat
from dbuild.recipes.routing import condition
from dbuild.values import replace

Watched = list[tuple[str, Stat]]


def narrowed(
    routes: Routes, index: Index, read: TaskInput, watched: Watched, columns: tuple[Column, ...] | None, root: str
) -> tuple[TaskInput, Watched]:
    """An input with those of its files that have rows for a partition, and the condition that holds for these.

    `columns` are those of an input without rows. Raises RecipeError where it isn't known, or can't be said in one
    condition; its paths are told from `root`.
    """
    key = routes.routed.key(index)
    kinds: list[tuple[str, ...] | None] = []
    for partition in dict.fromkeys(map(joined_key, read.keys)):
        kinds += routes.kinds(partition, key)
    if len(kinds) != len(read.paths):
        raise RecipeError(f'where the rows of "{read.name}" go isn\'t known yet', hint="run dbuild")
    places = [place for place, each in enumerate(kinds) if each is not None]
    _check_kinds(read, kinds, places, root)
    keys = tuple(read.keys[place] for place in places)
    paths = tuple(read.paths[place] for place in places)
    narrow = replace(read, keys=keys, paths=paths, is_single=False, is_routed=True)
    if not places:
        return replace(narrow, schema=read.schema if read.schema is not None else columns), []
    where = condition(routes.routed.ways, kinds[places[0]] or (), split_route(key))
    return replace(narrow, where=where), [watched[place] for place in places]


def _check_kinds(read: TaskInput, kinds: Sequence[tuple[str, ...] | None], places: list[int], root: str) -> None:
    for place in places[1:]:
        first = places[0]
        if kinds[place] != kinds[first]:
            names = [os.path.relpath(read.paths[n], root) for n in (first, place)]
            texts = [", ".join(kinds[n] or ()) for n in (first, place)]
            raise RecipeError(
                f'the rows of "{read.name}" are routed by {texts[0]} in {names[0]} and by {texts[1]} in {names[1]}',
                hint="write a cast in `by`, as in CAST(ts AS TIMESTAMP)",
            )
