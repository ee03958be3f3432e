"""The plan for what a command asks for, with the notices that go with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from dbuild.build.doubt import Doubt
from dbuild.build.looks import Looked, forget, look, reading
from dbuild.build.settings import Settings
from dbuild.build.upgrades import upgrade_notices
from dbuild.build.world import World
from dbuild.core.changes import PartChange
from dbuild.core.plan import Plan, make_plan
from dbuild.values import replace

_RECIPES = 100  # former ones that a plan's recipes are compared with


def plan(settings: Settings, arguments: Sequence[str], *, force: bool = False) -> Plan:
    """What a build of these targets would do. Writes nothing, runs nothing of the project."""
    with reading(settings) as state:
        looked = look(settings, state, arguments, forget, force=force)
        made = make(looked)
        notices = (*made.notices, *upgrade_notices(looked.world, made))
        return replace(made, notices=notices, changes=_changes(looked.world, made))


def _changes(world: World, planned: Plan) -> dict[tuple[str, str], tuple[PartChange, ...]]:
    """How the recipes differ that are a reason to run, as far as it is known what they were."""
    pairs = {
        (name, reason.before)
        for name, part in planned.targets.items()
        for reasons in part.will.values()
        for reason in reasons
        if reason.kind == "recipe changed"
    }
    if not pairs:
        return {}
    from dbuild.build.backgrounds import Backgrounds

    backgrounds = Backgrounds(world)
    found = {pair: backgrounds.parts(*pair) for pair in sorted(pairs)[:_RECIPES]}
    return {pair: parts for pair, parts in found.items() if parts}


@contextmanager
def asked(settings: Settings, arguments: Sequence[str], doubt: Doubt, notice: Doubt) -> Iterator[tuple[Looked, Plan]]:
    """The plan for what a report is asked about, and what was looked at for it, while the state is open.

    `doubt` hears what can't be known, `notice` which arguments chose nothing.
    """
    with reading(settings) as state:
        looked = look(settings, state, arguments, forget)
        planned = make(looked)
        for text in planned.doubts:
            doubt(text)
        for text in looked.selection.empty:
            notice(idle_text(text))
        yield looked, planned


def make(looked: Looked) -> Plan:
    """The plan for what was asked for."""
    made = make_plan(
        looked.flow,
        looked.world.domains,
        looked.selection.wanted,
        looked.selection.absent,
        looked.world,
        looked.world.notices,
    )
    idle = map(idle_text, looked.selection.empty)
    unrouted, strays = _routed(looked, made)
    notices = (*made.notices, *_held(looked, made), *idle, *unrouted, *strays)
    assumed = tuple(looked.world.survey.assumed.datasets)
    return replace(made, notices=notices, doubts=(*looked.world.doubts, *unrouted), assumed=assumed)


def _routed(looked: Looked, planned: Plan) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Notices of rows of which it isn't known where they go, and of those that go nowhere."""
    routing = looked.world.routing
    if routing is None:
        return (), ()
    doubts = tuple(routing.doubts(planned.targets))
    busy = {name for name, part in planned.targets.items() if part.will or part.may}
    strays = routing.strays((busy | routing.differing()) & planned.targets.keys())
    return doubts, tuple(map(str, strays))


def idle_text(argument: str) -> str:
    """What is told of an argument such as `daily@failed` where nothing stands so."""
    return f"{argument} chooses nothing: no partition stands so"


def _held(looked: Looked, planned: Plan) -> Iterator[str]:
    """Notices of what would be built if nobody had frozen it."""
    for name, part in planned.targets.items():
        if part.held:
            said = "; ".join(dict.fromkeys(looked.world.holds.why(name, index) for index in part.held))
            what = "1 partition is" if len(part.held) == 1 else f"{len(part.held)} partitions are"
            yield f"{name}: {what} frozen and not up to date ({said})"
