"""An input whose rows are routed by their own values: how they are, whom they may reach, and the files they are in.

Unaware of where rows go.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from dbuild.core.graph import Step
from dbuild.core.links import Fixed
from dbuild.core.mapping import Mapping
from dbuild.core.model import Source, TimeDimension
from dbuild.core.partitions import Axis, Index, PartitionSet
from dbuild.core.routes import Way, routed_key
from dbuild.core.task import TaskInput
from dbuild.core.trace import split_key
from dbuild.errors import RecipeError
from dbuild.observe.digests import digest_bytes
from dbuild.observe.listing import Stat
from dbuild.values import dataclass, replace

if TYPE_CHECKING:
    from dbuild.build.tasks import TaskMaker
    from dbuild.build.world import World

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class File:
    """A file whose rows are routed."""

    path: str  # absolute
    stat: Stat
    subject: bytes  # identity of its content and of how it is looked at
    given: TaskInput  # the file alone


class Routed:
    """An input whose rows are routed by their own values.

    Partitions of the input are named by their joined keys. A route's key is that of the target's partition that gets
    the rows, as far as rows say it.
    """

    def __init__(self, world: World, step: Step, number: int) -> None:
        """`number`: the input's place among those of the step."""
        self.step = step
        self.number = number
        self.given = step.inputs[number]
        self._world = world
        self._indices: dict[str, Index | None] = {}

    # -- what it is ----------------------------------------------------------------------------------------------------

    @cached_property
    def ways(self) -> tuple[Way, ...]:
        """How rows are routed, in the order of the target's dimensions."""
        declared = self._world.flow.project.dimensions
        by = dict(self.given.by)
        found = ((name, declared[name]) for name in self.step.target.dimensions if name in by)
        return tuple(Way(n, d.grain if isinstance(d, TimeDimension) else None, by[n]) for n, d in found)

    @property
    def domain(self) -> PartitionSet:
        """The target's partitions."""
        return self._world.domains.of(self.step.target.name)

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The axes of the ways."""
        return tuple(self._world.axes[way.dimension] for way in self.ways)

    @cached_property
    def _looks(self) -> str:
        from importlib.metadata import version  # what an expression gives, and what a hash is, may differ in another

        spelt = self._world.flow.spellings
        ways = [(way.grain.identity if way.grain else "", spelt[way.expression]) for way in self.ways]
        return repr((ways, self.step.target.timezone, version("duckdb")))

    @cached_property
    def use(self) -> bytes:
        """Identity of the input as routes of its partitions are kept for it."""
        world, given = self._world, self.given
        dataset = world.flow.project.dataset(given.dataset)
        assert dataset is not None
        path = world.location(given.dataset, given.output).pattern.text
        if isinstance(dataset, Source):
            form: object = world.schemas.of(given.dataset, given.output).identity
        else:
            form = (dataset.schema, dataset.read)  # what each partition's recipe gave is part of what it is
        parts = repr((given.dataset, given.output, path, form, self._looks))
        return digest_bytes(parts.encode("utf-8", "surrogateescape"))

    @property
    def shows_columns(self) -> bool:
        """Whether only the files themselves, or what made them, say which columns they have."""
        return self._world.schemas.of(self.given.dataset, self.given.output).columns is None

    @property
    def mapping(self) -> Mapping:
        """Which partitions of the input could have rows for which of the target's."""
        found = self._world.reach.mappings[self.step.target.name][self.number]
        assert isinstance(found, Mapping)  # the declared ones know of no absence
        return found

    @property
    def is_free(self) -> bool:
        """Whether any partition of the target could get rows of any of the input's."""
        return all(isinstance(link, Fixed) and link.intervals is None for link in self.mapping.links)

    def some(self, partitions: Iterable[str]) -> PartitionSet:
        """These partitions of the input, those that its axes have."""
        return self._world.keyed(self.given.dataset, dict.fromkeys(partitions))

    def one(self, partition: str) -> PartitionSet:
        """One partition of the input; none where its axes don't have it."""
        return self.some([partition])

    def index(self, partition: str) -> Index | None:
        """A partition by its numbers; None where the axes don't have it."""
        if partition not in self._indices:
            self._indices[partition] = self.one(partition).first()
        return self._indices[partition]

    def readers(self, partitions: Iterable[str]) -> PartitionSet:
        """The partitions of the target that could get rows of these, whatever these are."""
        return self.mapping.affects(self.some(partitions), self.domain)

    def present(self) -> PartitionSet:
        """The input's partitions that may be read."""
        domain = self._world.reach.of(self.given.dataset)
        there = self._world.present.get(self.given.dataset)
        return domain if there is None else domain & there

    def key(self, index: Index) -> str:
        """The route key of one of the target's partitions."""
        return routed_key(self.ways, self.domain.axes, index)

    # -- files ---------------------------------------------------------------------------------------------------------

    @cached_property
    def _maker(self) -> TaskMaker:
        from dbuild.build.allotments import Allotments
        from dbuild.build.tasks import TaskMaker

        return TaskMaker(self._world, 0, Allotments(self._world.flow.project, 1, 0))

    def files(self, partition: str) -> list[File]:
        """The files of a partition, in order; none where it isn't there."""
        location = self._world.location(self.given.dataset, self.given.output)
        try:
            read, watched = self._maker.read_one(self.step, self.given, partition)
        except RecipeError:
            return []
        found = []
        for key, path, (_, stat) in zip(read.keys, read.paths, watched, strict=False):
            row = self._world.survey.row(os.path.relpath(path, self._world.survey.root), location.root)
            if row is not None:
                one = replace(read, keys=(key,), paths=(path,))
                found.append(File(path, stat, self._subject(row.digest, one), one))
        return found

    def _subject(self, digest: bytes, one: TaskInput) -> bytes:
        words = {word.lower() for way in self.ways for word in _WORD.findall(way.expression)}
        own = zip(one.dimensions, one.keys[0], strict=True)
        used = [(dimension.name, value) for dimension, value in own if dimension.name.lower() in words]
        ending = one.paths[0][one.paths[0].rfind(".") :]
        parts = repr((self._looks, one.format, ending, one.read, one.schema, used))
        return digest_bytes(digest + parts.encode("utf-8", "surrogateescape"))

    def paths(self, partition: str) -> list[str]:
        """The files of a partition, relative to the project."""
        location = self._world.location(self.given.dataset, self.given.output)
        dataset = self._world.flow.project.dataset(self.given.dataset)
        assert dataset is not None
        return self._world.survey.paths(location, split_key(partition, len(dataset.dimensions)))
