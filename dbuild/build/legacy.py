"""Under which names and with which dimensions the state knows what a flow declares under others now."""

from __future__ import annotations

from collections.abc import Iterator

from dbuild.core.graph import Flow
from dbuild.core.inheritance import goes_on_otherwise
from dbuild.core.shape import Shape, dump_shapes, load_shapes, shapes_of
from dbuild.state.store import State
from dbuild.values import dataclass


@dataclass(frozen=True, slots=True)
class Legacy:
    """The names and shapes under which the state knows a flow's targets, and those that they have now."""

    flow: Flow
    renames: dict[str, str]  # present name -> the name under which the state knows the target
    before: dict[str, Shape]  # by present name, of those targets that were known
    now: dict[str, Shape]
    is_kept: bool  # whether the state has these very shapes

    @property
    def names(self) -> dict[str, str]:
        """The present names of targets by all earlier ones."""
        return {old: target.name for target in self.flow.project.targets.values() for old in target.was}

    @property
    def is_settled(self) -> bool:
        """Whether no trace is written in names or dimensions of which others have taken the place."""
        names = self.names
        return not self.renames and not any(
            goes_on_otherwise(self.before[name], self.now[name], names) for name in self.before
        )


def legacy_of(flow: Flow, state: State) -> Legacy:
    """What the state knows of a flow's targets under other names or dimensions."""
    now = shapes_of(flow.project, flow.steps.values())
    text = state.heritage.shapes()
    renames = dict(_renames(flow, state))
    if text == dump_shapes(now):
        return Legacy(flow, renames, now, now, True)
    kept = load_shapes(text)
    before = {name: kept[renames.get(name, name)] for name in now if renames.get(name, name) in kept}
    return Legacy(flow, renames, before, now, False)


def _renames(flow: Flow, state: State) -> Iterator[tuple[str, str]]:
    """Targets that the state knows under an earlier name only, each with that name."""
    for name, step in flow.steps.items():
        if step.target.was and not state.heritage.is_built(name):
            known = [old for old in step.target.was if state.target_id(old, is_made=False) >= 0]
            known.sort(key=lambda old: not state.heritage.is_built(old))
            yield from ((name, old) for old in known[:1])


def keep_shapes(legacy: Legacy, state: State) -> None:
    """Keeps the shapes in which traces are written from now on."""
    if not legacy.is_kept and not state.is_reader:
        state.heritage.put_shapes(dump_shapes(legacy.now))
