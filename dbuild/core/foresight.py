"""Whether a run follows a timetable, and which.

Most runs need none: where the tasks in line by their longest paths already end about as soon as they must, or where
the search would take a noticeable part of what it could save. It pays where several resources are short at once, or
tasks take several cpus.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dbuild.core.occupancy import SECOND, ticks
from dbuild.core.ready import Rank
from dbuild.core.rehearsal import rehearse
from dbuild.core.resources import Loads, Resources
from dbuild.core.search import shortest_timetable
from dbuild.core.timetable import Timetable
from dbuild.core.workload import Workload

_NEAR = 1.01  # a run that ends within so much of what is possible isn't worth a change
_SHARE = 0.05  # of the time that a search could save at most, it may take so much
_MOST = 0.1  # seconds, and never more than this, for people wait meanwhile
_REHEARSAL = 40e-6  # seconds that a rehearsal takes for each task, with all that comes before it


def foresee(
    workload: Callable[[], Workload], ranks: Sequence[Rank], resources: Resources, loads: Loads
) -> Timetable | None:
    """The timetable that a run should follow; None where it is as well without.

    `ranks` are those of the tasks in building order, `resources` and `loads` those before the run.
    """
    bound = max(loads.most, *(-path for path, _, _, _ in ranks))  # no order makes the run shorter
    if len(ranks) * _REHEARSAL > (_NEAR - 1) * bound:
        return None
    work = workload()
    starts = rehearse(work, ranks, resources, loads)
    end = work.end(starts) / SECOND
    if end <= _NEAR * bound:
        return None
    affordable = min(_MOST, _SHARE * (end - bound)) / _placement(len(ranks))
    timetable = shortest_timetable(work, starts, ticks(bound), int(affordable))
    is_better = timetable is not None and timetable.end / SECOND * _NEAR < end
    return timetable if is_better else None


def _placement(size: int) -> float:
    """The seconds that it takes to place one of so many tasks; measured. What is taken already has to be gone over."""
    return 5e-6 * (1 + size / 200)
