"""Errors as people and programs read them."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from dbuild.errors import DiskError, ProjectError, RecipeError, StateError, UsageError, UserError
from dbuild.ui.stream import paint
from dbuild.ui.text import clean_lines

_KINDS = (("disk", DiskError), ("state", StateError), ("recipe", RecipeError), ("usage", UsageError))
_CODE = (".py", ".sql")


def error_lines(what: str, place: str = "", hint: str | None = None) -> list[str]:
    """An error: where, what, and what to do."""
    first, *rest = clean_lines(f"{place}: {what}" if place else what)
    lines = [f"{paint('error:', 'red', sys.stderr, bold=True)} {first}", *(f"  {line}" for line in rest)]
    return lines + ([f"  hint: {line}" for line in clean_lines(hint)] if hint else [])


def problems_of(error: UserError) -> tuple[UserError, ...]:
    """The mistakes in an error: all of a project's, or the error itself."""
    return error.problems if isinstance(error, ProjectError) else (error,)


def kind_of(error: UserError) -> str:
    """What an error is about, for a program; of a project's mistakes "recipe" if all are in files of code."""
    found = next((kind for kind, of in _KINDS if isinstance(error, of)), None)
    if found is not None:
        return found
    places = [each.place for each in problems_of(error) if each.place]
    if not places:
        return "usage"
    return "recipe" if all(place.file.endswith(_CODE) for place in places) else "dataflowfile"


def error_record(
    kind: str, what: str, place: str = "", hint: str | None = None, mistakes: int = 1
) -> dict[str, object]:
    """What ended a command; of several mistakes the first."""
    return {"event": "error", "kind": kind, "what": what, "where": place or None, "hint": hint, "mistakes": mistakes}


def problem_lines(problems: Iterable[UserError]) -> list[str]:
    """Each mistake in turn."""
    return [line for each in problems for line in error_lines(each.what, str(each.place or ""), each.hint)]


def note_lines(notes: Iterable[UserError]) -> list[str]:
    """What is no mistake but good to know, with its place."""
    return [f"note: {line}" for each in notes for line in clean_lines(f"{each.place}: {each.what}")]


def problems_record(problems: Iterable[UserError], notes: Iterable[UserError] = ()) -> dict[str, object]:
    """The mistakes with their places, and what is only good to know; a line of null stands for the file as a whole."""
    return {"problems": [_record(each) for each in problems], "notes": [_record(each) for each in notes]}


def _record(said: UserError) -> dict[str, object]:
    return {
        "file": said.place.file if said.place else None,
        "line": (said.place.line or None) if said.place else None,
        "what": said.what,
        "hint": said.hint,
    }
