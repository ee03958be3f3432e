"""Taking outputs away: what is there is compared with what was recorded, and nothing is followed out of the project."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from collections.abc import Mapping as MappingOf

from dbuild.errors import UserError
from dbuild.execute.publish import discard
from dbuild.observe.digests import digest_of_folder, files_below, hash_file
from dbuild.observe.listing import TEMPORARY, stat_file
from dbuild.observe.machine import boot_identity
from dbuild.state.files import FileRow
from dbuild.state.store import FOLDER
from dbuild.values import dataclass

CHANGED = "it was changed since dbuild made it"


@dataclass(frozen=True, slots=True)
class Content:
    """What is at an output's path."""

    digest: bytes
    bytes: int
    names: tuple[str, ...] = ()  # of a folder: the files in it


def refusal(root: str, path: str) -> str | None:
    """Why a path that the state names is not touched, whatever is there; None where it may be."""
    parts = path.rstrip("/").split("/")
    if {"", ".", ".."}.intersection(parts):
        return "its path leads out of the project"
    project = os.path.realpath(root)
    folder = os.path.realpath(os.path.join(project, *parts[:-1]))
    if os.path.commonpath([project, folder]) != project:
        return "a symbolic link leads out of the project to it"
    if FOLDER in (parts[0], os.path.relpath(folder, project).split("/")[0]):
        return "it lies among dbuild's own files"
    return None


def look_at(root: str, path: str, rows: MappingOf[str, FileRow]) -> Content | None:
    """What is at a path; None where nothing is. `rows` are known digests, by path.

    Raises UserError for what is no output any more: a folder in the place of a file, a broken link, what can't be read.
    """
    whole = os.path.join(root, path.rstrip("/"))
    if not os.path.lexists(whole):
        return None
    if not path.endswith("/"):
        digest, size = _look_at_file(root, path, rows)
        return Content(digest, os.lstat(whole).st_size if os.path.islink(whole) else size)
    if not os.path.isdir(whole):
        raise UserError(CHANGED)
    pairs, total = [], 0
    for name in files_below(whole):
        digest, size = _look_at_file(root, path + name, rows)
        pairs.append((name, digest))
        total += size
    return Content(digest_of_folder(pairs), total, tuple(name for name, _ in pairs))


def _look_at_file(root: str, path: str, rows: MappingOf[str, FileRow]) -> tuple[bytes, int]:
    stat = stat_file(os.path.join(root, path))
    if stat is None:
        raise UserError(CHANGED)
    row = rows.get(path)
    if row is not None and row.stat == stat and not row.is_racy and row.boot == boot_identity():
        return row.digest, stat.size
    digest, stat = hash_file(os.path.join(root, path))
    return digest, stat.size


def remove(root: str, path: str, names: tuple[str, ...]) -> None:
    """Removes an output: of a link only the link, of a folder what had these names.

    Raises OSError where it can't be removed, UserError where a folder has got other files meanwhile.
    """
    whole = os.path.join(root, path.rstrip("/"))
    if not path.endswith("/") or os.path.islink(whole):
        os.unlink(whole)
        return
    # Under the name of an unfinished output it is swept by a later build if this one is killed half-way.
    aside = os.path.join(os.path.dirname(whole), f"{TEMPORARY}clean-{os.path.basename(whole)[-100:]}")
    discard(aside)
    os.rename(whole, aside)
    if tuple(files_below(aside)) != names:
        os.rename(aside, whole)
        raise UserError(CHANGED)
    shutil.rmtree(aside)


def prune(root: str, paths: Iterable[str], keeps: Iterable[str]) -> None:
    """Removes the folders that held these paths, and those above, where they are empty now.

    The project's own folder stays, and so do `keeps` with all that is above them.
    """
    kept = {""}
    for keep in keeps:
        while keep:
            kept.add(keep)
            keep = os.path.dirname(keep)
    for folder in sorted({os.path.dirname(path.rstrip("/")) for path in paths}, key=len, reverse=True):
        while folder not in kept:
            try:
                os.rmdir(os.path.join(root, folder))
            except OSError:  # not empty, a link, or not ours to remove
                break
            folder = os.path.dirname(folder)
