"""The SQL that finds keys, linked: what it may read, and where it stands in the flow."""

from __future__ import annotations

import pytest

from dbuild.core.graph import Flow, link
from dbuild.core.model import Analysis, Dimension, Source, Target, Values
from dbuild.core.partitions import PartitionSet
from dbuild.errors import Place, UserError
from tests.core.flows import FILE, analysis, domains, project, queried, reads, source, target, time


def linked(asks: Analysis, *parts: Dimension | Source | Target) -> tuple[Flow, list[UserError]]:
    """The flow of a project whose dimension "x" is found by SQL, and the mistakes in it."""
    made = project(queried("x"), source("raw"), source("days", "day"), time("day", "2013-01-01"), *parts)
    analyses = {name: analysis(*(given.name for given in own.inputs)) for name, own in made.targets.items()}
    return link(made, analyses | {"partitions.x": asks})


def test_it_reads_sources_also_through_views() -> None:
    view = target("tidy", (), [reads("days", {"day": Values(("2013-01-01",))})], outputs=())
    flow, problems = linked(analysis("raw", "TIDY"), view, target("made", ("x",), [reads("raw")]))
    assert problems == []
    step = flow.queries["x"]
    assert [(given.name, given.dataset) for given in step.inputs] == [("raw", "raw"), ("TIDY/days", "days")]
    assert [use.view for use in step.views] == ["tidy"]
    found, _ = domains(flow, {"days": [("2013-01-01",), ("2013-01-02",)]}, {"x": ("a",)})
    _, days = found.mappings["partitions.x"]
    assert days.of_index((), found.of("days")) == PartitionSet.of_keys(found.of("days").axes, [("2013-01-01",)])


def test_it_is_nothing_that_is_built_or_read() -> None:
    flow, problems = linked(analysis("raw"), target("made", ("x",), [reads("days")]))
    assert problems == []
    assert (list(flow.steps), flow.views, flow.order) == (["made"], {}, ("made",))
    assert flow.readers == {"days": ("made",)}
    assert flow.downstream(["raw"]) == {"raw"}
    made = project(queried("x"), source("raw"), target("made"))
    (problem,) = link(made, {"partitions.x": analysis("raw"), "made": analysis("partitions.x")})[1]
    assert problem.what == '"partitions.x" is neither a dataset nor a table of this SQL'


@pytest.mark.parametrize(
    ("name", "what", "hint"),
    [
        ("rwa", '"rwa" is neither a dataset nor a table of this SQL', 'did you mean "raw"?'),
        ("made", 'the SQL of dimension "x" reads the target "made"', "before anything is made"),
        ("behind", 'the SQL of dimension "x" reads the target "made"', "before anything is made"),
        (
            "own",
            'the SQL of dimension "x" reads "own", whose files have keys of "x"',
            'discover = "own" takes the keys',
        ),
        ("other", 'the SQL of dimension "x" reads "other", whose files have keys of "y"', "read another source"),
    ],
)
def test_what_it_cannot_read_is_told_where_it_reads_it(name: str, what: str, hint: str) -> None:
    made = target("made", ("x",), [reads("raw")])
    behind = target("behind", (), [reads("made")], outputs=())
    parts = (made, behind, queried("y"), source("own", "x"), source("other", "day", "y"))
    _, problems = _with_y(analysis(name, line=44), *parts)
    (problem,) = problems
    assert problem.what.startswith(what)
    assert hint in (problem.hint or "")
    assert problem.place == Place(FILE, 44)


def _with_y(asks: Analysis, *parts: Dimension | Source | Target) -> tuple[Flow, list[UserError]]:
    made = project(queried("x"), source("raw"), time("day", "2013-01-01"), *parts)
    analyses = {own: analysis(*(given.name for given in each.inputs)) for own, each in made.targets.items()}
    return link(made, analyses | {"partitions.x": asks, "partitions.y": analysis("raw")})


def test_it_binds_params_and_no_keys() -> None:
    (problem,) = linked(Analysis(b"f" * 16, analysis("raw").reads, ("day",)))[1]
    assert problem.what == '"$day" in the SQL of dimension "x" is no param'
    assert problem.place == Place(FILE, 90)


def test_mistakes_in_its_text_are_told_once() -> None:
    mistake = UserError("syntax error", Place(FILE, 90))
    assert linked(Analysis(b"f" * 16, params=("day",), problems=(mistake,)))[1] == [mistake]


def test_a_source_is_not_called_empty_before_its_keys_are_known() -> None:
    flow, problems = linked(
        analysis("raw"), source("own", "x", "day"), target("made", ("x", "day"), [reads("own"), reads("days")])
    )
    assert problems == []
    cases: list[tuple[tuple[str, ...], list[str]]] = [((), ["days"]), (("a",), ["days", "own"])]
    for found, empty in cases:
        _, notices = domains(flow, {"own": [], "days": []}, {"x": found})
        assert [notice.split('"')[1] for notice in notices] == empty
