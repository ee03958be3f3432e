"""What somebody says is as it was: datasets at whose files nobody looks.

An assumption is a voucher, as a watch is one: what is kept of a folder is taken for what is there. It lasts for one
command, and nothing is kept on its word: the kept listings stay those of the last look, so whoever looks without it
sees all that differs from them. Only what was looked at before can be assumed, and what a recipe reads is looked at
before it does.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from dbuild.build.locations import SINGLES, Location, form_of, marker_of
from dbuild.core.selection import named_whole
from dbuild.errors import RecipeError
from dbuild.observe.listing import Stat, is_temporary, name_of, records_of, stat_file
from dbuild.state.files import NO_BOOT
from dbuild.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Collection

    from dbuild.core.graph import Flow
    from dbuild.state.store import State

Locations = Mapping[str, tuple[Location, ...]]
OPTION = "--assume-unchanged"


@dataclass(frozen=True, slots=True)
class Assumption:
    """What isn't looked at."""

    datasets: Collection[str] = ()  # whose files they are, asked for each input; sources first, as in the file
    folders: Mapping[str, bytes] = field(default_factory=dict)  # roots with files of these alone -> the kept digest
    shared: Mapping[str, Sharing] = field(default_factory=dict)  # roots in which others have files too
    singles: frozenset[str] = frozenset()  # files that stand alone, relative to the project


@dataclass(frozen=True, slots=True)
class Sharing:
    """Whose files are whose, in a folder of several datasets."""

    assumed: tuple[Location, ...]
    others: tuple[Location, ...]

    def covers(self, path: str) -> bool:
        """Whether a file, relative to the project, is one of which it is assumed that it is as it was."""
        if is_temporary(path) or any(one.pattern.key(path) is not None for one in self.others):
            return False
        return any(one.pattern.key(path) is not None for one in self.assumed)


NOTHING = Assumption()


def assume(
    flow: Flow, words: Sequence[str], locations: Locations, needed: Collection[str], code: Iterable[str], state: State
) -> Assumption:
    """What isn't looked at of the `needed` datasets, where `words` name those that are as they were.

    What was never looked at is looked at all the same, and files of the project itself (`code`) are. Raises UsageError
    for a word that names nothing, or KEYS.
    """
    if not words:
        return NOTHING
    kept = _Kept(flow, locations, state)
    names = tuple(name for name in named_whole(flow, words, OPTION) if name in needed and kept.has(name))
    own = [one for name in names for one in _all_of(locations, name)]
    others = [one for name in needed if name not in names for one in _all_of(locations, name)]
    roots = dict.fromkeys(one.root for one in own if one.root != SINGLES)
    among = {one.root for one in others}
    return Assumption(
        dict.fromkeys(names),
        {root: kept.heads[root][0] for root in roots if root not in among},
        {root: Sharing(_in(root, own), _in(root, others)) for root in roots if root in among},
        frozenset(_paths(own)).difference(_paths(others), code),
    )


def check_assumed(dataset: str, files: Iterable[tuple[str, Stat]], folders: Iterable[str]) -> None:
    """Raises RecipeError where files that a recipe is about to read aren't as they were assumed to be.

    `folders` are those that it gets as a whole. All paths are absolute.
    """
    expected = dict(files)
    differing = (path for path, stat in expected.items() if stat_file(path) != stat)
    more = (path for folder in folders for path in _files_in(folder) if path not in expected)
    path = next(differing, None) or next(more, None)
    if path is not None:
        raise RecipeError(
            f"{os.path.basename(path)} of {dataset} isn't as it was when it was last looked at",
            hint=f"leave out {OPTION}, so that what has changed is seen",
        )


def _files_in(folder: str) -> list[str]:
    return [os.path.join(above, name) for above, _, names in os.walk(folder, followlinks=True) for name in names]


class _Kept:
    """What a state knows of files, as far as it can be taken for what is there."""

    def __init__(self, flow: Flow, locations: Locations, state: State) -> None:
        self.heads = state.listing_heads()
        self._flow = flow
        self._locations = locations
        self._state = state
        self._is_behind = state.has_cut_off()  # then a run has made files that no listing has
        self._singles = {name_of(record) for record in records_of(state.listing(SINGLES))}
        self._least: dict[str, int] = {}
        for one in (one for each in locations.values() for one in each):
            self._least[one.root] = min(self._least.get(one.root, one.pattern.depth), one.pattern.depth)

    def has(self, name: str) -> bool:
        """Whether a dataset was looked at, where its files are now, and has any."""
        source = self._flow.project.sources.get(name)
        own = _all_of(self._locations, name)
        if source is None:
            return bool(own) and not self._is_behind and all(map(self._has_output, own))
        before = self._state.presence(name)
        is_known = before is not None and before[0] == form_of(source)
        return is_known and all(one.root == SINGLES or one.root in self.heads for one in own)

    def _has_output(self, location: Location) -> bool:
        """Whether an output's listing is kept, with all that was made since.

        A look for others may not have gone deep enough to see it.
        """
        _, boot, _ = self.heads.get(location.root, (b"", NO_BOOT, 0))
        if boot == NO_BOOT:
            return False
        if location.root == SINGLES:
            return location.pattern.path(()) in self._singles
        return self._least[location.root] == location.pattern.depth


def _all_of(locations: Locations, name: str) -> tuple[Location, ...]:
    return (*locations.get(name, ()), *locations.get(marker_of(name), ()))


def _in(root: str, locations: Iterable[Location]) -> tuple[Location, ...]:
    return tuple(one for one in locations if one.root == root)


def _paths(locations: Iterable[Location]) -> list[str]:
    return [one.pattern.path(()) for one in locations if one.root == SINGLES]
