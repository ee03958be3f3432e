"""What will run, what may run, what is fresh and what waits, for a world that is made up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from dbuild.core.absence import Absence
from dbuild.core.domain import Domains
from dbuild.core.graph import Flow, Step
from dbuild.core.model import Input, Window
from dbuild.core.partitions import Index, PartitionSet
from dbuild.core.plan import Plan, inputs_of, make_plan, needed_of
from dbuild.core.staleness import Reason, Verdict
from dbuild.core.supply import Supply, supply_of
from tests.core.flows import domains, flow_of, project, reads, source, target, time

STALE = Reason("input changed", "something")


@dataclass
class Sayings:
    """A world of which only what is said here is true."""

    domains: Domains
    flow: Flow
    gone: dict[str, PartitionSet] = field(default_factory=dict)
    stale: dict[str, PartitionSet] = field(default_factory=dict)  # has a reason of its own
    suspect: dict[str, PartitionSet] = field(default_factory=dict)  # looked at, and no reason found
    judged: list[tuple[str, Index]] = field(default_factory=list)
    stays: dict[str, PartitionSet] = field(default_factory=dict)  # frozen
    bare: dict[str, PartitionSet] = field(default_factory=dict)  # without outputs

    @property
    def supply(self) -> Supply:
        absences = {name: Absence.of_missing(some) for name, some in self.gone.items()}
        return supply_of(self.flow, self.domains, absences, self)

    def suspects(self, name: str) -> PartitionSet:
        nothing = PartitionSet.empty(self.domains.of(name).axes)
        return self.stale.get(name, nothing) | self.suspect.get(name, nothing)

    def frozen(self, name: str) -> PartitionSet:
        return self.stays.get(name, PartitionSet.empty(self.domains.of(name).axes))

    def lost(self, name: str) -> PartitionSet:
        return self.frozen(name) & self.bare.get(name, PartitionSet.empty(self.domains.of(name).axes))

    def improvised(self, name: str, frozen: PartitionSet, absences: Mapping[str, Absence]) -> PartitionSet:
        return frozen - frozen

    def unrouted(self, name: str) -> Mapping[str, PartitionSet]:
        return {}

    def needs_first(self, given: Input, step: Step) -> bool:
        return False

    def judge(self, name: str, index: Index, unsettled: Mapping[str, PartitionSet]) -> Verdict:
        self.judged.append((name, index))
        behind = any(
            one.dataset in unsettled and mapping.of_index(index, self.domains.of(one.dataset)) & unsettled[one.dataset]
            for one, mapping in inputs_of(self.flow, self.domains, name)
        )
        is_stale = name in self.stale and index in self.stale[name]
        return Verdict((STALE,) if is_stale else (), bool(behind))

    def keys(self, name: str, *keys: str) -> PartitionSet:
        return PartitionSet.of_keys(self.domains.of(name).axes, [(key,) for key in keys])


def world() -> Sayings:
    """Days of flights: cleaned, in a window and by month, and a report of them all."""
    flow = flow_of(
        project(
            time("day", "2013-01-01", "2013-03-31"),
            time("month", "2013-01", "2013-03"),
            source("flights", "day"),
            source("airports"),
            target("clean", ("day",), [reads("flights")]),
            target("week", ("day",), [reads("clean", {"day": Window(-6, 0, "day")})]),
            target("monthly", ("month",), [reads("clean"), reads("airports")]),
            target("report", (), [reads("monthly"), reads("week")]),
        )
    )
    return Sayings(domains(flow)[0], flow)


def planned(said: Sayings, *wanted: str) -> Plan:
    chosen = {name: said.domains.of(name) for name in wanted or said.flow.steps}
    return make_plan(said.flow, said.domains, chosen, {}, said)


def counts(plan: Plan, name: str) -> tuple[int, int, int, int]:
    part = plan.targets[name]
    return len(part.will), len(part.may), len(part.fresh), len(part.waiting)


def test_where_nothing_is_suspect_nothing_is_judged() -> None:
    said = world()
    plan = planned(said)
    assert (plan.will_run, plan.may_run, plan.waiting) == (0, 0, 0)
    assert plan.fresh == 90 + 90 + 3 + 1
    assert said.judged == []


def test_one_changed_day_runs_and_what_reads_it_may() -> None:
    said = world()
    said.stale["clean"] = said.keys("clean", "2013-01-30")
    plan = planned(said)
    assert counts(plan, "clean") == (1, 0, 89, 0)
    assert counts(plan, "week") == (0, 7, 83, 0)
    assert counts(plan, "monthly") == (0, 1, 2, 0)
    assert counts(plan, "report") == (0, 1, 0, 0)
    assert str(plan.targets["week"].may) == "2013-01-30..2013-02-05"
    ((index, why),) = plan.targets["clean"].will.items()
    assert why == (STALE,)
    assert said.domains.of("clean").key(index) == ("2013-01-30",)


def test_what_does_not_count_makes_nothing_undecided_and_holds_back_all_the_same() -> None:
    flow = flow_of(
        project(
            time("day", "2013-01-01", "2013-01-09"),
            source("flights", "day"),
            target("clean", ("day",), [reads("flights")]),
            target("daily", ("day",), [replace(reads("clean"), counts=False)]),
        )
    )
    said = Sayings(domains(flow)[0], flow)
    said.stale["clean"] = said.keys("clean", "2013-01-04")
    said.gone["flights"] = said.keys("flights", "2013-01-07")
    plan = planned(said)
    assert counts(plan, "clean") == (1, 0, 7, 1)
    assert counts(plan, "daily") == (0, 0, 8, 1)


def test_a_reason_of_its_own_outweighs_those_that_are_only_possible() -> None:
    said = world()
    said.stale["clean"] = said.keys("clean", "2013-01-30")
    said.stale["monthly"] = said.keys("monthly", "2013-01", "2013-03")
    plan = planned(said)
    assert counts(plan, "monthly") == (2, 0, 1, 0)
    assert counts(plan, "report") == (0, 1, 0, 0)


def test_a_suspect_that_turns_out_as_it_was_is_fresh_and_one_behind_a_task_may_run() -> None:
    said = world()
    said.stale["clean"] = said.keys("clean", "2013-01-30")
    said.suspect["monthly"] = said.keys("monthly", "2013-01", "2013-02")
    plan = planned(said)
    assert counts(plan, "monthly") == (0, 1, 2, 0)


def test_what_a_missing_source_holds_back_waits_through_all_that_reads_it() -> None:
    said = world()
    said.gone["flights"] = said.keys("flights", "2013-03-31")
    said.stale["clean"] = said.domains.of("clean")
    plan = planned(said)
    assert counts(plan, "clean") == (89, 0, 0, 1)
    assert counts(plan, "week") == (0, 89, 0, 1)
    assert counts(plan, "monthly") == (0, 2, 0, 1)
    assert counts(plan, "report") == (0, 0, 0, 1)
    assert plan.lacks("clean", said.keys("clean", "2013-03-31").first() or ()) == ["flights@2013-03-31"]
    assert plan.lacks("report", ()) == ["monthly@2013-03", "week@2013-03-31"]
    assert ("clean", said.keys("clean", "2013-03-31").first()) not in said.judged


def test_an_unpartitioned_source_that_is_missing_holds_back_all_that_reads_it() -> None:
    said = world()
    said.gone["airports"] = said.domains.of("airports")
    plan = planned(said)
    assert counts(plan, "monthly") == (0, 0, 0, 3)
    assert plan.lacks("monthly", (plan.targets["monthly"].needed.first() or ())) == ["airports"]
    assert counts(plan, "clean") == (0, 0, 90, 0)


def test_what_may_run_says_after_what() -> None:
    said = world()
    said.stale["clean"] = said.keys("clean", "2013-01-30", "2013-02-01")
    plan = planned(said)
    january = said.keys("monthly", "2013-01").first() or ()
    assert plan.after("monthly", january) == ["clean@2013-01-30"]
    assert plan.after("report", ())[:2] == ["monthly@2013-01", "monthly@2013-02"]


def test_only_what_is_asked_for_and_needed_is_planned() -> None:
    said = world()
    said.stale["clean"] = said.domains.of("clean")
    wanted = {"monthly": said.keys("monthly", "2013-02")}
    plan = make_plan(said.flow, said.domains, wanted, {}, said)
    assert list(plan.targets) == ["clean", "monthly"]
    assert counts(plan, "clean") == (28, 0, 0, 0)
    assert str(plan.targets["clean"].needed) == "2013-02-01..2013-02-28"
    needed = needed_of(said.flow, said.domains, wanted, said)
    assert str(needed["flights"]) == "2013-02-01..2013-02-28"
    assert "week" not in needed


def test_what_lies_past_the_newest_partition_counts_as_waiting() -> None:
    said = world()
    axes = said.domains.of("clean").axes
    absent = {"clean": PartitionSet.of_keys(axes, [("2013-05-01",)])}
    plan = make_plan(said.flow, said.domains, {"clean": PartitionSet.empty(axes)}, absent, said)
    assert (plan.waiting, plan.will_run, plan.fresh) == (1, 0, 0)


def some(members: PartitionSet, random: Random) -> PartitionSet:
    indices = list(members.indices())
    return PartitionSet.of_indices(members.axes, random.sample(indices, random.choice([0, 0, 1, min(5, len(indices))])))


targets = st.lists(st.sampled_from(["clean", "week", "monthly", "report"]), unique=True)


@given(st.randoms(use_true_random=False), targets)
def test_a_plan_is_what_a_walk_over_every_partition_would_say(random: Random, wanted: Iterable[str]) -> None:
    said = world()
    said.gone = {name: some(said.domains.of(name), random) for name in ("flights", "airports")}
    said.stale = {name: some(said.domains.of(name), random) for name in said.flow.steps}
    said.suspect = {name: some(said.domains.of(name), random) for name in said.flow.steps}
    plan = planned(said, *wanted)
    held = {name: set(said.supply.without(name).indices()) for name in said.flow.project.sources}
    will: dict[str, set[Index]] = {}
    may: dict[str, set[Index]] = {}
    for name, part in plan.targets.items():
        sets = [part.will_set, part.may, part.waiting, part.fresh]
        assert sum(map(len, sets)) == len(part.needed)
        assert PartitionSet.union_of(part.needed.axes, [one.body for one in sets]) == part.needed
        will[name], may[name], held[name] = set(), set(), set()
        for index in part.needed.indices():
            given_indices = [
                (one.dataset, read)
                for one, mapping in inputs_of(said.flow, said.domains, name)
                for read in mapping.of_index(index, said.domains.of(one.dataset)).indices()
            ]
            if any(read in held[dataset] for dataset, read in given_indices):
                held[name].add(index)
            elif index in said.stale[name]:
                will[name].add(index)
            elif any(read in will.get(d, ()) or read in may.get(d, ()) for d, read in given_indices):
                may[name].add(index)
        assert set(part.will) == set(part.will_set.indices()) == will[name]
        assert set(part.may.indices()) == may[name]
        assert set(part.waiting.indices()) == held[name]


def test_what_is_frozen_is_held_and_its_readers_see_nothing_of_it() -> None:
    said = world()
    said.stale["clean"] = said.keys("clean", "2013-01-05", "2013-01-06")
    said.stays["clean"] = said.keys("clean", "2013-01-05")
    plan = planned(said)
    assert list(map(said.domains.of("clean").key, plan.targets["clean"].held)) == [("2013-01-05",)]
    assert list(map(said.domains.of("clean").key, plan.targets["clean"].will)) == [("2013-01-06",)]
    assert ("2013-01-05",) not in set(plan.targets["week"].may.keys())
    assert ("2013-01-06",) in set(plan.targets["week"].may.keys())


def test_what_is_frozen_never_may_run_and_pulls_nothing_in() -> None:
    said = world()
    said.stale["clean"] = said.domains.of("clean")
    said.stays["monthly"] = said.domains.of("monthly")
    plan = planned(said, "monthly")
    assert (plan.will_run, plan.may_run) == (0, 0)
    assert "clean" not in plan.targets


def test_what_is_frozen_and_not_there_holds_its_readers_back() -> None:
    said = world()
    said.suspect["monthly"] = said.bare["monthly"] = said.keys("monthly", "2013-02")
    said.stays["monthly"] = said.domains.of("monthly")
    plan = planned(said)
    assert list(plan.targets["monthly"].waiting.keys()) == [("2013-02",)]
    assert list(plan.targets["report"].waiting.keys()) == [()]
    assert not plan.targets["monthly"].held


def test_a_missing_input_doesnt_matter_to_what_is_frozen() -> None:
    said = world()
    said.gone["flights"] = said.keys("flights", "2013-01-05")
    said.stays["clean"] = said.keys("clean", "2013-01-05")
    plan = planned(said)
    assert not plan.targets["clean"].waiting
    assert not plan.targets["week"].waiting
