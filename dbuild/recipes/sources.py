"""The modules of a project as its files have them: each looked for, read and parsed at most once.

Finds them as Python's own importer would: by the names in the folders of the import path, regular packages before
compiled modules before modules, folders without `__init__.py` where there is nothing better. Runs nothing.
"""

from __future__ import annotations

import importlib.machinery as machinery
import os
import sys
from collections.abc import Callable, Iterable, Iterator

from dbuild.errors import Place, UserError
from dbuild.observe.codepath import CodePath, code_path
from dbuild.observe.digests import digest_bytes
from dbuild.recipes.closure import Module, lineage, parse_module
from dbuild.values import dataclass

_COMPILED = tuple(machinery.EXTENSION_SUFFIXES)
_DEEPEST = 3  # folders below the project's that are searched for modules which are nowhere on the path
_MOST = 500  # of these folders, that a project full of data isn't gone through


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a name of the project leads."""

    path: str | None  # its file; None of a folder without `__init__.py`
    folders: tuple[str, ...]  # in which the modules below it are


class Sources:
    """What the files of one project hold while this object lives.

    `held` gives the source of a file, by its absolute path, that is to be taken in place of what the file has now.
    """

    def __init__(
        self, root: str, path: CodePath | None = None, held: Callable[[str], bytes | None] | None = None
    ) -> None:
        self.root = root
        self.path = path or code_path(root)
        self._held = held or (lambda path: None)
        self._listed: dict[str, dict[str, bool]] = {}
        self._spots: dict[str, Spot | None] = {}
        self._tops: frozenset[str] | None = None
        self._aisles: tuple[str, ...] | None = None
        self._sources: dict[str, bytes | None] = {}
        self._digests: dict[str, bytes] = {}
        self._identities: dict[str, bytes] = {}
        self._modules: dict[tuple[str, str | None], Module | UserError | None] = {}

    # -- looking for ---------------------------------------------------------------------------------------------------

    def spot(self, name: str) -> Spot | None:
        """Where a module or package of the project lies; None of a name that isn't the project's. dbuild is none."""
        if name not in self._spots:
            parent, _, last = name.rpartition(".")
            if parent:
                above = self.spot(parent)
                found = self._in_folders(above.folders, last) if above else None
            else:
                found = self._at_top(name) if name and name != "dbuild" else None
            self._spots[name] = found or self._mapped(name) or (None if parent else self._aside(name))
        return self._spots[name]

    def locate(self, name: str) -> str | None:
        """The file of a module, as people know it; None where the project has none."""
        found = self.spot(name)
        return self.path.shown(found.path) if found and found.path else None

    def below(self, name: str) -> Iterator[str]:
        """The names of all modules that lie in a package, or ("") in the project's folder, at any depth.

        A folder without any module in it is passed over, with what lies below it.
        """
        waiting = [name]
        while waiting:
            package = waiting.pop()
            spot = self.spot(package) if package else Spot(None, (self.root,))
            for folder in spot.folders if spot else ():
                for entry, is_folder in sorted(self._names(folder).items()):
                    stem = entry if is_folder else entry.removesuffix(".py")
                    if stem.isidentifier() and stem != "__init__" and (is_folder or stem != entry):
                        inner = f"{package}.{stem}" if package else stem
                        if is_folder and not self._has_code(os.path.join(folder, entry)):
                            continue
                        if self.locate(inner):
                            yield inner
                        if is_folder:
                            waiting.append(inner)

    def folders_of(self, names: Iterable[str]) -> tuple[str, ...]:
        """The folders, as people know them, in which a new module could change what imports of these names mean."""
        packages = dict.fromkeys(part for name in names for part in lineage(name))
        spots = [spot for spot in map(self.spot, packages) if spot]
        aside = (os.path.dirname(spot.path) for spot in spots if spot.path and not spot.folders)
        inner = (folder for spot in spots for folder in (*spot.folders, *aside))
        return tuple(dict.fromkeys(self._shown(folder) for folder in (*self.path.own, *inner)))

    def _shown(self, folder: str) -> str:
        return "" if folder == self.root else self.path.shown(folder)

    def _at_top(self, name: str) -> Spot | None:
        portions: list[str] = []
        for folder, is_own in ((self.root, True), *self.path.places):
            if not is_own:
                if self._has_foreign(folder, name):
                    return None
                continue
            found = self._in_folders((folder,), name)
            if found and found.path:
                return found
            portions.extend(found.folders if found else ())
        return Spot(None, tuple(portions)) if portions else None

    def _in_folders(self, folders: Iterable[str], name: str) -> Spot | None:
        portions: list[str] = []
        for folder in folders:
            names = self._names(folder)
            inner = os.path.join(folder, name)
            if names.get(name):
                if "__init__.py" in self._names(inner):
                    return Spot(os.path.join(inner, "__init__.py"), (inner,))
                portions.append(inner)
            compiled = next((f"{inner}{ending}" for ending in _COMPILED if f"{name}{ending}" in names), None)
            if compiled:
                return Spot(compiled, ())
            if names.get(f"{name}.py") is False:
                return Spot(f"{inner}.py", ())
        return Spot(None, tuple(portions)) if portions else None

    def _mapped(self, name: str) -> Spot | None:
        for given, place in self.path.mapped:
            if given == name:
                folder, last = os.path.split(place)
                return self._in_folders((folder,), last)
            if given.startswith(f"{name}."):
                return Spot(None, ())  # a folder that only the finder knows
        return None

    def _aside(self, name: str) -> Spot | None:
        """A module that isn't where Python looks, but in a folder of the project: code may put that on the path."""
        if not name.isidentifier() or name in sys.stdlib_module_names or name in ("dbuild", *self._installed()):
            return None
        found = (self._in_folders((folder,), name) for folder in self._inner())
        return next((spot for spot in found if spot and spot.path), None)

    def _installed(self) -> frozenset[str]:
        """What is installed at the top, in any form."""
        if self._tops is None:
            folders = [folder for folder, is_own in self.path.places if not is_own]
            names = (name for folder in folders for name in self._names(folder))
            self._tops = frozenset(name.partition(".")[0] for name in names)
        return self._tops

    def _inner(self) -> tuple[str, ...]:
        """The folders below the project's that may hold code, those nearest to it first."""
        if self._aisles is None:
            found: list[str] = []
            level = [self.root]
            for _ in range(_DEEPEST):
                inner = [
                    os.path.join(folder, name)
                    for folder in level
                    for name, is_in in self._names(folder).items()
                    if is_in
                ]
                level = sorted(path for path in inner if self._is_code(path))[: _MOST - len(found)]
                found.extend(level)
            self._aisles = tuple(found)
        return self._aisles

    def _is_code(self, folder: str) -> bool:
        return self.path.is_own(folder) and "pyvenv.cfg" not in self._names(folder)

    def _has_foreign(self, folder: str, name: str) -> bool:
        names = self._names(folder)
        if names.get(name):
            return "__init__.py" in self._names(os.path.join(folder, name))
        return f"{name}.py" in names or any(f"{name}{ending}" in names for ending in _COMPILED)

    def _has_code(self, folder: str) -> bool:
        names = self._names(folder)
        return "pyvenv.cfg" not in names and any(name.endswith(".py") for name in names)

    def _names(self, folder: str) -> dict[str, bool]:
        """What could be a module in a folder: names, and whether each is a folder itself."""
        if folder not in self._listed:
            found: dict[str, bool] = {}
            try:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        if "." not in entry.name:
                            found[entry.name] = entry.is_dir()
                        elif entry.name.endswith((".py", ".cfg", *_COMPILED)):
                            found[entry.name] = not entry.is_file()
            except OSError:
                pass
            self._listed[folder] = found
        return self._listed[folder]

    # -- reading -------------------------------------------------------------------------------------------------------

    def source(self, file: str) -> bytes | None:
        """What a file holds, by its absolute path or as people know it; None where it can't be read."""
        path = self.absolute(file)
        if path not in self._sources:
            source = self._held(path)
            if source is None:
                try:
                    with open(path, "rb") as stream:
                        source = stream.read()
                except OSError:
                    pass
            self._sources[path] = source
        return self._sources[path]

    def absolute(self, file: str) -> str:
        """The absolute path of a file, by the name by which people know it."""
        return os.path.normpath(os.path.join(self.root, file))

    def digest(self, file: str) -> bytes:
        """Identity of what a file holds."""
        if file not in self._digests:
            source = self.source(file)
            self._digests[file] = b"absent" if source is None else digest_bytes(source)
        return self._digests[file]

    def witness(self, files: Iterable[str], folders: Iterable[str]) -> str:
        """Identity of what some files hold, and of the names of modules in some folders."""
        parts = [self._identity(folder) for folder in folders]
        return digest_bytes(b"\0".join((*parts, *map(self.digest, files)))).hex()

    def _identity(self, folder: str) -> bytes:
        if folder not in self._identities:
            names = self._names(self.absolute(folder))
            self._identities[folder] = "\n".join((folder, *sorted(names))).encode("utf-8", "surrogateescape")
        return self._identities[folder]

    def module(self, name: str) -> Module | None:
        """A module; None where the project has none. Raises UserError where it can't be read or parsed."""
        return self._module(name, self.locate(name))

    def former(self, name: str) -> Module | None:
        """A module where versions up to 0.2 would have found it: below the project's folder alone. As `module`."""
        *folders, last = name.split(".")
        above = os.path.join(self.root, *folders)
        found = ((os.path.join(above, last), "__init__.py"), (above, f"{last}.py"))
        if name.partition(".")[0] == "dbuild":
            return None
        paths = (os.path.join(folder, file) for folder, file in found if self._names(folder).get(file) is False)
        path = next(paths, None)
        return self._module(name, self.path.shown(path) if path else None)

    def _module(self, name: str, file: str | None) -> Module | None:
        if (name, file) not in self._modules:
            try:
                self._modules[name, file] = self._read(name, file) if file else None
            except UserError as problem:
                self._modules[name, file] = problem
        found = self._modules[name, file]
        if isinstance(found, UserError):
            raise found
        return found

    def _read(self, name: str, file: str) -> Module:
        source = self.source(file)
        if source is None:
            raise UserError(f"the module {name} can't be read", Place(file))
        if file.endswith(_COMPILED):  # whatever it holds, it counts as soon as it is imported
            source = f"__getattr__ = print({digest_bytes(source).hex()!r})".encode()
        return parse_module(name, file, source)
