"""How long a run will still take, by past durations and by its own pace.

It can't end before all that is left is done, nor before its longest path is. Past durations are corrected, target by
target, by how long this run's tasks took; of a target that never ran, the tasks of this run are all that is known. What
is spent around each task is added: of short ones it is most.
Unaware of clocks: how long tasks have been running comes in as a value.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Literal, NamedTuple

from dbuild.core.resources import Claim, Loads, Resources

Bound = Literal["about", "at most", "at least"]


class Left(NamedTuple):
    """How long a run will still take."""

    seconds: float | None  # None: nothing is known
    bound: Bound  # "at most": some of it may not have to run; "at least": of some of it nothing is known


class Running(NamedTuple):
    """An execution that runs: a task, or several of a target together."""

    target: str
    tasks: int  # that it makes
    expected: float  # seconds from its start to its end
    behind: float  # the seconds of the longest path that begins when it has ended
    elapsed: float  # seconds since it started


class Outlook:
    """The tasks that are still to start, and how those that have ended compare with what was expected of them."""

    def __init__(self, resources: Resources, claims: Mapping[str, Claim]) -> None:
        self._resources = resources
        self._claims = claims
        self._counts = dict.fromkeys(claims, 0)  # of tasks to start
        self._seconds = dict.fromkeys(claims, 0.0)  # that these are expected to take
        self._ended = dict.fromkeys(claims, 0)
        self._took = dict.fromkeys(claims, 0.0)
        self._expected = dict.fromkeys(claims, 0.0)  # of those that have ended
        self._around = 0.0  # seconds that were spent around them

    def add(self, target: str, count: int, seconds: float) -> None:
        """Adds tasks that are to start, with what is expected of them; negative ones have started, or never will."""
        self._counts[target] += count
        self._seconds[target] += seconds

    def note(self, target: str, expected: float, seconds: float, around: float = 0.0) -> None:
        """Notes how long a task took that succeeded, and how long its place was taken beyond that.

        That may be negative for a task that is heard of together with those before it: it counts with these.
        """
        self._around += around
        self._ended[target] += 1
        self._expected[target] += expected
        self._took[target] += seconds

    def left(
        self, running: Collection[Running], path: float, known: Collection[str], *, is_ending: bool, may_skip: bool
    ) -> Left:
        """What is left. `path` is the longest that begins with a task that is to start; `known` the targets that ran
        before this run. With `is_ending` nothing more is started; with `may_skip` some tasks may not have to run."""
        loads, is_open = Loads(self._resources), False
        around = max(0.0, self._around) / max(1, sum(self._ended.values()))
        starting = [] if is_ending else [target for target, count in self._counts.items() if count]
        for target in starting:
            seconds = self._corrected(target, self._seconds[target], self._counts[target], known)
            is_open |= seconds is None
            loads.add(self._claims[target], seconds + around * self._counts[target] if seconds is not None else 0.0)
        pace = self._pace(self._claims, known)
        longest = path * pace if starting else 0.0
        for one in running:
            whole = self._corrected(one.target, one.expected, one.tasks, known)
            is_open |= whole is None
            rest = max(0.0, (whole or 0.0) - one.elapsed)
            loads.add(self._claims[one.target], rest)
            longest = max(longest, rest + (0.0 if is_ending else one.behind * pace))
        seconds = max(loads.most, longest)
        if is_open:
            return Left(seconds if loads.most else None, "at least")
        return Left(seconds, "at most" if may_skip and starting else "about")

    def _corrected(self, target: str, seconds: float, count: int, known: Collection[str]) -> float | None:
        """How long tasks of a target will take that are expected to take so long; None where nothing is known."""
        if target in known:
            return seconds * self._pace([target], known)
        return count * self._took[target] / self._ended[target] if self._ended[target] else None

    def _pace(self, targets: Iterable[str], known: Collection[str]) -> float:
        """How much slower than expected this run is; one task's worth of doubt keeps the first ones from ruling."""
        took = expected = doubt = 0.0
        for target in targets:
            if target in known and self._ended[target]:
                took += self._took[target]
                expected += self._expected[target]
                doubt = max(doubt, self._expected[target] / self._ended[target])
        return (took + doubt) / (expected + doubt) if expected > 0 else 1.0
