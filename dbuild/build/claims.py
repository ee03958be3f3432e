"""Who else has a path: sources, the project's own files, other partitions, other Dataflowfiles in the same folder."""

from __future__ import annotations

import os
import re
from bisect import bisect_left
from collections.abc import Iterator
from itertools import islice, takewhile

from dbuild.build.looks import Looked
from dbuild.core.model import SqlRecipe
from dbuild.core.pieces import Field, Literal, parse_pattern
from dbuild.core.trace import unpack_outputs
from dbuild.errors import UserError
from dbuild.state.store import State

Holder = tuple[str, str]  # target and joined key


class Claims:
    """The claims on paths in a project. A path that ends with a slash stands for all that is below it."""

    def __init__(self, looked: Looked, state: State) -> None:
        self._root = looked.world.survey.root
        self._flow = state.flow
        self._holders: dict[str, set[Holder]] = {}
        self._foreign: dict[str, str] = {}  # path -> the other Dataflowfile whose build made it
        locations = looked.world.survey.locations
        self._sources = {name: locations[name][0].pattern for name in looked.flow.project.sources}
        self._files = _own_files(looked)
        self._patterns = list(self._foreign_patterns(state))
        for flow, _, packed in state.leftovers.others():
            if self._is_alive(flow):
                self._foreign.update((output.path, flow) for output in unpack_outputs(packed))
        self._sorted: list[str] | None = None

    def hold(self, target: str, key: str, path: str) -> None:
        """Takes note of a path at which a partition is made."""
        self._holders.setdefault(path, set()).add((target, key))
        self._sorted = None

    def on_source(self, path: str, names: tuple[str, ...]) -> str | None:
        """Why a path, or a file of these names below it, is no output but something that is read; None if it isn't."""
        for file in [path + name for name in names] or [path]:
            if file in self._files:
                return "it is a file of the project"
            for name, pattern in self._sources.items():
                if pattern.key(file) is not None:
                    return f"it is a file of the source {name}"
        return None

    def of_another_flow(self, path: str) -> str | None:
        """Why a path belongs to another Dataflowfile; None if it doesn't."""
        for found in self._meeting(path, self._foreign):
            return f"it belongs to {self._foreign[found]}"
        for flow, pattern in self._patterns:
            if pattern.fullmatch(path):
                return f"it may belong to {flow}"
        return None

    def of_a_partition(self, path: str, but: Holder | None = None) -> str | None:
        """Why a path is where a partition of this Dataflowfile is made now; None if it isn't, `but` by this one."""
        for found in self._meeting(path, self._holders):
            others = self._holders[found] - ({but} if but and found == path else set())
            if others:
                return f"{min(others)[0]} makes it now"
        return None

    def _meeting(self, path: str, known: dict[str, str] | dict[str, set[Holder]]) -> Iterator[str]:
        """The known paths that are this one, folders that it lies in, and what lies in it."""
        if path in known:
            yield path
        folder = os.path.dirname(path.rstrip("/"))
        while folder:
            if f"{folder}/" in known:
                yield f"{folder}/"
            folder = os.path.dirname(folder)
        if path.endswith("/"):
            paths = sorted(known) if known is not self._holders else self._sorted_holders()
            at = bisect_left(paths, path)
            below = takewhile(lambda found: found.startswith(path), islice(paths, at, None))
            yield from (found for found in below if found != path)

    def _sorted_holders(self) -> list[str]:
        if self._sorted is None:
            self._sorted = sorted(self._holders)
        return self._sorted

    def _is_alive(self, flow: str) -> bool:
        """Whether another Dataflowfile is still there: what one that is gone had may be taken over, as in a build."""
        return flow != self._flow and os.path.exists(os.path.join(self._root, flow))

    def _foreign_patterns(self, state: State) -> Iterator[tuple[str, re.Pattern[str]]]:
        for text, (flow, _) in state.owners().items():
            if self._is_alive(flow):
                yield flow, _loosely(text)


def _own_files(looked: Looked) -> set[str]:
    """The files that say what the project is."""
    found = set(looked.flow.project.files)
    for step in (*looked.flow.steps.values(), *looked.flow.views.values()):
        recipe = step.target.recipe
        macros = recipe.macros if isinstance(recipe, SqlRecipe) else ()
        found |= {*step.target.files, *step.analysis.files, recipe.place.file, *(one.place.file for one in macros)}
    return found


def _loosely(text: str) -> re.Pattern[str]:
    """A pattern of a Dataflowfile that isn't read here: how its dimensions are written isn't known."""
    try:
        pieces = parse_pattern(text)
    except UserError:
        return re.compile(re.escape(text))
    parts = []
    for piece in pieces:
        if isinstance(piece, Literal):
            parts.append(re.escape(piece.text))
        else:
            parts.append(".+" if isinstance(piece, Field) and "/" in (piece.format or "") else "[^/]+")
    return re.compile("".join(parts) + (".*" if text.endswith("/") else ""))
