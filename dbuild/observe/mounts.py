"""Which file systems tell of all changes: those of this machine, not those that others write to."""

from __future__ import annotations

import os
import re

# A change made elsewhere (NFS, SMB, FUSE, shared folders of a virtual machine) reaches no queue here.
_OWN = frozenset("ext2 ext3 ext4 xfs btrfs bcachefs f2fs jfs reiserfs zfs tmpfs ramfs overlay".split())  # noqa: SIM905
_TABLE = "/proc/self/mountinfo"


def read_table() -> str:
    """The mounts as this process sees them; nothing where that isn't known."""
    try:
        with open(_TABLE, encoding="utf-8", errors="surrogateescape") as table:
            return table.read()
    except OSError:
        return ""


def is_own(path: str) -> bool:
    """Whether this machine alone writes to the file system that a path is on; False where that isn't known."""
    return kind_of(os.path.realpath(path), read_table()) in _OWN


def mounts_below(path: str, table: str) -> tuple[str, ...]:
    """What is mounted at a real path or below it, each as its line of a table."""
    below = path.rstrip("/") + "/"
    return tuple(line for line in table.splitlines() if f"{_point(line)}/".startswith(below))


def kind_of(path: str, table: str) -> str | None:
    """The type of the file system of a real path, by a table of mounts (as of Linux's /proc/self/mountinfo)."""
    best, kind = "", None
    for line in table.splitlines():
        _, _, tail = line.partition(" - ")
        point = _point(line)
        if not point or not tail:
            continue
        inside = point == "/" or path == point or path.startswith(f"{point}/")
        if inside and len(point) >= len(best):  # a later mount hides an earlier one at the same place
            best, kind = point, tail.split(" ")[0]
    return kind


def _point(line: str) -> str:
    """Where a line says that something is mounted."""
    fields = line.partition(" - ")[0].split(" ")
    if len(fields) < 5:
        return ""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), fields[4])  # blanks, tabs, backslashes
