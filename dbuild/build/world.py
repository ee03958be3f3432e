"""The world as the planner asks about it: the survey, the traces and the seals, brought together.

A seal says which partitions of a target were known to be fresh, relative to the kept listings. What differs from those
listings touches partitions by set algebra; only these, and what no seal covers, are judged one by one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from collections.abc import Mapping as MappingOf
from datetime import datetime
from typing import TYPE_CHECKING

from dbuild.build.bodies import identity_of, load_body
from dbuild.build.declarations import Declarations
from dbuild.build.expected import absences_of
from dbuild.build.fingerprints import Fingerprints
from dbuild.build.holds import Holds
from dbuild.build.locations import Location
from dbuild.build.presence import Presence
from dbuild.build.readings import Readings
from dbuild.build.schemas import Schemas
from dbuild.build.shifts import Shifts
from dbuild.build.survey import Survey
from dbuild.build.words import Words
from dbuild.core.absence import Absence
from dbuild.core.domain import axes_for, axes_of, domains_of, fed_by_rows, mappings_of
from dbuild.core.graph import Flow, Step
from dbuild.core.model import Input
from dbuild.core.partitions import EMPTY, Axis, Index, ListAxis, PartitionSet
from dbuild.core.plan import inputs_of
from dbuild.core.staleness import Declared, Heard, Verdict, judge
from dbuild.core.supply import supply_of
from dbuild.core.trace import Trace, joined_key
from dbuild.state.store import Failure, State

if TYPE_CHECKING:
    from dbuild.build.routing import Routing

NO_KEYS: MappingOf[str, tuple[str, ...]] = {}
EVER = ":ever"  # after a source's name: the partitions that it has or had
LACKING = ":lacking"  # after a target's name: those that lacked something when they were made, or looked at last
ABSENT = ":absent"  # after a target's name: those that nobody could read
_MANY = 200  # partitions from which a target's traces are read as a range
_NOTHING = Declared(b"", {}, (), ())  # of what was never built nothing is compared


class World:
    """What is declared, what was built, what is there. Implements `core.plan.Observed`."""

    def __init__(
        self,
        flow: Flow,
        survey: Survey,
        state: State,
        presence: Presence,
        now: datetime,
        clock: Callable[[], float] = time.time,
        keys: MappingOf[str, tuple[str, ...]] = NO_KEYS,
        *,
        is_patient: bool = False,
        is_reopened: bool = False,
    ) -> None:
        """`keys` are those that SQL found, by dimension; `is_patient`: nothing is made provisionally.

        `is_reopened`: what is older than its target lets change may change all the same.
        """
        self.flow = flow
        self.keys = keys
        self.is_patient = is_patient
        self.now = now  # UTC, without a zone: the moment for which all is decided
        self.clock = clock  # the moment at which something happens, in seconds since the epoch
        self.survey = survey
        self.state = state
        self.forced: dict[str, PartitionSet] = {}
        self.is_reopened = is_reopened
        self.fingerprints = Fingerprints(flow, survey, state.recipes)
        self._traces: dict[str, dict[str, Trace]] = {}
        self._failures: dict[str, dict[str, Failure]] = {}
        self._seconds: dict[str, tuple[int, float]] | None = None
        self._touched: dict[str, PartitionSet] = {}
        self._asked: dict[str, int] = {}
        self._kept_axes: dict[str, ListAxis] = {}
        self._reordered: dict[str, bool] = {}
        self.unasked: frozenset[str] = frozenset()  # dimensions whose SQL has never been asked
        self.doubts: tuple[str, ...] = ()  # what isn't known of keys, as notices
        self.presence = presence
        self.axes = axes_of(flow.project, {**presence.discovered(), **keys})
        named = {name: presence.named(name, self.axes) for name in flow.project.sources}
        mappings, _ = mappings_of(flow, self.axes)
        self.reach, notices = domains_of(flow, self.axes, mappings, named, now)
        self.domains = self.reach  # until it is known what can be had
        self._unsettled = {name: presence.held_back(name, self.axes, self.reach.of(name)) for name in named}
        self.present = {name: there - self._unsettled[name] for name, there in named.items()}  # and may be read
        self.schemas = Schemas(flow, survey, state, self.reach, self.present)
        self.routing = _routing_of(self)
        if self.routing is not None and fed_by_rows(flow):
            self.reach, notices = domains_of(flow, self.axes, mappings, named, now, self.routing.ends())
            self.domains = self.reach
            self.schemas = Schemas(flow, survey, state, self.reach, self.present)
        self.declarations = Declarations(flow, self.fingerprints, self.schemas, self.routing)
        self.readings = Readings(self)
        self.words = Words(flow, self.reach, state.marks.all(), now, self._built)
        self.absences = absences_of(self)
        self.holds = Holds(self)
        self.supply = supply_of(flow, self.reach, self.absences, self, is_patient=is_patient)
        self.domains = self.supply.domains
        self.notices = (*notices, *self._refusals(), *self.words.notices)
        self._shifts = Shifts(flow, self.reach, state.axis_values)

    # -- who is there ----------------------------------------------------------------------------------------------

    def _refusals(self) -> Iterator[str]:
        """Notices about files that sources leave out because of their names."""
        for name in self.flow.project.sources:
            for path in self.survey.nameless(self.survey.locations[name][0])[:1]:
                yield f'source "{name}" leaves out files whose names are no UTF-8 text, such as {path}'

    def unsettled(self, source: str) -> PartitionSet:
        """The partitions of a source that are there and aren't to be read yet: somebody may still write them."""
        return self._unsettled[source] & self.domains.of(source)

    def ever(self, source: str) -> PartitionSet:
        """The partitions that a source has or had, as far as was kept."""
        return self.kept_set(f"{source}{EVER}", self.present[source].axes) | self.present[source]

    def lacked(self, target: str) -> PartitionSet:
        """The partitions of a target that may have been made without something, as far as was kept."""
        return self.kept_set(f"{target}{LACKING}", self.reach.of(target).axes)

    def kept_set(self, name: str, axes: tuple[Axis, ...]) -> PartitionSet:
        """A set that was kept with the seals, on today's axes."""
        kept = self.state.presence(name)
        if kept is None:
            return PartitionSet.empty(axes)
        before = tuple(self.kept_axis(axis) for axis in axes)
        if kept[1] == identity_of(axes) or kept[1] != identity_of(before):
            return PartitionSet(axes, load_body(kept[2]) if kept[1] == identity_of(axes) else EMPTY)
        return PartitionSet(before, load_body(kept[2])).rebased(axes)

    def moved(self, target: str) -> PartitionSet:
        """The partitions of a target that can be read now and couldn't when the seals were written, or the reverse."""
        now = self.supply.without(target)
        before = self.kept_set(f"{target}{ABSENT}", now.axes)
        return (now - before) | (before - now)

    # -- seals and suspects ----------------------------------------------------------------------------------------

    def suspects(self, target: str) -> PartitionSet:
        """The partitions of a target that nothing vouches for."""
        domain = self.domains.of(target)
        suspect = (domain - self.sealed(target)) | self.touched(target)
        failed = self.keyed(target, self.failures(target))
        suspect = suspect | failed | self.forced.get(target, PartitionSet.empty(domain.axes))
        for _, marked in (*self.words.said(target, "stale"), *self.words.expired(target)):
            suspect = suspect | marked
        if self.declarations.asks_provisional(target):
            suspect = suspect | self.supply.improvises(target)
        return suspect & domain

    def sealed(self, target: str) -> PartitionSet:
        """The partitions that were known to be fresh, under the same declarations, relative to the kept listings."""
        axes = self.domains.of(target).axes
        kept = self.state.seal(target)
        if kept is None or kept[0] != self.declarations.basis(target) or self.is_reordered(target):
            return PartitionSet.empty(axes)
        if kept[1] == identity_of(axes):
            return PartitionSet(axes, load_body(kept[2]))
        old = tuple(self.kept_axis(axis) for axis in axes)
        if kept[1] != identity_of(old):
            return PartitionSet.empty(axes)
        return PartitionSet(old, load_body(kept[2])).rebased(axes)

    def is_reordered(self, target: str) -> bool:
        """Whether values of a dimension that an input has changed places: recipes see files in the order of keys."""
        step = self.flow.steps[target]
        axes = {axis.name: axis for given in step.inputs for axis in self._axes_of(given.dataset)}
        for name in axes.keys() - self._reordered.keys():
            self._reordered[name] = _has_moved(self.kept_axis(axes[name]), axes[name])
        return any(self._reordered[name] for name in axes)

    def kept_axis(self, axis: Axis) -> Axis:
        """The axis as it was when the seals were written."""
        if not isinstance(axis, ListAxis):
            return axis
        if axis.name not in self._kept_axes:
            self._kept_axes[axis.name] = ListAxis(axis.name, self.state.axis_values(axis.name))
        return self._kept_axes[axis.name]

    def touched(self, target: str) -> PartitionSet:
        """The partitions whose inputs or outputs differ from the kept listings, or whose inputs came or went."""
        if target not in self._touched:
            domain = self.domains.of(target)
            touched = self.changed(target)
            for given, mapping in inputs_of(self.flow, self.domains, target):
                if given.counts and not given.by:
                    changed = self.changed(given.dataset)
                    if given.dataset in self.flow.steps and given.dataset != target:
                        changed |= self.moved(given.dataset)
                    touched |= mapping.affects(changed, domain)
            touched |= self._shifts.touched(target)
            if self.routing is not None:
                touched |= self.routing.touched(target)
            self._touched[target] = touched & domain
        return self._touched[target]

    def changed(self, dataset: str) -> PartitionSet:
        """The partitions whose files differ from the kept listings; none where this survey didn't look."""
        axes = self._axes_of(dataset)
        keys = [key for location in self.survey.locations[dataset] for key in self.survey.changed_keys(location)]
        changed = self.keyed(dataset, {joined_key(key): None for key in keys}, axes)
        if dataset in self.present and self.presence.is_conditional(dataset):
            changed |= self.presence.moved(dataset, self.axes)
        return changed

    def _axes_of(self, dataset: str) -> tuple[Axis, ...]:
        found = self.flow.project.dataset(dataset)
        assert found is not None
        return axes_for(found, self.axes)

    def keyed(self, dataset: str, keys: MappingOf[str, object], axes: tuple[Axis, ...] | None = None) -> PartitionSet:
        """The partitions with these joined keys; those that no axis has are left out."""
        axes = self._axes_of(dataset) if axes is None else axes
        indices = []
        for key in keys:
            values = key.split("\x1f") if axes else []
            try:
                indices.append(tuple(axis.index(value) for axis, value in zip(axes, values, strict=True)))
            except ValueError:
                continue
        return PartitionSet.of_indices(axes, indices)

    def _built(self, target: str, holds: Callable[[int], bool]) -> PartitionSet:
        """The partitions of a target whose traces are of runs of which `holds` is true."""
        return self.keyed(target, {key: None for key, run in self.state.runs_by_key(target).items() if holds(run)})

    # -- judging ---------------------------------------------------------------------------------------------------

    def location(self, dataset: str, output: str) -> Location:
        """Where an output has its files."""
        return self.schemas.location(dataset, output)

    def needs_first(self, given: Input, step: Step) -> bool:
        """Whether a recipe reads a table whose columns only its dataset's first partition shows."""
        return self.schemas.needs_first(given, step)

    def trace(self, target: str, key: str) -> Trace | None:
        """The trace of one partition; when many are asked for, all are read at once."""
        if target not in self._traces:
            self._asked[target] = self._asked.get(target, 0) + 1
            if self._asked[target] < _MANY:
                return self.state.trace(target, key)
            self._traces[target] = self.state.traces(target)
        return self._traces[target].get(key)

    def failures(self, target: str) -> dict[str, Failure]:
        """The failures of a target's partitions that haven't succeeded since."""
        if target not in self._failures:
            self._failures[target] = self.state.failures(target)
        return self._failures[target]

    def seconds_by_target(self) -> dict[str, tuple[int, float]]:
        """Target -> number and mean seconds of its traces, when they were first asked for."""
        if self._seconds is None:  # all traces are gone through
            self._seconds = self.state.seconds_by_target()
        return self._seconds

    def judge(self, target: str, index: Index, unsettled: MappingOf[str, PartitionSet], heard: Heard = None) -> Verdict:
        """The verdict on one partition; `heard` takes all that is compared for it."""
        step = self.flow.steps[target]
        key = joined_key(self.domains.of(target).key(index))
        trace = self.trace(target, key)
        failure = self.failures(target).get(key)
        is_forced = target in self.forced and index in self.forced[target]
        run = str(failure.run) if failure else None
        if trace is None:  # nothing to compare with: it is never asked what there is
            return judge(_NOTHING, None, (), run, is_forced, self.words.reason(target, index, None), heard)
        declared = Declared(
            self.declarations.fingerprint(target),
            self.declarations.params_of(step),
            self.declarations.params_read(step),
            self.readings.recorded(step, index, self.readings.of(step, index, unsettled)),
            self.fingerprints.of(target)[1:],
            uncounted=self.declarations.uncounted(step),
            gone=self.holds.missed(target, index),
        )
        marked = self.words.reason(target, index, trace)
        return judge(declared, trace, self.outputs_found(step, index), run, is_forced, marked, heard)

    def unrouted(self, target: str) -> MappingOf[str, PartitionSet]:
        """The partitions of datasets, by their names, of which it isn't known which rows a target gets."""
        return self.routing.unrouted(target) if self.routing is not None else {}

    def frozen(self, target: str) -> PartitionSet:
        """The partitions of a target that stay as they are."""
        return self.holds.frozen(target)

    def lost(self, target: str) -> PartitionSet:
        """Those of the frozen that have no outputs, as far as this survey looked at the target."""
        return self.holds.lost(target)

    def improvised(self, target: str, frozen: PartitionSet, absences: MappingOf[str, Absence]) -> PartitionSet:
        """Those of some frozen partitions that were made without what is missing still."""
        return self.holds.improvised(target, frozen, absences)

    def is_there(self, target: str, index: Index) -> bool:
        """Whether a partition has all its outputs, whatever is in them."""
        return all(digest is not None for _, digest in self.outputs_found(self.flow.steps[target], index))

    def outputs_found(self, step: Step, index: Index) -> list[tuple[str, bytes | None]]:
        """Each output's path and the digest of what is there."""
        key = self.domains.of(step.target.name).key(index)
        found = []
        for location in self.survey.locations[step.target.name]:
            found.append((location.pattern.path(key), self.survey.partition_digest(location, key)))
        return found


def _routing_of(world: World) -> Routing | None:
    """The routed inputs of a flow; None where it has none, which then costs no import."""
    if not any(given.by for step in world.flow.steps.values() for given in step.inputs):
        return None
    from dbuild.build.routing import Routing

    return Routing(world)


def _has_moved(before: Axis, now: Axis) -> bool:
    """Whether the values that two axes share have another order."""
    if not isinstance(before, ListAxis) or not isinstance(now, ListAxis) or before.values == now.values:
        return False
    shared = set(before.values) & set(now.values)
    return [v for v in before.values if v in shared] != [v for v in now.values if v in shared]
