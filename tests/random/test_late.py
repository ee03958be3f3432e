"""Random sequences of arrivals, corrections, withdrawals, hours that pass and builds, against a model of late data.

pytest tests/random/test_late.py            a few sequences, as in CI
pytest tests/random/test_late.py -m slow    1,000 of them
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from random import Random

import pytest

from dbuild.build import Settings, status
from tests.build.workshop import Workshop, seconds_of
from tests.random.late import DAYS, Model, Standing, drawn_shape

IN_CI = 24
ALL = 1000


@pytest.mark.parametrize("seed", range(IN_CI))
def test_what_is_late_is_repaired(seed: int, tmp_path: Path) -> None:
    play(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(IN_CI, ALL))
def test_what_is_late_is_repaired_always(seed: int, tmp_path: Path) -> None:
    play(seed, tmp_path)


def play(seed: int, folder: Path) -> None:
    """One sequence; after each build what ran, what stands and what it holds are as the model says."""
    random = Random(seed)
    model = Model(drawn_shape(random), datetime(2013, 1, 5, 5))
    shop = Workshop(folder / "shop", model.shape.text())
    for name, files in (("a", model.a), ("b", model.b)):
        for day in DAYS[:4]:
            if random.random() < 0.75 or day == DAYS[0]:
                files[day] = f"{name} {day}\n"
                shop.write(f"{name}/{day}.txt", files[day])
    check(shop, model)
    for kind, name, day, text in model.happenings(random, 7):
        if kind == "arrive":
            shop.write(f"{name}/{day}.txt", text)
        elif kind == "withdraw":
            shop.path(f"{name}/{day}.txt").unlink()
        if random.random() < 0.6:
            check(shop, model)
    standings = check(shop, model)
    assert shop.build(now=model.now.isoformat()).ran == []
    clean = Workshop(folder / "clean", model.shape.text())
    for name, files in (("a", model.a), ("b", model.b)):
        for day, text in files.items():
            clean.write(f"{name}/{day}.txt", text)
    clean.build(now=model.now.isoformat())
    built = {path_of(name): one.content for name, one in standings.items() if one.content is not None}
    assert {path: text.decode() for path, text in clean.outputs().items()} == built


def check(shop: Workshop, model: Model) -> dict[str, Standing]:
    """Builds, and compares."""
    wanted, standings = model.build()
    now = model.now.isoformat()
    done = shop.build(now=now)
    assert sorted(done.ran) == wanted
    assert done.summary.waiting == sum(one.content is None for one in standings.values())
    for name, one in standings.items():
        if one.content is not None:
            assert shop.read(path_of(name)) == one.content, name
    provisional = [name.partition("@")[0] for name, one in standings.items() if one.is_provisional]
    found = {each.name: each.provisional for each in status(Settings(str(shop.root), now=seconds_of(now)), ())}
    assert {name: count for name, count in found.items() if count} == {
        name: provisional.count(name) for name in set(provisional)
    }
    assert done.summary.provisional == len(provisional)
    return standings


def path_of(name: str) -> str:
    """The output of a partition."""
    target, _, day = name.partition("@")
    return f"out/{target}/{day}.txt" if day else f"out/{target}.txt"
