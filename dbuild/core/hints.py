"""What was probably meant by KEYS that can't be taken: the nearest key, word, or way to write it."""

from __future__ import annotations

import re

from dbuild.core.grain import Grain, grain_of
from dbuild.core.keytext import ALL, STANDINGS, written_key
from dbuild.core.model import Source, Target
from dbuild.core.partitions import Axis, ListAxis, TimeAxis
from dbuild.core.relative import DAYS
from dbuild.errors import nearest

_SHOWN = 8  # values of a list that a hint names
_WORDS = (*DAYS, *STANDINGS, ALL)
# A date or a time in another form: 2013/1/5, 20130105, 2013-01-05 13:45:00, 2013Q1, 2013w5.
_DATE = (
    r"(\d{4})[-/._ ]?(?:([QqWw])(\d{1,2})|(\d{1,2})(?:[-/._ ]?(\d{1,2}))?)(?:[Tt _](\d{1,2})(?::(\d\d)(?::\d\d)?)?)?"
)
_OTHER_FORM = re.compile(_DATE, re.ASCII)
_TWO = re.compile(r"(\d{4}(?:-[\dQWT:]+?)*)(?:\.{3,}|[-:/_ ]|to| to | - )(\d{4}(?:-[\dQWT:]+)*)", re.ASCII)


def hint_of(axis: Axis, text: str, dataset: Source | Target, axes: dict[str, Axis]) -> str:
    """What to write in place of what is no key of an axis, on which a part of KEYS of a dataset was meant to be."""
    return (_elsewhere(axis, text, dataset, axes) or _near(axis, text)) or example_of(axis)


def example_of(axis: Axis) -> str:
    """What keys of an axis look like."""
    if isinstance(axis, TimeAxis):
        return f"a key of {axis.name} looks like {axis.grain.example}"
    known = ", ".join(axis.values[:_SHOWN]) + (", …" if len(axis.values) > _SHOWN else "")
    return f"its values are {known}" if known else f"{axis.name} has no values yet"


def hint_for_dimension(dataset: Source | Target, name: str, text: str, axis: Axis | None) -> str:
    """What to write in place of a part that names no dimension of a dataset; `axis` is what it names elsewhere."""
    near = nearest(name, (*dataset.dimensions, *STANDINGS, ALL))
    if near:
        return near
    times = [own for own in dataset.dimensions if isinstance(axis, TimeAxis) and grain_of(text) is not None]
    known = f"its dimensions are {', '.join(dataset.dimensions)}"
    return f"{known}; {times[0]}={text} is all that lies in it" if times else known


def _elsewhere(axis: Axis, text: str, dataset: Source | Target, axes: dict[str, Axis]) -> str | None:
    """The dimension of which a text is the name, or a value."""
    for name in dataset.dimensions:
        other = axes[name]
        if text == name:
            return f"write {name}=KEY; {example_of(other)}"
        if other is not axis and isinstance(other, ListAxis) and text in other:
            return f"write {name}={written_key(text)}"
        if other is not axis and isinstance(other, TimeAxis) and grain_of(text):
            return f"write {name}={text}"
    return None


def _near(axis: Axis, text: str) -> str | None:
    if text in (*STANDINGS, ALL):
        return f"write {text} by itself, without {axis.name}="
    if isinstance(axis, ListAxis):
        return nearest(text, axis.values) or nearest(text, STANDINGS)
    two = _TWO.fullmatch(text)
    if two and grain_of(two[1]) and grain_of(two[2]):
        return f"a range is written {two[1]}..{two[2]}"
    other = _as_key(text.strip(" ."), axis.grain)
    if other:
        return f'did you mean "{other}"?'
    return nearest(text, _WORDS) if text.isalpha() else None


def _as_key(text: str, grain: Grain) -> str | None:
    """A date or time in another form as a key; None where it is none."""
    found = _OTHER_FORM.fullmatch(text)
    if found is None:
        return None
    year, letter, number, month, day, hour, minute = found.groups()
    if letter:
        key = f"{year}-Q{number}" if letter in "qQ" else f"{year}-W{int(number):02}"
    else:
        parts = [f"{int(part):02}" for part in (month, day) if part]
        key = "-".join([year, *parts])
        if hour and day:
            key += f"T{int(hour):02}" + (f":{minute}" if minute and grain.unit == "minute" else "")
    try:
        grain.bounded(key)
    except (ValueError, OverflowError):
        return None
    return key
