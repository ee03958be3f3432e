"""Processes of recipes: started in a group of their own, and ended with all that they leave behind."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import takewhile
from typing import Any, NamedTuple

from dbuild.observe.processes import IS_LINUX, children, descendants, files_written_by, group_of, is_running, name_of
from dbuild.values import dataclass

GRACE = 2.0  # seconds between TERM and KILL of what a recipe left running
_MOMENT = 0.1  # seconds that it has to end by itself: `… > >(tee log)` reads on until its writer is gone
_LAST_STREAM = 2
_PR_SET_CHILD_SUBREAPER = 36  # of <linux/prctl.h>


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended."""

    status: int  # its exit status, negative for a signal
    left: int  # how many processes it left running, which were ended; -1: some, their number isn't known
    writers: tuple[str, ...]  # the names of those of them that were still writing to its outputs


class Program(NamedTuple):
    """What is to be started."""

    arguments: list[str]
    environment: Mapping[bytes, bytes]
    place: str = ""  # where it is; "": to be looked for on the path


def adopt_orphans() -> None:
    """From now on the descendants of this process whose parents end become its children (Linux only).

    So what a recipe starts in a session of its own can be found when the recipe has ended.
    """
    if IS_LINUX:
        prctl = getattr(ctypes.CDLL(None), "prctl", None)
        if prctl is not None:
            prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def run_in_group(
    programs: Sequence[Program],
    folder: str,
    log: int,
    started: Callable[[int], None],
    grace: Callable[[], float] = lambda: GRACE,
    outputs: Collection[str] = (),
    *,
    is_fresh: bool = False,
) -> Ended:
    """Run the first of the programs that can be started as the leader of a new session.

    Both its streams go to the file descriptor `log`, its input is empty. `started` is told its process id, which is
    also that of its group. Only the program itself is waited for, never a stream: what it left running (in its group,
    and where orphans are adopted all that descends from it) is ended when it ends, also when this process is
    interrupted; it has `grace()` seconds between TERM and KILL. `outputs` are the files and folders that it is to
    write. `is_fresh`: nothing else has run in this process, so it has no file open that a program would inherit.
    Raises OSError where the last can't be started either.
    """
    others = _family()
    pid = _start(programs, folder, log, is_fresh)
    left = 0
    status: int | None = None
    writers: tuple[str, ...] = ()
    try:
        started(pid)
        if hasattr(os, "waitid"):  # ended, but not reaped: its number can't be another group's yet
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            running = _left(others, pid)
            left, writers = len(running), tuple(name_of(one) for one in running if _writes_to(one, outputs))
        else:
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    finally:
        _signal_group(pid, signal.SIGTERM)
        status = _reap(pid) if status is None else status
        if outlast(pid, grace):
            left = left or -1
        _end_orphans(others, grace)
    return Ended(status, left, writers)


def _start(programs: Sequence[Program], folder: str, log: int, is_fresh: bool) -> int:
    """The process id of a program that leads a session of its own, and has no file but its three streams."""
    can_spawn = is_fresh and _can_spawn() and _is_in(folder)
    for program in programs:
        # Python itself would have the new process try each folder of the path, which costs more than to look.
        place = program.place or program_place(program.arguments[0], program.environment.get(b"PATH", b""))
        if place:
            with suppress(OSError):  # it is a folder, or none that can be run: another one on the path may be
                return _spawn(program, place, log) if can_spawn else _open(program, folder, log, place)
    return _open(programs[-1], folder, log, None)


@lru_cache(maxsize=1)
def _can_spawn() -> bool:
    """Whether the C library's posix_spawn says when a program can't be started: glibc's does since 2.24 (2016)."""
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
        return IS_LINUX and name == "glibc" and tuple(map(int, version.split("."))) >= (2, 24)
    except (OSError, ValueError):
        return False


def _is_in(folder: str) -> bool:
    try:
        return os.getcwd() == folder
    except OSError:  # it was removed, and perhaps there is another one of its name
        return False


def _spawn(program: Program, place: str, log: int) -> int:
    """The same in this process's folder, where no other file is open that could be inherited: half as dear."""
    streams: list[tuple[Any, ...]] = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)]
    streams += [(os.POSIX_SPAWN_DUP2, log, number) for number in (1, _LAST_STREAM)]
    ignored = (signal.SIGPIPE, signal.SIGXFSZ)  # by Python
    return os.posix_spawn(
        place, program.arguments, program.environment, file_actions=streams, setsid=True, setsigdef=ignored
    )


def _open(program: Program, folder: str, log: int, executable: str | None) -> int:
    # No preexec_fn: without it Python may use vfork, which doesn't grow dearer with this process's memory.
    process = subprocess.Popen(
        program.arguments,
        executable=executable,
        env=program.environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    process.returncode = 0  # that it is waited for is no business of this object any more
    return process.pid


def program_place(program: str, path: bytes) -> str:
    """Where on a path a program is, as far as that doesn't depend on the folder that it starts in; "" if nowhere."""
    return next((place for place in _places(program, path) if os.access(place, os.X_OK)), "")


@lru_cache(maxsize=64)
def _places(program: str, path: bytes) -> tuple[str, ...]:
    folders = os.fsdecode(path).split(os.pathsep) if "/" not in program else []
    return tuple(os.path.join(folder, program) for folder in takewhile(os.path.isabs, folders))


def _reap(pid: int) -> int:
    """The exit status of a program that has ended, or was told to; one that doesn't listen is killed."""
    pause, started = 0.001, time.monotonic()
    while True:
        try:
            found, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:  # something else in this process has waited for it
            return 0
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() - started >= GRACE:
            _signal_group(pid, signal.SIGKILL)
        time.sleep(pause)
        pause = min(pause * 2, 0.05)


def outlast(group: int, grace: Callable[[], float]) -> bool:
    """Wait for a group that was told to end, and kill what is left of it; whether there was anything to wait for."""
    return _outlast(lambda: [-group] if is_alive(group) else [], grace)


def _outlast(left: Callable[[], Iterable[int]], grace: Callable[[], float]) -> bool:
    """Wait until nothing is left; after the grace what is left (a group has a minus sign) is killed."""
    pause, started = 0.001, time.monotonic()
    was_there = False
    while remaining := left():
        was_there = True
        if time.monotonic() - started >= grace():
            for pid in remaining:
                _signal(pid, signal.SIGKILL)
        time.sleep(pause)
        pause = min(pause * 2, 0.05)
    return was_there


# -- what isn't in the group ---------------------------------------------------------------------------------------


def _has_children() -> bool:
    """Whether this process has any child, also one that has ended: one system call."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _family() -> frozenset[int]:
    """What descends from this process now (Linux only: elsewhere orphans can't be told from strangers)."""
    return frozenset(descendants(os.getpid())) if IS_LINUX and _has_children() else frozenset()


def _left(others: frozenset[int], leader: int) -> list[int]:
    """The processes that a program which has ended left running, after a moment to end by themselves."""
    own = os.getpid()
    if not IS_LINUX or others.issuperset(one for one in children(own, own) if one != leader):
        return []
    deadline = time.monotonic() + _MOMENT
    while running := [pid for pid in _family() - others if pid != leader and is_running(pid)]:
        if time.monotonic() >= deadline:
            break
        time.sleep(0.002)
    return running


def _writes_to(pid: int, outputs: Collection[str]) -> bool:
    """Whether a process can still write to one of these files, or in one of these folders."""
    places = [os.path.realpath(output) for output in outputs]
    return any(path == place or path.startswith(f"{place}/") for path in files_written_by(pid) for place in places)


def _end_orphans(others: frozenset[int], grace: Callable[[], float]) -> None:
    """End what descends from this process beside `others`, and reap what became its child."""
    told: set[int] = set()

    def left() -> list[int]:
        found = _family() - others
        for pid in found - told:
            told.add(pid)
            _signal(pid, signal.SIGTERM)
        return [pid for pid in found if not _reap_orphan(pid) and is_running(pid)]

    _outlast(left, grace)


def _reap_orphan(pid: int) -> bool:
    """Whether a process was a child of this one that had ended."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return False


# -- groups --------------------------------------------------------------------------------------------------------


def end_group(group: int, grace: float = GRACE) -> None:
    """End all processes of a group: TERM, at most `grace` seconds, KILL."""
    if _signal_group(group, signal.SIGTERM):
        outlast(group, lambda: grace)


def ask_descendants(pid: int) -> None:
    """Ask all that descends from a process to end."""
    for one in descendants(pid):
        _signal(one, signal.SIGTERM)


def kill_family(pid: int) -> None:
    """Kill a process that leads a group, its group, and all that descends from it."""
    for one in (*descendants(pid), -pid, pid):  # the group last: this process may be in it
        _signal(one, signal.SIGKILL)


def _signal_group(group: int, number: int) -> bool:
    """Signal a group; whether there was anything that took it."""
    return _signal(-group, number)


def _signal(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):  # macOS: a group of zombies only gives the latter
        return False
    return True


def is_alive(group: int) -> bool:
    """Whether a group has a process that still runs; a zombie that nobody reaps doesn't count where that is known."""
    if not _signal_group(group, 0):
        return False
    return not IS_LINUX or any(group_of(int(entry)) == group for entry in os.listdir("/proc") if entry.isdigit())
