"""Targets to which rows are routed, in other dimensions or under another name: what is built again, and rightly."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.build.events import days, drop, three_days
from tests.build.workshop import Workshop

REGION = '[partitions.region]\nvalues = ["EU"]\n'
REGIONS = '[partitions.region]\nvalues = ["EU", "US"]\n'
MONTH = '[partitions.month]\nevery = "month"\nstart = 2013-01-01\n'
Edits = dict[str, str]  # text of the Dataflowfile -> what stands there then


def check(made: Workshop, clean: Path) -> None:
    """Nothing is left to do, and what is declared is there as a clean build makes it."""
    assert made.build().ran == []
    expected = made.clean_outputs(clean)
    assert {path: text for path, text in made.outputs().items() if path in expected} == expected


@pytest.mark.parametrize(
    ("more", "edits", "ran", "corrected"),
    [
        pytest.param(
            "",
            {"[targets.daily]": '[targets.per_day]\nwas = "daily"'},
            [],
            days("01", "03", target="per_day"),
            id="another name",
        ),
        pytest.param(
            REGION,
            {"out/{day}.csv": "out/{region}/{day}.csv", 'by = "ts"': 'by = { day = "ts" }'},
            [f"daily@EU,2013-01-{day}" for day in ("01", "02", "03")],
            ["daily@EU,2013-01-01", "daily@EU,2013-01-03"],
            id="a dimension of one value, which rows don't say",
        ),
        pytest.param(
            REGIONS,
            {
                "out/{day}.csv": "out/{region}/{day}.csv",
                'by = "ts"': "by = { day = \"ts\", region = \"CASE WHEN v > 3 THEN 'US' ELSE 'EU' END\" }",
            },
            [f"daily@{region},2013-01-{day}" for region in ("EU", "US") for day in ("01", "02", "03")],
            ["daily@US,2013-01-01", "daily@US,2013-01-03"],
            id="a dimension that rows say",
        ),
        pytest.param(
            MONTH, {"out/{day}.csv": "out/{month}.csv"}, ["daily@2013-01"], ["daily@2013-01"], id="another grain"
        ),
        pytest.param(
            "",
            {'[partitions.day]\nevery = "day"': '[partitions.day]\nevery = "day"\ntimezone = "Asia/Tokyo"'},
            days("01", "02", "03"),
            days("01", "03"),
            id="another zone",
        ),
        pytest.param(
            REGION,
            {'path = "data/{drop}.csv"': 'path = "{region}/{drop}.csv"', '["EU"]': '["data"]'},
            days("01", "02", "03"),
            days("01", "03"),
            id="a dimension of one value that its files have",
        ),
    ],
)
def test_other_dimensions(tmp_path: Path, more: str, edits: Edits, ran: list[str], corrected: list[str]) -> None:
    made = three_days(tmp_path / "project")
    made.write("Dataflowfile", made.read("Dataflowfile") + more)
    assert made.build().ran == []
    for before, after in edits.items():
        made.swap("Dataflowfile", before, after)
    assert made.build().ran == ran
    check(made, tmp_path / "clean")
    drop(made, "02", "02 3", "03 4")  # the late row of the first day is one of the third
    assert made.build().ran == corrected
    check(made, tmp_path / "corrected")


def test_back_to_the_dimensions_of_before(tmp_path: Path) -> None:
    made = three_days(tmp_path / "project")
    flow = made.read("Dataflowfile")
    made.write("Dataflowfile", flow.replace("out/{day}.csv", "out/{month}.csv") + MONTH)
    assert made.build().ran == ["daily@2013-01"]
    drop(made, "02", "02 3", "03 4")
    made.write("Dataflowfile", flow)
    assert set(days("01", "03")) <= set(made.build().ran)
    check(made, tmp_path / "clean")
