"""The inputs of a flow whose rows are routed to partitions by their own values, whatever file they came in.

What is asked of a world about such inputs is answered here. Where rows go is found out once for each content of a
file, by a build; whoever only reads has to do with what is known, and says so. Flows without any never import this.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from dbuild.build.moves import bereft_by, doubtful, moved_of, touched_by
from dbuild.build.passes import Passes
from dbuild.build.routes import Routed
from dbuild.build.strays import stray_of
from dbuild.core.domain import AHEAD, fed_by_rows, latest_of
from dbuild.core.events import Notice
from dbuild.core.model import TimeDimension
from dbuild.core.partitions import Index, PartitionSet
from dbuild.core.routes import Stray, newest
from dbuild.core.staleness import UNSETTLED
from dbuild.core.task import Column, TaskInput
from dbuild.observe.listing import Stat

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
        self._inputs: dict[str, dict[int, Routed]] = {}
        for name, step in world.flow.steps.items():
            found = {n: Routed(world, step, n) for n, given in enumerate(step.inputs) if given.by}
            if found:
                self._inputs[name] = found
        self._passes: Passes | None = None  # of a build that may find things out; None: nobody may
        self._is_running = False

    def of(self, target: str, number: int) -> Routed:
        """A target's input by its place among them."""
        return self._inputs[target][number]

    def _all(self) -> Iterator[Routed]:
        return (routed for found in self._inputs.values() for routed in found.values())

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
        latest = latest_of(self._world.now)
        limits = {way.dimension: way.grain.index_at(latest) for way in routed.ways if way.grain is not None}
        if routed.is_loaded or not is_whole or moved_of(self._world, routed).all:
            routed.load()
            found = routed.ends(limits)
            if not routed.unknown:
                return found
            # Nothing goes before it is known to have gone.
            kept = {name: [*numbers, *kept.get(name, ())] for name, numbers in found.items()}
        return {name: newest(kept.get(name, ()), limit) for name, limit in limits.items()}

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
        return self._union(target, lambda routed: touched_by(self._world, routed))

    def unrouted(self, target: str) -> PartitionSet:
        """The partitions that may get rows of files of which it isn't known where their rows go."""
        return self._union(target, lambda routed: routed.readers(doubtful(self._world, routed)))

    def _union(self, target: str, of: Callable[[Routed], PartitionSet]) -> PartitionSet:
        found = PartitionSet.empty(self._world.domains.of(target).axes)
        for routed in self._inputs.get(target, {}).values():
            if routed.given.counts:
                found |= of(routed)
        return found

    def bereft(self, target: str, number: int, gone: PartitionSet) -> PartitionSet:
        """The partitions that got rows of partitions of an input that are gone, as far as it is known; else all."""
        return bereft_by(self._world, self.of(target, number), gone)

    def doubts(self, targets: Collection[str]) -> Iterator[str]:
        """What a person who reads of these targets should know of what only a build finds out."""
        for routed in self._all():
            is_shown = routed.step.target.name in targets and self._passes is None
            if is_shown and (count := len(doubtful(self._world, routed))):
                what = "1 partition" if count == 1 else f"{count} partitions"
                name, target = routed.given.dataset, routed.step.target.name
                yield f'where the rows of {what} of "{name}" go is found out by a build: {target} may run for them'

    def strays(self, targets: Collection[str] | None = None) -> list[Stray]:
        """Rows of these targets' inputs (None: of those that were looked at) that have no key, or one out of reach.

        Only of files whose routes are known.
        """
        found = []
        for routed in self._all():
            if targets is not None and routed.step.target.name in targets:
                routed.load()
            if routed.is_loaded and (targets is None or routed.step.target.name in targets):
                stray = stray_of(self._world, routed)
                if stray is not None:
                    found.append(stray)
        return found

    # -- a build -------------------------------------------------------------------------------------------------------

    def find_out(self, targets: Collection[str], threads: int, emit: Callable[[Notice], None]) -> None:
        """Looks into all files of these targets' inputs of which it isn't known where their rows go.

        What can't be read is an error only for those that read it.
        """
        self._passes = Passes(self._world, threads)
        sources = self._world.present  # what targets make is looked into when it is made
        found = [r for r in self._all() if r.step.target.name in targets and r.given.dataset in sources]
        self._passes.find_out(found, emit)

    def begin(self) -> None:
        """From now on it has to be known what partitions get; what is made meanwhile is looked into when it is read."""
        self._is_running = True

    def close(self) -> None:
        """Ends the sessions that were opened."""
        if self._passes is not None:
            self._passes.close()

    def forget(self, dataset: str) -> None:
        """Drops what was found out of a target's outputs that have since changed."""
        for routed in self._all():
            if routed.given.dataset == dataset:
                routed.forget()

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
        assert self._passes is not None  # a build has gone over its sources by now
        if any(partition not in routed.errors for partition in routed.unknown):
            self._passes.look_into(routed)
        for partition, error in routed.errors.items():
            if partition in routed.unknown and routed.one(partition) & reads:
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
        from dbuild.build.portions import narrowed  # which brings the engine

        root = self._world.survey.root
        return narrowed(self.of(target, number), index, read, watched, self.columns(target, number), root)

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
        moved, kept = moved_of(self._world, routed), self._world.state.routes.ends(use)
        if moved.all:
            routed.load()
        found = (self._ends(routed), not routed.unknown) if routed.is_loaded else kept
        moves = {**{partition: [] for partition in moved.gone}, **routed.moves()}
        return News(use, moves, *found, is_new=bool(moves) or found != kept)
