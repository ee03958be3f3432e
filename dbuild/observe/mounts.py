"""Which file systems tell of all changes: those of this machine, not those that others write to."""

from __future__ import annotations

import os
import re

# A change made elsewhere (NFS, SMB, FUSE, shared folders of a virtual machine) reaches no queue here.
_OWN = frozenset("ext2 ext3 ext4 xfs btrfs bcachefs f2fs jfs reiserfs zfs tmpfs ramfs overlay".split())  # noqa: SIM905
_TABLE = "/proc/self/mountinfo"


def is_own(path: str) -> bool:
    """Whether this machine alone writes to the file system that a path is on; False where that isn't known."""
    try:
        with open(_TABLE, encoding="utf-8", errors="surrogateescape") as table:
            return kind_of(os.path.realpath(path), table.read()) in _OWN
    except OSError:
        return False


def kind_of(path: str, table: str) -> str | None:
    """The type of the file system of a real path, by a table of mounts (as of Linux's /proc/self/mountinfo)."""
    best, kind = "", None
    for line in table.splitlines():
        head, _, tail = line.partition(" - ")
        fields = head.split(" ")
        if len(fields) < 5 or not tail:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), fields[4])  # blanks, tabs, backslashes
        inside = point == "/" or path == point or path.startswith(f"{point}/")
        if inside and len(point) >= len(best):  # a later mount hides an earlier one at the same place
            best, kind = point, tail.split(" ")[0]
    return kind
