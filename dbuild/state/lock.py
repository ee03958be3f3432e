"""Kernel locks that die with their processes: one build at a time, after the workers of the one before have ended."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_PAUSE = 0.01  # seconds between two looks at a lock that is waited for with a bound


class BuildLock:
    """An exclusive lock on a file. Descriptors are not inherited by workers, so no child keeps it alive."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = -1

    def acquire(self, waiting: Callable[[str], None]) -> bool:
        """Takes the lock; while another build holds it, says once who does and waits. Whether it had to; OSError."""
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        has_waited = False
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            has_waited = True
            waiting(self.holder())
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        note = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, json.dumps(note).encode(), 0)
        return has_waited

    def holder(self) -> str:
        """Who holds the lock, for a message."""
        try:
            found = _note(self._path)
            return f"process {found['pid']} on {found['host']}, since {found['since']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "another dbuild"

    def release(self) -> None:
        """Gives the lock back."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def holder_of(path: str) -> int:
    """The process that holds a build's lock, or held it last. Raises OSError, ValueError, KeyError, TypeError."""
    return int(_note(path)["pid"])


def _note(path: str) -> dict[str, Any]:
    with open(path, encoding="utf-8") as note:
        found: dict[str, Any] = json.load(note)
    return found


def is_held(path: str) -> bool:
    """Whether a build holds the lock at this moment.

    To be asked a few times a second at most: a build that starts in this very moment would say that it waits.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def hold(path: str) -> Iterator[int]:
    """A descriptor with a shared lock on a file, which lasts until every process that was given it has ended.

    A worker that outlives its build holds it still. Raises OSError where the file can't be made.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield descriptor
    finally:
        os.close(descriptor)


def outlast(path: str, seconds: float, waiting: Callable[[], None]) -> bool:
    """Waits at most so long until nobody holds a file by `hold`, after saying once that it waits; whether nobody does.

    Raises OSError where the file can't be opened although it is there.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        if _is_free(descriptor):
            return True
        waiting()
        deadline = time.monotonic() + seconds
        while not _is_free(descriptor):
            if time.monotonic() >= deadline:
                return False
            time.sleep(_PAUSE)
        return True
    finally:
        os.close(descriptor)


def _is_free(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
