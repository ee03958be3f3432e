"""What a recipe touched that its target doesn't declare, and what it declares and never opened. By paths alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from dbuild.core.task import Sight
from dbuild.values import dataclass

_CACHE = "__pycache__"


@dataclass(frozen=True, slots=True)
class Declared:
    """What one task may touch. All paths are absolute, and the real ones: they lead through no link."""

    areas: tuple[str, ...]  # folders whose files have to be declared: the project, and those of datasets outside it
    inputs: Mapping[str, str]  # files, and folders with all that is in them -> the name of the input
    code: Collection[str]  # files that count as its recipe
    outputs: tuple[str, ...]  # files and folders that it is to write
    aside: tuple[str, ...]  # folders in the areas that aren't the project's own: dbuild's, programs, libraries
    scratch: tuple[str, ...]  # folders outside the areas in which anything may be written


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of one task."""

    undeclared: tuple[Sight, ...]  # in the order of their paths
    opened: frozenset[str]  # the inputs of which something was opened


def judge(declared: Declared, sights: Collection[Sight]) -> Judged:
    """What of that is declared nowhere, and which inputs were opened.

    Reading counts in the areas alone, writing everywhere. What a task wrote itself it may read and remove.
    """
    written = {sight.path for sight in sights if sight.kind in ("write", "change")}
    undeclared, opened = [], set()
    for sight in sights:
        name = owner_of(sight.path, declared.inputs)
        if name is not None and sight.kind in ("read", "list", "change"):
            opened.add(name)
        if not _is_declared(declared, sight, written, name):
            undeclared.append(sight)
    return Judged(tuple(sorted(undeclared, key=lambda sight: (sight.path, sight.kind))), frozenset(opened))


def _is_declared(declared: Declared, sight: Sight, written: Collection[str], name: str | None) -> bool:
    kind, path = sight
    if is_below(path, declared.outputs):
        return True
    if not is_below(path, declared.areas):
        return kind in ("read", "list") or is_below(path, declared.scratch) or _is_cache(path)
    if is_below(path, declared.aside) or _is_cache(path):
        return True
    if kind in ("read", "list"):
        return path in written or name is not None or path in declared.code
    return kind == "remove" and path in written


def _is_cache(path: str) -> bool:
    return f"/{_CACHE}/" in path or path.endswith(f"/{_CACHE}")


def is_below(path: str, folders: Iterable[str]) -> bool:
    """Whether a path is one of these, or lies in one."""
    return any(path == folder or path.startswith(f"{folder.rstrip('/')}/") for folder in folders)


def owner_of(path: str, inputs: Mapping[str, str]) -> str | None:
    """The input that a path is a file of, or lies in."""
    while path not in inputs:
        path, slash, _ = path.rpartition("/")
        if not path or not slash:
            return None
    return inputs[path]


def outermost(folders: Iterable[str]) -> tuple[str, ...]:
    """These folders without those that lie in others of them."""
    found: list[str] = []
    for folder in sorted(set(folders)):
        if not is_below(folder, found):
            found.append(folder)
    return tuple(found)


def ancestors(path: str) -> Iterator[str]:
    """The folders that an absolute path lies in, from its own one to the first."""
    while path != "/":
        path = path.rpartition("/")[0] or "/"
        yield path
