"""A build with nothing to do, known without reading the project: imports little, because that is most of its time."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from dbuild.build.answer import Answer, Question, Row, find_answer, find_rows
from dbuild.build.settings import Settings
from dbuild.build.sight import Sight
from dbuild.core.events import LookedAt, Summary
from dbuild.errors import UserError
from dbuild.state.opening import open_state
from dbuild.state.store import FOLDER, State

Found = TypeVar("Found")


def answer(
    settings: Settings, arguments: Sequence[str], started: float, sight: Sight, emit: Callable[[LookedAt], None]
) -> Summary | None:
    """The summary of a build that has nothing to do; None where that isn't known, or something has to be mended.

    What was looked at on the way, `sight` has seen.
    """
    question = Question(tuple(arguments), settings.params)

    def find(state: State) -> Answer | None:
        return find_answer(
            settings.root, state, question, settings.clock(), sight, runs_programs=True, assumed=settings.assumed
        )

    found = _ask(settings, find)
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
        assumed=found.assumed,
    )


def standing(settings: Settings, arguments: Sequence[str]) -> tuple[Answer, list[Row]] | None:
    """The answer to a build of these targets, and how each dataset stands; None where it has to be looked into."""
    question = Question(tuple(arguments), settings.params)

    def find(state: State) -> tuple[Answer, list[Row]] | None:
        if state.answer(question.rows) is None:
            return None
        sight = Sight(settings.root)
        now = settings.clock()
        found = find_answer(settings.root, state, question, now, sight, runs_programs=False, assumed=settings.assumed)
        rows = find_rows(state, question, found, settings.clock()) if found is not None else None
        return (found, rows) if found is not None and rows is not None else None

    return _ask(settings, find)


def _ask(settings: Settings, find: Callable[[State], Found | None]) -> Found | None:
    """What the state has of an answer; None where something has to be mended first."""
    folder = os.path.join(settings.root, FOLDER)
    if not settings.is_usual or not os.path.exists(os.path.join(folder, "state.db")) or _has_intents(settings):
        return None
    try:
        state = open_state(settings.root, settings.flow, is_reader=True)
        try:
            return find(state)
        finally:
            state.close()
    except (UserError, OSError, sqlite3.Error):
        return None  # the long way says what is wrong


def _has_intents(settings: Settings) -> bool:
    try:
        return os.path.getsize(journal_path(settings)) > 0
    except OSError:
        return False


def journal_path(settings: Settings) -> str:
    """Where a build keeps what it is about to publish."""
    return os.path.join(settings.root, FOLDER, f"intents.{settings.flow}")
