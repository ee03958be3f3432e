"""The tasks that may start and which of them is next, where the run follows a timetable.

The next tasks are gone through in the order in which they can wait least, and each is given the time at which it is
expected to fit: one that isn't ready, not before the timetable says so. A task starts if that is now. So what starts
is never in the way of something more urgent that is expected soon, and a cpu may be left idle for a moment so that a
task of several finds them free. If durations are as expected, the run is the timetable's; if not, what ended sooner
or later moves what comes after it. If nothing runs, something starts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence

from dbuild.core.forecast import Forecast, Node
from dbuild.core.occupancy import SECOND, Occupancy, Ticks, ticks
from dbuild.core.ready import Rank
from dbuild.core.resources import Claim, Resources
from dbuild.core.timetable import Timetable

_HELD = 8  # of the tasks that can't start now, so many are given a time that others keep clear of
_LOOKS = 64  # so many tasks are looked at, at most


class PunctualLine:
    """Tasks in line by their latest starts."""

    def __init__(
        self,
        tasks: Sequence[tuple[Node, Claim, float]],
        timetable: Timetable,
        resources: Resources,
        forecast: Forecast,
        is_pending: Callable[[Node], bool],
    ) -> None:
        """`tasks` in building order, as the timetable has them: each with what it takes and its expected seconds."""
        self._places = {task: place for place, task in enumerate(timetable.order)}
        self._tasks = [(tasks[task][0], tasks[task][1], ticks(tasks[task][2])) for task in timetable.order]
        self._starts = [timetable.starts[task] for task in timetable.order]
        self._claims = {claim for _, claim, _ in tasks}
        self._resources = resources
        self._forecast = forecast
        self._is_pending = is_pending
        self._open = list(range(len(tasks)))  # places of tasks that are ready or pending, and of some that were

    def push(self, claim: Claim, rank: Rank) -> None:
        """Puts a task in line; also one that has been in it before."""
        place = self._places[rank[1]]
        at = bisect_left(self._open, place)
        if at == len(self._open) or self._open[at] != place:
            self._open.insert(at, place)

    def pop(self, is_ready: Callable[[Node], bool], coming: Iterable[tuple[Claim, Rank]] = ()) -> Node | None:
        """Takes the next task that can start now out of the line, or None.

        What is `coming` will be ready in a moment: None also where that will be next then.
        """
        if not any(map(self._resources.fits, self._claims)):
            return None
        soon = {rank[3] for _, rank in coming}
        place = self._next((lambda node: node in soon or is_ready(node)) if soon else is_ready)
        if place is None and self._forecast.is_idle and not soon:
            place = next((place for place in self._open if is_ready(self._tasks[place][0])), None)
        if place is None or self._tasks[place][0] in soon:
            return None
        del self._open[bisect_left(self._open, place)]
        return self._tasks[place][0]

    def pop_first(
        self, claim: Claim, is_ready: Callable[[Node], bool], is_wanted: Callable[[Node], bool]
    ) -> Node | None:
        """None: what starts, starts at its time."""
        return None

    def _next(self, is_ready: Callable[[Node], bool]) -> int | None:
        near = self._near(is_ready)
        if not any(is_there for _, is_there in near):
            return None
        occupancy, soonest = self._occupancy()
        now = min(
            round(self._forecast.now * SECOND), *(self._starts[place] for place, _ in near)
        )  # what is late moves all the rest
        held = 0
        for place, is_there in near:
            if not is_there and held == _HELD:
                continue
            _, claim, length = self._tasks[place]
            since = 0 if is_there else max(soonest, self._starts[place] - now)
            start = occupancy.earliest(claim, length, since)
            if start == 0:
                return place
            if held < _HELD:
                occupancy.take(claim, start, length)
                held += 1
        return None

    def _near(self, is_ready: Callable[[Node], bool]) -> list[tuple[int, bool]]:
        """The first tasks in line, and whether each is ready. Those that are in line no longer are forgotten."""
        near: list[tuple[int, bool]] = []
        passed = 0
        for place in self._open:
            if len(near) == _LOOKS:
                break
            passed += 1
            node = self._tasks[place][0]
            is_there = is_ready(node)
            if is_there or self._is_pending(node):
                near.append((place, is_there))
        self._open[:passed] = [place for place, _ in near]
        return near

    def _occupancy(self) -> tuple[Occupancy, Ticks]:
        """What is free from now on, and when the first of the running tasks is expected to end."""
        occupancy = Occupancy(self._resources.capacity)
        ends = [(ticks(seconds), claim) for seconds, claim in self._forecast.remaining()]
        for end, claim in ends:
            occupancy.take(claim, 0, end)
        return occupancy, min((end for end, _ in ends), default=1)
