"""What the ledger keeps beside tasks and reasons: how much was made, what had failed before, what didn't run."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.build.workshop import DAYS, Workshop

FLOW = f"""{DAYS}
[sources.raw]
path = "raw/{{day}}.txt"
[targets.first]
path = "out/first/{{day}}.txt"
shell = "test ! -e broken; head -c 3 {{raw}} > {{output}}"
[targets.second]
path = "out/second/{{day}}/"
shell = "cp {{first}} {{output}}/a; cp {{first}} {{output}}/b"
"""


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    """Three days, built once."""
    made = Workshop(tmp_path / "p", FLOW)
    made.days("raw", "01-01", "01-02", "01-03", text="abcdef {day}")
    assert made.build().summary.built == 6
    return made


def rows(made: Workshop, statement: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(made.path(".dbuild/state.db")) as db:
        return db.execute(statement).fetchall()


def test_a_task_has_the_size_of_all_that_it_made(shop: Workshop) -> None:
    assert rows(shop, "SELECT DISTINCT name, size FROM task JOIN target ON id = target ORDER BY 1") == [
        ("first", 3),
        ("second", 6),
    ]


def test_a_run_has_what_it_did_not_have_to_do(shop: Workshop) -> None:
    shop.write("raw/2013-01-02.txt", "abc, and something else")  # of which nobody reads more than three bytes
    assert shop.build().ran == ["first@2013-01-02"]
    ((fresh, spared, saved),) = rows(shop, "SELECT fresh, spared, saved FROM run WHERE id = 2")
    assert (fresh, spared) == (5, 1)
    (means,) = zip(*rows(shop, "SELECT avg(seconds) FROM trace GROUP BY target ORDER BY target"), strict=True)
    assert saved == pytest.approx(2 * means[0] + 3 * means[1], rel=0.5)


def test_what_failed_before_and_read_the_same_is_told_from_what_was_changed(shop: Workshop) -> None:
    shop.write("raw/2013-01-01.txt", "xyz")
    shop.write("broken", "")
    assert set(shop.build().errors) == {"first@2013-01-01"}
    shop.path("broken").unlink()
    assert not shop.build().errors
    shop.write("raw/2013-01-01.txt", "uvw")
    shop.write("broken", "")
    shop.build()
    shop.path("broken").unlink()
    shop.write("raw/2013-01-01.txt", "rst")
    shop.build()
    found = rows(shop, "SELECT status, is_mended, size FROM task WHERE run > 1 AND target = 1 ORDER BY run")
    assert found == [("failed", 0, None), ("built", 1, 3), ("failed", 0, None), ("built", 0, 3)]
