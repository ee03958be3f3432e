"""A watch that knows what a test tells it: the other side of `dbuild.observe.vouching`, on a real socket."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Reply = Callable[[socket.socket, bytes], None]  # what is done about a question in place of answering it


class Watcher:
    """Vouches for listings that it was told of, but for the names that a test tells it."""

    def __init__(self, path: Path, reply: Reply | None = None) -> None:
        self.asked: list[list[list[object]]] = []
        self.vouched: dict[tuple[str, int, str], int] = {}
        self._reply = reply
        self._names: dict[str, dict[str, int]] = {}
        self._number = 1
        self._lock = threading.Lock()
        self._path = path
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        path.parent.mkdir(exist_ok=True)
        with self._address() as address:
            self._listener.bind(address)
        self._listener.listen()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def tell(self, folder: Path, *names: str) -> None:
        """Something happened to these names in a folder."""
        with self._lock:
            self._number += 1
            self._names.setdefault(str(folder), {}).update(dict.fromkeys(names, self._number))

    def close(self) -> None:
        """Ends when all that was sent has been taken."""
        self.settle()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def settle(self) -> None:
        """Waits until whatever was sent by clients that are gone has been taken."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as last, self._address() as address:
            last.connect(address)  # so all that came before have been accepted
            last.shutdown(socket.SHUT_WR)
            assert last.recv(1) == b""
        for thread in list(self._threads[1:]):
            thread.join(10)

    @contextmanager
    def _address(self) -> Iterator[str]:
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            yield f"/proc/self/fd/{folder}/{self._path.name}" if len(str(self._path)) > 100 else str(self._path)
        finally:
            os.close(folder)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            try:
                for line in lines:
                    self._take(connection, line)
            except OSError:
                return

    def _take(self, connection: socket.socket, line: bytes) -> None:
        message = json.loads(line)
        with self._lock:
            if "vouch" in message:
                self.vouched |= dict.fromkeys(map(tuple, message["vouch"]), message["number"])
                return
            self.asked.append(message["ask"])
            self._number += 1
            changed = [self._changed(*one) for one in message["ask"]]
            answer = json.dumps({"number": self._number, "changed": changed}).encode() + b"\n"
        if self._reply is None:
            connection.sendall(answer)
        else:
            self._reply(connection, answer)

    def _changed(self, path: str, depth: int, digest: str) -> list[str] | None:
        number = self.vouched.get((path, depth, digest))
        names = self._names.get(path, {})
        return None if number is None else [name for name, last in names.items() if last > number]


@contextmanager
def watching(root: Path, reply: Reply | None = None, name: str = "watch-1.sock") -> Iterator[Watcher]:
    """A watch of a project that runs for a while."""
    watcher = Watcher(root / ".dbuild" / name, reply)
    try:
        yield watcher
    finally:
        watcher.close()
