"""The random test of late data has to be able to fail: systems that are wrong in one thing each, which it finds out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from dbuild.build import world
from dbuild.build.holds import Holds
from dbuild.build.presence import Presence
from dbuild.build.routes import Routes
from dbuild.build.world import World
from dbuild.core import plan, provision, supply
from dbuild.core.absence import Absence
from dbuild.core.domain import Domains
from dbuild.core.graph import Flow
from dbuild.core.partitions import PartitionSet
from dbuild.core.plan import inputs_of
from dbuild.core.provision import Provision
from dbuild.core.supplied import StandIn, Supplied
from tests.random.test_late import play
from tests.random.warm import warm_workers

pytestmark = pytest.mark.slow
ENOUGH = 30  # seeds in which each has to be found out

Wrong = Callable[[], AbstractContextManager[object]]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A place for all sequences, one after the other, with workers that stay."""
    with warm_workers():
        yield tmp_path_factory.mktemp("late") / "shop"


def _nothing(own: Any, target: str, *_: object) -> PartitionSet:
    """In place of a question about a target's partitions."""
    world: World = own._world
    return PartitionSet.empty(world.reach.of(target).axes)


# -- what is absent ----------------------------------------------------------------------------------------------------


def _absences(change: Callable[[Absence], Absence]) -> Wrong:
    """What sources lack, taken for something else."""
    known = world.absences_of

    def found(own: World) -> dict[str, Absence]:
        return {name: change(absence) for name, absence in known(own).items()}

    return lambda: patch.object(world, "absences_of", found)


def _all_missing(absence: Absence) -> Absence:
    nothing = absence.missing - absence.missing
    return replace(absence, awaited=nothing, unsettled=nothing, missing=absence.holding)


@contextmanager
def _vague() -> Iterator[None]:
    """To its readers a target's partition that waits is missing, whatever it waits for."""
    known = supply._absence
    with patch.object(supply, "_absence", lambda *parts: _all_missing(known(*parts))):
        yield


@contextmanager
def _lenient() -> Iterator[None]:
    """What should fail for a missing input waits for it."""
    known = supply.provide

    def provide(*parts: Any) -> Provision:
        made = known(*parts)
        made.missing, made.refused = made.missing | made.refused, made.refused - made.refused
        return made

    with patch.object(supply, "provide", provide):
        yield


# -- stand-ins, and what is provisional --------------------------------------------------------------------------------


def _affected(is_affected: Callable[[StandIn, PartitionSet, int], bool]) -> Wrong:
    """Who looks at a stand-in, or at what comes nearer, no more."""

    def affects(own: Supplied, each: StandIn, changed: PartitionSet) -> bool:
        return is_affected(each, changed, own.position)

    return lambda: patch.object(Supplied, "_is_affected", affects)


def _is_nearer(each: StandIn, changed: PartitionSet, place: int) -> bool:
    return any(each.used[place] < index[place] < each.absent[place] for index in changed.indices())


@contextmanager
def _discreet() -> Iterator[None]:
    """What is made of a provisional partition isn't provisional."""
    with patch.object(supply, "_inherited", lambda flow, own, name: own.reach.of(name) - own.reach.of(name)):
        yield


# -- what is repaired --------------------------------------------------------------------------------------------------


@contextmanager
def _blind_to_withdrawals() -> Iterator[None]:
    """What was made of files that are gone is as good as ever."""
    known = World.changed

    def changed(own: World, dataset: str) -> PartitionSet:
        found = known(own, dataset)
        return found & own.present[dataset] if dataset in own.present else found

    with patch.object(World, "changed", changed):
        yield


@contextmanager
def _shortsighted() -> Iterator[None]:
    """What looks back at several days is built again for its own alone."""
    known = plan._upstream

    def upstream(flow: Flow, domains: Domains, name: str, *rest: Any) -> tuple[PartitionSet, dict[str, PartitionSet]]:
        undecided, unsettled = known(flow, domains, name, *rest)
        for given, mapping in inputs_of(flow, domains, name):
            own = unsettled.get(given.dataset)
            if own is not None and own.axes == undecided.axes and not mapping.is_single:
                undecided &= own
        return undecided, unsettled

    with patch.object(plan, "_upstream", upstream):
        yield


def _shares(change: Callable[[Iterator[tuple[str, bytes]], str], Iterator[tuple[str, bytes]]]) -> Wrong:
    """Who has rows of a key, told wrongly."""
    known = Routes.shares
    return lambda: patch.object(Routes, "shares", lambda own, key: change(known(own, key), key))


# How each goes wrong, and a seed that shows it soon; others are tried after it, should the random flows change.
WRONG: dict[str, tuple[Wrong, int]] = {
    "what isn't due yet is missing": (
        _absences(lambda one: replace(one, missing=one.missing | one.awaited, awaited=one.awaited - one.awaited)),
        0,
    ),
    "what is never due is missing": (
        _absences(lambda one: replace(one, missing=one.missing | one.idle, idle=one.idle - one.idle)),
        7,
    ),
    "what waits is missing, whatever it waits for": (_vague, 0),
    "what fails waits": (_lenient, 0),
    "files that are being written are read": (
        lambda: patch.object(Presence, "held_back", lambda own, source, axes, domain: domain - domain),
        1,
    ),
    "markers don't matter": (lambda: patch.object(Presence, "_only_ready", lambda own, source, keys: list(keys)), 0),
    "a corrected stand-in isn't noticed": (_affected(_is_nearer), 3),
    "a stand-in that is withdrawn isn't noticed": (_affected(lambda each, changed, _: each.used in changed), 75),
    "a stand-in is never too old": (lambda: patch.object(provision, "_is_too_old", lambda *_: False), 75),
    "any number is enough": (lambda: patch.object(provision, "_is_enough", lambda *_: True), 0),
    "provisional isn't passed on": (_discreet, 2),
    "a withdrawn file goes on counting": (_blind_to_withdrawals, 3),
    "a window is repaired for its last day alone": (_shortsighted, 3),
    "rows are looked for in the file of their own day alone": (
        _shares(lambda found, key: (each for each in found if each[0] == key)),
        3,
    ),
    "rows that are corrected aren't noticed": (_shares(lambda found, key: ((each[0], b"") for each in found)), 40),
    "what is too old is built again": (lambda: patch.object(Holds, "aged", _nothing), 15),
    "what is frozen isn't provisional": (lambda: patch.object(Holds, "improvised", _nothing), 18),
    "what is gone isn't kept": (lambda: patch.object(Holds, "bereft", _nothing), 20),
    "what wasn't made of what is gone is kept too": (
        lambda: patch.object(Holds, "_made_of", lambda own, target, given, some, *_: some),
        170,
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_system_is_found_out(wrong: str, stage: Path) -> None:
    system, first = WRONG[wrong]
    with system(), pytest.raises(AssertionError) as found:
        _play_all(range(first, first + ENOUGH), stage)
    assert Path(found.traceback[-1].path).parent == Path(__file__).parent, "it didn't do wrong, it broke"


def _play_all(seeds: range, folder: Path) -> None:
    for seed in seeds:
        play(seed, folder)
