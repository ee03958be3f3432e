"""Grains of time: periods of a calendar as integers, texts and instants.

A grain numbers its periods with consecutive integers (`index`), so that sets of periods are runs of integers and
mappings between grains are interval arithmetic. Every period is half-open: [start, end). Unaware of datasets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from dbuild.core.sending import sendable

UNITS = ("minute", "hour", "day", "week", "month", "quarter", "year")
_FIXED = {"minute": 60, "hour": 3600, "day": 86400, "week": 7 * 86400}
_EPOCH = datetime(1970, 1, 1)
_WEEK_EPOCH = datetime(1970, 1, 5)  # the first Monday: ISO weeks start on Mondays
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_MOMENT = timedelta(microseconds=1)
_TEXT = {
    "minute": re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)", re.ASCII),
    "hour": re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d)", re.ASCII),
    "day": re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII),
    "week": re.compile(r"(\d{4})-W(\d\d)", re.ASCII),
    "month": re.compile(r"(\d{4})-(\d\d)", re.ASCII),
    "quarter": re.compile(r"(\d{4})-Q([1-4])", re.ASCII),
    "year": re.compile(r"(\d{4})", re.ASCII),
}
_EXAMPLE = {
    "minute": "2013-01-05T13:45",
    "hour": "2013-01-05T13",
    "day": "2013-01-05",
    "week": "2013-W05",
    "month": "2013-01",
    "quarter": "2013-Q1",
    "year": "2013",
}


@sendable
@dataclass(frozen=True, slots=True)
class Grain:
    """One period's length: a unit of the calendar, in one time zone (wall-clock time)."""

    unit: str  # one of UNITS
    timezone: str = "UTC"  # IANA name; periods are of that zone's wall clock

    def index(self, text: str) -> int:
        """The number of the period that `text` names; ValueError where it names none."""
        found = _TEXT[self.unit].fullmatch(text)
        if not found:
            raise ValueError(f'"{text}" is not a {self.unit} (as in {_EXAMPLE[self.unit]})')
        parts = [int(part) for part in found.groups()]
        try:
            if self.unit == "week":
                return self.index_at(datetime.combine(date.fromisocalendar(parts[0], parts[1], 1), datetime.min.time()))
            if self.unit == "quarter":
                parts[1] = parts[1] * 3 - 2
            return self.index_at(datetime(*([*parts, 1, 1][: max(3, len(parts))])))  # type: ignore[arg-type]
        except ValueError as error:
            raise ValueError(f'"{text}" is not a {self.unit}: {error}') from None

    def index_at(self, moment: datetime) -> int:
        """The number of the period that holds a (naive, wall-clock) moment."""
        if self.unit in _MONTHS:
            return (moment.year * 12 + moment.month - 1) // _MONTHS[self.unit]
        epoch = _WEEK_EPOCH if self.unit == "week" else _EPOCH
        return (moment - epoch) // timedelta(seconds=_FIXED[self.unit])

    def start(self, index: int) -> datetime:
        """The first moment of a period; the same number plus one gives its exclusive end.

        Raises OverflowError outside the years 1 to 9999.
        """
        if self.unit in _MONTHS:
            year, month = divmod(index * _MONTHS[self.unit], 12)
            if not 1 <= year <= 9999:
                raise OverflowError(f"year {year} is out of range")
            return datetime(year, month + 1, 1)
        epoch = _WEEK_EPOCH if self.unit == "week" else _EPOCH
        return epoch + timedelta(seconds=_FIXED[self.unit] * index)

    def last(self, index: int) -> datetime:
        """The last moment of a period; that of the calendar's last one too, whose end can't be written."""
        try:
            return self.start(index + 1) - _MOMENT
        except OverflowError:
            return max(self.start(index), datetime.max)

    def text(self, index: int) -> str:
        """The name of a period, as `index` takes it."""
        start = self.start(index)
        match self.unit:
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

    @property
    def example(self) -> str:
        """A key of this grain, for messages."""
        return _EXAMPLE[self.unit]

    @property
    def is_dated(self) -> bool:
        """Whether periods are whole days, so that a DATE names their start."""
        return self.unit not in ("minute", "hour")

    def overlapping(self, other: Grain, low: int, high: int) -> tuple[int, int]:
        """The periods [low', high') of `other` that intersect the periods [low, high) of this grain."""
        if other == self:
            return low, high
        return other.index_at(self.start(low)), other.index_at(self.last(high - 1)) + 1

    def bounded(self, text: str, *, is_end: bool = False) -> int:
        """The first (or last, `is_end`) period inside the period that `text` names, in any grain not finer.

        `start = 2013-01-01` of a month dimension is January 2013; `end = "2013"` of days is its last day.
        Raises ValueError where the text is a period of no grain.
        """
        for unit in reversed(UNITS):
            if _TEXT[unit].fullmatch(text):
                named = Grain(unit, self.timezone)
                low, high = named.overlapping(self, *_pair(named.index(text)))
                return high - 1 if is_end else low
        raise ValueError(f'"{text}" is not a {self.unit} (as in {self.example})')


def _pair(index: int) -> tuple[int, int]:
    return index, index + 1


def grain_of(text: str) -> str | None:
    """The unit whose keys look like `text`; None where none does."""
    for unit in reversed(UNITS):
        if _TEXT[unit].fullmatch(text):
            return unit
    return None
