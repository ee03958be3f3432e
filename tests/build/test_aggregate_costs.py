"""What a recipe that reads thousands of partitions costs dbuild: counted, beyond what does not grow with them."""

from __future__ import annotations

import os
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from types import FrameType

import pytest

from tests.build.test_dataset_costs import lines_run
from tests.build.workshop import Workshop

STATIONS = """
[partitions.station]
discover = "raw"
[partitions.name]
discover = "raw"
[sources.raw]
path = "in/{station}/{name}.txt"
[targets.total]
path = "out/{station}.txt"
python = "recipes:total"
inputs.raw = { name = "all" }
"""
TOTAL = """
def total(raw, output):
    output.write_text(str(len(raw)))
"""
FLOW = """
[partitions.name]
discover = "raw"
[sources.raw]
path = "in/{name}.txt"
[targets.total]
path = "total.txt"
shell = "echo $(cat in/*.txt | wc -c) > {output}"
inputs = ["raw"]
"""
MORE = 1000  # inputs
MANY = 210  # of one partition, from which they are asked for at once


def calls_of_a_changed_input(root: Path, count: int) -> Counter[str]:
    """The functions of dbuild that a build calls in which one of so many inputs has changed, and how often."""
    shop = Workshop(root, FLOW)
    for number in range(count):
        shop.write(f"in/{number:05d}.txt", "same")
        os.utime(shop.path(f"in/{number:05d}.txt"), (1_300_000_000, 1_300_000_000))
    assert shop.build().counts == {"total": 1}
    assert shop.build().counts == {}
    shop.write("in/00001.txt", "another")
    os.utime(shop.path("in/00001.txt"), (1_300_000_001, 1_300_000_001))
    called: Counter[str] = Counter()

    def hear(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and "/dbuild/" in frame.f_code.co_filename and not frame.f_code.co_name.startswith("<"):
            called[f"{frame.f_code.co_filename.rpartition('/dbuild/')[2]} {frame.f_code.co_name}"] += 1

    sys.setprofile(hear)
    try:
        built = shop.build()
    finally:
        sys.setprofile(None)
    assert built.counts == {"total": 1}
    return called


@pytest.mark.parametrize(
    ("count", "bound"),
    # From 600 on state is read as a whole; from 4,000 on folders are listed by another program, before and after.
    [(600, 4.5), (4000, 2.5)],
)
def test_an_aggregate_calls_few_functions_for_each_of_its_inputs(tmp_path: Path, count: int, bound: float) -> None:
    few, many = (calls_of_a_changed_input(tmp_path / str(size), size) for size in (count, count + MORE))
    growing = {name: (many[name] - few[name]) / MORE for name in many if many[name] - few[name] > 100}
    assert sum(growing.values()) <= bound, sorted(growing.items())
    # Values for each input are made of what is asked for, not of all that is known of a file.
    assert not many["state/files.py files_below"]
    assert many["observe/listing.py all_names_of"] == 1, "names of files that nothing happened to are taken apart"


def test_many_aggregates_over_one_folder_cost_by_their_number(tmp_path: Path) -> None:
    """Each of all that changed is looked at for the one that reads it, not for all others."""
    lines = []
    for count in (4, 8, 16):
        shop = Workshop(tmp_path / str(count), STATIONS, **{"recipes.py": TOTAL})
        files = [f"in/{station:02d}/{name:03d}.txt" for station in range(count) for name in range(MANY)]
        for text, moment in (("x", 1_300_000_000), ("other", 1_300_000_001)):
            for path in files:
                shop.write(path, text)
                os.utime(shop.path(path), (moment, moment))
            if text == "x":
                assert shop.build().counts == {"total": count}
        lines.append(lines_run(partial(shop.build, jobs=1), "/dbuild/build/survey.py"))
    small, middle, large = lines
    assert large - middle <= 2.1 * (middle - small), lines
