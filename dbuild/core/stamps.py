"""Times in the names of files: where they stand in a path, and how they are written. Unaware of files and datasets.

A path becomes its parts: words, what stands between them, and stamps, whose formats are those of path patterns.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from functools import lru_cache
from typing import NamedTuple

_DIGITS = {
    "Y": r"(?:19|20|21)\d\d",
    "G": r"(?:19|20|21)\d\d",
    "m": r"(?:0[1-9]|1[0-2])",
    "d": r"(?:0[1-9]|[12]\d|3[01])",
    "H": r"(?:[01]\d|2[0-3])",
    "M": r"[0-5]\d",
    "V": r"(?:0[1-9]|[1-4]\d|5[0-3])",
    "q": r"[1-4]",
    "j": r"(?:00[1-9]|0[1-9]\d|[12]\d\d|3[0-5]\d|36[0-6])",
}
_FOLDER = r"/(?:[A-Za-z_]+=|[A-Za-z](?=\d))?"  # a new folder, perhaps named as in month=01 or m01
_SIGN = rf"(?:{_FOLDER}|[-_. ])?"
_CLOCK = rf"(?:{_FOLDER}|[T_ -])?"
_COLON = rf"(?:{_FOLDER}|[-_:.hH])?"
_EDGE = r"(?<!\d)"
_END = r"(?!\d)"
_APART = r"(?<![A-Za-z\d])"
_ALONE = r"(?![A-Za-z\d])"


def _parts(*parts: str) -> str:
    """A regex of directives and what stands between them."""
    return "".join(f"(?P<{part}>{_DIGITS[part]})" if part in _DIGITS else part for part in parts)


_DAY = ("Y", _SIGN, "m", _SIGN, "d")
# From the finest on; of those that begin at one place the first is taken.
_FORMS = {
    "minute": _EDGE + _parts(*_DAY, _CLOCK, "H", _COLON, "M") + rf"(?:(?=[0-5]\d{_END})|{_END})",
    "hour": _EDGE + _parts(*_DAY, _CLOCK, "H") + _END,
    "day": _EDGE + _parts(*_DAY) + _END,
    "day of the year": _APART + _parts("Y", r"[-_.]?", "j") + _ALONE,
    "week": _EDGE + _parts("G", r"(?:-|_|/)?[Ww]", "V") + _END,
    "quarter": _EDGE + _parts("Y", r"(?:-|_|/)?[Qq]", "q") + _END,
    "day first": _EDGE + _parts("d", r"(?P<sign>[-_.])", "m", r"(?P=sign)", "Y") + _END,
    "month first": _EDGE + _parts("m", r"(?P<sign>[-_.])", "d", r"(?P=sign)", "Y") + _END,
    "month": _EDGE + _parts("Y", _SIGN, "m") + _ALONE,
    "year": _APART + _parts("Y") + _ALONE,
}
_SEPARATOR = re.compile(r"[/_\-. =,+()]+")
_BETWEEN = re.compile(rf"(?P<sign>=)(?P<value>[^/=]+(?=/))|(?P<signs>{_SEPARATOR.pattern})")
_WEAK_HOUR = re.compile(r"%d[/_ -]%H$")  # without minutes: as well the number of a shop, or of a part
_UNFIT = re.compile(r"[{}*?\[\]%]")


class Stamp(NamedTuple):
    """A time in a path, as the format of a path pattern."""

    format: str

    @property
    def directives(self) -> tuple[str, ...]:
        """The letters of its numbers, in their order."""
        return tuple(re.findall(r"%([A-Za-z])", self.format))


class Reading(NamedTuple):
    """How stamps are read where that isn't sure."""

    has_hours: bool = True  # whether 2024-01-03_07 has an hour
    is_month_first: bool = False  # whether 01-02-2024 is the second of January


class Name(NamedTuple):
    """A path taken apart. Its parts, written one after the other, are the path."""

    path: str
    parts: tuple[str | Stamp, ...]  # words and what separates them, in turn as they stand; stamps
    numbers: tuple[tuple[int, ...], ...]  # of each stamp, in the order of its directives


@lru_cache(8)
def _matcher(reading: Reading) -> re.Pattern[str]:
    """All forms in one regex, in which each has groups of its own."""
    forms = dict(_FORMS)
    if reading.is_month_first:
        forms["day first"], forms["month first"] = forms["month first"], forms["day first"]
    if not reading.has_hours:
        del forms["hour"]
    found = []
    for number, form in enumerate(forms.values()):
        form = re.sub(r"\(\?P<(\w+)>", rf"(?P<\g<1>{number}>", form)
        found.append(re.sub(r"\(\?P=(\w+)\)", rf"(?P=\g<1>{number})", form))
    return re.compile("|".join(f"(?:{form})" for form in found), re.ASCII)


def take_apart(path: str, ending: str, reading: Reading) -> Name:
    """The parts of a path, whose last part is `ending`."""
    text = path[: len(path) - len(ending)]
    parts: list[str | Stamp] = []
    numbers: list[tuple[int, ...]] = []
    position = 0
    for found in _matcher(reading).finditer(text):
        named = {name.rstrip("0123456789"): found.span(name) for name, value in found.groupdict().items() if value}
        named.pop("sign", None)
        stamp, values = _stamp(text, found.start(), found.end(), named)
        if stamp is None:
            continue
        parts += [*_words(text[position : found.start()]), stamp]
        numbers.append(values)
        position = found.end()
    parts += [*_words(text[position:]), ending]
    return Name(path, tuple(part for part in parts if part), tuple(numbers))


def _stamp(text: str, start: int, end: int, named: dict[str, tuple[int, int]]) -> tuple[Stamp | None, tuple[int, ...]]:
    """The format of the numbers that stand in a text; None where there is no such day or week."""
    position, form = start, ""
    values = {}
    for letter, (first, last) in sorted(named.items(), key=lambda item: item[1]):
        form += f"{text[position:first]}%{letter}"
        values[letter] = int(text[first:last])
        position = last
    if _UNFIT.search(re.sub(r"%[A-Za-z]", "", form)) or moment_of(values) is None:
        return None, ()
    return Stamp(form + text[position:end]), tuple(values.values())


def moment_of(values: dict[str, int]) -> datetime | None:
    """The first moment that numbers of directives leave open; None where there is no such time."""
    try:
        if "G" in values:
            day = date.fromisocalendar(values["G"], values["V"], 1)
        elif "j" in values:
            day = date.fromordinal(date(values["Y"], 1, 1).toordinal() + values["j"] - 1)
            if day.year != values["Y"]:
                return None
        else:
            month = values["q"] * 3 - 2 if "q" in values else values.get("m", 1)
            day = date(values["Y"], month, values.get("d", 1))
    except ValueError:
        return None
    return datetime(day.year, day.month, day.day, values.get("H", 0), values.get("M", 0))


def is_weak_hour(stamp: Stamp) -> bool:
    """Whether what was read as an hour may be another number."""
    return _WEAK_HOUR.search(stamp.format) is not None


def is_separator(part: str | Stamp) -> bool:
    """Whether a part stands between words."""
    return isinstance(part, str) and _SEPARATOR.fullmatch(part) is not None


def _words(text: str) -> list[str]:
    """Words and separators in turn. The value of a folder with a name (region=north-east) is one word."""
    found = []
    position = 0
    for sign in _BETWEEN.finditer(text):
        found += [text[position : sign.start()], sign["sign"] or sign["signs"], *filter(None, [sign["value"]])]
        position = sign.end()
    return [*found, text[position:]]
