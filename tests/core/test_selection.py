"""What people type to choose partitions, and what they are told when it can't be taken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import pytest

from dbuild.core.choice import Chooser
from dbuild.core.domain import Domains
from dbuild.core.graph import Flow
from dbuild.core.model import Window
from dbuild.core.partitions import Index, PartitionSet
from dbuild.core.plan import make_plan
from dbuild.core.selection import Selection, Selector, parse_selector, select
from dbuild.errors import UsageError
from tests.core.flows import domains, flow_of, project, reads, source, target, time, values
from tests.core.test_plan import Sayings

NOW = datetime(2013, 2, 20, 9, 0)
EVERY = [("2013-01-01",), ("2013-02-10",)]  # flights are there to the 10th of February


def world(*default: str) -> tuple[Flow, Domains]:
    flow = flow_of(
        project(
            time("day", "2013-01-01"),
            time("month", "2013-01", "2013-12"),
            time("week", "2013-W01"),
            values("origin", "EWR", "JFK", "a=b"),
            source("flights", "day"),
            source("airports"),
            target("daily", ("day", "origin"), [reads("flights")]),
            target("trend", ("day",), [reads("daily", {"day": Window(-6, 0, "day")})]),
            target("monthly", ("month",), [reads("daily")]),
            target("weekly", ("week",), [reads("daily")]),
            target("report", (), [reads("monthly"), reads("airports")]),
            default=default,
        )
    )
    return flow, domains(flow, {"flights": EVERY, "airports": [()]}, now=NOW)[0]


def chosen(*arguments: str, default: tuple[str, ...] = (), with_sources: bool = False) -> Selection:
    return select(*world(*default), arguments, NOW, with_sources=with_sources)


def keys(text: str) -> str:
    """The partitions of the target that is named, as people would type them."""
    selection = chosen(text)
    assert not selection.absent
    (found,) = selection.wanted.values()
    return str(found)


def mistake(*arguments: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        chosen(*arguments)
    assert caught.value.hint
    assert caught.value.exit_code == 2
    return caught.value


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("monthly", Selector("monthly", "monthly", None, False, False)),
        ("monthly@2013-01", Selector("monthly@2013-01", "monthly", "2013-01", False, False)),
        ("+monthly", Selector("+monthly", "monthly", None, True, False)),
        ("monthly+", Selector("monthly+", "monthly", None, False, True)),
        ("+monthly+", Selector("+monthly+", "monthly", None, True, True)),
        ("+monthly@2013-01+", Selector("+monthly@2013-01+", "monthly", "2013-01", True, True)),
        ("daily@day=1,origin=JFK", Selector("daily@day=1,origin=JFK", "daily", "day=1,origin=JFK", False, False)),
    ],
)
def test_an_argument_is_taken_apart(text: str, wanted: Selector) -> None:
    assert parse_selector(text) == wanted


@pytest.mark.parametrize("text", ["", "+", "++", "@", "@2013-01", "monthly@", "monthly@+", "+@x+"])
def test_what_names_nothing_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="names no target") as caught:
        parse_selector(text)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("trend@2013-01-05", "2013-01-05"),
        ("trend@2013-01", "2013-01-01..2013-01-31"),
        ("trend@2013", "2013-01-01..2013-02-10"),
        ("trend@2013-Q1", "2013-01-01..2013-02-10"),
        ("trend@2013-W02", "2013-01-07..2013-01-13"),
        ("trend@2013-W01", "2013-01-01..2013-01-06"),  # the week begins before the dimension does
        ("trend@2013-01-30..2013-02-02", "2013-01-30..2013-02-02"),
        ("trend@2013-01..2013-02-02", "2013-01-01..2013-02-02"),
        ("trend@2012..2013-01-02", "2013-01-01..2013-01-02"),
        ("trend@2013-02-09..2013-12-31", "2013-02-09..2013-02-10"),
        ("trend@2013-01-30..9999", "2013-01-30..2013-02-10"),
        ("trend@day=2013-01-05", "2013-01-05"),
        ("trend@day=2013-01-05,day=2013-01-07", "2013-01-05+2013-01-07"),
        ("monthly@2013-02", "2013-02"),
        ("monthly@2013-02-14", "2013-02"),
        ("monthly@2013", "2013-01..2013-12"),
        ("monthly@today", "2013-02"),
        ("weekly@2013-01", "2013-W01..2013-W05"),
        ("daily@2013-01-05", "2013-01-05,EWR..a%3Db"),
        ("daily@2013-01-05,JFK", "2013-01-05,JFK"),
        ("daily@origin=JFK", "2013-01-01..2013-02-10,JFK"),
        ("daily@origin=JFK,day=2013-01", "2013-01-01..2013-01-31,JFK"),
        ("daily@origin=JFK,origin=EWR,day=2013-01-01", "2013-01-01,EWR..JFK"),
        ("daily@origin=a=b,day=2013-01-01", "2013-01-01,a%3Db"),
        ("report", "all"),
    ],
)
def test_keys_choose_partitions(text: str, wanted: str) -> None:
    assert keys(text) == wanted


def test_without_arguments_the_default_or_else_everything() -> None:
    assert set(chosen().wanted) == {"daily", "trend", "monthly", "weekly", "report"}
    assert set(chosen(default=("monthly", "trend")).wanted) == {"monthly", "trend"}
    assert str(chosen(default=("monthly@2013-01",)).wanted["monthly"]) == "2013-01"


def test_several_arguments_are_united() -> None:
    selection = chosen("trend@2013-01-05", "trend@2013-01-07", "report")
    assert str(selection.wanted["trend"]) == "2013-01-05+2013-01-07"
    assert set(selection.wanted) == {"trend", "report"}


def test_what_is_down_the_flow_is_just_what_reads_it() -> None:
    found = chosen("daily@2013-01-30+").wanted
    assert str(found["daily"]) == "2013-01-30,EWR..a%3Db"
    assert str(found["trend"]) == "2013-01-30..2013-02-05"
    assert str(found["monthly"]) == "2013-01"
    assert str(found["weekly"]) == "2013-W05"
    assert str(found["report"]) == "all"


def test_what_is_up_the_flow_is_just_what_it_reads() -> None:
    found = chosen("+trend@2013-01-03").wanted
    assert str(found["trend"]) == "2013-01-03"
    assert str(found["daily"]) == "2013-01-01..2013-01-03,EWR..a%3Db"
    assert set(found) == {"trend", "daily"}
    with_sources = chosen("+trend@2013-01-03", with_sources=True).wanted
    assert str(with_sources["flights"]) == "2013-01-01..2013-01-03"


def test_up_and_down_at_once_takes_what_all_of_that_needs() -> None:
    found = chosen("+monthly@2013-01+").wanted
    assert set(found) == {"monthly", "report", "daily"}
    assert str(found["daily"].spans(0) and found["monthly"]) == "2013-01..2013-12"  # the report reads every month


def test_all_that_is_made_from_a_source() -> None:
    found = chosen("flights@2013-02-10+").wanted
    assert set(found) == {"daily", "trend", "monthly", "weekly", "report"}
    assert str(found["trend"]) == "2013-02-10"
    assert set(chosen("airports+").wanted) == {"report"}
    assert str(chosen("flights@2013-01-05", with_sources=True).wanted["flights"]) == "2013-01-05"


def test_a_key_past_the_newest_partition_is_absent_and_no_mistake() -> None:
    for text, absent in [
        ("trend@2013-02-11", "2013-02-11"),
        ("trend@today", "2013-02-20"),
        ("trend@9999-12-31", "9999-12-31"),
        ("daily@2014,JFK", "2014-01-01..2014-12-31,JFK"),
    ]:
        selection = chosen(text)
        (name,) = selection.absent
        assert str(selection.absent[name]) == absent
        assert not selection.wanted[name]


def test_absent_keys_of_several_arguments_are_united() -> None:
    absent = chosen("trend@2014-01-01", "trend@2014-01-03").absent
    assert str(absent["trend"]) == "2014-01-01+2014-01-03"


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("montly", 'there is no target "montly"', 'did you mean "monthly"?'),
        ("zzz", 'there is no target "zzz"', "there are daily, trend, monthly, weekly, report"),
        ("flights", '"flights" is a source: dbuild never writes it', "flights+ stands for all that is made from it"),
        ("+flights", '"flights" is a source: dbuild never writes it', "flights+ stands for all that is made from it"),
        ("monthly@soon", "is not a month", "a key of month looks like 2013-01"),
        ("monthly@2013-13", "is not a month", "a key of month looks like 2013-01"),
        ("trend@2013-02-30", "is not a day", "a key of day looks like 2013-01-05"),
        ("trend@2013-01-05..2013-01-01", "the range ends before it starts", "write 2013-01-01..2013-01-05"),
        ("trend@2012-12-31", "lies outside day", "day goes from 2013-01-01 to 2013-02-10"),
        ("trend@0001", "lies outside day", "day goes from 2013-01-01 to 2013-02-10"),
        ("monthly@2014-01", "lies outside month", "month goes from 2013-01 to 2013-12"),
        ("monthly@9999", "lies outside month", "month goes from 2013-01 to 2013-12"),
        ("daily@2013-01-05,JKF", '"JKF" is not a value of origin', 'did you mean "JFK"?'),
        ("daily@origin=zzzz", '"zzzz" is not a value of origin', "its values are EWR, JFK, a=b"),
        ("daily@origen=JFK", '"origen" is no dimension of daily', 'did you mean "origin"?'),
        ("daily@zz=JFK", '"zz" is no dimension of daily', "its dimensions are day, origin"),
        ("trend@2013-01-05,JFK", '"JFK" is one key too many for trend', "its dimensions are day"),
        (
            "report@2013-01-05",
            '"report" has no partitions, so "report@2013-01-05" names none',
            "write report without KEYS",
        ),
    ],
)
def test_what_cannot_be_taken_says_why_and_what_to_do(text: str, what: str, hint: str) -> None:
    found = mistake(text)
    assert what in found.what
    assert found.hint == hint
    if "@" in text:
        assert text in found.what


def test_a_mistake_beside_good_arguments_is_still_one() -> None:
    assert "montly" in mistake("trend", "montly").what


def test_a_dimension_without_keys_says_so() -> None:
    flow = flow_of(project(values("origin"), source("flights", "origin"), target("a", ("origin",), [reads("flights")])))
    with pytest.raises(UsageError) as caught:
        select(flow, domains(flow)[0], ["a@JFK"], NOW)
    assert caught.value.hint == "origin has no values yet"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("trend@2013-02-01..", "2013-02-01..2013-02-10"),
        ("trend@..2013-01-05", "2013-01-01..2013-01-05"),
        ("trend@..", "2013-01-01..2013-02-10"),
        ("trend@all", "2013-01-01..2013-02-10"),
        ("trend@-20d", "2013-01-31"),
        ("trend@-2w", "2013-02-04..2013-02-10"),
        ("trend@-20d..", "2013-01-31..2013-02-10"),
        ("trend@..-1mo", "2013-01-01..2013-01-31"),
        ("trend@-1mo..-18d", "2013-01-01..2013-02-02"),
        ("trend@2013-01-05+2013-02-09..", "2013-01-05+2013-02-09..2013-02-10"),
        ("trend@2013-01-05@2013-02-09..", "2013-01-05+2013-02-09..2013-02-10"),
        ("monthly@today", "2013-02"),
        ("monthly@-1mo..", "2013-01..2013-12"),
        ("daily@2013-01-05,EWR+a%3Db", "2013-01-05,EWR+a%3Db"),
        ("daily@2013-01-05,JFK..", "2013-01-05,JFK..a%3Db"),
        ("daily@2013-01-05,..JFK@2013-01-07,EWR", "2013-01-05,EWR..JFK@2013-01-07,EWR"),
        ("daily@..,JFK", "2013-01-01..2013-02-10,JFK"),
    ],
)
def test_ranges_may_be_open_and_relative_to_now(text: str, wanted: str) -> None:
    assert keys(text) == wanted


def test_what_is_relative_says_how_long_it_means_the_same() -> None:
    for text, until in [
        ("trend@2013-01-05", None),
        ("trend@today", datetime(2013, 2, 21)),
        ("trend@-2h..", datetime(2013, 2, 20, 10)),
        ("trend@-1mo..", datetime(2013, 3, 1)),
        ("trend@-1w..today", datetime(2013, 2, 21)),
        ("trend@2013-02-15..", datetime(2013, 2, 21)),  # nothing is there yet: waits for what is due to now
    ]:
        assert chosen(text).until == until, text


def test_an_open_range_past_the_newest_partition_waits_for_what_is_due_to_now() -> None:
    selection = chosen("trend@-7d..")
    assert (str(selection.absent["trend"]), str(selection.wanted["trend"])) == ("2013-02-13..2013-02-20", "none")
    assert str(chosen("trend@2013-03-01..").absent["trend"]) == "2013-03-01"


def test_words_narrow_what_keys_choose() -> None:
    flow, spread = world()
    asked: list[tuple[str, str]] = []

    def standing(dataset: str, word: str) -> PartitionSet:
        asked.append((dataset, word))
        return PartitionSet.of_keys(spread.of(dataset).axes, [("2013-01-05",), ("2013-02-09",)])

    def found(text: str) -> dict[str, str]:
        made = select(flow, spread, [text], NOW, standing=standing)
        assert made.by_standing
        return {name: str(partitions) for name, partitions in made.wanted.items()}

    assert found("trend@stale") == {"trend": "2013-01-05+2013-02-09"}
    assert found("trend@2013-01,stale") == {"trend": "2013-01-05"}
    assert found("trend@stale,2013-02..") == {"trend": "2013-02-09"}
    assert found("trend@2013-01-01@failed") == {"trend": "2013-01-01+2013-01-05+2013-02-09"}
    assert found("+trend@missing,2013-01")["daily"] == "2013-01-01..2013-01-05,EWR..a%3Db"
    assert found("flights@missing+")["monthly"] == "2013-01..2013-02"
    assert {word for _, word in asked} == {"stale", "failed", "missing"}
    assert select(flow, spread, ["trend@2014-01-01,stale"], NOW, standing=standing).empty == ("trend@2014-01-01,stale",)
    assert "how partitions stand" in mistake("trend@stale").what


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("*", {"daily", "trend", "monthly", "weekly", "report"}),
        ("*ly", {"daily", "monthly", "weekly"}),
        ("?rend", {"trend"}),
        ("*@2013-01", {"daily", "trend", "monthly", "weekly"}),
        ("*@origin=JFK", {"daily"}),
        ("+week*@2013-W02", {"weekly", "daily"}),
        ("air*+", {"report"}),
    ],
)
def test_globs_name_the_targets_that_keys_apply_to(text: str, names: set[str]) -> None:
    assert {name for name, partitions in chosen(text).wanted.items() if partitions} == names


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("montlx*", '"montlx*" matches no target', 'did you mean "monthly"?'),
        ("air*", '"air*" matches only sources', "air*+ stands for all that is made from it"),
        ("tag:nightly", 'nothing has the tag "nightly"', "nothing has tags"),
        ("*@2013-13", "is not a", "looks like"),
        ("trend@-7x..", '"x" is no unit of time', "a key of day looks like 2013-01-05"),
        ("trend@-7..", "says no unit of time", "a key of day looks like 2013-01-05"),
        ("trend@2013-01-05..2013-01-06..2013-01-07", "is no key and no range", "a key of day looks like 2013-01-05"),
        (
            "daily@2013-01-05,JFK..EWR",
            '"EWR" comes before "JFK" in origin',
            "write EWR..JFK; its values are EWR, JFK, a=b",
        ),
        ("daily@2013-01-05,,JFK", "a key is empty", "its values are EWR, JFK, a=b"),
        ("daily@2013-01-05,stael", '"stael" is not a value of origin', 'did you mean "stale"?'),
        ("trend@none", "names no partitions", "leave it out"),
    ],
)
def test_new_forms_that_cannot_be_taken_say_why(text: str, what: str, hint: str) -> None:
    found = mistake(text)
    assert what in found.what
    assert hint in (found.hint or "")


def test_a_tag_names_all_that_have_it() -> None:
    tagged = [
        replace(target(name, ("day",), [reads("flights")]), tags=tags)
        for name, tags in [("a", ("nightly",)), ("b", ("night", "nightly")), ("c", ())]
    ]
    flow = flow_of(project(time("day", "2013-01-01"), source("flights", "day"), *tagged))
    spread = domains(flow, {"flights": EVERY}, now=NOW)[0]
    for text, names in [("tag:nightly", {"a", "b"}), ("tag:night", {"b"}), ("tag:night*@2013-01-05", {"a", "b"})]:
        assert set(select(flow, spread, [text], NOW).wanted) == names
    with pytest.raises(UsageError) as caught:
        select(flow, spread, ["tag:nigthly"], NOW)
    assert caught.value.hint == 'did you mean "nightly"?'


def test_keys_that_are_settled_mean_the_same_at_any_time() -> None:
    flow, spread = world()
    chooser = Chooser(flow, spread, NOW)
    for name, text, settled in [
        ("trend", "today..", "2013-02-20.."),
        ("trend", "-1mo..yesterday", "2013-01..2013-02-19"),
        ("trend", "2013-01@2013-02-05", "2013-01@2013-02-05"),
        ("daily", "origin=EWR..JFK,day=-20d", "origin=EWR+JFK,day=2013-01-31"),
        ("daily", "all", "2013-01-01..2013-02-10,EWR..a%3Db"),
    ]:
        found = chooser.settled(flow.steps[name].target, text, text)
        assert found == settled
        later = Chooser(flow, spread, datetime(2014, 1, 1))
        dataset = flow.steps[name].target
        assert later.choose(dataset, found, "").inside == chooser.choose(dataset, text, "").inside


def test_four_million_partitions_are_never_enumerated(monkeypatch: pytest.MonkeyPatch) -> None:
    carriers = [f"c{number:02d}" for number in range(50)]
    flow = flow_of(
        project(
            time("hour", "2013-01-01", "2022-12-31"),
            values("carrier", *carriers),
            source("events", "hour", "carrier"),
            target("hourly", ("hour", "carrier"), [reads("events")]),
            target("smooth", ("hour", "carrier"), [reads("hourly", {"hour": Window(-6, 0, "hour")})]),
        )
    )
    walked: list[Index] = []
    walk = PartitionSet.indices

    def counting(partitions: PartitionSet) -> Iterator[Index]:
        for index in walk(partitions):
            walked.append(index)
            yield index

    monkeypatch.setattr(PartitionSet, "indices", counting)
    there = [(f"2013-01-05T{hour:02d}", carrier) for hour in range(24) for carrier in carriers]
    spread = domains(flow, {"events": there}, now=datetime(2023, 1, 1))[0]
    every, events = spread.of("hourly"), spread.of("events")
    assert len(every) == 4_382_400
    gone = {"events": events - PartitionSet.of_keys(events.axes, there)}
    told = Sayings(spread, flow, gone, stale={"hourly": every, "smooth": every})
    selection = select(flow, spread, ["smooth@2013-01-05"], NOW)
    planned = make_plan(flow, spread, selection.wanted, selection.absent, told)
    assert str(planned.targets["smooth"].needed) == "2013-01-05T00..2013-01-05T23,c00..c49"
    assert str(planned.targets["hourly"].needed) == "2013-01-04T18..2013-01-05T23,c00..c49"
    assert str(planned.targets["smooth"].waiting) == "2013-01-05T00..2013-01-05T05,c00..c49"
    ready = (24 + 18) * 50
    assert len(told.judged) == ready
    assert len(walked) <= ready + 2  # and the first of an input
    whole = make_plan(flow, spread, {"smooth": every}, {}, told)
    assert (whole.will_run, whole.waiting) == (ready, 2 * len(every) - ready)
    assert len(walked) <= 2 * (ready + 2)
    shown = str(whole.targets["hourly"].waiting)
    assert shown == "2013-01-01T00..2013-01-04T23+2013-01-06T00..2022-12-31T23,c00..c49"
    assert PartitionSet.parse(every.axes, shown) == whole.targets["hourly"].waiting


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("trend@yesteday", "is not a day", 'did you mean "yesterday"?'),
        ("trend@stal", "is not a day", 'did you mean "stale"?'),
        ("trend@2013-1-5", "is not a day", 'did you mean "2013-01-05"?'),
        ("trend@20130105", "is not a day", 'did you mean "2013-01-05"?'),
        ("trend@2013/01/05", "is not a day", 'did you mean "2013-01-05"?'),
        ("trend@2013-01-05 ", "is not a day", 'did you mean "2013-01-05"?'),
        ("trend@2013-01-05T13:45:00", "is not a day", 'did you mean "2013-01-05T13"?'),
        ("trend@2013q1", "is not a day", 'did you mean "2013-Q1"?'),
        ("weekly@2013w2", "is not a week", 'did you mean "2013-W02"?'),
        ("trend@2013-01-01...2013-01-03", "is not a day", 'did you mean "2013-01-03"?'),
        ("trend@2013-01-01-2013-01-03", "is not a day", "a range is written 2013-01-01..2013-01-03"),
        ("trend@2013-01-01:2013-01-03", "is not a day", "a range is written 2013-01-01..2013-01-03"),
        ("trend@2013-19-5", "is not a day", "a key of day looks like 2013-01-05"),
        ("daily@JFK", "is not a day", "write origin=JFK"),
        ("daily@2013-01-05,2013-01-06", "is not a value of origin", "write day=2013-01-06"),
        ("daily@origin", "is not a day", "write origin=KEY; its values are EWR, JFK, a=b"),
        ("daily@2013-01-05,", "a key is empty", "its values are EWR, JFK, a=b"),
        ("trend@2013-01-05,", "a key is empty", "its dimensions are day"),
        ("trend@-30000y..", "out of range", "a key of day looks like 2013-01-05"),
        ("trend@..-999999999y", "out of range", "a key of day looks like 2013-01-05"),
        ("trend@day=stale", "is not a day", "write stale by itself, without day="),
        ("trend@day=", "a key is empty", "a key of day looks like 2013-01-05"),
        (
            "trend@month=2013-01",
            '"month" is no dimension of trend',
            "its dimensions are day; day=2013-01 is all that lies in it",
        ),
        ("trend:2013-01-05", "there is no target", 'KEYS stand behind "@": trend@2013-01-05'),
        ("trend.rows", "there is no target", "outputs of a target are made together: write trend"),
        ("TREND", "there is no target", 'did you mean "trend"?'),
        ("zz*", "matches no target", "there are daily, trend, monthly, weekly, report"),
        ("tag:", '"tag:" names no tag', "nothing has tags"),
        ("w*@2011", "lies outside week", "week goes from 2013-W01 to 2013-W06"),
    ],
)
def test_what_was_probably_meant_is_told(text: str, what: str, hint: str) -> None:
    found = mistake(text)
    assert what in found.what
    assert found.hint == hint
