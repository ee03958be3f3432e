"""What one changed input partition rebuilds, for each mapping, on real projects."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.build.workshop import DAYS, Workshop

FIRST = [f"01-{day:02d}" for day in range(1, 11)]  # Tuesday to Thursday of the week after


def reading(root: Path, rule: str, *days: str, more: str = "") -> Workshop:
    """A target of days that concatenates what `rule` says of a source of days; built."""
    made = Workshop(
        root / "project",
        f"""
        {DAYS}
        [sources.raw]
        path = "data/{{day}}.txt"
        [targets.sum]
        path = "out/sum/{{day}}.txt"
        inputs.raw = {{ {rule} }}
        shell = "cat /dev/null {{raw}} > {{output}}"
        {more}
        """,
    )
    made.days("data", *days)
    assert made.build().counts == {"sum": len(days)}
    return made


def labels(*days: str, target: str = "sum") -> list[str]:
    return [f"{target}@2013-{day}" for day in days]


@pytest.mark.parametrize(
    ("rule", "changed", "rebuilt"),
    [
        ('day = "-2d..0d"', "01-04", FIRST[3:6]),
        ('day = "since week"', "01-04", FIRST[3:6]),  # Friday to Sunday
        ('day = "since week"', "01-07", FIRST[6:]),  # a Monday
        ('day = "since month"', "01-09", FIRST[8:]),
        ('day = "all"', "01-09", FIRST),
        ('day = ["2013-01-02"]', "01-02", FIRST),
        ('day = ["2013-01-02"]', "01-03", []),
    ],
)
def test_a_changed_day_rebuilds_those_that_read_it(tmp_path: Path, rule: str, changed: str, rebuilt: list[str]) -> None:
    made = reading(tmp_path, rule, *FIRST)
    made.days("data", changed, text="other\n")
    done = made.build()
    assert done.ran == labels(*rebuilt)
    assert made.outputs() == made.clean_outputs(tmp_path / "clean")
    assert made.build().ran == []
