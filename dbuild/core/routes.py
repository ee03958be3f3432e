"""Routes: which keys the rows of a file have, where rows belong to partitions by their own values.

A route key is a value for each routed dimension, joined to one text: a period's number, or a list's value. Pure: how
the values were found in the rows is somebody else's business.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from dbuild.core.grain import Grain
from dbuild.core.partitions import Axis, Index, Interval, ListAxis, PartitionSet, TimeAxis
from dbuild.core.task import Column
from dbuild.core.trace import DIGEST
from dbuild.values import dataclass, field

_FIELD = "\x1f"  # between the values of a key
_KEY = "\x1e"  # before each key of a packed route
NOWHERE = _KEY  # stands for a key where rows have none
_BEYOND = 100  # periods beyond a limit that are remembered
_EPOCH = datetime(1970, 1, 1)
_MICRO = timedelta(microseconds=1)
_EVERYWHERE: Interval = (-(10**12), 10**12)


@dataclass(frozen=True, slots=True)
class Way:
    """How the value of a row on one dimension is found."""

    dimension: str
    grain: Grain | None  # None: the dimension is a list
    expression: str  # SQL of one row


@dataclass(frozen=True, slots=True)
class Share:
    """The rows of a file that have one key."""

    rows: int
    digest: bytes  # of what is in them, their types and their order


@dataclass(frozen=True, slots=True)
class Route:
    """Where the rows of one file go."""

    columns: tuple[Column, ...]  # of the file
    kinds: tuple[str, ...]  # DuckDB's type of the value of each way
    keyless: tuple[int, ...]  # rows without a key: each is counted for the first way that gives it no value
    shares: dict[str, Share]  # by route key


@dataclass(frozen=True, slots=True)
class Stray:
    """Rows of a dataset that no partition of a target gets."""

    dataset: str
    target: str
    keyless: tuple[tuple[str, int], ...]  # dimension -> rows that have no value on it
    outside: tuple[tuple[str, int], ...]  # dimension -> rows whose value on it is none of its keys
    example: str  # such a value; "" where there is none
    path: str  # a file with such rows, relative to the project

    @property
    def rows(self) -> int:
        """All of them."""
        return sum(rows for _, rows in (*self.keyless, *self.outside))

    def __str__(self) -> str:
        parts = [f"{_counted(rows)} no {dimension}" for dimension, rows in self.keyless]
        parts += [f"{_counted(rows)} a {dimension} that isn't there" for dimension, rows in self.outside]
        such = f", such as {self.example}" if self.example else ""
        return f"{self.dataset}: {', '.join(parts)}{such}; no partition of {self.target} gets them (see {self.path})"


def _counted(rows: int) -> str:
    return "1 row has" if rows == 1 else f"{rows} rows have"


# -- the packed form ---------------------------------------------------------------------------------------------------


def pack_route(route: Route) -> bytes:
    """A route as bytes: a JSON header, the keys with their numbers of rows, the digests."""
    keys = sorted(route.shares)
    text = "".join(f"{_KEY}{key}{_FIELD}{route.shares[key].rows}" for key in keys).encode()
    header = json.dumps([route.columns, route.kinds, route.keyless, len(text)], separators=(",", ":")).encode()
    return b"".join((header, b"\n", text, *(route.shares[key].digest for key in keys)))


def unpack_route(packed: bytes) -> Route:
    """What `pack_route` packed."""
    header, _, rest = packed.partition(b"\n")
    columns, kinds, keyless, length = json.loads(header)
    shares = {}
    at = length
    for entry in rest[:length].decode().split(_KEY)[1:]:
        key, _, rows = entry.rpartition(_FIELD)
        shares[key] = Share(int(rows), rest[at : at + DIGEST])
        at += DIGEST
    return Route(tuple((name, kind) for name, kind in columns), tuple(kinds), tuple(keyless), shares)


def kinds_in(packed: bytes, key: str) -> tuple[str, ...] | None:
    """The types of the routed values in a packed route; None where it has no rows of the key."""
    header, _, rest = packed.partition(b"\n")
    _, kinds, _, length = json.loads(header)
    return tuple(kinds) if f"{_KEY}{key}{_FIELD}".encode() in rest[:length] else None


# -- many routes -------------------------------------------------------------------------------------------------------


def digests_of(routes: Iterable[Route]) -> dict[str, list[bytes]]:
    """For each key of several files the digests of its rows, in the order of the files.

    Rows without a key are under NOWHERE, with nothing for a digest.
    """
    found: dict[str, list[bytes]] = {}
    for route in routes:
        for key, share in route.shares.items():
            found.setdefault(key, []).append(share.digest)
        if any(route.keyless):
            found[NOWHERE] = []
    return found


@dataclass(slots=True)
class Tally:
    """How many rows the files of an input have, by key."""

    keyless: list[int] = field(default_factory=list)  # for each way the rows that it gives no value
    rows: dict[str, int] = field(default_factory=dict)  # by route key; none has 0

    def add(self, routes: Iterable[Route], sign: int = 1) -> None:
        """Counts the rows of files; with a sign of -1 takes them back."""
        for route in routes:
            self.keyless = [
                a + sign * b for a, b in zip(self.keyless or [0] * len(route.keyless), route.keyless, strict=True)
            ]
            for key, share in route.shares.items():
                number = self.rows.get(key, 0) + sign * share.rows
                if number:
                    self.rows[key] = number
                else:
                    del self.rows[key]

    def dump(self) -> str:
        """As JSON."""
        return json.dumps([self.keyless, self.rows], separators=(",", ":"), sort_keys=True)

    @staticmethod
    def load(text: str) -> Tally:
        """What `dump` wrote."""
        return Tally(*json.loads(text)) if text else Tally()


# -- keys --------------------------------------------------------------------------------------------------------------


def joined_route(fields: Sequence[str]) -> str:
    """A route key of a value for each way; ValueError where one of them can be no part of any key."""
    if any(char < " " for text in fields for char in text):
        raise ValueError("a key holds no control characters")
    return _FIELD.join(fields)


def routed_key(ways: Sequence[Way], axes: Sequence[Axis], index: Index) -> str:
    """The route key of the rows that a target's partition gets."""
    places = {axis.name: place for place, axis in enumerate(axes)}
    fields = []
    for way in ways:
        place = places[way.dimension]
        axis = axes[place]
        fields.append(axis.text(index[place]) if isinstance(axis, ListAxis) else str(index[place]))
    return _FIELD.join(fields)


def numbers_of_key(axes: Sequence[Axis], key: str) -> tuple[int, ...] | None:
    """The numbers of a route key on the axes of its ways; None where a list hasn't got its value."""
    numbers = []
    for axis, text in zip(axes, key.split(_FIELD), strict=True):
        if isinstance(axis, TimeAxis):
            numbers.append(int(text))
        elif text in axis:
            numbers.append(axis.index(text))
        else:
            return None
    return tuple(numbers)


def split_route(key: str) -> list[str]:
    """The values of a route key, one for each way."""
    return key.split(_FIELD)


def shown_key(axes: Sequence[Axis], key: str) -> str:
    """A route key as people read it: `2013-01-05,EWR`."""
    fields = zip(axes, key.split(_FIELD), strict=True)
    return ",".join(axis.text(int(text)) if isinstance(axis, TimeAxis) else text for axis, text in fields)


def readers_of(keys: Iterable[str], ways: Sequence[Way], domain: PartitionSet) -> PartitionSet:
    """The partitions of a target's domain that get rows with any of these route keys."""
    names = [axis.name for axis in domain.axes]
    places = [names.index(way.dimension) for way in ways]
    axes = tuple(domain.axes[place] for place in places)
    found = PartitionSet.of_indices(axes, (n for key in keys if (n := numbers_of_key(axes, key)) is not None))
    bodies = []
    for box in found.boxes():
        sides: list[list[Interval]] = [[_EVERYWHERE] for _ in names]
        for place, side in zip(places, box, strict=True):
            sides[place] = [side]
        bodies.append(PartitionSet.box(domain.axes, sides).body)
    return PartitionSet.union_of(domain.axes, bodies) & domain


def numbers_of(keys: Iterable[str], place: int) -> set[int]:
    """The numbers that route keys have on one time dimension; `place` is the dimension's among the ways."""
    return {int(key.split(_FIELD)[place]) for key in keys}


def newest(numbers: Iterable[int], limit: int) -> list[int]:
    """The newest number up to a limit, and the first of those beyond it: they are within when the limit has moved."""
    numbers = sorted(set(numbers))
    at = bisect_right(numbers, limit)
    return numbers[max(0, at - 1) : at + _BEYOND]


# -- time --------------------------------------------------------------------------------------------------------------


def is_local(grain: Grain, kind: str) -> bool:
    """Whether values of that type are compared by what clocks show, and not as instants: dates need no time zone."""
    return grain.is_dated and grain.timezone != "UTC" and kind.partition("_")[0] in ("DATE", "TIMESTAMP")


def period(grain: Grain, number: int, *, by_clock: bool) -> tuple[datetime, datetime | None]:
    """The first moment of a period, and the first after it (None: the calendar ends), as instants or by the clock."""
    if by_clock:
        first, last = grain.walls(number)
        return first, None if last == datetime.max else last + _MICRO
    try:
        return grain.start(number), grain.start(number + 1)
    except OverflowError:
        return grain.start(number), None


@dataclass(slots=True)
class Periods:
    """Moments to the numbers of the periods that hold them; each distinct one is looked up once."""

    grain: Grain
    by_clock: bool  # moments are what clocks show
    _known: dict[tuple[int, int], int | None] = field(default_factory=dict)

    def number(self, moment: int, length: int) -> int | None:
        """The period that holds [moment, moment + length), in microseconds since 1970; None where none does.

        Raises ValueError where several do: ask for shorter stretches. None is ever shorter than a second.
        """
        found = self._known.get((moment, length), _EVERYWHERE)
        if isinstance(found, tuple):
            found = self._number(moment)
            if found != self._number(moment + length - 1):
                raise ValueError("several periods")
            self._known[moment, length] = found
        return found

    def _number(self, moment: int) -> int | None:
        try:
            at = _EPOCH + timedelta(microseconds=moment)
            if not self.by_clock:
                return self.grain.index_at(at)
            number = self.grain.index_at(self.grain.first_moment(at))
            low, high = self.grain.walls(number)
        except (OverflowError, ValueError):
            return None
        return number if low <= at <= high else None  # a day that the zone skipped is in no period


def misplaced(axes: Sequence[Axis], bounds: Mapping[str, Sequence[Interval]], key: str) -> str | None:
    """The first dimension on which a route key lies outside what there is; None for a key that partitions have."""
    for axis, text in zip(axes, key.split(_FIELD), strict=True):
        if isinstance(axis, ListAxis):
            if text not in axis:
                return axis.name
        elif not any(low <= int(text) < high for low, high in bounds[axis.name]):
            return axis.name
    return None
