"""Landlock, by which a process of Linux gives up access to files for good: no root is needed, nothing is installed.

It knows what is allowed, by folders with all that is in them, and no exceptions from that. What a thread gives up, it
gives up for itself and for all that it starts from then on.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import sys
from functools import lru_cache
from types import TracebackType

from dbuild.errors import UsageError

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the system calls, with the same numbers on all machines but Alpha
_ASK_VERSION, _BELOW_PATH = 1, 1
_PR_SET_NO_NEW_PRIVS = 38

EXECUTE, WRITE_FILE, READ_FILE = 1 << 0, 1 << 1, 1 << 2
# READ_DIR (1 << 3) is not handled: names may be listed everywhere.
_REMOVE = 1 << 4 | 1 << 5
_MAKE = 0b1111111 << 6  # character device, folder, file, socket, pipe, block device, link
_REFER, _TRUNCATE = 1 << 13, 1 << 14  # since versions 2 and 3
READING = EXECUTE | READ_FILE
WRITING = WRITE_FILE | _REMOVE | _MAKE | _REFER | _TRUNCATE
_INSTEAD = "--trace tells what recipes open, and refuses nothing"
_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | _TRUNCATE  # what can be allowed for a file itself


@lru_cache(maxsize=1)
def version() -> int:
    """The version of Landlock that this kernel has. Raises UsageError, which says why, where there is none."""
    if not sys.platform.startswith("linux"):
        raise UsageError(
            "--sandbox needs Landlock, which only Linux has",
            hint=_INSTEAD,
        )
    found = _call(_CREATE, None, 0, _ASK_VERSION)
    if found > 0:
        return found
    reason = {
        errno.ENOSYS: "this kernel has none (Linux has it from 5.13 on)",
        errno.EOPNOTSUPP: "it is switched off in this kernel (the start option lsm= has to name it)",
        errno.EPERM: "this container doesn't let it be used",
    }.get(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    raise UsageError(f"--sandbox needs Landlock, and {reason}", hint=_INSTEAD)


class Ruleset:
    """What a thread will be allowed to do; as a context manager it closes what it opens."""

    def __init__(self) -> None:
        """Raises UsageError where there is no Landlock, OSError where no more rules can be made."""
        known = READING | WRITING
        known &= ~_REFER if version() < 2 else ~0
        known &= ~_TRUNCATE if version() < 3 else ~0
        self._known = known
        handled = ctypes.c_uint64(known)
        self._descriptor = _call(_CREATE, ctypes.byref(handled), ctypes.sizeof(handled), 0)
        _check(self._descriptor)

    def __enter__(self) -> Ruleset:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def allow(self, path: str, rights: int, *, is_followed: bool = True) -> None:
        """Allows something for a file, or a folder with all that is in it.

        What isn't there is passed over, and so is a link unless it is followed. Raises OSError.
        """
        follow = 0 if is_followed else os.O_NOFOLLOW
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC | follow)
        except OSError:
            return  # it isn't there, or not for us
        try:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISLNK(mode):
                rights &= self._known if stat.S_ISDIR(mode) else self._known & _OF_FILES
                rule = rights.to_bytes(8, sys.byteorder) + descriptor.to_bytes(4, sys.byteorder)
                _check(_call(_ADD, self._descriptor, _BELOW_PATH, rule, 0))
        finally:
            os.close(descriptor)

    def enforce(self) -> None:
        """Gives up, for this thread and what it starts, all else. Raises OSError where the system refuses that."""
        _check(int(_library().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)))
        _check(_call(_RESTRICT, self._descriptor, 0))


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _call(number: int, *arguments: object) -> int:
    wide = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    return int(_library().syscall(ctypes.c_long(number), *wide))


def _check(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Landlock: {os.strerror(number)}")
