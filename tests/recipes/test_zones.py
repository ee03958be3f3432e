"""What recipes get of the periods of a time zone: local dates, and instants where periods are shorter than days."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import dbuild
from dbuild.core.grain import Grain
from dbuild.core.task import TaskDimension
from dbuild.errors import RecipeError
from dbuild.recipes.engine import Engine
from dbuild.recipes.readers import empty_select, key_literal
from dbuild.recipes.rendering import render
from tests.recipes import shells
from tests.recipes.sqltasks import given, rows, task, write

YORK = ZoneInfo("America/New_York")
DAY = TaskDimension("day", Grain("day", "America/New_York"))
HOUR = TaskDimension("hour", Grain("hour", "America/New_York"))
TWICE = ("2013-11-03", "2013-11-03T01-0500")


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine([str(tmp_path)])


def test_sql_is_bound_local_dates_and_instants(engine: Engine, tmp_path: Path) -> None:
    more: dict[str, Any] = {"dimensions": (DAY, HOUR), "key": TWICE, "timezone": "Asia/Tokyo"}
    text = "SELECT $day, $day_end, epoch($hour), epoch($hour_end), typeof($day), typeof($hour), typeof($hour_end)"
    start = datetime(2013, 11, 3, 1, tzinfo=YORK, fold=1).timestamp()
    zoned = "TIMESTAMP WITH TIME ZONE"
    expected = (date(2013, 11, 3), date(2013, 11, 4), start, start + 3600, "DATE", zoned, zoned)
    assert rows(engine, text, tmp_path, **more) == [expected]


def test_inputs_carry_instants(engine: Engine, tmp_path: Path) -> None:
    keys = (("2013-11-03T01-0400",), ("2013-11-03T01-0500",), ("2013-11-03T02",))
    paths = [write(tmp_path / f"{number}.parquet", f"SELECT {number} AS n") for number in range(3)]
    text = "SELECT n, epoch(hour), typeof(hour) FROM hours ORDER BY n"
    found = rows(engine, text, tmp_path, given("hours", *paths, dimensions=(HOUR,), keys=keys))
    first = datetime(2013, 11, 3, 5, tzinfo=ZoneInfo("UTC")).timestamp()
    assert found == [(number, first + 3600 * number, "TIMESTAMP WITH TIME ZONE") for number in range(3)]
    one = rows(engine, text, tmp_path, given("hours", paths[1], dimensions=(HOUR,), keys=keys[1:2]))
    assert one == found[1:2]
    none = rows(engine, empty_select([("n", "INTEGER")], (HOUR,)), tmp_path)
    assert none == []


def test_what_is_shown_of_sql_has_the_instants(engine: Engine, tmp_path: Path) -> None:
    made = task("SELECT $day, $hour", tmp_path / "x.parquet", dimensions=(DAY, HOUR), key=TWICE)
    assert render(made, engine).values == (
        "$day = DATE '2013-11-03'",
        "$hour = TIMESTAMPTZ '2013-11-03 06:00:00+00:00'",
    )


def test_python_gets_local_dates_and_aware_datetimes() -> None:
    key = dbuild.Key((DAY, HOUR), TWICE)
    assert (key.day, key.day_end) == (date(2013, 11, 3), date(2013, 11, 4))
    hour, end = key.hour, key.hour_end
    assert isinstance(hour, datetime) and isinstance(end, datetime)
    assert (hour, hour.tzinfo, hour.fold) == (datetime(2013, 11, 3, 1, tzinfo=YORK, fold=1), YORK, 1)
    assert (end.replace(tzinfo=None), end.utcoffset()) == (datetime(2013, 11, 3, 2), timedelta(hours=-5))
    skipped = dbuild.Key((TaskDimension("day", Grain("day", "Pacific/Apia")),), ("2011-12-29",))
    assert (skipped.day, skipped.day_end) == (date(2011, 12, 29), date(2011, 12, 31))


def test_shell_gets_the_key_and_formats_of_local_clocks(tmp_path: Path) -> None:
    made = shells.task(tmp_path, 'echo {hour} {hour:%Y/%m/%d-%H%z} "$DBUILD_KEY_HOUR" | tee {output}', hour=TWICE[1])
    made = replace(made, dimensions=(HOUR,))
    assert shells.execute(made).split() == [TWICE[1], "2013/11/03-01-0500", TWICE[1]]


def test_a_period_of_several_units_starts_with_its_first(engine: Engine, tmp_path: Path) -> None:
    dimensions = (TaskDimension("x", Grain("minute", count=15)), TaskDimension("y", Grain("day", count=10, anchor=8)))
    found = rows(
        engine, "SELECT $x, $x_end, $y, $y_end", tmp_path, dimensions=dimensions, key=("2013-01-05T13:15", "2013-01-13")
    )
    assert found == [
        (datetime(2013, 1, 5, 13, 15), datetime(2013, 1, 5, 13, 30), date(2013, 1, 13), date(2013, 1, 23)),
    ]


def test_a_key_of_another_zone_is_told() -> None:
    with pytest.raises(RecipeError, match="comes twice in America/New_York"):
        key_literal(HOUR.grain, "2013-11-03T01")
