"""The end of a run: what is known to be fresh is sealed, together with the listings that this holds for.

Listings and seals are kept in one transaction: a seal means nothing without the listing that it was made beside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbuild import failpoints
from dbuild.build.arrivals import happenings
from dbuild.build.bodies import dump_body, identity_of, load_body
from dbuild.build.shifts import extent
from dbuild.build.world import ABSENT, EVER, LACKING, World
from dbuild.core.domain import axes_for
from dbuild.core.partitions import PartitionSet
from dbuild.core.plan import Plan, inputs_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbuild.build.routing import News
    from dbuild.build.run import Run
    from dbuild.state.store import State


def seal(world: World, plan: Plan, run: Run | None) -> None:
    """Keeps what this run found and made. Where nothing differs from what is kept, nothing is written."""
    fresh = {name: _fresh(world, plan, run, name) for name in plan.targets}
    others = {name: _left_over(world, plan, run, name) for name in world.flow.steps if name not in plan.targets}
    news = world.routing.news() if world.routing is not None else []
    store = world.state
    failpoints.reach("seal")
    with store.transaction():
        store.arrivals.put(happenings(world, run.number if run else store.generation() + 1))
        _keep_axes(world)
        for name, vouched in fresh.items():
            written = (world.declarations.basis(name), identity_of(vouched.axes), dump_body(vouched.body))
            if store.seal(name) != written:
                if is_declared_anew(world, name):
                    from dbuild.build.wording import keep_recipes

                    store.renew_fingerprints(name, *world.fingerprints.of(name))
                    keep_recipes(world, [name])
                store.put_seal(name, *written)
        for name, kept in others.items():
            if kept is not None:
                store.put_seal(name, *kept)
        for kind, subject, value in world.schemas.new_memos:
            store.put_memo(kind, subject, value)
        _keep_news(news, store)
        store.put_files(world.survey.hashed.values())
        world.survey.keep(store)


def is_declared_anew(world: World, name: str) -> bool:
    """Whether the seal of a target is of other declarations, or of another version's fingerprints."""
    kept = world.state.seal(name)
    return kept is None or kept[0] != world.declarations.basis(name)


def _fresh(world: World, plan: Plan, run: Run | None, name: str) -> PartitionSet:
    """What is known to be fresh of a needed target, over its whole domain."""
    part = plan.targets[name]
    unseen = (world.sealed(name) - world.touched(name) - part.needed) & world.domains.of(name)
    held = PartitionSet.of_indices(part.needed.axes, part.held)  # frozen, but not fresh
    fresh = (unseen - _touched_by(world, plan, run, name)) | (part.fresh - held)
    if world.declarations.asks_provisional(name):  # it is looked at again as soon as it isn't
        fresh = fresh - world.supply.improvises(name)
    if run and any(given.dataset in run.published.changed for given in world.flow.steps[name].inputs):
        fresh = fresh - world.frozen(name)  # which wasn't planned behind what it reads, a first partition's columns too
    settled = run.settlement.of(name) if run else PartitionSet.empty(fresh.axes)
    if world.declarations.asks_provisional(name):
        settled = settled - world.supply.improvises(name)
    return fresh | settled


def _left_over(world: World, plan: Plan, run: Run | None, name: str) -> tuple[bytes, bytes, str] | None:
    """A target that this run didn't need: its seal without what has been touched; None where that is all of it."""
    kept = world.state.seal(name)
    touched = world.touched(name) | _touched_by(world, plan, run, name)
    if kept is None or not (touched or _has_new_axis(world, name) or world.is_reordered(name)):
        return None
    axes = axes_for(world.flow.steps[name].target, world.axes)
    old = tuple(world.kept_axis(axis) for axis in axes)
    if kept[1] != identity_of(old) or world.is_reordered(name):
        return b"", b"", "[]"  # nothing of it can be told any more: all is judged the next time
    vouched = PartitionSet(old, load_body(kept[2])).rebased(axes) - touched
    return kept[0], identity_of(axes), dump_body(vouched.body)


def _has_new_axis(world: World, name: str) -> bool:
    axes = axes_for(world.flow.steps[name].target, world.axes)
    return any(world.kept_axis(axis).identity != axis.identity for axis in axes)


def _touched_by(world: World, plan: Plan, run: Run | None, name: str) -> PartitionSet:
    """The partitions that read an output which this run changed."""
    domain = world.domains.of(name)
    touched = PartitionSet.empty(domain.axes)
    if run is None:
        return touched
    for given, mapping in inputs_of(world.flow, world.domains, name):
        changed = run.published.changed.get(given.dataset)
        if changed and given.counts:
            axes = world.domains.of(given.dataset).axes
            touched |= mapping.touches(PartitionSet.of_indices(axes, changed), domain)
    return touched


def _keep_news(news: Sequence[News], store: State) -> None:
    """Keeps where rows go, and forgets what was kept for inputs that aren't any more."""
    for each in news:
        if each.is_new:
            store.routes.put(each.use, each.moves, each.ends, is_whole=each.is_whole)
    store.routes.forget_others(each.use for each in news)


def _keep_axes(world: World) -> None:
    store = world.state
    for name, source in world.flow.project.sources.items():  # before the axes: what was there is told by the old ones
        kept = store.presence(name)
        identity = identity_of(axes_for(source, world.axes))
        if world.presence.is_to_be_kept(name) or kept is None or kept[1] != identity:
            present = world.presence.lasting(name, world.axes)
            form = world.presence.form(name)
            looked = store.looked_at(name) if name in world.survey.assumed.datasets else world.clock()
            store.put_presence(name, form, identity, dump_body(present.body), looked)
    for name in world.flow.steps:
        _keep_set(world, f"{name}{ABSENT}", world.supply.without(name))
        _keep_set(world, f"{name}{LACKING}", _lacking(world, name))
    for name, source in world.flow.project.sources.items():
        if source.keeps_gone:
            _keep_set(world, f"{name}{EVER}", world.ever(name))
    for name, axis in world.axes.items():
        reach = extent(axis, world.domains.bounds[name])
        if store.axis_values(name) != reach:
            store.put_axis_values(name, reach)


def _lacking(world: World, name: str) -> PartitionSet:
    """The partitions that may have been made without something; of what can't be made now, as it was, and more."""
    lacking = world.supply.lacks_some(name)
    stuck = world.frozen(name) | world.supply.waits(name) | world.supply.refuses(name)
    return (lacking - stuck) | (world.lacked(name) & stuck) | world.holds.unsure(name, world.supply.absences)


def _keep_set(world: World, name: str, some: PartitionSet) -> None:
    """Keeps a set under a name of its own; an empty one that never was anything else takes no room."""
    written = ("", identity_of(some.axes), dump_body(some.body))
    kept = world.state.presence(name)
    if kept != written and (kept is not None or some):
        world.state.put_presence(name, *written, world.clock())
