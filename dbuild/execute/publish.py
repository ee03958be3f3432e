"""From a temporary output to a recorded one: intent, rename, flush in groups, commit.

Order is everything here. An intent is in the journal before the rename, so that after a kill the new file can be told
from an edited one. A group's files are flushed before its traces are committed, so that after a power loss no trace
vouches for bytes that aren't there. Unaware of what a trace means.
"""

from __future__ import annotations

import binascii
import ctypes
import json
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from dbuild import failpoints
from dbuild.core.trace import Trace, pack_outputs, unpack_outputs

_quoted = json.encoder.encode_basestring_ascii


def _written(pairs: Sequence[tuple[str, str]]) -> str:
    """Pairs of texts as JSON: an encoder costs more than the line that it is for."""
    return f"[{','.join([f'[{_quoted(name)},{_quoted(value)}]' for name, value in pairs])}]" if pairs else "[]"


class Journal:
    """Intents: an append-only file that survives a kill (not a power loss: it is never flushed)."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def write(self, boot: str, intents: Sequence[tuple[str, str, Trace]]) -> None:
        """Records what is about to be published: targets, joined keys, traces. Raises OSError where it can't."""
        lines = []
        for target, key, trace in intents:
            failpoints.reach("intent")
            what = (
                f'{_quoted(boot)},{_quoted(target)},{_quoted(key)},"{trace.fingerprint.hex()}",{_written(trace.params)}'
            )
            inputs = binascii.b2a_base64(trace.inputs, newline=False).decode("ascii")
            made = f'{_quoted(pack_outputs(trace.outputs))},{trace.run},{trace.at!r},{trace.seconds!r},"{inputs}"'
            # The line break before it ends a line that an earlier failure cut off.
            lines.append(f"\n[{what},{made}]\n")
        data = "".join(lines).encode("ascii")
        while (written := os.write(self._descriptor, data)) < len(data):
            data = data[written:]

    def clear(self) -> None:
        """Forgets all intents: what they were for has been committed."""
        os.ftruncate(self._descriptor, 0)

    def close(self) -> None:
        os.close(self._descriptor)


def read_intents(path: str, boot: str) -> Iterator[tuple[str, str, Trace]]:
    """The intents of this boot in the journal; a line that was cut off is passed over."""
    try:
        with open(path, "rb") as lines:
            for line in lines:
                try:
                    kept, target, key, fingerprint, params, outputs, run, at, seconds, inputs = json.loads(line)
                    trace = Trace(
                        bytes.fromhex(fingerprint),
                        tuple((name, value) for name, value in params),
                        binascii.a2b_base64(inputs),
                        unpack_outputs(outputs),
                        run,
                        at,
                        seconds,
                    )
                except (ValueError, TypeError):
                    continue
                if kept == boot:
                    yield target, key, trace
    except FileNotFoundError:
        return


def publish(temporary: str, final: str) -> None:
    """Gives an output its final name; a folder takes the place of the one that is there as a whole.

    Raises OSError where that fails: IsADirectoryError for a file where a folder is.
    """
    failpoints.reach("rename")
    try:
        os.rename(temporary, final)
    except OSError:
        if not os.path.isdir(temporary):
            raise
        _swap(temporary, final)
    failpoints.reach("renamed")


def _swap(temporary: str, final: str) -> None:
    """A folder to its place; what was there, whole until then, is removed after that.

    Where the system can't exchange two names at once there is a moment without any: a build that is killed then
    finds the output missing, and the old one among the temporaries.
    """
    if os.path.islink(final) or (os.path.lexists(final) and not os.path.isdir(final)):
        os.unlink(final)
    if not os.path.lexists(final):
        os.rename(temporary, final)
        return
    if not _exchange(temporary, final):
        aside = f"{temporary}.old"
        os.rename(final, aside)
        os.rename(temporary, final)
        temporary = aside
    failpoints.reach("swapped")
    shutil.rmtree(temporary, ignore_errors=True)  # what is left of it is swept by a later build


def _exchange(one: str, other: str) -> bool:
    """Exchanges two names in one step; whether this system and file system can."""
    rename = getattr(_library(), "renameat2", None) if sys.platform.startswith("linux") else None
    if rename is None:
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return bool(rename(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0)


def discard(path: str) -> None:
    """Removes an unfinished output, also where a recipe made a folder of it; quietly, if there is none."""
    try:
        os.unlink(path)
    except OSError:
        if os.path.isdir(path):
            shutil.rmtree(path, ignore_errors=True)


class Flusher:
    """Makes groups of files durable in the background, one group at a time."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._error: OSError | None = None

    @property
    def is_busy(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self, paths: Sequence[str], wake: object) -> None:
        """Flushes the file systems that hold these paths; `wake` (a socket) gets a byte when it is done."""
        self._error = None
        self._thread = threading.Thread(target=self._flush, args=(tuple(paths), wake), daemon=True)
        self._thread.start()

    def _flush(self, paths: tuple[str, ...], wake: object) -> None:
        try:
            flush(paths)
        except OSError as error:
            self._error = error
        finally:
            try:
                wake.send(b"f")  # type: ignore[attr-defined]
            except OSError:
                pass

    def finish(self) -> None:
        """Waits for the flush under way. Raises OSError if it failed: nothing of its group may be committed."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._error is not None:
            raise self._error


def flush(paths: Sequence[str]) -> None:
    """Returns when the content and the names of these files are on disk. Raises OSError where that fails.

    On Linux one `syncfs` for each file system; elsewhere each file and each folder by itself.
    """
    failpoints.reach("flush")
    sync = _syncfs()
    folders = {os.path.dirname(path) for path in paths}
    if sync is None:
        for path in (*paths, *folders):
            _fsync(path)
        return
    devices: dict[int, str] = {}
    for folder in folders:
        devices.setdefault(os.stat(folder).st_dev, folder)
    for folder in devices.values():
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if sync(descriptor) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number), folder)
        finally:
            os.close(descriptor)


def _syncfs() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    return getattr(_library(), "syncfs", None)


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _fsync(path: str) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # built again meanwhile under another name, or removed: its trace won't match
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
