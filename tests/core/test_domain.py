"""How far dimensions reach, given what sources have and what time it is."""

from __future__ import annotations

from datetime import datetime

from dbuild.core.domain import axes_of, domains_of, mappings_of
from dbuild.core.model import All, Values, Window
from dbuild.core.partitions import PartitionSet
from tests.core.flows import NOW, discovered, domains, flow_of, project, reads, source, target, time, values

DAY = time("day", "2013-01-01")
MONTH = time("month", "2013-01")
WEEK = time("week", "2013-W01")


def test_an_end_bounds_a_dimension_whatever_is_there() -> None:
    flow = flow_of(project(time("day", "2013-01-01", "2013-01-31"), source("flights", "day")))
    for keys in ([], [("2013-05-01",)], [("2013-01-05",)]):
        found, notices = domains(flow, {"flights": keys})
        assert str(found.of("flights")) == "2013-01-01..2013-01-31"
        assert notices == []


def test_without_an_end_the_newest_partition_of_any_source_is_the_last() -> None:
    flow = flow_of(project(DAY, source("flights", "day"), source("weather", "day"), source("airports")))
    found, notices = domains(flow, {"flights": [("2013-01-05",), ("2013-01-02",)], "weather": [("2013-01-09",)]})
    assert str(found.of("flights")) == str(found.of("weather")) == "2013-01-01..2013-01-09"
    assert str(found.of("airports")) == "all"
    assert notices == []


def test_where_nothing_is_there_no_partition_is_expected() -> None:
    flow = flow_of(project(DAY, source("flights", "day"), target("daily", ("day",), [reads("flights")])))
    for keys in ([], [("2012-12-31",)]):
        found, _ = domains(flow, {"flights": keys})
        assert not found.of("flights")
        assert not found.of("daily")


def test_keys_later_than_tomorrow_are_reported_and_left_out() -> None:
    flow = flow_of(project(DAY, source("flights", "day")))
    found, notices = domains(flow, {"flights": [("2013-06-16",), ("2013-06-17",), ("2199-01-01",)]})
    assert str(found.of("flights")) == "2013-01-01..2013-06-16"
    assert len(notices) == 1
    assert "flights" in notices[0]
    assert domains(flow, {"flights": [("2013-06-16",)]})[1] == []
    found, notices = domains(flow, {"flights": [("2013-06-10",), ("2199-01-01",)]})
    assert str(found.of("flights")) == "2013-01-01..2013-06-10"  # they don't reach into what is still to come
    assert len(notices) == 1


def test_time_enters_as_a_value() -> None:
    flow = flow_of(project(DAY, source("flights", "day")))
    found, _ = domains(flow, {"flights": [("2199-01-01",)]}, now=datetime(2198, 12, 31, 0, 0))
    assert str(found.of("flights")) == "2013-01-01..2199-01-01"


def test_a_dimension_that_no_source_has_reaches_as_far_as_what_it_is_made_from() -> None:
    flow = flow_of(
        project(
            DAY,
            MONTH,
            WEEK,
            source("flights", "day"),
            target("daily", ("day",), [reads("flights")]),
            target("monthly", ("month",), [reads("daily")]),
            target("weekly", ("week",), [reads("monthly")]),
        )
    )
    found, _ = domains(flow, {"flights": [("2013-02-03",)]})
    assert str(found.of("monthly")) == "2013-01..2013-02"
    assert str(found.of("weekly")) == "2013-W01..2013-W09"  # weeks up to the last one that February meets


def test_a_dimension_that_nothing_reaches_has_no_partitions() -> None:
    flow = flow_of(project(MONTH, source("airports"), target("monthly", ("month",), [reads("airports")])))
    found, _ = domains(flow, {"airports": [()]})
    assert not found.of("monthly")


def test_lists_and_discovered_keys() -> None:
    made = project(
        values("origin", "EWR", "JFK"),
        discovered("carrier", "carriers"),
        source("carriers", "carrier"),
        target("pairs", ("origin", "carrier"), [reads("carriers")]),
    )
    flow = flow_of(made)
    found, _ = domains(flow, {"carriers": [("AA",)]}, {"carrier": ("AA", "UA")})
    assert str(found.of("pairs")) == "EWR..JFK,AA..UA"
    assert len(domains(flow, {}, {})[0].of("pairs")) == 0


def test_the_order_of_a_path_is_the_order_of_a_key() -> None:
    two_days = time("day", "2013-01-01", "2013-01-02")
    flow = flow_of(project(two_days, values("origin", "JFK"), source("a", "origin", "day")))
    assert list(domains(flow)[0].of("a").keys()) == [("JFK", "2013-01-01"), ("JFK", "2013-01-02")]


def test_mappings_stand_in_the_order_of_the_inputs() -> None:
    flow = flow_of(
        project(
            DAY,
            source("flights", "day"),
            source("airports"),
            target("daily", ("day",), [reads("airports"), reads("flights", {"day": Window(-1, 0, "day")})]),
        )
    )
    found, _ = domains(flow, {"flights": [("2013-01-05",)]})
    airports, flights = found.mappings["daily"]
    index = (found.axes["day"].index("2013-01-05"),)
    assert list(airports.of_index(index, found.of("airports")).keys()) == [()]
    assert list(flights.of_index(index, found.of("flights")).keys()) == [("2013-01-04",), ("2013-01-05",)]


def test_a_mapping_that_does_not_fit_is_an_error_at_its_input() -> None:
    made = project(
        DAY,
        MONTH,
        WEEK,
        source("flights", "day"),
        target("both", ("week", "month"), [reads("flights", line=71)]),
        target("all", ("week", "month"), [reads("flights", {"day": All()})]),
    )
    flow = flow_of(made)
    found, (problem,) = mappings_of(flow, axes_of(made, {}))
    assert problem.what.startswith('target "both", input "flights": which partitions of "day" are read is ambiguous')
    assert problem.place is not None
    assert problem.place.line == 71
    assert len(found["all"]) == 1


def test_a_key_that_is_not_discovered_yet_is_no_mistake() -> None:
    made = project(
        discovered("carrier", "carriers"),
        source("carriers", "carrier"),
        target("american", (), [reads("carriers", {"carrier": Values(("AA",))})]),
    )
    flow = flow_of(made)
    for there in ((), ("UA",), ("AA", "UA")):
        axes = axes_of(made, {"carrier": there})
        mappings, problems = mappings_of(flow, axes)
        assert problems == []
        found, _ = domains_of(flow, axes, mappings, {}, NOW)
        read = found.mappings["american"][0].reads(PartitionSet.box((), []), found.of("carriers"))
        assert list(read.keys()) == [("AA",)] * ("AA" in there)
