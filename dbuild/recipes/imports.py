"""Imports of the project's modules: always compiled from the source that is there now.

Python's own bytecode files are matched by size and whole seconds, so an edit of the same length within a second would
run the old code and be recorded as the new. Leaves everything outside the project, and environments in it, to Python.
"""

from __future__ import annotations

import importlib.machinery as machinery
import os
import sys
from collections.abc import Callable, Iterable
from types import CodeType, ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.importlib import PathEntryFinderProtocol

FOREIGN = ("site-packages", "dist-packages")  # an environment may lie inside the project
_hooked: set[str] = set()
_compiled: dict[str, bytes] = {}  # file -> the source that this process imported


class _SourceLoader(machinery.SourceFileLoader):
    """Compiles a module each time; neither reads nor writes bytecode files."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        source = self.get_data(path)
        code: CodeType = self.source_to_code(source, path)
        _compiled[path] = source
        return code


def is_project_file(path: str, root: str) -> bool:
    """Whether an absolute path is the project's own: below its root, and not in an installed package."""
    parts = os.path.relpath(path, root).split(os.sep)
    return parts[0] != ".." and not any(foreign in parts for foreign in FOREIGN)


def prepare_imports(root: str) -> None:
    """Import from the project first, and see its files as they are now."""
    if sys.path[:1] != [root]:
        sys.path.insert(0, root)
    if root not in _hooked:
        _hooked.add(root)
        sys.path_hooks.insert(0, _hook(root))
        for path in [path for path in sys.path_importer_cache if is_project_file(path, root)]:
            del sys.path_importer_cache[path]


def outdated(names: Iterable[str]) -> list[str]:
    """Those of the modules that this process imported from other source than their files have now."""
    return [name for name in names if name in sys.modules and not _is_current(sys.modules[name])]


def imported_source(name: str) -> bytes | None:
    """The source that this process imported a module of the project from; None where it hasn't."""
    return _compiled.get(getattr(sys.modules.get(name), "__file__", None) or "")


def forget_outdated(names: Iterable[str]) -> None:
    """Let modules be imported anew where one of them has changed: what imported it holds on to the old one."""
    known = tuple(names)
    if outdated(known):
        for name in known:
            sys.modules.pop(name, None)


def _is_current(module: ModuleType) -> bool:
    path = getattr(module, "__file__", None)
    if path is None or path not in _compiled:  # not from the project: imported before, or built in
        return True
    try:
        with open(path, "rb") as stream:
            return stream.read() == _compiled[path]
    except OSError:
        return False


def _hook(root: str) -> Callable[[str], PathEntryFinderProtocol]:
    finder = machinery.FileFinder.path_hook(
        (machinery.ExtensionFileLoader, machinery.EXTENSION_SUFFIXES), (_SourceLoader, machinery.SOURCE_SUFFIXES)
    )

    def find(path: str) -> PathEntryFinderProtocol:
        if not is_project_file(os.path.abspath(path), root):
            raise ImportError(path)
        return finder(path)

    return find
