"""When a watch builds next: what was heard, the clock, and what came of the build before, weighed in one place.

Two clocks come in as values. Seconds of one that never jumps measure pauses; moments (seconds since the epoch) say
when something is due. Nothing here waits or looks.
"""

from __future__ import annotations

from typing import Literal

from dbuild.values import dataclass

CALM = 0.1  # seconds without a further change after which a build begins
LONGEST_CALM = 1.0  # seconds after which it begins although changes go on
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0  # seconds until another try where the machine was in the way; doubled
SLOW_LOOK = 3600.0  # seconds after which everything is looked at although nothing was heard
PATIENCE = 60.0  # seconds until another try where the project was wrong and no file of it was seen to change
MOST_AT_ONCE = 20  # builds of the same partitions in a row, each of which changed what the next one read
_SHORTEST = 0.05  # seconds between two builds that only the clock asked for; doubled while they find nothing
_LONGEST_WAIT = 60.0
_DAY = 86_400.0

Ending = Literal["done", "project", "machine", "refused", "cut"]


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of the day in which no build begins, in seconds since midnight; over midnight where the end is earlier."""

    start: float
    end: float

    def left(self, time_of_day: float) -> float:
        """Seconds until they end; 0 outside of them."""
        inside = (time_of_day - self.start) % _DAY < (self.end - self.start) % _DAY
        return (self.end - time_of_day) % _DAY if inside else 0.0


@dataclass(frozen=True, slots=True)
class Rules:
    """What whoever started the watch wants."""

    once_per: float = 0.0  # seconds between the beginnings of two builds that run something
    quiet: tuple[Hours, ...] = ()
    slow_look: float = SLOW_LOOK  # seconds


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of a build, as far as it matters for the next."""

    ending: Ending
    ran: frozenset[tuple[str, str]] = frozenset()  # what was built or failed: target and key
    due: float | None = None  # the moment at which the clock alone changes what there is to do


class Vigil:
    """One watch's memory. Begin with a build: whatever was there before is heard of by nobody."""

    def __init__(self, rules: Rules, seconds: float) -> None:
        self._rules = rules
        self._first: float | None = seconds - LONGEST_CALM  # change that no build has seen yet, first and last
        self._last: float | None = seconds - CALM
        self._due: float | None = None
        self._retry: float | None = None
        self._look = seconds + rules.slow_look
        self._began = -_DAY  # the last build that ran something
        self._start = seconds
        self._troubles = 0
        self._idle_calls = 0
        self._was_called = False  # the build that runs was asked for by the clock alone
        self._heard_in_build = False
        self._is_building = False
        self._chain = 0
        self._repeated: frozenset[tuple[str, str]] = frozenset()
        self._slow_until = seconds

    @property
    def is_asked(self) -> bool:
        """Whether something has changed that no build has seen yet."""
        return self._first is not None

    @property
    def is_circling(self) -> bool:
        """Whether builds make each other necessary: a recipe seems to change what it reads."""
        return self._chain >= MOST_AT_ONCE

    @property
    def repeated(self) -> frozenset[tuple[str, str]]:
        """What each build of such a row ran again."""
        return self._repeated

    def hear(self, seconds: float) -> None:
        """Something changed that a build might look at."""
        self._first = seconds if self._first is None else self._first
        self._last = seconds
        self._heard_in_build |= self._is_building

    def ask(self, seconds: float) -> None:
        """A build is wanted at once, whatever was heard."""
        self._first, self._last = seconds - LONGEST_CALM, seconds - CALM

    def wait(self, seconds: float, moment: float, time_of_day: float) -> float:
        """Seconds until a build begins if nothing else happens, at most a minute or so; 0: now.

        `time_of_day`: local seconds since midnight at `moment`.
        """
        found = [self._look - seconds]
        if self._first is not None and self._last is not None:
            found.append(min(self._last + CALM, self._first + LONGEST_CALM) - seconds)
        if self._retry is not None:
            found.append(self._retry - seconds)
        if self._due is not None:
            shortest = min(_LONGEST_WAIT, _SHORTEST * 2.0 ** min(self._idle_calls, 20))
            found.append(max(self._due - moment, self._start + shortest - seconds))
        wait = max(min(found), self._began + self._rules.once_per - seconds, self._slow_until - seconds, 0.0)
        quiet = max((hours.left(time_of_day) for hours in self._rules.quiet), default=0.0)
        return min(max(wait, quiet), _LONGEST_WAIT)

    def begin(self, seconds: float) -> bool:
        """A build begins, and sees all that was heard until now; whether it is time to look at all that wasn't, too."""
        is_look = seconds >= self._look
        self._was_called = self._first is None and self._retry is None and seconds < self._look
        self._first = self._last = self._retry = None
        self._start = seconds
        if is_look:
            self._look = seconds + self._rules.slow_look
        self._is_building, self._heard_in_build = True, False
        return is_look

    def end(self, seconds: float, ended: Ended) -> None:
        """A build has ended."""
        self._is_building = False
        self._due = ended.due
        if ended.ran:
            self._began = self._start
        self._idle_calls = self._idle_calls + 1 if self._was_called and not ended.ran else 0
        if ended.ending in ("machine", "cut"):
            self._retry = seconds + min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._troubles, 64))
            self._troubles += 1
        else:
            self._troubles = 0
        if ended.ending == "project":
            self._retry = seconds + PATIENCE
        self._count(seconds, ended)

    def _count(self, seconds: float, ended: Ended) -> None:
        """Slows down builds that make each other necessary: half of the time is left to others then."""
        same = ended.ran & self._repeated if self._chain else ended.ran
        if not same or not self._heard_in_build:
            self._chain, self._repeated = (1, ended.ran) if ended.ran and self._heard_in_build else (0, frozenset())
            return
        self._chain, self._repeated = self._chain + 1, same
        if self.is_circling:
            self._slow_until = seconds + max(1.0, min(_LONGEST_WAIT, seconds - self._start))
