"""The random test has to be able to fail: systems that are wrong in one thing each, which it must find out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest

from dbuild.build.run import Run
from dbuild.build.survey import Survey
from dbuild.build.world import World
from dbuild.core import staleness
from dbuild.core.partitions import PartitionSet
from dbuild.core.staleness import Reason
from dbuild.observe.listing import Stat
from dbuild.state.store import FileRow
from tests.random.test_random import run_seed
from tests.random.trial import Mismatch

ENOUGH = 30  # seeds in which each has to be found out


@contextmanager
def _deaf(kind: str) -> Iterator[None]:
    """A judge that doesn't hear one kind of reason."""
    with patch.object(staleness, kind, lambda *_: []):
        yield


@contextmanager
def _trusting() -> Iterator[None]:
    """Staleness by size and mtime alone."""

    def vouches(survey: Survey, row: FileRow, stat: Stat) -> bool:
        return (row.stat.size, row.stat.mtime) == (stat.size, stat.mtime)

    with patch.object(Survey, "_vouches", vouches):
        yield


@contextmanager
def _forgetful() -> Iterator[None]:
    """Seals that hold whatever changes."""
    with patch.object(World, "touched", lambda world, target: PartitionSet.empty(world.domains.of(target).axes)):
        yield


@contextmanager
def _hasty() -> Iterator[None]:
    """No early cutoff: what may have to run is run."""
    known = Run._reasons

    def reasons(run: Run, node: tuple[str, tuple[int, ...]]) -> tuple[Reason, ...]:
        return known(run, node) or (Reason("forced"),)

    with patch.object(Run, "_reasons", reasons):
        yield


# How each goes wrong, and a seed that shows it soon; others are tried after it, should the random flows change.
WRONG: dict[str, tuple[Callable[[], AbstractContextManager[None]], int]] = {
    "params don't count": (lambda: _deaf("_compare_params"), 8),
    "inputs don't count": (lambda: _deaf("_compare_inputs"), 10),
    "outputs are never looked at": (lambda: _deaf("_compare_outputs"), 1),
    "size and mtime are enough": (_trusting, 0),
    "seals hold for ever": (_forgetful, 10),
    "what may run is run": (_hasty, 4),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_system_is_found_out(wrong: str, tmp_path: Path) -> None:
    system, first = WRONG[wrong]
    with system(), pytest.raises(Mismatch):
        _try(range(first, first + ENOUGH), tmp_path)


def _try(seeds: range, folder: Path) -> None:
    for seed in seeds:
        run_seed(seed, folder / str(seed))
