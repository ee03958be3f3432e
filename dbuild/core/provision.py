"""What one input of a target can be had, by what is absent of it and by what the Dataflowfile says to do then."""

from __future__ import annotations

from datetime import timedelta

from dbuild.core.absence import Absence
from dbuild.core.latest import Slices
from dbuild.core.links import Fixed
from dbuild.core.mapping import Mapping
from dbuild.core.model import Input
from dbuild.core.partitions import Index, PartitionSet, TimeAxis
from dbuild.core.supplied import StandIn, Supplied
from dbuild.values import dataclass


@dataclass(slots=True)
class Provision:
    """One input of a target, over the target's whole declared domain."""

    mapping: Mapping | Supplied  # leads to what is there
    missing: PartitionSet  # held back by what is missing of it
    unsettled: PartitionSet  # held back by what is being written
    awaited: PartitionSet  # held back by what isn't due yet
    refused: PartitionSet  # fails for want of it
    provisional: PartitionSet  # made without some of it
    lacking: PartitionSet  # would read something of it that is absent, for whatever reason but that nothing is due
    resting: PartitionSet | None  # has nothing of it, for nothing is due then; None: it doesn't follow time


@dataclass(frozen=True, slots=True)
class Demand:
    """One input of a target with the domains of both."""

    given: Input
    mapping: Mapping
    domain: PartitionSet  # the target's, as declared
    reach: PartitionSet  # the input's, as declared
    is_made: bool  # the input is a target
    is_patient: bool  # all that is missing is waited for


def provide(demand: Demand, absence: Absence | None) -> Provision:
    """What there is for an input of which this is absent; None: nothing is."""
    nothing = PartitionSet.empty(demand.domain.axes)
    follows = _follows_time(demand.mapping, demand.reach)
    if absence is None:
        return _plenty(demand, demand.mapping, nothing if follows else None)
    there = demand.reach - absence.all
    if demand.mapping.latest is not None:
        return _count(demand, absence, there)
    made = _plenty(demand, demand.mapping)
    made.lacking = demand.mapping.touches(absence.holding, demand.domain)
    made.unsettled = demand.mapping.touches(absence.unsettled, demand.domain)
    if absence.awaited:  # it is left out by who has something else to read
        touched = demand.mapping.touches(absence.awaited, demand.domain)
        made.awaited = touched - demand.mapping.touches(there | absence.missing, demand.domain)
    if follows:
        made.resting = _only(demand, absence.idle)
    stand_ins = {}
    if demand.given.missing == "latest" and not demand.is_patient:
        stand_ins = _stand_in(demand, absence, there, made)
    else:
        _do_without(demand, absence, there, made)
    made.mapping = Supplied(demand.mapping, there, absence.missing, time_place(demand.reach), stand_ins)
    return made


def _plenty(demand: Demand, mapping: Mapping | Supplied, resting: PartitionSet | None = None) -> Provision:
    """A provision that lacks nothing."""
    nothing = PartitionSet.empty(demand.domain.axes)
    return Provision(mapping, nothing, nothing, nothing, nothing, nothing, nothing, resting)


def _count(demand: Demand, absence: Absence, there: PartitionSet) -> Provision:
    """Of an input of which the last so many are read. Of a source those that are there; a target will have the missing.

    What somebody is still writing may become one of them. What isn't due yet isn't counted.
    """
    does_without = demand.given.missing == "skip" and not demand.is_patient
    whole = demand.mapping.counting(there | absence.missing if demand.is_made and not does_without else there)
    made = _plenty(demand, whole)
    if absence.unsettled:
        made.unsettled = whole.affects(absence.unsettled, demand.domain)
    if demand.is_made and does_without:
        made.provisional = whole.affects(absence.missing, demand.domain)
    elif demand.is_made:
        made.missing = whole.touches(absence.missing, demand.domain)
    made.lacking = made.unsettled | made.provisional | made.missing
    return made


def _follows_time(mapping: Mapping, reach: PartitionSet) -> bool:
    """Whether which partitions are read depends on the target's own period."""
    pairs = zip(mapping.links, reach.axes, strict=True)
    return mapping.latest is None and any(isinstance(a, TimeAxis) and not isinstance(link, Fixed) for link, a in pairs)


def time_place(reach: PartitionSet) -> int:
    """The place of an input's axis along which earlier partitions are looked for; 0 where it has none."""
    return next((place for place, axis in enumerate(reach.axes) if isinstance(axis, TimeAxis)), 0)


def _only(demand: Demand, some: PartitionSet) -> PartitionSet:
    """The target's partitions that read some of these partitions of the input, and no other."""
    if not some:
        return PartitionSet.empty(demand.domain.axes)
    touched = demand.mapping.touches(some, demand.domain)
    return touched - demand.mapping.touches(demand.reach - some, demand.domain)


def _do_without(demand: Demand, absence: Absence, there: PartitionSet, made: Provision) -> None:
    """Sorts those that lack something missing, by what is to be done then."""
    if not absence.missing:
        return
    lacking = demand.mapping.touches(absence.missing, demand.domain)
    if demand.is_patient:
        made.missing |= lacking
        return
    if demand.given.missing == "skip":
        made.provisional |= lacking
        return
    if demand.given.minimum is not None:
        enough = PartitionSet.of_indices(
            demand.domain.axes, (one for one in lacking.indices() if _is_enough(demand, one, absence, there))
        )
        made.provisional |= enough
        lacking -= enough
    if demand.given.missing == "fail":
        made.refused |= lacking
    else:
        made.missing |= lacking


def _is_enough(demand: Demand, index: Index, absence: Absence, there: PartitionSet) -> bool:
    """Whether as many partitions are there as are asked for, or all that are expected."""
    reads = demand.mapping.of_index(index, demand.reach)
    have = len(reads & there)
    assert demand.given.minimum is not None
    return have >= min(demand.given.minimum, have + len(reads & absence.missing))


def _stand_in(demand: Demand, absence: Absence, there: PartitionSet, made: Provision) -> dict[Index, StandIn]:
    """The stand-ins of those that would read what is missing, or never due; who finds none waits."""
    lacking = demand.mapping.touches(absence.missing | absence.idle, demand.domain)
    place = time_place(demand.reach)
    made.lacking |= lacking
    slices = Slices(there | absence.unsettled, place)
    found: dict[Index, StandIn] = {}
    waiting, unsettled, provisional = [], [], []
    for index in lacking.indices():
        absent = demand.mapping.of_index(index, demand.reach).first()
        assert absent is not None
        used = newest_before(slices, absent, place)
        if used is None or _is_too_old(demand, absent[place], used[place]):
            waiting.append(index)
            continue
        if used not in there:
            unsettled.append(index)
            continue
        found[index] = StandIn(absent, used)
        if absent in absence.missing:
            provisional.append(index)
    made.missing |= PartitionSet.of_indices(demand.domain.axes, waiting)
    made.unsettled |= PartitionSet.of_indices(demand.domain.axes, unsettled)
    made.provisional |= PartitionSet.of_indices(demand.domain.axes, provisional)
    return found


def newest_before(slices: Slices, absent: Index, place: int) -> Index | None:
    """The newest partition along an axis before one that isn't there, the same on all other axes."""
    box = tuple((number, number + 1) for number in absent)
    for each, _ in slices.meeting(box):
        rank = each.rank(absent[place])
        if rank:
            return (*absent[:place], each.at(rank - 1), *absent[place + 1 :])
    return None


def _is_too_old(demand: Demand, absent: int, used: int) -> bool:
    axis = demand.reach.axes[time_place(demand.reach)]
    if demand.given.max_age is None or not isinstance(axis, TimeAxis):
        return False
    return axis.grain.start(absent) - axis.grain.start(used) > timedelta(seconds=demand.given.max_age)
