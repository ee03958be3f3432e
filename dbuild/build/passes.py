"""Passes over files of which it isn't known where their rows go: one for each content, kept by what it is.

Only builds make them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from dbuild import failpoints
from dbuild.build.interrupts import interruptible
from dbuild.build.routed import File, Routed
from dbuild.build.routes import Routes
from dbuild.core.events import Notice
from dbuild.core.routes import Route, pack_route
from dbuild.errors import RecipeError, UserError
from dbuild.observe.listing import stat_file

if TYPE_CHECKING:
    from dbuild.build.world import World
    from dbuild.recipes.engine import Engine

_SECONDS = 1.0  # after which what was found out is kept
_MANY = 20  # files from which on people are told that these are looked into


class Passes:
    """Looks into files; its sessions stay open until `close`."""

    def __init__(self, world: World, threads: int) -> None:
        self._world = world
        self._threads = threads
        self._engines: dict[str, Engine] = {}
        self._signals: list[int] = []  # that came while files were looked into

    def find_out(self, inputs: Iterable[Routes], emit: Callable[[Notice], None]) -> None:
        """Looks into all files of these inputs of which it isn't known where their rows go.

        What can't be read is an error only for those that read it.
        """
        try:
            with interruptible() as self._signals:
                for place, routes in enumerate(inputs):
                    routes.look()
                    if place:
                        routes.learn_again()
                    files = sum(map(len, routes.unknown.values()))
                    if files >= _MANY:
                        name = routes.routed.given.dataset
                        emit(Notice(f'{files} files of "{name}" are looked into: where do their rows go?', "info"))
                    self.look_into(routes)
        finally:
            self.close()

    def look_into(self, routes: Routes) -> None:
        """One pass over each file of an input whose content is new."""
        found: dict[bytes, Route] = {}
        fresh: dict[bytes, Route] = {}
        kept_at = time.monotonic()
        try:
            for partition, files in routes.unknown.items():
                try:
                    for file in files:
                        if file.subject not in found:
                            found[file.subject] = fresh[file.subject] = self._route(routes.routed, file)
                except UserError as error:
                    if self._signals:
                        raise KeyboardInterrupt from None
                    routes.errors[partition] = error
                if time.monotonic() - kept_at > _SECONDS:
                    self._keep(fresh)
                    kept_at = time.monotonic()
        finally:
            self._keep(fresh)
        routes.learn(found)

    def _keep(self, fresh: dict[bytes, Route]) -> None:
        state = self._world.state
        if fresh:
            failpoints.reach("route")
            with state.transaction():
                state.routes.keep([(subject, pack_route(route)) for subject, route in fresh.items()])
            failpoints.reach("routed")
            fresh.clear()

    def _route(self, routed: Routed, file: File) -> Route:
        from dbuild.recipes.routing import route

        failpoints.reach("look")
        engine = self._engine(routed)
        try:
            engine.set_timezone(routed.step.target.timezone)
            found = route(engine, file.given, routed.ways)
        except RecipeError as error:
            raise RecipeError(error.what, error.place or routed.given.place, error.hint, error.causes) from None
        finally:
            engine.reset()
        if stat_file(file.path) != file.stat:
            name = os.path.relpath(file.path, self._world.survey.root)
            what = f"{name} changed while it was looked into"
            raise RecipeError(what, routed.given.place, "run dbuild again when it is written")
        return found

    def _engine(self, routed: Routed) -> Engine:
        from dbuild.recipes.engine import Engine

        dataset = routed.given.dataset
        if dataset not in self._engines:
            root = self._world.survey.root
            folders = [one.folder for one in self._world.survey.locations[dataset]]
            folders = [os.path.normpath(os.path.join(root, folder)) for folder in folders]
            self._engines[dataset] = Engine(folders, self._threads)
        return self._engines[dataset]

    def close(self) -> None:
        """Ends the sessions that were opened."""
        for engine in self._engines.values():
            engine.close()
        self._engines.clear()
