"""What runs and recipes cost, saved and stored over a time, from the ledger alone."""

from __future__ import annotations

from collections.abc import Sequence

from dbuild.build.logs import partitions_named
from dbuild.build.looks import reading
from dbuild.build.settings import Settings
from dbuild.core.statistics import Statistics, Tallies, growth_of


def statistics(settings: Settings, arguments: Sequence[str], seconds: float | None) -> Statistics:
    """The statistics of the last `seconds`, or since the first run, of the targets that are named; of all without any.

    What runs saved is of all targets. Raises UsageError for names of nothing.
    """
    until = settings.clock()
    with reading(settings) as state:
        names = set(partitions_named(settings, state, arguments)) if arguments else None
        first = state.pasts.first_started()
        since = max(first, until - seconds) if seconds is not None else first
        tallies = Tallies(since, until)
        for one in state.pasts.executed_since(since):
            if names is None or one.target in names:
                tallies.add(one)
        sizes = {name: size for name, size in state.pasts.sizes().items() if names is None or name in names}
        growth = growth_of(sizes, state.pasts.changes_since(since), since, until)
        runs = state.pasts.runs_since(since)
    return Statistics(since, until, runs, tallies.targets(), tallies.flaky(), growth, tallies.built())
