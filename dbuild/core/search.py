"""The search for a short timetable.

It begins with a known run, with building order, with the longest paths, and with the partitions in turn, from the end
as from the beginning. The best of these is then changed step by step: a task that the end waits for changes places
with any other, and what isn't longer is kept. Nothing is left to chance: the same work gives the same timetable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from dbuild.core.occupancy import Ticks
from dbuild.core.timetable import Placing, Timetable
from dbuild.core.workload import Workload


def shortest_timetable(work: Workload, known: Sequence[Ticks], bound: Ticks, effort: int) -> Timetable | None:
    """The shortest timetable that is found by placing at most so many tasks; None if that is too few for any.

    `known` are the starts of a run of this work. Nothing shorter than `bound` is looked for.
    """
    search = _Search(work, bound, effort)
    for begin in search.beginnings(known):
        if search.is_over:
            break
        search.descend(begin())
    while search.best is not None and not search.is_over:
        search.exchange(search.best)
    return search.best


class _Search:
    def __init__(self, work: Workload, bound: Ticks, effort: int) -> None:
        self._work = work
        self._placing = Placing(work)
        self._bound = bound
        self._effort = effort - 3 * len(work)  # a step places each task three times
        self._draw = _draws()
        self.best: Timetable | None = None

    @property
    def is_over(self) -> bool:
        is_short = self.best is not None and self.best.end <= self._bound
        return is_short or self._placing.count > self._effort

    def beginnings(self, known: Sequence[Ticks]) -> Iterator[Callable[[], Timetable]]:
        """Timetables to begin with, those first that are most often near the best."""
        work, placing = self._work, self._placing
        yield lambda: placing.justified(known)
        yield lambda: placing.back_by([-share for share in work.along])
        yield lambda: placing.by(range(len(work)))
        yield lambda: placing.by([-path for path in work.paths()])
        yield lambda: placing.back_by([-path for path in work.backwards().paths()])

    def descend(self, timetable: Timetable) -> None:
        """Moves a timetable back and forth for as long as it gets shorter."""
        while self.best is None or timetable.end < self.best.end:
            self.best = timetable
            if self.is_over:
                break
            timetable = self._placing.justified(timetable.starts)

    def exchange(self, timetable: Timetable) -> None:
        """One step: one to three tasks that can't wait change places with others."""
        waits = [late - start for late, start in zip(timetable.latest, timetable.starts, strict=True)]
        least = min(waits)
        urgent = [task for task, wait in enumerate(waits) if wait == least]
        keys = list(timetable.starts)
        for _ in range(1 + self._draw(3)):
            one, other = urgent[self._draw(len(urgent))], self._draw(len(keys))
            keys[one], keys[other] = keys[other], keys[one]
        changed = self._placing.by(keys)
        if changed.end <= timetable.end:
            self.best = changed


def _draws() -> Callable[[int], int]:
    """Gives numbers from 0 up to a limit, scattered evenly and the same in every run."""
    state = 1

    def draw(limit: int) -> int:
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64  # Knuth's MMIX generator
        return (state >> 33) % limit

    return draw
