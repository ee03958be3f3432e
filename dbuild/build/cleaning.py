"""`dbuild clean`: what dbuild made and still owns is found, and taken away.

Files go first, then what the state knows of them: whoever is cut off in between has partitions whose outputs are
missing, which the next build makes and the next cleaning forgets.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack

from dbuild.build.bodies import dump_body, identity_of
from dbuild.build.claims import Claims
from dbuild.build.inventory import Partition, chosen_partitions, partitions_of
from dbuild.build.locations import SINGLES
from dbuild.build.locks import lock_folder, open_for_build
from dbuild.build.looks import Looked, forget, look, reading
from dbuild.build.ownership import Search
from dbuild.build.recovery import recover
from dbuild.build.removal import prune, remove
from dbuild.build.settings import Settings
from dbuild.core.cleaning import Cleaning, Kept, Removable, Wanted
from dbuild.core.events import Event
from dbuild.errors import UserError
from dbuild.state.opening import unwritable
from dbuild.state.store import FOLDER, State
from dbuild.values import dataclass, field, replace

Emit = Callable[[Event], None]
LOGS = f"{FOLDER}/logs"


@dataclass(slots=True)
class _Found:
    """What there is to clean, and what is needed to do it."""

    cleaning: Cleaning
    looked: Looked | None = None
    partitions: list[Partition] = field(default_factory=list)
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)  # folder that goes -> the files in it

    @property
    def is_whole(self) -> bool:
        """Whether nothing stays of what was asked for."""
        return all(partition.is_done for partition in self.partitions)


def find(settings: Settings, wanted: Wanted) -> Cleaning:
    """What a cleaning would remove, and what it would keep and why. Writes nothing; UsageError for unknown names."""
    with reading(settings) as state:
        return _find(settings, state, wanted, forget).cleaning


def clean(settings: Settings, wanted: Wanted, approved: Collection[str] | None, emit: Emit) -> Cleaning:
    """Removes what is wanted and makes the state forget it; what has gone and what was kept.

    `approved` are the paths that somebody agreed to (None: to all). Waits for a build that is under way. Raises
    UsageError for unknown names, StateError where the state can't be used.
    """
    if not os.path.exists(os.path.join(settings.root, FOLDER, "state.db")):
        return find(settings, wanted)  # which finds nothing, and makes no folder to say so
    with ExitStack() as stack:
        lock_folder(settings, stack, emit)
        state = open_for_build(settings, emit)
        stack.callback(state.close)
        try:
            if wanted.has_outputs:
                recover(settings, state, emit)
            found = _find(settings, state, wanted, state.put_memo)
            if approved is not None:
                found.cleaning = found.cleaning.within(approved)
            if found.cleaning.is_empty:
                return found.cleaning
            return _clean(settings, state, found, wanted)
        except sqlite3.DatabaseError as error:
            raise unwritable(error) from None


# -- finding -----------------------------------------------------------------------------------------------------------


def _find(settings: Settings, state: State, wanted: Wanted, keep: Callable[[str, bytes, str], None]) -> _Found:
    logs = list(_logs(settings.root, state)) if wanted.logs or wanted.everything else []
    if not wanted.has_outputs:
        return _Found(Cleaning(tuple(logs)))
    looked = look(settings, state, (), keep, everything=True)
    notes = list(looked.world.doubts) if wanted.orphans or wanted.everything else []
    chosen = chosen_partitions(looked, state, wanted, notes)
    claims = Claims(looked, state)
    partitions = list(partitions_of(looked, state, wanted, chosen, claims))
    paths = [output.path for partition in partitions for output in partition.outputs]
    search = Search(looked, state, claims, paths)
    for partition in partitions:
        search.look(partition)
    found = _Found(Cleaning(()), looked, partitions, search.names)
    forgotten = sum(partition.is_done for partition in partitions)
    if wanted.everything and found.is_whole and state.leftovers.is_known():
        forgotten = max(forgotten, 1)
    found.cleaning = Cleaning((*search.removed, *logs), tuple(search.kept), tuple(notes), forgotten)
    return found


def _logs(root: str, state: State) -> Iterator[Removable]:
    """What is in the folder of logs, but the logs of other Dataflowfiles' runs."""
    folder = os.path.join(root, LOGS)
    if os.path.islink(folder) or not os.path.isdir(folder):
        return
    others = {str(run) for run in state.leftovers.other_runs()}
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: (len(entry.name), entry.name)):
            if entry.name in others:
                continue
            is_folder = entry.is_dir(follow_symlinks=False)
            size = _size_below(entry.path) if is_folder else entry.stat(follow_symlinks=False).st_size
            yield Removable("", (), f"{LOGS}/{entry.name}{'/' * is_folder}", size)


def _size_below(folder: str) -> int:
    return sum(os.lstat(os.path.join(where, name)).st_size for where, _, names in os.walk(folder) for name in names)


# -- removing ----------------------------------------------------------------------------------------------------------


def _clean(settings: Settings, state: State, found: _Found, wanted: Wanted) -> Cleaning:
    started = time.time()
    run = state.begin_run(started, shlex.join(sys.argv[1:]))  # its number is a new one: no kept answer holds any more
    removed, failed = [], []
    for one in found.cleaning.removed:
        try:
            _remove(settings.root, one, found.names)
        except (OSError, UserError) as error:
            why = error.what if isinstance(error, UserError) else f"it can't be removed: {error.strerror or error}"
            failed.append(Kept(one.path, why))
        else:
            removed.append(one)
    _settle(found.partitions, {one.path for one in removed})
    if found.looked is not None:
        outputs = (one.path for one in removed if one.target)
        prune(settings.root, outputs, _lasting_folders(found.looked, state))
    with state.transaction():
        if wanted.everything and found.is_whole:
            state.leftovers.forget_flow(run)
        else:
            forget_partitions(state, found)
        state.drop_files(file for one in removed for file in _files(one, found.names))
        state.end_run(run, time.time() - started, "cleaned", 0, 0)
    kept = (*found.cleaning.kept, *failed)
    return replace(found.cleaning, removed=tuple(removed), kept=kept, has_failed=bool(failed))


def _remove(root: str, one: Removable, names: dict[str, tuple[str, ...]]) -> None:
    path = os.path.join(root, one.path)
    try:
        if one.target:
            remove(root, one.path, names[one.path])
        elif path.endswith("/"):
            shutil.rmtree(path)
        else:
            os.unlink(path)
    except FileNotFoundError:  # it went with a folder that it was in
        return


def _files(one: Removable, names: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """The files that an output was."""
    if not one.path.endswith("/"):
        yield one.path
    yield from (one.path + name for name in names.get(one.path, ()))


def _settle(partitions: Iterable[Partition], removed: Collection[str]) -> None:
    """What was to go and is still there stays."""
    for output in (output for partition in partitions for output in partition.outputs):
        if output.fate == "goes" and output.path not in removed:
            output.fate = "stays"


def _lasting_folders(looked: Looked, state: State) -> Iterator[str]:
    """Folders that stay when they are empty: the first that each pattern names, and those of sources."""
    for path in state.owners():
        first, slash, _ = path.partition("/")
        if slash and not {"{", "}"}.intersection(first):
            yield first
    for name in looked.flow.project.sources:
        location = looked.world.survey.locations[name][0]
        yield os.path.dirname(location.pattern.path(())) if location.root == SINGLES else location.root


def forget_partitions(state: State, found: _Found) -> None:
    """Drops what the state knows of partitions whose outputs are gone."""
    looked = found.looked
    if looked is None:
        return
    done: dict[str, list[str]] = {}
    left: set[str] = set()
    for partition in found.partitions:
        if partition.is_row:
            state.leftovers.drop_orphans(one.path for one in partition.outputs if one.fate != "stays")
        if not partition.is_done:
            left.add(partition.target)
        elif not partition.is_row:
            done.setdefault(partition.target, []).append(partition.key)
    for name, keys in done.items():
        if name not in looked.flow.steps and name not in looked.flow.views and name not in left:
            state.leftovers.forget_target(name)
            continue
        state.leftovers.forget_partitions(name, keys)
        _unseal(looked, state, name, keys)


def _unseal(looked: Looked, state: State, name: str, keys: Iterable[str]) -> None:
    """Nothing vouches for removed partitions; where that can't be told apart, for none of their target."""
    kept = state.seal(name)
    if kept is None:
        return
    world, is_declared = looked.world, name in looked.flow.steps
    if is_declared and kept[:2] == (world.declarations.basis(name), identity_of(world.domains.of(name).axes)):
        rest = world.sealed(name) - world.keyed(name, dict.fromkeys(keys))
        state.put_seal(name, kept[0], kept[1], dump_body(rest.body))
    else:
        state.leftovers.drop_seal(name)
