"""A look at a project for a command: the state is opened, the flow loaded, and what is there seen, as far as needed."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dbuild.build.assumptions import NOTHING, assume
from dbuild.build.discovery import Asking, kept_answers, keys_of, remade, settle_keys
from dbuild.build.doubt import Doubt
from dbuild.build.environments import with_programs
from dbuild.build.legacy import keep_shapes, legacy_of
from dbuild.build.loading import Code, load_flow
from dbuild.build.locations import locations_of
from dbuild.build.phases import Phases, untold
from dbuild.build.presence import Presence
from dbuild.build.settings import Settings
from dbuild.build.sight import Sight
from dbuild.build.standings import Standings
from dbuild.build.survey import Survey
from dbuild.build.world import World
from dbuild.core.graph import Flow
from dbuild.core.selection import Selection, arguments_of, named_by, select
from dbuild.errors import StateError, UsageError
from dbuild.observe.digests import probe_clock
from dbuild.state.opening import is_damage, open_state
from dbuild.state.store import FOLDER, State
from dbuild.values import dataclass

if TYPE_CHECKING:
    from dbuild.build.routing import Routing


@dataclass(frozen=True, slots=True)
class Looked:
    """A flow, the world as it is, and what was asked for."""

    flow: Flow
    world: World
    selection: Selection
    clock: int  # the file system's, from before anything was read; 0 for a reader
    code: Code  # the Python code that its recipes have

    def tell(self, doubt: Doubt) -> None:
        """Says what can't be known without a build."""
        for text in self.world.doubts:
            doubt(text)

    def folders(self) -> tuple[str, ...]:
        """The folders of all datasets, as absolute paths: what SQL may touch at all."""
        survey = self.world.survey
        locations = (one for own in survey.locations.values() for one in own)
        return tuple(dict.fromkeys(os.path.normpath(os.path.join(survey.root, one.folder)) for one in locations))


@contextmanager
def reading(settings: Settings) -> Iterator[State]:
    """The state, for reading. Raises StateError where it is damaged."""
    state = open_state(settings.root, settings.flow, is_reader=True)
    try:
        yield state
    except sqlite3.DatabaseError as error:
        hint = "the next build sets it aside and looks at everything anew" if is_damage(error) else None
        raise StateError(f"the state can't be read: {error}", hint=hint) from None
    finally:
        state.close()


def forget(kind: str, subject: bytes, value: str) -> None:
    """A reader keeps no memos."""


def look(
    settings: Settings,
    state: State,
    arguments: Sequence[str],
    keep: Callable[[str, bytes, str], None],
    *,
    force: bool = False,
    everything: bool = False,
    sight: Sight | None = None,
    asking: Asking | None = None,
) -> Looked:
    """The flow and the world as far as these targets need it. Raises UserError for what can't be taken.

    What `sight` has seen isn't looked at again. `asking` is what a build has: it lets keys be found by SQL.
    """
    folder = os.path.join(settings.root, FOLDER)
    clock = probe_clock(folder) if os.access(folder, os.W_OK) else 0
    code = Code(settings.root)
    phases = Phases(asking.emit, is_told=settings.tells_phases) if asking is not None else untold()
    with phases("load"):
        flow = load_flow(settings, state, keep, code)
    with phases("observe"):
        legacy = legacy_of(flow, state)
        everything = everything or not legacy.is_settled
        names = datasets_of(flow, arguments)
        used = flow.upstream(flow.steps if everything else names)
        needed = set(flow.project.sources) | used
        sight = sight or Sight(settings.root)
        flow = with_programs(flow, used, state, keep, sight.programs if asking is not None else None)
        singles = [
            *flow.project.files,
            *(path for name in sorted(needed & flow.steps.keys()) for path in _code(flow, name)),
        ]
        locations = locations_of(flow.project)
        assumed = NOTHING
        if settings.assumed:  # not where what is kept is of other names or dimensions
            assumed = assume(flow, settings.assumed, locations, needed, singles, state)
            assumed = assumed if legacy.is_settled else NOTHING
        survey = Survey(settings.root, state, locations, needed, singles, sight, assumed)

        def see() -> World:
            return _world(settings, flow, survey, state, clock, used, asking)

        if legacy.is_settled:
            world = see()
            keep_shapes(legacy, state)
        else:
            from dbuild.build.inheritance import take_over

            world = take_over(legacy, state, see)
        if asking is not None and world.routing is not None:
            world = _with_rows(world, world.routing, used, asking)
        try:
            selection = select(flow, world.domains, arguments, world.now, standing=Standings(world, names))
        except UsageError as error:  # mostly a key that isn't known yet
            hints = filter(None, (error.hint, *world.doubts))
            raise UsageError(error.what, error.place, "; ".join(hints) or None) from None
        if force:
            world.forced = dict(selection.wanted)
        return Looked(flow, world, selection, clock, code)


def _world(
    settings: Settings,
    flow: Flow,
    survey: Survey,
    state: State,
    clock: int,
    used: Iterable[str],
    asking: Asking | None,
) -> World:
    presence = Presence(flow.project, survey, state, _moment(settings, clock), has_given_clock=settings.now is not None)
    kept = kept_answers(flow, state)
    world = World(
        *(flow, survey, state, presence, settings.moment, settings.clock, keys_of(kept)),
        is_patient=settings.is_patient,
        is_reopened=settings.is_reopened,
    )
    if not flow.queries:
        return world
    datasets = (flow.project.dataset(name) for name in used)
    dimensions = {dimension for dataset in datasets if dataset for dimension in dataset.dimensions}
    return settle_keys(world, kept, dimensions, asking)


def _with_rows(world: World, routing: Routing, targets: Collection[str], asking: Asking) -> World:
    """The world, when it is known where the rows go that these targets may get: dimensions may reach further then."""
    from dbuild.observe.machine import cores

    before = routing.ends()
    routing.find_out(targets, asking.jobs or cores(), asking.emit)
    if routing.ends() == before:
        return world
    found = remade(world, world.keys)
    assert found.routing is not None  # it is the same flow
    return _with_rows(found, found.routing, targets, asking)  # which may reach files that nobody looked into yet


def _moment(settings: Settings, clock: int) -> int:
    """The time in ns by which files are young: the one that was given, else the file system's, else the machine's."""
    return int(settings.now * 1e9) if settings.now is not None else clock or time.time_ns()


def _code(flow: Flow, name: str) -> tuple[str, ...]:
    step = flow.steps[name]
    return (*step.target.files, *step.analysis.files)


def datasets_of(flow: Flow, arguments: Sequence[str]) -> set[str]:
    """The datasets whose folders have to be looked at: those asked for, and for `x+` all that follows.

    Raises UsageError for names of nothing.
    """
    names: set[str] = set()
    for selector in arguments_of(flow, arguments):
        found = {dataset.name for dataset in named_by(flow, selector)}
        names |= flow.downstream(found) if selector.is_down else found
    return names
