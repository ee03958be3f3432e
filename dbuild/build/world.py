"""The world as the planner asks about it: the survey, the traces and the seals, brought together.

A seal says which partitions of a target were known to be fresh, relative to the kept listings. What differs from those
listings touches partitions by set algebra; only these, and what no seal covers, are judged one by one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Mapping as MappingOf
from dataclasses import replace
from datetime import datetime

from dbuild.build.bodies import identity_of, load_body
from dbuild.build.fingerprints import Fingerprints
from dbuild.build.freezing import aged
from dbuild.build.holds import Holds
from dbuild.build.presence import Presence
from dbuild.build.routing import Routing
from dbuild.build.schemas import Schemas, typed_digest
from dbuild.build.shifts import Shifts
from dbuild.build.survey import Location, Survey
from dbuild.build.words import Words
from dbuild.core.absence import Absence
from dbuild.core.aging import written_age
from dbuild.core.domain import axes_for, axes_of, domains_of, fed_by_rows, mappings_of
from dbuild.core.expectation import absence_of
from dbuild.core.graph import Flow, Step
from dbuild.core.mapping import Mapping
from dbuild.core.model import Input, Project, Source
from dbuild.core.partitions import EMPTY, Axis, Body, Index, ListAxis, PartitionSet
from dbuild.core.plan import inputs_of
from dbuild.core.staleness import UNSETTLED, Declared, Verdict, judge, provisional_record
from dbuild.core.supplied import Supplied
from dbuild.core.supply import supply_of
from dbuild.core.task import format_of
from dbuild.core.trace import InputRecord, Trace, joined_key
from dbuild.observe.digests import digest_bytes
from dbuild.state.store import Failure, State

NO_KEYS: MappingOf[str, tuple[str, ...]] = {}
EVER = ":ever"  # after a source's name: the partitions that it has or had
ABSENT = ":absent"  # after a target's name: those that nobody could read
_MANY = 200  # partitions from which a target's traces are read as a range


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
        self.fingerprints = Fingerprints(flow, survey)
        self._traces: dict[str, dict[str, Trace]] = {}
        self._failures: dict[str, dict[str, Failure]] = {}
        self._touched: dict[str, PartitionSet] = {}
        self._aged: dict[str, PartitionSet] = {}
        self._records: dict[object, tuple[Body, InputRecord]] = {}
        self._asked: dict[str, int] = {}
        self.unasked: frozenset[str] = frozenset()  # dimensions whose SQL has never been asked
        self.doubts: tuple[str, ...] = ()  # what isn't known of keys, as notices
        self.presence = presence
        self.axes = axes_of(flow.project, {**presence.discovered(), **keys})
        named = {name: presence.named(name, self.axes) for name in flow.project.sources}
        mappings, _ = mappings_of(flow, self.axes)
        self.reach, notices = domains_of(flow, self.axes, mappings, named, now)
        self.domains = self.reach  # until it is known what can be had
        self._unsettled = {name: self._hold_back(name, there) for name, there in named.items()}
        self.present = {name: there - self._unsettled[name] for name, there in named.items()}  # and may be read
        self.schemas = Schemas(flow, survey, state, self.reach, self.present)
        self.routing = Routing(self)
        if fed_by_rows(flow):
            self.reach, notices = domains_of(flow, self.axes, mappings, named, now, self.routing.ends())
            self.domains = self.reach
            self.schemas = Schemas(flow, survey, state, self.reach, self.present)
        self.words = Words(flow, self.reach, state.marks.all(), now, self._built)
        self.absences = self._absences()
        every = lambda name: self._built(name, lambda run: True)
        self.holds = Holds(flow, self.reach, self.words, self._gone(), every, self.routing.bereft)
        self.supply = supply_of(flow, self.reach, self.absences, self, is_patient=is_patient)
        self.domains = self.supply.domains
        self.notices = (*notices, *self._refusals(), *self.words.notices)

    # -- who is there ----------------------------------------------------------------------------------------------

    def _refusals(self) -> Iterator[str]:
        """Notices about files that sources leave out because of their names."""
        for name in self.flow.project.sources:
            for path in self.survey.nameless(self.survey.locations[name][0])[:1]:
                yield f'source "{name}" leaves out files whose names are no UTF-8 text, such as {path}'

    def _hold_back(self, source: str, there: PartitionSet) -> PartitionSet:
        """The partitions of a source that aren't to be read yet: all, where the one that shows the columns isn't."""
        young = self.presence.young(source, self.axes)
        domain = self.domains.of(source)
        first = (there & domain).first() if young else None
        shows = format_of(self.flow.project.sources[source].path) in ("csv", "json")
        if first is None or first not in young or not shows or self.flow.project.sources[source].schema is not None:
            return young
        return there

    def unsettled(self, source: str) -> PartitionSet:
        """The partitions of a source that are there and aren't to be read yet: somebody may still write them."""
        return self._unsettled[source] & self.domains.of(source)

    def _absences(self) -> dict[str, Absence]:
        """What each source lacks, and how that counts."""
        found = {}
        for name, source in self.flow.project.sources.items():
            domain, present, young = self.reach.of(name), self.present[name], self.unsettled(name)
            if domain - present:
                dimensions = self.flow.project.dimensions
                found[name] = absence_of(source, dimensions, domain, present, young, self.now)
        return found

    def _gone(self) -> dict[str, PartitionSet]:
        """What sources had once and have no more, where that may be missed."""
        return {
            name: self.ever(name) - self.present[name]
            for name, source in self.flow.project.sources.items()
            if source.keeps_gone
        }

    def ever(self, source: str) -> PartitionSet:
        """The partitions that a source has or had, as far as was kept."""
        return self._kept_set(f"{source}{EVER}", self.present[source].axes) | self.present[source]

    def _kept_set(self, name: str, axes: tuple[Axis, ...]) -> PartitionSet:
        """A set that was kept with the seals, on today's axes."""
        kept = self.state.presence(name)
        if kept is None:
            return PartitionSet.empty(axes)
        before = tuple(self.kept_axis(axis) for axis in axes)
        if kept[1] == identity_of(axes) or kept[1] != identity_of(before):
            return PartitionSet(axes, load_body(kept[2]) if kept[1] == identity_of(axes) else EMPTY)
        return PartitionSet(before, load_body(kept[2])).rebased(axes)

    def missing(self, source: str) -> PartitionSet:
        """The partitions of a source's domain that aren't there."""
        return self.domains.of(source) - self.present[source]

    def moved(self, target: str) -> PartitionSet:
        """The partitions of a target that can be read now and couldn't when the seals were written, or the reverse."""
        now = self.supply.without(target)
        before = self._kept_set(f"{target}{ABSENT}", now.axes)
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
        if self.asks_provisional(target):
            suspect = suspect | self.supply.improvises(target)
        return suspect & domain

    def asks_provisional(self, target: str) -> bool:
        """Whether a recipe is told if its partition is provisional."""
        step = self.flow.steps[target]
        read = (step.analysis, *(self.flow.views[use.view].analysis for use in step.views))
        return any("provisional" in analysis.calls for analysis in read)

    def sealed(self, target: str) -> PartitionSet:
        """The partitions that were known to be fresh, under the same declarations, relative to the kept listings."""
        axes = self.domains.of(target).axes
        kept = self.state.seal(target)
        if kept is None or kept[0] != self.basis(target) or self.is_reordered(target):
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
        return any(_has_moved(self.kept_axis(axis), axis) for axis in axes.values())

    def kept_axis(self, axis: Axis) -> Axis:
        """The axis as it was when the seals were written."""
        return ListAxis(axis.name, self.state.axis_values(axis.name)) if isinstance(axis, ListAxis) else axis

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
            touched |= Shifts(self.flow, self.reach, self.state.axis_values).touched(target)
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

    # -- what is declared ------------------------------------------------------------------------------------------

    def basis(self, target: str) -> bytes:
        """Identity of everything that a verdict on the target depends on, besides files and traces."""
        step = self.flow.steps[target]
        parts = [
            self.fingerprint(target).hex(),
            repr([(output.name, output.path) for output in step.target.outputs]),
            repr(sorted(self.params_of(step).items())),
            repr([(dimension, _declared_text(self.flow.project, dimension)) for dimension in step.target.dimensions]),
        ]
        for given in step.inputs:
            schema: object = self.schemas.identity(given, step) if given.counts else 'impact = "none"'
            dataset = self.flow.project.dataset(given.dataset)
            assert dataset is not None
            paths = dataset.path if isinstance(dataset, Source) else [(o.name, o.path) for o in dataset.outputs]
            own = [(dimension, _declared_text(self.flow.project, dimension)) for dimension in dataset.dimensions]
            rules = (given.rules, sorted(given.by)) if given.by else given.rules
            parts.append(repr((given.name, given.dataset, given.output, rules, paths, own, schema)))
            if given.missing == "latest":  # what stands in isn't told by who is there alone
                parts.append(f"latest {given.max_age}")
        return digest_bytes("\0".join(parts).encode("utf-8", "surrogateescape"))

    def fingerprint(self, target: str) -> bytes:
        """Identity of a target's recipe, and of what it is given by its declaration."""
        return self.fingerprints.of(target)[0]

    def params_of(self, step: Step) -> dict[str, str]:
        """The params that a recipe could read, itself or through views, values as JSON."""
        project = self.flow.project
        read = step.analysis.params
        names = project.params if read is None else (*read, *step.target.params, *self.view_params(step))
        found = {name: json.dumps(project.params[name]) for name in names if name in project.params}
        if read is None:
            found["*"] = json.dumps(sorted(project.params))
        return found

    def params_read(self, step: Step) -> tuple[str, ...] | None:
        """The names whose values count; None for a recipe that only shows it when it runs."""
        read = step.analysis.params
        return None if read is None else tuple(dict.fromkeys((*read, *step.target.params, *self.view_params(step))))

    def view_params(self, step: Step) -> tuple[str, ...]:
        """The params that the views read which a recipe reads."""
        return tuple(name for use in step.views for name in self.flow.views[use.view].analysis.params or ())

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

    def judge(self, target: str, index: Index, unsettled: MappingOf[str, PartitionSet]) -> Verdict:
        """The verdict on one partition."""
        step = self.flow.steps[target]
        key = joined_key(self.domains.of(target).key(index))
        trace = self.trace(target, key)
        failure = self.failures(target).get(key)
        is_forced = target in self.forced and index in self.forced[target]
        declared = Declared(
            self.fingerprint(target),
            self.params_of(step),
            self.params_read(step),
            self.recorded(step, index, self.records(step, index, unsettled)) if trace is not None else (),
            self.fingerprints.of(target)[1],
            uncounted=self.uncounted(step),
            gone=self.holds.missed(target, index),
        )
        found = self.outputs_found(step, index) if trace is not None else ()
        marked = self.words.reason(target, index, trace)
        return judge(declared, trace, found, str(failure.run) if failure else None, is_forced, marked)

    def uncounted(self, step: Step) -> frozenset[str]:
        """The names of inputs of which no difference is a reason."""
        return frozenset(given.name for given in step.inputs if not given.counts)

    def unrouted(self, target: str) -> PartitionSet:
        """The partitions that may get rows of files of which it isn't known where their rows go."""
        return self.routing.unrouted(target)

    def frozen(self, target: str) -> PartitionSet:
        """The partitions of a target that stay as they are."""
        return self.holds.frozen(target) | self.aged(target)

    def aged(self, target: str) -> PartitionSet:
        """Those that stay as they are because they are old, as far as this survey looked at the target."""
        if self.is_reopened or self.flow.steps[target].target.freeze_after is None or not self.is_seen(target):
            return PartitionSet.empty(self.reach.of(target).axes)
        if target not in self._aged:
            self._aged[target] = aged(self, target)
        return self._aged[target]

    def why_frozen(self, target: str, index: Index) -> str:
        """What keeps a partition as it is."""
        mark = self.words.on(target, index)
        if mark is not None and mark.word == "frozen":
            return mark.label
        age = self.flow.steps[target].target.freeze_after
        if age is not None and index in self.aged(target):
            return f"older than {written_age(age)}; --reopen builds it"
        return "what it was built from is gone, and kept"

    def is_seen(self, target: str) -> bool:
        """Whether this survey looked where the target has its outputs."""
        return all(map(self.survey.is_listed, self.survey.locations[target]))

    def lost(self, target: str) -> PartitionSet:
        """Those of the frozen that have no outputs, as far as this survey looked at the target.

        Only what no seal vouches for is looked at.
        """
        frozen = self.frozen(target)
        if not frozen or not self.is_seen(target):
            return frozen - frozen
        doubtful = frozen & ((self.reach.of(target) - self.sealed(target)) | self.changed(target))
        gone = (index for index in doubtful.indices() if not self.is_there(target, index))
        return PartitionSet.of_indices(frozen.axes, gone)

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

    def records(self, step: Step, index: Index, unsettled: MappingOf[str, PartitionSet]) -> list[InputRecord]:
        """What a partition would read now, with the digests that are known."""
        return [
            self._record(step, number, given, mapping, index, unsettled.get(given.dataset))
            for number, (given, mapping) in enumerate(inputs_of(self.flow, self.domains, step.target.name))
        ]

    def recorded(self, step: Step, index: Index, records: Sequence[InputRecord]) -> Sequence[InputRecord]:
        """What a trace keeps of what a partition reads: also what it is told of being provisional, if it asks."""
        if not self.asks_provisional(step.target.name):
            return records
        return [*records, provisional_record(index in self.supply.improvises(step.target.name))]

    def _record(
        self,
        step: Step,
        number: int,
        given: Input,
        mapping: Mapping | Supplied,
        index: Index,
        unsettled: PartitionSet | None,
    ) -> InputRecord:
        domain = self.domains.of(given.dataset)
        reads = mapping.of_index(index, domain)
        gaps = self._gaps(given, mapping, index, domain)
        if given.by:
            return replace(self._routed(step, number, given, index, reads, unsettled), absent=gaps[0])
        cached = self._records.get((step.target.name, number))
        if unsettled is None and cached is not None and cached[0] == reads.body:
            return replace(cached[1], absent=gaps[0], stand_ins=gaps[1])
        name = f"{given.dataset}.{given.output}" if given.output else given.dataset
        location = self.location(given.dataset, given.output)
        indices = list(reads.indices())
        keys = [domain.key(one) for one in indices]
        digests = self._digests(given.dataset, location, indices, keys, unsettled)
        first = domain.first() if unsettled is not None and digests and self.schemas.needs_first(given, step) else None
        is_open = unsettled is not None and first is not None and first in unsettled
        schema = UNSETTLED if is_open else self.schemas.reading_identity(given, step, bool(keys))
        record = InputRecord(given.name, name, tuple(map(joined_key, keys)), b"".join(digests), schema, *gaps)
        if unsettled is None and len(keys) > 1:
            self._records[step.target.name, number] = (reads.body, record)
        return record

    def _gaps(
        self, given: Input, mapping: Mapping | Supplied, index: Index, domain: PartitionSet
    ) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
        """The joined keys of what a partition should have read as well, and what it reads in place of what."""
        if isinstance(mapping, Mapping):
            return (), ()
        reach = self.reach.of(given.dataset)
        absent = tuple(map(joined_key, mapping.lacking(index, reach).keys()))
        found = mapping.stand_ins.get(index)
        return absent, ((joined_key(reach.key(found.absent)), joined_key(reach.key(found.used))),) if found else ()

    def _routed(
        self, step: Step, number: int, given: Input, index: Index, reads: PartitionSet, unsettled: PartitionSet | None
    ) -> InputRecord:
        """What a partition would read of an input of which it gets its own rows."""
        domain = self.domains.of(given.dataset)
        shares = self.routing.shares(step.target.name, number, index, reads, unsettled)
        keys = tuple(joined_key(domain.key(one)) for one, _ in shares)
        schema = self.schemas.reading_identity(given, step, bool(keys))
        columns = self.routing.columns(step.target.name, number) if not keys else None
        if columns is not None:
            schema = digest_bytes(schema + repr(columns).encode())
        name = f"{given.dataset}.{given.output}" if given.output else given.dataset
        return InputRecord(given.name, name, keys, b"".join(digest for _, digest in shares), schema)

    def _digests(
        self,
        dataset: str,
        location: Location,
        indices: list[Index],
        keys: list[tuple[str, ...]],
        unsettled: PartitionSet | None,
    ) -> list[bytes]:
        is_typed = dataset in self.flow.steps and format_of(location.pattern.text) in ("csv", "json")
        if unsettled is None and not is_typed:
            fresh = self.schemas.fresh_digests
            kept = self.survey.partition_digests(location, keys)
            return [
                fresh.get((dataset, location.output, one)) or digest or UNSETTLED
                for one, digest in zip(indices, kept, strict=True)
            ]
        return [
            UNSETTLED
            if unsettled is not None and one in unsettled
            else self.partition_digest(dataset, location, one, key) or UNSETTLED
            for one, key in zip(indices, keys, strict=True)
        ]

    def forget(self, target: str) -> None:
        """Drops what was computed from outputs of a target that have since changed."""
        self._records.clear()
        self.schemas.forget(target)

    def partition_digest(self, dataset: str, location: Location, index: Index, key: tuple[str, ...]) -> bytes | None:
        """Identity of one partition of one output: its content, and the types that its file can't hold."""
        fresh = self.schemas.fresh_digests.get((dataset, location.output, index))
        if fresh is not None:
            return fresh
        digest = self.survey.partition_digest(location, key)
        if digest is None or dataset not in self.flow.steps:
            return digest
        if format_of(location.pattern.text) not in ("csv", "json"):
            return digest
        return typed_digest(digest, self.schemas.output_schema(dataset, location.output, index))


def _has_moved(before: Axis, now: Axis) -> bool:
    """Whether the values that two axes share have another order."""
    if not isinstance(before, ListAxis) or not isinstance(now, ListAxis) or before.values == now.values:
        return False
    shared = set(before.values) & set(now.values)
    return [v for v in before.values if v in shared] != [v for v in now.values if v in shared]


def _declared_text(project: Project, dimension: str) -> str:
    """What of a dimension's declaration gives its keys their meaning (not how far it reaches)."""
    declared = project.dimensions[dimension]
    return repr(getattr(declared, "grain", "")) or type(declared).__name__
