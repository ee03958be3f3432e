"""Folders that aren't a project's own, wherever they are: programs, libraries, and places for what doesn't stay."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator
from functools import lru_cache

from dbuild.core.undeclared import is_below, outermost

_SYSTEM = ("/tmp", "/var/tmp", "/dev", "/proc")  # noqa: S108 (nothing is made there)
_LIBRARIES = ("node_modules", "renv", "packrat")  # in a project's folder, beside what has a pyvenv.cfg


@lru_cache(maxsize=16)
def tool_folders(areas: tuple[str, ...]) -> tuple[str, ...]:
    """The folders in these areas with programs and installed libraries: real paths."""
    found = [*_python(), *_on_path(), *(one for area in areas for one in _environments(area))]
    return outermost(one for one in _real(found) if is_below(one, areas) and one not in areas)


@lru_cache(maxsize=1)
def scratch_folders() -> tuple[str, ...]:
    """The folders where what is written is nobody's result: temporary files, devices, caches. Real paths."""
    home = os.path.expanduser("~")
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(home, ".cache")
    found = [tempfile.gettempdir(), *_SYSTEM, cache]
    found += [os.environ.get("XDG_RUNTIME_DIR", "")]
    found += [os.path.join(home, "Library", "Caches")] if sys.platform == "darwin" else []
    return outermost(_real(found))


def areas_of(root: str, folders: Iterable[str]) -> tuple[str, ...]:
    """The project's folder and those of these folders or files that lie elsewhere: real paths, none in another.

    A folder that holds the system, the user's home or programs stands for too much, and is left out.
    """
    home = os.path.realpath(root)
    needed = [*_real([*_python(), "/usr", "/etc", os.path.expanduser("~"), tempfile.gettempdir()])]
    others = [one for one in _real(folders) if not any(is_below(place, [one]) for place in needed)]
    return outermost([home, *others])


def _python() -> Iterator[str]:
    """Where Python and what is installed into it are, and dbuild."""
    yield from (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix)
    yield from (path for name, path in sysconfig.get_paths().items() if name not in ("data", "scripts"))
    yield from site.getsitepackages()
    yield site.getusersitepackages()
    yield os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def _on_path() -> Iterator[str]:
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        if os.path.isabs(folder):
            parent = os.path.dirname(folder)
            yield parent if os.path.exists(os.path.join(parent, "pyvenv.cfg")) else folder


def _environments(area: str) -> Iterator[str]:
    try:
        entries = list(os.scandir(area))
    except OSError:  # an area may be one file
        return
    for entry in entries:
        if entry.name in _LIBRARIES or os.path.exists(os.path.join(entry.path, "pyvenv.cfg")):
            yield entry.path


def _real(paths: Iterable[str]) -> Iterator[str]:
    return (os.path.realpath(path) for path in dict.fromkeys(paths) if path)
