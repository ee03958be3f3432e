"""Small projects in one text, and edits of them that count as a change of the recipe `m:f`, or don't."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from dbuild.recipes.reach import reach_of
from dbuild.recipes.reached import Reach
from dbuild.recipes.sources import Sources

YES, NO = True, False


@dataclass(frozen=True)
class Edit:
    """A project, written as one text with `# file` before each module, and one change of it."""

    name: str
    project: str
    old: str
    new: str
    counts: bool

    def __str__(self) -> str:
        return f"{self.name}: {self.old!r} -> {self.new!r}"

    def is_noticed(self, folder: Path) -> bool:
        """Whether the recipe is another after it."""
        assert self.old in self.project
        before = found(folder / "before", self.project)
        after = found(folder / "after", self.project.replace(self.old, self.new, 1))
        return before.fingerprint("m:f") != after.fingerprint("m:f")


def edits(name: str, project: str, *changes: tuple[str, str, bool]) -> list[Edit]:
    """Several edits of one project: what becomes what, and whether that counts."""
    return [Edit(name, project.strip("\n") + "\n", old, new, counts) for old, new, counts in changes]


def write(root: Path, project: str) -> None:
    """Writes the files of a project."""
    for file, text in re.findall(r"^# (\S+\.py)\n(.*?)(?=^# \S+\.py$|\Z)", project, re.DOTALL | re.MULTILINE):
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def found(root: Path, project: str) -> Reach:
    """What the recipe `m:f` of a project reaches, once it is written."""
    root.mkdir(exist_ok=True)
    write(root, project)
    return reach_of(Sources(str(root)), "m", "f")
