"""What inputs may say of what is missing: where it fits, and whose word counts behind views."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dbuild.core.domain import axes_of, mappings_of
from dbuild.core.graph import link
from dbuild.core.model import All, Input, MappingRule, Missing, Previous, Values, Window
from dbuild.errors import Place
from tests.core.flows import FILE, SHELL, analysis, flow_of, project, reads, source, target, time, values

DAY = time("day", "2013-01-01")
HOUR = time("hour", "2013-01-01")
MONTH = time("month", "2013-01")
ORIGIN = values("origin", "EWR", "JFK")
PARTS = (DAY, HOUR, MONTH, ORIGIN)


def problems_of(given: Input, *sources: str, dimensions: tuple[str, ...] = ("day",)) -> list[str]:
    """What is said of an input of a target by day that reads a source with these dimensions."""
    flow = flow_of(project(*PARTS, source("raw", *sources), target("t", dimensions, [given])))
    problems = mappings_of(flow, axes_of(flow.project, {}))[1]
    assert all(problem.place == Place(FILE, 20) for problem in problems)
    return [problem.what for problem in problems]


@pytest.mark.parametrize(
    ("dimensions", "rules", "said"),
    [
        (("day",), {}, None),
        (("day", "origin"), {"origin": Values(("JFK",))}, None),
        (("day",), {"day": Window(-1, -1, "day")}, None),
        (("day", "origin"), {}, "it can be several"),
        (("day",), {"day": Window(-6, 0, "day")}, "it can be several"),
        (("hour",), {}, "it can be several"),
        (("day",), {"day": All()}, "it can be several"),
        (("day",), {"day": Previous()}, "it can be several"),
        ((), {}, "it has no time dimension"),
        (("origin",), {"origin": Values(("JFK",))}, "it has no time dimension"),
        (("day", "hour"), {"hour": Values(("2013-01-05T13",))}, "it has several time dimensions"),
    ],
)
def test_the_latest_stands_in_for_one_partition_of_time(
    dimensions: tuple[str, ...], rules: dict[str, MappingRule], said: str | None
) -> None:
    problems = problems_of(replace(reads("raw", rules), missing="latest"), *dimensions)
    assert [said in problem for problem in problems if said] == [True] * bool(said)
    assert bool(problems) == bool(said)


def test_a_minimum_is_for_several() -> None:
    assert problems_of(replace(reads("raw", {"day": Window(-6, 0, "day")}), minimum=5), "day") == []
    (said,) = problems_of(replace(reads("raw"), minimum=5), "day")
    assert said == 'target "t", input "raw": min is for several partitions, and it is always one: use missing = "skip"'


def behind(outer: Input, inner: Input) -> Input:
    """The input of a reader's step that stands behind a view."""
    view = replace(target("clean", (), [inner]), outputs=())
    made = project(*PARTS, source("raw", "day"), view, target("t", ("day",), [outer]))
    flow = flow_of(made)
    (found,) = flow.steps["t"].inputs
    assert found.name == "clean/raw"
    return found


def saying(given: Input, word: Missing, max_age: float | None = None) -> Input:
    return replace(given, missing=word, says_missing=True, max_age=max_age)


CLEAN, RAW = reads("clean"), reads("raw")


@pytest.mark.parametrize(
    ("outer", "inner", "word", "max_age", "minimum"),
    [
        (CLEAN, RAW, "wait", None, None),
        (CLEAN, saying(RAW, "latest", 5.0), "latest", 5.0, None),
        (saying(CLEAN, "latest", 7.0), RAW, "latest", 7.0, None),
        (saying(CLEAN, "wait"), saying(RAW, "skip"), "wait", None, None),
        (saying(CLEAN, "skip"), saying(RAW, "latest", 5.0), "skip", None, None),
        (replace(CLEAN, minimum=3), saying(RAW, "skip"), "skip", None, 3),
        (CLEAN, replace(RAW, minimum=2), "wait", None, 2),
        (replace(CLEAN, minimum=3), replace(RAW, minimum=2), "wait", None, 3),
    ],
)
def test_the_reader_of_a_view_has_the_last_word(
    outer: Input, inner: Input, word: str, max_age: float | None, minimum: int | None
) -> None:
    found = behind(outer, inner)
    assert (found.missing, found.max_age, found.minimum) == (word, max_age, minimum)


def test_a_word_travels_through_views_of_views() -> None:
    inner = replace(target("inner", (), [saying(RAW, "skip")]), outputs=())
    outer = replace(target("outer", (), [reads("inner")]), outputs=())
    parts = (*PARTS, source("raw", "day"), inner, outer)
    flow = flow_of(project(*parts, target("t", ("day",), [reads("outer")])))
    assert [(given.name, given.missing) for given in flow.steps["t"].inputs] == [("outer/inner/raw", "skip")]
    flow = flow_of(project(*parts, target("t", ("day",), [saying(reads("outer"), "fail")])))
    assert [(given.name, given.missing) for given in flow.steps["t"].inputs] == [("outer/inner/raw", "fail")]


def test_the_latest_is_for_those_inputs_of_a_view_that_have_times() -> None:
    view = replace(target("clean", (), [RAW, reads("names")]), outputs=())
    parts = (*PARTS, source("raw", "day"), source("names"), view)
    flow = flow_of(project(*parts, target("t", ("day",), [saying(CLEAN, "latest")])))
    assert [(given.name, given.missing) for given in flow.steps["t"].inputs] == [
        ("clean/raw", "latest"),
        ("clean/names", "wait"),
    ]
    assert mappings_of(flow, axes_of(flow.project, {}))[1] == []


def test_the_latest_of_a_view_without_times_is_a_mistake() -> None:
    view = replace(target("clean", (), [reads("names")]), outputs=())
    made = project(*PARTS, source("names"), view, target("t", ("day",), [saying(CLEAN, "latest")]))
    (problem,) = link(made, {"clean": analysis("names"), "t": analysis("clean")})[1]
    assert (problem.what, problem.place) == (
        'missing = "latest" takes the newest before, and nothing that "clean" reads has times',
        Place(FILE, 20),
    )


def test_a_minimum_given_to_a_view_is_for_those_behind_it_that_are_several() -> None:
    view = replace(target("clean", (), [RAW]), outputs=())
    made = project(*PARTS, source("raw", "day"), view, target("t", ("day",), [replace(CLEAN, minimum=3)]))
    assert mappings_of(flow_of(made), axes_of(made, {}))[1] == []


def test_a_target_that_is_no_sql_may_have_policies_too() -> None:
    given = saying(RAW, "latest", 86400.0)
    flow = flow_of(project(*PARTS, source("raw", "day"), target("t", ("day",), [given], recipe=SHELL)))
    assert flow.steps["t"].inputs == (given,)
