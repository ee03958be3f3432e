"""Projects of modules that lie in no files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dbuild.recipes.closure import Module
from dbuild.recipes.resolution import Project


def project_of(modules: Mapping[str, Module]) -> Project:
    """A project that has these modules."""

    def has(name: str) -> bool:
        return any(one == name or one.startswith(f"{name}.") for one in modules)

    def below(package: str) -> Iterator[str]:
        return (one for one in modules if not package or one.startswith(f"{package}."))

    return Project(modules.get, has, below)
