"""What `late` tells: what isn't there, what was built without it, how late it comes and what arrivals caused."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from dbuild.build import Settings, fresh, late, status
from dbuild.core.lateness import Group, Lack, Lateness, Repair, SourceLateness, TargetLateness
from dbuild.errors import UsageError
from tests.build.workshop import DAYS, Workshop, seconds_of

FLOW = f"""{DAYS}
[sources.prices]
path = "prices/{{day}}.txt"
expect = {{ at = "06:00" }}
settle = "30s"
[sources.rates]
path = "rates/{{day}}.txt"
[targets.daily]
path = "out/daily/{{day}}.txt"
shell = "cat {{prices}} > {{output}}"
inputs.prices = {{ missing = "latest" }}
[targets.pair]
path = "out/pair/{{day}}.txt"
shell = "cat {{daily}} > {{output}}"
inputs.daily = {{ day = "-1d..0d" }}
[targets.strict]
path = "out/strict/{{day}}.txt"
shell = "cat {{rates}} > {{output}}"
"""


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    """Three days of prices and rates, built."""
    made = Workshop(tmp_path / "p", FLOW)
    for day in (1, 2, 3):
        put(made, f"prices/2013-01-0{day}.txt", f"2013-01-0{day + 1}T05:00")
        put(made, f"rates/2013-01-0{day}.txt", f"2013-01-0{day + 1}T05:00")
    made.build(now="2013-01-04T05:30")
    return made


def put(made: Workshop, path: str, moment: str, text: str = "") -> None:
    made.write(path, f"{text or path}\n")
    made.date(path, moment)


def told(made: Workshop, now: str, *names: str, shown: int = 5, arrivals: int = 20) -> Lateness:
    return late(Settings(str(made.root), now=seconds_of(now)), names, shown, arrivals)


def source(found: Lateness, name: str) -> SourceLateness:
    return next(one for one in found.sources if one.source == name)


def target(found: Lateness, name: str) -> TargetLateness:
    return next(one for one in found.targets if one.target == name)


def repairs(found: Lateness) -> list[tuple[str, str, int, dict[str, int]]]:
    """What happened, oldest first, and how much was built of which targets."""
    return [(_name(one), one.kind, one.partitions, dict(one.targets)) for one in reversed(found.repairs)]


def _name(one: Repair) -> str:
    return f"{one.source}@{','.join(value for _, value in one.key)}"


# -- what isn't there --------------------------------------------------------------------------------------------------


def test_before_its_deadline_a_file_is_awaited(shop: Workshop) -> None:
    prices = source(told(shop, "2013-01-05T05:00"), "prices")
    assert (prices.late_count, prices.missing_count, prices.unsettled_count) == (0, 0, 0)
    (awaited,) = prices.awaited
    assert (awaited.key, awaited.seconds) == ((("day", "2013-01-04"),), -3600)
    assert awaited.due.startswith("2013-01-05 06:00")


def test_after_it_a_file_is_late_by_so_much(shop: Workshop) -> None:
    put(shop, "prices/2013-01-05.txt", "2013-01-06T05:00")
    found = source(told(shop, "2013-01-06T07:00"), "prices")
    assert (found.late_count, found.late_keys) == (1, "2013-01-04")
    assert [(one.key, one.seconds) for one in found.late] == [((("day", "2013-01-04"),), 25 * 3600)]
    assert [one.key for one in found.awaited] == [(("day", "2013-01-06"),)]


@pytest.mark.parametrize("is_kept", [False, True])
@pytest.mark.parametrize(
    ("now", "count"),
    [
        ("2013-01-05T05:59", 0),
        ("2013-01-05T06:00", 1),
        ("2013-01-06T05:59", 1),
        ("2013-01-06T06:00", 2),
        ("2013-01-09T07:00", 5),
    ],
)
def test_status_counts_what_is_late_past_the_newest_too(shop: Workshop, now: str, count: int, is_kept: bool) -> None:
    """Where a partner stops delivering no partitions are made; also where the answer of an earlier build is at hand."""
    if is_kept:
        for _ in range(3):
            assert shop.build(now="2013-01-04T12:00").ran == []
        moments = ("2013-01-04T12:00", now)
        known, then = (fresh(Settings(str(shop.root), now=seconds_of(each)), ()) for each in moments)
        assert (known, then) == ((9, ()), (9, ()) if count == 0 else None)
    settings = Settings(str(shop.root), now=seconds_of(now))
    assert source(told(shop, now), "prices").late_count == count
    for is_detailed in (False, True):
        row = next(row for row in status(settings, (), is_detailed=is_detailed) if row.name == "prices")
        assert (row.fresh, row.late, row.missing, row.total) == (3, count, 0, 3 + count)
    standing = dict(row.detail.standing) if row.detail is not None else {}
    assert len(standing.get("late", ())) == count
    assert len(standing["fresh"]) == 3


def test_of_many_the_newest_are_shown(shop: Workshop) -> None:
    found = source(told(shop, "2013-02-01T07:00", shown=2), "prices")
    assert (found.late_count, found.late_keys) == (28, "2013-01-04..2013-01-31")
    assert [one.key[0][1] for one in found.late] == ["2013-01-31", "2013-01-30"]


def test_without_deadlines_it_is_missing(shop: Workshop) -> None:
    put(shop, "rates/2013-01-05.txt", "2013-01-05T05:00")
    found = source(told(shop, "2013-01-05T05:30"), "rates")
    assert (found.late_count, found.missing_count, found.missing_keys) == (0, 1, "2013-01-04")


def test_what_is_being_written_is_told(shop: Workshop) -> None:
    put(shop, "prices/2013-01-04.txt", "2013-01-05T06:59:50")
    found = source(told(shop, "2013-01-05T07:00"), "prices")
    assert (found.late_count, found.unsettled_count, found.unsettled_keys) == (0, 1, "2013-01-04")


# -- what was built without it -----------------------------------------------------------------------------------------


def test_what_is_provisional_and_why(shop: Workshop) -> None:
    put(shop, "rates/2013-01-04.txt", "2013-01-05T05:00")
    shop.build(now="2013-01-05T07:00")
    found = told(shop, "2013-01-05T08:00")
    day = (("day", "2013-01-04"),)
    stands_in = (("prices@2013-01-04", "prices@2013-01-03"),)
    lack = Lack(day, ("prices@2013-01-04",), 1, stands_in)
    assert target(found, "daily").provisional == Group(1, "2013-01-04", (lack,))
    assert target(found, "pair").provisional.shown == (Lack(day, (), 0, (), ("daily@2013-01-04",)),)
    put(shop, "prices/2013-01-04.txt", "2013-01-05T09:00")
    assert shop.build(now="2013-01-05T10:00").counts == {"daily": 1, "pair": 1}
    assert told(shop, "2013-01-05T10:00").targets == ()


def test_what_waits_and_for_what(shop: Workshop) -> None:
    put(shop, "prices/2013-01-04.txt", "2013-01-05T05:00")
    shop.build(now="2013-01-05T07:00")
    (waiting,) = told(shop, "2013-01-05T08:00").targets
    lack = Lack((("day", "2013-01-04"),), ("rates@2013-01-04",), 1)
    assert (waiting.target, waiting.waiting) == ("strict", Group(1, "2013-01-04", (lack,)))


def test_what_is_frozen_and_has_changed(shop: Workshop) -> None:
    assert shop.run("mark", "daily@2013-01-02", "frozen", "--why", "published").returncode == 0
    put(shop, "prices/2013-01-02.txt", "2013-01-04T06:00", "corrected")
    shop.build(now="2013-01-04T07:00")
    daily = target(told(shop, "2013-01-04T08:00"), "daily")
    assert (daily.frozen.count, daily.frozen.keys) == (1, "2013-01-02")
    (held,) = daily.frozen.shown
    assert held.key == (("day", "2013-01-02"),)
    assert held.why.startswith("input changed prices@2013-01-02")


def test_what_fails_for_want_of_it(shop: Workshop) -> None:
    shop.write("Dataflowfile", FLOW + 'inputs.rates = { missing = "fail" }\n')
    put(shop, "rates/2013-01-05.txt", "2013-01-05T05:00")
    strict = target(told(shop, "2013-01-05T05:30"), "strict")
    assert strict.failing == Group(1, "2013-01-04", (Lack((("day", "2013-01-04"),), ("rates@2013-01-04",), 1),))


def test_names_choose_what_is_told(shop: Workshop) -> None:
    put(shop, "rates/2013-01-05.txt", "2013-01-05T05:00")
    shop.build(now="2013-01-05T07:00")
    by_source = told(shop, "2013-01-05T08:00", "prices")
    assert [one.source for one in by_source.sources] == ["prices"]
    assert [one.target for one in by_source.targets] == ["daily", "pair"]
    by_target = told(shop, "2013-01-05T08:00", "strict@2013-01-04")
    assert [one.source for one in by_target.sources] == ["rates"]
    assert [one.target for one in by_target.targets] == ["strict"]
    with pytest.raises(UsageError, match='there is no dataset "prise"'):
        told(shop, "2013-01-05T08:00", "prise")
    with pytest.raises(UsageError, match=r'"prise[*]" matches no dataset'):
        told(shop, "2013-01-05T08:00", "prices", "prise*")
    with pytest.raises(UsageError, match="of a source all is told"):
        told(shop, "2013-01-05T08:00", "prices@2013-01-04")


# -- what arrivals caused ----------------------------------------------------------------------------------------------


def test_a_late_file_repairs_what_was_built_without_it(shop: Workshop) -> None:
    shop.build(now="2013-01-05T07:00")
    put(shop, "prices/2013-01-05.txt", "2013-01-06T05:00")
    shop.build(now="2013-01-06T05:30")
    put(shop, "prices/2013-01-04.txt", "2013-01-06T09:00")
    shop.build(now="2013-01-06T10:00")
    found = told(shop, "2013-01-06T11:00")
    assert repairs(found) == [
        ("prices@2013-01-05", "arrived", 2, {"daily": 1, "pair": 1}),
        ("prices@2013-01-04", "arrived", 3, {"daily": 1, "pair": 2}),
    ]
    newest = found.repairs[0]
    assert (newest.delay, newest.seconds, newest.failed) == (28 * 3600, 0.0, 0)
    assert newest.at.startswith("2013-01-06 10:00")
    prices = source(found, "prices").punctuality
    assert (prices.arrivals, prices.on_time, prices.late, prices.worst) == (2, 1, 1, 28 * 3600)


def test_what_waited_for_it_is_built_because_of_it(shop: Workshop) -> None:
    put(shop, "rates/2013-01-05.txt", "2013-01-06T05:00")
    put(shop, "prices/2013-01-05.txt", "2013-01-06T05:00")
    shop.build(now="2013-01-06T05:30")
    put(shop, "rates/2013-01-04.txt", "2013-01-06T09:00")
    assert shop.build(now="2013-01-06T10:00").ran == ["strict@2013-01-04"]
    assert repairs(told(shop, "2013-01-06T11:00"))[-1] == ("rates@2013-01-04", "arrived", 1, {"strict": 1})


def test_a_later_build_may_do_it(shop: Workshop) -> None:
    put(shop, "rates/2013-01-02.txt", "2013-01-04T06:00", "corrected")
    put(shop, "rates/2013-01-05.txt", "2013-01-06T05:00")
    shop.build("strict", now="2013-01-06T05:30")
    put(shop, "rates/2013-01-04.txt", "2013-01-06T09:00")
    shop.build("daily", now="2013-01-06T10:00")
    assert repairs(told(shop, "2013-01-06T10:30"))[-1] == ("rates@2013-01-04", "arrived", 0, {})
    assert shop.build("strict", now="2013-01-06T14:00").ran == ["strict@2013-01-04"]
    (arrived, corrected) = told(shop, "2013-01-06T15:00", "rates").repairs
    assert (arrived.partitions, arrived.seconds, len(arrived.runs)) == (1, 4 * 3600, 1)
    assert (corrected.kind, corrected.partitions, corrected.delay) == ("corrected", 1, None)


def test_growth_that_reads_it_too_is_not_because_of_it(shop: Workshop) -> None:
    for day in (4, 5, 6):
        put(shop, f"prices/2013-01-0{day}.txt", f"2013-01-0{day + 1}T05:00")
        shop.build(now=f"2013-01-0{day + 1}T05:30")
    assert repairs(told(shop, "2013-01-07T06:00")) == [
        (f"prices@2013-01-0{day}", "arrived", 2, {"daily": 1, "pair": 1}) for day in (4, 5, 6)
    ]


def test_a_correction_that_comes_to_the_same_ends_there(shop: Workshop) -> None:
    shop.swap("Dataflowfile", "cat {prices}", "head -c 6 {prices}")
    shop.build(now="2013-01-04T06:00")
    put(shop, "prices/2013-01-02.txt", "2013-01-04T06:30", "prices, corrected")
    shop.build(now="2013-01-04T07:00")
    assert repairs(told(shop, "2013-01-04T08:00")) == [("prices@2013-01-02", "corrected", 1, {"daily": 1})]


def test_what_failed_is_told_until_it_succeeds(shop: Workshop) -> None:
    shop.swap("Dataflowfile", "cat {prices} >", "grep -v bad {prices} >")
    shop.build(now="2013-01-04T06:00")
    put(shop, "prices/2013-01-02.txt", "2013-01-04T06:30", "bad")
    assert shop.build(now="2013-01-04T07:00").summary.failed == 1
    (broken,) = told(shop, "2013-01-04T08:00").repairs
    assert (broken.partitions, broken.failed, broken.seconds) == (0, 1, None)
    shop.swap("Dataflowfile", "grep -v bad {prices} >", "cat {prices} >")
    shop.build("daily@2013-01-02", now="2013-01-04T09:00")
    (mended,) = told(shop, "2013-01-04T10:00").repairs
    assert (mended.partitions, mended.failed, mended.seconds) == (1, 0, 2 * 3600)


def test_what_a_killed_build_did_counts(shop: Workshop) -> None:
    put(shop, "prices/2013-01-02.txt", "2013-01-04T06:30", "corrected")
    cut = shop.run(DBUILD_NOW="2013-01-04T07:00", DBUILD_FAILPOINT="seal")
    assert cut.returncode == -signal.SIGKILL
    assert shop.build(now="2013-01-04T08:00").ran == []
    (repair,) = told(shop, "2013-01-04T09:00").repairs
    assert (repair.partitions, dict(repair.targets)) == (3, {"daily": 1, "pair": 2})


def test_a_newer_correction_takes_over(shop: Workshop) -> None:
    for hour, text in ((6, "first"), (8, "second")):
        put(shop, "rates/2013-01-02.txt", f"2013-01-04T0{hour}:00", text)
        shop.build(now=f"2013-01-04T0{hour + 1}:00")
    one = ("rates@2013-01-02", "corrected", 1, {"strict": 1})
    assert repairs(told(shop, "2013-01-04T10:00")) == [one, one]
