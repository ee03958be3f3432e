"""How far dimensions reach, given what sources have and what time it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from dbuild.core.domain import axes_of, changes_after, domains_of, mappings_of
from dbuild.core.grain import Grain
from dbuild.core.model import All, Expectation, TimeDimension, Values, Window
from dbuild.core.overdue import overdue_of
from dbuild.core.partitions import PartitionSet
from dbuild.errors import Place
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


def test_what_is_due_past_the_end_is_known_and_makes_no_partition() -> None:
    due = Expectation(Place("Dataflowfile", 9), at=6 * 60)

    def late(now: datetime, *keys: str) -> tuple[str, list[str]]:
        made = replace(source("prices", "day"), expect=due)
        flow = flow_of(project(DAY, made, target("daily", ("day",), [reads("prices")])))
        found, _ = domains(flow, {"prices": [(key,) for key in keys]}, now=now)
        name, (low, high) = overdue_of(flow.project, found.bounds, now).get("prices", ("day", (0, 0)))
        return str(found.of("daily")), [found.axes[name].text(number) for number in range(low, high)]

    six = datetime(2013, 1, 5, 6)
    assert late(six, "2013-01-02") == ("2013-01-01..2013-01-02", ["2013-01-03", "2013-01-04"])
    assert late(six - timedelta(seconds=1), "2013-01-02") == ("2013-01-01..2013-01-02", ["2013-01-03"])
    assert late(six, "2013-01-06") == ("2013-01-01..2013-01-06", [])
    assert late(datetime(2012, 5, 1)) == ("none", [])


def test_what_is_due_does_not_move_an_end() -> None:
    due = Expectation(Place("Dataflowfile", 9), at=6 * 60)
    for dimension in (time("day", "2013-01-01", "2013-01-31"), replace(DAY, is_current=True)):
        flow = flow_of(project(dimension, replace(source("prices", "day"), expect=due)))
        found, _ = domains(flow, {}, now=datetime(2013, 1, 31, 1))
        assert str(found.of("prices")) == "2013-01-01..2013-01-31"
        assert overdue_of(flow.project, found.bounds, datetime(2013, 2, 9)) == {}


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


def test_a_dimension_that_follows_the_clock_ends_with_the_period_of_this_moment() -> None:
    def end_at(grain: Grain, now: datetime, *keys: tuple[str]) -> tuple[str, list[str]]:
        dimension = TimeDimension("x", grain, grain.bounded("2013-06-01"), None, Place("Dataflowfile", 2), True)
        flow = flow_of(project(dimension, source("flights", "x"), target("daily", ("x",), [reads("flights")])))
        found, notices = domains(flow, {"flights": keys}, now=now)
        assert found.of("flights").body == found.of("daily").body
        return str(found.of("daily")), notices

    york = Grain("day", "America/New_York")
    assert end_at(Grain("day"), datetime(2013, 6, 15)) == ("2013-06-01..2013-06-15", [])
    assert end_at(Grain("day"), datetime(2013, 6, 14, 23, 59, 59)) == ("2013-06-01..2013-06-14", [])
    assert end_at(york, datetime(2013, 6, 15, 3, 59)) == ("2013-06-01..2013-06-14", [])
    assert end_at(york, datetime(2013, 6, 15, 4)) == ("2013-06-01..2013-06-15", [])
    assert end_at(Grain("hour", count=4), datetime(2013, 6, 1, 9))[0] == "2013-06-01T00..2013-06-01T08"
    assert end_at(Grain("day"), datetime(2013, 5, 1))[0] == "none"
    last, notices = end_at(Grain("day"), datetime(2013, 6, 15), ("2013-06-16",), ("2013-06-20",))
    assert last == "2013-06-01..2013-06-15"
    assert len(notices) == 1  # tomorrow's is only early


def test_what_follows_the_clock_changes_with_its_next_period() -> None:
    now = datetime(2013, 6, 15, 12, 30)
    current = [TimeDimension(g.unit, g, 0, None, Place("Dataflowfile", 2), True) for g in (Grain("day"), Grain("hour"))]
    assert changes_after(current, now) == datetime(2013, 6, 15, 13)
    assert changes_after([DAY], now) is None
    assert changes_after([current[0], MONTH], now) == datetime(2013, 6, 16)
