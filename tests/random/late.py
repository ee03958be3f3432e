"""A model of late data: what a small flow should hold after any sequence of arrivals, corrections and withdrawals.

Plain Python over explicit keys, one partition at a time; nothing of dbuild is asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Literal

from tests.random.late_flows import DAYS, FREEZING, HOLIDAY, MAX_AGE, SETTLING, Policy, Shape

Key = date | None  # a day, a Monday for a week, or nothing
Name = tuple[str, Key]
Row = tuple[date | None, int]
State = Literal["there", "missing", "awaited", "idle", "unsettled", "failed"]
HOLDING: tuple[State, ...] = ("missing", "unsettled", "awaited")  # who waits for several counts as the first
Reads = tuple[tuple[str, tuple[tuple[Key, object], ...]], ...]  # input -> key and content of what is read of it

WEEKLY = ("weekly", "sums")
ROUTED = ("daily", "e")


@dataclass
class Standing:
    """One partition as it should be."""

    state: Literal["idle", "waiting", "refused", "blocked", "frozen", "fine"]
    content: str = ""
    reads: Reads = ()  # what it is made of: when this changes it is made anew
    is_provisional: bool = False
    had: frozenset[tuple[str, Key]] = frozenset()  # what was there for it
    behind: State = "there"  # what it waits for, and so is to those that read it

    @property
    def is_there(self) -> bool:
        return self.state in ("frozen", "fine")


@dataclass
class File:
    """A file of a source."""

    content: str | tuple[Row, ...]
    written: datetime
    is_marked: bool = True  # what `ready` asks for is there


@dataclass(frozen=True)
class Outcome:
    """What a build does, and how everything that it was asked for stands after it."""

    ran: list[str]
    standings: dict[str, Standing]
    counts: tuple[int, int, int, int, int]  # built, fresh, failed, waiting, blocked
    awaited: int  # how many wait for nothing but what isn't due yet

    def provisional(self) -> dict[str, int]:
        """How many partitions of each target are provisional, where any are."""
        names = [name.partition("@")[0] for name, one in self.standings.items() if one.is_provisional and one.is_there]
        return {name: names.count(name) for name in names}

    def contents(self) -> dict[str, str]:
        """What should be in the outputs of what doesn't wait, by their paths."""
        return {path_of(name): one.content for name, one in self.standings.items() if one.is_there}


@dataclass
class Model:
    """The files that there are, and what was built of them."""

    shape: Shape
    now: datetime
    files: dict[str, dict[date, File]] = field(default_factory=lambda: {"a": {}, "b": {}, "e": {}})
    made: dict[Name, Standing] = field(default_factory=dict)  # how each was when it was built last
    failed: set[Name] = field(default_factory=set)  # and couldn't be, since

    # -- what there is -------------------------------------------------------------------------------------------------

    def named(self, source: str) -> list[date]:
        """The days of which a source has a file, whether or not it may be read yet."""
        return sorted(day for day, file in self.files[source].items() if file.is_marked or not self._is_gated(source))

    def _is_gated(self, source: str) -> bool:
        return source == "b" and self.shape.b.gate == "ready"

    def domain(self, dataset: str) -> list[Key]:
        """The keys that exist: to the newest of which a source has a file."""
        if dataset == "total":
            return [None]
        sources = ("e",) if dataset == "e" else ("a", "b")
        newest = max((day for source in sources for day in self.named(source)), default=None)
        days = [day for day in DAYS if newest is not None and day <= newest]
        return list(dict.fromkeys(map(monday_of, days))) if dataset in WEEKLY else [*days]

    def state_of_file(self, source: str, day: date) -> State:
        """How one partition of a source stands."""
        arriving = self.shape.e if source == "e" else self.shape.b
        if day in self.named(source):
            is_young = source == "b" and arriving is not None and arriving.gate == "settle"
            return "unsettled" if is_young and self.now - self.files[source][day].written < SETTLING else "there"
        if source == "a" or arriving is None or not arriving.expects:
            return "idle" if source == "e" else "missing"  # of routed rows any file may never come
        if arriving.expects == "business" and (day.weekday() >= 5 or day == HOLIDAY):
            return "idle"
        due = datetime(day.year, day.month, day.day, 6) + timedelta(days=1)
        return "missing" if due <= self.now else "awaited"

    # -- how everything stands -----------------------------------------------------------------------------------------

    def standings(self) -> dict[Name, Standing]:
        """Every partition that exists or is idle."""
        found: dict[Name, Standing] = {}
        for target in self.shape.targets:
            for key in self.domain(target):
                found[target, key] = self._standing(target, key, found)
        return found

    def _standing(self, target: str, key: Key, found: dict[Name, Standing]) -> Standing:
        parts = [_Part(self, target, given, key, found) for given in self.shape.targets[target]]
        if self._is_old(target, key) or self._is_bereft(target, key):
            made = self.made[target, key]
            return replace(made, state="frozen", is_provisional=any(part.lacks(made) for part in parts))
        timely = [part for part in parts if target not in ("total", "daily")]
        if timely and all(part.keys and set(part.states.values()) == {"idle"} for part in timely):
            return Standing("idle")
        held = set[State]().union(*(part.held for part in parts))
        if held:
            return Standing("waiting", behind=min(held, key=HOLDING.index))
        is_provisional = any(part.is_provisional for part in parts)
        if any(part.is_blocked for part in parts):
            return Standing("blocked")
        if any(part.is_refused for part in parts):
            return Standing("refused")
        reads: Reads = tuple((part.given, part.reads()) for part in parts)
        if target == "daily":
            content = "v\n" + "".join(f"{v}\n" for v in sorted(v for _, rows in reads[0][1] for v in _values(rows)))
        else:
            content = "".join(str(text) for _, pairs in reads for _, text in pairs)
        if target == "told":
            content += f"{int(is_provisional)}\n"
            reads = (*reads, ("provisional", ((None, is_provisional),)))
        had = frozenset((part.given, one) for part in parts for one in part.used)
        return Standing("fine", content, reads, is_provisional, had)

    def _is_old(self, target: str, key: Key) -> bool:
        """Whether it was built and may not change any more."""
        if target != "one" or not self.shape.freezes or (target, key) not in self.made or key is None:
            return False
        return datetime(key.year, key.month, key.day) + timedelta(days=1) + FREEZING <= self.now

    def _is_bereft(self, target: str, key: Key) -> bool:
        """Whether it was built of what is gone and may be missed."""
        made = self.made.get((target, key))
        for given, pairs in made.reads if made is not None else ():
            arriving = {"b": self.shape.b, "e": self.shape.e}.get(given)
            if arriving is not None and arriving.is_kept:
                named = self.named(given)
                for used, _ in pairs:
                    is_replaced = key != used and target in ("one", "bare") and any(used < day <= key for day in named)
                    if used not in named and not is_replaced:
                        return True
        return False

    # -- building ------------------------------------------------------------------------------------------------------

    def closure(self, targets: Iterable[str]) -> set[str]:
        """Targets and all that they need; of none all."""
        wanted = set(targets) or set(self.shape.targets)
        for target in reversed(self.shape.targets):
            if target in wanted:
                wanted |= set(self.shape.targets[target]) & self.shape.targets.keys()
        return wanted

    def build(self, targets: Iterable[str] = ()) -> Outcome:
        """A build of some targets, or all."""
        wanted = self.closure(targets)
        standings = {name: one for name, one in self.standings().items() if name[0] in wanted and one.state != "idle"}
        stale = [name for name, one in standings.items() if one.state == "fine" and self._is_stale(name, one)]
        self.made.update((name, standings[name]) for name in stale)
        self.failed.difference_update(stale)
        self.failed.update(name for name, one in standings.items() if one.state == "refused")
        states = [one.state for one in standings.values()]
        failed, waiting, blocked = (states.count(each) for each in ("refused", "waiting", "blocked"))
        fresh = len(states) - len(stale) - failed - waiting - blocked
        named = {label(name): one for name, one in standings.items()}
        awaited = sum(one.behind == "awaited" for one in standings.values())
        return Outcome(sorted(map(label, stale)), named, (len(stale), fresh, failed, waiting, blocked), awaited)

    def _is_stale(self, name: Name, one: Standing) -> bool:
        return name in self.failed or name not in self.made or self.made[name].reads != one.reads

    def clean(self) -> Model:
        """The same files, of which nothing was ever built."""
        return Model(self.shape, self.now, self.files)


class _Part:
    """One input of a partition: what is there of it, and what is to be done."""

    def __init__(self, model: Model, target: str, given: str, key: Key, found: dict[Name, Standing]) -> None:
        self.given = given
        self._model, self._target, self._key, self._found = model, target, key, found
        self._policy = model.shape.policies[target] if given != "a" else Policy()
        self.keys = [one for one in model.domain(given) if _reads(target, key, one)]
        self.states = {one: self._state(one) for one in self.keys}
        self.used = [one for one in self.keys if self.states[one] == "there"]
        self.held: set[State] = set()  # what has to be waited for
        self.is_provisional = self.is_refused = False
        self._decide()
        self.is_blocked = any(self._state(one) == "failed" for one in (*self.keys, *self.used))
        if given not in model.files:
            self.is_provisional |= any(found[given, one].is_provisional for one in self.used)

    def _state(self, key: Key) -> State:
        if self.given in self._model.files:
            assert key is not None
            return self._model.state_of_file(self.given, key)
        one = self._found[self.given, key]
        states: dict[str, State] = {"idle": "idle", "waiting": one.behind, "refused": "failed", "blocked": "failed"}
        return states.get(one.state, "there")

    def _decide(self) -> None:
        """Finds what is done about what isn't there."""
        states = list(self.states.values())
        missing, there = states.count("missing"), states.count("there") + states.count("failed")
        if "unsettled" in states:
            self.held.add("unsettled")
        if "awaited" in states and not missing + there:
            self.held.add("awaited")
        is_enough = self._policy.minimum > 0 and there >= min(self._policy.minimum, missing + there)
        if self._policy.missing == "latest":
            if {"missing", "idle"} & set(states):
                self._stand_in()
        elif missing and (self._policy.missing == "skip" or is_enough):
            self.is_provisional = True
        elif missing and self._policy.missing == "fail":
            self.is_refused = True
        elif missing:
            self.held.add("missing")

    def _stand_in(self) -> None:
        """The newest one before that is there takes the place of what isn't."""
        key = self._key
        assert key is not None
        earlier = [one for one in self._model.domain(self.given) if one is not None and one < key]
        states = {one: self._state(one) for one in earlier}
        known = [one for one in earlier if states[one] in ("there", "unsettled", "failed")]
        used = max(known, default=None)
        if used is None or (self._policy.is_limited and key - used > MAX_AGE):
            self.held.add("missing")
        elif states[used] == "unsettled":
            self.held.add("unsettled")
        else:
            self.used = [used]
            self.is_provisional = self.states[key] == "missing"

    def lacks(self, made: Standing) -> bool:
        """Whether something is missing that there wasn't either when the partition was made."""
        return any(state == "missing" and (self.given, one) not in made.had for one, state in self.states.items())

    def reads(self) -> tuple[tuple[Key, object], ...]:
        """What is read: each key with its content."""
        pairs = [(one, self._content(one)) for one in self.used]
        return tuple(pair for pair in pairs if pair[1] != ())  # files without rows for a day aren't read for it

    def _content(self, key: Key) -> object:
        if self.given not in self._model.files:
            return self._found[self.given, key].content
        assert key is not None
        content = self._model.files[self.given][key].content
        if isinstance(content, str):
            return content
        return tuple(v for day, v in content if day == self._key)


def _values(rows: object) -> tuple[int, ...]:
    assert isinstance(rows, tuple)
    return rows


def _reads(target: str, key: Key, one: Key) -> bool:
    """Whether a partition of a target reads this one of its input."""
    if target in ("total", "daily"):
        return True
    assert key is not None and one is not None
    if target in WEEKLY:
        return monday_of(one) == key
    if target == "window":
        return timedelta(0) <= key - one <= timedelta(days=2)
    return one == key


def monday_of(day: date) -> date:
    """The first day of a day's week."""
    return day - timedelta(days=day.weekday())


def label(name: Name) -> str:
    """A partition as dbuild calls it."""
    target, key = name
    if key is None:
        return target
    return f"{target}@{key:%G-W%V}" if target in WEEKLY else f"{target}@{key}"


def path_of(name: str) -> str:
    """The output of a partition."""
    target, _, key = name.partition("@")
    ending = "csv" if target == "daily" else "txt"
    return f"out/{target}/{key}.{ending}" if key else f"out/{target}.{ending}"
