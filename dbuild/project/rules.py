"""Rules of inputs: which of an input's partitions a target's partition reads, from their text."""

from __future__ import annotations

import re

from dbuild.core.model import (
    All,
    Dimension,
    Last,
    ListDimension,
    MappingRule,
    Previous,
    Since,
    TimeDimension,
    Values,
    Window,
)
from dbuild.core.pieces import is_key
from dbuild.core.unit import CENTURY, UNIT_LIST, UNIT_WORDS
from dbuild.errors import UserError, nearest

SINCE = ("week", "month", "quarter", "year")  # what "since" takes
# As a regular expression that editors understand too: the ends of a window, each a count and its unit.
_END = rf"([+-]?[0-9]{{1,9}}) *({'|'.join(sorted(UNIT_WORDS, reverse=True))})?"
WINDOW = rf" *{_END} *\.\. *{_END} *"
_SHAPE = re.compile(
    r"([+-]?\d{1,9})\s*([A-Za-z]*)\s*\.\.\s*([+-]?\d{1,9})\s*([A-Za-z]*)", re.ASCII
)  # units may be wrong
_POSSIBLE = (
    'possible are a window ("-6d..0d"), "previous", "last 7", "since month", "all", and a list of keys (["JFK"])'
)
_OF_LISTS = 'possible are "all" and a list of keys (["JFK"])'


def read_rule(value: object, dimension: Dimension) -> MappingRule:
    """The rule that a value of the Dataflowfile writes; UserError, without a place, where it is none."""
    if isinstance(value, list):
        return _read_values(value, dimension)
    if not isinstance(value, str):
        raise UserError(f'the rule for "{dimension.name}" must be a string or a list', hint=_POSSIBLE)
    if value == "all":
        return All()
    found = _SHAPE.fullmatch(value.strip())
    if found:
        return _read_window(found, dimension)
    word, _, rest = value.strip().partition(" ")
    if word == "previous" and not rest:
        _check_time(value, dimension)
        return Previous()
    if word == "last":
        return _read_last(value, rest.strip(), dimension)
    if word == "since":
        return _read_since(value, rest.strip(), dimension)
    raise UserError(f'"{value}" is no rule for "{dimension.name}"', hint=_POSSIBLE)


def _read_window(found: re.Match[str], dimension: Dimension) -> Window:
    if not isinstance(dimension, TimeDimension):
        what = f'"{found[0]}" is a window of time, and "{dimension.name}" is no time'
        raise UserError(what, hint=_OF_LISTS)
    low, high = int(found[1]), int(found[3])
    units = {_unit(text) for count, text in ((low, found[2]), (high, found[4])) if text or count}
    if len(units) > 1:
        raise UserError(f'the ends of the window "{found[0]}" have different units', hint='as in "-6d..0d"')
    if low > high:
        raise UserError(f'the window "{found[0]}" ends before it starts', hint='as in "-6d..0d"')
    unit = units.pop() if units else dimension.grain.unit
    if max(-low, high) > CENTURY[unit]:  # calendars end at the year 9999: a window has to stay far from it
        raise UserError(f'the window "{found[0]}" reaches further than a century', hint='"all" reads all there is')
    return Window(low, high, unit)


def _read_since(text: str, unit: str, dimension: Dimension) -> Since:
    _check_time(text, dimension)
    if unit not in SINCE:
        hint = nearest(unit, SINCE) or 'possible are "since week", "since month", "since quarter" and "since year"'
        raise UserError(f'"{text}" names no period that "since" takes', hint=hint)
    return Since(unit)


def _read_last(text: str, count: str, dimension: Dimension) -> Last:
    _check_time(text, dimension)
    if not re.fullmatch("[0-9]{1,9}", count) or not int(count):
        raise UserError(f'"{text}" says no number of partitions', hint='as in "last 7", at least 1')
    return Last(int(count))


def _check_time(text: str, dimension: Dimension) -> None:
    if not isinstance(dimension, TimeDimension):
        raise UserError(f'"{text}" speaks of time, and "{dimension.name}" is no time', hint=_OF_LISTS)


def _unit(text: str) -> str:
    if text in UNIT_WORDS:
        return UNIT_WORDS[text]
    hint = '"min" is minutes, "mo" months' if text.lower() == "m" else f"units are {UNIT_LIST}"
    raise UserError(f'"{text}" is no unit of time' if text else "the window names no unit", hint=hint)


def _read_values(values: list[object], dimension: Dimension) -> Values:
    keys = tuple(value for value in values if isinstance(value, str))
    if not keys or len(keys) < len(values):
        raise UserError(f'the keys for "{dimension.name}" must be strings, at least one', hint=_POSSIBLE)
    for key in keys:
        _check_key(key, dimension)
    if len(set(keys)) < len(keys):
        raise UserError(f'the keys for "{dimension.name}" have one twice', hint="remove it")
    return Values(keys)


def _check_key(key: str, dimension: Dimension) -> None:
    match dimension:
        case ListDimension(name, values) if values and key not in values:
            hint = nearest(key, values) or f"its keys are {', '.join(values[:10])}"
            raise UserError(f'"{key}" is no key of "{name}"', hint=hint)
        case TimeDimension(_, grain):
            try:
                grain.index(key)
            except (ValueError, OverflowError) as error:
                raise UserError(str(error), hint=f'as in "{grain.example}"') from None
        case _ if not is_key(key):
            raise UserError(f'{key!r} can\'t be a key of "{dimension.name}"', hint='keys have no "/"')
