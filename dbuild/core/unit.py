"""Units of the calendar: how their periods are written and numbered on a plain clock. Unaware of time zones.

A moment here is what a calendar and a clock on the wall show: a naive datetime.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

UNITS = ("minute", "hour", "day", "week", "month", "quarter", "year")
MONTHS = {"month": 1, "quarter": 3, "year": 12}  # units that are so many months
SECONDS = {"minute": 60, "hour": 3600, "day": 86400, "week": 7 * 86400}  # units of one length
CENTURY = {  # about: nothing that a person declares has to reach further
    "minute": 52_596_000,
    "hour": 876_600,
    "day": 36_525,
    "week": 5_218,
    "month": 1200,
    "quarter": 400,
    "year": 100,
}
UNIT_WORDS = {  # how people write units, in a window of the Dataflowfile as in KEYS
    **dict.fromkeys(("min", "minute", "minutes"), "minute"),
    **dict.fromkeys(("h", "hour", "hours"), "hour"),
    **dict.fromkeys(("d", "day", "days"), "day"),
    **dict.fromkeys(("w", "week", "weeks"), "week"),
    **dict.fromkeys(("mo", "month", "months"), "month"),
    **dict.fromkeys(("q", "quarter", "quarters"), "quarter"),
    **dict.fromkeys(("y", "year", "years"), "year"),
}
UNIT_LIST = "min, h, d, w, mo, q, y"  # for a hint
_EPOCH = datetime(1970, 1, 1)
_WEEK_EPOCH = datetime(1970, 1, 5)  # the first Monday: ISO weeks start on Mondays
_LENGTHS = {unit: timedelta(seconds=seconds) for unit, seconds in SECONDS.items()}
_TEXT = {
    "minute": re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)", re.ASCII),
    "hour": re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d)", re.ASCII),
    "day": re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII),
    "week": re.compile(r"(\d{4})-W(\d\d)", re.ASCII),
    "month": re.compile(r"(\d{4})-(\d\d)", re.ASCII),
    "quarter": re.compile(r"(\d{4})-Q([1-4])", re.ASCII),
    "year": re.compile(r"(\d{4})", re.ASCII),
}
EXAMPLE = {
    "minute": "2013-01-05T13:45",
    "hour": "2013-01-05T13",
    "day": "2013-01-05",
    "week": "2013-W05",
    "month": "2013-01",
    "quarter": "2013-Q1",
    "year": "2013",
}


def read_start(unit: str, text: str) -> datetime:
    """The first moment of the period that `text` names; ValueError where it names none."""
    found = _TEXT[unit].fullmatch(text)
    if not found:
        raise ValueError(f'"{text}" is not a {unit} (as in {EXAMPLE[unit]})')
    parts = [int(part) for part in found.groups()]
    try:
        if unit == "week":
            return datetime.combine(date.fromisocalendar(parts[0], parts[1], 1), datetime.min.time())
        if unit == "quarter":
            parts[1] = parts[1] * 3 - 2
        return datetime(*([*parts, 1, 1][: max(3, len(parts))]))  # type: ignore[arg-type]
    except ValueError as error:
        raise ValueError(f'"{text}" is not a {unit}: {error}') from None


def write_start(unit: str, start: datetime) -> str:
    """The name of the period that starts at a moment, as `read_start` takes it."""
    match unit:
        case "week":
            iso = start.isocalendar()
            return f"{iso.year:04d}-W{iso.week:02d}"
        case "month":
            return f"{start.year:04d}-{start.month:02d}"
        case "quarter":
            return f"{start.year:04d}-Q{(start.month + 2) // 3}"
        case "year":
            return f"{start.year:04d}"
        case "day":
            return f"{start.year:04d}-{start.month:02d}-{start.day:02d}"
        case "hour":
            return start.isoformat(timespec="hours")
        case _:
            return start.isoformat(timespec="minutes")


def number_at(unit: str, moment: datetime) -> int:
    """The number of the period that holds a moment; numbers are consecutive."""
    if unit in MONTHS:
        return (moment.year * 12 + moment.month - 1) // MONTHS[unit]
    return (moment - (_WEEK_EPOCH if unit == "week" else _EPOCH)) // _LENGTHS[unit]


def start_of(unit: str, number: int) -> datetime:
    """The first moment of a period. Raises OverflowError outside the years 1 to 9999."""
    if unit in MONTHS:
        year, month = divmod(number * MONTHS[unit], 12)
        if not 1 <= year <= 9999:
            raise OverflowError(f"year {year} is out of range")
        return datetime(year, month + 1, 1)
    return (_WEEK_EPOCH if unit == "week" else _EPOCH) + _LENGTHS[unit] * number


def unit_of(text: str) -> str | None:
    """The unit whose periods are written like `text`; None where none is."""
    return next((unit for unit in reversed(UNITS) if _TEXT[unit].fullmatch(text)), None)
