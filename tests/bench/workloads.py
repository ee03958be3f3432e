"""What a workload is: its sources, the jobs that are to be done, its recipes in the words of each kind of tool.

Jobs are neutral: who makes what of what. From them a project is written for each tool (`rivals`), with explicit rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

SEED = 20130101


@dataclass(frozen=True, slots=True)
class Edit:
    """How far a project's recipes have been edited: the widest in its white space, the last in what it makes."""

    blanks: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True)
class Job:
    """One file that a recipe makes."""

    recipe: str
    inputs: tuple[str, ...]  # paths below the project's folder, as the output
    output: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe as tools know it that have one rule for many files."""

    output: str  # the pattern of its outputs, with names in braces
    shell: Callable[[Edit], str] | None = None  # with {inputs} and {output}; None: its Python function, started anew


@dataclass(frozen=True, slots=True)
class Workload:
    """One workload of one size."""

    name: str
    size: str
    files: int  # that it makes
    make_sources: Callable[[Path], None]
    dataflow: Callable[[Edit], dict[str, str]]  # dbuild's files
    changed: Callable[[Path, int], None]  # gives one source another content, another one each time
    touched: str  # the source that gets a newer mtime
    is_right: Callable[[Path, Edit], bool]  # whether the last output is what the sources make
    last: str = ""  # the last output
    jobs: Callable[[], Iterable[Job]] = tuple  # none: only dbuild has this one
    recipes: dict[str, Recipe] | None = None
    python: Callable[[Edit], str] = lambda edit: ""  # a module with each recipe as a function of (inputs, output)
    forms: dict[str, Callable[[Edit], dict[str, str]]] = field(default_factory=dict)  # its files with other recipes
    sqlmesh: Callable[[Edit], dict[str, str]] | None = None  # files of a SQLMesh project


def write_files(folder: Path, files: dict[str, str]) -> None:
    """Writes files that differ from what is there."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
