"""How often something comes, told by the times at which it came. Times in, a grain out; unaware of files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import reduce
from math import gcd
from typing import NamedTuple

from dbuild.core.unit import MONTHS, number_at, start_of

_DAY = {"minute": 1440, "hour": 24}  # of units that are shorter: how many there are in a day
_COARSER = {"day": ("month", "year"), "week": ("year",), "month": ("year",), "quarter": ("year",)}
_ENOUGH = 0.5  # the share of periods that have to be there
_MOST = 0.9  # the same for periods of several units
_FEW = 4  # moments of which nothing but their unit is concluded


class Rhythm(NamedTuple):
    """Periods that hold the moments, as a time dimension has them."""

    unit: str
    step: int  # units a period
    first: datetime  # start of the first period
    last: datetime  # start of the last one
    present: int  # periods that hold a moment
    expected: int  # periods from the first to the last
    is_exact: bool  # whether each moment is the start of a period
    is_on_business_days: bool = False  # whether all that is absent are weekends

    @property
    def every(self) -> str:
        """As the Dataflowfile writes it."""
        return self.unit if self.step == 1 else f"{self.step} {self.unit}s"


def rhythm_of(unit: str, moments: Sequence[datetime]) -> Rhythm | None:
    """The rhythm of moments that are starts of a unit's periods; None where they follow none."""
    ordered = sorted(set(moments))
    found = _short(unit, ordered) if unit in _DAY else _dated(unit, ordered)
    if found is None and len(ordered) >= _FEW:
        coarser = ("day", *_COARSER["day"]) if unit in _DAY else _COARSER.get(unit, ())
        held = (_periods(each, 1, ordered, is_exact=False) for each in coarser)
        found = next((each for each in held if each.present >= max(3, _ENOUGH * each.expected)), None)
    return found


def _short(unit: str, ordered: Sequence[datetime]) -> Rhythm | None:
    """Of minutes or hours: periods that divide a day."""
    numbers = [number_at(unit, moment) for moment in ordered]
    clocks = {number % _DAY[unit] for number in numbers}
    if len(clocks) == 1 and len(ordered) > 1:
        return _dated("day", [datetime(each.year, each.month, each.day) for each in ordered])
    if len(ordered) < _FEW:
        return _periods("hour", 1, ordered) if unit == "hour" else _periods("day", 1, ordered, is_exact=False)
    step = reduce(gcd, [number - numbers[0] for number in numbers[1:]], _DAY[unit])
    step = gcd(step, numbers[0] % _DAY[unit])
    if unit == "minute" and not step % 60:
        unit, step = "hour", step // 60
    found = _periods(unit, step, ordered)
    return found if found.present >= _ENOUGH * found.expected else None


def _dated(unit: str, ordered: Sequence[datetime]) -> Rhythm | None:
    if unit == "day" and len(ordered) > 2:
        if all(each.day == 1 for each in ordered):
            return _dated("month", ordered)
        if all((each + timedelta(days=1)).day == 1 for each in ordered):
            found = _dated("month", [each.replace(day=1) for each in ordered])
            return found._replace(is_exact=False) if found is not None and found.unit == "month" else None
    numbers = [number_at(unit, moment) for moment in ordered]
    step = reduce(gcd, [number - numbers[0] for number in numbers[1:]], 0) or 1
    known = _well_known(unit, step, numbers[0])
    if known is not None and len(ordered) > 2:
        return _dated(known, ordered)
    from_january = unit in MONTHS and not 12 % (step * MONTHS[unit])  # where such periods begin, whatever is there
    if step > 1 and len(ordered) >= _FEW and not (from_january and numbers[0] % step):
        found = _periods(unit, step, ordered)
        if found.present >= _MOST * found.expected:
            return found
    found = _periods(unit, 1, ordered)
    if unit == "day" and len(ordered) > _FEW and _lacks_weekends(ordered):
        return found._replace(is_on_business_days=True)
    return found if found.present >= _ENOUGH * found.expected else None


def _well_known(unit: str, step: int, first: int) -> str | None:
    """The unit that so many of a shorter one are."""
    if unit == "day" and step == 7 and start_of("day", first).weekday() == 0:
        return "week"
    if unit == "month" and step == 12 and first % 12 == 0:
        return "year"
    return "quarter" if unit == "month" and step == 3 and first % 3 == 0 else None


def _lacks_weekends(ordered: Sequence[datetime]) -> bool:
    """Whether there is nothing of a weekend, of which there was one, and nearly all of the other days."""
    days = [ordered[0] + timedelta(days=number) for number in range((ordered[-1] - ordered[0]).days + 1)]
    working = sum(day.weekday() < 5 for day in days)
    return len(days) - working >= 2 and all(day.weekday() < 5 for day in ordered) and len(ordered) >= _MOST * working


def _periods(unit: str, count: int, ordered: Sequence[datetime], *, is_exact: bool = True) -> Rhythm:
    anchor = number_at(unit, ordered[0]) % count
    numbers = sorted({(number_at(unit, moment) - anchor) // count for moment in ordered})
    first, last = (start_of(unit, number * count + anchor) for number in (numbers[0], numbers[-1]))
    return Rhythm(unit, count, first, last, len(numbers), numbers[-1] - numbers[0] + 1, is_exact)
