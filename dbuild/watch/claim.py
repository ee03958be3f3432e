"""The one watch of a Dataflowfile: who holds the lock is it."""

from __future__ import annotations

import os
import shlex

from dbuild.build.settings import Settings
from dbuild.errors import DiskError, UsageError
from dbuild.project.loader import read_texts
from dbuild.state.lock import BuildLock, is_held
from dbuild.state.opening import make_folder
from dbuild.state.store import FOLDER
from dbuild.watch.heartbeat import lock_path


class Claim:
    """The lock of a watch."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._path = lock_path(settings)
        self._lock = BuildLock(self._path)
        self._identity: tuple[int, int] | None = None

    @property
    def is_lost(self) -> bool:
        """Whether the file isn't there any more, as where somebody has removed the state folder."""
        return _identity(self._path) != self._identity

    def take(self) -> None:
        """Takes the lock. Raises UsageError where another watch has it, DiskError, UserError where no project is."""
        if not os.path.exists(os.path.join(self._settings.root, self._settings.flow)):
            read_texts(self._settings.file, self._settings.directory, dict(self._settings.params))  # raises
        self._lock_it()

    def renew(self) -> None:
        """Takes a lock that was lost. Raises UsageError where another watch has it, DiskError."""
        self.release()
        if os.path.isdir(self._settings.root):
            self._lock_it()

    def _lock_it(self) -> None:
        folder = os.path.join(self._settings.root, FOLDER)
        try:
            make_folder(folder)
            self._lock.acquire(self._refuse)
        except OSError as error:
            raise DiskError(
                f"the state folder {folder} can't be written: {error.strerror}", hint="dbuild needs to write there"
            ) from None
        self._identity = _identity(self._path)

    def release(self) -> None:
        """Gives the lock back."""
        self._lock.release()

    def _refuse(self, holder: str) -> None:
        if is_held(self._path):  # and not only looked at by --status, in this moment
            named = f" -f {shlex.quote(self._settings.file)}" if self._settings.file != "Dataflowfile" else ""
            raise UsageError(
                f"a watch of this project runs already ({holder})", hint=f"dbuild watch --status{named} shows it"
            )


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
