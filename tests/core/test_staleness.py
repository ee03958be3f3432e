"""The one walk that decides: a verdict for each kind of change, and the words that it gives for it."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from dbuild.core.staleness import (
    UNSETTLED,
    Compared,
    Declared,
    Kind,
    Reason,
    Verdict,
    judge,
    partition_name,
    provisional_record,
)
from dbuild.core.trace import InputRecord, OutputRecord, Trace, pack_inputs, unpack_inputs

CODE, OTHER_CODE = b"c" * 16, b"C" * 16
DAYS = ("2013-01-01", "2013-01-02")
ONE, TWO, THREE = b"1" * 16, b"2" * 16, b"3" * 16
WEATHER = InputRecord("weather", "weather", DAYS, ONE + TWO, b"s" * 16)
AIRPORTS = InputRecord("airports", "airports", ("",), THREE, b"")
OUT, MORE = OutputRecord("", "out/a.parquet", b"o" * 16, None), OutputRecord("more", "out/b.csv", b"p" * 16, None)
DECLARED = Declared(CODE, {"min_delay": "15", "unused": "1"}, ("min_delay",), (WEATHER, AIRPORTS))
TRACE = Trace(CODE, (("min_delay", "15"),), pack_inputs((WEATHER, AIRPORTS)), (OUT, MORE), 7, 0.0, 1.0)
FOUND = ((OUT.path, OUT.digest), (MORE.path, MORE.digest))
HEX_ONE, HEX_TWO, HEX_THREE = ONE.hex()[:12], TWO.hex()[:12], THREE.hex()[:12]


def with_weather(**changes: object) -> Declared:
    return replace(DECLARED, inputs=(replace(WEATHER, **changes), AIRPORTS))  # type: ignore[arg-type]


def reasons(declared: Declared = DECLARED, **options: object) -> list[Reason]:
    verdict = judge(declared, TRACE, FOUND, **options)  # type: ignore[arg-type]
    assert not verdict.is_undecided
    assert verdict.is_fresh == (not verdict.reasons)
    return list(verdict.reasons)


def test_what_is_as_it_was_is_fresh() -> None:
    assert judge(DECLARED, TRACE, FOUND) == Verdict(())
    assert judge(DECLARED, TRACE, FOUND).is_fresh


def test_a_trace_of_an_older_version_vouches_as_it_did() -> None:
    newer = replace(DECLARED, fingerprint=OTHER_CODE, former=(b"x" * 16, CODE))
    assert judge(newer, TRACE, FOUND).is_fresh
    assert not judge(replace(newer, former=(OTHER_CODE,)), TRACE, FOUND).is_fresh


def after_stand_in(now: InputRecord, **options: object) -> list[Reason]:
    """The reasons of a partition that was built of the second day in place of the third, which was absent."""
    was = replace(WEATHER, absent=("2013-01-03",), stand_ins=(("2013-01-03", "2013-01-02"),))
    trace = replace(TRACE, inputs=pack_inputs((was, AIRPORTS, provisional_record(True))))
    declared = replace(DECLARED, inputs=(now, AIRPORTS, provisional_record(True)), **options)  # type: ignore[arg-type]
    return list(judge(declared, trace, FOUND).reasons)


def after_telling(is_provisional: bool) -> list[Reason]:
    trace = replace(TRACE, inputs=pack_inputs((WEATHER, AIRPORTS, provisional_record(not is_provisional))))
    declared = replace(DECLARED, inputs=(WEATHER, AIRPORTS, provisional_record(is_provisional)))
    return list(judge(declared, trace, FOUND).reasons)


CASES: dict[Kind, tuple[list[Reason], list[Reason]]] = {
    "forced": (reasons(is_forced=True), [Reason("forced")]),
    "failed before": (reasons(failed="12"), [Reason("failed before", "in run 12")]),
    "marked stale": (reasons(marked=Reason("marked stale", "by anna")), [Reason("marked stale", "by anna")]),
    "mark expired": (reasons(marked=Reason("mark expired", "by ben")), [Reason("mark expired", "by ben")]),
    "never built": (list(judge(DECLARED, None, ()).reasons), [Reason("never built")]),
    "recipe changed": (
        reasons(replace(DECLARED, fingerprint=OTHER_CODE)),
        [Reason("recipe changed", "", CODE.hex()[:12], OTHER_CODE.hex()[:12])],
    ),
    "param changed": (
        reasons(replace(DECLARED, params={"min_delay": "20"})),
        [Reason("param changed", "min_delay", "15", "20")],
    ),
    "input changed": (
        reasons(with_weather(digests=ONE + THREE)),
        [Reason("input changed", "weather@2013-01-02", HEX_TWO, HEX_THREE)],
    ),
    "input added": (
        reasons(with_weather(keys=(*DAYS, "2013-01-03"), digests=ONE + TWO + THREE)),
        [Reason("input added", "weather@2013-01-03", "", HEX_THREE)],
    ),
    "input removed": (
        reasons(with_weather(keys=DAYS[:1], digests=ONE)),
        [Reason("input removed", "weather@2013-01-02", HEX_TWO)],
    ),
    "schema changed": (
        reasons(with_weather(schema=b"t" * 16)),
        [Reason("schema changed", "weather", (b"s" * 6).hex(), (b"t" * 6).hex())],
    ),
    "input arrived": (
        after_stand_in(replace(WEATHER, keys=(DAYS[0], "2013-01-03"), digests=ONE + THREE)),
        [Reason("input arrived", "weather@2013-01-03", "", HEX_THREE)],
    ),
    "input withdrawn": (
        reasons(with_weather(keys=DAYS[:1], digests=ONE, absent=DAYS[1:])),
        [Reason("input withdrawn", "weather@2013-01-02", HEX_TWO)],
    ),
    "stand-in changed": (
        after_stand_in(
            replace(
                WEATHER,
                keys=("2013-01-01",),
                digests=ONE,
                absent=("2013-01-03",),
                stand_ins=(("2013-01-03", "2013-01-01"),),
            )
        ),
        [Reason("stand-in changed", "weather@2013-01-03", "2013-01-02", "2013-01-01")],
    ),
    "provisional": (after_telling(True), [Reason("provisional")]),
    "no longer provisional": (after_telling(False), [Reason("no longer provisional")]),
    "output missing": (
        list(judge(DECLARED, TRACE, ((OUT.path, None), FOUND[1])).reasons),
        [Reason("output missing", "out/a.parquet")],
    ),
    "output edited": (
        list(judge(DECLARED, TRACE, (FOUND[0], (MORE.path, THREE))).reasons),
        [Reason("output edited", "out/b.csv", (b"p" * 6).hex(), HEX_THREE)],
    ),
}


@pytest.mark.parametrize(
    "kind", [kind for kind in get_args(Kind) if kind != "input missing"]
)  # for which nothing has to be compared
def test_each_kind_of_change_is_told_as_what_it_is(kind: Kind) -> None:
    found, wanted = CASES[kind]
    assert found == wanted
    assert found[0].kind == kind


def test_what_was_absent_and_still_is_changes_nothing() -> None:
    assert after_stand_in(replace(WEATHER, absent=("2013-01-03",), stand_ins=(("2013-01-03", "2013-01-02"),))) == []
    assert reasons(with_weather(absent=("2013-01-03",))) == []  # it wasn't due then, and had to be left out


def test_what_may_be_missed_is_no_reason() -> None:
    gone = replace(with_weather(keys=DAYS[:1], digests=ONE, absent=DAYS[1:]), gone=frozenset({("weather", DAYS[1])}))
    assert reasons(gone) == []


def test_absences_survive_packing() -> None:
    records = (replace(WEATHER, absent=DAYS, stand_ins=((DAYS[0], DAYS[1]),)), AIRPORTS)
    assert unpack_inputs(pack_inputs(records)) == records


def test_a_whole_input_that_came_or_went() -> None:
    assert reasons(replace(DECLARED, inputs=(WEATHER,))) == [Reason("input removed", "airports")]
    planes = InputRecord("planes", "planes", ("",), ONE, b"")
    assert reasons(replace(DECLARED, inputs=(WEATHER, AIRPORTS, planes))) == [Reason("input added", "planes")]


def test_an_input_that_is_another_dataset_now() -> None:
    other = replace(AIRPORTS, dataset="stations")
    assert reasons(replace(DECLARED, inputs=(WEATHER, other))) == [
        Reason("input added", "stations"),
        Reason("input removed", "airports"),
    ]


def test_the_same_partitions_in_another_order_are_another_input() -> None:
    """A recipe sees them in the order of their keys: a clean build might make something else."""
    (reason,) = reasons(with_weather(keys=DAYS[::-1], digests=TWO + ONE))
    assert reason.kind == "input changed"
    assert "weather" in reason.subject
    assert "order" in reason.subject


def test_no_difference_of_an_input_that_does_not_count_is_a_reason() -> None:
    alone = {"uncounted": frozenset({"weather"})}
    for changes in (
        {"digests": ONE + THREE},
        {"keys": DAYS[:1], "digests": ONE},
        {"schema": b"S" * 16},
        {"dataset": "climate"},
        {"digests": ONE + UNSETTLED},
        {"schema": UNSETTLED},
    ):
        assert judge(replace(with_weather(**changes), **alone), TRACE, FOUND).is_fresh  # type: ignore[arg-type]
    without = replace(DECLARED, inputs=(AIRPORTS,), uncounted=frozenset({"weather"}))
    assert judge(without, TRACE, FOUND).is_fresh
    other = replace(with_weather(digests=ONE + THREE), inputs=(replace(WEATHER), replace(AIRPORTS, digests=ONE)))
    assert [reason.subject for reason in reasons(replace(other, **alone))] == ["airports"]  # type: ignore[arg-type]


def test_an_output_with_another_name_is_missing() -> None:
    assert list(judge(DECLARED, TRACE, (("out/c.parquet", b"o" * 16), FOUND[1])).reasons) == [
        Reason("output missing", "out/c.parquet")
    ]


def test_params_that_are_not_read_do_not_count() -> None:
    assert reasons(replace(DECLARED, params={"min_delay": "15", "unused": "2"})) == []
    assert reasons(replace(DECLARED, params={"min_delay": "15"})) == []


def test_params_as_the_last_run_looked_them_up() -> None:
    seen = replace(DECLARED, params_read=None)
    assert reasons(seen) == []
    assert reasons(replace(seen, params={"min_delay": "15", "new": "1"})) == []
    assert reasons(replace(seen, params={"unused": "1"})) == [Reason("param changed", "min_delay", "15", "")]
    absent = replace(TRACE, params=(("limit", ""),))
    assert judge(seen, absent, FOUND).is_fresh
    came = judge(replace(seen, params={"limit": "3"}), absent, FOUND)
    assert came.reasons == (Reason("param changed", "limit", "", "3"),)


def test_a_param_that_the_recipe_reads_now_and_did_not_before() -> None:
    now = replace(DECLARED, params_read=("min_delay", "unused"))
    assert reasons(now) == [Reason("param changed", "unused", "", "1")]


def test_what_depends_on_something_unbuilt_is_undecided() -> None:
    verdict = judge(with_weather(digests=ONE + UNSETTLED), TRACE, FOUND)
    assert verdict == Verdict((), is_undecided=True)
    assert not verdict.is_fresh


def test_what_is_stale_anyway_is_stale_whatever_comes_of_its_inputs() -> None:
    verdict = judge(with_weather(digests=THREE + UNSETTLED), TRACE, FOUND)
    assert verdict.is_undecided
    assert verdict.reasons == (Reason("input changed", "weather@2013-01-01", HEX_ONE, HEX_THREE),)


def test_an_unbuilt_partition_that_was_not_read_before_decides_nothing_yet() -> None:
    verdict = judge(with_weather(keys=(*DAYS, "2013-01-03"), digests=ONE + TWO + UNSETTLED), TRACE, FOUND)
    assert verdict.is_undecided
    assert all(reason.kind == "input added" for reason in verdict.reasons)


def test_digests_that_only_look_like_it_side_by_side_are_settled() -> None:
    half = b"?" * 8
    now = with_weather(digests=b"x" * 8 + half + half + b"y" * 8)
    assert not judge(now, TRACE, FOUND).is_undecided


def test_all_that_changed_is_told_the_first_cause_first() -> None:
    declared = replace(with_weather(digests=ONE + THREE), fingerprint=OTHER_CODE, params={"min_delay": "20"})
    kinds = [reason.kind for reason in judge(declared, TRACE, ((OUT.path, None),), "3", True).reasons]
    assert kinds == ["forced", "failed before", "recipe changed", "param changed", "input changed", "output missing"]


def test_reasons_read_as_sentences() -> None:
    assert str(Reason("never built")) == "never built"
    assert str(Reason("failed before", "in run 3")) == "failed before in run 3"
    assert str(Reason("input changed", "weather@2013-01", "aa", "bb")) == "input changed weather@2013-01: aa -> bb"
    assert str(Reason("input added", "weather@2013-01-05", "", "bb")).endswith(": nothing -> bb")
    assert partition_name("weather", "2013-01-05\x1fJFK") == "weather@2013-01-05,JFK"
    assert partition_name("airports", "") == "airports"


def test_all_that_is_compared_is_told() -> None:
    heard: list[Compared] = []
    assert judge(DECLARED, TRACE, FOUND, heard=heard).is_fresh
    assert {one.result for one in heard} == {"same"}
    assert [(one.kind, one.subject) for one in heard] == [
        ("recipe", ""),
        ("param", "min_delay"),
        ("schema", "weather"),
        ("input", "weather@2013-01-01"),
        ("input", "weather@2013-01-02"),
        ("input", "airports"),
        ("output", OUT.path),
        ("output", MORE.path),
    ]


DIFFERENCES: dict[str, tuple[Declared, Trace, tuple[tuple[str, bytes | None], ...]]] = {
    "recipe": (replace(DECLARED, fingerprint=OTHER_CODE), TRACE, FOUND),
    "param": (replace(DECLARED, params={"min_delay": "30"}), TRACE, FOUND),
    "digest": (with_weather(digests=ONE + THREE), TRACE, FOUND),
    "arrival": (with_weather(keys=(*DAYS, "2013-01-03"), digests=ONE + TWO + THREE), TRACE, FOUND),
    "removal": (with_weather(keys=DAYS[:1], digests=ONE), TRACE, FOUND),
    "order": (with_weather(keys=DAYS[::-1], digests=TWO + ONE), TRACE, FOUND),
    "schema": (with_weather(schema=b"t" * 16), TRACE, FOUND),
    "whole input": (replace(DECLARED, inputs=(WEATHER,)), TRACE, FOUND),
    "new input": (DECLARED, replace(TRACE, inputs=pack_inputs((WEATHER,))), FOUND),
    "output": (DECLARED, TRACE, ((OUT.path, None), FOUND[1])),
    "edited": (DECLARED, TRACE, ((OUT.path, THREE), FOUND[1])),
    "new output": (DECLARED, replace(TRACE, outputs=(OUT,)), (FOUND[0], (MORE.path, None))),
}


@pytest.mark.parametrize("case", DIFFERENCES)
def test_something_compared_differs_where_there_is_a_reason(case: str) -> None:
    declared, trace, found = DIFFERENCES[case]
    heard: list[Compared] = []
    verdict = judge(declared, trace, found, heard=heard)
    assert verdict == judge(declared, trace, found)
    assert len(verdict.reasons) == sum(one.result == "differs" for one in heard) == 1


def test_what_does_not_count_or_is_not_known_is_told_as_such() -> None:
    heard: list[Compared] = []
    alone = {"uncounted": frozenset({"weather"})}
    judge(replace(with_weather(digests=ONE + THREE), **alone), TRACE, FOUND, heard=heard)  # type: ignore[arg-type]
    assert {one.result for one in heard if one.subject.startswith("weather")} == {"ignored"}
    heard.clear()
    judge(with_weather(digests=ONE + UNSETTLED), TRACE, FOUND, heard=heard)
    assert [(one.subject, one.after) for one in heard if one.result == "open"] == [("weather@2013-01-02", "")]
    heard.clear()
    gone = replace(with_weather(keys=DAYS[:1], digests=ONE), gone=frozenset({("weather", DAYS[1])}))
    assert judge(gone, TRACE, FOUND, heard=heard).is_fresh
    assert [one.subject for one in heard if one.result == "ignored"] == ["weather@2013-01-02"]
