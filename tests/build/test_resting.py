"""What failed rests, until something that it reads has changed or its time has come."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dbuild.build import Settings, mark
from dbuild.core.events import Resting
from dbuild.core.mark import Saying
from tests.build.workshop import DAYS, Workshop, seconds_of

FLOW = f"""
[project]
params = {{ least = 1, other = 1 }}
{DAYS}
[sources.raw]
path = "data/{{day}}.txt"
[sources.rates]
path = "rates.txt"
[sources.aside]
path = "aside.txt"
[targets.daily]
path = "out/daily/{{day}}.txt"
python = "steps:daily"
inputs = ["raw", "rates"]
[targets.report]
path = "out/report.txt"
shell = "cat {{daily}} > {{output}}"
[targets.apart]
path = "out/apart.txt"
shell = "cp {{aside}} {{output}}"
[targets.checked]
path = "out/checked/{{day}}.txt"
shell = "[ {{least}} -gt 5 ] && grep -q good {{raw}} && cp {{raw}} {{output}}"
"""
STEPS = """
def daily(raw, rates, output):
    text = raw.read_text()
    if "bad" in text:
        raise ValueError(text)
    output.write_text(text + rates.read_text())
"""


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    made = Workshop(tmp_path / "project", FLOW, **{"steps.py": STEPS, "rates.txt": "1\n", "aside.txt": "1\n"})
    made.days("data", "01-01", "01-02", "01-03")
    made.write("data/2013-01-02.txt", "bad\n")
    return made


def run(shop: Workshop, moment: str, *targets: str, **more: str) -> tuple[list[str], dict[str, int]]:
    """What ran in a build at a moment of one day, and what rested."""
    built = shop.build(*(targets or ("daily",)), keep_going=True, is_resting=True, now=f"2013-02-01T{moment}", **more)
    return built.ran, built.rested


def test_a_failure_rests_longer_each_time(shop: Workshop) -> None:
    bad = "daily@2013-01-02"
    assert run(shop, "06:00") == (["daily@2013-01-01", bad, "daily@2013-01-03"], {})
    assert run(shop, "06:00:59") == ([], {bad: 1})
    assert run(shop, "06:01") == ([bad], {})
    assert run(shop, "06:02:59") == ([], {bad: 2})
    assert run(shop, "06:03") == ([bad], {})
    assert run(shop, "06:06:59") == ([], {bad: 3})
    hour, minute = 6, 7
    for minutes in (8, 16, 32, 60, 60):
        assert run(shop, f"{hour:02}:{minute:02}") == ([bad], {})
        hour, minute = hour + (minute + minutes) // 60, (minute + minutes) % 60
        before = hour * 60 + minute - 1
        assert list(run(shop, f"{before // 60:02}:{before % 60:02}")[1]) == [bad]


def test_what_rests_has_failed_and_blocks_what_reads_it(shop: Workshop) -> None:
    first = shop.build("report", "apart", keep_going=True, is_resting=True, now="2013-02-01T06:00")
    assert first.standing == (3, 0, 1, 0, 1)
    again = shop.build("report", "apart", is_resting=True, now="2013-02-01T06:00:30")
    assert (again.ran, again.standing) == ([], (0, 3, 1, 0, 1))
    (event,) = (event for event in again.events if isinstance(event, Resting))
    assert (event.failures, event.until) == (1, seconds_of("2013-02-01T06:01"))


def test_what_rests_stops_nobody_else(shop: Workshop) -> None:
    run(shop, "06:00")
    shop.write("data/2013-01-03.txt", "new\n")
    shop.write("aside.txt", "new\n")
    built = shop.build("report", "apart", jobs=1, is_resting=True, now="2013-02-01T06:00:30")
    assert (built.ran, built.rested) == (["apart", "daily@2013-01-03"], {"daily@2013-01-02": 1})


def test_a_build_that_nobody_told_to_tries_it_at_once_and_counts(shop: Workshop) -> None:
    bad = "daily@2013-01-02"
    run(shop, "06:00")
    for second in ("01", "02"):
        assert shop.build("daily", keep_going=True, now=f"2013-02-01T06:00:{second}").ran == [bad]
    assert run(shop, "06:00:03") == ([], {bad: 3})
    assert shop.build(bad, force=True, is_resting=True, now="2013-02-01T06:00:04").ran == [bad]


def edit_recipe(shop: Workshop) -> None:
    shop.swap("steps.py", "text + rates", "rates.read_text() + text + rates")


def fix_recipe(shop: Workshop) -> None:
    shop.swap("steps.py", '"bad" in', '"worse" in')


def change_timeout(shop: Workshop) -> None:
    shop.swap("Dataflowfile", 'python = "steps:daily"', 'python = "steps:daily"\ntimeout = "5m"')


@pytest.mark.parametrize(
    ("change", "has_failed"),
    [
        (edit_recipe, True),
        (fix_recipe, False),
        (change_timeout, True),
        (lambda shop: shop.write("rates.txt", "2\n"), True),
        (lambda shop: shop.write("data/2013-01-02.txt", "still bad\n"), True),
        (lambda shop: shop.write("data/2013-01-02.txt", "good\n"), False),
    ],
)
def test_what_it_reads_has_changed_so_it_runs_at_once(
    shop: Workshop, change: Callable[[Workshop], None], has_failed: bool
) -> None:
    bad = "daily@2013-01-02"
    run(shop, "06:00")
    run(shop, "06:01")
    change(shop)
    assert bad in run(shop, "06:01:01")[0]
    assert run(shop, "06:02:00") == ([], {bad: 1} if has_failed else {})
    assert run(shop, "06:02:01") == ([bad] if has_failed else [], {})


@pytest.mark.parametrize(
    "change",
    [
        lambda shop: shop.write("data/2013-01-01.txt", "other\n"),
        lambda shop: shop.write("data/2013-01-02.txt", "bad\n"),
        lambda shop: shop.write("aside.txt", "2\n"),
        lambda shop: shop.swap("Dataflowfile", "cp {aside}", "cat {aside} >"),
        lambda shop: shop.swap("Dataflowfile", 'path = "rates.txt"', 'path = "rates.txt"\ndescription = "x"'),
    ],
)
def test_other_changes_leave_it_alone(shop: Workshop, change: Callable[[Workshop], None]) -> None:
    run(shop, "06:00")
    change(shop)
    ran, rested = run(shop, "06:00:30", "daily", "apart")
    assert "daily@2013-01-02" not in ran
    assert rested == {"daily@2013-01-02": 1}


def test_a_param_that_it_reads_counts_and_another_does_not(shop: Workshop) -> None:
    failing = [f"checked@2013-01-0{day}" for day in (1, 2, 3)]
    assert run(shop, "06:00", "checked")[0] == failing
    assert run(shop, "06:00:10", "checked", other="2") == ([], dict.fromkeys(failing, 1))
    assert run(shop, "06:00:20", "checked", least="7")[0] == failing
    assert run(shop, "06:00:30", "checked") == (failing, {})  # what it read then isn't what failed last


def test_each_failure_has_a_rest_of_its_own(shop: Workshop) -> None:
    shop.build("daily", keep_going=True, now="2013-02-01T06:00")
    shop.write("data/2013-01-03.txt", "bad too\n")
    assert run(shop, "06:01:10") == (["daily@2013-01-02", "daily@2013-01-03"], {})
    assert run(shop, "06:02:10") == (["daily@2013-01-03"], {"daily@2013-01-02": 2})
    assert run(shop, "06:03:10") == (["daily@2013-01-02"], {"daily@2013-01-03": 2})


def test_what_is_built_is_forgotten(shop: Workshop) -> None:
    bad = "daily@2013-01-02"
    run(shop, "06:00")
    run(shop, "06:01")
    shop.write("data/2013-01-02.txt", "good\n")
    assert run(shop, "06:02") == ([bad], {})
    shop.write("data/2013-01-02.txt", "bad\n")
    assert run(shop, "06:03") == ([bad], {})
    assert run(shop, "06:03:59") == ([], {bad: 1})


def test_a_clock_that_was_set_back_ends_a_rest(shop: Workshop) -> None:
    run(shop, "06:00")
    assert run(shop, "05:00")[0] == ["daily@2013-01-02"]


def test_a_word_of_a_person_ends_a_rest_once(shop: Workshop) -> None:
    bad = "daily@2013-01-01"
    run(shop, "06:00")
    shop.write("data/2013-01-01.txt", "bad\n")
    assert bad in run(shop, "06:00:10")[0]
    mark(Settings(str(shop.root)), [bad], Saying("stale", "it should work now"), lambda event: None)
    assert run(shop, "06:00:20")[0] == [bad]
    assert run(shop, "06:00:30")[1][bad] == 1


def test_what_fails_without_being_run_does_not_rest(tmp_path: Path) -> None:
    flow = f"""{DAYS}[sources.raw]
path = "data/{{day}}.txt"
[targets.copy]
path = "out/{{day}}.txt"
shell = "cp {{raw}} {{output}}"
inputs.raw = {{ missing = "fail" }}
"""
    shop = Workshop(tmp_path / "project", flow)
    shop.days("data", "01-01", "01-03")
    assert run(shop, "06:00", "copy")[0] == [f"copy@2013-01-0{day}" for day in (1, 2, 3)]
    assert run(shop, "06:00:10", "copy") == (["copy@2013-01-02"], {})


def test_it_is_said_once_a_run(shop: Workshop) -> None:
    assert shop.run("-k", "--rest", "daily", DBUILD_NOW="2013-02-01T06:00", TZ="UTC").returncode == 1
    told = shop.run("-k", "--rest", "daily", DBUILD_NOW="2013-02-01T06:00:30", TZ="UTC")
    assert told.returncode == 1
    line, summary = told.stderr.splitlines()
    assert line == "resting daily@2013-01-02: failed once, tried again at 06:01"
    assert summary.startswith("1 failed, 0 built, 2 fresh in ")
    assert summary.endswith(": daily@2013-01-02")
    done = shop.run("-k", "--rest", "daily", "--json", DBUILD_NOW="2013-02-01T06:00:30")
    record = json.loads(done.stdout.splitlines()[0])
    assert record == {
        "event": "resting",
        "target": "daily",
        "key": {"day": "2013-01-02"},
        "failures": 1,
        "until": "2013-02-01 06:01:00+00:00",
    }
