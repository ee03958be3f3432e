"""One build at a time in a folder: its lock, the state that the holder opens, the workers that a killed build left."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack

from dbuild.build.loading import read_project
from dbuild.build.settings import Settings
from dbuild.core.events import Event, Notice
from dbuild.errors import DiskError
from dbuild.state.opening import make_folder, open_state
from dbuild.state.store import FOLDER, State

Emit = Callable[[Event], None]
WORKERS = "workers"  # in the state folder: who holds its lock works for a build
_PATIENCE = 10.0  # seconds that the workers of a killed build have to end


def open_for_build(settings: Settings, emit: Emit) -> State:
    """The state, for writing; says so where a damaged one was set aside. Raises StateError."""
    folder = os.path.join(settings.root, FOLDER)
    before = set(os.listdir(folder))
    state = open_state(settings.root, settings.flow)
    for name in set(os.listdir(folder)) - before:
        if ".damaged-" in name and name.count("-wal") + name.count("-shm") == 0:
            emit(Notice(f"the state was damaged; it is kept as {FOLDER}/{name}, and everything is looked at anew"))
    return state


def lock_folder(settings: Settings, stack: ExitStack, emit: Emit) -> bool:
    """Takes the build lock, and waits for workers that a killed build has left; whether another build ran till now."""
    from dbuild.state.lock import BuildLock

    if not os.path.exists(os.path.join(settings.root, settings.flow)):
        read_project(settings)  # raises, and leaves no state folder where there is no project
    folder = os.path.join(settings.root, FOLDER)
    try:
        make_folder(folder)
        lock = BuildLock(os.path.join(folder, "lock"))
        has_waited = lock.acquire(
            lambda holder: emit(Notice(f"another build runs here ({holder}): waiting for it", "info"))
        )
    except OSError as error:
        raise DiskError(
            f"the state folder {folder} can't be written: {error.strerror}", hint="dbuild needs to write there"
        ) from None
    stack.callback(lock.release)
    _outlast_workers(folder, emit)
    return has_waited


def _outlast_workers(folder: str, emit: Emit) -> None:
    """Waits until no worker of a killed build lives: what it still wrote would be left over by this one."""
    from dbuild.state.lock import outlast

    waiting = Notice("a build was cut off, and a process of it is still ending: waiting for it", "info")
    if not outlast(os.path.join(folder, WORKERS), _PATIENCE, lambda: emit(waiting)):
        emit(Notice(f"a process of the build that was cut off still runs after {_PATIENCE:g} s: going on without it"))
