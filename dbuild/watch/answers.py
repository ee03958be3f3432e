"""Answers other commands of the same user: which folders are as they were when they were last listed.

One JSON line each way: `{"ask": [[folder, levels, digest of the kept listing], …]}` and `{"number": n, "changed":
[[names] | null, …]}`, where null vouches for nothing. Who has listed says so: `{"vouch": [[folder, levels, digest],
…], "number": n}`. Folders are absolute.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
from collections.abc import Callable
from typing import Any

from dbuild.observe.journal import Journal

_LONGEST_LINE = 1 << 26
_PATIENCE = 600.0  # seconds between a question and the word of who asked
_CREDENTIALS = struct.Struct("3i")


class Answers:
    """A socket that only this user can reach. Raises OSError where there can't be one."""

    def __init__(self, path: str, journal: Journal, catch_up: Callable[[], None]) -> None:
        self._path = path
        self._journal = journal
        self._catch_up = catch_up
        self._server: asyncio.Server | None = None
        self._identity: tuple[int, int] | None = None  # of the socket

    async def open(self) -> None:
        """Begins to answer, or does so anew. What a watch that was killed left at the path is replaced."""
        await self.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            _bind(listener, self._path)
            os.chmod(self._path, 0o600)
            self._identity = _identity(self._path)
            self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=_LONGEST_LINE)
        except BaseException:
            listener.close()
            raise

    async def close(self) -> None:
        """Answers no more."""
        if self._server is not None:
            self._server.close()
            self._server = None
            with contextlib.suppress(FileNotFoundError):
                if _identity(self._path) == self._identity:  # another watch may have put its own there
                    os.unlink(self._path)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if not _is_own(writer.get_extra_info("socket")):
                return
            while line := await _next(reader):
                answer = self._take(json.loads(line))
                if answer is not None:
                    writer.write(json.dumps(answer).encode() + b"\n")
                    await writer.drain()
        except (OSError, ValueError, KeyError, TypeError, TimeoutError):
            pass  # whoever asked has gone, or asks for something else: nothing is vouched for
        finally:
            writer.close()

    def _take(self, said: dict[str, Any]) -> dict[str, object] | None:
        if "vouch" in said:
            for folder, depth, digest in said["vouch"]:
                self._journal.vouch(folder, depth, digest, said["number"])
            return None
        # All that happened before this question has to be counted before it is answered.
        self._catch_up()
        changed = [self._journal.changed(folder, depth, digest) for folder, depth, digest in said["ask"]]
        return {"number": self._journal.number, "changed": changed}


async def _next(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(_PATIENCE):  # not wait_for: that may swallow the word to end
        return await reader.readline()


def _identity(path: str) -> tuple[int, int]:
    found = os.lstat(path)
    return found.st_dev, found.st_ino


def _bind(listener: socket.socket, path: str) -> None:
    """Binds to a path of any length: the kernel takes short ones only, so its folder is named by a descriptor."""
    before = os.umask(0o177)
    try:
        folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            listener.bind(f"/proc/self/fd/{folder}/{os.path.basename(path)}")
        finally:
            os.close(folder)
    finally:
        os.umask(before)
    listener.listen(16)


def _is_own(connection: Any) -> bool:
    """Whether the other end is a process of the same user."""
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return bool(_CREDENTIALS.unpack(found)[1] == os.getuid())
