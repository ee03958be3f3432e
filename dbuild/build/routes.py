"""The routes of one input's files: as they were kept with the seals, found by content, or not known yet.

Unaware of how a route is found out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from dbuild.core.graph import Step
from dbuild.core.links import Fixed
from dbuild.core.mapping import Mapping
from dbuild.core.model import Source, TimeDimension
from dbuild.core.partitions import Axis, Index, PartitionSet
from dbuild.core.routes import Route, Way, newest, numbers_of, routed_key, unpack_route
from dbuild.core.task import Column, TaskInput
from dbuild.core.trace import joined_key, split_key
from dbuild.errors import RecipeError, UserError
from dbuild.observe.digests import combine, digest_bytes
from dbuild.observe.listing import Stat

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
    """An input whose rows are routed by their own values, with the routes of its files.

    Partitions of the input are named by their joined keys. A route's key is that of the target's partition that gets
    the rows, as far as rows say it.
    """

    def __init__(self, world: World, step: Step, number: int) -> None:
        """`number`: the input's place among those of the step."""
        self.step = step
        self.number = number
        self.given = step.inputs[number]
        self.unknown: dict[str, list[File]] = {}  # partitions of which not all files have a known route
        self.errors: dict[str, UserError] = {}  # why it couldn't be found out
        self.is_loaded = False
        self._world = world
        self._routes: dict[str, tuple[Route, ...]] = {}
        self._subjects: dict[str, list[bytes]] = {}  # of what isn't kept as it is
        self._kept: dict[str, bool] = {}  # whether what is there is that of which routes are kept
        self._indices: dict[str, Index] = {}
        self._digests: dict[str, dict[str, bytes]] = {}  # route key -> partition -> digest of its rows

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

        ways = [(way.grain.identity if way.grain else "", way.expression) for way in self.ways]
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

    def readers(self, partitions: Iterable[str]) -> PartitionSet:
        """The partitions of the target that could get rows of these, whatever these are."""
        return self.mapping.affects(self.some(partitions), self.domain)

    # -- what is there -------------------------------------------------------------------------------------------------

    def present(self) -> PartitionSet:
        """The input's partitions that may be read."""
        domain = self._world.reach.of(self.given.dataset)
        there = self._world.present.get(self.given.dataset)
        return domain if there is None else domain & there

    def changed(self) -> set[str]:
        """The partitions whose files aren't those of which routes are kept."""
        world, dataset = self._world, self.given.dataset
        found = set(map(joined_key, world.changed(dataset).keys()))
        if dataset in world.flow.steps:
            made = (index for name, _, index in world.schemas.fresh_digests if name == dataset)
            found |= {joined_key(world.domains.of(dataset).key(index)) for index in made}
        return {partition for partition in found if not self._is_kept(partition)}

    def _is_kept(self, partition: str) -> bool:
        """Whether a partition that was looked at again, or made anew, is the same as ever."""
        if partition not in self._kept:
            subjects = self._world.state.routes.subjects(self.use, partition)
            self._kept[partition] = bool(subjects) and subjects == [file.subject for file in self.files(partition)]
        return self._kept[partition]

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

    # -- routes --------------------------------------------------------------------------------------------------------

    def kept(self, partition: str) -> list[Route]:
        """The routes that a partition's files had when the seals were written; none where they aren't known."""
        return [unpack_route(body) for body in self._world.state.routes.of(self.use, partition)]

    def routes(self, partition: str) -> tuple[Route, ...] | None:
        """The routes of a partition's files as they are; None where they aren't all known."""
        if not self.is_loaded and partition not in self._routes:
            self._find({partition: self.files(partition)})
        return None if partition in self.unknown else self._routes.get(partition, ())

    def load(self) -> None:
        """Takes the routes of all partitions from the state, as far as they are known."""
        if self.is_loaded:
            return
        changed, present = self.changed(), self.present()
        kept: dict[str, list[bytes]] = {}
        for partition, body in self._world.state.routes.all(self.use):
            kept.setdefault(partition, []).append(body)
        self._indices = {joined_key(present.key(index)): index for index in present.indices()}
        for found in (self.unknown, self._digests, self._routes, self._subjects):
            found.clear()
        for partition in self._indices:
            if partition in kept and partition not in changed:
                self._routes[partition] = tuple(map(unpack_route, kept[partition]))
        self._find({partition: self.files(partition) for partition in self._indices if partition not in self._routes})
        for partition in self._indices:
            self._note(partition)
        self.is_loaded = True

    def _find(self, partitions: MappingOf[str, list[File]]) -> None:
        """Takes the routes of these partitions from the state, by content."""
        known = self._world.state.routes.known([file.subject for files in partitions.values() for file in files])
        for partition, files in partitions.items():
            if any(file.subject not in known for file in files):
                self.unknown[partition] = files
            else:
                self._take(partition, files, {file.subject: unpack_route(known[file.subject]) for file in files})

    def learn(self, found: MappingOf[bytes, Route]) -> None:
        """Takes note of routes, by their subjects, that were found out."""
        for partition, files in tuple(self.unknown.items()):
            if all(file.subject in found for file in files):
                self._take(partition, files, found)
                if self.is_loaded:
                    self._note(partition)

    def _take(self, partition: str, files: list[File], found: MappingOf[bytes, Route]) -> None:
        self._routes[partition] = tuple(found[file.subject] for file in files)
        self._subjects[partition] = [file.subject for file in files]
        self.unknown.pop(partition, None)

    def _note(self, partition: str) -> None:
        shares: dict[str, list[bytes]] = {}
        for route in self._routes.get(partition, ()):
            for key, share in route.shares.items():
                shares.setdefault(key, []).append(share.digest)
        for key, digests in shares.items():
            self._digests.setdefault(key, {})[partition] = combine(digests)

    def forget(self) -> None:
        """Has all looked at anew, since partitions have been made anew."""
        self.is_loaded = False
        self._kept.clear()

    # -- answers -------------------------------------------------------------------------------------------------------

    def key(self, index: Index) -> str:
        """The route key of one of the target's partitions."""
        return routed_key(self.ways, self.domain.axes, index)

    def shares(self, key: str) -> Iterator[tuple[Index, bytes]]:
        """The input's partitions with rows of a route key, and the digest of these rows in each."""
        return ((self._indices[partition], digest) for partition, digest in self._digests.get(key, {}).items())

    def doubtful(self) -> Iterable[Index]:
        """The input's partitions of which it isn't known where their rows go."""
        return [self._indices[partition] for partition in self.unknown if partition in self._indices]

    def kinds(self, partition: str, key: str) -> list[tuple[str, ...] | None]:
        """For each file of a partition the types of the routed values; None where it has no rows of the key."""
        return [route.kinds if key in route.shares else None for route in self._routes.get(partition, ())]

    def columns(self) -> tuple[Column, ...] | None:
        """The columns of the first file of all; None where there is none, or they aren't known."""
        for partition in self._indices:
            routes = self._routes.get(partition)
            if routes is None:
                return None
            if routes:
                return routes[0].columns
        return None

    def ends(self, limits: MappingOf[str, int]) -> dict[str, list[int]]:
        """For each time dimension the newest number up to its limit that rows have, and the first ones beyond."""
        return {
            way.dimension: newest(numbers_of(self._digests, place), limits[way.dimension])
            for place, way in enumerate(self.ways)
            if way.grain is not None
        }

    def all_routes(self) -> Iterator[tuple[str, tuple[Route, ...]]]:
        """Every partition with the routes of its files, those that are known."""
        return ((partition, self._routes[partition]) for partition in self._indices if partition in self._routes)

    def moves(self) -> dict[str, list[bytes]]:
        """What the state doesn't have: partitions with their files' subjects, none of what went or isn't known."""
        found = dict(self._subjects)
        source = self._world.flow.project.sources.get(self.given.dataset)
        keeps_gone = source is not None and source.keeps_gone
        for partition in self.changed() | self.unknown.keys():
            if not keeps_gone or self.files(partition):  # whose rows those that are gone had is asked later on
                found.setdefault(partition, [])
        return found

    def paths(self, partition: str) -> list[str]:
        """The files of a partition, relative to the project."""
        location = self._world.location(self.given.dataset, self.given.output)
        dataset = self._world.flow.project.dataset(self.given.dataset)
        assert dataset is not None
        return self._world.survey.paths(location, split_key(partition, len(dataset.dimensions)))
