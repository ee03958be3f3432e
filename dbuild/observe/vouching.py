"""What a watch that runs here vouches for: listings that still hold, but for some names. The client's side.

A watch listens at `watch-….sock` in the state folder. It is sent one line of JSON, `{"ask": [[folder, depth, digest],
…]}` with absolute folders and the digests (hex) of listings as they were kept, and answers with one line,
`{"number": N, "changed": [[name, …] | null, …]}`: names below each folder that may differ from that listing, folders
with a slash at their end; null where it can't tell. Nothing that happened before it answered is left out. Whoever has
looked since may say what came out, `{"vouch": [[folder, depth, digest], …], "number": N}`: every name that didn't
change since that answer is as in the listing with this digest. No line comes back for it.

Whatever goes wrong is as if nobody watched.
"""

from __future__ import annotations

import json
import os
import socket
import stat
import sys
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

PATIENCE = 0.05  # seconds that an answer may take
_MOST = 8 << 20  # bytes of an answer
_LONGEST_PATH = 100  # bytes of a path that any system's sockets take (Linux 107, macOS 103)


class Known(NamedTuple):
    """A listing of a folder that was kept."""

    path: str  # absolute
    depth: int
    digest: str  # in hex


class Vouched(NamedTuple):
    """What a watch said."""

    number: int
    changed: tuple[tuple[str, ...] | None, ...]  # for each listing; None: it can't tell


class Watch:
    """One connection to a watch that this user runs; another one is made where it is needed after that."""

    def __init__(self, path: str) -> None:
        """`path` is the socket's. Nothing is opened yet."""
        self._path = path
        self._identity: tuple[int, int, int] | None = None
        self._connection: socket.socket | None = None

    def ask(self, known: Sequence[Known], patience: float) -> Vouched | None:
        """What has changed since these listings were made; None where no good answer comes within so many seconds."""
        deadline = time.monotonic() + patience
        self.close()
        try:
            self._identity = _identity(self._path)
            self._connection = _connect(self._path, deadline)
            _send(self._connection, {"ask": known}, deadline)
            found = _read_answer(_receive(self._connection, deadline), known)
        except (OSError, ValueError, RecursionError):
            found = None
        if found is None:
            self.close()
        return found

    def vouch(self, known: Iterable[Known], number: int) -> None:
        """Says what listings came out that were begun after an answer with this number; ends the connection.

        Later, to the same watch and no other: one that took its place counts anew.
        """
        deadline = time.monotonic() + PATIENCE
        try:
            if self._connection is None:
                self._connection = _connect(self._path, deadline)
                if _identity(self._path) != self._identity:
                    return
            _send(self._connection, {"vouch": list(known), "number": number}, deadline)
        except OSError:
            pass  # then it isn't vouched for
        finally:
            self.close()

    def close(self) -> None:
        """Ends the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def ask_first(paths: Iterable[str], known: Sequence[Known]) -> tuple[Watch, Vouched] | None:
    """Asks watches, by their sockets, until one can tell of any of these listings; else the first that answered.

    None where none does within PATIENCE seconds in all.
    """
    deadline = time.monotonic() + PATIENCE
    first: tuple[Watch, Vouched] | None = None
    for path in paths:
        watch = Watch(path)
        found = watch.ask(known, deadline - time.monotonic())
        if found is None:
            continue
        if any(names is not None for names in found.changed):
            if first is not None:
                first[0].close()
            return watch, found
        if first is None:
            first = watch, found
        else:
            watch.close()
    return first


def _identity(path: str) -> tuple[int, int, int]:
    """Which socket it is: a watch that starts makes a new one. Raises OSError where there is none."""
    found = os.lstat(path)
    if not stat.S_ISSOCK(found.st_mode):
        raise FileNotFoundError(path)
    return (found.st_dev, found.st_ino, found.st_ctime_ns)


def _connect(path: str, deadline: float) -> socket.socket:
    """Raises OSError, also where another user listens."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(_left(deadline))
        if len(os.fsencode(path)) <= _LONGEST_PATH:
            connection.connect(path)
        else:
            _connect_far(connection, path)
        if not _is_own(connection, path):
            raise PermissionError(path)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect_far(connection: socket.socket, path: str) -> None:
    """Connects by a path that is too long for a socket's address, where the system has another name for its folder."""
    folder, name = os.path.split(path)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        connection.connect(f"/proc/self/fd/{descriptor}/{name}")
    finally:
        os.close(descriptor)


def _is_own(connection: socket.socket, path: str) -> bool:
    """Whether the same user listens; where that can't be asked, whether the socket is the user's."""
    if sys.platform.startswith("linux"):
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)  # pid, uid, gid
        return int.from_bytes(credentials[4:8], sys.byteorder) == os.geteuid()
    return os.lstat(path).st_uid == os.geteuid()


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _send(connection: socket.socket, message: dict[str, object], deadline: float) -> None:
    connection.settimeout(_left(deadline))
    connection.sendall(json.dumps(message, separators=(",", ":")).encode() + b"\n")


def _receive(connection: socket.socket, deadline: float) -> bytes:
    """One line. Raises OSError where none comes in time."""
    parts: list[bytes] = []
    size = 0
    while not parts or not parts[-1].endswith(b"\n"):
        connection.settimeout(_left(deadline))
        part = connection.recv(1 << 16)
        size += len(part)
        if not part or size > _MOST:
            raise ConnectionError
        parts.append(part)
    return b"".join(parts)


def _read_answer(line: bytes, known: Sequence[Known]) -> Vouched | None:
    """An answer, if it is a good one. Raises ValueError where it is no JSON."""
    found = json.loads(line)
    if (
        not isinstance(found, dict)
        or type(found.get("number")) is not int
        or not isinstance(found.get("changed"), list)
    ):
        return None
    changed = found["changed"]
    if len(changed) != len(known) or not all(names is None or _are_names(names) for names in changed):
        return None
    return Vouched(found["number"], tuple(tuple(names) if names is not None else None for names in changed))


def _are_names(names: object) -> bool:
    return isinstance(names, list) and all(isinstance(name, str) and _is_below(name) for name in names)


def _is_below(name: str) -> bool:
    """Whether it is a relative path, without detours, of something in a folder."""
    parts = name.removesuffix("/").split("/")
    return "\0" not in name and not any(part in ("", ".", "..") for part in parts)
