"""Rows that are routed to partitions by their own values: whom a changed file touches, and what a partition gets.

What is asked of a world about such inputs is answered here. Where rows go is found out once for each content of a
file, by a build; whoever only reads has to do with what is known, and says so.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from dbuild.build.interrupts import interruptible
from dbuild.build.routes import File, Routed
from dbuild.build.shifts import Shifts
from dbuild.core.domain import AHEAD, fed_by_rows, latest_of
from dbuild.core.events import Notice
from dbuild.core.links import Fixed
from dbuild.core.mapping import Mapping
from dbuild.core.model import TimeDimension
from dbuild.core.partitions import Index, PartitionSet
from dbuild.core.routes import Route, Stray, misplaced, pack_route, readers_of, shown_key, split_route, unpack_route
from dbuild.core.staleness import UNSETTLED
from dbuild.core.task import Column, TaskInput
from dbuild.core.trace import joined_key
from dbuild.errors import RecipeError, UserError
from dbuild.observe.listing import Stat, stat_file

if TYPE_CHECKING:
    from dbuild.build.world import World
    from dbuild.recipes.engine import Engine
    from dbuild.state.store import State

_SECONDS = 1.0  # after which what was found out is kept
_MANY = 20  # files from which on people are told that these are looked into


@dataclass(frozen=True, slots=True)
class Moved:
    """The partitions of an input that may be others than when the seals were written."""

    changed: set[str]  # by joined key: their files differ, or the dimensions have come to reach them
    gone: set[str]  # those that the dimensions don't reach any more
    turned: set[str]  # those of a target that can be read now and couldn't then, or the reverse
    came: PartitionSet  # those that the dimensions didn't reach then

    @property
    def all(self) -> set[str]:
        return self.changed | self.gone | self.turned


@dataclass(frozen=True, slots=True)
class News:
    """What is to be kept of one use of routed rows."""

    use: bytes
    moves: dict[str, list[bytes]]  # partition -> the subjects of its files; none of one that went or isn't known
    ends: dict[str, list[int]]
    is_whole: bool
    is_new: bool  # whether any of it isn't kept yet


def keep_news(news: Iterable[News], store: State) -> None:
    """Keeps them, and forgets what was kept for inputs that aren't any more."""
    news = list(news)
    for each in news:
        if each.is_new:
            store.routes.put(each.use, each.moves, each.ends, is_whole=each.is_whole)
    store.routes.forget_others(each.use for each in news)


class Routing:
    """The routed inputs of a flow."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._inputs: dict[str, dict[int, Routed]] = {}
        for name, step in world.flow.steps.items():
            found = {n: Routed(world, step, n) for n, given in enumerate(step.inputs) if given.by}
            if found:
                self._inputs[name] = found
        self._threads: int | None = None  # of a build that may find things out; None: nobody may
        self._is_running = False
        self._engines: dict[str, Engine] = {}
        self._signals: list[int] = []  # that came while files were looked into

    def __bool__(self) -> bool:
        return bool(self._inputs)

    def of(self, target: str, number: int) -> Routed:
        """A target's input by its place among them."""
        return self._inputs[target][number]

    # -- before the domains are known ----------------------------------------------------------------------------------

    def ends(self) -> dict[str, list[int]]:
        """For each dimension that reaches as far as rows do: the newest number that rows have, and those beyond."""
        found: dict[str, list[int]] = {}
        fed = fed_by_rows(self._world.flow)
        for routed in self._all():
            dimensions = fed & {way.dimension for way in routed.ways}
            ends = self._ends(routed) if dimensions else {}
            for dimension in dimensions:
                found.setdefault(dimension, []).extend(ends.get(dimension, []))
        return found

    def _ends(self, routed: Routed) -> dict[str, list[int]]:
        kept, is_whole = self._world.state.routes.ends(routed.use)
        if not routed.is_loaded:
            if is_whole and not self._moved(routed).all:
                return kept
            routed.load()
        found = routed.ends(self._limits(routed))
        if routed.unknown:  # nothing goes before it is known to have gone
            found = {name: sorted({*numbers, *kept.get(name, [])}) for name, numbers in found.items()}
        return found

    def _limits(self, routed: Routed) -> dict[str, int]:
        latest = latest_of(self._world.now)
        return {way.dimension: way.grain.index_at(latest) for way in routed.ways if way.grain is not None}

    def changes_after(self) -> datetime | None:
        """The instant from which on more rows count, because their periods aren't later than tomorrow any more."""
        found = []
        declared = self._world.flow.project.dimensions
        for name, numbers in self.ends().items():
            dimension = declared[name]
            assert isinstance(dimension, TimeDimension)
            limit = dimension.grain.index_at(latest_of(self._world.now))
            found += [dimension.grain.start(number) - AHEAD for number in numbers if number > limit]
        return min(found, default=None)

    # -- who is touched ------------------------------------------------------------------------------------------------

    def touched(self, target: str) -> PartitionSet:
        """The partitions whose rows came, went or changed since the seals were written, as far as it is known."""
        found = PartitionSet.empty(self._world.domains.of(target).axes)
        for routed in self._inputs.get(target, {}).values():
            if routed.given.counts:
                found |= self._touched_by(routed)
        return found

    def _touched_by(self, routed: Routed) -> PartitionSet:
        moved = self._moved(routed)
        if self._shows_columns(routed, moved):
            return routed.domain
        keys: set[str] = set()
        found = PartitionSet.empty(routed.domain.axes)
        for partition in moved.all:
            before = routed.kept(partition)
            if not before and self._was_there(routed, moved, partition):
                found |= self._readers(routed, [partition])
                continue
            now = self._now(routed, partition, moved)
            differing = _differences(before, now or ())  # what isn't known now is told by `unrouted`
            if partition in moved.turned:
                differing = {key for route in (*before, *(now or ())) for key in route.shares}
            if self._is_free(routed):
                keys |= differing
            else:
                found |= readers_of(differing, routed.ways, routed.domain) & self._readers(routed, [partition])
        return found | readers_of(keys, routed.ways, routed.domain)

    def _moved(self, routed: Routed) -> Moved:
        world = self._world
        came, gone = Shifts(world.flow, world.reach, world.state.axis_values).moved(routed.given.dataset)
        there = came & routed.present()
        changed = routed.changed().union(map(joined_key, there.keys()))
        turned = world.moved(routed.given.dataset) if routed.given.dataset in world.flow.steps else there - there
        return Moved(changed, set(map(joined_key, gone.keys())), set(map(joined_key, turned.keys())), came)

    def _now(self, routed: Routed, partition: str, moved: Moved) -> tuple[Route, ...] | None:
        if partition in moved.gone or not self._one(routed, partition) & routed.present():
            return ()
        return routed.routes(partition)

    def _one(self, routed: Routed, partition: str) -> PartitionSet:
        return self._world.keyed(routed.given.dataset, {partition: None})

    def _was_there(self, routed: Routed, moved: Moved, partition: str) -> bool:
        """Whether a partition of which no routes are kept may have been read before."""
        world, dataset = self._world, routed.given.dataset
        if partition in moved.gone or dataset not in world.flow.project.sources:
            return True
        kept = world.presence.kept(dataset, world.axes)
        return kept is None or bool(self._one(routed, partition) & kept - moved.came)

    def _readers(self, routed: Routed, partitions: Iterable[str]) -> PartitionSet:
        """The partitions of the target that could get rows of these, whatever these are."""
        some = self._world.keyed(routed.given.dataset, dict.fromkeys(partitions))
        return self._mapping(routed).affects(some, routed.domain)

    def _mapping(self, routed: Routed) -> Mapping:
        mapping = self._world.reach.mappings[routed.step.target.name][routed.number]
        assert isinstance(mapping, Mapping)  # the declared ones know of no absence
        return mapping

    def bereft(self, target: str, number: int, gone: PartitionSet) -> PartitionSet:
        """The partitions that got rows of partitions of an input that are gone, as far as it is known; else all."""
        routed = self.of(target, number)
        partitions = set(map(joined_key, gone.keys()))
        keys: set[str] = set()
        known: set[str] = set()
        for partition, body in self._world.state.routes.all(routed.use):
            if partition in partitions:
                known.add(partition)
                keys.update(unpack_route(body).shares)
        return readers_of(keys, routed.ways, routed.domain) | self._readers(routed, partitions - known)

    def _is_free(self, routed: Routed) -> bool:
        """Whether any partition of the target could get rows of any of the input's."""
        return all(isinstance(link, Fixed) and link.intervals is None for link in self._mapping(routed).links)

    def _shows_columns(self, routed: Routed, moved: Moved) -> bool:
        """Whether the file that shows the columns of an empty input may be another, or look otherwise."""
        if not routed.shows_columns or not moved.all:
            return False
        first = routed.present().first()
        some = self._world.keyed(routed.given.dataset, dict.fromkeys(moved.changed)).first()
        if moved.gone or first is None or (some is not None and some < first):
            return True
        key = joined_key(routed.present().key(first))
        before, now = routed.kept(key), routed.routes(key)
        return key in moved.changed and (not before or not now or before[0].columns != now[0].columns)

    # -- what isn't known ----------------------------------------------------------------------------------------------

    def unrouted(self, target: str) -> PartitionSet:
        """The partitions that may get rows of files of which it isn't known where their rows go."""
        found = PartitionSet.empty(self._world.domains.of(target).axes)
        for routed in self._inputs.get(target, {}).values():
            doubtful = self._doubtful(routed) if routed.given.counts else ()
            if doubtful:
                found |= self._readers(routed, doubtful)
        return found

    def _doubtful(self, routed: Routed) -> Collection[str]:
        """The partitions of which not all routes are known, among those that matter."""
        if not routed.is_loaded:
            moved = self._moved(routed)
            if not self._is_whole(routed):
                routed.load()
            for partition in moved.all:
                self._now(routed, partition, moved)
        return routed.unknown

    def _is_whole(self, routed: Routed) -> bool:
        """Whether routes are kept for all partitions, and the seal of the target holds what they lead to."""
        world, target = self._world, routed.step.target.name
        return world.state.routes.ends(routed.use)[1] and not routed.domain - world.sealed(target)

    def doubts(self, targets: Collection[str]) -> Iterator[str]:
        """What a person who reads of these targets should know of what only a build finds out."""
        for routed in self._all():
            is_shown = routed.step.target.name in targets and self._threads is None
            if is_shown and (count := len(self._doubtful(routed))):
                what = "1 partition" if count == 1 else f"{count} partitions"
                name, target = routed.given.dataset, routed.step.target.name
                yield f'where the rows of {what} of "{name}" go is found out by a build: {target} may run for them'

    # -- finding out ---------------------------------------------------------------------------------------------------

    def find_out(self, targets: Collection[str], threads: int, emit: Callable[[Notice], None]) -> None:
        """Looks into all files of these targets' inputs of which it isn't known where their rows go.

        What can't be read is an error only for those that read it.
        """
        self._threads = threads
        sources = [r for r in self._all() if r.step.target.name in targets and r.given.dataset in self._world.present]
        try:
            with interruptible() as self._signals:
                for routed in sources:  # what targets make is looked into when it is made
                    files = sum(map(len, self._unknown(routed).values()))
                    if files >= _MANY:
                        what = f'{files} files of "{routed.given.dataset}" are looked into: where do their rows go?'
                        emit(Notice(what, "info"))
                    self._look_into(routed)
        finally:
            self.close()

    def _unknown(self, routed: Routed) -> dict[str, list[File]]:
        self._doubtful(routed)
        return routed.unknown

    def _look_into(self, routed: Routed) -> None:
        """One pass over each file whose content is new."""
        found: dict[bytes, Route] = {}
        fresh: dict[bytes, Route] = {}
        kept_at = time.monotonic()
        try:
            for partition, files in routed.unknown.items():
                try:
                    for file in files:
                        if file.subject not in found:
                            found[file.subject] = fresh[file.subject] = self._route(routed, file)
                except UserError as error:
                    if self._signals:
                        raise KeyboardInterrupt from None
                    routed.errors[partition] = error
                if time.monotonic() - kept_at > _SECONDS:
                    self._keep_routes(fresh)
                    kept_at = time.monotonic()
        finally:
            self._keep_routes(fresh)
        routed.learn(found)

    def _keep_routes(self, fresh: dict[bytes, Route]) -> None:
        state = self._world.state
        if fresh:
            with state.transaction():
                state.routes.keep([(subject, pack_route(route)) for subject, route in fresh.items()])
            fresh.clear()

    def _route(self, routed: Routed, file: File) -> Route:
        from dbuild.recipes.routing import route

        engine = self._engine(routed)
        try:
            engine.set_timezone(routed.step.target.timezone)
            found = route(engine, file.given, routed.ways)
        except RecipeError as error:
            raise RecipeError(error.what, error.place or routed.given.place, error.hint, error.causes) from None
        finally:
            engine.reset()
        if stat_file(file.path) != file.stat:
            name = os.path.relpath(file.path, self._world.survey.root)
            what = f"{name} changed while it was looked into"
            raise RecipeError(what, routed.given.place, "run dbuild again when it is written")
        return found

    def _engine(self, routed: Routed) -> Engine:
        from dbuild.recipes.engine import Engine

        dataset = routed.given.dataset
        if dataset not in self._engines:
            root = self._world.survey.root
            folders = [one.folder for one in self._world.survey.locations[dataset]]
            self._engines[dataset] = Engine(
                [os.path.normpath(os.path.join(root, folder)) for folder in folders], self._threads or 1
            )
        return self._engines[dataset]

    def begin(self) -> None:
        """From now on it has to be known what partitions get; what is made meanwhile is looked into when it is read."""
        self._is_running = True

    def close(self) -> None:
        """Ends the sessions that were opened."""
        for engine in self._engines.values():
            engine.close()
        self._engines.clear()

    # -- what a partition gets -----------------------------------------------------------------------------------------

    def shares(
        self, target: str, number: int, index: Index, reads: PartitionSet, unsettled: PartitionSet | None
    ) -> list[tuple[Index, bytes]]:
        """The partitions of an input that have rows for one of the target's, each with the digest of these rows.

        UNSETTLED where that isn't known. While a build runs all has to be known: UserError where it can't be.
        """
        routed = self.of(target, number)
        routed.load()
        if self._is_running and routed.unknown:
            self._settle(routed, reads)
        found = {one: digest for one, digest in routed.shares(routed.key(index)) if one in reads}
        found.update((one, UNSETTLED) for one in routed.doubtful() if one in reads)
        if unsettled is not None:
            found.update((one, UNSETTLED) for one in (reads & unsettled).indices())
        return sorted(found.items())

    def _settle(self, routed: Routed, reads: PartitionSet) -> None:
        if any(partition not in routed.errors for partition in routed.unknown):
            self._look_into(routed)
        for partition, error in routed.errors.items():
            if partition in routed.unknown and self._world.keyed(routed.given.dataset, {partition: None}) & reads:
                raise error

    def columns(self, target: str, number: int) -> tuple[Column, ...] | None:
        """The columns of an input without rows, where only its files tell them."""
        routed = self.of(target, number)
        if not routed.shows_columns:
            return None
        routed.load()
        return routed.columns()

    def narrowed(
        self, target: str, number: int, index: Index, read: TaskInput, watched: list[tuple[str, Stat]]
    ) -> tuple[TaskInput, list[tuple[str, Stat]]]:
        """An input with those of its files that have rows for a partition, and the condition that holds for these.

        Raises RecipeError where it isn't known, or can't be said in one condition.
        """
        from dbuild.recipes.routing import condition

        routed = self.of(target, number)
        key = routed.key(index)
        kinds: list[tuple[str, ...] | None] = []
        for partition in dict.fromkeys(map(joined_key, read.keys)):
            kinds += routed.kinds(partition, key)
        if len(kinds) != len(read.paths):
            raise RecipeError(f'where the rows of "{read.name}" go isn\'t known yet', hint="run dbuild")
        places = [place for place, each in enumerate(kinds) if each is not None]
        self._check_kinds(read, kinds, places)
        keys = tuple(read.keys[place] for place in places)
        paths = tuple(read.paths[place] for place in places)
        narrow = replace(read, keys=keys, paths=paths, is_single=False, is_routed=True)
        if not places:
            columns = read.schema if read.schema is not None else self.columns(target, number)
            return replace(narrow, schema=columns), []
        where = condition(routed.ways, kinds[places[0]] or (), split_route(key))
        return replace(narrow, where=where), [watched[place] for place in places]

    def _check_kinds(self, read: TaskInput, kinds: list[tuple[str, ...] | None], places: list[int]) -> None:
        for place in places[1:]:
            first = places[0]
            if kinds[place] != kinds[first]:
                names = [os.path.relpath(read.paths[n], self._world.survey.root) for n in (first, place)]
                texts = [", ".join(kinds[n] or ()) for n in (first, place)]
                raise RecipeError(
                    f'the rows of "{read.name}" are routed by {texts[0]} in {names[0]} and by {texts[1]} in {names[1]}',
                    hint="write a cast in `by`, as in CAST(ts AS TIMESTAMP)",
                )

    # -- rows that nobody gets -----------------------------------------------------------------------------------------

    def strays(self, targets: Collection[str] | None = None) -> list[Stray]:
        """Rows of these targets' inputs (None: of those that were looked at) that have no key, or one out of reach.

        Only of files whose routes are known.
        """
        found = []
        for routed in self._all():
            if targets is not None and routed.step.target.name in targets:
                routed.load()
            if routed.is_loaded and (targets is None or routed.step.target.name in targets):
                stray = self._strays(routed)
                if stray is not None:
                    found.append(stray)
        return found

    def _strays(self, routed: Routed) -> Stray | None:
        axes, bounds = routed.axes, self._world.domains.bounds
        keyless = dict.fromkeys((way.dimension for way in routed.ways), 0)
        outside = dict.fromkeys(keyless, 0)
        example = path = ""
        places: dict[str, str | None] = {}  # of each key, looked up once
        for partition, routes in routed.all_routes():
            for number, route in enumerate(routes):
                before = sum(keyless.values()) + sum(outside.values())
                for way, rows in zip(routed.ways, route.keyless, strict=True):
                    keyless[way.dimension] += rows
                for key, share in route.shares.items():
                    if key not in places:
                        places[key] = misplaced(axes, bounds, key)
                    dimension = places[key]
                    if dimension is not None:
                        outside[dimension] += share.rows
                        example = example or shown_key(axes, key)
                if not path and sum(keyless.values()) + sum(outside.values()) > before:
                    path = routed.paths(partition)[number]
        if not path:
            return None
        some = [tuple((name, rows) for name, rows in counts.items() if rows) for counts in (keyless, outside)]
        return Stray(routed.given.dataset, routed.step.target.name, some[0], some[1], example, path)

    # -- keeping -------------------------------------------------------------------------------------------------------

    @property
    def has_news(self) -> bool:
        """Whether more is known than what is kept."""
        kept = self._world.state.routes
        return any(r.is_loaded and not r.unknown and (r.moves() or not kept.ends(r.use)[1]) for r in self._all())

    def news(self) -> list[News]:
        """What is to be kept of the routes of all inputs, with the seals that rest on it."""
        uses: dict[bytes, Routed] = {}
        for routed in self._all():
            if routed.is_loaded or routed.use not in uses:  # several targets may route the same rows alike
                uses[routed.use] = routed
        return [self._news(use, routed) for use, routed in uses.items()]

    def _news(self, use: bytes, routed: Routed) -> News:
        moved, kept = self._moved(routed), self._world.state.routes.ends(use)
        if moved.all:
            routed.load()
        found = (self._ends(routed), not routed.unknown) if routed.is_loaded else kept
        moves = {**{partition: [] for partition in moved.gone}, **routed.moves()}
        return News(use, moves, *found, is_new=bool(moves) or found != kept)

    def forget(self, dataset: str) -> None:
        """Drops what was found out of a target's outputs that have since changed."""
        for routed in self._all():
            if routed.given.dataset == dataset:
                routed.forget()

    def _all(self) -> Iterator[Routed]:
        return (routed for found in self._inputs.values() for routed in found.values())


def _differences(before: Iterable[Route], now: Iterable[Route]) -> set[str]:
    """The keys whose rows aren't the same in the same order."""
    shares: list[dict[str, list[bytes]]] = [{}, {}]
    for side, routes in zip(shares, (before, now), strict=True):
        for route in routes:
            for key, share in route.shares.items():
                side.setdefault(key, []).append(share.digest)
    old, new = shares
    return {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
