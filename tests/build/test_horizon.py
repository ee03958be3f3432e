"""The instant that a build names as the next at which the clock changes something: nothing does so earlier."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from dbuild.build import Settings, mark
from dbuild.core.mark import Saying
from tests.build.workshop import Built, Workshop, seconds_of

DAY = '[partitions.day]\nevery = "day"\nstart = 2024-01-01\n'
COPY = '[targets.copy]\npath = "out/{day}.txt"\nshell = "cat {raw} > {output}"\n'
RAW = '[sources.raw]\npath = "data/{day}.txt"\n'
FLOW = DAY + RAW + COPY
NOW = "2024-01-04T12:00"


def shop_of(root: Path, flow: str, *days: int) -> Workshop:
    shop = Workshop(root / "project", flow)
    for day in days:
        shop.write(f"data/2024-01-{day:02}.txt", f"{day}\n")
        shop.date(f"data/2024-01-{day:02}.txt", "2024-01-01")
    return shop


def text(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).replace(tzinfo=None).isoformat()


def check(shop: Workshop, expected: str | None, *targets: str) -> Built | None:
    """Builds until nothing is left to do, and at the instant named then and a second before it."""

    def build(now: str) -> Built:
        return shop.build(*targets, keep_going=True, is_resting=True, now=now)

    first, again = build(NOW), build(NOW)
    named = again.summary.changes_at
    assert first.summary.changes_at == named == seconds_of(expected)
    assert build(NOW).summary.changes_at == named  # mostly from the kept answer
    if named is None:
        return None
    before = build(text(named - 1))
    assert (before.ran, before.standing, before.summary.changes_at) == ([], again.standing, named)
    after = build(text(named))
    assert (after.ran, after.standing) != ([], again.standing)
    assert after.summary.changes_at != named
    return after


def test_nothing_changes_with_time_where_nothing_is_said_of_it(tmp_path: Path) -> None:
    check(shop_of(tmp_path, FLOW, 1, 2, 4), None)


def test_a_deadline_of_what_is_awaited(tmp_path: Path) -> None:
    expect = 'expect = { at = "06:00", days = 2 }\n'
    latest = 'inputs.raw = { missing = "latest" }\n'
    shop = shop_of(tmp_path, DAY + "end = 2024-01-03\n" + RAW + expect + COPY + latest, 1)
    after = check(shop, "2024-01-05T06:00")
    assert after is not None
    assert after.ran == ["copy@2024-01-03"]
    assert after.summary.provisional == 2


def test_a_deadline_of_another_source_is_none_of_its(tmp_path: Path) -> None:
    other = '[sources.other]\npath = "other/{day}.txt"\nexpect = { at = "06:00", days = 2 }\n'
    reader = '[targets.reader]\npath = "out/other/{day}.txt"\nshell = "cp {other} {output}"\n'
    shop = shop_of(tmp_path, DAY + "end = 2024-01-03\n" + RAW + COPY + other + reader, 1, 2, 3)
    check(shop, None, "copy")
    assert shop.build(now=NOW).summary.changes_at == seconds_of("2024-01-05T06:00")


def test_the_next_period_of_an_end_that_follows_the_clock(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, DAY + 'end = "now"\ntimezone = "America/New_York"\n' + RAW + COPY, 1, 2, 3, 4)
    after = check(shop, "2024-01-05T05:00")
    assert after is not None
    assert after.summary.waiting == 1


def test_a_word_of_the_command_line(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, FLOW, 1, 2, 3, 4, 5)
    after = check(shop, "2024-01-05T00:00", "copy@today")
    assert after is not None
    assert after.ran == ["copy@2024-01-05"]


def test_a_file_that_has_to_lie_still(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, DAY + RAW + 'settle = "10m"\n' + COPY, 1, 2, 3)
    shop.date("data/2024-01-02.txt", "2024-01-04T11:58:30")
    shop.date("data/2024-01-03.txt", "2024-01-04T11:55")
    after = check(shop, "2024-01-04T12:05")
    assert after is not None
    assert after.ran == ["copy@2024-01-03"]
    assert after.summary.changes_at == seconds_of("2024-01-04T12:08:30")


def test_by_the_machines_clock_a_file_has_a_little_longer(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, DAY + RAW + 'settle = "1h"\n' + COPY, 1)
    shop.write("data/2024-01-02.txt", "new\n")
    written = shop.path("data/2024-01-02.txt").stat().st_mtime
    named = shop.build().summary.changes_at
    assert named is not None
    assert written + 3600 < named < written + 3601


def test_what_was_built_and_waits_gets_too_old_to_wait(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, DAY + RAW + COPY + 'freeze_after = "2d"\n', 1, 2, 3)
    shop.build(now=NOW)
    shop.path("data/2024-01-02.txt").unlink()
    assert shop.build(now="2024-01-04").summary.waiting == 1
    after = check(shop, "2024-01-05T00:00")
    assert after is not None
    assert after.summary.waiting == 0


def test_what_was_never_built_or_is_fresh_gets_no_older(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, DAY + RAW + COPY + 'freeze_after = "2d"\n', 1, 3)
    check(shop, None)


def test_a_rest_that_is_over(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, DAY + RAW + COPY.replace("cat", "grep -v 2"), 1, 2, 3)
    after = check(shop, "2024-01-04T12:01")
    assert after is not None
    assert after.ran == ["copy@2024-01-02"]
    assert after.summary.changes_at == seconds_of("2024-01-04T12:03")
    assert shop.build(now="2024-01-04T12:01:30").summary.changes_at is None  # what doesn't rest is tried anyway


def test_a_word_of_a_person_that_holds_until_then(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, FLOW, 1, 2)
    shop.build()
    saying = Saying("frozen", "audited", until=seconds_of("2024-01-04T18:00"))
    mark(Settings(str(shop.root), now=seconds_of(NOW)), ["copy@2024-01-02"], saying, lambda event: None)
    shop.write("data/2024-01-02.txt", "changed\n")
    after = check(shop, "2024-01-04T18:00")
    assert after is not None
    assert after.ran == ["copy@2024-01-02"]


def test_a_key_that_is_too_far_ahead(tmp_path: Path) -> None:
    after = check(shop_of(tmp_path, FLOW, 1, 2, 7, 9), "2024-01-06T00:00")
    assert after is not None
    assert after.ran == ["copy@2024-01-07"]
    assert after.summary.changes_at == seconds_of("2024-01-08T00:00")


def test_rows_that_are_too_far_ahead(tmp_path: Path) -> None:
    flow = DAY + (
        '[sources.events]\npath = "events.csv"\n'
        '[targets.daily]\npath = "out/{day}.csv"\nsql = "SELECT * FROM events"\n'
        'inputs.events = { by = "CAST(t AS DATE)" }\n'
    )
    shop = Workshop(tmp_path / "project", flow)
    shop.write("events.csv", "t,n\n2024-01-02,1\n2024-01-08,2\n")
    after = check(shop, "2024-01-07T00:00")
    assert after is not None
    assert "daily@2024-01-08" in after.ran


def test_the_first_of_several(tmp_path: Path) -> None:
    flow = DAY + 'end = "now"\n' + RAW + 'settle = "10m"\nexpect = { hours = 20 }\n' + COPY
    shop = shop_of(tmp_path, flow, 1, 2, 3, 4)
    shop.date("data/2024-01-02.txt", "2024-01-04T11:59")
    named = []
    moment = NOW
    for _ in range(3):
        at = shop.build(now=moment).summary.changes_at
        assert at is not None
        moment = text(at)
        named.append(moment)
    assert named == ["2024-01-04T12:09:00", "2024-01-05T00:00:00", "2024-01-06T00:00:00"]
