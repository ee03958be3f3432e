"""What a look at a flow costs grows with its datasets, not with their square: counted in lines of code that run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from dbuild import build as building
from dbuild.build import Settings

HEAD = """
[partitions.name]
discover = "d0"
[sources.d0]
path = "d0/{name}.txt"
"""
TARGET = """
[targets.d{number}]
path = "d{number}/{{name}}.txt"
python = "recipes:mix"
batch = "all"
inputs.left = {{ from = "d{left}" }}
inputs.right = {{ from = "d{right}" }}
"""
RECIPES = """
def mix(keys, left: dict, right: dict, output: dict):
    for key in keys:
        output[key].write_text(left[key].read_text() + right[key].read_text()[:1])
"""


def make(folder: Path, datasets: int) -> Settings:
    """A flow of so many datasets, each made of the one before it and of another, built."""
    (folder / "d0").mkdir(parents=True)
    for name in "ab":
        (folder / "d0" / f"{name}.txt").write_text(name)
    targets = (TARGET.format(number=n, left=n - 1, right=n // 2) for n in range(1, datasets))
    (folder / "Dataflowfile").write_text(HEAD + "".join(targets))
    (folder / "recipes.py").write_text(RECIPES)
    for path in (*folder.glob("d0/*"), folder / "Dataflowfile", folder / "recipes.py"):
        os.utime(path, (1_300_000_000, 1_300_000_000))  # what is young is hashed again, by however fast the machine is
    settings = Settings(str(folder))
    building.build(settings, (), jobs=1, emit=lambda event: None)
    return settings


def lines_run(call: Callable[[], object], within: str = "/dbuild/") -> int:
    """How many lines of dbuild run, those of comprehensions once for each turn; `within` a part of their paths."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if event == "call":
            return trace if within in frame.f_code.co_filename else None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.skipif(sys.gettrace() is not None, reason="somebody else counts lines")
def test_plan_and_status_cost_by_datasets(tmp_path: Path) -> None:
    sizes = (10, 20, 40)
    flows = [make(tmp_path / str(size), size) for size in sizes]
    building.plan(flows[0], ())  # what is done once a process
    building.status(flows[0], ())
    for looks in (building.plan, building.status):
        small, middle, large = (lines_run(partial(looks, settings, ())) for settings in flows)
        assert (large - middle) <= 2.005 * (middle - small), (looks.__name__, small, middle, large)
