"""Errors as people and programs read them."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from dbuild.errors import ProjectError, UserError
from dbuild.ui.stream import paint
from dbuild.ui.text import clean_lines


def error_lines(what: str, place: str = "", hint: str | None = None) -> list[str]:
    """An error: where, what, and what to do."""
    first, *rest = clean_lines(f"{place}: {what}" if place else what)
    lines = [f"{paint('error:', 'red', sys.stderr, bold=True)} {first}", *(f"  {line}" for line in rest)]
    return lines + ([f"  hint: {line}" for line in clean_lines(hint)] if hint else [])


def problems_of(error: UserError) -> tuple[UserError, ...]:
    """The mistakes in an error: all of a project's, or the error itself."""
    return error.problems if isinstance(error, ProjectError) else (error,)


def problem_lines(problems: Iterable[UserError]) -> list[str]:
    """Each mistake in turn."""
    return [line for each in problems for line in error_lines(each.what, str(each.place or ""), each.hint)]


def problems_record(problems: Iterable[UserError]) -> dict[str, object]:
    """The mistakes with their places; a line of null stands for the file as a whole."""
    return {
        "problems": [
            {
                "file": each.place.file if each.place else None,
                "line": (each.place.line or None) if each.place else None,
                "what": each.what,
                "hint": each.hint,
            }
            for each in problems
        ]
    }
