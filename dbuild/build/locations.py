"""Where datasets have their files: the patterns of their paths, and the folders that have to be listed for these."""

from __future__ import annotations

import os
from functools import cached_property

from dbuild.core.grain import Grain
from dbuild.core.model import Project, Source, TimeDimension
from dbuild.core.pattern import PathPattern
from dbuild.state.files import SINGLES as SINGLES
from dbuild.values import dataclass


@dataclass(frozen=True)
class Location:
    """Where one output of a dataset, or a source, has its files."""

    dataset: str
    output: str
    pattern: PathPattern

    @cached_property
    def root(self) -> str:
        """The folder that has to be listed; SINGLES for a file that stands alone."""
        return SINGLES if self.pattern.is_static else (self.pattern.root or ".")

    @property
    def folder(self) -> str:
        """The folder, relative to the project, below which its files are."""
        return os.path.dirname(self.pattern.path(())) if self.root == SINGLES else self.root


def _grains_of(project: Project) -> dict[str, Grain | None]:
    """Each dimension's grain; None for those that aren't time."""
    return {
        name: dimension.grain if isinstance(dimension, TimeDimension) else None
        for name, dimension in project.dimensions.items()
    }


def locations_of(project: Project) -> dict[str, tuple[Location, ...]]:
    """The locations of every dataset, and of sources' markers under names of their own."""
    grains = _grains_of(project)
    found: dict[str, tuple[Location, ...]] = {
        source.name: (Location(source.name, "", PathPattern(source.path, grains)),)
        for source in project.sources.values()
    }
    for source in project.sources.values():
        if source.ready:
            found[marker_of(source.name)] = (Location(source.name, "", PathPattern(source.ready, grains)),)
    for target in project.targets.values():
        found[target.name] = tuple(
            Location(target.name, output.name, PathPattern(output.path, grains)) for output in target.outputs
        )
    return found


def marker_of(source: str) -> str:
    """The name under which the location of a source's marker stands among those of datasets."""
    return f"{source}:ready"


def form_of(source: Source) -> str:
    """What a kept presence has to have been found by: the path, and the marker's if there is one."""
    return f"{source.path}\n{source.ready}" if source.ready else source.path
