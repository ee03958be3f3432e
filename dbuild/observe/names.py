"""The files in a folder that is looked at for the first time: their names and sizes, up to a bound.

Links to folders are followed, each folder once. What is hidden, or what tools keep for themselves, is left out.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import NamedTuple

MOST = 100_000  # entries that are looked at
_DEPTH = 16
_TOOLS = frozenset(("__pycache__", "node_modules", "site-packages", "venv"))


class Files(NamedTuple):
    """What was found."""

    sizes: dict[str, int]  # by path relative to the folder, sorted
    is_whole: bool  # whether all was looked at
    unread: tuple[str, ...]  # folders that can't be read, sorted
    unnamed: int  # files whose names aren't UTF-8, or have control characters


def list_files(root: str, most: int = MOST) -> Files:
    """The files below a folder, in the order of their paths, folder by folder until there are `most` entries."""
    sizes: dict[str, int] = {}
    counts: Counter[str] = Counter()
    unread: list[str] = []
    seen: set[tuple[int, int]] = set()
    folders = [("", 0)]
    while folders:
        folder, depth = folders.pop()
        entries = _entries(os.path.join(root, folder), most - counts["entries"], seen)
        if entries is None:
            unread.append(_shown(folder) or ".")
            continue
        counts["entries"] += len(entries)
        below = []
        for name, is_folder, size in entries:
            path = f"{folder}/{name}" if folder else name
            if name.startswith(".") or (is_folder and name in _TOOLS):
                continue
            if not name.isprintable() or not _is_utf8(name):
                counts["unnamed"] += 1
            elif is_folder:
                below += [(path, depth + 1)] if depth < _DEPTH else []
            else:
                sizes[path] = size
        folders += reversed(below)
        if counts["entries"] >= most:
            break
    return Files(dict(sorted(sizes.items())), counts["entries"] < most, tuple(sorted(unread)), counts["unnamed"])


def _entries(folder: str, most: int, seen: set[tuple[int, int]]) -> list[tuple[str, bool, int]] | None:
    """Names, whether they are folders, and sizes of what is in a folder; None where it can't be read."""
    try:
        own = os.stat(folder)
        if (own.st_dev, own.st_ino) in seen:
            return []
        seen.add((own.st_dev, own.st_ino))
        found: list[tuple[str, bool, int]] = []
        with os.scandir(folder) as entries:
            for entry in entries:
                if len(found) >= most:
                    break
                if (each := _entry(entry)) is not None:
                    found.append(each)
        return sorted(found)
    except OSError:
        return None


def _entry(entry: os.DirEntry[str]) -> tuple[str, bool, int] | None:
    """A file or folder; None for what is neither, or a link that leads nowhere."""
    try:
        if entry.is_dir():
            is_environment = os.path.exists(os.path.join(entry.path, "pyvenv.cfg"))
            return None if is_environment else (entry.name, True, 0)
        return (entry.name, False, entry.stat().st_size) if entry.is_file() else None
    except OSError:
        return None


def _is_utf8(name: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _shown(folder: str) -> str:
    return folder.encode(errors="backslashreplace").decode()
