"""A build with nothing to do, known without reading the project: imports little, because that is most of its time."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Sequence

from dbuild.build.answer import Question, find_answer
from dbuild.build.settings import Settings
from dbuild.build.sight import Sight
from dbuild.core.events import LookedAt, Summary
from dbuild.errors import UserError
from dbuild.state.opening import open_state
from dbuild.state.store import FOLDER


def answer(
    settings: Settings, arguments: Sequence[str], started: float, sight: Sight, emit: Callable[[LookedAt], None]
) -> Summary | None:
    """The summary of a build that has nothing to do; None where that isn't known, or something has to be mended.

    What was looked at on the way, `sight` has seen.
    """
    folder = os.path.join(settings.root, FOLDER)
    if not settings.is_usual or not os.path.exists(os.path.join(folder, "state.db")) or _has_intents(settings):
        return None
    try:
        state = open_state(settings.root, settings.flow, is_reader=True)
        try:
            found = find_answer(
                settings.root, state, Question(tuple(arguments), settings.params), settings.clock(), sight
            )
        finally:
            state.close()
    except (UserError, OSError, sqlite3.Error):
        return None  # the long way says what is wrong
    if found is None:
        return None
    if settings.tells_grounds:
        emit(found.grounds.told())
    seconds = time.monotonic() - started
    counts = found.counts
    return Summary(
        *("", 0, counts["fresh"], 0, counts["waiting"], 0, 0, counts.get("provisional", 0), seconds),
        awaited=counts.get("awaited", 0),
        changes_at=found.grounds.period.until,
    )


def _has_intents(settings: Settings) -> bool:
    try:
        return os.path.getsize(journal_path(settings)) > 0
    except OSError:
        return False


def journal_path(settings: Settings) -> str:
    """Where a build keeps what it is about to publish."""
    return os.path.join(settings.root, FOLDER, f"intents.{settings.flow}")
