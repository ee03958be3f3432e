"""A watch: builds whenever something changed that a build would look at, or the clock made something due.

Each build is an ordinary one, a process of its own. What a watch adds is when: it hears of changes, keeps them in mind
while a build runs, and answers other commands that ask it which folders are as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dbuild.build.settings import Settings
from dbuild.core.watching import WatchEvent
from dbuild.watch.options import Options

__all__ = ["Options", "report", "watch"]


def watch(
    settings: Settings,
    targets: Sequence[str],
    words: Sequence[str],
    options: Options,
    tell: Callable[[WatchEvent], None],
) -> int:
    """Watches until it is stopped; the exit code: 0, or 130 where that cut a build off.

    2 where the first build can't be made because the project is wrong, after saying what. `words` are those of the
    command line of each build. Raises UserError where there is no project, or a watch of it already.
    """
    from dbuild.watch import service

    return service.serve(settings, targets, words, options, tell)


def report(settings: Settings) -> dict[str, object] | None:
    """How the watch of a project stands, as its heartbeat says; None where none is there."""
    from dbuild.watch import heartbeat

    return heartbeat.report(settings)
