"""A Dataflowfile with several mistakes: all are told at once, with line and hint, and nothing is done."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.build.workshop import Workshop

FLOW = """\
[project]
name = "wrong"

[partitions.day]
every = "dey"
start = 2013-01-01

[sources.raw]
path = "data/{day}.csv"

[targets.daily]
path = "out/daily/{day}.csv"
sql = "SELECT * FROM rwa"

[targets.copy]
path = "out/copy/{dy}.csv"
shell = "cp {raw} {output}"

[targets.model]
path = "out/model.txt"
pyton = "step:make"

[targets.report]
path = "out/report.txt"
shell = "cat {daily} > {output}"
inputs = ["dayly"]
"""
EXPECTED = {5: '"day"', 13: '"raw"', 16: '"day"', 21: '"python"', 26: '"daily"'}


@pytest.mark.parametrize("words", [[], ["lint"], ["plan"], ["-n"], ["-k", "copy"]])
def test_five_mistakes_are_told_with_line_and_hint(tmp_path: Path, words: list[str]) -> None:
    shop = Workshop(tmp_path / "wrong", FLOW)
    shop.write("data/2013-01-01.csv", "a\n1\n")
    done = shop.run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    told = re.split(r"^error: ", done.stderr, flags=re.MULTILINE)[1:]
    lines = {}
    for each in told:
        place = re.match(r"Dataflowfile:(\d+): ", each)
        assert place, each
        lines[int(place[1])] = each
    assert EXPECTED.keys() <= lines.keys()
    for line, hint in EXPECTED.items():
        assert "hint: " in lines[line]
        assert hint in lines[line].partition("hint: ")[2]
    assert not shop.path("out").exists()
    assert {path.name for path in shop.root.iterdir()} <= {"Dataflowfile", "data", ".dbuild"}
