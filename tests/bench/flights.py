"""The flights workload: the example of that name, two weeks of flights and weather with a model and a report."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

from tests.bench.workloads import Edit, Workload

EXAMPLE = Path(__file__).parents[2] / "examples" / "flights"
_CHANGED = "data/weather/2013-01-01.csv.gz"


def flights() -> Workload:
    """The example as it stands in the repository; only dbuild has it."""
    days = len(list((EXAMPLE / "data" / "flights").iterdir()))
    return Workload(
        "flights",
        f"{days} days",
        days,
        lambda folder: shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".dbuild", "out", "__pycache__")),
        dataflow,
        change,
        _CHANGED,
        lambda folder, edit: (folder / "out" / "delay_report.html").stat().st_size > 1000,
    )


def dataflow(edit: Edit) -> dict[str, str]:
    """The two recipes that are edited: the SQL that all days go through, and the report."""
    clean = (EXAMPLE / "sql" / "clean_flights.sql").read_text().replace("\n", "\n" * (edit.blanks + 1))
    report = (EXAMPLE / "report.py").read_text() + (f"\nVERSION = {edit.version}\n" if edit.version else "")
    return {"sql/clean_flights.sql": clean, "report.py": report}


def change(folder: Path, turn: int) -> None:
    """One day's weather loses some of its last rows."""
    with gzip.open(EXAMPLE / _CHANGED, "rt") as whole:
        lines = whole.readlines()
    with gzip.open(folder / _CHANGED, "wt") as shorter:
        shorter.writelines(lines[: len(lines) - 1 - turn % 20])
