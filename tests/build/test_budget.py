"""Builds that would do more than they may: refused before anything runs, with what and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbuild.build import Settings, build
from dbuild.core.budget import Budget, BudgetError
from dbuild.state.opening import open_state
from tests.build.workshop import DAYS, Workshop

FLOW = f"""{DAYS}
[sources.raw]
path = "data/{{day}}.txt"
[sources.rates]
path = "rates.txt"
[targets.daily]
path = "out/daily/{{day}}.txt"
shell = "cat {{raw}} {{rates}} > {{output}}"
[targets.total]
path = "out/total.txt"
shell = "cat {{daily}} > {{output}}"
"""


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    """Five days, built, and a reference file that all of them read."""
    made = Workshop(tmp_path / "p", FLOW)
    made.days("data", "01-01", "01-02", "01-03", "01-04", "01-05")
    made.write("rates.txt", "1\n")
    made.build()
    return made


def refused(made: Workshop, budget: Budget, *targets: str, jobs: int = 2) -> BudgetError:
    """How a build is refused; nothing may have been run or recorded."""
    before, runs = made.outputs(), run_count(made)
    with pytest.raises(BudgetError) as found:
        build(Settings(str(made.root)), targets, jobs=jobs, budget=budget, emit=lambda event: None)
    assert (made.outputs(), run_count(made)) == (before, runs)
    return found.value


def run_count(made: Workshop) -> int:
    state = open_state(str(made.root), "Dataflowfile", is_reader=True)
    try:
        return len(state.runs(100))
    finally:
        state.close()


def take(made: Workshop, target: str, seconds: float) -> None:
    """Has a target's partitions have taken so long."""
    state = open_state(str(made.root), "Dataflowfile")
    traces = [(target, key, trace.__class__(*_fields(trace), seconds)) for key, trace in state.traces(target).items()]
    with state.transaction():
        state.put_traces(traces)
    state.close()


def _fields(trace: object) -> list[object]:
    return [getattr(trace, name) for name in ("fingerprint", "params", "inputs", "outputs", "run", "at")]


def test_what_may_run_counts_too(shop: Workshop) -> None:
    shop.write("rates.txt", "2\n")
    error = refused(shop, Budget("5", partitions=5))
    assert error.exit_code == 3
    assert error.what == (
        "5 partitions would run and 1 may: the budget is 5; nothing was run\n"
        "5 of daily, 1 of total\n"
        "because: input changed rates (5)"
    )
    assert "--yes" in (error.hint or "")
    assert refused(shop, Budget("5", partitions=5)).excess.targets == (("daily", 5, 0), ("total", 0, 1))
    assert build(Settings(str(shop.root)), (), jobs=2, budget=Budget("6", partitions=6), emit=print).built == 6


def test_fewer_partitions_are_within_it(shop: Workshop) -> None:
    shop.write("rates.txt", "2\n")
    refused(shop, Budget("1", partitions=1), "daily")
    chosen = ("daily@2013-01-03",)
    assert build(Settings(str(shop.root)), chosen, jobs=2, budget=Budget("1", partitions=1), emit=print).built == 1
    shop.build()
    nothing = build(Settings(str(shop.root)), (), jobs=2, budget=Budget("0", partitions=0), emit=print)
    assert (nothing.built, nothing.fresh) == (0, 6)


def test_the_causes_are_told_by_how_much_they_touch(shop: Workshop) -> None:
    shop.write("data/2013-01-02.txt", "other\n")
    shop.write("data/2013-01-03.txt", "other\n")
    shop.path("out/total.txt").unlink()
    error = refused(shop, Budget("0", partitions=0))
    assert error.excess.causes == (
        ("input changed raw@2013-01-02", 1),
        ("input changed raw@2013-01-03", 1),
        ("output missing total", 1),
    )
    assert refused(shop, Budget("0", partitions=0), "daily").excess.will == 2


def test_time_is_that_of_the_tasks_side_by_side(shop: Workshop) -> None:
    take(shop, "daily", 3000.0)
    take(shop, "total", 600.0)
    shop.write("rates.txt", "2\n")
    error = refused(shop, Budget("2h", seconds=7200.0), jobs=2)
    assert error.excess.seconds == pytest.approx((5 * 3000 + 600) / 2)
    assert error.what.startswith("5 partitions would run and 1 may, about 2h10m: the budget is 2h;")
    assert refused(shop, Budget("45m", seconds=2700.0), "daily@2013-01-01", jobs=8).excess.seconds == 3000.0
    assert build(Settings(str(shop.root)), (), jobs=3, budget=Budget("2h", seconds=7200.0), emit=print).built == 6


def test_what_never_ran_is_guessed_by_its_size(tmp_path: Path) -> None:
    made = Workshop(tmp_path / "p", FLOW)
    made.days("data", "01-01", "01-02")
    made.write("rates.txt", "1\n")
    error = refused(made, Budget("100ms", seconds=0.1), jobs=1)
    assert 0.3 <= error.excess.seconds < 1
    assert error.excess.causes == (("never built daily", 2), ("never built total", 1))


def test_the_command_refuses_until_somebody_says_yes(shop: Workshop) -> None:
    shop.write("rates.txt", "2\n")
    done = shop.run("--budget", "3")
    assert (done.returncode, done.stdout) == (3, "")
    assert "the budget is 3" in done.stderr
    assert "hint: --yes" in done.stderr
    (record,) = shop.json("--budget", "3", code=3)
    assert (record["event"], record["budget"], record["will_run"], record["may_run"]) == ("refused", "3", 5, 1)
    assert record["targets"][0] == {"target": "daily", "will_run": 5, "may_run": 0}
    assert record["causes"] == [{"cause": "input changed rates", "partitions": 5}]
    assert shop.run("--budget", "some").returncode == 2
    assert shop.run("--budget", "3", "--yes").returncode == 0
    assert shop.run("--budget", "0").returncode == 0
