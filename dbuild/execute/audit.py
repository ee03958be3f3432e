"""What Python itself opens, seen by an audit hook: for where there is no strace. In a worker and what it forks.

What libraries open by themselves (pyarrow, DuckDB, `numpy.fromfile`) and other programs raises no event. An event comes
before what it tells of, which may still fail.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from dbuild.execute.opening import kind_of
from dbuild.execute.witness import spelt

_MOST = 100_000  # paths that are remembered, lest each is told again and again
_FLAGS = ("O_WRONLY", "O_RDWR", "O_TRUNC", "O_EXCL", "O_DIRECTORY", "O_PATH", "O_TMPFILE")
_MEMORY = ("", ":memory:")  # databases that are no files
_Arguments = tuple[object, ...]


class AuditHook:
    """A hook that can't be removed, only be quiet. It writes what it sees to a descriptor."""

    def __init__(self, descriptor: int) -> None:
        self.is_listening = False
        self._descriptor = descriptor
        self._told: set[tuple[str, str]] = set()
        sys.addaudithook(self._hear)

    def begin(self) -> None:
        """Listens from now on; all that was told before is told again."""
        self._told.clear()
        self.is_listening = True

    def _hear(self, event: str, arguments: _Arguments) -> None:
        if not self.is_listening:
            return
        handler = _HANDLERS.get(event)
        if handler is not None:
            try:
                handler(self._tell, arguments)
            except (TypeError, ValueError, OSError, IndexError):
                pass  # it isn't what it should be: the call that it is of will fail

    def _tell(self, kind: str, path: object) -> None:
        if not isinstance(path, str | bytes | os.PathLike):  # a descriptor, or none
            return
        whole = os.path.realpath(os.fsdecode(path))
        if (kind, whole) in self._told:
            return
        if len(self._told) >= _MOST:
            self._told.clear()
        self._told.add((kind, whole))
        os.write(self._descriptor, spelt(kind, whole))


_Tell = Callable[[str, object], None]


def _opened(tell: _Tell, arguments: _Arguments) -> None:
    path, _, flags = arguments
    assert isinstance(flags, int)
    # O_RDONLY is zero, and O_TMPFILE and O_DIRECTORY share bits: each name counts if all its bits are set.
    bits = {name: getattr(os, name, 0) for name in _FLAGS}
    kind = kind_of(" ".join(name for name, bit in bits.items() if bit and flags & bit == bit))
    if kind is not None:
        tell(kind, path)


def _listed(tell: _Tell, arguments: _Arguments) -> None:
    tell("list", "." if arguments[0] is None else arguments[0])


def _connected(tell: _Tell, arguments: _Arguments) -> None:
    """A database of SQLite, perhaps as a URI."""
    name = os.fsdecode(arguments[0])  # type: ignore[arg-type]
    if name.startswith("file:"):
        name = name.removeprefix("file:").partition("?")[0]
    if name not in _MEMORY:
        tell("change", name)


def _one(kind: str, folder: int | None = None) -> Callable[[_Tell, _Arguments], None]:
    """Of an event about one path; `folder`: the argument that is the descriptor which it is relative to."""

    def handle(tell: _Tell, arguments: _Arguments) -> None:
        if folder is None or arguments[folder] == -1 or os.path.isabs(os.fsdecode(arguments[0])):  # type: ignore[arg-type]
            tell(kind, arguments[0])

    return handle


def _renamed(tell: _Tell, arguments: _Arguments) -> None:
    tell("remove", arguments[0])
    tell("write", arguments[1])


def _linked(tell: _Tell, arguments: _Arguments) -> None:
    tell("write", arguments[1])


def _loaded(tell: _Tell, arguments: _Arguments) -> None:
    if isinstance(arguments[0], str) and "/" in arguments[0]:
        tell("read", arguments[0])


_HANDLERS: dict[str, Callable[[_Tell, _Arguments], None]] = {
    "open": _opened,
    "os.listdir": _listed,
    "os.scandir": _listed,
    "os.remove": _one("remove", 1),
    "os.rmdir": _one("remove", 1),
    "os.mkdir": _one("write", 2),
    "os.truncate": _one("write"),
    "os.rename": _renamed,
    "os.link": _linked,
    "os.symlink": _linked,
    "os.exec": _one("read"),
    "os.posix_spawn": _one("read"),
    "subprocess.Popen": _loaded,
    "sqlite3.connect": _connected,
    "ctypes.dlopen": _loaded,
}
