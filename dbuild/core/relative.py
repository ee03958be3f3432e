"""Keys of time as people say them, some of them relative to now: `2013-01`, `today`, `-7d`; and how long they hold."""

from __future__ import annotations

import re
from datetime import datetime

from dbuild.core.grain import Grain
from dbuild.core.partitions import Interval, TimeAxis
from dbuild.core.unit import UNIT_LIST, UNIT_WORDS

_AGO = re.compile(r"-(\d{1,9})([a-z]*)", re.ASCII)
DAYS = {"today": 0, "yesterday": 1}


class Calendar:
    """Resolves such keys at one moment, and keeps from when on they would mean something else."""

    def __init__(self, now: datetime) -> None:
        """`now` is UTC, without a zone."""
        self._now = now
        self.until: datetime | None = None  # UTC; None: what was resolved means the same at any time

    def first(self, axis: TimeAxis, text: str) -> int:
        """The first period of an axis that lies in, or overlaps, what is named. Raises ValueError for no time."""
        named = self._named(axis, text)
        return axis.grain.bounded(text) if named is None else named[0]

    def last(self, axis: TimeAxis, text: str) -> int:
        """The last period of an axis that lies in, or overlaps, what is named. Raises ValueError for no time."""
        named = self._named(axis, text)
        return axis.grain.bounded(text, is_end=True) if named is None else named[1] - 1

    def present(self, axis: TimeAxis) -> int:
        """The period of this moment."""
        return self._present(axis.grain)

    def settled(self, axis: TimeAxis, text: str) -> str:
        """What is named, as a key that doesn't depend on now."""
        unit = _unit(text)
        if unit is None:
            return text
        grain = Grain(unit[1], axis.grain.timezone)
        return grain.text(self._present(grain) - unit[0])

    def _named(self, axis: TimeAxis, text: str) -> Interval | None:
        """The periods that a relative key names; None for one that isn't relative."""
        unit = _unit(text)
        if unit is None:
            return None
        grain = Grain(unit[1], axis.grain.timezone)
        number = self._present(grain) - unit[0]
        grain.start(number)  # raises for what lies before the calendar
        return grain.overlapping(axis.grain, number, number + 1)

    def _present(self, grain: Grain) -> int:
        number = grain.index_at(self._now)
        end = grain.start(number + 1)
        self.until = end if self.until is None else min(self.until, end)
        return number


def _unit(text: str) -> tuple[int, str] | None:
    """How many units of time ago; None where the text says no such thing. Raises ValueError for an unknown unit."""
    if text in DAYS:
        return DAYS[text], "day"
    found = _AGO.fullmatch(text)
    if found is None:
        return None
    if found[2] not in UNIT_WORDS:
        said = f'"{found[2]}" is no unit of time' if found[2] else f'"{text}" says no unit of time'
        raise ValueError(f"{said}: units are {UNIT_LIST}")
    return int(found[1]), UNIT_WORDS[found[2]]
