"""What was built under other names or dimensions is taken over, before anything is judged.

The traces are rewritten as they would have been written now, in one transaction; the walk that judges knows nothing of
it. Whoever only reads does the same to a copy of the state in memory, and so comes to the same verdicts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping

from dbuild import failpoints
from dbuild.build.legacy import Legacy
from dbuild.build.world import World
from dbuild.core.graph import Flow, Step
from dbuild.core.inheritance import Inheritance, inherit, name_now
from dbuild.core.model import Analysis, PythonRecipe, ShellRecipe, SqlRecipe
from dbuild.core.partitions import ListAxis
from dbuild.core.shape import Cut, Shape, dump_shapes
from dbuild.core.trace import Trace
from dbuild.recipes.former import analysis_as, can_see_column, can_see_variable, given_as_paths
from dbuild.state.store import State
from dbuild.values import replace


def take_over(legacy: Legacy, state: State, look: Callable[[], World]) -> World:
    """The world with all that was built under other names and dimensions; `look` makes it from the state as it is.

    The world has to know all targets of the flow. A state that is only read is left, and a copy of it goes on.
    """
    if state.is_reader:
        state.detach()
    with state.transaction():
        for name, old in legacy.renames.items():
            state.heritage.rename(old, name)
        state.renumber()
        world = look()
        for name in legacy.now:
            _take_over_target(world, legacy, name)
        state.heritage.put_shapes(dump_shapes(legacy.now))
        failpoints.reach("inherit")
    return look()


def _take_over_target(world: World, legacy: Legacy, name: str) -> None:
    """Rewrites the traces of one target; those that say the same as before stay as they are."""
    now = legacy.now[name]
    before = legacy.before.get(name) or _with_names(now, {new: old for old, new in legacy.names.items()})
    had = {dimension: world.state.axis_values(dimension) for dimension in _dimensions(before)}
    has = {dimension: axis.values for dimension, axis in world.axes.items() if isinstance(axis, ListAxis)}
    found = inherit(before, now, legacy.names, had, has)
    if found.is_empty:
        return
    fingerprints = _fingerprints(world, found, world.flow.steps[name])
    rewritten: dict[str, Trace] = {}
    traces = world.state.traces(name)
    keys = {key: found.key(key) for key in (*traces, *world.state.failures(name))}
    for key, trace in traces.items():
        goes_on = found.trace(trace, fingerprints)
        if goes_on != trace:
            rewritten[key] = goes_on
    world.state.heritage.rewrite(name, rewritten.items())
    world.state.heritage.rekey(name, keys)


def _with_names(shape: Shape, names: Mapping[str, str]) -> Shape:
    """A shape in other names: of targets that were built before shapes were kept."""
    inputs = (
        replace(given, name=name_now(given.name, names), dataset=names.get(given.dataset, given.dataset))
        for given in shape.inputs
    )
    return replace(shape, inputs=tuple(inputs), views=tuple(name_now(view, names) for view in shape.views))


def _dimensions(shape: Shape) -> set[str]:
    cuts = (shape.own, *(given.cut for given in shape.inputs))
    return {name for cut in cuts for name, _ in cut.dimensions}


def _fingerprints(world: World, found: Inheritance, step: Step) -> dict[bytes, bytes]:
    """The present fingerprints by earlier ones, where the recipe is the same and can't tell the difference."""
    if not found.is_whole or can_tell(world, found, step):
        return {}
    codes = _former_codes(world.flow, found, step)
    if codes is None:
        return {}
    before = world.fingerprints.in_shape(step, found.before, codes)
    now = world.fingerprints.in_shape(step, found.now)
    rekeyings = (found.own, *(keys for _, _, keys in found.inputs))
    if all(keys is not None and keys.is_identity for keys in rekeyings):
        return dict(zip(before, now, strict=True))
    return dict(zip(before[:-1], now[:-1], strict=True))  # version 0.1 kept nothing of which dimensions there were


def _former_codes(flow: Flow, found: Inheritance, step: Step) -> dict[str, Analysis] | None:
    """The identities of a recipe ("") and its views as they would be with the former names; None: not to be told.

    Only those that differ.
    """
    pairs = [(before.name, now.name) for before, now, _ in found.inputs]
    pairs += zip(found.before.views, found.now.views, strict=True)
    recipes = {"": step.target.recipe}
    recipes |= {use.name: flow.views[use.view].target.recipe for use in step.views}
    codes: dict[str, Analysis] = {}
    for scope, recipe in recipes.items():
        inside = f"{scope}/" if scope else ""
        own = [pair for pair in pairs if pair[1].startswith(inside) and "/" not in pair[1][len(inside) :]]
        former = {now.rpartition("/")[2]: before.rpartition("/")[2] for before, now in own}
        former = {now: before for now, before in former.items() if now != before}
        if former:
            code = analysis_as(recipe, former) if isinstance(recipe, SqlRecipe) else None
            if code is None:
                return None
            codes[dict(zip(found.now.views, found.before.views, strict=True)).get(scope, "")] = code
    return codes


def can_tell(world: World, found: Inheritance, step: Step) -> bool:
    """Whether a recipe could tell the keys and columns that it gets now from those that it got."""
    own = _moved(found.before.own, found.now.own)
    moved = {now.name: _moved(before.cut, now.cut) for before, now, _ in found.inputs}
    names = frozenset().union(*moved.values())
    if (own or names) and any(given.by for given in step.inputs):
        return True  # which rows a partition reads depends on its dimensions
    match step.target.recipe:
        case SqlRecipe() as recipe:
            views = [world.flow.views[use.view].target.recipe for use in step.views]
            bound = {name.removesuffix("_end") for name in step.analysis.params or ()}
            tables = [one for one in (recipe, *views) if isinstance(one, SqlRecipe)] if names else []
            return bool(own & bound) or any(can_see_column(one, names) for one in tables)
        case PythonRecipe() as recipe:
            paths = given_as_paths(recipe, world.flow.project.root) if names else frozenset()
            is_key_told = bool(own) and "key" in step.analysis.calls
            are_columns_told = any(dimensions and name not in paths for name, dimensions in moved.items())
            return is_key_told or are_columns_told or _is_renamed(found) or _is_given_otherwise(found, step, own)
        case ShellRecipe() as recipe:
            texts = _contents(world, step.target.uses) if own else ()
            return _is_renamed(found) or (bool(own) and can_see_variable(recipe, texts, own))


def _moved(before: Cut, now: Cut) -> frozenset[str]:
    """The dimensions that came or went; all of them where those that stayed have another order."""
    old, new = [name for name, _ in before.dimensions], [name for name, _ in now.dimensions]
    if [name for name in old if name in new] != [name for name in new if name in old]:
        return frozenset((*old, *new))
    return frozenset(old) ^ frozenset(new)


def _is_renamed(found: Inheritance) -> bool:
    """Whether an input has another name for the recipe: its text is the same, so it was given the input otherwise."""
    return any(before.name != now.name for before, now, _ in found.inputs)


def _is_given_otherwise(found: Inheritance, step: Step, own: frozenset[str]) -> bool:
    """Whether an input that was one path is a list of them now, or the other way round."""
    rules = {given.name: dict(given.rules) for given in step.inputs}
    return any(
        name in rules[now.name] or _is_one(name, before.cut, found.before.own) != _is_one(name, now.cut, found.now.own)
        for before, now, _ in found.inputs
        for name in own | _moved(before.cut, now.cut)
    )


def _is_one(name: str, given: Cut, own: Cut) -> bool:
    """Whether one partition of the target reads one value along a dimension."""
    return name not in dict(given.dimensions) or name in dict(own.dimensions)


def _contents(world: World, paths: tuple[str, ...]) -> Iterator[bytes]:
    for path in paths:
        try:
            with open(os.path.join(world.survey.root, path), "rb") as file:
                yield file.read()
        except OSError:
            continue
