"""The last good texts of a project's files: builds go on with them while a person is still writing."""

from __future__ import annotations

import json
import os
from collections.abc import Collection

from dbuild.build.settings import Settings
from dbuild.errors import UserError
from dbuild.project.loader import read_texts
from dbuild.state.store import FOLDER

Texts = dict[str, str]
_Stamp = tuple[object, ...]


class GoodTexts:
    """What a project's files held at the last build that could read them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._good: Texts | None = None
        self._seen: Texts | None = None  # before the build that runs
        self._stamp: _Stamp = ()  # of the files when these were read

    def __bool__(self) -> bool:
        """Whether there are any."""
        return self._good is not None

    def look(self) -> None:
        """Reads the files before a build, if they have changed."""
        stamp = self._stamp_of(self._seen)
        if self._seen is None or stamp != self._stamp:
            self._seen = current(self._settings)
            self._stamp = self._stamp_of(self._seen)

    def confirm(self) -> bool:
        """A build could read them; whether it surely read the same. If not, another build tells."""
        if self._stamp_of(self._seen) != self._stamp:
            return False
        self._good = self._seen or self._good
        return True

    def write(self) -> str:
        """Writes them for a build to take; the path. Raises OSError."""
        path = os.path.join(self._settings.root, FOLDER, f"watch.{self._settings.flow}.texts")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(self._good or {}, stream)
        return path

    def _stamp_of(self, texts: Texts | None) -> _Stamp:
        """Stats of the files, and the names of their like beside them: `include` may have a pattern."""
        files = [self._settings.flow, *(texts or ())]
        paths = [os.path.join(self._settings.root, file) for file in dict.fromkeys(files)]
        endings = {os.path.splitext(path)[1] for path in paths} - {""}
        names = (_names(folder, endings) for folder in dict.fromkeys(map(os.path.dirname, paths)))
        return (*map(_stat, paths), *names)


def _names(folder: str, endings: Collection[str]) -> frozenset[str]:
    try:
        return frozenset(name for name in os.listdir(folder) if os.path.splitext(name)[1] in endings)
    except OSError:
        return frozenset()


def current(settings: Settings) -> Texts | None:
    """The texts as they are on the disk; None where something is wrong with them."""
    try:
        return read_texts(settings.file, settings.directory, dict(settings.params))
    except (UserError, OSError):
        return None


def _stat(path: str) -> tuple[int, int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino
