"""Random sequences of arrivals, corrections, withdrawals, hours that pass and builds, against a model of late data.

pytest tests/random/test_late.py            a few sequences, as in CI
pytest tests/random/test_late.py -m slow    1,000 of them
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random

import pytest

from dbuild.build import Settings, status
from tests.build.workshop import Built, Workshop, seconds_of
from tests.random.late import File, Model, Outcome
from tests.random.late_flows import RECIPES, drawn_shape
from tests.random.late_happenings import begin, happen, sources_of
from tests.random.warm import warm_workers

IN_CI = 8
ALL = 1000


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A place for all sequences, one after the other, with workers that stay."""
    with warm_workers():
        yield tmp_path_factory.mktemp("late") / "shop"


@pytest.mark.parametrize("seed", range(IN_CI))
def test_what_is_late_is_repaired(seed: int, stage: Path) -> None:
    play(seed, stage)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(IN_CI, ALL))
def test_what_is_late_is_repaired_always(seed: int, stage: Path) -> None:
    play(seed, stage)


def play(seed: int, folder: Path) -> None:
    """One sequence; after each build what ran, what stands and what it holds are as the model says."""
    random = Random(seed)
    model = Model(drawn_shape(random), datetime(2013, 1, 5, 5))
    begin(model, random)
    clear(folder)
    drama = Drama(Workshop(folder, model.shape.text(), **{"recipes.py": RECIPES}), model)
    drama.check()
    for _ in range(7):
        happen(model, random)
        if random.random() < 0.6:
            drama.check(*random.choice(((), (), ("total",), ("told", "weekly"))))
    drama.check()
    last = drama.check()
    assert last.ran == []
    drama.check_provisional(last)
    drama.check_clean(last)


def clear(folder: Path) -> None:
    """Takes away what is in a folder, which workers are in."""
    for path in folder.iterdir() if folder.exists() else ():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


@dataclass
class Drama:
    """A model and the project that has to do as it says."""

    shop: Workshop
    model: Model
    written: dict[str, File] = field(default_factory=dict)  # path -> as it was written last
    marked: set[str] = field(default_factory=set)  # paths with a marker

    def build(self, *targets: str) -> Built:
        """A build of the files as they are now."""
        self._write()
        return self.shop.build(*targets, now=self.model.now.isoformat(), jobs=1, keep_going=True)

    def _write(self) -> None:
        """Brings the files to where the model has them."""
        files = {
            f"{source}/{day}.{'csv' if source == 'e' else 'txt'}": file
            for source in sources_of(self.model.shape)
            for day, file in self.model.files[source].items()
        }
        for path in self.written.keys() - files.keys():
            self.shop.path(path).unlink()
        for path, file in files.items():
            if self.written.get(path) is not file:
                self.shop.write(path, text_of(file))
                self.shop.date(path, file.written.isoformat())
        marked = {f"{path}.done" for path, file in files.items() if path[0] == "b" and file.is_marked}
        for path in self.marked - marked:
            self.shop.path(path).unlink()
        for path in marked - self.marked:
            self.shop.write(path, "")
        self.written, self.marked = files, marked

    def check(self, *targets: str) -> Outcome:
        """Builds, and compares."""
        wanted = self.model.build(targets)
        done = self.build(*targets)
        ran = sorted(name for name in done.ran if name not in done.errors)
        assert ran == wanted.ran
        assert (*done.standing, done.summary.awaited) == (*wanted.counts, wanted.awaited)
        assert done.summary.provisional == sum(wanted.provisional().values())
        for path, text in wanted.contents().items():
            assert self.shop.read(path) == text, path
        return wanted

    def check_provisional(self, last: Outcome) -> None:
        """What is called provisional is what should be."""
        settings = Settings(str(self.shop.root), now=seconds_of(self.model.now.isoformat()))
        found = {each.name: each.provisional for each in status(settings, ())}
        assert {name: count for name, count in found.items() if count} == last.provisional()

    def check_clean(self, last: Outcome) -> None:
        """A clean build of all that arrived, in the same place, makes the same; what stays as it is aside."""
        found = {path: text.decode() for path, text in self.shop.outputs().items()}
        for folder in ("out", ".dbuild"):
            shutil.rmtree(self.shop.path(folder), ignore_errors=True)
        self.model = self.model.clean()
        contents = self.check().contents()
        assert {path: text.decode() for path, text in self.shop.outputs().items()} == contents
        if not any(one.state == "frozen" for one in last.standings.values()):
            assert {path: found[path] for path in contents} == contents


def text_of(file: File) -> str:
    """What stands in a file."""
    if isinstance(file.content, str):
        return file.content
    return "".join(["d,v\n", *(f"{day or ''},{value}\n" for day, value in file.content)])
