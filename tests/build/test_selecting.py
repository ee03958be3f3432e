"""Partitions that are chosen by how they stand, by names of several targets and by words on time; on a real project."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

import pytest

from dbuild.build import Settings, explain, log_paths, mark, overview, session, show, status
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
    found = explain(Settings(str(shop.root)), [argument])
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
        mark(Settings(str(shop.root)), ["daily@failed"], Saying("stale", "why"), lambda event: None)


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
        (shown,) = show(Settings(str(shop.root)), [argument], 0)
        assert shown.key == (("kind", key), ("day", "2013-01-01"))
        printed = shop.run("why", argument)
        assert printed.stdout.splitlines()[0] == f"{argument}: fresh"
    (found,) = [each for each in status(Settings(str(shop.root)), ()) if each.name == "daily_kinds"]
    assert found.keys == "a%2Cb..%73tale,2013-01-01..2013-01-03"


def test_a_mark_keeps_what_was_meant(shop: Workshop) -> None:
    settings = Settings(str(shop.root))
    shop.write("data/2013-01-02.txt", "new\n")
    (made,) = mark(settings, ["daily@stale"], Saying("frozen", "why"), lambda event: None)
    assert (made.keys, made.partitions) == ("2013-01-02", 1)
    (made,) = mark(settings, ["daily_kinds@C%2B%2B..,2013-01-02.."], Saying("frozen", "why"), lambda event: None)
    assert (made.keys, made.partitions) == ("C%2B%2B+%73tale,2013-01-02..", 4)
    day = datetime.fromisoformat("2013-01-01")
    (made,) = mark(settings, ["daily@..yesterday"], Saying("frozen", "why"), lambda event: None)
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


def test_logs_are_found_by_keys_however_they_are_written(shop: Workshop) -> None:
    shop.write(
        "Dataflowfile", FLOW.replace("grep", "echo {day} >&2; grep").replace("cat {daily}", "echo all >&2; cat {daily}")
    )
    shop.build("daily", "total")
    shop.write("data/2013-01-02.txt", "bad\n")
    shop.build("daily", keep_going=True)

    def logs(*words: str) -> list[tuple[str, str]]:
        found = log_paths(Settings(str(shop.root)), words)
        return [(label, path.split("/")[-2]) for label, path in found.items()]

    first, second, third = ((f"daily@2013-01-0{day}", run) for day, run in ((1, "2"), (2, "3"), (3, "2")))
    for text in ("daily@2013-01-01", "daily@day=2013-01-01", "daily@..2013-01-01", "dail?@2013-01-01"):
        assert logs(text) == [first]
    assert sorted(logs("daily@2013-01")) == [first, second, third]
    assert sorted(logs("daily@2013-01-02..", "total")) == [second, third, ("total", "2")]
    assert sorted(logs("+total")) == [("daily", "3"), ("total", "2")]
    assert logs("daily") == [("daily", "3")]
    assert logs("daily@failed") == logs("3:daily@2013-01", "3") == logs("3") == [second]
    assert sorted(logs("2:daily@2013-01-02..")) == [(second[0], "2"), third]
    assert logs("tag:small") == [("total", "2")]
    assert logs("daily@today") == logs("daily_kinds@fresh") == logs("daily@undecided") == []
    printed = shop.run("log", "daily@2013-01-02..", "total").stdout.splitlines()
    assert sorted(printed) == ["daily@2013-01-02 | 2013-01-02", "daily@2013-01-03 | 2013-01-03", "total | all"]
    assert shop.run("log", "daily@failed").stdout == "2013-01-02\n"
    for words in (["1", "2"], ["9:daily"], ["daily@2012-01-01"], [""]):
        with pytest.raises(UsageError):
            logs(*words)


def test_a_log_is_found_of_a_key_that_is_no_more(shop: Workshop) -> None:
    shop.write("Dataflowfile", FLOW.replace("grep", "echo {day} >&2; grep"))
    shop.build("daily")
    shop.swap("Dataflowfile", "start = 2013-01-01", "start = 2013-01-02")
    assert shop.run("log", "daily@2013-01-01").stdout == "2013-01-01\n"
    assert shop.run("log", "daily@2012-12-31").returncode == 2


def test_the_ledger_is_asked_by_run_and_by_partitions(shop: Workshop) -> None:
    shop.build("total")
    shop.write("data/2013-01-02.txt", "new\n")
    shop.build("total")

    def ran(*words: str) -> list[str]:
        return [f"{each['run']} {each['target']} {','.join(each['key'].values())}" for each in shop.json("log", *words)]

    assert ran("2") == ["2 total "]
    assert sorted(ran("daily@2013-01-02..")) == ["1 daily 2013-01-02", "1 daily 2013-01-03", "3 daily 2013-01-02"]
    assert ran("1:daily@2013-01-01", "total") == ["1 daily 2013-01-01"]
    assert ran("to*") == ["3 total ", "2 total "]
    assert ran("+total", "--limit", "2") == ["3 total ", "3 daily 2013-01-02"]
    assert ran("daily@failed") == []


def test_one_partition_is_shown_of_each_target(shop: Workshop) -> None:
    shop.write("data/2013-01-04.txt", "later\n")

    def shown(*arguments: str) -> list[tuple[str, str]]:
        found = show(Settings(str(shop.root)), arguments, 0)
        return [(each.target, ",".join(value for _, value in each.key)) for each in found]

    assert shown("daily") == [("daily", "2013-01-03")]  # the newest that was built
    assert shown("daily@stale") == [("daily", "2013-01-04")]
    assert shown("daily@..2013-01-02", "total") == [("daily", "2013-01-02"), ("total", "")]
    assert shown("tag:nightly") == [("daily_kinds", "stale,2013-01-04"), ("total", "")]
    (found,) = show(Settings(str(shop.root)), ["daily@2013-01"], 0)
    assert found.notes == ("the newest that was built of the 4 partitions that are named",)
    assert len(shop.json("show", "daily", "total")) == 2
    for argument, said in (("daily@failed", "no partition stands so"), ("raw", "is a source"), ("x*", "matches no")):
        with pytest.raises(UsageError, match=said):
            shown(argument)
    done = shop.run("show", "tag:nightly", "--debug-shell")
    assert (done.returncode, "names 2 targets" in done.stderr) == (2, True)


def test_datasets_are_listed_with_the_keys_that_are_chosen(shop: Workshop) -> None:
    shop.write("Dataflowfile", FLOW + '[targets.seen]\nsql = "SELECT 1 AS one"\n')

    def listed(*arguments: str) -> dict[str, str]:
        return {each.name: each.keys for each in overview(Settings(str(shop.root)), arguments)}

    assert list(listed()) == ["raw", "daily", "daily_kinds", "total", "seen"]
    assert listed("raw@2013-01-02..", "seen") == {"raw": "2013-01-02..2013-01-03", "seen": ""}
    assert listed("+daily@2013-01-02") == {"raw": "2013-01-02", "daily": "2013-01-02"}
    assert listed("daily@fresh@2013-01-09", "tag:small") == {"daily": "2013-01-01..2013-01-03", "total": ""}
    assert list(listed("*")) == ["raw", "daily", "daily_kinds", "total", "seen"]
    assert shop.run("list", "dialy").returncode == 2


def test_every_command_takes_several_selectors(shop: Workshop) -> None:
    arguments = ["da?ly@2013-01-02..", "tag:small", "+total", "daily@failed"]
    shop.write("data/2013-01-02.txt", "new\n")
    chosen = [("daily", day) for day in ("2013-01-02", "2013-01-03", "2013-01-01")] + [("total", "")]
    why = [(each["target"], each["key"].get("day", "")) for each in shop.json("why", *arguments)]
    assert sorted(why) == sorted(chosen)
    assert shop.run("why", "daily@failed").stderr == "warning: daily@failed chooses nothing: no partition stands so\n"
    assert [each["name"] for each in shop.json("status", *arguments)[0]["datasets"]] == ["raw", "daily", "total"]
    assert [each["name"] for each in shop.json("list", *arguments)[0]["datasets"]] == ["raw", "daily", "total"]
    assert [each["target"] for each in shop.json("show", *arguments)] == ["daily", "total"]
    assert [each["target"] for each in shop.json("plan", *arguments)[0]["will_run"]] == ["daily", "total"]
    assert shop.build(*arguments).ran == ["daily@2013-01-02", "total"]
    outputs = [word for argument in arguments for word in ("--outputs", argument)]
    assert [each["path"] for each in shop.json("clean", "-n", *outputs)[0]["removed"]] == [
        *(f"out/daily/2013-01-0{day}.txt" for day in (1, 2, 3)),
        "out/total.txt",
    ]
    assert [each["target"] for each in shop.json("mark", *arguments[:3], "stale", "--why", "x")] == ["daily", "total"]
    assert shop.build(*arguments).ran == [*(f"daily@2013-01-0{day}" for day in (1, 2, 3)), "total"]


def test_what_a_view_reads_is_not_cleaned_for_it(shop: Workshop) -> None:
    shop.write("Dataflowfile", FLOW + '[targets.total_seen]\nsql = "SELECT * FROM daily"\n')
    assert "is a view" in shop.run("clean", "-n", "--outputs", "*_seen").stderr
    (found,) = shop.json("clean", "-n", "--outputs", "total*")
    assert found["removed"] == []


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
