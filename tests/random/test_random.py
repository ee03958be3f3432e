"""Random flows and random edits, held against a pure model: right values, exactly the needed runs, nothing twice.

`DBUILD_RANDOM_SEEDS=500 pytest -m slow tests/random` tries more; a failure prints its seed, the Dataflowfile and
what was done, and `replay(seed)` does it again.
"""

from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path

import pytest

from tests.random.edits import edit, mend
from tests.random.flows import draw
from tests.random.trial import Mismatch, Trial

SEEDS = 40
MORE = int(os.environ.get("DBUILD_RANDOM_SEEDS", "400"))


def run_seed(seed: int, root: Path) -> Trial:
    """Everything that one seed stands for. Raises Mismatch with all that is needed to understand it."""
    rng = random.Random(seed)
    root.mkdir(parents=True, exist_ok=True)
    trial = Trial(draw(rng), root)
    try:
        _live(rng, trial)
    except Exception as error:
        diary = "\n".join(trial.diary)
        text = (root / "Dataflowfile").read_text()
        raise Mismatch(f"seed {seed}: {error}\n\n{diary}\n\n{text}") from error
    return trial


def _live(rng: random.Random, trial: Trial) -> None:
    first = trial.everything(jobs=rng.choice((1, 2)))
    trial.build(first)
    trial.check_quiet(first)
    for _ in range(rng.randrange(6, 11)):
        for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
            edit(rng, trial)
        request = trial.draw_request(rng)
        if not trial.build(request).failed:
            trial.check_quiet(request)
    mend(trial)
    last = trial.everything(jobs=2)
    trial.build(last)
    trial.check_quiet(last)


def replay(seed: int) -> None:
    """One seed in a folder that stays."""
    root = Path(tempfile.mkdtemp(prefix=f"dbuild-{seed}-"))
    print(f"seed {seed} in {root}")
    trial = run_seed(seed, root / "project")
    print(f"{trial.builds} builds, {trial.tasks} tasks")


@pytest.mark.parametrize("seed", range(SEEDS))
def test_builds_do_what_the_model_says(seed: int, tmp_path: Path) -> None:
    run_seed(seed, tmp_path / "project")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(SEEDS, SEEDS + MORE))
def test_more_builds_do_what_the_model_says(seed: int, tmp_path: Path) -> None:
    run_seed(seed, tmp_path / "project")
