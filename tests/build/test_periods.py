"""Builds over periods of several units, of time zones, and up to now: what runs, and how often."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dbuild.build import Settings, session
from dbuild.core.grain import Grain
from tests.build.workshop import Workshop

HOURS = Grain("hour", "America/New_York")
ZONES = """
[partitions.hour]
every = "hour"
start = 2013-11-02
timezone = "America/New_York"
[partitions.day]
every = "day"
start = 2013-11-02
timezone = "America/New_York"
[partitions.half]
every = "12 hours"
start = 2013-11-02
timezone = "America/New_York"
[sources.raw]
path = "data/{hour:%Y-%m-%d/%H%z}.txt"
[targets.daily]
path = "out/daily/{day}.txt"
shell = "cat {raw} > {output}"
[targets.halves]
path = "out/halves/{half}.txt"
shell = "cat {raw} > {output}"
"""

TWICE = """
[partitions.hour]
every = "hour"
start = 2013-10-27
end = 2013-10-27
timezone = "Europe/Zurich"
[targets.copy]
path = "out/{hour:%Y-%m-%dT%H%z}.txt"
shell = "echo {hour} | tee {output}"
"""


def hours(first: str, count: int) -> list[str]:
    number = HOURS.index(first)
    return [HOURS.text(number + step) for step in range(count)]


def write_hours(made: Workshop, *keys: str) -> None:
    for key in keys:
        offset = HOURS.offset_of(HOURS.index(key))
        made.write(f"data/{key[:10]}/{key[11:13]}{offset}.txt", f"{key}\n")


def test_a_day_of_25_hours_is_built_of_its_hours(tmp_path: Path) -> None:
    made = Workshop(tmp_path / "p", ZONES)
    write_hours(made, *hours("2013-11-02T00", 49))
    assert made.build().ran == [
        "daily@2013-11-02",
        "daily@2013-11-03",
        *(f"halves@2013-11-0{day}T{hour}" for day in (2, 3) for hour in ("00", "12")),
    ]
    assert made.read("out/daily/2013-11-03.txt").split() == hours("2013-11-03T00", 25)
    assert made.read("out/halves/2013-11-03T00.txt").split() == hours("2013-11-03T00", 13)
    assert made.build().ran == []
    made.write("data/2013-11-03/01-0500.txt", "late\n")
    assert made.build().ran == ["daily@2013-11-03", "halves@2013-11-03T00"]
    assert made.read("out/daily/2013-11-03.txt").split()[1:3] == ["2013-11-03T01-0400", "late"]
    write_hours(made, "2013-11-04T00")
    assert made.build().ran == ["daily@2013-11-04", "halves@2013-11-04T00"]


def test_hours_that_clocks_show_twice_are_chosen_both_or_one_by_one(tmp_path: Path) -> None:
    made = Workshop(tmp_path / "p", TWICE)
    both = ["copy@2013-10-27T02+0100", "copy@2013-10-27T02+0200"]
    assert made.build("copy@2013-10-27T02").ran == both
    for label, content in ((both[1], "2013-10-27T02+0200\n"), (both[0], "2013-10-27T02+0100\n")):
        assert made.read(f"out/{label[5:]}.txt") == content
        assert made.build(label, force=True).ran == [label]
        assert made.run("why", label).stdout.splitlines()[0] == f"{label}: fresh"  # as it is typed
        assert made.run("log", label).stdout == content
    listed = [each["keys"] for each in made.json("list", "copy@2013-10-27T01..2013-10-27T02")[0]["datasets"]]
    assert listed == ["2013-10-27T01..2013-10-27T02+0100"]
    assert [each["keys"] for each in made.json("list", f"copy@{listed[0]}")[0]["datasets"]] == listed
    assert made.build("copy@2013-10-27T02+0200..2013-10-27T03").ran == ["copy@2013-10-27T03"]
    assert made.build("copy@2013-10-27T01+2013-10-27T02+0200").ran == ["copy@2013-10-27T01"]
    (record,) = made.json("mark", "copy@2013-10-27T02", "stale", "--why", "x")
    assert (record["keys"], record["partitions"]) == ("2013-10-27T02", 2)
    assert made.build("copy@stale,2013-10-27T02").ran == both
    said = made.run("copy@2013-10-27T02+0300").stderr
    assert '"2013-10-27T02+0300" is written 2013-10-27T02+0200 or 2013-10-27T02+0100 in Europe/Zurich' in said


def test_another_zone_or_length_means_other_periods(tmp_path: Path) -> None:
    made = Workshop(tmp_path / "p", ZONES)
    write_hours(made, *hours("2013-11-02T00", 49))
    made.build()
    made.swap("Dataflowfile", '"12 hours"', '"6 hours"')
    assert made.build().counts == {"halves": 8}
    assert made.build().ran == []
    day = '[partitions.day]\nevery = "day"\nstart = 2013-11-02\n'
    made.swap("Dataflowfile", f'{day}timezone = "America/New_York"', day)
    assert made.build().counts == {"daily": 3}
    assert made.read("out/daily/2013-11-03.txt").split() == hours("2013-11-02T20", 24)
    made.swap("Dataflowfile", 'every = "day"', 'every = "1 day"')
    assert made.build().ran == []
    clean = made.clean_outputs(tmp_path / "q")
    assert clean == {path: text for path, text in made.outputs().items() if path in clean}


FOLLOWING = """
[partitions.hour]
every = "4 hours"
start = 2013-01-01
end = "now"
[sources.raw]
path = "raw.txt"
[targets.a]
path = "out/{hour}.txt"
shell = "echo {hour} | cat - {raw} > {output}"
"""


def set_clock(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    """The clock that builds are told, and that kept answers are held against."""
    monkeypatch.setattr(Settings, "clock", lambda self: now.timestamp())
    monkeypatch.setattr(time, "time", now.timestamp)


def test_a_dimension_follows_the_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Workshop(tmp_path / "p", FOLLOWING, **{"raw.txt": "x\n"})
    os.utime(made.path("raw.txt"), (1, 1))
    now = datetime(2013, 1, 1, 5, 30, tzinfo=UTC)
    set_clock(monkeypatch, now)
    assert made.build().ran == ["a@2013-01-01T00", "a@2013-01-01T04"]
    assert made.build().ran == []  # leaves its answer
    looks: list[object] = []
    look = session.look

    def counting(*given: object, **more: object) -> object:
        looks.append(given[2])
        return look(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(session, "look", counting)
    set_clock(monkeypatch, now + timedelta(hours=2, minutes=29))
    assert (made.build().ran, looks) == ([], [])
    set_clock(monkeypatch, now + timedelta(hours=2, minutes=30))
    assert made.build().ran == ["a@2013-01-01T08"]
    assert looks == [()]
