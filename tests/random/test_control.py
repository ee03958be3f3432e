"""The random test has to be able to fail: systems that are wrong in one thing each, which it must find out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from dbuild.build import looks, marking, world
from dbuild.build.attempts import Attempt
from dbuild.build.loading import Code, Memos, load_flow
from dbuild.build.locations import Location
from dbuild.build.readings import Readings
from dbuild.build.run import Run
from dbuild.build.settings import Settings
from dbuild.build.shifts import Shifts
from dbuild.build.survey import Survey
from dbuild.build.verdicts import Verdicts
from dbuild.build.words import Words
from dbuild.build.world import World
from dbuild.core import provision, staleness
from dbuild.core.graph import Flow
from dbuild.core.links import Periods
from dbuild.core.mark import Mark
from dbuild.core.partitions import PartitionSet
from dbuild.core.staleness import UNSETTLED, Declared, Reason, Verdict
from dbuild.core.trace import joined_key, pack_inputs
from dbuild.observe.digests import digest_bytes
from dbuild.observe.listing import Stat
from dbuild.state.files import FileRow
from dbuild.state.store import State
from tests.random.test_random import run_seed
from tests.random.trial import Mismatch

pytestmark = pytest.mark.slow
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
    with patch.object(World, "touched", lambda own, target: PartitionSet.empty(own.domains.of(target).axes)):
        yield


@contextmanager
def _hasty() -> Iterator[None]:
    """No early cutoff: what may have to run is run."""
    known = Verdicts.reasons

    def reasons(verdicts: Verdicts, node: tuple[str, tuple[int, ...]]) -> tuple[Reason, ...]:
        return known(verdicts, node) or (Reason("forced"),)

    with patch.object(Verdicts, "reasons", reasons):
        yield


@contextmanager
def _blind_to_views() -> Iterator[None]:
    """What a view says doesn't count."""

    def load(settings: Settings, state: State, keep: Memos, code: Code | None = None) -> Flow:
        flow = load_flow(settings, state, keep, code)
        for name, step in flow.views.items():
            flow.views[name] = replace(step, analysis=replace(step.analysis, fingerprint=bytes(16), parts=()))
        return flow

    with patch.object(looks, "load_flow", load):
        yield


@contextmanager
def _blind_to_strays() -> Iterator[None]:
    """What is in a folder and no recipe put there isn't seen."""
    known = Survey.paths

    def paths(survey: Survey, location: Location, key: tuple[str, ...]) -> list[str]:
        found = known(survey, location, key)
        return [path for path in found if "stray" not in path] if location.pattern.is_folder else found

    with patch.object(Survey, "paths", paths):
        yield


@contextmanager
def _lumping() -> Iterator[None]:
    """One digest for all outputs of a target."""
    known = Readings._digests

    def digests(own: Readings, dataset: str, location: Location, *rest: Any) -> list[bytes]:
        all_outputs = [known(own, dataset, one, *rest) for one in own._world.survey.locations[dataset]]
        lumps = zip(*all_outputs, strict=True)
        return [UNSETTLED if UNSETTLED in lump else digest_bytes(b"".join(lump)) for lump in lumps]

    with patch.object(Readings, "_digests", digests):
        yield


@contextmanager
def _obstinate() -> Iterator[None]:
    """Marks of stale partitions that never end."""
    known = Words._narrowed

    def narrowed(words: Words, mark: Mark, found: PartitionSet) -> PartitionSet:
        return found if mark.word == "stale" else known(words, mark, found)

    with patch.object(Words, "_narrowed", narrowed), patch.object(marking, "drop_done", lambda looked: None):
        yield


@contextmanager
def _thawing() -> Iterator[None]:
    """Frozen partitions are built like others."""
    with patch.object(World, "frozen", lambda own, target: PartitionSet.empty(own.domains.of(target).axes)):
        yield


@contextmanager
def _flattering(from_attempt: int) -> Iterator[None]:
    """Failures that are recorded as if what is there had been made."""
    known = Run._fail

    def fail(run: Run, attempt: Attempt, seconds: float, error: str, log: str | None) -> None:
        known(run, attempt, seconds, error, log)
        target, index = attempt.node
        key = joined_key(run.plan.domains.of(target).key(index))
        before, made = run.world.trace(target, key), attempt.prepared
        if before is not None and made is not None and attempt.number >= from_attempt:
            params = made.params_recorded(tuple(name for name, _ in before.params))
            inputs = pack_inputs(made.records)
            trace = replace(before, fingerprint=made.noted.fingerprint, params=params, inputs=inputs, run=run.number)
            run._groups.open.failures.clear()
            run._groups.open.traces.append((target, key, trace))

    with patch.object(Run, "_fail", fail):
        yield


@contextmanager
def _by_elapsed_time() -> Iterator[None]:
    """Windows of days that don't look at clocks."""
    with patch.object(Periods, "_is_by_clock", property(lambda periods: False)):
        yield


@contextmanager
def _out_of_shape() -> Iterator[None]:
    """Dimensions that nobody compares with what they were."""
    with patch.object(Shifts, "touched", lambda shifts, target: PartitionSet.empty(shifts.domains.of(target).axes)):
        yield


@contextmanager
def _counting_gaps() -> Iterator[None]:
    """The last so many, there or not."""
    known = provision._count
    with patch.object(provision, "_count", lambda demand, absence, there: known(demand, absence, demand.reach)):
        yield


@contextmanager
def _careless() -> Iterator[None]:
    """Inputs with impact = "none" count like others."""
    known = staleness.judge

    def judge(declared: Declared, *rest: Any) -> Verdict:
        return known(replace(declared, uncounted=frozenset()), *rest)

    with patch.object(world, "judge", judge):
        yield


# How each goes wrong, and a seed that shows it soon; others are tried after it, should the random flows change.
WRONG: dict[str, tuple[Callable[[], AbstractContextManager[None]], int]] = {
    "params don't count": (lambda: _deaf("_compare_params"), 7),
    "inputs don't count": (lambda: _deaf("_compare_inputs"), 0),
    "outputs are never looked at": (lambda: _deaf("_compare_outputs"), 7),
    "size and mtime are enough": (_trusting, 1),
    "seals hold for ever": (_forgetful, 0),
    "what may run is run": (_hasty, 1),
    "what a view says doesn't count": (_blind_to_views, 3),
    "stray files don't count": (_blind_to_strays, 20),
    "one digest for all outputs": (_lumping, 35),
    "what is marked stale stays stale": (_obstinate, 7),
    "what is frozen is built": (_thawing, 16),
    "a failure is recorded as a success": (lambda: _flattering(1), 6),
    "retries forget the failure": (lambda: _flattering(2), 6),
    "days have 24 hours": (_by_elapsed_time, 16),
    "dimensions don't come to an end": (_out_of_shape, 34),
    "gaps are counted among the last": (_counting_gaps, 10),
    "what has no impact has one": (_careless, 4),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_system_is_found_out(wrong: str, tmp_path: Path) -> None:
    system, first = WRONG[wrong]
    with system(), pytest.raises(Mismatch) as found:
        _try(range(first, first + ENOUGH), tmp_path)
    assert isinstance(found.value.__cause__, Mismatch), "it didn't do wrong, it broke"


def _try(seeds: range, folder: Path) -> None:
    for seed in seeds:
        run_seed(seed, folder / str(seed))
