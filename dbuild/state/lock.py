"""One build at a time: a kernel lock that dies with its process, and a note of who holds it."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable


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
            with open(self._path, encoding="utf-8") as note:
                found = json.load(note)
            return f"process {found['pid']} on {found['host']}, since {found['since']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "another dbuild"

    def release(self) -> None:
        """Gives the lock back."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


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
