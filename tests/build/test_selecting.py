"""Partitions that are chosen by how they stand, by names of several targets and by words on time; on a real project."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

import pytest

from dbuild.build import Settings, explain, log_path, mark, session, show, status
from dbuild.core.mark import Saying
from dbuild.errors import UsageError
from tests.build.workshop import DAYS, Workshop

FLOW = f"""
{DAYS}
[partitions.kind]
values = ["a,b", "C++", "stale"]
[sources.raw]
path = "data/{{day}}.txt"
[targets.daily]
path = "out/daily/{{day}}.txt"
shell = "grep -v bad {{raw}} > {{output}}"
[targets.daily_kinds]
path = "out/kinds/{{kind}}/{{day}}.txt"
shell = "cat {{daily}} > {{output}}"
tags = ["nightly"]
[targets.total]
path = "out/total.txt"
shell = "cat {{daily}} > {{output}}"
tags = ["nightly", "small"]
"""


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    made = Workshop(tmp_path / "shop", FLOW)
    made.days("data", "01-01", "01-02", "01-03")
    made.build("daily")
    return made


def keys(shop: Workshop, argument: str) -> list[str]:
    """The partitions that a selector chooses."""
    found = explain(Settings(str(shop.root)), argument)
    return [",".join(value for _, value in each.key) for each in found]


def test_words_choose_by_what_the_plan_says(shop: Workshop) -> None:
    shop.write("data/2013-01-02.txt", "new\n")
    shop.write("data/2013-01-04.txt", "later\n")
    shop.write("data/2013-01-06.txt", "bad\n")
    shop.path("out/daily/2013-01-03.txt").unlink()
    assert keys(shop, "daily@stale") == ["2013-01-02", "2013-01-03", "2013-01-04", "2013-01-06"]
    assert keys(shop, "daily@missing") == ["2013-01-03", "2013-01-04", "2013-01-05", "2013-01-06"]
    assert keys(shop, "daily@fresh") == ["2013-01-01"]
    assert keys(shop, "daily@waiting") == ["2013-01-05"]
    assert keys(shop, "daily@stale,2013-01-03..") == ["2013-01-03", "2013-01-04", "2013-01-06"]
    assert keys(shop, "daily@fresh@waiting") == ["2013-01-01", "2013-01-05"]
    assert keys(shop, "raw@missing+")[:1] == ["2013-01-05"]
    assert shop.build("daily@stale", keep_going=True).ran == [f"daily@2013-01-0{day}" for day in (2, 3, 4, 6)]
    assert keys(shop, "daily@failed") == ["2013-01-06"]
    shop.write("data/2013-01-06.txt", "good\n")
    assert shop.build("daily@failed").ran == ["daily@2013-01-06"]


def test_what_nothing_stands_like_is_no_mistake_of_a_build(shop: Workshop) -> None:
    done = shop.build("daily@failed")
    assert (done.ran, done.summary.failed) == ([], 0)
    assert done.notices == ["daily@failed chooses nothing: no partition stands so"]
    with pytest.raises(UsageError, match="chooses nothing"):
        mark(Settings(str(shop.root)), "daily@failed", Saying("stale", "why"), lambda event: None)


def test_several_targets_are_named_by_globs_and_tags(shop: Workshop) -> None:
    done = shop.build("tag:small@all", "daily_*@day=2013-01-02,kind=C%2B%2B")
    assert done.ran == ["daily_kinds@C++,2013-01-02", "total"]
    assert shop.build("+tag:night*@day=2013-01-03").ran == [
        f"daily_kinds@{k},2013-01-03" for k in ("C++", "a,b", "stale")
    ]
    with pytest.raises(UsageError) as caught:
        shop.build("tag:nighty")
    assert caught.value.hint == 'did you mean "nightly"?'


def test_odd_keys_are_printed_as_they_are_typed(shop: Workshop) -> None:
    shop.build()
    for argument, key in [("daily_kinds@a%2Cb,2013-01-01", "a,b"), ("daily_kinds@%73tale,2013-01-01", "stale")]:
        shown = show(Settings(str(shop.root)), argument, 0)
        assert shown.key == (("kind", key), ("day", "2013-01-01"))
        printed = shop.run("why", argument)
        assert printed.stdout.splitlines()[0] == f"{argument}: fresh"
    (found,) = [each for each in status(Settings(str(shop.root)), ()) if each.name == "daily_kinds"]
    assert found.keys == "a%2Cb..%73tale,2013-01-01..2013-01-03"


def test_a_mark_keeps_what_was_meant(shop: Workshop) -> None:
    settings = Settings(str(shop.root))
    shop.write("data/2013-01-02.txt", "new\n")
    made = mark(settings, "daily@stale", Saying("frozen", "why"), lambda event: None)
    assert (made.keys, made.partitions) == ("2013-01-02", 1)
    made = mark(settings, "daily_kinds@C%2B%2B..,2013-01-02..", Saying("frozen", "why"), lambda event: None)
    assert (made.keys, made.partitions) == ("C%2B%2B+%73tale,2013-01-02..", 4)
    day = datetime.fromisoformat("2013-01-01")
    made = mark(settings, "daily@..yesterday", Saying("frozen", "why"), lambda event: None)
    assert made.keys.startswith("..2")
    assert datetime.fromisoformat(made.keys[2:]) > day
    assert keys(shop, "daily@frozen") == ["2013-01-01", "2013-01-02", "2013-01-03"]


def test_an_answer_holds_as_long_as_its_words_mean_the_same(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[tuple[str, ...]] = []
    look = session.look

    def counting(*arguments: object, **options: object) -> object:
        looks.append(arguments[2])  # type: ignore[arg-type]
        return look(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(session, "look", counting)
    for argument in ("daily", "daily@2013-01-01", "daily@..today", "daily@fresh"):
        shop.build(argument)
        shop.build(argument)
        looks.clear()
        shop.build(argument)
        assert len(looks) == (argument == "daily@fresh"), argument
    late = time.time() + 2 * 86_400
    monkeypatch.setattr(time, "time", lambda: late)
    looks.clear()
    shop.build("daily")
    assert looks == []
    shop.build("daily@..today")
    assert looks == [("daily@..today",)]


def test_a_log_is_found_by_one_key_however_it_is_written(shop: Workshop) -> None:
    shop.write("Dataflowfile", FLOW.replace("cat {raw}", "echo said; cat {raw}").replace("grep", "echo hi >&2; grep"))
    shop.build("daily")
    settings = Settings(str(shop.root))
    assert log_path(settings, "daily@day=2013-01-01") == log_path(settings, "daily@2013-01-01")
    assert log_path(settings, "daily@2013-01-01") is not None
    assert log_path(settings, "daily@today") is None
    with pytest.raises(UsageError, match="names no single partition"):
        log_path(settings, "daily@2013-01")


# --- [project] default ------------------------------------------------------------------------------------------------


def with_default(shop: Workshop, *selectors: str) -> None:
    shop.write("Dataflowfile", f"[project]\ndefault = [\n  {', '.join(map(repr, selectors))}\n]\n{FLOW}")


def test_the_default_is_written_as_on_the_command_line(shop: Workshop) -> None:
    with_default(shop, "daily_*@day=2013-01-02..", "tag:small")
    assert shop.build().ran == [
        *(f"daily_kinds@{kind},2013-01-0{day}" for kind in ("C++", "a,b", "stale") for day in (2, 3)),
        "total",
    ]
    assert [each.name for each in status(Settings(str(shop.root)), ())] == ["raw", "daily", "daily_kinds", "total"]
    with_default(shop, "raw@2013-01-01+")
    shop.write("data/2013-01-01.txt", "new\n")
    shop.write("data/2013-01-02.txt", "new\n")
    assert shop.build().counts == {"daily": 2, "daily_kinds": 3, "total": 1}


def test_a_default_that_depends_on_today_or_on_standing_is_asked_again(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_default(shop, "daily@..today")
    shop.build()
    shop.build()
    shop.write("data/2013-01-02.txt", "new\n")
    with_default(shop, "daily@stale")
    assert shop.build().ran == ["daily@2013-01-02"]
    assert shop.build().notices == ["daily@stale chooses nothing: no partition stands so"]
    shop.write("data/2013-01-03.txt", "new\n")
    assert shop.build().ran == ["daily@2013-01-03"]


@pytest.mark.parametrize(
    ("selector", "what", "hint"),
    [
        ("dialy", '"dialy" of default is no target', 'did you mean "daily"?'),
        ("raw", '"raw" of default is a source', "raw+ stands for"),
        ("@2013", '"@2013" names no target', "TARGET@KEYS"),
        ("dialy*", '"dialy*" matches no target', 'did you mean "daily"?'),
        ("tag:nighty", 'nothing has the tag "nighty"', 'did you mean "nightly"?'),
        ("daily@2012", "lies outside day", "day goes from 2013-01-01"),
        ("daily@2013-1-5", "is not a day", 'did you mean "2013-01-05"?'),
        ("daily@knd=x", '"knd" is no dimension of daily', "its dimensions are day"),
        ("daily_kinds@kind=x", '"x" is not a value of kind', "its values are"),
    ],
)
def test_a_mistake_in_the_default_has_its_line(shop: Workshop, selector: str, what: str, hint: str) -> None:
    with_default(shop, "total", selector)
    for command in ([], ["lint"], ["status"]):
        done = shop.run(*command)
        first, second = done.stderr.splitlines()[:2]
        assert done.returncode == 2
        assert first.startswith("error: Dataflowfile:3: ") and what in first
        assert hint in second
