"""4.4 million partitions: ten years of hours for 50 values, of which one day is there. Plan of a day, status, no-op.

    python -m tests.bench.partitions

Prints wall time and peak memory of each command, the best of several runs, beside those of the same project with a
single month of two values: what the size of the space costs.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.measuring import measure

RUNS = 3
DATAFLOWFILE = """\
[partitions.hour]
every = "hour"
start = {start}
end = {end}
[partitions.carrier]
values = [{carriers}]
[sources.events]
path = "in/{{hour}}/{{carrier}}.txt"
[targets.hourly]
path = "out/{{hour}}/{{carrier}}.txt"
shell = "cp {{events}} {{output}}"
[targets.smooth]
path = "smooth/{{hour}}/{{carrier}}.txt"
shell = "cat {{hourly}} > {{output}}"
inputs.hourly = {{ hour = "-6h..0h" }}
"""
COMMANDS = (
    ("plan", "smooth@2013-01-05"),
    ("plan", "hourly@2013-01-05,c01"),
    ("plan",),
    ("status",),
    ("status", "smooth@waiting,2013-01-05"),
)


def make_space(folder: Path, start: str, end: str, carriers: int) -> None:
    """A flow over that space, with the files of one day for two values."""
    names = [f"c{number:02d}" for number in range(carriers)]
    quoted = ", ".join(f'"{name}"' for name in names)
    folder.mkdir()
    (folder / "Dataflowfile").write_text(DATAFLOWFILE.format(start=start, end=end, carriers=quoted))
    for hour in range(24):
        place = folder / "in" / f"2013-01-05T{hour:02d}"
        place.mkdir(parents=True)
        for name in names[:2]:
            (place / f"{name}.txt").write_text(f"{hour} {name}\n")


def measured(folder: Path, arguments: tuple[str, ...]) -> tuple[float, float]:
    """Seconds and megabytes of one command: the best of several runs."""
    found = [measure((sys.executable, "-m", "dbuild", *arguments), folder) for _ in range(RUNS)]
    assert all(run.outcome == "ok" for run in found), found
    return min(run.wall for run in found), min(run.peak for run in found)


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        small, large = Path(place) / "small", Path(place) / "large"
        make_space(small, "2013-01-01", "2013-01-31", 2)
        make_space(large, "2013-01-01", "2022-12-31", 50)
        for folder in (small, large):
            subprocess.run([sys.executable, "-m", "dbuild", "-q", "smooth@2013-01-05T12"], cwd=folder, check=True)
        print(f"{'':32}  {'1,488 partitions':>20}  {'4,382,400 partitions':>20}")
        for arguments in COMMANDS:
            cells = []
            for folder in (small, large):
                seconds, megabytes = measured(folder, arguments)
                cells.append(f"{seconds:6.2f} s  {megabytes:6.1f} MB")
            print(f"{' '.join(arguments):32}  {cells[0]:>20}  {cells[1]:>20}")


if __name__ == "__main__":
    main()
