"""Targets that read their own earlier partitions: who stands behind whom, against one step at a time."""

from __future__ import annotations

from datetime import datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbuild.core.chain import Chain, dimension_of
from dbuild.core.grain import Grain
from dbuild.core.mapping import mapping_of
from dbuild.core.model import All, Input, MappingRule, Previous, TimeDimension, Values, Window
from dbuild.core.partitions import Axis, Index, PartitionSet, TimeAxis
from dbuild.core.plan import make_plan
from dbuild.core.selection import select
from dbuild.errors import Place
from tests.core.flows import domains, flow_of, project, reads, source, target
from tests.core.flows import time as dimension
from tests.core.test_mapping import CARRIER, ORIGIN, domain, some, time
from tests.core.test_plan import Sayings, counts, planned

EARLIER: list[MappingRule] = [
    Previous(),
    Window(-1, -1, "day"),
    Window(-7, -1, "day"),
    Window(-7, -7, "day"),
    Window(-3, -2, "day"),
    Window(-48, -24, "hour"),
    Window(-1, -1, "month"),
]


@st.composite
def chains(draw: st.DrawFn) -> Chain:
    axes: list[Axis] = draw(
        st.permutations([time("day"), *draw(st.lists(st.sampled_from([ORIGIN, CARRIER]), unique=True))])
    )
    mappings = []
    for _ in range(draw(st.integers(1, 2))):
        rules: dict[str, MappingRule] = {"day": draw(st.sampled_from(EARLIER))}
        for axis in (ORIGIN, CARRIER):
            rule = draw(st.sampled_from([None, All(), Values(axis.values[1:3])]))
            if rule is not None:
                rules[axis.name] = rule
        mappings.append(mapping_of(axes, axes, rules))
    position = next(place for place, axis in enumerate(axes) if axis.name == "day")
    return Chain(domain(axes), tuple(mappings), position)


def closed(chain: Chain, begin: PartitionSet, frozen: PartitionSet, *, is_up: bool) -> set[Index]:
    """One partition after the other."""
    edges = {
        index: {each for mapping in chain.mappings for each in mapping.of_index(index, chain.domain).indices()}
        for index in chain.domain.indices()
    }
    if not is_up:
        readers: dict[Index, set[Index]] = {index: set() for index in edges}
        for index, read in edges.items():
            for each in read - ({index} if index in frozen else set()):
                readers[each].add(index)
        edges = {index: {each for each in found if each not in frozen} for index, found in readers.items()}
    found: set[Index] = set()
    left = list(begin.indices())
    while left:
        index = left.pop()
        following = edges[index] if not is_up or index not in frozen else set()
        left += following - found
        found |= following
    return found | set(begin.indices()) if is_up else found


@pytest.mark.slow
@given(chains(), st.booleans(), st.randoms(use_true_random=False))
def test_closures_are_those_of_single_steps(chain: Chain, has_frozen: bool, random: Random) -> None:
    begin = some(chain.domain, random)
    frozen = some(chain.domain, random) if has_frozen else PartitionSet.empty(chain.domain.axes)
    assert set(chain.needs(begin, frozen).indices()) == closed(chain, begin, frozen, is_up=True)
    assert set(chain.behind(begin, frozen).indices()) == closed(chain, begin, frozen, is_up=False)


@given(chains(), st.randoms(use_true_random=False))
def test_each_comes_after_those_that_it_reads(chain: Chain, random: Random) -> None:
    order = {index: place for place, index in enumerate(chain.ordered(chain.domain.indices()))}
    for index in some(chain.domain, random).indices():
        read = [each for mapping in chain.mappings for each in mapping.of_index(index, chain.domain).indices()]
        assert all(order[each] < order[index] for each in read)


@pytest.mark.parametrize(
    ("rule", "unit", "count", "is_earlier"),
    [
        (Previous(), "day", 1, True),
        (Window(-7, -1, "day"), "day", 1, True),
        (Window(-7, 0, "day"), "day", 1, False),
        (Window(-9, -1, "hour"), "day", 1, False),
        (Window(-24, -24, "hour"), "day", 1, True),
        (Window(-2, -1, "month"), "month", 1, True),
        (Window(-60, -30, "day"), "month", 1, False),
        (Window(-60, -31, "day"), "month", 1, True),
        (Window(-1, -1, "month"), "week", 1, True),
        (Window(-9, -9, "day"), "day", 10, False),
        (Window(-3, -2, "quarter"), "month", 6, True),
        (All(), "day", 1, False),
        (None, "day", 1, False),
    ],
)
def test_what_leads_to_earlier_periods_only(rule: MappingRule | None, unit: str, count: int, is_earlier: bool) -> None:
    place = Place("Dataflowfile", 1)
    day = TimeDimension("day", Grain(unit, count=count), 0, None, place)
    own = Input("x", "x", "", (("day", rule),) if rule else (), place)
    assert (dimension_of({"day": day}, [own]) == "day") is is_earlier
    again = Input("y", "x", "", (), place)
    assert dimension_of({"day": day}, [own, again]) is None


@pytest.mark.parametrize(
    ("grain", "low", "is_earlier"),
    [
        (Grain("day", "Europe/Zurich"), -24, False),
        (Grain("day", "Europe/Zurich"), -48, True),
        (Grain("hour", "Europe/Zurich", 4), -4, False),
        (Grain("hour", "Europe/Zurich", 4), -5, True),
        (Grain("hour", "Europe/Zurich"), -1, True),
        (Grain("hour", "Australia/Lord_Howe"), -1, False),  # one lasts 90 minutes
        (Grain("hour", "Australia/Lord_Howe"), -2, True),
    ],
)
def test_periods_in_which_clocks_are_put_back_are_longer(grain: Grain, low: int, is_earlier: bool) -> None:
    place = Place("Dataflowfile", 1)
    own = Input("x", "x", "", (("time", Window(low, low, "hour")),), place)
    time = TimeDimension("time", grain, grain.bounded("2013-01-01"), None, place)
    assert (dimension_of({"time": time}, [own]) == "time") is is_earlier


def test_only_clocks_that_are_still_put_back_count() -> None:
    """Those of Caracas were, by half an hour, in 2007."""
    place, caracas = Place("Dataflowfile", 1), Grain("hour", "America/Caracas")
    own = Input("x", "x", "", (("time", Window(-1, -1, "hour")),), place)
    for start, is_earlier in [("2007-01-01", False), ("2013-01-01", True)]:
        time = TimeDimension("time", caracas, caracas.bounded(start), None, place)
        assert (dimension_of({"time": time}, [own]) == "time") is is_earlier


@given(st.sampled_from([Previous(), Window(-1, -1, "day"), Window(-3, -2, "day"), Window(-49, -48, "hour")]))
def test_days_that_a_zone_left_out_or_that_last_longer(rule: MappingRule) -> None:
    """Samoa had no 30 December 2011; its clocks were put back on 1 April 2012."""
    axis = TimeAxis("day", Grain("day", "Pacific/Apia"))
    for begin, end in [("2011-12-20", "2012-01-10"), ("2012-03-25", "2012-04-08")]:
        whole = PartitionSet.box((axis,), [[(axis.index(begin), axis.index(end) + 1)]])
        chain = Chain(whole, (mapping_of([axis], [axis], {"day": rule}),), 0)
        nothing = PartitionSet.empty((axis,))
        for index in whole.indices():
            one = PartitionSet.of_indices((axis,), [index])
            assert all(each < index for each in chain.mappings[0].of_index(index, whole).indices())
            assert set(chain.needs(one, nothing).indices()) == closed(chain, one, nothing, is_up=True)
            assert set(chain.behind(one, nothing).indices()) == closed(chain, one, nothing, is_up=False)


# -- planned -------------------------------------------------------------------------------------------------------


def world() -> Sayings:
    flow = flow_of(
        project(
            dimension("day", "2013-01-01", "2013-01-31"),
            source("moves", "day"),
            target("balances", ("day",), [reads("moves"), reads("balances", {"day": Previous()})]),
            target("report", ("day",), [reads("balances")]),
        )
    )
    return Sayings(domains(flow)[0], flow)


def test_all_behind_the_first_that_runs_may_run() -> None:
    said = world()
    said.stale["balances"] = said.keys("balances", "2013-01-10", "2013-01-20")
    plan = planned(said)
    part = plan.targets["balances"]
    assert str(part.will_set) == "2013-01-10+2013-01-20"
    assert str(part.may) == "2013-01-11..2013-01-19+2013-01-21..2013-01-31"
    assert counts(plan, "report") == (0, 22, 9, 0)
    assert [key for (key,) in map(part.needed.key, (index for _, index in said.judged))] == ["2013-01-10", "2013-01-20"]
    assert plan.after("balances", next(iter(part.may.indices()))) == ["balances@2013-01-10"]


def test_what_is_asked_for_needs_all_before_it() -> None:
    said = world()
    some = said.keys("balances", "2013-01-10")
    said.stale["balances"] = said.keys("balances", "2013-01-09", "2013-01-12")
    wanted = {"balances": some}
    plan = make_plan(said.flow, said.domains, wanted, {}, said)
    assert str(plan.targets["balances"].needed) == "2013-01-01..2013-01-10"
    assert counts(plan, "balances") == (1, 1, 8, 0)


def test_all_behind_what_is_missing_waits() -> None:
    said = world()
    said.gone["moves"] = said.keys("moves", "2013-01-20")
    said.stale["balances"] = said.keys("balances", "2013-01-15")
    assert counts(planned(said), "balances") == (1, 4, 14, 12)


def test_nothing_goes_through_what_is_frozen() -> None:
    said = world()
    said.stays["balances"] = said.keys("balances", "2013-01-12")
    said.stale["balances"] = said.keys("balances", "2013-01-10")
    assert str(planned(said).targets["balances"].may) == "2013-01-11"
    said.bare["balances"] = said.keys("balances", "2013-01-12")
    said.suspect["balances"] = said.keys("balances", "2013-01-12")
    assert str(planned(said).targets["balances"].waiting) == "2013-01-12..2013-01-31"


def test_what_is_up_and_down_follows_the_chain() -> None:
    said = world()
    for argument, balances, report in [
        ("balances@2013-01-10+", "2013-01-10..2013-01-31", "2013-01-10..2013-01-31"),
        ("+report@2013-01-10", "2013-01-01..2013-01-10", "2013-01-10"),
        ("moves@2013-01-10+", "2013-01-10..2013-01-31", "2013-01-10..2013-01-31"),
    ]:
        chosen = select(said.flow, said.domains, [argument], datetime(2013, 2, 1)).wanted
        assert (str(chosen["balances"]), str(chosen["report"])) == (balances, report)
