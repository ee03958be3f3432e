"""Where the rows of one input go: as it was kept with the seals, and what differs from that.

Cost follows what differs: of what is as it was kept, only that is read which is asked for. Unaware of how a route is
found out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Mapping as MappingOf
from typing import TYPE_CHECKING

from dbuild.build.routed import File, Routed
from dbuild.build.shifts import Shifts
from dbuild.core.partitions import Index, PartitionSet
from dbuild.core.routes import Route, Tally, digests_of, kinds_in, newest, numbers_of, unpack_route
from dbuild.core.task import Column
from dbuild.core.trace import joined_key
from dbuild.errors import UserError
from dbuild.observe.digests import combine
from dbuild.values import dataclass

if TYPE_CHECKING:
    from dbuild.build.world import World
    from dbuild.state.routes import Routes as Kept


@dataclass(frozen=True, slots=True)
class Moved:
    """The partitions of an input that may be others than when the seals were written."""

    changed: set[str]  # by joined key: their files differ, or the dimensions have come to reach them
    gone: set[str]  # those that the dimensions don't reach any more
    came: PartitionSet  # those that the dimensions didn't reach then

    @property
    def all(self) -> set[str]:
        return self.changed | self.gone


class Routes:
    """The routes of one input's files.

    What differs from what is kept is held here; the rest is asked of the state.
    """

    def __init__(self, world: World, routed: Routed) -> None:
        self.routed = routed
        self.unknown: dict[str, list[File]] = {}  # partitions of which not all files have a known route
        self.errors: dict[str, UserError] = {}  # why it couldn't be found out
        self._world = world
        self._is_looked = False  # whether it is known what differs
        self._remade: set[str] = set()  # partitions that were made since
        self._routes: dict[str, tuple[Route, ...]] = {}  # of what differs and is known; none of what isn't there
        self._subjects: dict[str, list[bytes]] = {}  # of these, in order
        self._shares: dict[str, dict[str, bytes]] = {}  # of these: route key -> partition -> digest of its rows
        self._kept: dict[str, bool] = {}  # whether what is there is that of which routes are kept

    @property
    def _state(self) -> Kept:
        return self._world.state.routes

    # -- what differs --------------------------------------------------------------------------------------------------

    @property
    def is_whole(self) -> bool:
        """Whether the routes of all partitions that there were are kept."""
        return self._state.ends(self.routed.use)[1]

    def moved(self) -> Moved:
        """What may be other than when the seals were written."""
        world, dataset = self._world, self.routed.given.dataset
        came, gone = Shifts(world.flow, world.reach, world.state.axis_values).moved(dataset)
        there = came & self.routed.present()
        changed = self._changed().union(map(joined_key, there.keys()))
        return Moved(changed, set(map(joined_key, gone.keys())), came)

    def _changed(self) -> set[str]:
        """The partitions whose files aren't those of which routes are kept."""
        world, dataset = self._world, self.routed.given.dataset
        found = set(map(joined_key, world.changed(dataset).keys()))
        if dataset in world.flow.steps:
            made = (one for (name, _), fresh in world.schemas.fresh_digests.items() if name == dataset for one in fresh)
            found |= {joined_key(world.domains.of(dataset).key(index)) for index in {*made}}
        return {partition for partition in found if not self._is_kept(partition)}

    def _is_kept(self, partition: str) -> bool:
        """Whether a partition that was looked at again, or made anew, is the same as ever."""
        if partition not in self._kept:
            is_new = self.has_returned(partition)
            subjects = [] if is_new else self._state.subjects(self.routed.use, partition)
            files = self.routed.files(partition) if subjects else []
            self._kept[partition] = bool(subjects) and subjects == [file.subject for file in files]
        return self._kept[partition]

    def has_returned(self, partition: str) -> bool:
        """Whether a partition was gone when the seals were written; of what may be missed, routes are kept even so."""
        if not self._keeps_gone:
            return False
        before = self._world.presence.kept(self.routed.given.dataset, self._world.axes)
        return before is not None and not self.routed.one(partition) & before

    @property
    def _keeps_gone(self) -> bool:
        source = self._world.flow.project.sources.get(self.routed.given.dataset)
        return source is not None and source.keeps_gone

    def look(self) -> None:
        """Finds out what differs, and takes the routes of that from the state, by content, as far as they are known."""
        if not self._is_looked:
            self._is_looked = True
            differing = self.moved().all
            if not self.is_whole:
                present = set(map(joined_key, self.routed.present().keys()))
                differing |= present.difference(self._state.partitions(self.routed.use))
            self._find(differing)
            self._remade.clear()
        elif self._remade:
            remade, self._remade = self._remade, set()
            self._find(partition for partition in remade if not self._is_kept(partition))

    def _find(self, partitions: Iterable[str]) -> None:
        present = self.routed.present()
        found = {
            name: self.routed.files(name) if self.routed.one(name) & present else [] for name in sorted(partitions)
        }
        if not found:
            return
        subjects = [file.subject for files in found.values() for file in files]
        known = {subject: unpack_route(body) for subject, body in self._state.known(subjects).items()}
        self.unknown.update(found)
        self.learn(known)

    def learn(self, found: MappingOf[bytes, Route]) -> None:
        """Takes note of routes, by their subjects, that were found out."""
        for partition, files in tuple(self.unknown.items()):
            if all(file.subject in found for file in files):
                del self.unknown[partition]
                self._subjects[partition] = [file.subject for file in files]
                self._routes[partition] = tuple(found[file.subject] for file in files)
                for key, digests in digests_of(self._routes[partition]).items():
                    self._shares.setdefault(key, {})[partition] = combine(digests)

    def learn_again(self) -> None:
        """Takes note of what was found out for others that look into the same files."""
        if self.unknown:
            self._find(tuple(self.unknown))

    def forget(self, partition: str) -> None:
        """Has a partition looked at anew, since it has been made anew."""
        self._remade.add(partition)
        self._kept.pop(partition, None)
        self._subjects.pop(partition, None)
        for key in digests_of(self._routes.pop(partition, ())):
            del self._shares[key][partition]
        for found in (self.unknown, self.errors):
            found.pop(partition, None)

    @property
    def has_differences(self) -> bool:
        """Whether something is known to differ from what is kept."""
        return bool(self._routes or self.unknown)

    def _differs(self, partition: str) -> bool:
        return partition in self._routes or partition in self.unknown

    # -- answers -------------------------------------------------------------------------------------------------------

    def kept(self, partition: str) -> list[Route]:
        """The routes that a partition's files had when the seals were written; none where they aren't known."""
        return list(map(unpack_route, self._state.of(self.routed.use, partition)))

    def of(self, partition: str) -> tuple[Route, ...] | None:
        """The routes of a partition's files as they are; None where they aren't all known."""
        self.look()
        if self._differs(partition):
            return self._routes.get(partition)
        return tuple(self.kept(partition))

    def shares(self, key: str) -> Iterator[tuple[str, bytes]]:
        """The partitions with rows of a route key, and the digest of these rows in each."""
        self.look()
        yield from self._shares.get(key, {}).items()
        yield from (each for each in self._state.shares(self.routed.use, key) if not self._differs(each[0]))

    def doubtful(self) -> list[Index]:
        """The partitions, of those that there are, of which it isn't known where their rows go."""
        self.look()
        present = self.routed.present()
        indices = map(self.routed.index, self.unknown)
        return [index for index in indices if index is not None and index in present]

    def kinds(self, partition: str, key: str) -> list[tuple[str, ...] | None]:
        """For each file of a partition the types of the routed values; None where it has no rows of the key."""
        self.look()
        if self._differs(partition):
            return [route.kinds if key in route.shares else None for route in self._routes.get(partition, ())]
        return [kinds_in(body, key) for body in self._state.of(self.routed.use, partition)]

    def columns(self) -> tuple[Column, ...] | None:
        """The columns of the first file of all; None where there is none, or they aren't known."""
        for partition in map(joined_key, self.routed.present().keys()):
            routes = self.of(partition)
            if routes is None or routes:
                return routes[0].columns if routes else None
        return None

    def tally(self) -> Tally:
        """How many rows of each key there are, in files whose routes are known."""
        self.look()
        found = self._state.tally(self.routed.use)
        hidden = {*self._routes, *self.unknown, *map(joined_key, self._absent().keys())}
        for partition in hidden:
            found.add(self.kept(partition), -1)
        for routes in self._routes.values():
            found.add(routes)
        return found

    def _absent(self) -> PartitionSet:
        """What isn't to be read although its routes may be kept: it is gone and may be missed, or isn't settled."""
        world, name = self._world, self.routed.given.dataset
        if name not in world.flow.project.sources:
            return PartitionSet.empty(self.routed.present().axes)
        found = world.unsettled(name)
        return (found | world.ever(name) if self._keeps_gone else found) - self.routed.present()

    def place_of(self, key: str) -> str:
        """A file with rows of a route key, or of NOWHERE, relative to the project; "" where there is none."""
        present = self.routed.present()
        for partition in sorted(partition for partition, _ in self.shares(key)):
            if self.routed.one(partition) & present:
                holds = [key in digests_of([route]) for route in self.of(partition) or ()]
                return self.routed.paths(partition)[holds.index(True)]
        return ""

    def ends(self, limits: MappingOf[str, int]) -> dict[str, list[int]]:
        """For each time dimension the newest number up to its limit that rows have, and the first ones beyond.

        Nothing goes before it is known to have gone.
        """
        kept, is_whole = self._state.ends(self.routed.use)
        self.look()
        found = {name: set(numbers) for name, numbers in kept.items()}
        if self.has_differences or not is_whole:
            keys = self.tally().rows
            places = [place for place, way in enumerate(self.routed.ways) if way.grain is not None]
            own = {self.routed.ways[place].dimension: numbers_of(keys, place) for place in places}
            found = {
                name: numbers | found.get(name, set()) if self.unknown else numbers for name, numbers in own.items()
            }
        return {name: newest(found.get(name, ()), limit) for name, limit in limits.items()}

    # -- keeping -------------------------------------------------------------------------------------------------------

    @property
    def has_news(self) -> bool:
        """Whether more is known than what is kept."""
        return self._is_looked and not self.unknown and bool(self.moves() or not self.is_whole)

    def moves(self) -> dict[str, list[bytes]]:
        """What the state doesn't have: partitions with their files' subjects, none of what went or isn't known."""
        self.look()
        found = {}
        for partition in (*self._routes, *self.unknown):
            subjects = self._subjects.get(partition, [])
            if self._keeps_gone and not subjects and partition not in self.unknown:
                continue  # whose rows those that are gone had is asked later on
            if subjects != self._state.subjects(self.routed.use, partition):
                found[partition] = subjects
        return found
