"""The folders in which Python finds installed packages, and what tells that one of these came, went or changed."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection

from dbuild.observe.digests import digest_bytes

_FORM = 1  # of what is kept of packages
_ENDINGS = (".dist-info", ".egg-info", ".egg-link")


def folders(root: str) -> tuple[str, ...]:
    """The folders of the import path that may hold distributions: not the project's own, nor where Python was started.

    These are full of files that come and go, and what they hold is the project's code.
    """
    own = {os.path.realpath(root), os.path.realpath(os.getcwd())}
    paths = (os.path.abspath(path) for path in sys.path if path)
    return tuple(dict.fromkeys(path for path in paths if os.path.realpath(path) not in own))


def folders_stamp(root: str) -> str:
    """What differs when a distribution was installed, upgraded or removed, at the cost of a stat for each folder."""
    found = []
    for folder in folders(root):
        try:
            stat = os.stat(folder)
        except OSError:
            continue
        found.append(f"{folder} {stat.st_mtime_ns} {stat.st_ino}")
    return "\n".join(found)


def package_folders(root: str) -> tuple[str, ...]:
    """Those of the folders that do hold distributions."""
    return tuple(folder for folder in folders(root) if any(name.endswith(_ENDINGS) for name in _entries(folder)))


def packages_witness(root: str) -> bytes:
    """Identity of which distributions are installed in which versions: a stat for each, none of them is read."""
    installed = (
        f"{folder}/{name}" for folder in folders(root) for name in sorted(_entries(folder)) if name.endswith(_ENDINGS)
    )
    text = "\n".join((f"{_FORM} {sys.version}", *map(_stamped, installed)))
    return digest_bytes(text.encode("utf-8", "surrogateescape"))


def _stamped(path: str) -> str:
    try:
        stat = os.stat(path)
    except OSError:  # removed since it was listed
        return path
    return f"{path} {stat.st_mtime_ns} {stat.st_ino}"


def _entries(folder: str) -> Collection[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return ()
