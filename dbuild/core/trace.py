"""Traces: what the last successful build of a partition used and made; and their compact form.

The packed form is compared whole: equal bytes are equal inputs, and nothing has to be unpacked to know it. It is made
of lengths and raw bytes; nothing in it is ever executed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from dbuild.values import dataclass

if TYPE_CHECKING:  # the state store is opened by builds with nothing to do, which need neither
    from dbuild.core.partitions import Key
    from dbuild.core.task import Column

DIGEST = 16  # bytes of a digest (xxh3-128)
_STRETCH = 256 * DIGEST
_SEPARATOR = "\x1f"  # between the values of a key: keys hold no control characters
_END = "\n"
_quoted = json.encoder.encode_basestring_ascii  # a text as JSON: lists of few are written by hand, once or twice a task
_written = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class InputRecord:
    """The partitions of one input, as they were read."""

    name: str  # what the recipe calls it
    dataset: str  # "weather", or "model.metrics"
    keys: tuple[str, ...]  # joined key of each partition, in order
    digests: bytes  # their digests, 16 bytes each, in the same order
    schema: bytes  # identity of how the files are read (columns and reader options); empty where nothing is
    absent: tuple[str, ...] = ()  # joined keys of those that were expected, and weren't there
    stand_ins: tuple[tuple[str, str], ...] = ()  # what it would have read -> what it read in its place

    def items(self, places: Iterable[int] | None = None) -> dict[str, bytes]:
        """Key -> digest; of those at certain places, or of all."""
        chosen = range(len(self.keys)) if places is None else places
        return {self.keys[n]: self.digests[n * DIGEST : (n + 1) * DIGEST] for n in chosen}


@dataclass(frozen=True, slots=True)
class OutputRecord:
    """One output, as it was made."""

    name: str
    path: str  # relative to the project
    digest: bytes  # of the file's content
    schema: tuple[Column, ...] | None  # types that the recipe gave, where the file can't hold them


@dataclass(frozen=True, slots=True)
class Trace:
    """What the last successful build of one partition used and made."""

    fingerprint: bytes
    params: tuple[tuple[str, str], ...]  # the params that were read, values as JSON; absent ones as ""
    inputs: bytes  # packed InputRecords
    outputs: tuple[OutputRecord, ...]
    run: int
    at: float  # seconds since the epoch, UTC, when it was made
    seconds: float  # how long the recipe ran


def unequal_digests(some: bytes, others: bytes) -> list[int]:
    """Where two rows of as many digests differ. Of many thousand mostly one does: most are compared at once."""
    found: list[int] = []
    for start in range(0, len(some), _STRETCH):
        one, other = some[start : start + _STRETCH], others[start : start + _STRETCH]
        if one != other:
            cuts = range(0, len(one), DIGEST)
            found += [(start + at) // DIGEST for at in cuts if one[at : at + DIGEST] != other[at : at + DIGEST]]
    return found


def joined_key(key: Key) -> str:
    """A key as one text, as traces and the state hold it."""
    return _SEPARATOR.join(key)


def split_key(text: str, size: int) -> Key:
    """The key of `size` dimensions that `joined_key` made one."""
    return tuple(text.split(_SEPARATOR)) if size else ()


def joined_keys(keys: Sequence[Key]) -> tuple[str, ...]:
    """Keys of one dataset, each as one text."""
    return tuple([key[0] for key in keys] if keys and len(keys[0]) == 1 else map(joined_key, keys))


def split_keys(texts: Sequence[str], size: int) -> list[Key]:
    """The keys of `size` dimensions that `joined_keys` made texts."""
    return [(text,) for text in texts] if size == 1 else [split_key(text, size) for text in texts]


def pack_inputs(records: Sequence[InputRecord]) -> bytes:
    """The records as bytes: a JSON header of names and lengths, then keys and digests as they are."""
    heads = []
    parts: list[bytes] = []
    for record in records:
        blob = _END.join(record.keys).encode("utf-8", "surrogateescape")
        head = f"{_quoted(record.name)},{_quoted(record.dataset)},{len(record.keys)},{len(blob)}"
        heads.append(f'[{head},"{record.schema.hex()}"{_gaps(record)}]')
        parts += (blob, record.digests)
    return b"".join((f"[{','.join(heads)}]\n".encode(), *parts))


def _gaps(record: InputRecord) -> str:
    """What a record has to say of absences: mostly nothing, and then it takes no room."""
    if not record.absent and not record.stand_ins:
        return ""
    return f",{_written(record.absent)},{_written(record.stand_ins)}"


def unpack_inputs(packed: bytes) -> tuple[InputRecord, ...]:
    """What `pack_inputs` packed."""
    header, _, rest = packed.partition(b"\n")
    records = []
    at = 0
    for name, dataset, count, length, schema, *gaps in json.loads(header or b"[]"):
        keys = rest[at : at + length].decode("utf-8", "surrogateescape")
        digests = rest[at + length : at + length + count * DIGEST]
        at += length + count * DIGEST
        split = tuple(keys.split(_END)) if count else ()
        absent, stand_ins = gaps or ((), ())
        records.append(
            InputRecord(
                *(name, dataset, split, digests, bytes.fromhex(schema)),
                *(tuple(absent), tuple((gone, used) for gone, used in stand_ins)),
            )
        )
    return tuple(records)


def pack_outputs(outputs: Sequence[OutputRecord]) -> str:
    """Outputs as JSON text."""
    rows = [
        f'[{_quoted(o.name)},{_quoted(o.path)},"{o.digest.hex()}",{"null" if o.schema is None else _written(o.schema)}]'
        for o in outputs
    ]
    return f"[{','.join(rows)}]"


def unpack_outputs(text: str) -> tuple[OutputRecord, ...]:
    """What `pack_outputs` packed."""
    return tuple(
        OutputRecord(name, path, bytes.fromhex(digest), None if schema is None else tuple((c, t) for c, t in schema))
        for name, path, digest, schema in json.loads(text)
    )
