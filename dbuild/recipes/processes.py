"""Processes of recipes: started in a group of their own, and ended with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping

GRACE = 2.0  # seconds between TERM and KILL


def run_in_group(
    arguments: list[str], environment: Mapping[bytes, bytes], folder: str, log: int, started: Callable[[int], None]
) -> int:
    """Run a program as the leader of a new session; its exit status, negative for a signal.

    Both its streams go to the file descriptor `log`, its input is empty. `started` is told its process id, which is
    also that of its group. Only the program itself is waited for, never a stream: what it left running in its group
    is ended when it ends, also when this process is interrupted. Raises OSError where it can't be started.
    """
    # No preexec_fn: without it Python may use vfork, which doesn't grow dearer with this process's memory.
    process = subprocess.Popen(
        arguments,
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        started(process.pid)
        if hasattr(os, "waitid"):  # ended, but not reaped: its number can't be another group's yet
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        else:
            process.wait()
    finally:
        _signal_group(process.pid, signal.SIGTERM)
        status = _reap(process)
        _outlast(process.pid, GRACE)
    return status


def _reap(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(GRACE)
    except subprocess.TimeoutExpired:  # we were interrupted, and it doesn't listen to TERM
        _signal_group(process.pid, signal.SIGKILL)
        return process.wait()


def end_group(group: int, grace: float = GRACE) -> None:
    """End all processes of a group: TERM, at most `grace` seconds, KILL."""
    if _signal_group(group, signal.SIGTERM):
        _outlast(group, grace)


def _outlast(group: int, grace: float) -> None:
    """Wait for a group that was told to end, and kill what is left of it."""
    pause, deadline = 0.001, time.monotonic() + grace
    while is_alive(group):
        if time.monotonic() >= deadline:
            _signal_group(group, signal.SIGKILL)
            return
        time.sleep(pause)
        pause = min(pause * 2, 0.05)


def _signal_group(group: int, number: int) -> bool:
    """Signal a group; whether there was anything that took it."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS: a group of zombies only gives the latter
        return False
    return True


def is_alive(group: int) -> bool:
    """Whether a group has a process that still runs; a zombie that nobody reaps doesn't count where that is known."""
    if not _signal_group(group, 0):
        return False
    return not sys.platform.startswith("linux") or any(_is_member(entry, group) for entry in os.listdir("/proc"))


def _is_member(entry: str, group: int) -> bool:
    if not entry.isdigit():
        return False
    try:
        with open(f"/proc/{entry}/stat", "rb") as stream:
            state, _, found = stream.read().rpartition(b")")[2].split()[:3]  # a name may hold spaces and brackets
    except (OSError, ValueError):
        return False
    return int(found) == group and state not in (b"Z", b"X")
