"""What people say of partitions, and what a build makes of it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from dbuild.build import Settings, explain, mark, marks, status
from dbuild.core.mark import Saying, Word
from dbuild.core.report import DatasetStatus, MarkRecord
from dbuild.errors import UsageError, UserError
from tests.build.workshop import DAYS, Workshop

FLOW = f"""
[project]
params = {{ word = "x" }}
{DAYS}
[sources.raw]
path = "data/{{day}}.txt"
[targets.daily]
path = "out/daily/{{day}}.txt"
shell = "cat {{raw}} > {{output}}"
[targets.total]
path = "out/total.txt"
shell = "cat {{daily}} > {{output}}"
"""
DAY = "daily@2013-01-02"
PRICED = """
[sources.rates]
path = "rates.txt"
[targets.priced]
path = "out/priced/{day}.txt"
inputs.rates = { impact = "none" }
shell = "cat {raw} {rates} > {output}"
"""


class Marked(Workshop):
    """A project with marks."""

    def mark(
        self, argument: str, word: Word, *, why: str = "because", until: float | None = None, inputs_too: bool = False
    ) -> MarkRecord:
        (made,) = self.mark_all(argument, word=word, why=why, until=until, inputs_too=inputs_too)
        return made

    def mark_all(
        self, *arguments: str, word: Word, why: str = "because", until: float | None = None, inputs_too: bool = False
    ) -> tuple[MarkRecord, ...]:
        return mark(Settings(str(self.root)), arguments, Saying(word, why, until, inputs_too), lambda event: None)

    def marks(self) -> list[tuple[str, str, str, int]]:
        return [(each.target, each.keys, each.word, each.partitions) for each in marks(Settings(str(self.root)))]

    def status(self, name: str) -> DatasetStatus:
        return next(each for each in status(Settings(str(self.root)), ()) if each.name == name)


def said(made: tuple[MarkRecord, ...]) -> list[tuple[str, str, int]]:
    return [(each.target, each.keys, each.partitions) for each in made]


@pytest.fixture
def shop(tmp_path: Path) -> Marked:
    made = Marked(tmp_path / "shop", FLOW)
    made.days("data", "01-01", "01-02", "01-03")
    assert made.build().counts == {"daily": 3, "total": 1}
    return made


# --- stale -----------------------------------------------------------------------------------------------------------


def test_stale_forces_one_rebuild(shop: Marked) -> None:
    made = shop.mark(DAY, "stale", why="the sensor was wrong")
    assert (made.partitions, made.why) == (1, "the sensor was wrong")
    (found,) = explain(Settings(str(shop.root)), [DAY])
    assert [str(cause.reason) for cause in found.causes] == [f"marked stale by {made.who}: the sensor was wrong"]
    assert found.mark is not None
    assert found.mark.word == "stale"
    done = shop.build()
    assert (done.ran, done.skipped) == ([DAY], ["total"])
    assert shop.build().ran == []
    assert shop.marks() == []


def test_stale_partitions_are_rebuilt_as_they_are_asked_for(shop: Marked) -> None:
    shop.mark("daily", "stale")
    assert shop.build(DAY).ran == [DAY]
    assert shop.marks() == [("daily", "", "stale", 2)]
    assert shop.build().ran == ["daily@2013-01-01", "daily@2013-01-03"]
    assert shop.marks() == []


def test_what_fails_after_it_was_marked_stays_stale(shop: Marked) -> None:
    shop.mark(DAY, "stale")
    shop.swap("Dataflowfile", "cat {raw}", "false; cat {raw}")
    assert DAY in shop.build(keep_going=True).errors
    shop.swap("Dataflowfile", "false; cat {raw}", "cat {raw}")
    assert shop.build().ran == ["daily@2013-01-01", DAY, "daily@2013-01-03"]
    assert shop.build().ran == []


# --- fresh -----------------------------------------------------------------------------------------------------------


def test_fresh_accepts_outputs_under_a_changed_recipe(shop: Marked) -> None:
    shop.swap("Dataflowfile", "cat {raw} >", "cat  {raw} >")
    assert shop.plan().will_run == 3
    shop.mark("daily", "fresh", why="only a blank")
    assert shop.build().ran == []
    assert shop.marks() == [("daily", "", "fresh", 3)]
    assert shop.status("daily").marks[0].word == "fresh"
    shop.write("data/2013-01-02.txt", "new\n")
    assert shop.build().ran == [DAY, "total"]
    assert shop.marks() == [("daily", "", "fresh", 2)]


def test_fresh_is_refused_where_inputs_differ_unless_they_are_accepted_too(shop: Marked) -> None:
    shop.write("data/2013-01-02.txt", "new\n")
    with pytest.raises(UserError, match=r"daily@2013-01-02 was built from other inputs \(input changed raw@"):
        shop.mark("daily", "fresh")
    assert shop.marks() == []
    assert shop.plan().will_run == 1
    shop.mark(DAY, "fresh", inputs_too=True)
    assert shop.build().ran == []
    assert shop.read("out/daily/2013-01-02.txt") == "01-02\n"


def test_fresh_is_refused_where_an_input_is_not_there(shop: Marked) -> None:
    shop.path("data/2013-01-02.txt").unlink()
    shop.build()
    for inputs_too in (False, True):
        with pytest.raises(UserError) as caught:
            shop.mark(DAY, "fresh", inputs_too=inputs_too)
        assert f"{DAY} reads raw@2013-01-02, which is not there" in caught.value.what


@pytest.mark.parametrize("inputs_too", [False, True])
def test_fresh_takes_what_an_input_waits_for_as_it_was_made_last(shop: Marked, inputs_too: bool) -> None:
    text = shop.read("data/2013-01-02.txt")
    shop.path("data/2013-01-02.txt").unlink()
    shop.swap("Dataflowfile", "cat {daily} >", "cat  {daily} >")
    assert (shop.status("daily").waiting, shop.status("total").waiting) == (1, 1)
    shop.mark("total", "fresh", inputs_too=inputs_too)
    shop.write("data/2013-01-02.txt", text)
    assert shop.build().ran == []
    shop.write("data/2013-01-02.txt", "other\n")
    assert shop.build().counts == {"daily": 1, "total": 1}


def test_fresh_does_not_mind_inputs_that_do_not_count(shop: Marked) -> None:
    shop.write("rates.txt", "one\n")
    shop.write("Dataflowfile", f"{FLOW}{PRICED}")
    assert shop.build().counts == {"priced": 3}
    shop.write("rates.txt", "two\n")
    shop.swap("Dataflowfile", "cat {raw} {rates}", "cat  {raw} {rates}")
    shop.mark("priced", "fresh")
    assert shop.build().ran == []
    shop.mark("priced@2013-01-02", "fresh", inputs_too=True)
    shop.swap("Dataflowfile", 'inputs.rates = { impact = "none" }', "")
    assert shop.build().ran == ["priced@2013-01-01", "priced@2013-01-03"]  # what was read counts again
    assert shop.build().ran == []


def test_fresh_adopts_outputs_from_before_dbuild(tmp_path: Path) -> None:
    shop = Marked(tmp_path / "shop", FLOW)
    shop.days("data", "01-01", "01-02")
    shop.write("out/daily/2013-01-01.txt", "made by hand\n")
    assert shop.mark("daily", "fresh").partitions == 1
    assert shop.build().ran == [DAY, "total"]
    assert shop.read("out/total.txt") == "made by hand\n01-02\n"
    assert shop.build().ran == []


def test_an_edited_output_can_be_accepted(shop: Marked) -> None:
    shop.write("out/daily/2013-01-02.txt", "mended by hand\n")
    shop.mark(DAY, "fresh")
    assert shop.build().ran == ["total"]
    shop.write("out/daily/2013-01-02.txt", "edited again\n")
    assert DAY in shop.build().ran


def test_nothing_there_is_nothing_to_accept(tmp_path: Path) -> None:
    shop = Marked(tmp_path / "shop", FLOW)
    shop.days("data", "01-01")
    with pytest.raises(UserError, match="nothing of"):
        shop.mark("daily", "fresh")


def test_what_was_accepted_can_be_taken_back(shop: Marked) -> None:
    shop.swap("Dataflowfile", "cat {raw} >", "tac {raw} >")
    shop.mark("daily", "fresh")
    assert shop.plan().will_run == 0
    shop.mark(DAY, "clear")
    assert shop.build().ran == [DAY]
    shop.mark("daily", "clear")
    assert shop.build().ran == ["daily@2013-01-01", "daily@2013-01-03"]
    assert shop.marks() == []


def test_what_was_accepted_twice_is_taken_back_to_what_was_built(shop: Marked) -> None:
    for command in ("tac {raw} >", "cat  {raw} >"):
        shop.swap(
            "Dataflowfile", next(c for c in ("cat {raw} >", "tac {raw} >") if c in shop.read("Dataflowfile")), command
        )
        shop.mark("daily", "fresh")
    assert shop.plan().will_run == 0
    shop.mark("daily", "clear")
    assert shop.build().counts == {"daily": 3}
    assert shop.build().ran == []


def test_what_has_expired_can_be_taken_back_too(shop: Marked, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.swap("Dataflowfile", "cat {raw} >", "tac {raw} >")
    shop.mark("daily", "fresh", until=time.time() + 3600)
    later(monkeypatch, hours=2)
    shop.mark("daily", "clear")
    (found,) = explain(Settings(str(shop.root)), [DAY])
    assert [cause.reason.kind for cause in found.causes] == ["recipe changed"]


def test_what_was_adopted_and_taken_back_was_never_built(tmp_path: Path) -> None:
    shop = Marked(tmp_path / "shop", FLOW)
    shop.days("data", "01-01")
    shop.write("out/daily/2013-01-01.txt", "made by hand\n")
    shop.mark("daily", "fresh")
    shop.mark("daily", "clear")
    assert shop.build().ran == ["daily@2013-01-01", "total"]


def test_fresh_until_a_date_ends_on_that_date(shop: Marked, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.swap("Dataflowfile", "cat {raw} >", "tac {raw} >")
    shop.mark("daily", "fresh", until=time.time() + 3600)
    assert shop.build().ran == []
    later(monkeypatch, hours=2)
    (found,) = explain(Settings(str(shop.root)), [DAY])
    assert [cause.reason.kind for cause in found.causes] == ["mark expired"]
    assert shop.build().counts == {"daily": 3}
    assert shop.build().ran == []


# --- frozen ----------------------------------------------------------------------------------------------------------


def test_frozen_partitions_stay_as_they_are_and_say_so(shop: Marked) -> None:
    shop.mark("daily@2013-01-01..2013-01-02", "frozen", why="audited")
    shop.days("data", "01-01", "01-02", "01-03", text="new {day}\n")
    done = shop.build()
    assert done.ran == ["daily@2013-01-03", "total"]
    (notice,) = done.notices
    assert notice.startswith("daily: 2 partitions are frozen and not up to date (by ")
    assert "audited" in notice
    assert (shop.status("daily").fresh, shop.status("daily").frozen) == (1, 2)
    (found,) = explain(Settings(str(shop.root)), ["daily@2013-01-01"])
    assert found.standing == "frozen"
    assert [cause.reason.kind for cause in found.causes] == ["input changed"]
    assert shop.build().notices == [notice]
    shop.mark("daily", "clear")
    assert shop.build().ran == ["daily@2013-01-01", DAY, "total"]


def test_a_frozen_target_has_no_new_partitions_and_its_readers_wait(shop: Marked) -> None:
    shop.mark("daily", "frozen")
    shop.days("data", "01-04")
    done = shop.build()
    assert done.ran == []
    assert done.summary.waiting == 2
    assert (shop.status("daily").fresh, shop.status("daily").waiting) == (3, 1)


def test_force_does_not_thaw(shop: Marked) -> None:
    shop.mark("daily", "frozen")
    done = shop.build("daily", force=True)
    assert done.ran == []
    assert "frozen" in done.notices[0]


def test_a_frozen_target_needs_nothing(shop: Marked) -> None:
    shop.mark("total", "frozen")
    shop.days("data", "01-02", text="new\n")
    assert shop.build("total").ran == []
    assert shop.build().ran == [DAY]


def test_frozen_until_a_date(shop: Marked, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.mark(DAY, "frozen", until=time.time() + 3600)
    shop.write("data/2013-01-02.txt", "new\n")
    assert shop.build().ran == []
    later(monkeypatch, hours=2)
    assert shop.build().ran == [DAY, "total"]


# --- words in general ------------------------------------------------------------------------------------------------


def test_a_later_word_takes_the_place_of_an_earlier_one(shop: Marked) -> None:
    shop.mark("daily", "frozen")
    shop.mark(DAY, "stale")
    assert shop.marks() == [("daily", "2013-01-02", "stale", 1), ("daily", "", "frozen", 2)]
    assert shop.build().ran == [DAY]
    assert shop.marks() == [("daily", "", "frozen", 3)]


def test_marks_on_nothing_are_refused(shop: Marked) -> None:
    for argument, said in (
        ("dialy", "did you mean"),
        ("raw", "is a source"),
        ("ra*", "matches only sources"),
        ("tag:x", "nothing has tags"),
        ("daily@2015-01-01", "nothing of"),
        ("daily@failed", "no partition stands so"),
    ):
        with pytest.raises(UsageError) as error:
            shop.mark(argument, "stale")
        assert said in str(error.value)
    with pytest.raises(UsageError, match="there is no mark"):
        shop.mark("daily", "clear")
    assert shop.build().ran == []


def test_a_mark_outlives_the_key_that_it_named(shop: Marked) -> None:
    shop.mark("daily@2013-01-01", "frozen")
    shop.swap("Dataflowfile", "start = 2013-01-01", "start = 2013-01-02")
    done = shop.build()
    assert any("means nothing any more" in notice for notice in done.notices)


def test_the_command_says_what_it_marked_and_lists_it(shop: Marked) -> None:
    done = shop.run("mark", "daily@2013-01-02", "frozen", "--why", "audited", "--until", "2999-01-01")
    assert (done.returncode, done.stderr) == (0, "daily@2013-01-02: 1 partition marked frozen\n")
    listed = shop.run("mark").stdout
    assert listed.startswith("daily@2013-01-02: marked frozen until 2999-01-01 00:00:00")
    assert listed.endswith(": audited\n")
    (record,) = shop.json("mark")[0]["marks"]
    assert (record["target"], record["keys"], record["mark"], record["partitions"]) == (
        "daily",
        "2013-01-02",
        "frozen",
        1,
    )
    assert "marked frozen" in shop.run("status").stdout
    assert "marked frozen" in shop.run("list").stdout
    assert "marked frozen" in shop.run("why", DAY).stdout
    assert shop.run("mark", "daily@2013-01-02", "--clear").returncode == 0
    assert shop.run("mark").stderr == "nothing is marked\n"


def test_several_targets_are_marked_at_once(shop: Marked) -> None:
    made = shop.mark_all("daily@2013-01-01", "tot*", "daily@2013-01-03..", word="frozen")
    assert said(made) == [("daily", "2013-01-01@2013-01-03..", 2), ("total", "", 1)]
    shop.days("data", "01-01", "01-02", "01-03", text="new {day}\n")
    assert shop.build().ran == [DAY]
    assert [each.target for each in shop.mark_all("*", word="clear")] == ["daily", "total"]
    assert shop.build().ran == ["daily@2013-01-01", "daily@2013-01-03", "total"]
    assert shop.marks() == []


def test_what_is_up_and_down_the_flow_is_marked_with_it(shop: Marked) -> None:
    made = shop.mark_all("daily@2013-01-02+", word="stale")
    assert [(each.target, each.keys, each.partitions) for each in made] == [
        ("daily", "2013-01-02", 1),
        ("total", "", 1),
    ]
    assert shop.build().ran == [DAY, "total"]
    made = shop.mark_all("+total", word="stale")
    assert said(made) == [("daily", "", 3), ("total", "", 1)]
    assert shop.build().counts == {"daily": 3, "total": 1}


def test_for_several_targets_a_word_is_taken_as_a_whole_or_not_at_all(shop: Marked) -> None:
    shop.swap("Dataflowfile", "cat {daily} >", "tac {daily} >")
    shop.write("data/2013-01-02.txt", "new\n")
    with pytest.raises(UserError, match="daily@2013-01-02 was built from other inputs"):
        shop.mark_all("total", "daily", word="fresh")
    assert shop.marks() == []
    assert [each.target for each in shop.mark_all("total", "daily@2013-01-01", word="fresh")] == ["daily", "total"]
    assert shop.build("daily@2013-01-01", "total").ran == [DAY, "total"]


def test_what_is_frozen_before_it_is_there_is_listed_and_can_be_taken_back(shop: Marked) -> None:
    assert shop.mark("daily@2013-01-05", "frozen").partitions == 0
    assert shop.marks() == [("daily", "2013-01-05", "frozen", 0)]
    shop.days("data", "01-04", "01-05")
    done = shop.build()
    assert (done.ran, done.summary.waiting) == (["daily@2013-01-04"], 2)
    assert shop.marks() == [("daily", "2013-01-05", "frozen", 1)]
    shop.mark("daily@today..", "frozen")
    shop.mark("daily@today..", "clear")
    shop.mark("daily@2013-01-05", "clear")
    assert shop.marks() == []
    assert shop.build().ran == ["daily@2013-01-05", "total"]


def test_a_mark_on_keys_that_are_no_more_is_taken_back_as_the_notice_says(shop: Marked) -> None:
    shop.mark("daily@2013-01-01", "frozen")
    shop.swap("Dataflowfile", "start = 2013-01-01", "start = 2013-01-02")
    (notice,) = shop.build("daily").notices
    command = notice.rpartition("(dbuild ")[2].removesuffix(")")
    assert shop.run(*command.split()).returncode == 0
    assert shop.build("daily").notices == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["stale", "--why", "x"], "what is stale?"),
        (["--clear"], "whose marks?"),
        (["daily", "raw", "--why", "x"], "which mark?"),
        (["daily", "frosen", "--why", "x"], 'did you mean "frozen"?'),
        (["daily", "stale"], '--why "…"'),
        (["daily"], "which mark?"),
        (["daily", "stale", "--why", "x", "--until", "soon"], "is no date"),
        (["daily", "stale", "--why", "x", "--until", "2001-01-01"], "has passed"),
        (["daily", "stale", "--why", "x", "--inputs-too"], "goes with fresh"),
        (["daily", "stale", "--clear"], "takes back"),
    ],
)
def test_what_cannot_be_said_is_refused(shop: Marked, words: list[str], said: str) -> None:
    done = shop.run("mark", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert shop.marks() == []


def later(monkeypatch: pytest.MonkeyPatch, *, hours: int) -> None:
    """Moves the clock that builds are told."""
    monkeypatch.setattr(Settings, "clock", lambda self: time.time() + hours * 3600)


def test_what_is_frozen_behind_what_ran_is_not_fresh_when_it_thaws(tmp_path: Path) -> None:
    chain = Marked(tmp_path / "chain", FLOW.replace("cat {daily}", "cat {copy}"))
    chain.write(
        "Dataflowfile",
        chain.read("Dataflowfile") + '[targets.copy]\npath = "out/copy/{day}.txt"\nshell = "cat {daily} > {output}"\n',
    )
    chain.days("data", "01-01", "01-02")
    assert chain.build().counts == {"daily": 2, "copy": 2, "total": 1}
    chain.mark("copy@2013-01-02", "frozen")
    chain.days("data", "01-02", text="later {day}\n")
    assert chain.build().ran == [DAY]
    done = chain.build()
    assert done.ran == []
    assert [notice.partition(" (")[0] for notice in done.notices] == ["copy: 1 partition is frozen and not up to date"]
    chain.mark("copy@2013-01-02", "clear")
    assert chain.build().ran == ["copy@2013-01-02", "total"]
    assert "later 01-02" in chain.read("out/total.txt")


def test_what_is_frozen_notices_the_columns_of_a_first_partition(tmp_path: Path) -> None:
    flow = f"""
{DAYS}
[sources.raw]
path = "data/{{day}}.txt"
[targets.rows]
path = "out/rows/{{day}}.csv"
shell = "cat {{raw}} > {{output}}"
[targets.kinds]
path = "out/kinds/{{day}}.csv"
sql = "SELECT typeof(any_value(x)) AS kind FROM rows"
"""
    shop = Marked(tmp_path / "shop", flow)
    shop.days("data", "01-01", "01-02", text="x\n1\n")
    assert shop.build().counts == {"rows": 2, "kinds": 2}
    shop.mark("kinds@2013-01-02", "frozen")
    shop.days("data", "01-01", text="x\n1.5\n")
    assert shop.build().ran == ["kinds@2013-01-01", "rows@2013-01-01"]
    shop.mark("kinds@2013-01-02", "clear")
    assert shop.build().ran == ["kinds@2013-01-02"]
    assert shop.read("out/kinds/2013-01-02.csv") == "kind\nDOUBLE\n"
