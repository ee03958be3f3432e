"""The one walk that decides whether a partition is stale, and says why.

(declared, trace, observed) -> verdict with reasons. There is no second code path that explains: what `why` prints are
the reasons returned here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from dbuild.core.keytext import typed_key
from dbuild.core.trace import DIGEST, InputRecord, Trace, pack_inputs, unequal_digests, unpack_inputs
from dbuild.values import dataclass, replace

UNSETTLED = b"?" * DIGEST  # stands for the digest of an input that has to be built first
PROVISIONAL = "$provisional"  # the name of the record that says what a recipe was told of that; no input's

Kind = Literal[
    "forced",
    "marked stale",
    "mark expired",
    "failed before",
    "never built",
    "recipe changed",
    "param changed",
    "input changed",
    "input added",
    "input removed",
    "input arrived",
    "input withdrawn",
    "input missing",
    "stand-in changed",
    "no longer provisional",
    "provisional",
    "schema changed",
    "output missing",
    "output edited",
]


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that makes a partition stale."""

    kind: Kind
    subject: str = ""  # an input's partition (`weather@2013-01-05`), a param, an output's path
    before: str = ""  # a digest in hex, or a value
    after: str = ""

    def __str__(self) -> str:
        change = f": {self.before or 'nothing'} -> {self.after or 'nothing'}" if self.before or self.after else ""
        return f"{self.kind}{' ' + self.subject if self.subject else ''}{change}"


_NEVER_BUILT = (Reason("never built"),)  # one object, however many were never built
_OF_INPUTS = frozenset(
    {
        "input changed",
        "input added",
        "input removed",
        "input arrived",
        "input withdrawn",
        "stand-in changed",
        "schema changed",
    }
)


def is_of_input(reason: Reason) -> bool:
    """Whether it is that something else is read than before."""
    return reason.kind in _OF_INPUTS


ComparedKind = Literal["recipe", "param", "input", "schema", "provisional", "output"]
Result = Literal["same", "differs", "open", "ignored"]


@dataclass(frozen=True, slots=True)
class Compared:
    """One thing that was compared on the way to a verdict."""

    kind: ComparedKind
    subject: str  # as of a reason
    before: str  # a digest in hex, or a value; "" where there was nothing
    after: str
    result: Result  # open: it has to be built first; ignored: it doesn't count


Heard = list[Compared] | None  # takes what is compared; None: nobody wants to know


@dataclass(frozen=True, slots=True)
class Verdict:
    """Fresh (no reasons, decided), stale (reasons), or undecided: an input has to be built first."""

    reasons: tuple[Reason, ...]
    is_undecided: bool = False
    ignored: tuple[Reason, ...] = ()  # how inputs differ that don't count

    @property
    def is_fresh(self) -> bool:
        return not self.reasons and not self.is_undecided


@dataclass(frozen=True, slots=True)
class Declared:
    """What would go into a build of the partition now."""

    fingerprint: bytes
    params: Mapping[str, str]  # all values that could be read, as JSON
    params_read: tuple[str, ...] | None  # those that the recipe reads; None: as the trace recorded
    inputs: Sequence[InputRecord]  # a digest, or a schema, is UNSETTLED where it isn't known yet
    former: tuple[bytes, ...] = ()  # the same as traces of earlier versions have it; newer ones never do
    uncounted: frozenset[str] = frozenset()  # names of inputs of which no difference is a reason
    gone: frozenset[tuple[str, str]] = frozenset()  # dataset and key of what was there, and may be missed


def judge(
    declared: Declared,
    trace: Trace | None,
    found: Sequence[tuple[str, bytes | None]],
    failed: str | None = None,
    is_forced: bool = False,
    marked: Reason | None = None,
    heard: Heard = None,
) -> Verdict:
    """The verdict on one partition.

    `found` has each declared output's path and the digest of what is there now (None: nothing); `failed` is the run
    in which it last failed, if it hasn't succeeded since; `marked` what a person's word makes of it. `heard` takes all
    that is compared, one by one, also what is equal.
    """
    reasons: list[Reason] = []
    if is_forced:
        reasons.append(Reason("forced"))
    if marked is not None:
        reasons.append(marked)
    if failed is not None:
        reasons.append(Reason("failed before", f"in run {failed}"))
    if trace is None:
        return Verdict((*reasons, *_NEVER_BUILT) if reasons else _NEVER_BUILT, _is_unsettled(declared))
    is_same = trace.fingerprint in (declared.fingerprint, *declared.former)
    _hear(heard, "recipe", "", trace.fingerprint, trace.fingerprint if is_same else declared.fingerprint)
    if not is_same:
        reasons.append(Reason("recipe changed", "", trace.fingerprint.hex()[:12], declared.fingerprint.hex()[:12]))
    reasons.extend(_compare_params(declared, trace, heard))
    ignored: list[Reason] = []
    if heard is not None or pack_inputs(declared.inputs) != trace.inputs:
        now, before = declared.inputs, unpack_inputs(trace.inputs)
        reasons.extend(_compare_inputs(_counted(declared, now), _counted(declared, before), declared.gone, heard))
        if declared.uncounted:
            others: Heard = None if heard is None else []
            given = (_uncounted(declared, now), _uncounted(declared, before))
            ignored = _compare_inputs(*given, declared.gone, others)
            _hear_ignored(heard, others)
    reasons.extend(_compare_outputs(trace, found, heard))
    return Verdict(tuple(reasons), _is_unsettled(declared), tuple(ignored))


def _hear(heard: Heard, kind: ComparedKind, subject: str, before: bytes | None, after: bytes | None) -> None:
    """Takes note of two digests that are compared."""
    if heard is not None:
        result: Result = "open" if after == UNSETTLED else "same" if before == after is not None else "differs"
        was, now = ("" if one is None or one == UNSETTLED else one.hex()[:12] for one in (before, after))
        heard.append(Compared(kind, subject, was, now, result))


def _hear_gone(heard: Heard, subject: str, before: bytes, *, is_missed: bool) -> None:
    if heard is not None:
        heard.append(Compared("input", subject, before.hex()[:12], "", "differs" if is_missed else "ignored"))


def _hear_ignored(heard: Heard, others: Heard) -> None:
    """What was compared and doesn't count."""
    if heard is not None:
        heard.extend(replace(one, result="ignored") for one in others or ())


def _counted(declared: Declared, records: Sequence[InputRecord]) -> list[InputRecord]:
    return [record for record in records if record.name not in declared.uncounted]


def _uncounted(declared: Declared, records: Sequence[InputRecord]) -> list[InputRecord]:
    return [record for record in records if record.name in declared.uncounted]


def _is_unsettled(declared: Declared) -> bool:
    inputs = _counted(declared, declared.inputs)
    return any(record.schema == UNSETTLED or _has_unsettled(record) for record in inputs)


def _has_unsettled(record: InputRecord) -> bool:
    # A search through the digests as they are stored is quick, and finds more: the tails of two may look like one.
    return UNSETTLED in record.digests and UNSETTLED in record.items().values()


def _compare_params(declared: Declared, trace: Trace, heard: Heard) -> list[Reason]:
    before = dict(trace.params)
    names = tuple(before) if declared.params_read is None else declared.params_read
    if heard is not None:
        values = [(name, before.get(name, ""), declared.params.get(name, "")) for name in names]
        heard.extend(Compared("param", *one, "same" if one[1] == one[2] else "differs") for one in values)
    changed = [name for name in names if before.get(name, "") != declared.params.get(name, "")]
    return [Reason("param changed", name, before.get(name, ""), declared.params.get(name, "")) for name in changed]


def provisional_record(is_provisional: bool) -> InputRecord:
    """What a recipe is told that asks whether its partition is provisional: one of its inputs."""
    return InputRecord(PROVISIONAL, "", (), b"", b"yes" if is_provisional else b"no")


def _compare_inputs(
    now: Sequence[InputRecord], before: Sequence[InputRecord], gone: frozenset[tuple[str, str]], heard: Heard
) -> list[Reason]:
    reasons: list[Reason] = []
    old = {(record.name, record.dataset): record for record in before}
    for record in now:
        was = old.pop((record.name, record.dataset), None)
        if record.name == PROVISIONAL:
            if heard is not None and was is not None:
                told = was.schema.decode(), record.schema.decode()
                heard.append(Compared("provisional", "", *told, "same" if was.schema == record.schema else "differs"))
            if was is not None and was.schema != record.schema:
                reasons.append(Reason("provisional" if record.schema == b"yes" else "no longer provisional"))
            continue
        if was is None:
            reasons.append(Reason("input added", record.dataset))
            _hear(heard, "input", record.dataset, None, b"")
            continue
        if heard is not None and (record.schema or was.schema):
            _hear(heard, "schema", record.dataset, was.schema, record.schema)
        if record.schema not in (was.schema, UNSETTLED):
            reasons.append(Reason("schema changed", record.dataset, was.schema.hex()[:12], record.schema.hex()[:12]))
        reasons.extend(_compare_partitions(record, was, gone, heard))
    removed = [record.dataset for name, record in old.items() if name[0] != PROVISIONAL]
    for dataset in removed:
        _hear(heard, "input", dataset, b"", None)
    reasons.extend(Reason("input removed", dataset) for dataset in removed)
    return reasons


def _compare_partitions(
    now: InputRecord, before: InputRecord, gone: frozenset[tuple[str, str]], heard: Heard
) -> list[Reason]:
    reasons: list[Reason] = []
    if heard is None and now.keys == before.keys:
        places = unequal_digests(before.digests, now.digests)
        old, new = before.items(places), now.items(places)
    else:
        old, new = before.items(), now.items()
        if heard is None:
            old, new = _without_equals(old, new), _without_equals(new, old)
    moved = _moved_stand_ins(now, before)
    for key, digest in new.items():
        was = old.pop(key, None)
        subject = partition_name(now.dataset, key)
        _hear(heard, "input", subject, was, digest)
        if digest == UNSETTLED:
            continue
        if was is None and key in moved.values():
            continue  # said below, with what it stands for
        if was is None:
            kind: Kind = "input arrived" if key in before.absent else "input added"
            reasons.append(Reason(kind, subject, "", digest.hex()[:12]))
        elif was != digest:
            reasons.append(Reason("input changed", subject, was.hex()[:12], digest.hex()[:12]))
    used = {stand_in for _, stand_in in before.stand_ins}
    for key, was in old.items():
        _hear_gone(heard, partition_name(now.dataset, key), was, is_missed=(now.dataset, key) not in gone)
        if key in used and (reasons or moved):
            continue  # it has done its part: what took its place is said
        if (now.dataset, key) not in gone:
            kind = "input withdrawn" if key in now.absent else "input removed"
            reasons.append(Reason(kind, partition_name(now.dataset, key), was.hex()[:12]))
    earlier = dict(before.stand_ins)
    reasons.extend(
        Reason("stand-in changed", partition_name(now.dataset, absent), earlier[absent], used)
        for absent, used in moved.items()
        if (now.dataset, earlier[absent]) not in gone
    )
    if not reasons and _shared(now, before) != _shared(before, now) and UNSETTLED not in now.digests:
        order = f"{now.dataset} (the order of its partitions)"
        _hear(heard, "input", order, b"", None)
        reasons.append(Reason("input changed", order))
    return reasons


def _without_equals(some: dict[str, bytes], others: dict[str, bytes]) -> dict[str, bytes]:
    """What others don't have, or have otherwise, in its order: of many thousand inputs mostly one."""
    return {key: digest for key, digest in some.items() if others.get(key) != digest}


def _shared(one: InputRecord, other: InputRecord) -> list[str]:
    """The keys of one record, in its order, that another has too."""
    if one.keys == other.keys:
        return []
    known = set(other.keys)
    return [key for key in one.keys if key in known]


def _moved_stand_ins(now: InputRecord, before: InputRecord) -> dict[str, str]:
    """What is still absent, and has another stand-in than before -> which."""
    was = dict(before.stand_ins)
    return {absent: used for absent, used in now.stand_ins if was.get(absent, used) != used}


def _compare_outputs(trace: Trace, found: Sequence[tuple[str, bytes | None]], heard: Heard) -> list[Reason]:
    made = {output.path: output.digest for output in trace.outputs}
    reasons = []
    for path, digest in found:
        _hear(heard, "output", path, made.get(path), digest)
        if digest is None or path not in made:
            reasons.append(Reason("output missing", path))
        elif digest != made[path]:
            reasons.append(Reason("output edited", path, made[path].hex()[:12], digest.hex()[:12]))
    return reasons


def partition_name(dataset: str, joined: str) -> str:
    """A partition as people type it: `weather@2013-01-05,JFK`."""
    return f"{dataset}@{','.join(map(typed_key, joined.split(chr(31))))}" if joined else dataset
