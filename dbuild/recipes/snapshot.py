"""The Python code of one run: what the project's modules held when its flow was loaded, in one file.

Written before the first recipe starts, read by the workers as they import, gone when the run has ended. It begins with
the length of an index in eight bytes; the index is JSON: where modules are looked for, and of each file its absolute
path, and where its source begins and ends in the rest.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable
from dataclasses import astuple

from dbuild.observe.codepath import CodePath
from dbuild.recipes.sources import Sources

_START = 8  # bytes


def write_snapshot(target: str, sources: Sources, files: Iterable[str]) -> None:
    """Keeps the sources of modules (by their files' names) in a new file. Raises OSError.

    Compiled modules stay where they are: only their files can be run.
    """
    places: dict[str, tuple[int, int]] = {}
    pieces: list[bytes] = []
    end = 0
    for file in dict.fromkeys(files):
        source = sources.source(file) if file.endswith(".py") else None
        if source is not None:
            places[sources.absolute(file)] = (end, end + len(source))
            pieces.append(source)
            end += len(source)
    index = json.dumps({"path": astuple(sources.path), "places": places}).encode()
    with open(target, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as stream:
        stream.write(len(index).to_bytes(_START, "big"))
        stream.write(index)
        stream.writelines(pieces)


class Snapshot:
    """The code of one run, as a worker sees it: of each module as much is read as is imported."""

    def __init__(self, file: str, only: Collection[str] | None = None) -> None:
        """All of it, or only these files (absolute paths) of it. Raises OSError where it can't be read."""
        with open(file, "rb") as stream:
            length = int.from_bytes(stream.read(_START), "big")
            index = json.loads(stream.read(length))
        root, *pairs = index["path"]
        self.path = CodePath(root, *(tuple((one, two) for one, two in given) for given in pairs))
        self._file = file
        self._start = _START + length
        places: dict[str, tuple[int, int]] = index["places"]
        self._places = {path: place for path, place in places.items() if only is None or path in only}
        self._folders = {folder for path in self._places for folder in _above(path)}

    def __contains__(self, path: str) -> bool:
        return os.path.normpath(path) in self._places

    def has_folder(self, folder: str) -> bool:
        """Whether modules lay somewhere below a folder."""
        return os.path.normpath(folder) in self._folders

    def source(self, path: str) -> bytes | None:
        """What a file held; None of one that the run doesn't know, or when the run has ended."""
        place = self._places.get(os.path.normpath(path))
        if place is None:
            return None
        begin, end = place
        try:
            with open(self._file, "rb") as stream:
                stream.seek(self._start + begin)
                return stream.read(end - begin)
        except OSError:
            return None


def _above(path: str) -> Iterable[str]:
    folder = os.path.dirname(path)
    while folder not in ("", os.sep):
        yield folder
        folder = os.path.dirname(folder)
