"""Deadlines in builds: how long answers are kept, and which days nothing is due on."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbuild.build import session
from tests.build.workshop import DAYS, Workshop

PRICES = f"""{DAYS}
[sources.prices]
path = "prices/{{day}}.txt"
expect = {{ at = "06:00" }}
[targets.report]
path = "out/{{day}}.txt"
shell = "cat {{prices}} > {{output}}"
"""
MONTH = PRICES.replace("start = 2013-01-01\n", "start = 2013-01-01\nend = 2013-01-04\n")


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """One item for each build that looked at more than the kept answer."""
    found: list[object] = []
    look = session.look

    def counting(*given: object, **more: object) -> object:
        found.append(given[2])
        return look(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(session, "look", counting)
    return found


def test_what_becomes_late_inside_a_dimension_ends_an_answer(tmp_path: Path, looks: list[object]) -> None:
    made = Workshop(tmp_path / "p", MONTH)
    made.days("prices", "01-01", "01-02", "01-04")
    for day in ("01", "02", "04"):
        made.date(f"prices/2013-01-{day}.txt", "2013-01-01T00:00")
    made.build(now="2013-01-03T07:00")
    assert made.build(now="2013-01-03T07:00").standing == (0, 3, 0, 1, 0)
    looks.clear()
    assert made.build(now="2013-01-04T05:59").standing == (0, 3, 0, 1, 0)
    assert looks == []
    assert made.build(now="2013-01-04T06:00").standing == (0, 3, 0, 1, 0)
    assert len(looks) == 1
    made.build(now="2013-01-04T06:00")
    looks.clear()
    made.build(now="2013-02-04T06:00")  # after all deadlines nothing changes any more
    assert looks == []


def test_a_holiday_that_is_added_to_its_file_counts(tmp_path: Path) -> None:
    flow = PRICES.replace('at = "06:00"', 'at = "06:00", on = "business days"')
    made = Workshop(tmp_path / "p", f'[project]\nholidays = "holidays.txt"\n{flow}')
    made.write("holidays.txt", "2013-01-01\n")
    made.days("prices", "01-02", "01-04")
    done = made.build(now="2013-01-04T06:00")
    assert (done.ran, done.summary.waiting) == (["report@2013-01-02", "report@2013-01-04"], 1)
    made.write("holidays.txt", "2013-01-01\n2013-01-03\n")
    done = made.build(now="2013-01-04T06:00")
    assert (done.ran, done.summary.waiting) == ([], 0)
