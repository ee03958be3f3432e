"""Holidays: dates in the Dataflowfile, or a file of them, a date a line. Unaware of what they are for."""

from __future__ import annotations

import os
from datetime import date, datetime

from dbuild.errors import Place, UserError
from dbuild.project.document import Table
from dbuild.project.texts import read_text
from dbuild.values import dataclass, field

_HINT = "a date is written 2024-12-25"


@dataclass(frozen=True, slots=True)
class Holidays:
    """The dates that a table gives, and the file that has them."""

    dates: frozenset[date] = frozenset()
    files: dict[str, Place] = field(default_factory=dict)  # each with the place where it is named


def read_holidays(table: Table, default: Holidays | None = None) -> Holidays:
    """The holidays of a table, or the default where it says nothing; mistakes are reported."""
    given = table.value("holidays")
    if isinstance(given, str):
        return _read_file(table, os.path.normpath(given))
    if not isinstance(given, list):
        return default or Holidays()
    dates = []
    for position, item in enumerate(given):
        day = _date(item)
        if day is None:
            table.report(f"{item!s} of {table.title} is no date", "holidays", position, hint=_HINT)
        else:
            dates.append(day)
    return Holidays(frozenset(dates))


def _date(item: object) -> date | None:
    if isinstance(item, date):
        return None if isinstance(item, datetime) else item
    try:
        return date.fromisoformat(item) if isinstance(item, str) and len(item) == 10 else None
    except ValueError:
        return None


def _read_file(table: Table, file: str) -> Holidays:
    text = read_text(table, file, "file of holidays", "holidays")
    if text is None:
        return Holidays()
    dates = []
    for number, line in enumerate(text.splitlines(), start=1):
        said = line.partition("#")[0].strip()
        day = _date(said)
        if day is not None:
            dates.append(day)
        elif said:
            hint = f"{_HINT}, one a line, with comments behind a #"
            table.document.problems.append(UserError(f'"{said}" is no date', Place(file, number), hint))
    return Holidays(frozenset(dates), {file: table.place("holidays")})
