"""What has happened to sources since the last look: partitions that came, were corrected, or went.

Told from what is kept of that look, so it is asked before that is replaced, and written with what replaces it: a build
that is killed in between tells the same again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC

from dbuild.build.shifts import Shifts
from dbuild.build.world import World
from dbuild.core.arrival import Arrival
from dbuild.core.expectation import due_at, time_of
from dbuild.core.model import Source
from dbuild.core.partitions import Index, PartitionSet
from dbuild.core.trace import joined_key
from dbuild.state.files import FileRow

Key = tuple[str, ...]


def happenings(world: World, run: int) -> list[Arrival]:
    """What came, was corrected or went since the last look; `run` is the first that could act on it.

    Nothing of a source that was never looked at, or had nothing yet: what is there then isn't known to be late. Of a
    source without `expect` only those arrivals count that were missing, and not its ordinary growth.
    """
    return [one for source in world.flow.project.sources.values() for one in _Source(world, source, run).happenings()]


def corrections(world: World, run: int) -> list[Arrival]:
    """The same of corrections alone, as far as files have been hashed."""
    return [one for source in world.flow.project.sources.values() for one in _Source(world, source, run).corrections()]


class _Source:
    """One source, as it is and as it was."""

    def __init__(self, world: World, source: Source, run: int) -> None:
        self._world = world
        self._source = source
        self._run = run
        self._seen = world.clock()
        self._before = world.presence.kept(source.name, world.axes)
        self._moments: dict[Key, float] | None = None

    def happenings(self) -> Iterator[Arrival]:
        presence, name = self._world.presence, self._source.name
        if not self._before:
            return
        if presence.is_to_be_kept(name):
            domain = self._world.domains.of(name)
            came = presence.settled(name, self._world.axes) - self._before
            gone = self._before - presence.named(name, self._world.axes)
            for index in self._counted(came & domain).indices():
                yield self._told(domain.key(index), "arrived", self._due(index))
            for index in gone.indices():
                yield self._told(gone.key(index), "withdrawn", None)
        yield from self.corrections()

    def corrections(self) -> Iterator[Arrival]:
        """The partitions that were there before, are there now, and have other content."""
        if not self._before:
            return
        stayed = self._before & self._world.presence.settled(self._source.name, self._world.axes)
        for key in self._edited():
            if self._world.keyed(self._source.name, {joined_key(key): None}) & stayed:
                yield self._told(key, "corrected", None)

    def _told(self, key: Key, kind: str, due: float | None) -> Arrival:
        at = self._moment(key) if kind != "withdrawn" else self._seen
        return Arrival(self._source.name, joined_key(key), kind, at, self._seen, due, self._run)  # type: ignore[arg-type]

    # -- arrivals ----------------------------------------------------------------------------------------------------

    def _counted(self, came: PartitionSet) -> PartitionSet:
        """Those that were missing; and where partitions have deadlines, the newer ones that nobody asked for yet."""
        before = Shifts(self._world.flow, self._world.domains, self._world.state.axis_values).kept_domain(self._source)
        missed = came & before.rebased(came.axes)
        if self._source.expect is None:
            return missed
        position, _ = time_of(self._source, self._world.flow.project.dimensions)
        end = max((high for _, high in before.spans(position)), default=None)
        grown = [index for index in (came - missed).indices() if end is not None and index[position] >= end]
        return missed | PartitionSet.of_indices(came.axes, grown)

    def _due(self, index: Index) -> float | None:
        if self._source.expect is None:
            return None
        position, grain = time_of(self._source, self._world.flow.project.dimensions)
        due = due_at(self._source.expect, grain, index[position])
        return due.replace(tzinfo=UTC).timestamp() if due is not None else None

    def _moment(self, key: Key) -> float:
        """When its files, or its marker, got where they are; the moment of this look where that isn't told."""
        presence = self._world.presence
        if presence.has_given_clock:
            return self._seen
        if self._moments is None:
            self._moments = presence.moments(self._source.name)
        looked = self._world.state.looked_at(self._source.name)
        moment = self._moments.get(key, 0.0)
        return moment if looked <= moment <= self._seen else self._seen

    # -- corrections ---------------------------------------------------------------------------------------------------

    def _edited(self) -> Iterable[Key]:
        """The partitions of which a file has another digest than when it was hashed before, or files came or went."""
        location = self._world.survey.locations[self._source.name][0]
        rows = {path: row for path, row in self._world.survey.hashed.items() if location.pattern.key(path) is not None}
        gone = [path for path in self._world.survey.views[location.root].gone if location.pattern.key(path) is not None]
        old = self._world.state.files([*rows, *gone])
        keys: dict[Key, None] = {}
        for path in (*rows, *gone):
            key = location.pattern.key(path)
            assert key is not None
            if path in old:
                is_edited = path not in rows or old[path].digest != rows[path].digest
            else:
                is_edited = path in rows and location.pattern.is_multiple and self._was_read(key)
            if is_edited:
                keys[key] = None
        return keys

    def _was_read(self, key: Key) -> bool:
        """Whether any file of a partition had been hashed before: then one that hadn't is new in it."""
        location = self._world.survey.locations[self._source.name][0]
        kept: dict[str, FileRow] = self._world.state.files(self._world.survey.paths(location, key))
        return bool(kept)
