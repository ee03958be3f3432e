"""What a function of a project's files can reach, found by reading them."""

from __future__ import annotations

import os
from collections.abc import Callable

from dbuild.errors import UserError
from dbuild.recipes.closure import Module, find_closure, locate, parse_module, read_module
from dbuild.recipes.reached import Reach
from dbuild.recipes.search import find_reach


def reach_of(root: str, module: str, function: str, held: Callable[[str], bytes | None] | None = None) -> Reach:
    """What a function of a project's module reaches; modules that can't be read or parsed are as if they weren't there.

    `held` gives the source of a module that is to be taken in place of its file's. dbuild is no project code, also
    where the project is the directory that dbuild itself lies in.
    """
    tops: dict[str, bool] = {"dbuild": False, "": False}

    def read(name: str) -> Module | None:
        top = name.partition(".")[0]
        if top not in tops:
            tops[top] = os.path.isdir(os.path.join(root, top)) or os.path.isfile(os.path.join(root, f"{top}.py"))
        file = locate(root, name) if tops[top] else None
        source = held(name) if file and held else None
        try:
            if file and source is not None:
                return parse_module(name, file, source)
            return read_module(root, name, file) if file else None
        except UserError:
            return None

    return find_reach(read, lambda: find_closure(root, module), module, function)
