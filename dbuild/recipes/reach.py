"""What a function of a project's files can reach, found by reading them."""

from __future__ import annotations

from dbuild.errors import UserError
from dbuild.recipes.closure import Module
from dbuild.recipes.reached import Reach
from dbuild.recipes.resolution import Project
from dbuild.recipes.search import find_reach
from dbuild.recipes.sources import Sources


def reach_of(sources: Sources, module: str, function: str) -> Reach:
    """What a function of a project's module reaches. Modules that can't be read or parsed are as if not there."""

    def read(name: str) -> Module | None:
        try:
            return sources.module(name)
        except UserError:
            return None

    def has(name: str) -> bool:
        return sources.spot(name) is not None

    return find_reach(Project(read, has, sources.below), module, function)
