"""The example of prices that come late: what is built at each step of its story, and what it comes to."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.build.workshop import Workshop

EXAMPLE = Path(__file__).parents[2] / "examples" / "pricing"
STEPS = {
    "2024-01-04T07": "valuation@01 valuation@02 valuation@03 trend@01 trend@02 trend@03 paid@01 paid@02 paid@03",
    "2024-01-05T05": "trend@04 paid@04",
    "2024-01-05T07": "valuation@04 trend@04 paid@04",
    "2024-01-06T07": "valuation@05 trend@05 paid@05",
    "2024-01-06T15": "valuation@04 trend@04 trend@05",
    "2024-01-08T07": "valuation@06 valuation@07 trend@06 trend@07 paid@06 paid@07",
    "2024-01-08T15": "valuation@02 trend@02 trend@03 trend@04",
    "2024-01-09T07": "valuation@08 trend@08 paid@08",
    "2024-01-10T07": "valuation@09 trend@09 paid@03 paid@09",
}
SUMS = ["monthly@2024-01", "report@2024-01"]
EARLY = "2024-01-05T05"  # when the prices of a day aren't due yet: its valuation waits, and the month is without it
PROVISIONAL = {"2024-01-05T07": 4, "2024-01-06T07": 5}


def shop(root: Path) -> Workshop:
    made = Workshop(root)
    for name in ("Dataflowfile", "report.py"):
        shutil.copy(EXAMPLE / name, made.path(name))
    return made


def arrive(made: Workshop, moment: str) -> None:
    shutil.copytree(EXAMPLE / "arrivals" / moment, made.path("data"), dirs_exist_ok=True)


def test_the_story(tmp_path: Path) -> None:
    made = shop(tmp_path / "pricing")
    counts = re.findall(r"^\| (\S+) \| .*? \| (\d+): ", (EXAMPLE / "README.md").read_text(), re.MULTILINE)
    assert [moment for moment, _ in counts] == sorted(path.name for path in (EXAMPLE / "arrivals").iterdir())
    for moment, count in counts:
        arrive(made, moment)
        done = made.build(now=f"{moment}:00")
        wanted = [part.replace("@", "@2024-01-") for part in STEPS[moment].split()]
        assert sorted(done.ran) == sorted([*wanted, *(SUMS if moment != EARLY else SUMS[1:])]), moment
        assert len(done.ran) == int(count)
        assert (done.summary.waiting, done.summary.awaited) == ((1, 1) if moment == EARLY else (0, 0))
        assert done.summary.provisional == PROVISIONAL.get(moment, 0)
        assert ("PROVISIONAL" in made.read("out/report/2024-01.txt")) == (moment in PROVISIONAL)
        assert made.build(now=f"{moment}:00").ran == []
    clean = shop(tmp_path / "clean")
    for moment, _ in counts:
        arrive(clean, moment)
    clean.build(now="2024-01-10T07:00")
    assert made.outputs() == clean.outputs()
