"""Imports of the project's modules: compiled from the code of the run, whatever their files hold by now.

Where there is no run (`snapshot` is empty), and for what the run's code hasn't got, from the files as they are. Never
from Python's own bytecode files: these are matched by size and whole seconds, so an edit of the same length within a
second would run the old code and be recorded as the new. Leaves everything outside the project, and environments in
it, to Python.
"""

from __future__ import annotations

import importlib.machinery as machinery
import linecache
import os
import sys
from collections.abc import Collection, Iterable
from functools import lru_cache
from importlib.util import decode_source, spec_from_file_location
from types import CodeType, ModuleType
from typing import TYPE_CHECKING

from dbuild.observe.codepath import CodePath, code_path
from dbuild.recipes.snapshot import Snapshot

if TYPE_CHECKING:
    from _typeshed.importlib import PathEntryFinderProtocol

_COMPILED = (machinery.ExtensionFileLoader, machinery.EXTENSION_SUFFIXES)


class _Run:
    """What this process imports from."""

    def __init__(self) -> None:
        self.path: CodePath | None = None  # None: not prepared yet
        self.file = ""
        self.snapshot: Snapshot | None = None
        self.compiled: dict[str, bytes] = {}  # file -> the source that this process imported
        self.others: set[str] = set()  # modules that were there before: of what Python itself runs when it starts

    def source(self, path: str) -> bytes | None:
        return self.snapshot.source(path) if self.snapshot else None


_run = _Run()


class _SourceLoader(machinery.SourceFileLoader):
    """Compiles a module each time; neither reads nor writes bytecode files."""

    def get_data(self, path: str) -> bytes:
        source = _run.source(path)
        return super().get_data(path) if source is None else source

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        source = self.get_data(path)
        code: CodeType = self.source_to_code(source, path)
        _run.compiled[path] = source
        if _run.snapshot and path in _run.snapshot:  # tracebacks show, and `inspect` gives, what runs
            text = decode_source(source)
            linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)
        return code


class _Finder:
    """Finds modules in one folder of the project: those of the run first, then what is there."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._here = machinery.FileFinder(folder, _COMPILED, (_SourceLoader, machinery.SOURCE_SUFFIXES))

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> machinery.ModuleSpec | None:
        found = self._of_run(fullname) if _run.snapshot else None
        return found or self._here.find_spec(fullname, target) or self._folder_of_run(fullname)

    def invalidate_caches(self) -> None:
        self._here.invalidate_caches()

    def _of_run(self, fullname: str) -> machinery.ModuleSpec | None:
        assert _run.snapshot
        inner = os.path.join(self._folder, fullname.rpartition(".")[2])
        for path, folders in ((os.path.join(inner, "__init__.py"), [inner]), (f"{inner}.py", None)):
            if path in _run.snapshot:
                loader = _SourceLoader(fullname, path)
                return spec_from_file_location(fullname, path, loader=loader, submodule_search_locations=folders)
        return None

    def _folder_of_run(self, fullname: str) -> machinery.ModuleSpec | None:
        """A folder without `__init__.py` that has gone since."""
        inner = os.path.join(self._folder, fullname.rpartition(".")[2])
        if not (_run.snapshot and _run.snapshot.has_folder(inner)):
            return None
        spec = machinery.ModuleSpec(fullname, None, is_package=True)
        spec.submodule_search_locations = [inner]
        return spec


class _Mapped:
    """Finds the modules that editable installs know by a list, before their own finder does."""

    @staticmethod
    def find_spec(fullname: str, path: object = None, target: ModuleType | None = None) -> machinery.ModuleSpec | None:
        place = dict(_run.path.mapped).get(fullname) if _run.path else None
        if place is None:
            return None
        folder, last = os.path.split(place)
        found = _Finder(folder).find_spec(last, target)
        if found is None or found.origin is None:
            return found
        places = found.submodule_search_locations
        loader = _SourceLoader(fullname, found.origin) if found.origin.endswith(".py") else found.loader
        return spec_from_file_location(fullname, found.origin, loader=loader, submodule_search_locations=places)


def prepare_imports(root: str, snapshot: str = "", only: Collection[str] | None = None) -> None:
    """Import from the project first: the code of a run (or `only` these files of it), or its files as they are now."""
    if sys.path[:1] != [root]:
        sys.path.insert(0, root)
    if _run.path and (_run.path.root, _run.file) == (root, snapshot):
        return
    _run.file = snapshot
    _run.others = set(sys.modules)
    _run.snapshot = Snapshot(snapshot, only) if snapshot else None
    _run.path = _run.snapshot.path if _run.snapshot else _path_of(root)
    if _hook not in sys.path_hooks:
        sys.path_hooks.insert(0, _hook)
        sys.meta_path.insert(_after_paths(), _Mapped)
    for path in [path for path in sys.path_importer_cache if _run.path.is_own(path)]:
        del sys.path_importer_cache[path]


def path_of(root: str) -> CodePath:
    """Where the modules of a project are looked for, as this process has it."""
    return _run.path if _run.path and _run.path.root == root else _path_of(root)


_path_of = lru_cache(maxsize=8)(code_path)


def imported_source(path: str) -> bytes | None:
    """The source that this process imported a file of the project from, or would; None where only the file tells."""
    known = _run.compiled.get(path)
    return _run.source(path) if known is None else known


def imported_files() -> set[str]:
    """The files whose modules this process has imported as the project's."""
    return set(_run.compiled)


def strays() -> set[str]:
    """Modules of the project that this process has imported from what their files hold by now."""
    assert _run.path
    found = set()
    for name, module in list(sys.modules.items()):
        if name in _run.others:
            continue
        file = str(getattr(module, "__file__", None))
        is_source = file.endswith(".py") and not (_run.snapshot and file in _run.snapshot)
        if is_source and os.path.isabs(file) and _run.path.is_own(file):
            found.add(name)
    return found


def forget_outdated(names: Iterable[str]) -> None:
    """Let modules be imported anew where one of them has changed: what imported it holds on to the old one."""
    known = tuple(names)
    if any(name in sys.modules and not _is_current(sys.modules[name]) for name in known):
        for name in known:
            sys.modules.pop(name, None)


def _is_current(module: ModuleType) -> bool:
    path = getattr(module, "__file__", None)
    if path is None or path not in _run.compiled:  # not from the project: imported before, or built in
        return True
    try:
        with open(path, "rb") as stream:
            return stream.read() == _run.compiled[path]
    except OSError:
        return False


def _after_paths() -> int:
    """The place behind the finder that goes through the import path."""
    finders: list[object] = list(sys.meta_path)
    return finders.index(machinery.PathFinder) + 1 if machinery.PathFinder in finders else len(finders)


def _hook(path: str) -> PathEntryFinderProtocol:
    """A hook of the import system for the folders of the project, also those that have gone since the run began."""
    folder = os.path.abspath(path)
    is_there = os.path.isdir(folder) or (_run.snapshot is not None and _run.snapshot.has_folder(folder))
    if not (is_there and _run.path and _run.path.is_own(folder)):
        raise ImportError(path)
    return _Finder(folder)
