"""The world as the planner asks about it: the survey, the traces and the seals, brought together.

A seal says which partitions of a target were known to be fresh, relative to the kept listings. What differs from those
listings touches partitions by set algebra; only these, and what no seal covers, are judged one by one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dbuild.build.shifts import Shifts
from dbuild.build.survey import SINGLES, Location, Survey, discovered_values
from dbuild.core.domain import axes_for, axes_of, domains_of, mappings_of
from dbuild.core.graph import Flow, Step
from dbuild.core.mapping import Mapping
from dbuild.core.model import Input, Project, ShellRecipe, Source, SqlRecipe, Target
from dbuild.core.partitions import EMPTY, UNIT, Axis, Body, Index, ListAxis, PartitionSet
from dbuild.core.plan import inputs_of
from dbuild.core.staleness import UNSETTLED, Declared, Verdict, judge
from dbuild.core.task import Column, format_of
from dbuild.core.trace import InputRecord, Trace, joined_key, unpack_outputs
from dbuild.errors import UserError
from dbuild.observe.digests import digest_bytes
from dbuild.state.store import Failure, State

_MANY = 200  # partitions from which a target's traces are read as a range


@dataclass(frozen=True, slots=True)
class Schema:
    """How the files of a dataset are read as tables."""

    columns: tuple[Column, ...] | None
    identity: bytes  # of the columns and the reader's options


class World:
    """What is declared, what was built, what is there. Implements `core.plan.Observed`."""

    def __init__(self, flow: Flow, survey: Survey, state: State, now: datetime) -> None:
        self.flow = flow
        self.survey = survey
        self.state = state
        self.forced: dict[str, PartitionSet] = {}
        self.fresh_digests: dict[tuple[str, str, Index], bytes] = {}  # outputs made in this run
        self.fresh_outputs: dict[tuple[str, Index], str] = {}  # their packed OutputRecords
        self.schemas_learnt: dict[str, Schema] = {}
        self.new_memos: list[tuple[str, bytes, str]] = []  # that a build is to keep
        self._fingerprints: dict[str, bytes] = {}
        self._traces: dict[str, dict[str, Trace]] = {}
        self._packed_outputs: dict[str, dict[str, str]] = {}
        self._failures: dict[str, dict[str, Failure]] = {}
        self._touched: dict[str, PartitionSet] = {}
        self._records: dict[object, tuple[Body, InputRecord]] = {}
        self._asked: dict[str, int] = {}
        self.axes = axes_of(flow.project, self._discover())
        self.present = {name: self._presence(name) for name in flow.project.sources}
        mappings, _ = mappings_of(flow, self.axes)
        self.domains, notices = domains_of(flow, self.axes, mappings, self.present, now)
        self.notices = (*notices, *self._refusals())

    # -- who is there ----------------------------------------------------------------------------------------------

    def _discover(self) -> dict[str, tuple[str, ...]]:
        """Values of discovered dimensions: as kept where no name came or went, else from the listing."""
        kept: dict[str, tuple[str, ...]] = {}
        anew: dict[str, object] = {}
        for name, dimension in self.flow.project.dimensions.items():
            source = getattr(dimension, "source", None)
            if source is None:
                continue
            if self._is_moved(source):
                anew[name] = dimension
            else:
                kept[name] = self.state.axis_values(name)
        if anew:
            found = discovered_values(self.flow.project, self.survey)
            kept.update((name, found.get(name, ())) for name in anew)
        return kept

    def _is_moved(self, source: str) -> bool:
        """Whether names came or went in a source's folder, or its presence was never kept as it is declared."""
        location = self.survey.locations[source][0]
        kept = self.state.presence(source)
        return kept is None or kept[0] != location.pattern.text or self.survey.views[location.root].has_new_names

    def _presence(self, source: str) -> PartitionSet:
        location = self.survey.locations[source][0]
        axes = axes_for(self.flow.project.sources[source], self.axes)
        if not self._is_moved(source):
            kept = self.state.presence(source)
            if kept is not None and kept[1] == identity_of(axes):
                return PartitionSet(axes, load_body(kept[2]))
        if not axes:
            return PartitionSet(axes, PartitionSet.box(axes, []).body if self.survey.keys(location) else EMPTY)
        indices = []
        for key in self.survey.keys(location):
            try:
                indices.append(tuple(axis.index(value) for axis, value in zip(axes, key, strict=True)))
            except ValueError:
                continue  # a value that its list dimension doesn't have
        return PartitionSet.of_indices(axes, indices)

    def _refusals(self) -> Iterator[str]:
        """Notices about files that sources leave out because of their names."""
        for name in self.flow.project.sources:
            for path in self.survey.nameless(self.survey.locations[name][0])[:1]:
                yield f'source "{name}" leaves out files whose names are no UTF-8 text, such as {path}'

    def missing(self, source: str) -> PartitionSet:
        """The partitions of a source's domain that aren't there."""
        return self.domains.of(source) - self.present[source]

    # -- seals and suspects ----------------------------------------------------------------------------------------

    def suspects(self, target: str) -> PartitionSet:
        """The partitions of a target that nothing vouches for."""
        domain = self.domains.of(target)
        suspect = (domain - self.sealed(target)) | self.touched(target)
        failed = self._keyed(target, self.failures(target))
        suspect = suspect | failed | self.forced.get(target, PartitionSet.empty(domain.axes))
        return suspect & domain

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
                touched |= mapping.touches(self.changed(given.dataset), domain)
            touched |= Shifts(self.flow, self.domains, self.state.axis_values).touched(target)
            self._touched[target] = touched & domain
        return self._touched[target]

    def changed(self, dataset: str) -> PartitionSet:
        """The partitions whose files differ from the kept listings; none where this survey didn't look."""
        axes = self._axes_of(dataset)
        keys = [key for location in self.survey.locations[dataset] for key in self.survey.changed_keys(location)]
        return self._keyed(dataset, {joined_key(key): None for key in keys}, axes)

    def _axes_of(self, dataset: str) -> tuple[Axis, ...]:
        found = self.flow.project.dataset(dataset)
        assert found is not None
        return axes_for(found, self.axes)

    def _keyed(self, dataset: str, keys: MappingOf[str, object], axes: tuple[Axis, ...] | None = None) -> PartitionSet:
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
            schema = self.schema_identity(given, step)
            dataset = self.flow.project.dataset(given.dataset)
            assert dataset is not None
            paths = dataset.path if isinstance(dataset, Source) else [(o.name, o.path) for o in dataset.outputs]
            own = [(dimension, _declared_text(self.flow.project, dimension)) for dimension in dataset.dimensions]
            parts.append(repr((given.name, given.dataset, given.output, given.rules, paths, own, schema)))
        return digest_bytes("\0".join(parts).encode("utf-8", "surrogateescape"))

    def fingerprint(self, target: str) -> bytes:
        """Identity of a target's recipe: its code, the files it uses, its session's zone, the forms of its outputs."""
        if target not in self._fingerprints:
            step = self.flow.steps[target]
            parts: list[bytes] = [step.analysis.fingerprint]
            for path in step.target.uses:
                parts += (path.encode("utf-8", "surrogateescape"), self.survey_single(path) or b"absent")
            parts.append(step.target.timezone.encode())
            for output in step.target.outputs:
                parts.append(f"{output.name}:{output.path[output.path.rfind('.') :]}".encode())
            parts.append(repr([(i.name, i.dataset, i.output) for i in step.inputs]).encode())
            self._fingerprints[target] = digest_bytes(b"\0".join(parts))
        return self._fingerprints[target]

    def survey_single(self, path: str) -> bytes | None:
        """The digest of a file of the project that stands alone."""
        return self.survey.file_digest(path, SINGLES)

    def params_of(self, step: Step) -> dict[str, str]:
        """The params that a recipe could read, values as JSON."""
        project = self.flow.project
        read = step.analysis.params
        names = project.params if read is None else (*read, *step.target.params)
        found = {name: json.dumps(project.params[name]) for name in names if name in project.params}
        if read is None:
            found["*"] = json.dumps(sorted(project.params))
        return found

    def params_read(self, step: Step) -> tuple[str, ...] | None:
        """The names whose values count; None for a recipe that only shows it when it runs."""
        read = step.analysis.params
        return None if read is None else tuple(dict.fromkeys((*read, *step.target.params)))

    # -- schemas ---------------------------------------------------------------------------------------------------

    def schema_identity(self, given: Input, step: Step) -> bytes:
        """Identity of how an input's files are read, where its recipe reads tables; empty elsewhere."""
        if isinstance(step.target.recipe, ShellRecipe):
            return b""
        return self.schema(given.dataset, given.output).identity

    def _reading_identity(self, given: Input, step: Step, has_partitions: bool) -> bytes:
        """The same for one partition's trace.

        Of what SQL made, the digest of each partition tells the types that its recipe gave it: what the first
        partition looks like counts only where nothing is read.
        """
        dataset = self.flow.project.dataset(given.dataset)
        is_typed = isinstance(dataset, Target) and dataset.schema is None and isinstance(dataset.recipe, SqlRecipe)
        if not has_partitions or not is_typed or isinstance(step.target.recipe, ShellRecipe):
            return self.schema_identity(given, step)
        assert dataset is not None
        return digest_bytes(json.dumps(dataset.read).encode()) if dataset.read else b""

    def schema(self, dataset: str, output: str) -> Schema:
        """A dataset's one schema: declared, given by its recipe, or that of its first partition by key."""
        name = f"{dataset}.{output}" if output else dataset
        if name not in self.schemas_learnt:
            found = self.flow.project.dataset(dataset)
            assert found is not None
            columns = found.schema
            if columns is None and not (isinstance(found, Target) and isinstance(found.recipe, SqlRecipe)):
                columns = self._first_schema(found, output)  # SQL gives each partition's types with its digest
            if columns is None and not found.read:
                identity = b""
            else:
                identity = digest_bytes(json.dumps([columns, found.read]).encode())
            schema = Schema(columns, identity)
            if columns is None and isinstance(found, Target):
                return schema  # its first partition has yet to be built
            self.schemas_learnt[name] = schema
        return self.schemas_learnt[name]

    def _first_schema(self, dataset: Source | Target, output: str) -> tuple[Column, ...] | None:
        location = self.location(dataset.name, output)
        form = format_of(location.pattern.text)
        if form not in ("csv", "json"):
            return None
        if isinstance(dataset, Target):
            first = self.domains.of(dataset.name).first()
        else:
            first = (self.present[dataset.name] & self.domains.of(dataset.name)).first()
        if first is None:
            return None
        key = self.domains.of(dataset.name).key(first)
        if not isinstance(dataset, Target):
            paths = self.survey.paths(location, key)
            digest = self.survey.file_digest(paths[0], location.root) if paths else None
            return self._inferred(dataset, location, paths[0], form, digest) if digest else None
        given = self.output_schema(dataset.name, output, first)
        if given is not None:
            return given
        made = self._made_digest(dataset.name, output, first)
        return self._inferred(dataset, location, location.pattern.path(key), form, made) if made else None

    def _made_digest(self, target: str, output: str, index: Index) -> bytes | None:
        """The digest of an output as its recipe made it, whatever has become of the file; None where it never did."""
        fresh = self.fresh_digests.get((target, output, index))
        if fresh is not None:
            return fresh
        packed = self._outputs_of(target, index)
        made = unpack_outputs(packed) if packed is not None else ()
        return next((record.digest for record in made if record.name == output), None)

    def _inferred(
        self, dataset: Source | Target, location: Location, file: str, form: str, digest: bytes
    ) -> tuple[Column, ...] | None:
        """The schema that a file of this content shows; found once for each content and kept.

        None where that isn't known and the file has another content: a damaged output is nobody's schema.
        """
        subject = digest_bytes(digest + repr((form, dataset.read, file[file.rfind(".") :])).encode())
        kept = self.state.memo("schema", subject)
        if kept is None and self.survey.file_digest(file, location.root) != digest:
            return None
        if kept is None:
            import os

            from dbuild.recipes.engine import Engine

            path = os.path.join(self.survey.root, file)
            engine = Engine([os.path.dirname(path)])
            try:
                kept = json.dumps(engine.infer_schema(path, form, dataset.read))
            except UserError as error:
                raise UserError(
                    f'the schema of "{dataset.name}" can\'t be found: {error.what}', dataset.place, error.hint
                ) from None
            finally:
                engine.close()
            self.new_memos.append(("schema", subject, kept))
        return tuple((name, kind) for name, kind in json.loads(kept))

    def needs_first(self, given: Input, step: Step) -> bool:
        """Whether a recipe reads a table whose columns only its dataset's first partition shows."""
        dataset = self.flow.project.dataset(given.dataset)
        if not isinstance(dataset, Target) or dataset.schema is not None or isinstance(step.target.recipe, ShellRecipe):
            return False
        form = format_of(self.location(given.dataset, given.output).pattern.text)
        return form in ("csv", "json") and not isinstance(dataset.recipe, SqlRecipe)

    def output_schema(self, target: str, output: str, index: Index) -> tuple[Column, ...] | None:
        """The columns that a target's recipe gave for one partition of one output."""
        if (target, output, index) in self.fresh_digests and (target, index) not in self.fresh_outputs:
            return None  # made in this run, and not as a table
        packed = self._outputs_of(target, index)
        if packed is None:
            return None
        return next((record.schema for record in unpack_outputs(packed) if record.name == output), None)

    def _outputs_of(self, target: str, index: Index) -> str | None:
        fresh = self.fresh_outputs.get((target, index))
        if fresh is not None:
            return fresh
        if target not in self._packed_outputs:
            self._packed_outputs[target] = self.state.outputs(target)
        return self._packed_outputs[target].get(joined_key(self.domains.of(target).key(index)))

    # -- judging ---------------------------------------------------------------------------------------------------

    def location(self, dataset: str, output: str) -> Location:
        """Where an output has its files."""
        return next(one for one in self.survey.locations[dataset] if one.output == output)

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
            self.records(step, index, unsettled) if trace is not None else (),
        )
        found = self.outputs_found(step, index) if trace is not None else ()
        return judge(declared, trace, found, str(failure.run) if failure else None, is_forced)

    def outputs_found(self, step: Step, index: Index) -> list[tuple[str, bytes | None]]:
        """Each output's path and the digest of what is there."""
        key = self.domains.of(step.target.name).key(index)
        found = []
        for location in self.survey.locations[step.target.name]:
            path = location.pattern.path(key)
            found.append((path, self.survey.file_digest(path, location.root)))
        return found

    def records(self, step: Step, index: Index, unsettled: MappingOf[str, PartitionSet]) -> list[InputRecord]:
        """What a partition would read now, with the digests that are known."""
        return [
            self._record(step, number, given, mapping, index, unsettled.get(given.dataset))
            for number, (given, mapping) in enumerate(inputs_of(self.flow, self.domains, step.target.name))
        ]

    def _record(
        self, step: Step, number: int, given: Input, mapping: Mapping, index: Index, unsettled: PartitionSet | None
    ) -> InputRecord:
        domain = self.domains.of(given.dataset)
        reads = mapping.of_index(index, domain)
        name = f"{given.dataset}.{given.output}" if given.output else given.dataset
        cached = self._records.get((step.target.name, number))
        if unsettled is None and cached is not None and cached[0] == reads.body:
            return cached[1]
        location = self.location(given.dataset, given.output)
        indices = list(reads.indices())
        keys = [domain.key(one) for one in indices]
        digests = self._digests(given.dataset, location, indices, keys, unsettled)
        first = domain.first() if unsettled is not None and digests and self.needs_first(given, step) else None
        is_open = unsettled is not None and first is not None and first in unsettled
        schema = UNSETTLED if is_open else self._reading_identity(given, step, bool(keys))
        record = InputRecord(given.name, name, tuple(map(joined_key, keys)), b"".join(digests), schema)
        if unsettled is None and len(keys) > 1:
            self._records[step.target.name, number] = (reads.body, record)
        return record

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
            fresh = self.fresh_digests
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
        for name in [name for name in self.schemas_learnt if name.partition(".")[0] == target]:
            del self.schemas_learnt[name]

    def partition_digest(self, dataset: str, location: Location, index: Index, key: tuple[str, ...]) -> bytes | None:
        """Identity of one partition of one output: its content, and the types that its file can't hold."""
        fresh = self.fresh_digests.get((dataset, location.output, index))
        if fresh is not None:
            return fresh
        digest = self.survey.partition_digest(location, key)
        if digest is None or dataset not in self.flow.steps:
            return digest
        if format_of(location.pattern.text) not in ("csv", "json"):
            return digest
        return typed_digest(digest, self.output_schema(dataset, location.output, index))


def typed_digest(digest: bytes, schema: tuple[Column, ...] | None) -> bytes:
    """The identity of a file together with the types that its recipe gave its columns."""
    return digest if schema is None else digest_bytes(digest + json.dumps(schema).encode())


def identity_of(axes: tuple[Axis, ...]) -> bytes:
    """What the numbers of a set over these axes mean."""
    return digest_bytes(
        "\0".join(f"{axis.name}\x1f{axis.identity}" for axis in axes).encode("utf-8", "surrogateescape")
    )


def _has_moved(before: Axis, now: Axis) -> bool:
    """Whether the values that two axes share have another order."""
    if not isinstance(before, ListAxis) or not isinstance(now, ListAxis) or before.values == now.values:
        return False
    shared = set(before.values) & set(now.values)
    return [v for v in before.values if v in shared] != [v for v in now.values if v in shared]


def dump_body(body: Body) -> str:
    """A set's body as JSON; the rest of a run of the last axis is left out."""
    return json.dumps(_bare(body), separators=(",", ":"))


def _bare(body: Body) -> list[list[object]]:
    return [[low, high] if rest == UNIT else [low, high, _bare(rest)] for low, high, rest in body]


def load_body(text: str) -> Body:
    """What `dump_body` wrote."""
    return _full(json.loads(text))


def _full(body: list[list[Any]]) -> Body:
    return tuple((run[0], run[1], _full(run[2]) if len(run) > 2 else UNIT) for run in body)


def _declared_text(project: Project, dimension: str) -> str:
    """What of a dimension's declaration gives its keys their meaning (not how far it reaches)."""
    declared = project.dimensions[dimension]
    return repr(getattr(declared, "grain", "")) or type(declared).__name__
