"""The ledger of arrivals: what came, was corrected or withdrawn, once each, whatever becomes of the builds."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from dbuild.core.arrival import KEPT_OF_EACH, Arrival, punctuality
from dbuild.state.opening import open_state
from tests.build.workshop import DAYS, Workshop, seconds_of

EXPECTED = f"""{DAYS}
[sources.raw]
path = "data/{{day}}.txt"
expect = {{ at = "06:00" }}
[sources.plain]
path = "plain/{{day}}.txt"
[targets.copy]
path = "out/copy/{{day}}.txt"
shell = "cat {{raw}} > {{output}}"
[targets.other]
path = "out/other/{{day}}.txt"
shell = "cat {{plain}} > {{output}}"
"""


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    """Two days of each source, seen and built."""
    made = Workshop(tmp_path / "p", EXPECTED)
    made.days("data", "01-01", "01-02")
    made.days("plain", "01-01", "01-02")
    made.build(now="2013-01-03T07:00")
    return made


def ledger(made: Workshop) -> list[tuple[str, str, str]]:
    """All that happened, oldest first: "source@key", what, and by how many hours after the deadline."""
    return [
        (f"{one.dataset}@{one.key}" if one.key else one.dataset, one.kind, _hours(one)) for one in reversed(rows(made))
    ]


def _hours(one: Arrival) -> str:
    return "" if one.delay is None else f"{one.delay / 3600:+.1f}"


def rows(made: Workshop) -> list[Arrival]:
    state = open_state(str(made.root), "Dataflowfile", is_reader=True)
    try:
        return state.arrivals.newest(1000)
    finally:
        state.close()


def test_of_each_partition_the_last_are_kept(shop: Workshop) -> None:
    for number in range(KEPT_OF_EACH + 3):
        shop.write("data/2013-01-01.txt", f"{number}\n")
        if number < 2:
            shop.write("data/2013-01-02.txt", f"{number}\n")
        shop.build(now=f"2013-01-03T08:{number:02}")
    found = [(one.key, one.seen - seconds_of("2013-01-03T08:00")) for one in reversed(rows(shop))]
    kept = [("2013-01-01", 60.0 * number) for number in range(3, KEPT_OF_EACH + 3)]
    assert sorted(found) == [*kept, ("2013-01-02", 0.0), ("2013-01-02", 60.0)]


def test_what_is_older_than_two_years_is_forgotten_when_something_else_comes(shop: Workshop) -> None:
    kept = []
    for day, moment in (("01-01", "2013-02-01"), ("01-02", "2013-02-03"), ("01-01", "2015-02-02")):
        shop.write(f"data/2013-{day}.txt", f"{moment}\n")
        shop.build(now=f"{moment}T00:00")
        kept.append([time.strftime("%Y-%m-%d", time.gmtime(one.seen)) for one in rows(shop)])
    assert kept == [["2013-02-01"], ["2013-02-03", "2013-02-01"], ["2015-02-02", "2013-02-03"]]
    shop.build(now="2015-03-01T00:00")  # nothing came: it has nothing to write, and takes nothing out
    assert len(rows(shop)) == 2


def test_nothing_is_known_of_what_was_there_before(shop: Workshop) -> None:
    assert ledger(shop) == []
    shop.build(now="2013-01-04T07:00")
    assert ledger(shop) == []


def test_arrivals_have_their_deadline(shop: Workshop) -> None:
    shop.days("data", "01-03")
    shop.build(now="2013-01-04T05:00")
    shop.days("data", "01-05")
    shop.build(now="2013-01-06T08:30")
    shop.days("data", "01-04")
    shop.build(now="2013-01-07T06:00")
    assert ledger(shop) == [
        ("raw@2013-01-03", "arrived", "-1.0"),
        ("raw@2013-01-05", "arrived", "+2.5"),
        ("raw@2013-01-04", "arrived", "+48.0"),
    ]
    assert [one.run for one in reversed(rows(shop))] == [2, 3, 4]
    shop.build(now="2013-01-07T06:00")
    assert len(ledger(shop)) == 3


def test_without_deadlines_only_what_was_missing_arrives(shop: Workshop) -> None:
    shop.days("plain", "01-03", "01-05")
    shop.build(now="2013-01-06T07:00")
    assert ledger(shop) == []
    shop.days("plain", "01-04", "01-06")
    shop.build(now="2013-01-07T07:00")
    assert ledger(shop) == [("plain@2013-01-04", "arrived", "")]


def test_corrections_are_told_by_content(shop: Workshop) -> None:
    shop.write("data/2013-01-01.txt", "uno\n")
    shop.write("plain/2013-01-02.txt", "01-02\n")
    os.utime(shop.path("plain/2013-01-02.txt"), (1, 1))
    shop.build(now="2013-01-04T07:00")
    assert ledger(shop) == [("raw@2013-01-01", "corrected", "")]
    assert rows(shop)[0].at == seconds_of("2013-01-04T07:00")


def test_what_is_withdrawn_may_come_again(shop: Workshop) -> None:
    shop.path("data/2013-01-01.txt").unlink()
    shop.build(now="2013-01-04T07:00")
    shop.write("data/2013-01-01.txt", "uno\n")
    shop.build(now="2013-01-05T06:00")
    assert ledger(shop) == [("raw@2013-01-01", "withdrawn", ""), ("raw@2013-01-01", "arrived", "+72.0")]


def test_a_correction_that_nobody_needed_yet_is_told_later(shop: Workshop) -> None:
    shop.write("data/2013-01-01.txt", "uno\n")
    shop.days("data", "01-03")
    shop.build("other", now="2013-01-04T07:00")
    assert ledger(shop) == [("raw@2013-01-03", "arrived", "+1.0")]
    assert shop.build("copy", now="2013-01-04T08:00").ran == ["copy@2013-01-01", "copy@2013-01-03"]
    assert ledger(shop)[1:] == [("raw@2013-01-01", "corrected", "")]


@pytest.mark.parametrize("place", ["spawn", "rename", "committed", "seal"])
def test_a_build_that_is_killed_neither_loses_nor_doubles_them(shop: Workshop, place: str) -> None:
    shop.days("data", "01-03")
    shop.write("data/2013-01-01.txt", "uno\n")
    shop.path("plain/2013-01-01.txt").unlink()
    cut = shop.run(DBUILD_NOW="2013-01-04T07:00", DBUILD_FAILPOINT=place)
    assert cut.returncode == -signal.SIGKILL
    assert ledger(shop) == []
    shop.build(now="2013-01-04T07:30")
    told = [
        ("plain@2013-01-01", "withdrawn", ""),
        ("raw@2013-01-01", "corrected", ""),
        ("raw@2013-01-03", "arrived", "+1.5"),
    ]
    assert sorted(ledger(shop)) == told
    shop.build(now="2013-01-04T08:00")
    assert len(ledger(shop)) == 3


def test_a_failed_recipe_does_not_keep_an_arrival_from_being_told(shop: Workshop) -> None:
    shop.swap("Dataflowfile", "cat {raw}", "grep 0 {raw}")
    shop.days("data", "01-03", text="nothing\n")
    assert shop.build(now="2013-01-04T07:00").summary.failed == 1
    assert ledger(shop) == [("raw@2013-01-03", "arrived", "+1.0")]
    shop.build(now="2013-01-04T07:00")
    assert len(ledger(shop)) == 1


def test_what_is_being_written_is_corrected_when_it_has_settled(tmp_path: Path) -> None:
    made = Workshop(tmp_path / "p", EXPECTED.replace("expect =", 'settle = "30s"\nexpect ='))
    made.days("data", "01-01", "01-02")
    for day in ("01", "02"):
        made.date(f"data/2013-01-{day}.txt", "2013-01-02T05:00")
    made.build(now="2013-01-03T07:00")
    for name, moment in (("2013-01-01", "2013-01-04T06:59:50"), ("2013-01-03", "2013-01-04T06:59:55")):
        made.write(f"data/{name}.txt", "new\n")
        made.date(f"data/{name}.txt", moment)
    made.build(now="2013-01-04T07:00")
    made.build(now="2013-01-04T07:00:10")
    assert ledger(made) == []
    assert made.build(now="2013-01-04T08:00").ran == ["copy@2013-01-01", "copy@2013-01-03"]
    assert sorted(ledger(made)) == [("raw@2013-01-01", "corrected", ""), ("raw@2013-01-03", "arrived", "+2.0")]


def test_partitions_of_several_files_are_corrected_when_files_come_or_go(tmp_path: Path) -> None:
    made = Workshop(tmp_path / "p", EXPECTED.replace("data/{day}.txt", "data/{day}/*.txt"))
    made.write("data/2013-01-01/a.txt", "a\n")
    made.write("data/2013-01-02/a.txt", "a\n")
    made.build(now="2013-01-03T07:00")
    made.write("data/2013-01-01/b.txt", "b\n")
    made.build(now="2013-01-03T08:00")
    made.path("data/2013-01-01/b.txt").unlink()
    made.build(now="2013-01-03T09:00")
    made.write("data/2013-01-03/a.txt", "a\n")
    made.build(now="2013-01-04T07:00")
    assert ledger(made) == [
        ("raw@2013-01-01", "corrected", ""),
        ("raw@2013-01-01", "corrected", ""),
        ("raw@2013-01-03", "arrived", "+1.0"),
    ]


def test_a_new_value_of_another_dimension_is_no_late_arrival(tmp_path: Path) -> None:
    flow = EXPECTED.replace("data/{day}.txt", "data/{day}-{place}.txt").replace("copy/{day}", "copy/{day}-{place}")
    made = Workshop(tmp_path / "p", flow + '[partitions.place]\ndiscover = "raw"\n')
    for day in ("01", "02"):
        made.write(f"data/2013-01-{day}-b.txt", "b\n")
    made.build(now="2013-01-03T07:00")
    for day in ("01", "02", "03"):
        made.write(f"data/2013-01-{day}-a.txt", "a\n")
    made.build(now="2013-01-04T07:00")
    made.write("data/2013-01-03-b.txt", "b\n")
    made.build(now="2013-01-04T08:00")
    assert ledger(made) == [
        ("raw@2013-01-03\x1fa", "arrived", "+1.0"),
        ("raw@2013-01-03\x1fb", "arrived", "+2.0"),
    ]


def test_by_the_real_clock_the_file_tells_when_it_came(shop: Workshop) -> None:
    shop.path("plain/2013-01-01.txt").unlink()
    shop.build()
    shop.write("plain/2013-01-01.txt", "again\n")
    came = os.stat(shop.path("plain/2013-01-01.txt")).st_ctime
    shop.build()
    (arrived,) = (one for one in rows(shop) if one.kind == "arrived")
    assert arrived.at == pytest.approx(came, abs=1e-3)
    assert arrived.seen >= arrived.at


def test_a_correction_that_was_accepted_by_a_mark_is_told(shop: Workshop) -> None:
    shop.write("data/2013-01-01.txt", "uno\n")
    assert shop.run("mark", "copy@2013-01-01", "fresh", "--inputs-too", "--why", "same to us").returncode == 0
    assert ledger(shop) == [("raw@2013-01-01", "corrected", "")]
    assert shop.build(now="2013-01-04T07:00").ran == []
    assert len(ledger(shop)) == 1


def test_how_late_they_were() -> None:
    def arrival(delay: float | None) -> Arrival:
        return Arrival("raw", "k", "arrived", 1e6 + (delay or 0), 2e6, None if delay is None else 1e6, 1)

    delays = [-7200.0, -60.0, 0.0, 60.0, 3600.0, 3601.0, 86400.0, 5e5, 7e5, 9e6]
    found = punctuality([*map(arrival, delays), arrival(None), arrival(1.0)._replace(kind="corrected")])
    assert (found.arrivals, found.on_time, found.late) == (11, 3, 7)
    assert (found.median, found.most, found.worst) == (3600.0, 7e5, 9e6)
    assert found.bars == (3, 2, 1, 1, 0, 1, 1, 1)
    assert punctuality([]).median is None
