"""Changes in folders as the kernel tells them (inotify, Linux alone): read when asked, in order, losses included.

Called through ctypes and not by a package: those that there are drop the kernel's word that its queue overflowed, or
read it in a thread of their own, so that nobody can know whether all that had happened before a question was counted.
An event is queued by the system call that makes the change: what `read` doesn't give hasn't happened yet.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from typing import NamedTuple

MODIFY = 0x2
ATTRIB = 0x4
CLOSE_WRITE = 0x8
MOVED_FROM = 0x40
MOVED_TO = 0x80
CREATE = 0x100
DELETE = 0x200
DELETE_SELF = 0x400
MOVE_SELF = 0x800
UNMOUNT = 0x2000
OVERFLOW = 0x4000
IGNORED = 0x8000
ISDIR = 0x40000000
_ONLYDIR = 0x1000000
_CHANGES = MODIFY | ATTRIB | CLOSE_WRITE | MOVED_FROM | MOVED_TO | CREATE | DELETE | DELETE_SELF | MOVE_SELF
_HEAD = struct.Struct("iIII")
_CHUNK = 1 << 18


class Happened(NamedTuple):
    """One event: in which watched folder (-1: in none), what (the kernel's bits), to which name in it."""

    folder: int
    what: int
    name: str


class Inotify:
    """One queue of the kernel. Raises OSError where there is none to be had (another system, too many)."""

    def __init__(self) -> None:
        if not sys.platform.startswith("linux"):
            raise OSError("inotify is a part of Linux")
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._called(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))

    def fileno(self) -> int:
        """Readable as soon as something has happened."""
        return self._descriptor

    def add(self, path: str) -> int:
        """Watches a folder's own entries; the number that its events have, the same for the same folder.

        Raises OSError: ENOSPC where the user may watch no more, ENOENT and ENOTDIR where it is gone.
        """
        return self._called(self._libc.inotify_add_watch(self._descriptor, os.fsencode(path), _CHANGES | _ONLYDIR))

    def remove(self, folder: int) -> None:
        """Watches a folder no longer; one that the kernel has dropped already is no error."""
        self._libc.inotify_rm_watch(self._descriptor, folder)

    def read(self) -> list[Happened]:
        """All that has happened until now and wasn't read yet."""
        found: list[Happened] = []
        while True:
            try:
                data = os.read(self._descriptor, _CHUNK)
            except BlockingIOError:
                return found
            at = 0
            while at < len(data):
                folder, what, _, size = _HEAD.unpack_from(data, at)
                name = data[at + _HEAD.size : at + _HEAD.size + size].rstrip(b"\0")
                found.append(Happened(folder, what, os.fsdecode(name)))
                at += _HEAD.size + size

    def close(self) -> None:
        """Ends all watches."""
        os.close(self._descriptor)

    @staticmethod
    def _called(result: int) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result
