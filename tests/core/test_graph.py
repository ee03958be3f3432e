"""Recipes linked to what they read, the building order, and the mistakes that are found on the way."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbuild.core.graph import Flow, link
from dbuild.core.model import Analysis, Recipe, Reference, Target
from dbuild.errors import Place, UserError
from tests.core.flows import FILE, PYTHON, SHELL, SQL, analysis, flow_of, project, reads, source, target, time


def problems_of(*parts: Target, recipe_reads: dict[str, Analysis] | None = None) -> list[UserError]:
    made = project(source("flights"), source("weather"), *parts)
    analyses = {own.name: analysis(*(one.name for one in own.inputs)) for own in parts}
    return link(made, analyses | (recipe_reads or {}))[1]


def chain(size: int) -> list[Target]:
    return [target(f"t{n}", (), [reads(f"t{n + 1}" if n + 1 < size else "flights")]) for n in range(size)]


@given(st.integers(1, 25), st.randoms(use_true_random=False))
def test_every_target_comes_after_what_it_reads(size: int, random: Random) -> None:
    names = [f"t{n}" for n in range(size)]
    needs = {name: random.sample(names[:n], random.randint(0, min(3, n))) for n, name in enumerate(names)}
    random.shuffle(names)
    flow = flow_of(project(*(target(name, (), [reads(one) for one in needs[name]]) for name in names)))
    order = list(flow.steps)
    assert sorted(order) == sorted(names)
    assert all(order.index(one) < order.index(name) for name in names for one in needs[name])
    assert flow.readers == {
        one: tuple(name for name in order if one in needs[name])
        for one in names
        if any(one in some for some in needs.values())
    }


def test_a_chain_may_be_deeper_than_pythons_stack() -> None:
    flow = flow_of(project(source("flights"), *chain(5000)))
    assert next(iter(flow.steps)) == "t4999"
    assert len(flow.upstream(["t0"])) == 5001
    assert len(flow.downstream(["flights"])) == 5001


def diamond() -> Flow:
    return flow_of(
        project(
            source("flights"),
            source("weather"),
            target("clean", (), [reads("flights")]),
            target("left", (), [reads("clean")]),
            target("right", (), [reads("clean"), reads("weather")]),
            target("report", (), [reads("left"), reads("right")]),
        )
    )


def test_up_and_down_the_flow() -> None:
    flow = diamond()
    assert flow.upstream(["left"]) == {"left", "clean", "flights"}
    assert flow.upstream(["report"]) == {"report", "left", "right", "clean", "flights", "weather"}
    assert flow.downstream(["weather"]) == {"weather", "right", "report"}
    assert flow.downstream(["left", "right"]) == {"left", "right", "report"}
    assert flow.upstream(["flights"]) == {"flights"}


def test_a_circle_is_named_in_the_order_that_data_would_flow() -> None:
    parts = [
        target("a", (), [reads("b")], line=31),
        target("b", (), [reads("c")], line=32),
        target("c", (), [reads("a"), reads("flights")], line=33),
    ]
    (problem,) = problems_of(*parts)
    assert problem.what == "these targets read each other in a circle: a -> c -> b -> a"
    assert problem.place == Place(FILE, 31)
    assert problem.hint


def test_a_target_behind_a_circle_is_no_part_of_it() -> None:
    parts = [target("a", (), [reads("b")]), target("b", (), [reads("a")]), target("c", (), [reads("a")])]
    (problem,) = problems_of(*parts)
    assert "c" not in problem.what.split(": ")[1].split(" -> ")


def test_each_of_two_circles_is_told() -> None:
    parts = [
        target("a", (), [reads("b")]),
        target("b", (), [reads("a")]),
        target("x", (), [reads("y")]),
        target("y", (), [reads("x")]),
    ]
    assert len(problems_of(*parts)) == 2


def test_a_target_that_reads_itself_is_an_error_at_its_input() -> None:
    (problem,) = problems_of(target("a", (), [reads("a", line=77)]))
    assert problem.what == 'target "a" reads itself'
    assert problem.place == Place(FILE, 77)


def test_what_a_recipe_names_becomes_an_input() -> None:
    made = project(source("flights"), target("a"))
    (given_input,) = link(made, {"a": analysis("flights", line=55)})[0].steps["a"].inputs
    assert (given_input.name, given_input.dataset, given_input.output) == ("flights", "flights", "")
    assert given_input.place == Place(FILE, 55)


def test_a_declared_input_keeps_its_options_and_its_other_name() -> None:
    own = reads("flights", called="trips")
    made = project(source("flights"), target("a", (), [own]))
    flow, problems = link(made, {"a": analysis("TRIPS")})
    assert problems == []
    assert flow.steps["a"].inputs == (own,)


def test_names_in_a_recipe_are_compared_without_case() -> None:
    made = project(source("Flights"), target("a"))
    flow, problems = link(made, {"a": analysis("FLIGHTS")})
    assert problems == []
    assert [(one.name, one.dataset) for one in flow.steps["a"].inputs] == [("FLIGHTS", "Flights")]


def test_one_of_several_outputs_is_named_after_a_dot() -> None:
    made = project(target("model", outputs=("model", "metrics")), target("a"))
    analyses = {"model": analysis(), "a": analysis("model.metrics")}
    flow, problems = link(made, analyses)
    assert problems == []
    (own,) = flow.steps["a"].inputs
    assert (own.dataset, own.output) == ("model", "metrics")
    assert [p.what for p in link(made, analyses | {"a": analysis("model.size")})[1]] == [
        '"model.size" is neither a dataset nor a table of this SQL'
    ]


@pytest.mark.parametrize(
    ("recipe", "what", "hint"),
    [
        (SQL, '"flihgts" is neither a dataset nor a table of this SQL', 'did you mean "flights"?'),
        (SHELL, 'the placeholder "{flihgts}" is no dataset, dimension or param', 'did you mean "flights"?'),
        (PYTHON, 'the parameter "flihgts" is no dataset', 'did you mean "flights"?'),
    ],
)
def test_an_unknown_name_is_an_error_where_it_stands(recipe: Recipe, what: str, hint: str) -> None:
    (problem,) = problems_of(target("a", recipe=recipe), recipe_reads={"a": analysis("flihgts", line=44)})
    assert (problem.what, problem.hint, problem.place) == (what, hint, Place(FILE, 44))


@pytest.mark.parametrize("recipe", [SQL, SHELL, PYTHON])
def test_a_name_like_no_other_gets_advice_too(recipe: Recipe) -> None:
    (problem,) = problems_of(target("a", recipe=recipe), recipe_reads={"a": analysis("zzzz")})
    assert problem.hint
    assert "did you mean" not in problem.hint


def test_a_name_that_may_be_something_else_is_no_error() -> None:
    found = Analysis(b"f" * 16, (Reference("tmp", Place(FILE, 1), is_optional=True),))
    assert problems_of(target("a", recipe=SHELL), recipe_reads={"a": found}) == []


def test_a_declared_input_that_nothing_reads_is_an_error_but_for_a_command() -> None:
    own = [reads("flights", line=66)]
    nothing = {"a": analysis()}
    (sql,) = problems_of(target("a", (), own), recipe_reads=nothing)
    assert sql.what == 'the SQL of target "a" does not read the input "flights"'
    assert sql.place == Place(FILE, 66)
    (python,) = problems_of(target("a", (), own, recipe=PYTHON), recipe_reads=nothing)
    assert python.what == 'the function fit has no parameter "flights" for that input'
    assert problems_of(target("a", (), own, recipe=SHELL), recipe_reads=nothing) == []


def test_a_recipe_that_could_not_be_read_is_not_blamed_for_its_inputs() -> None:
    broken = Analysis(b"", problems=(UserError("no SELECT", Place(FILE, 9), "add one"),))
    (problem,) = problems_of(target("a", (), [reads("flights")]), recipe_reads={"a": broken})
    assert problem.what == "no SELECT"


def test_every_mistake_is_told_at_once() -> None:
    parts = [target("a", (), [reads("b")]), target("b", (), [reads("a")]), target("c"), target("d", (), [reads("d")])]
    found = {problem.what.split(" ")[0] for problem in problems_of(*parts, recipe_reads={"c": analysis("nothing")})}
    assert found == {"these", '"nothing"', "target"}


def test_dimensions_are_no_datasets() -> None:
    made = project(time("day", "2013-01-01"), source("flights", "day"), target("a", ("day",)))
    assert [problem.what for problem in link(made, {"a": analysis("day")})[1]] == [
        '"day" is neither a dataset nor a table of this SQL'
    ]
