"""Random flows and random edits, held against a pure model: right values, exactly the needed runs, nothing twice.

`DBUILD_RANDOM_SEEDS=500 pytest -m slow tests/random` tries more. A failure prints its seed, what was done and the
Dataflowfile; `python -m tests.random.test_random SEED` does it again, in a folder that stays.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

import pytest

from tests import nursery
from tests.random.drawing import draw
from tests.random.edits import edit, mend
from tests.random.trial import Mismatch, Trial

SEEDS = 8
MORE = int(os.environ.get("DBUILD_RANDOM_SEEDS", "400"))

Counts = tuple[int, int]  # builds, tasks


def run_seed(seed: int, root: Path) -> Counts:
    """Everything that one seed stands for. Raises Mismatch with all that is needed to understand it."""
    rng = random.Random(seed)
    root.mkdir(parents=True)
    trial = Trial(draw(rng), root)
    try:
        _live(rng, trial)
    except Exception as error:
        diary = "\n".join(trial.diary)
        text = (root / "Dataflowfile").read_text()
        kind = "" if isinstance(error, Mismatch) else f"{type(error).__name__}: "
        raise Mismatch(f"seed {seed}: {kind}{error}\n\n{diary}\n\n{text}") from error
    shutil.rmtree(root)
    return trial.builds, trial.tasks


def _live(rng: random.Random, trial: Trial) -> None:
    first = trial.everything(jobs=rng.choice((1, 2)))
    trial.build(first)
    trial.check_quiet(first)
    for _ in range(rng.randrange(6, 11)):
        for _ in range(rng.choice((0, 1, 1, 2, 2, 3, 4))):
            edit(rng, trial)
        request = trial.draw_request(rng)
        if not trial.build(request).failed:
            trial.check_quiet(request)
    mend(trial)
    last = trial.everything(jobs=2)
    trial.build(last)
    trial.check_quiet(last)


@pytest.fixture(scope="module")
def lives(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[int, Future[Counts]]]:
    """What becomes of each seed that is asked for; as many at a time as there are processors."""
    folder = tmp_path_factory.mktemp("random")
    asked = [item.callspec.params["seed"] for item in request.session.items if _has_seed(item)]  # type: ignore[attr-defined]
    spawn, given = multiprocessing.get_context("spawn"), (nursery.invitation(),)
    with ProcessPoolExecutor(os.cpu_count(), spawn, initializer=nursery.join, initargs=given) as pool:
        yield {seed: pool.submit(run_seed, seed, folder / str(seed)) for seed in asked}
        pool.shutdown(cancel_futures=True)


def _has_seed(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and item.module.__name__ == __name__ and hasattr(item, "callspec")


@pytest.mark.parametrize("seed", range(SEEDS))
def test_builds_do_what_the_model_says(seed: int, lives: dict[int, Future[Counts]]) -> None:
    builds, _ = lives[seed].result()
    assert builds >= 10  # the first, six rounds at least, the last, and those that had nothing to do


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(SEEDS, SEEDS + MORE))
def test_more_builds_do_what_the_model_says(seed: int, lives: dict[int, Future[Counts]]) -> None:
    lives[seed].result()


if __name__ == "__main__":
    place = Path(tempfile.mkdtemp(prefix="dbuild-random-"))
    print(f"in {place}")
    for number in map(int, sys.argv[1:]):
        builds, tasks = run_seed(number, place / str(number))
        print(f"{builds} builds, {tasks} tasks")
