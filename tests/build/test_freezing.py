"""Results that stay as they are once their time has passed: `freeze_after`."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from dbuild.build import Settings, explain, mark, marks, status
from dbuild.core.mark import Saying, Word
from dbuild.core.report import Explanation
from dbuild.errors import UsageError
from tests.build.workshop import DAYS, Workshop, seconds_of

FLOW = f"""
[project]
params = {{ word = "x" }}
{DAYS}
[sources.raw]
path = "data/{{day}}.txt"
[targets.daily]
path = "out/daily/{{day}}.txt"
shell = "cat {{raw}} > {{output}}"
freeze_after = "2d"
[targets.total]
path = "out/total.txt"
shell = "cat {{daily}} > {{output}}"
"""
FIRST, SECOND, THIRD = (f"daily@2013-01-0{day}" for day in (1, 2, 3))
NOW = "2013-01-05T00:00"  # the first two days are too old to change
OLD = "daily: {} frozen and not up to date (older than 2d; --reopen builds it)"


class Frozen(Workshop):
    """A project of which some days are too old to change."""

    def mark(self, argument: str, word: Word, now: str = NOW) -> int:
        """Says a word; on how many partitions it holds."""
        settings = Settings(str(self.root), now=seconds_of(now))
        (made,) = mark(settings, [argument], Saying(word, "because"), lambda event: None)
        return made.partitions

    def words(self, now: str = NOW) -> list[tuple[str, str, int]]:
        return [(m.keys, m.word, m.partitions) for m in marks(Settings(str(self.root), now=seconds_of(now)))]

    def explain(self, argument: str, now: str = NOW) -> Explanation:
        (found,) = explain(Settings(str(self.root), now=seconds_of(now)), [argument])
        return found


@pytest.fixture
def shop(tmp_path: Path) -> Frozen:
    """Three days that were built when they were young."""
    made = Frozen(tmp_path / "shop", FLOW)
    made.days("data", "01-01", "01-02", "01-03")
    assert made.build(now="2013-01-03T09:00").counts == {"daily": 3, "total": 1}
    return made


def correct(made: Frozen, *days: str) -> None:
    made.days("data", *days, text="new {day}\n")


def test_a_change_to_an_old_partition_is_reported_and_not_built(shop: Frozen) -> None:
    correct(shop, "01-01", "01-02", "01-03")
    done = shop.build(now=NOW)
    assert done.ran == [THIRD, "total"]
    assert done.notices == [OLD.format("2 partitions are")]
    assert shop.read("out/total.txt") == "01-01\n01-02\nnew 01-03\n"
    again = shop.build(now=NOW)
    assert (again.ran, again.notices) == ([], done.notices)
    (found,) = (each for each in status(Settings(str(shop.root), now=seconds_of(NOW)), ()) if each.name == "daily")
    assert (found.fresh, found.frozen, found.stale) == (1, 2, 0)


def test_a_day_is_old_to_the_second(shop: Frozen) -> None:
    correct(shop, "01-02")
    assert shop.plan(now="2013-01-04T23:59:59").will_run == 1
    assert shop.plan(now="2013-01-05T00:00:00").will_run == 0


def test_why_says_that_it_is_old(shop: Frozen) -> None:
    correct(shop, "01-01")
    first, second, third = (shop.explain(each) for each in (FIRST, SECOND, THIRD))
    assert (first.standing, first.frozen_after) == ("frozen", "2d")
    assert [cause.reason.kind for cause in first.causes] == ["input changed"]
    assert (second.standing, second.frozen_after) == ("fresh", "2d")
    assert (third.standing, third.frozen_after) == ("fresh", "")


def test_what_was_never_built_is_built_however_old_it_is(shop: Frozen) -> None:
    late = "2013-12-01T00:00"
    shop.days("data", "01-04", "01-05")
    assert shop.build(now=late).ran == ["daily@2013-01-04", "daily@2013-01-05", "total"]
    correct(shop, "01-04")
    assert shop.build(now=late).ran == []


def test_what_is_gone_is_made_again_however_old_it_is(shop: Frozen) -> None:
    shop.path("out/daily/2013-01-01.txt").unlink()
    assert shop.build(now=NOW).ran == [FIRST]
    assert shop.read("out/daily/2013-01-01.txt") == "01-01\n"


def test_what_is_edited_is_reported(shop: Frozen) -> None:
    shop.write("out/daily/2013-01-01.txt", "by hand\n")
    done = shop.build(now=NOW)
    assert (done.ran, done.notices) == (["total"], [OLD.format("1 partition is")])
    assert shop.read("out/total.txt") == "by hand\n01-02\n01-03\n"


def test_another_recipe_is_for_what_is_young(shop: Frozen) -> None:
    shop.swap("Dataflowfile", '"cat {raw} > {output}"', '"tac {raw} > {output}"')
    done = shop.build(now=NOW)
    assert (done.ran, done.notices) == ([THIRD], [OLD.format("2 partitions are")])


def test_reopening_builds_all_of_it(shop: Frozen) -> None:
    correct(shop, "01-01", "01-02")
    assert shop.build(now=NOW).ran == []
    assert shop.plan(now=NOW, is_reopened=True).will_run == 2
    done = shop.build(now=NOW, is_reopened=True)
    assert (done.ran, done.notices) == ([FIRST, SECOND, "total"], [])
    correct(shop, "01-02")
    assert shop.build(now=NOW).ran == []  # it was only for that build


def test_reopening_looks_behind_a_kept_answer(shop: Frozen) -> None:
    shop.build(now=NOW)
    shop.build(now=NOW)
    assert shop.build(now=NOW, is_reopened=True).standing == (0, 4, 0, 0, 0)


def test_force_does_not_reopen(shop: Frozen) -> None:
    assert shop.build("daily", now=NOW, force=True).ran == [THIRD]
    assert shop.build("daily", now=NOW, force=True, is_reopened=True).ran == [FIRST, SECOND, THIRD]


def test_a_partition_is_opened_until_it_is_built(shop: Frozen) -> None:
    correct(shop, "01-01", "01-02")
    assert shop.mark(FIRST, "clear") == 1
    assert shop.words() == [("2013-01-01", "open", 1)]
    assert shop.explain(FIRST).standing == "will run"
    assert shop.build(now=NOW).ran == [FIRST, "total"]
    assert shop.words() == []
    correct(shop, "01-01")
    shop.write("data/2013-01-01.txt", "once more\n")
    assert shop.build(now=NOW).ran == []


def test_a_partition_may_be_opened_before_it_changes(shop: Frozen) -> None:
    assert shop.mark("daily@2013-01", "clear") == 2
    assert shop.build(now=NOW).ran == []
    correct(shop, "01-01")
    assert shop.build(now=NOW).ran == [FIRST, "total"]
    assert shop.words() == [("2013-01", "open", 1)]
    correct(shop, "01-02")
    assert shop.build(now=NOW).ran == [SECOND, "total"]
    assert shop.build(now=NOW).ran == []


def test_what_is_open_can_be_closed(shop: Frozen) -> None:
    correct(shop, "01-01")
    shop.mark("daily", "clear")
    assert shop.mark("daily", "clear") == 2
    assert shop.words() == []
    assert shop.build(now=NOW).ran == []


def test_all_that_is_frozen_can_be_opened_by_that_name(shop: Frozen) -> None:
    correct(shop, "01-01", "01-02", "01-03")
    assert shop.mark("daily@frozen", "clear") == 2
    assert shop.build(now=NOW).ran == [FIRST, SECOND, THIRD, "total"]


def test_nothing_is_opened_where_nothing_is_frozen(shop: Frozen) -> None:
    with pytest.raises(UsageError, match="there is no mark"):
        shop.mark(THIRD, "clear")
    with pytest.raises(UsageError, match="there is no mark"):
        shop.mark("total", "clear")


def test_a_later_word_comes_before_the_age(shop: Frozen) -> None:
    shop.mark(FIRST, "stale")
    assert shop.build(now=NOW).ran == [FIRST]
    correct(shop, "01-01")
    assert shop.build(now=NOW).ran == []


def test_a_persons_word_outlasts_reopening(shop: Frozen) -> None:
    correct(shop, "01-01", "01-02")
    shop.mark(FIRST, "frozen")
    done = shop.build(now=NOW, is_reopened=True)
    assert done.ran == [SECOND, "total"]
    assert len(done.notices) == 1
    assert "because" in done.notices[0]


def test_a_frozen_partition_opened_from_a_word_is_opened_from_its_age_too(shop: Frozen) -> None:
    correct(shop, "01-01")
    shop.mark(FIRST, "frozen")
    assert shop.mark(FIRST, "clear") == 1
    assert shop.build(now=NOW).ran == [FIRST, "total"]


def test_what_waits_stops_waiting_when_it_is_too_old_to_change(shop: Frozen) -> None:
    shop.path("data/2013-01-03.txt").unlink()
    shop.days("data", "01-04")
    assert shop.build(now="2013-01-05T12:00").standing == (1, 2, 0, 2, 0)
    shop.build(now="2013-01-05T12:00")
    assert shop.build(now="2013-01-05T12:01").standing == (0, 3, 0, 2, 0)
    assert shop.build(now="2013-01-06T00:00").standing == (1, 4, 0, 0, 0)


def test_an_old_balance_stays_and_later_ones_go_on_from_it(tmp_path: Path) -> None:
    flow = FLOW.partition("[targets")[0] + (
        '[targets.sums]\npath = "out/{day}.txt"\nfreeze_after = "2d"\n'
        'shell = "cat {before} {raw} > {output}"\n'
        'inputs.before = { from = "sums", day = "previous" }\n'
    )
    made = Frozen(tmp_path / "p", flow)
    made.days("data", "01-01", "01-02", "01-03", "01-04")
    assert made.build(now="2013-01-03T09:00").counts == {"sums": 4}
    correct(made, "01-01", "01-03")
    done = made.build(now=NOW)
    assert done.ran == ["sums@2013-01-03", "sums@2013-01-04"]
    assert done.notices == [OLD.format("1 partition is").replace("daily", "sums")]
    assert made.read("out/2013-01-04.txt") == "01-01\n01-02\nnew 01-03\n01-04\n"
    assert made.build(now=NOW, is_reopened=True).counts == {"sums": 4}


def test_many_old_partitions_without_a_seal(tmp_path: Path) -> None:
    """Their traces are read in one go, and all of them are reported."""
    flow = FLOW.replace("start = 2013-01-01\n", "start = 2013-01-01\nend = 2013-05-30\n")
    made = Frozen(tmp_path / "p", flow.replace('"cat {raw} > {output}"', '"true {raw} > {output}"'))
    first = date(2013, 1, 1)
    made.days("data", *(f"{first + timedelta(days=n):%m-%d}" for n in range(150)))
    assert made.build("daily", now="2013-01-01T00:00").counts == {"daily": 150}
    made.swap("Dataflowfile", '"true {raw} > {output}"', '"echo {raw} > {output}"')
    done = made.build("daily", now="2013-06-01T00:00")
    assert (done.counts, done.notices) == ({"daily": 1}, [OLD.format("149 partitions are")])


def test_what_is_not_asked_for_is_not_looked_at(shop: Frozen) -> None:
    """Its outputs aren't listed then, so nothing can be said of what is frozen among them."""
    other = '[targets.other]\npath = "out/other.txt"\nshell = "echo > {output}"\n'
    shop.write("Dataflowfile", FLOW + other)
    correct(shop, "01-01")
    assert len(shop.build(now=NOW).notices) == 1
    shop.mark(SECOND, "frozen")
    correct(shop, "01-02")
    assert shop.build("daily", now=NOW).ran == []
    assert shop.build("other", now=NOW, force=True).ran == ["other"]
    assert shop.build(now=NOW).ran == []
