"""Traces that were written under other names or other dimensions: what of them still says the same, and how it is put.

A target that got another name is the same target. A dimension that came, and along which all that was built has one
value, says nothing new; nor is anything lost by one that went and had one value only. Everything else that differs is
left for the verdict to tell. Unaware of recipes: whether one could see the difference is asked elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from dbuild.core.shape import Cut, Reading, Shape
from dbuild.core.trace import InputRecord, Trace, joined_key, pack_inputs, split_key, unpack_inputs
from dbuild.values import dataclass, replace

_VALUE = r"[^/{}*?\[]+"  # of a field, in a path where it is written out
Values = Mapping[str, tuple[str, ...]]  # dimension -> the values that it has, or had


@dataclass(frozen=True, slots=True)
class Rekeying:
    """How keys of an earlier cut become keys of the present one."""

    places: tuple[int | str, ...]  # for each value of a key now: its place in the key before, or the value itself
    dropped: tuple[tuple[int, str], ...]  # places of the key before that are none now, each with its only value
    size: int  # how many values a key had

    @property
    def is_identity(self) -> bool:
        return not self.dropped and self.places == tuple(range(self.size))

    def key(self, joined: str) -> str | None:
        """A joined key as it is now; None for one that is of no partition now."""
        values = split_key(joined, self.size)
        if len(values) != self.size or any(values[place] != value for place, value in self.dropped):
            return None
        return joined_key(tuple(values[place] if isinstance(place, int) else place for place in self.places))


def rekeying(before: Cut, now: Cut, had: Values, has: Values) -> Rekeying | None:
    """How keys go on; None where dimensions came or went along which there is, or was, more than one value.

    The value along a dimension is the one of its values (`has`, or `had`) that stands, or stood, in its place in the
    path; else the only one.
    """
    old, new = dict(before.dimensions), dict(now.dimensions)
    if any(old[name] != new[name] for name in old.keys() & new.keys()):
        return None
    came = _fixed(now, before, [name for name in new if name not in old], has)
    went = _fixed(before, now, [name for name in old if name not in new], had)
    if came is None or went is None:
        return None
    order = list(old)
    places = tuple(came[name] if name in came else order.index(name) for name in new)
    return Rekeying(places, tuple((order.index(name), value) for name, value in went.items()), len(order))


def _fixed(wide: Cut, narrow: Cut, names: list[str], values: Values) -> dict[str, str] | None:
    """The value along each dimension that one cut has and the other hasn't; None where one isn't known."""
    if any(meaning != "''" for name, meaning in wide.dimensions if name in names):
        return None  # periods: what falls into one is a question of the data
    found = {name: values[name][0] for name in names if len(values.get(name, ())) == 1}
    written = _written(wide.path, narrow.path, names) if names else {}
    found |= {name: value for name, value in written.items() if value in values.get(name, ())}
    return found if len(found) == len(names) else None


def _written(wide: str, narrow: str, names: list[str]) -> dict[str, str]:
    """The values that stand in one path where the other has fields; none where the paths differ in anything else."""
    text = re.escape(wide)
    for name in names:
        first, *rest = text.split(re.escape(f"{{{name}}}"))
        text = f"(?P<{name}>{_VALUE})".join([first, f"(?P={name})".join(rest)]) if rest else text
    found = re.fullmatch(text, narrow)
    return {name: value for name, value in found.groupdict().items() if value} if found else {}


@dataclass(frozen=True, slots=True)
class Inheritance:
    """How the traces of one target go on in its present shape."""

    before: Shape
    now: Shape
    own: Rekeying | None
    inputs: tuple[tuple[Reading, Reading, Rekeying], ...]  # before and now, those that go on
    is_whole: bool  # whether the target and everything that it reads go on, so that only names and dimensions differ

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return (self.own is None or self.own.is_identity) and all(
            before.name == now.name and before.subject == now.subject and keys.is_identity
            for before, now, keys in self.inputs
        )

    def key(self, joined: str) -> str:
        """The joined key of a partition as it is now; as it was where the partition is none now."""
        found = self.own.key(joined) if self.own else None
        return joined if found is None else found

    def trace(self, trace: Trace, fingerprints: Mapping[bytes, bytes]) -> Trace:
        """A trace as it would have been written now; `fingerprints` has the present ones by earlier ones."""
        records = [self._record(record) for record in unpack_inputs(trace.inputs)]
        fingerprint = fingerprints.get(trace.fingerprint, trace.fingerprint)
        return replace(trace, fingerprint=fingerprint, inputs=pack_inputs(records))

    def _record(self, record: InputRecord) -> InputRecord:
        for before, now, keys in self.inputs:
            if (before.name, before.subject) == (record.name, record.dataset):
                new = {key: keys.key(key) for key in _keys_in(record)}
                known = {key: found for key, found in new.items() if found is not None}
                if len(known) < len(new):
                    return record
                return replace(
                    record,
                    name=now.name,
                    dataset=now.subject,
                    keys=tuple(known[key] for key in record.keys),
                    absent=tuple(known[key] for key in record.absent),
                    stand_ins=tuple((known[gone], known[used]) for gone, used in record.stand_ins),
                )
        return record


def _keys_in(record: InputRecord) -> set[str]:
    """Every key that a record has, of what was read and of what wasn't there."""
    return {*record.keys, *record.absent, *(key for pair in record.stand_ins for key in pair)}


def goes_on_otherwise(before: Shape, now: Shape, renamed: Mapping[str, str]) -> bool:
    """Whether anything of a target goes on under another name, or with other dimensions if their values allow it."""
    pairs = ((one, given) for given in now.inputs for one in before.inputs if _is_same(one, given, renamed))
    return before.own.dimensions != now.own.dimensions or any(
        (one.name, one.dataset, one.cut.dimensions) != (given.name, given.dataset, given.cut.dimensions)
        for one, given in pairs
    )


def inherit(before: Shape, now: Shape, renamed: Mapping[str, str], had: Values, has: Values) -> Inheritance:
    """How traces of one shape go on in another; `renamed` has the present names of targets by earlier ones."""
    pairs = []
    for given in now.inputs:
        was = next((one for one in before.inputs if _is_same(one, given, renamed)), None)
        keys = rekeying(was.cut, given.cut, had, has) if was else None
        if was and keys:
            pairs.append((was, given, keys))
    own = rekeying(before.own, now.own, had, has)
    is_whole = (
        own is not None
        and tuple(was for was, _, _ in pairs) == before.inputs
        and tuple(given for _, given, _ in pairs) == now.inputs
        and tuple(name_now(name, renamed) for name in before.views) in (now.views, before.views)
        and len(before.views) == len(now.views)
    )
    return Inheritance(before, now, own, tuple(pairs), is_whole)


def _is_same(before: Reading, now: Reading, renamed: Mapping[str, str]) -> bool:
    is_dataset = (renamed.get(before.dataset, before.dataset), before.output) == (now.dataset, now.output)
    return is_dataset and now.name in (before.name, name_now(before.name, renamed))


def name_now(name: str, renamed: Mapping[str, str]) -> str:
    """What a recipe calls an input, such as "model.metrics" or "view/raw", with the present names of targets."""
    parts = (part.partition(".") for part in name.split("/"))
    return "/".join(f"{renamed.get(head, head)}{dot}{rest}" for head, dot, rest in parts)
