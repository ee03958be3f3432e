"""Where Python finds modules, and which of these places hold the project's own code.

The project's folder comes first, then what a worker has on its import path. Code that isn't installed by copying it
(editable installs, `PYTHONPATH`, folders that a .pth file names) is the project's: it is edited where it lies. Nothing
of it is run to find it: the interpreter has read the .pth files when it started.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from types import ModuleType

from dbuild.values import dataclass

FOREIGN = ("site-packages", "dist-packages")  # an environment may lie inside the project
_LIBRARY = os.path.dirname(os.path.abspath(os.__file__))
_ARCHIVE = f"python{sys.version_info[0]}{sys.version_info[1]}.zip"
_DBUILD = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_NEAR = 2  # steps up from the project to where a file is still named by the way to it


@dataclass(frozen=True, slots=True)
class CodePath:
    """The places where modules are looked for, in Python's order. All paths are absolute."""

    root: str  # the project's folder, which comes first
    places: tuple[tuple[str, bool], ...]  # folders after it, and whether they hold the project's code
    mapped: tuple[tuple[str, str], ...]  # names of editable modules -> their path without ending or `__init__.py`

    @property
    def own(self) -> tuple[str, ...]:
        """The folders that hold the project's code."""
        return (self.root, *(folder for folder, is_own in self.places if is_own))

    def shown(self, path: str) -> str:
        """The name by which people know a file: from the project on, where it isn't far from it."""
        near = os.path.relpath(path, self.root)
        return path if near.startswith("../" * (_NEAR + 1)) else near

    def is_own(self, path: str) -> bool:
        """Whether an absolute path is of the project's code; dbuild's own and Python's, wherever they lie, are not."""
        folders = (*self.own, *(place for _, place in self.mapped))
        rests = [rest for folder in folders if (rest := _below(path, folder)) is not None]
        is_other = any(_below(path, folder) is not None for folder in (_DBUILD, _LIBRARY))
        return bool(rests) and not is_other and not any(map(_is_foreign, rests))


def code_path(root: str) -> CodePath:
    """The places that a worker of a project has."""
    places = {path: not _is_installed(path) for path in _entries(root)}
    mapped = _mapped()
    known = (*(path for path, is_own in places.items() if is_own), *(path for _, path in mapped))
    for folder in _editable(list(places)) if _has_unknown_finder() else ():
        if not any(_below(place, folder) is not None for place in known):
            source = os.path.join(folder, "src")
            places.setdefault(source if os.path.isdir(source) else folder, True)
    return CodePath(root, tuple((path, is_own) for path, is_own in places.items() if os.path.isdir(path)), mapped)


def code_stamp(root: str) -> str:
    """Identity of the places, but for those that only records of installs tell: without a look at a disk."""
    return repr((_entries(root), _mapped()))


def _entries(root: str) -> tuple[str, ...]:
    """What a worker, of which the working directory is the project, has on its path after that.

    These are the folders of `PYTHONPATH`, then Python's own library and what follows it; no checkout of dbuild.
    """
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    first = next((place for place, path in enumerate(sys.path) if _is_library(path)), 0)
    paths = [os.path.join(root, path) for path in given if path] + [path for path in sys.path[first:] if path]
    left_out = {root} if _is_foreign(_DBUILD) else {root, os.path.dirname(_DBUILD)}
    return tuple(path for path in dict.fromkeys(map(os.path.abspath, paths)) if path not in left_out)


def _is_library(path: str) -> bool:
    return _below(path, _LIBRARY) is not None or os.path.basename(path) == _ARCHIVE


def _is_installed(path: str) -> bool:
    is_python = os.path.basename(path) in ("lib-dynload", _ARCHIVE)
    return is_python or _is_foreign(path) or _is_library(path) or path.endswith((".zip", ".egg", ".whl"))


def _is_foreign(path: str) -> bool:
    return any(part in FOREIGN for part in path.split(os.sep))


def _below(path: str, folder: str) -> str | None:
    """The rest of a path that lies in a folder, or is it; None where it doesn't."""
    if path == folder:
        return ""
    start = folder.rstrip(os.sep) + os.sep
    return path[len(start) :] if path.startswith(start) else None


def _mapped() -> tuple[tuple[str, str], ...]:
    """What finders of editable installs (setuptools, editables, scikit-build-core) were told when Python started."""
    found: dict[str, str] = {}
    for finder in sys.meta_path:
        for held in _held_by(finder):
            texts = {name: path for name, path in held.items() if isinstance(name, str) and isinstance(path, str)}
            found.update((name, _without_ending(path)) for name, path in texts.items() if os.path.isabs(path))
    return tuple(sorted(found.items()))


def _has_unknown_finder() -> bool:
    """Whether modules are found by something that an editable install has brought, and it doesn't say where."""
    return any("editable" in _kind(finder).lower() and not list(_held_by(finder)) for finder in sys.meta_path)


def _kind(finder: object) -> str:
    kind = finder if isinstance(finder, type) else type(finder)
    return f"{kind.__module__}.{kind.__name__}"


def _held_by(finder: object) -> Iterator[dict[object, object]]:
    module = sys.modules.get(getattr(finder, "__module__", ""))
    is_editable = isinstance(module, ModuleType) and "editable" in module.__name__
    own = getattr(finder, "__dict__", {})
    given = [vars(module).get("MAPPING")] if is_editable and module else []
    for held in (*given, own.get("_redirections"), own.get("known_source_files")):
        if isinstance(held, dict):
            yield held


def _without_ending(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__")


def _editable(folders: Iterable[str]) -> Iterator[str]:
    """The folders of distributions that are installed in editable form, by the records of installers."""
    for folder in folders:
        try:
            names = [name for name in os.listdir(folder) if name.endswith(".dist-info") and name[:7] != "dbuild-"]
        except OSError:
            continue
        for name in names:
            found = _origin(os.path.join(folder, name, "direct_url.json"))
            if found:
                yield found


def _origin(record: str) -> str | None:
    try:
        with open(record, "rb") as stream:
            text = stream.read()
    except OSError:
        return None
    import json
    from urllib.parse import unquote, urlsplit

    try:
        said = json.loads(text)
        is_editable = said["dir_info"].get("editable") is True
        return unquote(urlsplit(said["url"]).path) if is_editable and said["url"].startswith("file:") else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
