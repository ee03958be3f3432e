"""Where the texts of a project's files come from: the disk, or texts that are given in their place."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence


class Reader:
    """The texts of the files of one project. All paths are relative to its root, with `/` and without detours."""

    def __init__(self, root: str, given: Mapping[str, str] | None = None) -> None:
        """`given` texts are taken for what the files of these paths hold, whatever is on the disk."""
        self._root = root
        self._given = given
        self.taken: dict[str, str] = {}  # what was read, by path
        self.asked: dict[str, None] = {}  # the files that were wanted, read or not, in their order
        self.patterns: dict[str, None] = {}  # those that could match other files at another time

    def text(self, file: str) -> str:
        """The text of a file, its line ends as they are. Raises OSError, UnicodeDecodeError, ValueError."""
        self.asked[file] = None
        if self._given is not None and file in self._given:
            text = self._given[file]
        else:
            with open(os.path.join(self._root, file), "rb") as stream:
                text = stream.read().decode("utf-8-sig")
        self.taken[file] = text
        return text

    def names(self) -> list[str]:
        """The files of the root itself, as far as they can be seen."""
        try:
            with os.scandir(self._root) as entries:
                return [entry.name for entry in entries if entry.is_file()]
        except OSError:
            return []

    def matching(self, pattern: str) -> list[str]:
        """The files that a pattern of `include` names, sorted.

        Where texts are given, a pattern with wildcards finds nothing but them: a file that came since isn't part of
        what they were taken from.
        """
        if "\0" in pattern:
            return []
        has_wildcards = bool(set(pattern) & set("*?["))
        (self.patterns if has_wildcards else self.asked)[pattern] = None
        if self._given is not None:
            parts = os.path.normpath(pattern).split("/")
            found = sorted(file for file in self._given if _matches(parts, file.split("/")))
            if found or has_wildcards:
                return found
        return self._on_disk(pattern)

    def _on_disk(self, pattern: str) -> list[str]:
        from glob import glob  # only projects of several files pay for it

        found = glob(pattern, root_dir=self._root, recursive=True)
        return sorted(os.path.normpath(file) for file in found if os.path.isfile(os.path.join(self._root, file)))


def _matches(pattern: Sequence[str], path: Sequence[str]) -> bool:
    """Whether a path has the form of a pattern, part by part, as `glob` has it."""
    from fnmatch import fnmatchcase

    if not pattern or not path:
        return not path and all(part == "**" for part in pattern)
    if pattern[0] == "**":
        return _matches(pattern[1:], path) or (not path[0].startswith(".") and _matches(pattern, path[1:]))
    is_hidden = path[0].startswith(".") and not pattern[0].startswith(".")
    return not is_hidden and fnmatchcase(path[0], pattern[0]) and _matches(pattern[1:], path[1:])
