"""Folders that stand where an output goes: what dbuild made goes, what it doesn't know is kept aside."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Collection, Iterator

from dbuild.core.trace import OutputRecord, unpack_outputs
from dbuild.errors import UserError
from dbuild.state.store import FOLDER, State

REPLACED = f"{FOLDER}/replaced"


class Strangers:
    """Makes way for the outputs of one run, and loses no file that no build has made."""

    def __init__(self, root: str, state: State, run: int) -> None:
        self._root = root
        self._state = state
        self._run = run
        self._made: set[str] | None = None
        self._count = 0

    def make_way(self, path: str, names: Collection[str], before: Collection[OutputRecord]) -> str | None:
        """Sees to a folder at an output's path (relative to the project; a folder's ends with a slash).

        A folder that dbuild made stays for a folder, which takes its place, and goes for a file. One that holds files
        which are neither dbuild's nor among `names`, those of the new folder, is moved into the state's folder; the
        answer says where it is. `before` has the partition's outputs of its last build. Raises OSError, and UserError
        where it can't be moved.
        """
        bare = path.rstrip("/")
        whole = bare if bare[:1] == "/" else f"{self._root}/{bare}"
        if not _is_folder(whole):
            return None
        folder, is_folder = f"{path.rstrip('/')}/", path.endswith("/")
        if any(output.path == folder for output in before) or not self._has_strangers(whole, names, folder):
            if not is_folder:
                shutil.rmtree(whole)
            return None
        return self._move_aside(whole, folder)

    def _has_strangers(self, whole: str, names: Collection[str], folder: str) -> bool:
        return any(name not in names for name in _files(whole)) and folder not in self._known()

    def _known(self) -> set[str]:
        """The folders that builds have made, for whichever target."""
        if self._made is None:
            packed = (text for name in self._state.targets() for text in self._state.outputs(name).values())
            self._made = {output.path for text in packed for output in unpack_outputs(text)}
            self._made |= {orphan.path for orphan in self._state.leftovers.orphans()}
        return self._made

    def _move_aside(self, whole: str, folder: str) -> str:
        self._count += 1
        place = f"{REPLACED}/{self._run}-{self._count}-{os.path.basename(whole)[-100:]}/"
        try:
            os.makedirs(os.path.join(self._root, REPLACED), mode=0o700, exist_ok=True)
            os.rename(whole, os.path.join(self._root, place.rstrip("/")))
        except OSError as error:
            raise UserError(
                f"{folder} holds files that dbuild didn't make, and can't be moved to {place}: {error.strerror}",
                hint="move it away, or give the output another path",
            ) from None
        return f"{folder} held files that dbuild didn't make: it is kept as {place}"


def _is_folder(path: str) -> bool:
    """Whether a folder is there, and no link to one."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def _files(folder: str) -> Iterator[str]:
    """The paths of all that a folder and those in it hold, links and the like too, but folders."""
    for where, folders, names in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(where, name))]
        yield from (os.path.relpath(os.path.join(where, name), folder) for name in (*names, *links))
