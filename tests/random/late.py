"""A model of late data: what a small flow should hold after any sequence of arrivals, corrections and withdrawals.

Plain Python over explicit days; nothing of dbuild is asked. Two sources with a file a day feed targets: `one` reads
both, `window` the last three days of it, `total` all of it, and `told` says whether its day is provisional.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random

FIRST = date(2013, 1, 1)  # a Tuesday
DAYS = tuple(FIRST + timedelta(days=n) for n in range(9))
HOLIDAY = date(2013, 1, 3)
POLICIES = ('missing = "wait"', 'missing = "skip"', 'missing = "latest"', 'missing = "latest", max_age = "2d"')
SEVERAL = ('missing = "wait"', 'missing = "skip"', "min = 2")
EXPECTATIONS = ("", "daily", "business")


@dataclass(frozen=True)
class Shape:
    """Which flow it is."""

    expects: str  # of source b
    policy: str  # of one for b
    window: str  # of window for one
    total: str  # of total for one

    def text(self) -> str:
        """The Dataflowfile."""
        on = f', on = "business days", holidays = [{HOLIDAY}]' if self.expects == "business" else ""
        expect = f'expect = {{ at = "06:00", days = 1{on} }}\n' if self.expects else ""
        return f"""
[partitions.day]
every = "day"
start = {FIRST}
[sources.a]
path = "a/{{day}}.txt"
[sources.b]
path = "b/{{day}}.txt"
{expect}
[targets.one]
path = "out/one/{{day}}.txt"
shell = "cat {{a}} {{b}} > {{output}}"
inputs.b = {{ {self.policy} }}
[targets.window]
path = "out/window/{{day}}.txt"
shell = "cat {{one}} /dev/null > {{output}}"
inputs.one = {{ day = "-2d..0d", {self.window} }}
[targets.total]
path = "out/total.txt"
shell = "cat {{one}} /dev/null > {{output}}"
inputs.one = {{ {self.total} }}
[targets.told]
path = "out/told/{{day}}.txt"
shell = "cat {{window}} > {{output}}; echo {{provisional}} >> {{output}}"
"""


def drawn_shape(random: Random) -> Shape:
    """Any flow."""
    return Shape(*(random.choice(options) for options in (EXPECTATIONS, POLICIES, SEVERAL, SEVERAL)))


@dataclass
class Standing:
    """One partition as it should be."""

    content: str | None = None  # None: it waits
    reads: object = None  # what it is made of: when this changes it is made anew
    is_provisional: bool = False


@dataclass
class Model:
    """The files that there are, and what was built of them."""

    shape: Shape
    now: datetime
    a: dict[date, str] = field(default_factory=dict)
    b: dict[date, str] = field(default_factory=dict)
    made: dict[str, object] = field(default_factory=dict)  # partition -> what it was made of when it was built last

    def domain(self) -> list[date]:
        """The days that exist: to the newest that a source has."""
        newest = max((*self.a, *self.b), default=None)
        return [day for day in DAYS if newest is not None and day <= newest]

    def state_of_b(self, day: date) -> str:
        """there, missing, awaited (not due yet) or idle (never due)."""
        if day in self.b:
            return "there"
        if not self.shape.expects:
            return "missing"
        if self.shape.expects == "business" and (day.weekday() >= 5 or day == HOLIDAY):
            return "idle"
        due = datetime(day.year, day.month, day.day, 6) + timedelta(days=1)
        return "missing" if due <= self.now else "awaited"

    def standings(self) -> dict[str, Standing]:
        """Every partition that exists, by its name."""
        found: dict[str, Standing] = {}
        days = self.domain()
        for day in days:
            found[f"one@{day}"] = self._one(day)
        for day in days:
            reads = [each for each in days if timedelta(0) <= day - each <= timedelta(days=2)]
            found[f"window@{day}"] = self._several(self.shape.window, reads, found)
        found["total"] = self._several(self.shape.total, days, found)
        for day in days:
            window = found[f"window@{day}"]
            told = Standing(is_provisional=window.is_provisional)
            if window.content is not None:
                told.reads = (window.content, window.is_provisional)
                told.content = f"{window.content}{int(window.is_provisional)}\n"
            found[f"told@{day}"] = told
        return found

    def _one(self, day: date) -> Standing:
        state, used = self.state_of_b(day), day if day in self.b else None
        if state in ("missing", "idle") and "latest" in self.shape.policy:
            earlier = [each for each in self.b if each < day]
            used = max(earlier, default=None)
            if used is not None and "max_age" in self.shape.policy and day - used > timedelta(days=2):
                used = None
            if used is None:
                return Standing()
        if day not in self.a or state == "awaited" or (state == "missing" and "wait" in self.shape.policy):
            return Standing()
        read = (used, self.b[used]) if used is not None else None
        return Standing(self.a[day] + (read[1] if read else ""), (self.a[day], read), state == "missing")

    def _several(self, policy: str, days: list[date], found: dict[str, Standing]) -> Standing:
        ones = {day: found[f"one@{day}"] for day in days}
        there = {day: one for day, one in ones.items() if one.content is not None}
        is_short = len(there) < len(ones)
        is_enough = "min" in policy and len(there) >= min(2, len(ones))
        if is_short and not is_enough and "skip" not in policy:
            return Standing()
        text = "".join(one.content or "" for one in there.values())
        is_provisional = is_short or any(one.is_provisional for one in there.values())
        return Standing(text, tuple((day, one.content) for day, one in there.items()), is_provisional)

    def build(self) -> tuple[list[str], dict[str, Standing]]:
        """The tasks that a build has to run, sorted, and how everything stands after it."""
        standings = self.standings()
        stale = [
            name
            for name, one in standings.items()
            if one.content is not None and self.made.get(name, self) != one.reads  # self: nothing is made of that
        ]
        self.made.update((name, standings[name].reads) for name in stale)
        return sorted(stale), standings

    def happenings(self, random: Random, count: int) -> Iterator[tuple[str, str, date | None, str]]:
        """Draws what happens, and lets it: ("arrive", source, day, text), ("withdraw", …) or ("wait", "", None, "")."""
        for number in range(count):
            kind = random.choice(("arrive", "arrive", "correct", "correct", "withdraw", "wait"))
            if kind == "wait":
                self.now += timedelta(hours=random.choice((3, 12, 30)))
                yield "wait", "", None, ""
                continue
            name, files = random.choice((("a", self.a), ("b", self.b), ("b", self.b)))
            known = sorted(files)
            if kind == "arrive" or not known:
                absent = [day for day in DAYS if day not in files and day <= self.now.date()]
                if not absent:
                    continue
                day = random.choice(absent)
            else:
                day = random.choice(known)
            if kind == "withdraw" and known:
                del files[day]
                yield "withdraw", name, day, ""
            else:
                files[day] = f"{name} {day} {number}\n"
                yield "arrive", name, day, files[day]
