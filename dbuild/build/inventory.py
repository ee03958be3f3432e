"""Which partitions are to be cleaned: those that were named, and those that nothing declared makes any more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from dbuild.build.claims import Claims
from dbuild.build.looks import Looked
from dbuild.build.plans import idle_text
from dbuild.build.standings import Standings
from dbuild.core.cleaning import Wanted
from dbuild.core.selection import Selector, meanings, parse_selector
from dbuild.core.trace import joined_key, split_key, unpack_outputs
from dbuild.errors import UsageError
from dbuild.state.store import State
from dbuild.values import dataclass

Chosen = dict[str, set[str] | None]  # target -> joined keys; None for all that were ever made
_EVERY_KEY = None  # in place of a set of keys


@dataclass(slots=True)
class Output:
    """An output that is looked at."""

    path: str
    digest: bytes
    is_current: bool  # whether its partition is made at that path
    fate: Literal["stays", "goes", "let go"] = "stays"  # "let go": not there, or somebody else's


@dataclass(slots=True)
class Partition:
    """A partition of which outputs are to go."""

    target: str
    key: str  # joined
    outputs: list[Output]
    is_whole: bool = True  # whether these are all that its trace names
    run: int = 0  # that made it, or the mark that accepted it
    is_row: bool = False  # an orphan of the state's, which no trace names

    @property
    def is_done(self) -> bool:
        return self.is_whole and all(output.fate != "stays" for output in self.outputs)


def chosen_partitions(looked: Looked, state: State, wanted: Wanted, notes: list[str]) -> Chosen:
    """Target -> joined keys of the partitions whose outputs are to go; None for all that were ever made."""
    flow = looked.flow
    if wanted.everything:
        return dict.fromkeys(flow.steps, _EVERY_KEY)
    chosen: Chosen = {}
    domains, now = looked.world.domains, looked.world.now
    standing = Standings(looked.world, flow.steps)
    for text in wanted.outputs:
        selector = parse_selector(text)
        idle = _without_files(looked, selector)
        if idle:
            notes.append(idle)
            continue
        if flow.project.dataset(selector.name) is None and selector.name in state.targets():
            what = f'the target "{selector.name}" is not declared any more'
            raise UsageError(what, hint="dbuild clean --orphans removes what is left of it")
        meant, empty = meanings(flow, domains, [text], now, standing)
        notes += map(idle_text, empty)
        for name, one in meant.items():
            keys = set(map(joined_key, one.partitions.keys()))
            before = chosen.get(name, set())
            is_whole = before is _EVERY_KEY or not one.keys
            chosen[name] = _EVERY_KEY if is_whole else (before or set()) | keys
    return chosen


def _without_files(looked: Looked, selector: Selector) -> str:
    """Why a target that is named has no files, as a note; "" if it has, or several are named."""
    step = looked.flow.steps.get(selector.name)
    if selector.is_up or selector.is_down:
        return ""
    if selector.name in looked.flow.views:
        return f"{selector.name} is a view: nothing of it is stored"
    return f"{selector.name} is an action: it makes no files" if step and not step.target.outputs else ""


def partitions_of(looked: Looked, state: State, wanted: Wanted, chosen: Chosen, claims: Claims) -> Iterator[Partition]:
    """The partitions of which something is to go. All that are made where they are declared are put into `claims`."""
    has_orphans = wanted.orphans or wanted.everything
    for name in state.targets():
        packed, runs = state.outputs(name), state.runs_by_key(name)
        inside = _inside(looked, name, packed)
        for key, text in packed.items():
            outputs = unpack_outputs(text)
            paths = _current_paths(looked, name, key) if key in inside else set()
            looked_at = [Output(output.path, output.digest, output.path in paths) for output in outputs]
            for output in looked_at:
                if output.is_current:
                    claims.hold(name, key, output.path)
            keys = chosen.get(name, ())
            is_chosen = keys is _EVERY_KEY or key in keys
            if is_chosen or (has_orphans and key not in inside):
                if outputs or key not in inside or wanted.everything:
                    yield Partition(name, key, looked_at, run=runs.get(key, 0))
            elif has_orphans and any(not output.is_current for output in looked_at):
                left = [output for output in looked_at if not output.is_current]
                yield Partition(name, key, left, len(left) == len(looked_at), runs.get(key, 0))
        if has_orphans:
            failed = state.failures(name).keys() - packed.keys()
            lost = failed - _inside(looked, name, failed)
            yield from (Partition(name, key, []) for key in sorted(lost))
    for orphan in state.leftovers.orphans() if has_orphans else ():
        yield Partition(orphan.target, orphan.key, [Output(orphan.path, orphan.digest, False)], is_row=True)


def _inside(looked: Looked, name: str, keys: Iterable[str]) -> set[str]:
    """Those of a target's joined keys that are in its domain, as far as that is known; none of an undeclared target."""
    if name not in looked.flow.steps:
        return set()
    if looked.world.unasked.intersection(looked.flow.steps[name].target.dimensions):
        return set(keys)
    domain = looked.world.domains.of(name)
    if not domain.axes:
        return {""}.intersection(keys)
    found = looked.world.keyed(name, dict.fromkeys(keys)) & domain
    return {joined_key(domain.key(index)) for index in found.indices()}


def _current_paths(looked: Looked, name: str, key: str) -> set[str]:
    """Where the outputs of a partition are made, as it is declared now."""
    found = set()
    for location in looked.world.survey.locations[name]:
        try:
            found.add(location.pattern.path(split_key(key, len(location.pattern.dimensions))))
        except ValueError:  # a key that can't be written into this path
            continue
    return found
