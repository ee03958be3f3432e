"""The inputs of a flow whose rows are routed to partitions by their own values, whatever file they came in.

What is asked of a world about such inputs is answered here. Where rows go is found out once for each content of a
file, by a build; whoever only reads has to do with what is known, and says so. Flows without any never import this.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from dbuild.build.moves import bereft_by, touched_by
from dbuild.build.passes import Passes
from dbuild.build.routed import Routed
from dbuild.build.routes import Routes
from dbuild.build.strays import stray_of
from dbuild.core.domain import AHEAD, fed_by_rows, latest_of
from dbuild.core.events import Notice
from dbuild.core.model import TimeDimension
from dbuild.core.partitions import Index, PartitionSet
from dbuild.core.routes import Stray
from dbuild.core.staleness import UNSETTLED
from dbuild.core.task import Column, TaskInput
from dbuild.observe.listing import Stat
from dbuild.values import dataclass

if TYPE_CHECKING:
    from dbuild.build.world import World


@dataclass(frozen=True, slots=True)
class News:
    """What is to be kept of one use of routed rows."""

    use: bytes
    moves: dict[str, list[bytes]]  # partition -> the subjects of its files; none of one that went or isn't known
    ends: dict[str, list[int]]
    is_whole: bool
    is_new: bool  # whether any of it isn't kept yet


class Routing:
    """The routed inputs of a flow."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._inputs: dict[str, dict[int, Routes]] = {}
        for name, step in world.flow.steps.items():
            routed = (Routed(world, step, number) for number, given in enumerate(step.inputs) if given.by)
            found = {each.number: Routes(world, each) for each in routed}
            if found:
                self._inputs[name] = found
        self._passes: Passes | None = None  # of a build that may find things out; None: nobody may
        self._is_running = False

    def of(self, target: str, number: int) -> Routes:
        """A target's input by its place among them."""
        return self._inputs[target][number]

    def _all(self) -> Iterator[Routes]:
        return (routes for found in self._inputs.values() for routes in found.values())

    # -- before the domains are known ----------------------------------------------------------------------------------

    def ends(self) -> dict[str, list[int]]:
        """For each dimension that reaches as far as rows do: the newest number that rows have, and those beyond."""
        found: dict[str, list[int]] = {}
        fed = fed_by_rows(self._world.flow)
        for routes in self._all():
            dimensions = fed & {way.dimension for way in routes.routed.ways}
            ends = self._ends(routes) if dimensions else {}
            for dimension in dimensions:
                found.setdefault(dimension, []).extend(ends.get(dimension, []))
        return found

    def _ends(self, routes: Routes) -> dict[str, list[int]]:
        latest = latest_of(self._world.now)
        ways = routes.routed.ways
        return routes.ends({way.dimension: way.grain.index_at(latest) for way in ways if way.grain is not None})

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

    # -- who is touched, and what isn't known --------------------------------------------------------------------------

    def touched(self, target: str) -> PartitionSet:
        """The partitions whose rows came, went or changed since the seals were written, as far as it is known."""
        found = PartitionSet.empty(self._world.domains.of(target).axes)
        for routes in self._inputs.get(target, {}).values():
            if routes.routed.given.counts:
                found |= touched_by(self._world, routes)
        return found

    def unrouted(self, target: str) -> dict[str, PartitionSet]:
        """The partitions of datasets, by their names, of which it isn't known which rows a target gets."""
        found: dict[str, PartitionSet] = {}
        for routes in self._inputs.get(target, {}).values():
            routed = routes.routed
            if routed.given.counts and (some := routed.some(_unknown(routes))):
                known = found.get(routed.given.dataset)
                found[routed.given.dataset] = some if known is None else known | some
        return found

    def bereft(self, target: str, number: int, gone: PartitionSet) -> PartitionSet:
        """The partitions that got rows of partitions of an input that are gone, as far as it is known; else all."""
        return bereft_by(self.of(target, number), gone)

    def doubts(self, targets: Collection[str]) -> Iterator[str]:
        """What a person who reads of these targets should know of what only a build finds out."""
        for routes in self._all():
            routed = routes.routed
            is_shown = routed.step.target.name in targets and self._passes is None
            if is_shown and (count := len(_unknown(routes))):
                what = "1 partition" if count == 1 else f"{count} partitions"
                name, target = routed.given.dataset, routed.step.target.name
                yield f'where the rows of {what} of "{name}" go is found out by a build: {target} may run for them'

    def strays(self, targets: Collection[str]) -> list[Stray]:
        """Rows of these targets' inputs that have no key, or one out of reach, in files whose routes are known."""
        routes = (each for each in self._all() if each.routed.step.target.name in targets)
        return [stray for each in routes if (stray := stray_of(self._world, each)) is not None]

    def differing(self) -> set[str]:
        """The targets with inputs of which files differ from what is kept."""
        return {routes.routed.step.target.name for routes in self._all() if routes.has_differences}

    # -- a build -------------------------------------------------------------------------------------------------------

    def find_out(self, targets: Collection[str], threads: int, emit: Callable[[Notice], None]) -> None:
        """Looks into all files of these targets' inputs of which it isn't known where their rows go.

        What can't be read is an error only for those that read it.
        """
        self._passes = Passes(self._world, threads)
        sources = self._world.present  # what targets make is looked into when it is made
        inputs = ((each, each.routed) for each in self._all())
        found = [each for each, r in inputs if r.step.target.name in targets and r.given.dataset in sources]
        self._passes.find_out(found, emit)
        for routes in self._all():
            routes.learn_again()

    def begin(self) -> None:
        """From now on it has to be known what partitions get; what is made meanwhile is looked into when it is read."""
        self._is_running = True

    def close(self) -> None:
        """Ends the sessions that were opened."""
        if self._passes is not None:
            self._passes.close()

    def forget(self, dataset: str, partition: str) -> None:
        """Drops what was found out of a partition that has since been made anew."""
        for routes in self._all():
            if routes.routed.given.dataset == dataset:
                routes.forget(partition)

    # -- what a partition gets -----------------------------------------------------------------------------------------

    def shares(
        self, target: str, number: int, index: Index, reads: PartitionSet, unsettled: PartitionSet | None
    ) -> list[tuple[Index, bytes]]:
        """The partitions of an input that have rows for one of the target's, each with the digest of these rows.

        UNSETTLED where that isn't known. While a build runs all has to be known: UserError where it can't be.
        """
        routes = self.of(target, number)
        unknown = _unknown(routes)
        if self._is_running and unknown:
            self._settle(routes, reads)
        reads = reads & routes.routed.present()
        shares = ((routes.routed.index(name), digest) for name, digest in routes.shares(routes.routed.key(index)))
        found = {one: digest for one, digest in shares if one is not None and one in reads}
        found.update((one, UNSETTLED) for one in routes.doubtful() if one in reads)
        if unsettled is not None:
            found.update((one, UNSETTLED) for one in (reads & unsettled).indices())
        return sorted(found.items())

    def _settle(self, routes: Routes, reads: PartitionSet) -> None:
        assert self._passes is not None  # a build has gone over its sources by now
        if any(partition not in routes.errors for partition in routes.unknown):
            self._passes.look_into(routes)
        for partition, error in routes.errors.items():
            if partition in routes.unknown and routes.routed.one(partition) & reads:
                raise error

    def columns(self, target: str, number: int) -> tuple[Column, ...] | None:
        """The columns of an input without rows, where only its files tell them."""
        routes = self.of(target, number)
        return routes.columns() if routes.routed.shows_columns else None

    def narrowed(
        self, target: str, number: int, index: Index, read: TaskInput, watched: list[tuple[str, Stat]]
    ) -> tuple[TaskInput, list[tuple[str, Stat]]]:
        """An input with those of its files that have rows for a partition, and the condition that holds for these.

        Raises RecipeError where it isn't known, or can't be said in one condition.
        """
        from dbuild.build.portions import narrowed  # which brings the engine

        root = self._world.survey.root
        return narrowed(self.of(target, number), index, read, watched, self.columns(target, number), root)

    # -- keeping -------------------------------------------------------------------------------------------------------

    @property
    def has_news(self) -> bool:
        """Whether more is known than what is kept."""
        return any(routes.has_news for routes in self._all())

    def news(self) -> list[News]:
        """What is to be kept of the routes of all inputs, with the seals that rest on it."""
        uses: dict[bytes, Routes] = {}
        for routes in self._all():  # several targets may route the same rows alike
            known = uses.setdefault(routes.routed.use, routes)
            if len(_unknown(routes)) < len(_unknown(known)):
                uses[routes.routed.use] = routes
        return [self._news(use, routes) for use, routes in uses.items()]

    def _news(self, use: bytes, routes: Routes) -> News:
        moves, ends, is_whole = routes.moves(), self._ends(routes), not routes.unknown
        is_new = bool(moves) or (ends, is_whole) != self._world.state.routes.ends(use)
        return News(use, moves, ends, is_whole, is_new)


def _unknown(routes: Routes) -> Collection[str]:
    """The partitions of which not all routes are known."""
    routes.look()
    return routes.unknown
