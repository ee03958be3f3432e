"""What differs between two listings of a folder, of which most of the time nearly all is as it was."""

from __future__ import annotations

from collections.abc import Callable

from dbuild.observe.listing import Stat, records_of, unpack_record

_BLOCK = 1 << 16  # bytes that are compared at once, and in which a record is looked for that moved
_MOST = 200  # places that differ, after which sets of all that is left cost less


def differences(before: bytes, now: bytes) -> tuple[dict[str, Stat], set[str]]:
    """The files that are new or whose stats changed, and the names that are gone."""
    old, new = _apart(before, now)
    changed = dict(unpack_record(record) for record in new - old)
    gone = {unpack_record(record)[0] for record in old - new} - changed.keys()
    return changed, gone


def _apart(one: bytes, other: bytes) -> tuple[set[bytes], set[bytes]]:
    """The records of two listings less most of those that both have.

    What both have in a row is passed over at the pace of memory, and what both end with. Where they part, one of them
    has a record that the other has a little later, or has not: a file that was replaced may stand elsewhere.
    """
    mine: list[bytes] = []
    others: list[bytes] = []
    at = there = 0
    for _ in range(_MOST):
        passed = one.rfind(b"\0", at, at + _alike(one, at, other, there)) + 1 - at
        if passed > 0:
            at, there = at + passed, there + passed
        if at == len(one) or there == len(other):
            break
        first, second = _record_at(one, at), _record_at(other, there)
        found = other.find(b"\0" + first, there, there + _BLOCK) + 1
        if found:
            others.append(other[there:found])
            there = found
            continue
        found = one.find(b"\0" + second, at, at + _BLOCK) + 1
        if found:
            mine.append(one[at:found])
            at = found
            continue
        mine.append(first)
        others.append(second)
        at, there = at + len(first), there + len(second)
    rest = _without_end(one[at:], other[there:])  # of thousands of new files in a row no step comes to the end
    return set(records_of(b"".join((*mine, rest[0])))), set(records_of(b"".join((*others, rest[1]))))


def _without_end(one: bytes, other: bytes) -> tuple[bytes, bytes]:
    """Two listings less the records with which both end, but for the first of these."""

    def is_alike(low: int, high: int) -> bool:
        return one[len(one) - high : len(one) - low] == other[len(other) - high : len(other) - low]

    length = _longest(0, min(len(one), len(other)), is_alike)
    if not length:
        return one, other
    kept = one.index(b"\0", len(one) - length) + 1
    return one[:kept], other[: len(other) - len(one) + kept]


def _record_at(listing: bytes, start: int) -> bytes:
    return listing[start : listing.index(b"\0", start) + 1]


def _alike(one: bytes, at: int, other: bytes, there: int) -> int:
    """How many bytes two listings have alike from these places on."""

    def is_alike(low: int, high: int) -> bool:
        return one[at + low : at + high] == other[there + low : there + high]

    most = min(len(one) - at, len(other) - there)
    low = 0
    while low < most and is_alike(low, min(low + _BLOCK, most)):
        low += _BLOCK
    return _longest(low, min(low + _BLOCK, most), is_alike) if low < most else most


def _longest(low: int, high: int, is_alike: Callable[[int, int], bool]) -> int:
    """How many bytes are alike, where `low` are, by halves; `is_alike` tells of those from one number to another."""
    while low < high:
        middle = (low + high + 1) // 2
        if is_alike(low, middle):
            low = middle
        else:
            high = middle - 1
    return low
