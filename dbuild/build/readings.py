"""What partitions would read now: of each input the partitions, their digests, and what of it is absent."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dbuild.build.locations import Location
from dbuild.build.schemas import typed_digest
from dbuild.core.graph import Step
from dbuild.core.mapping import Mapping
from dbuild.core.model import Input
from dbuild.core.partitions import Body, Index, PartitionSet
from dbuild.core.plan import inputs_of
from dbuild.core.staleness import UNSETTLED, provisional_record
from dbuild.core.supplied import Supplied
from dbuild.core.task import format_of
from dbuild.core.trace import InputRecord, joined_key, joined_keys
from dbuild.observe.digests import digest_bytes
from dbuild.values import replace

if TYPE_CHECKING:
    from dbuild.build.world import World


class Readings:
    """What the partitions of a world's targets read."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._cached: dict[object, tuple[Body, InputRecord]] = {}

    def of(
        self, step: Step, index: Index, unsettled: MappingOf[str, PartitionSet], *, has_awaited: bool = False
    ) -> list[InputRecord]:
        """What a partition would read now, with the digests that are known.

        `has_awaited`: also what it waits for, as that was made last.
        """
        inputs = inputs_of(self._world.flow, self._world.domains, step.target.name)
        if has_awaited:
            inputs = [(given, _unsupplied(given, mapping)) for given, mapping in inputs]
        return [
            self._record(step, number, given, mapping, index, unsettled.get(given.dataset))
            for number, (given, mapping) in enumerate(inputs)
        ]

    def of_all(self, step: Step, indices: Sequence[Index]) -> list[tuple[InputRecord, ...]]:
        """The same of several partitions, where all that they read is settled."""
        inputs = inputs_of(self._world.flow, self._world.domains, step.target.name)
        columns = [
            self._column(step, number, given, mapping, indices) for number, (given, mapping) in enumerate(inputs)
        ]
        return list(zip(*columns, strict=True)) if columns else [()] * len(indices)

    def _column(
        self, step: Step, number: int, given: Input, mapping: Mapping | Supplied, indices: Sequence[Index]
    ) -> list[InputRecord]:
        """What partitions read of one input."""
        domain = self._world.domains.of(given.dataset)
        is_alike = not given.by and isinstance(mapping, Mapping) and mapping.is_identity
        keys = [domain.key(index) for index in indices if index in domain] if is_alike else []
        if len(keys) < len(indices):
            return [self._record(step, number, given, mapping, index, None) for index in indices]
        location = self._world.location(given.dataset, given.output)
        digests = self._digests(given.dataset, location, indices, keys, None)
        name, dataset = given.name, _named(given)
        schema = self._world.schemas.reading_identity(given, step, True)
        return [
            InputRecord(name, dataset, (key,), digest, schema)
            for key, digest in zip(joined_keys(keys), digests, strict=True)
        ]

    def recorded(self, step: Step, index: Index, records: Sequence[InputRecord]) -> Sequence[InputRecord]:
        """What a trace keeps of what a partition reads: also what it is told of being provisional, if it asks."""
        if not self._world.declarations.asks_provisional(step.target.name):
            return records
        return [*records, provisional_record(index in self._world.supply.improvises(step.target.name))]

    def _record(
        self,
        step: Step,
        number: int,
        given: Input,
        mapping: Mapping | Supplied,
        index: Index,
        unsettled: PartitionSet | None,
    ) -> InputRecord:
        schemas, domain = self._world.schemas, self._world.domains.of(given.dataset)
        if given.by:
            reads, gaps = mapping.of_index(index, domain), self._gaps(given, mapping, index, domain)
            return replace(self._routed(step, number, given, index, reads, unsettled), absent=gaps[0])
        body: Body = ()
        if isinstance(mapping, Mapping) and mapping.is_identity:  # no set is made for one partition
            indices, gaps = [index] if index in domain else [], ((), ())
            keys = [domain.key(one) for one in indices]
        else:
            reads, gaps = mapping.of_index(index, domain), self._gaps(given, mapping, index, domain)
            body = reads.body
            cached = self._cached.get((step.target.name, number))
            if unsettled is None and cached is not None and cached[0] == body:
                return replace(cached[1], absent=gaps[0], stand_ins=gaps[1])
            indices = list(reads.indices())
            keys = list(PartitionSet(domain.axes, body).keys())
        name = _named(given)
        location = self._world.location(given.dataset, given.output)
        digests = self._digests(given.dataset, location, indices, keys, unsettled)
        first = domain.first() if unsettled is not None and digests and schemas.needs_first(given, step) else None
        is_open = unsettled is not None and first is not None and first in unsettled
        schema = UNSETTLED if is_open else schemas.reading_identity(given, step, bool(keys))
        record = InputRecord(given.name, name, joined_keys(keys), b"".join(digests), schema, *gaps)
        if unsettled is None and len(keys) > 1:
            self._cached[step.target.name, number] = (body, record)
        return record

    def _gaps(
        self, given: Input, mapping: Mapping | Supplied, index: Index, domain: PartitionSet
    ) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
        """The joined keys of what a partition should have read as well, and what it reads in place of what."""
        if isinstance(mapping, Mapping):
            return (), ()
        reach = self._world.reach.of(given.dataset)
        absent = tuple(map(joined_key, mapping.lacking(index, reach).keys()))
        found = mapping.stand_ins.get(index)
        return absent, ((joined_key(reach.key(found.absent)), joined_key(reach.key(found.used))),) if found else ()

    def _routed(
        self, step: Step, number: int, given: Input, index: Index, reads: PartitionSet, unsettled: PartitionSet | None
    ) -> InputRecord:
        """What a partition would read of an input of which it gets its own rows."""
        domain, routing = self._world.domains.of(given.dataset), self._world.routing
        assert routing is not None  # it has this input
        shares = routing.shares(step.target.name, number, index, reads, unsettled)
        keys = tuple(joined_key(domain.key(one)) for one, _ in shares)
        schema = self._world.schemas.reading_identity(given, step, bool(keys))
        columns = routing.columns(step.target.name, number) if not keys else None
        if columns is not None:
            schema = digest_bytes(schema + repr(columns).encode())
        name = _named(given)
        return InputRecord(given.name, name, keys, b"".join(digest for _, digest in shares), schema)

    def _digests(
        self,
        dataset: str,
        location: Location,
        indices: Sequence[Index],
        keys: list[tuple[str, ...]],
        unsettled: PartitionSet | None,
    ) -> list[bytes]:
        is_typed = dataset in self._world.flow.steps and format_of(location.pattern.text) in ("csv", "json")
        if unsettled is None and not is_typed:
            fresh = self._world.schemas.fresh_digests.get((dataset, location.output))
            if not fresh:
                return [digest or UNSETTLED for digest in self._world.survey.partition_digests(location, keys)]
            made = list(map(fresh.get, indices))
            left = [place for place, digest in enumerate(made) if digest is None]
            kept = self._world.survey.partition_digests(location, [keys[place] for place in left])
            for place, digest in zip(left, kept, strict=True):
                made[place] = digest
            return [digest or UNSETTLED for digest in made]
        return [
            UNSETTLED
            if unsettled is not None and one in unsettled
            else self.partition_digest(dataset, location, one, key) or UNSETTLED
            for one, key in zip(indices, keys, strict=True)
        ]

    def forget(self, target: str) -> None:
        """Drops what was computed from outputs of a target that have since changed."""
        self._cached.clear()
        self._world.schemas.forget(target)

    def partition_digest(self, dataset: str, location: Location, index: Index, key: tuple[str, ...]) -> bytes | None:
        """Identity of one partition of one output: its content, and the types that its file can't hold."""
        fresh = self._world.schemas.fresh_digests.get((dataset, location.output))
        if fresh is not None and index in fresh:
            return fresh[index]
        digest = self._world.survey.partition_digest(location, key)
        if digest is None or dataset not in self._world.flow.steps:
            return digest
        if format_of(location.pattern.text) not in ("csv", "json"):
            return digest
        return typed_digest(digest, self._world.schemas.output_schema(dataset, location.output, index))


def _unsupplied(given: Input, mapping: Mapping | Supplied) -> Mapping | Supplied:
    """What is to be read where all is there, of an input that is waited for."""
    if isinstance(mapping, Supplied) and given.missing == "wait" and not given.by:
        return mapping.mapping
    return mapping


def _named(given: Input) -> str:
    """An input's dataset, with the output of it that is read."""
    return f"{given.dataset}.{given.output}" if given.output else given.dataset
