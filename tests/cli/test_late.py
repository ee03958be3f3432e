"""`dbuild late` as people and programs see it."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from dbuild.core.arrival import Arrival, punctuality
from dbuild.core.lateness import Deadline, Group, Lack, Lateness, Repair, SourceLateness, TargetLateness
from dbuild.ui.bars import bars
from dbuild.ui.late import late_lines
from dbuild.ui.text import span
from tests.build.workshop import DAYS, Workshop

FLOW = f"""{DAYS}
[sources.orders]
path = "orders/{{day}}.txt"
[sources.prices]
path = "prices/{{day}}.txt"
expect = {{ at = "06:00" }}
[targets.daily]
path = "out/daily/{{day}}.txt"
shell = "cat {{prices}} > {{output}}"
inputs.prices = {{ missing = "latest" }}
"""
HOUR, DAY = 3600.0, 86400.0


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    """The second day's prices came three hours late, the third day's didn't yet."""
    made = Workshop(tmp_path / "p", FLOW)
    made.days("prices", "01-01")
    made.days("orders", "01-01")
    made.build(now="2013-01-02T05:00")
    made.days("prices", "01-02")
    made.days("orders", "01-02")
    made.build(now="2013-01-03T09:00")
    made.days("orders", "01-03")
    made.build(now="2013-01-04T07:00")
    return made


def shown(made: Workshop, *words: str, code: int = 0, **more: str) -> list[str]:
    """What the command writes at eight o'clock."""
    done = made.run("late", *words, DBUILD_NOW="2013-01-04T08:00", TZ="UTC", **more)
    assert (done.returncode, done.stderr) == (code, "")
    return done.stdout.splitlines()


def test_the_screen(shop: Workshop) -> None:
    assert shown(shop, PYTHONIOENCODING="utf-8") == [
        "not there",
        "  prices: 1 late: 2013-01-03",
        "    prices@2013-01-03 was due 2013-01-04 06:00, 2 h ago",
        "  prices: next is prices@2013-01-04, due 2013-01-05 06:00 (in 22h00m)",
        "",
        "built without what is missing",
        "  daily: 1 provisional: 2013-01-03",
        "    daily@2013-01-03 has prices@2013-01-02 in place of prices@2013-01-03",
        "",
        "how late it comes",
        "  source  arrived  on time  late  median      90 %        worst",
        "  prices        1        -     1  3h00m late  3h00m late  3h00m late",
        "",
        "  prices",
        "    on time   -",
        "    up to 1h  -",
        f"    up to 6h  {'█' * 50} 1",
        "",
        "what arrivals caused",
        "  23 h ago  prices@2013-01-02 arrived, 3h00m late",
        "    built daily 1, done 0s after it",
    ]


def test_without_blocks_bars_are_of_signs(shop: Workshop) -> None:
    assert f"    up to 6h  {'#' * 50} 1" in shown(shop, PYTHONIOENCODING="ascii")


def test_for_programs(shop: Workshop) -> None:
    done = shop.run("late", "--json", "--limit", "0", DBUILD_NOW="2013-01-04T08:00", TZ="UTC")
    record = json.loads(done.stdout)
    (_, source), (target,) = record["sources"], record["targets"]
    assert source["late"] == [{"key": {"day": "2013-01-03"}, "due": "2013-01-04 06:00:00+00:00", "late_by": 2 * HOUR}]
    assert target["provisional"][0]["stand_ins"] == [{"absent": "prices@2013-01-03", "used": "prices@2013-01-02"}]
    assert (record["arrivals"], datetime.fromisoformat(record["now"]).hour) == ([], 8)


def test_strict_tells_by_its_exit_code(shop: Workshop) -> None:
    shown(shop, "--strict", code=3)
    shop.days("prices", "01-03")
    shop.build(now="2013-01-04T07:30")
    assert shown(shop, "--strict")[0] == "nothing is missing, late, waiting or provisional"


def test_status_counts_the_same(shop: Workshop) -> None:
    record = json.loads(shop.run("status", "--json", DBUILD_NOW="2013-01-04T08:00").stdout)
    counts = {each["name"]: {k: v for k, v in each["partitions"].items() if v} for each in record["datasets"]}
    assert counts == {
        "prices": {"fresh": 2, "late": 1},
        "daily": {"fresh": 3, "provisional": 1},
    }
    assert shop.run("status", "--strict", DBUILD_NOW="2013-01-04T08:00").returncode == 3
    assert shop.run("--strict", DBUILD_NOW="2013-01-04T08:00").returncode == 3


def test_names_that_nobody_knows(shop: Workshop) -> None:
    done = shop.run("late", "pricse")
    assert done.returncode == 2
    assert '"prices"' in done.stderr


def test_many_are_told_by_their_number() -> None:
    key = (("day", "2013-01-05"),)
    due = Deadline(key, "2013-01-06 06:00:00+00:00", 3 * DAY + HOUR)
    source = SourceLateness("a", (due,), 12, "…", 3, "x", (), 2, "y", punctuality([]))
    lack = Lack(key, ("a@1", "a@2"), 9)
    none = Group(0, "", ())
    target = TargetLateness("b", none, Group(7, "…", (lack,)), Group(1, "", (lack,)), none)
    late = Repair("a", key, "withdrawn", "2013-01-06 06:00:00+00:00", None, 0, (), 2, None, ("1",))
    assert late_lines(Lateness("", (source,), (target,), (late,)), 80) == [
        "not there",
        "  a: 12 late: …",
        "    a@2013-01-05 was due 2013-01-06 06:00, 3 d ago",
        "    and 11 more",
        "  a: 3 missing: x",
        "  a: 2 just written, not read yet: y",
        "",
        "waiting",
        "  b: 7 waiting: …",
        "    b@2013-01-05 needs a@1, a@2 and 7 more",
        "    and 6 more",
        "",
        "failing for want of it",
        "  b: 1 failing",
        "    b@2013-01-05 needs a@1, a@2 and 7 more",
        "",
        "what arrivals caused",
        "  2013-01-06 06:00:00  a@2013-01-05 withdrawn",
        "    2 partitions failed",
    ]


def test_texts_from_data_are_safe_to_print() -> None:
    key = (("place", "a\x1b[31m"),)
    lack = Lack(key, ("raw@a\x1b[31m",), 1, (("raw@a\x1b[31m", "raw@\x07"),), why="input \x1b]0;x\x07")
    group = Group(1, "a\x1b[31m", (lack,))
    source = SourceLateness("a", (Deadline(key, "", 1.0),), 1, "\x1b", 1, "\x1b", (), 1, "\x1b", punctuality([]))
    repair = Repair("a", key, "arrived", "", 0.0, 1, (("b", 1),), 0, 1.0, ())
    found = Lateness("", (source,), (TargetLateness("b", group, group, group, group),), (repair,))
    assert not any("\x1b" in line or "\x07" in line for line in late_lines(found, 80))


def test_lengths_of_time() -> None:
    lengths = [0, 59, 60, 3 * HOUR + 300, DAY, 9 * DAY + 5 * HOUR, 40 * DAY]
    assert list(map(span, lengths)) == ["0s", "59s", "1m", "3h05m", "1d00h", "9d05h", "40d"]


@pytest.mark.parametrize("width", [20, 40, 80])
def test_bars_keep_to_the_width(width: int) -> None:
    lines = bars([("on time", 12345), ("later", 1), ("never", 0)], width)
    assert max(map(len, lines)) <= width
    assert lines[1].endswith(" 1")
    assert lines[2] == "never    -"


def test_early_ones_count_as_in_time() -> None:
    found = punctuality([Arrival("a", "k", "arrived", 100.0 + delay, 0.0, 100.0, 1) for delay in (-HOUR, 0.0, 60.0)])
    source = SourceLateness("a", (), 0, "", 0, "", (), 0, "", found)
    lines = late_lines(Lateness("", (source,), (), ()), 80)
    assert "  a             3        2     1  in time  1m late  1m late" in lines
