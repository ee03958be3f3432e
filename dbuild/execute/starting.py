"""Processes of dbuild's own: they run the very code that starts them, also where another dbuild is installed."""

from __future__ import annotations

import os
import sys

# What lies beside the package comes last on the path, where it would hide modules of Python's; only the package itself
# is looked for there first. What that imports is imported before.
_START = (
    "import sys, typing; place, name = sys.argv[1:3]; del sys.argv[1:3]; sys.path.insert(0, place); import dbuild; "
    "del sys.path[0]; sys.path.append(place); __import__(name); sys.exit(sys.modules[name].main())"
)
_PLACE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def words_to_start(module: str) -> list[str]:
    """The command that calls `main` of a module of dbuild in a process of its own, without arguments for it.

    The folder that it runs in isn't on its path: calendar.py there is no module of Python's.
    """
    return [sys.executable, "-P", "-c", _START, _PLACE, module]
