"""A flow whose rows go to days by their own time, whatever file they came in: what the tests of it share."""

from __future__ import annotations

from pathlib import Path

from tests.build.workshop import Workshop

FLOW = """
[partitions.drop]
every = "day"
start = 2013-01-01
[partitions.day]
every = "day"
start = 2013-01-01
[sources.events]
path = "data/{drop}.csv"
schema = { ts = "TIMESTAMP", v = "BIGINT" }
[targets.daily]
path = "out/{day}.csv"
sql = "SELECT count(*) AS n, coalesce(sum(v), 0)::BIGINT AS v FROM events"
inputs.events = { by = "ts" }
"""


def drop(made: Workshop, day: str, *rows: str, folder: str = "data") -> None:
    """A file that came on a day of January, with rows such as `01 5`: their day of January and their value."""
    lines = [f"2013-01-{row.split()[0]} 12:00:00,{row.split()[1]}" for row in rows]
    made.write(f"{folder}/2013-01-{day}.csv", "\n".join(["ts,v", *lines]) + "\n")


def days(*numbers: str, target: str = "daily") -> list[str]:
    return [f"{target}@2013-01-{number}" for number in numbers]


def totals(made: Workshop, folder: str = "out") -> dict[str, str]:
    """Day of January -> number of rows and their sum."""
    files = sorted(made.path(folder).glob("*.csv"))
    return {path.stem[-2:]: path.read_text().splitlines()[1] for path in files}


def three_days(root: Path) -> Workshop:
    """Three files, the second with a late row of the first day; built."""
    found = Workshop(root, FLOW)
    drop(found, "01", "01 1", "01 2")
    drop(found, "02", "02 3", "01 4")
    drop(found, "03", "03 5")
    assert found.build().ran == days("01", "02", "03")
    assert totals(found) == {"01": "3,7", "02": "1,3", "03": "1,5"}
    assert found.build().ran == []
    return found


def check(made: Workshop, tmp_path: Path) -> None:
    """All is as a clean build makes it, and nothing more is to be done."""
    assert made.outputs() == made.clean_outputs(tmp_path / "clean")
    assert made.build().ran == []
