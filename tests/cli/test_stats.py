"""`dbuild stats`: what the ledger says of time, savings, chance and size."""

from __future__ import annotations

import json
from array import array
from pathlib import Path

import pytest

from dbuild.build import Settings, stats
from dbuild.core.statistics import BINS, Executed, RunStats, Statistics, Tallies, growth_of, trend_of
from dbuild.ui.moments import When
from dbuild.ui.statistics import statistics_lines
from tests.build.workshop import DAYS, Workshop, seconds_of

FLOW = f"""{DAYS}
[sources.raw]
path = "raw/{{day}}.txt"
[targets.daily]
path = "out/daily/{{day}}.txt"
shell = "test ! -e broken || {{{{ rm broken; exit 1; }}}}; head -c 3 {{raw}} > {{output}}"
retries = {{ times = 1, delay = "1ms" }}
[targets.total]
path = "out/total.txt"
shell = "cat {{daily}} > {{output}}"
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Two days, one of which had to be tried twice; then one changes, to no effect, and another one comes."""
    made = Workshop(tmp_path_factory.mktemp("stats") / "p", FLOW)
    made.days("raw", "01-01", "01-02", text="abc {day}")
    made.write("broken", "")
    made.build(jobs=1, now="2013-01-03T05:00")
    made.write("raw/2013-01-01.txt", "abc, corrected")
    made.build(now="2013-01-04T09:00")
    made.days("raw", "01-03", text="xyz {day}")
    made.build(now="2013-01-05T09:00")
    return made


def found_at(made: Workshop, moment: str, *targets: str, seconds: float | None = None) -> Statistics:
    return stats(Settings(str(made.root), now=seconds_of(moment)), targets, seconds)


def test_all_that_the_ledger_has(shop: Workshop) -> None:
    found = found_at(shop, "2013-01-06T00:00")
    counts = {one.target: (one.built, one.same, one.failed, one.retried) for one in found.targets}
    assert counts == {"daily": (4, 1, 0, 1), "total": (2, 0, 0, 0)}
    assert (found.runs.runs, found.runs.fresh, found.runs.spared) == (3, 4, 1)
    assert found.runs.saved > 0
    assert [(one.target, one.times, one.key) for one in found.flaky] == [("daily", 1, "2013-01-01")]
    assert {one.target: (one.size, one.grown) for one in found.growth} == {"daily": (9, 9), "total": (9, 9)}
    assert sum(found.built) == 6


def test_a_part_of_it(shop: Workshop) -> None:
    found = found_at(shop, "2013-01-06T00:00", "daily", seconds=86400.0)
    assert [(one.target, one.built) for one in found.targets] == [("daily", 1)]
    assert (found.runs.runs, found.flaky, sum(found.built)) == (1, (), 1)
    ((daily),) = found.growth
    assert (daily.size, daily.grown, daily.curve[0], daily.curve[-1]) == (9, 3, 6, 9)
    assert found_at(shop, "2013-02-06T00:00", seconds=60.0).targets == ()


def test_the_screen(shop: Workshop) -> None:
    done = shop.run("stats", "--since", "30d", DBUILD_NOW="2013-01-06T00:00", TZ="UTC")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "since 2013-01-03 05:00: 3 runs, 6 built"
    titles = ["what takes longest", "work that was saved", "failed by chance", "what is stored"]
    assert [line for line in lines[3:] if line and not line.startswith(" ")] == titles
    assert "  1 of them because all that they read came out the same" in lines
    assert any(line.split()[:3] == ["daily", "1", "1"] and line.endswith("daily@2013-01-01") for line in lines)
    assert lines[-1] == "  in all 18 B, +18 B"
    (record,) = map(json.loads, shop.run("stats", "--json", DBUILD_NOW="2013-01-06T00:00").stdout.splitlines())
    assert record["saved"]["spared"] == 1
    assert all(len(one["curve"]) == BINS for one in record["targets"])


def test_what_is_wrong_or_not_there(shop: Workshop, tmp_path: Path) -> None:
    done = shop.run("stats", "--since", "yesterday")
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, 'error: --since "yesterday" is no length of time')
    assert shop.run("stats", "dayly").returncode == 2
    empty = Workshop(tmp_path / "p", FLOW).run("stats", TZ="UTC", DBUILD_NOW="2013-01-06T00:00")
    assert (empty.returncode, empty.stdout) == (0, "nothing has run since 2012-12-07 00:00\n")


def executed(run: int, status: str, *, key: str = "a", seconds: float = 1.0, is_mended: bool = False) -> Executed:
    return Executed(run, "x", key, status, True, seconds, float(run), is_mended)


def test_failures_count_as_chance_only_where_nothing_else_was_read() -> None:
    tallies = Tallies(0.0, 10.0)
    for one in (
        executed(1, "retried"),
        executed(1, "built"),  # the same run: the same inputs
        executed(2, "retried"),
        executed(2, "failed"),
        executed(3, "built"),  # somebody mended it
        executed(4, "built", key="b", is_mended=True),
    ):
        tallies.add(one)
    (found,) = tallies.flaky()
    assert (found.times, found.partitions, found.key, found.at) == (2, 2, "b", 4.0)


def test_trends_and_shares() -> None:
    tallies = Tallies(0.0, 100.0)
    for number in range(1, 100):
        tallies.add(executed(number, "built", seconds=float(number)))
    (found,) = tallies.targets()
    assert (found.built, found.mean, found.most) == (99, 50.0, 95.0)
    assert found.trend == pytest.approx(83 / 17 - 1)
    assert trend_of(array("d", [1.0] * 5)) is None
    curve = [value for value in found.curve if value is not None]
    assert len(curve) == BINS
    assert curve == sorted(curve)


def test_sizes_are_counted_back_from_now() -> None:
    (big, small) = growth_of({"a": 10, "b": 100}, [("a", 5.0, 4), ("gone", 1.0, 7), ("b", 9.9, -20)], 0.0, 10.0)
    assert (big.target, big.grown, big.curve[0], big.curve[-1]) == ("b", -20, 120, 100)
    assert (small.curve[0], small.curve[BINS // 2], small.curve[-1]) == (6, 10, 10)


@pytest.mark.parametrize("width", [40, 60, 80, 160])
def test_lines_keep_to_the_width(shop: Workshop, width: int) -> None:
    lines = statistics_lines(found_at(shop, "2013-01-06T00:00"), 10, When(seconds_of("2013-01-06T00:00") or 0.0), width)
    tables = [line for line in lines if line.startswith("  ") and "because" not in line and "recipes" not in line]
    assert max(map(len, tables)) <= max(width, 70)


def test_nothing_at_all() -> None:
    found = Statistics(0.0, 1.0, RunStats(0, 0.0, 0, 0, 0.0), (), (), (), (0,))
    assert statistics_lines(found, 10, When(1.0), 80) == ["nothing has run yet"]
