"""Periods of time as parts of a path: a key as it is (2013-01-05), or in a format of strftime (2013/01/05).

Every format has a fixed width and can be turned back into the key. Unaware of paths.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from functools import lru_cache, partial

from dbuild.core.grain import Grain
from dbuild.core.overlap import DIGIT, Atom, Some
from dbuild.errors import UserError

_CACHED = 1 << 16  # texts remembered for each format: paths of one folder repeat few periods
_WIDTHS = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "j": 3, "G": 4, "V": 2, "q": 1, "z": 5}
_OFFSET = "[+-][0-9]{4}"
_DIRECTIVE = re.compile(r"%(.?)|([^%]+)", re.DOTALL)
# The directives that are enough to know a period of each unit, in the order of preference.
_ENOUGH = {
    "minute": ("YmdHM", "YjHM"),
    "hour": ("YmdH", "YjH"),
    "day": ("Ymd", "Yj"),
    "week": ("GV", "Ymd", "Yj"),
    "month": ("Ym", "Yj"),
    "quarter": ("Yq", "Ym", "Yj"),
    "year": ("Y",),
}
_PLAIN = {
    "minute": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]",
    "hour": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3])",
    "day": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "week": r"[0-9]{4}-W[0-9]{2}",
    "month": r"[0-9]{4}-(?:0[1-9]|1[0-2])",
    "quarter": r"[0-9]{4}-Q[1-4]",
    "year": r"[0-9]{4}",
}


# How a key is put together from a format's numbers, and where they stand in it.
_KEYS = {
    "minute": "%(Y)s-%(m)s-%(d)sT%(H)s:%(M)s",
    "hour": "%(Y)s-%(m)s-%(d)sT%(H)s",
    "day": "%(Y)s-%(m)s-%(d)s",
    "week": "%(G)s-W%(V)s",
    "month": "%(Y)s-%(m)s",
    "quarter": "%(Y)s-Q%(q)s",
    "year": "%(Y)s",
}
_STARTS = {"Y": 0, "G": 0, "m": 5, "d": 8, "H": 11, "M": 14, "V": 6, "q": 6}
_SLICES = {name: slice(start, start + _WIDTHS[name]) for name, start in _STARTS.items()}


class PeriodFormat:
    """How a dimension's periods are written at one place of a path.

    `regex` has the shape of the text, `atoms` the same for core.overlap; `write` turns a key into its text
    (ValueError where it is no key), `read` a text of that shape into the key (None where there is no such period).
    """

    __slots__ = ("_grain", "_has_offset", "_is_key", "_tokens", "_where", "atoms", "read", "regex", "write")

    def __init__(self, grain: Grain, text: str | None) -> None:
        """`text` None stands for the key as it is. UserError (without a place) where it can't be read back."""
        self._grain = grain
        is_plain = grain.count == 1 and grain.timezone == "UTC"
        self._is_key = partial(_is_period, grain.unit) if is_plain else partial(_is_start, grain)
        may_have_offset = grain.timezone != "UTC" and not grain.is_dated
        self.atoms: tuple[Atom, ...]
        self.read: Callable[[str], str | None]
        self.write: Callable[[str], str]
        if text is None:
            self.regex = _PLAIN[grain.unit] + (f"(?:{_OFFSET}(?:[0-9]{{2}})?)?" if may_have_offset else "")
            self.atoms = tuple(Some(DIGIT) if character.isdigit() else character for character in grain.example)
            self.atoms += (Some(_IN_OFFSETS, is_repeated=True),) if may_have_offset else ()
            self.read = _READERS[grain.unit] if is_plain else self._known
            self.write = self._check
            return
        self._tokens = _tokens(text)
        self._where = _positions(self._tokens, grain, text)
        self._has_offset = any(name == "z" for name, _ in self._tokens)
        self.regex = "".join(_regex(name) if name else re.escape(said) for name, said in self._tokens)
        self.atoms = tuple(atom for token in self._tokens for atom in _atoms(*token))
        names = sorted(name for name, _ in self._tokens if name)
        if names == sorted(_ENOUGH[grain.unit][0]) and not may_have_offset:
            self.read, self.write = self._rearrange, self._place
        else:
            self.read, self.write = lru_cache(_CACHED)(self._parse), lru_cache(_CACHED)(self._format)

    def _check(self, key: str) -> str:
        if not self._is_key(key):
            raise ValueError(f'"{key}" is not a {self._grain.words} (as in {self._grain.example})')
        return key

    def _known(self, text: str) -> str | None:
        return text if self._is_key(text) else None

    # Where a format has each number of the key once, text and key are the same digits in another order: no calendar.
    def _rearrange(self, text: str) -> str | None:
        key = _KEYS[self._grain.unit] % {name: text[start:end] for name, start, end in self._where}
        return key if self._is_key(key) else None

    def _place(self, key: str) -> str:
        self._check(key)
        return "".join([key[_SLICES[name]] if name else said for name, said in self._tokens])

    def _format(self, key: str) -> str:
        number = self._grain.index(self._check(key))
        wall = self._grain.wall(number)
        numbers = {name: _write(name, wall) for name, _ in self._tokens if name and name != "z"}
        if not self._has_offset and self._grain.offset(number):  # long ago: see Grain.has_twins
            raise ValueError(f'"{key}" has an offset, which its path lacks')
        if self._has_offset:
            numbers["z"] = _fixed(self._grain.offset_of(number))
        return "".join(numbers[name] if name else said for name, said in self._tokens)

    def _parse(self, text: str) -> str | None:
        part = {name: text[start:end] for name, start, end in self._where}
        try:
            named = self._grain.named(_moment({name: int(said) for name, said in part.items() if name != "z"}))
            keys = [self._grain.text(number) for number in named]
            return next((key for key in keys if self._format(key) == text), None)
        except (ValueError, OverflowError):
            return None


@lru_cache(_CACHED)
def _is_period(unit: str, key: str) -> bool:
    """Whether a text is the key of a period. (core.grain numbers periods too, which costs ten times as much.)"""
    return re.fullmatch(_PLAIN[unit], key) is not None and _READERS[unit](key) is not None


@lru_cache(_CACHED)
def _is_start(grain: Grain, key: str) -> bool:
    """Whether a text is the key of a period of several units."""
    try:
        return grain.index(key) is not None
    except (ValueError, OverflowError):
        return False


def _tokens(text: str) -> tuple[tuple[str, str], ...]:
    """The directives and texts of a format, as pairs of which one is empty."""
    if re.search(r"[*?\[\]]", text):
        raise UserError(f'the format "{text}" has a glob', hint="globs stand beside placeholders, not in them")
    tokens = []
    for found in _DIRECTIVE.finditer(text):
        if found[2] or found[1] == "%":
            tokens.append(("", found[2] or "%"))
        elif found[1] in _WIDTHS:
            tokens.append((found[1], ""))
        else:
            raise UserError(
                f'the format "{text}" has "%{found[1]}", which can\'t be turned back into a key', hint=_HINT
            )
    return tuple(tokens)


_SIGNS = ((43, 43), (45, 45))
_IN_OFFSETS = (*_SIGNS, *DIGIT)
_HINT = "formats may have %Y %m %d %H %M %j (day of the year) %G %V (ISO year and week) %q (quarter) %z (offset)"


def _positions(tokens: tuple[tuple[str, str], ...], grain: Grain, text: str) -> tuple[tuple[str, int, int], ...]:
    """Where the directives stand that a period is read from."""
    names = {name for name, _ in tokens if name}
    if "z" in names and not grain.has_twins:
        what = f'the format "{text}" has "%z", which says nothing of a {grain.unit} of {grain.timezone}'
        raise UserError(what, hint="clocks show none of them twice: leave it out")
    choices = [choice + "z" * grain.has_twins for choice in _ENOUGH[grain.unit]]
    enough = next((wanted for wanted in choices if names.issuperset(wanted)), None)
    if enough is None:
        wanted = " or ".join(" ".join(f"%{name}" for name in choice) for choice in choices)
        if grain.has_twins:
            wanted += f" (an offset: clocks in {grain.timezone} show some {grain.unit}s twice)"
        raise UserError(f'the format "{text}" doesn\'t tell one {grain.unit} from another', hint=f"it needs {wanted}")
    where: dict[str, tuple[str, int, int]] = {}
    start = 0
    for name, said in tokens:
        end = start + (_WIDTHS[name] if name else len(said))
        if name and name in enough:
            where.setdefault(name, (name, start, end))
        start = end
    return tuple(where.values())


def _regex(name: str) -> str:
    return _OFFSET if name == "z" else f"[0-9]{{{_WIDTHS[name]}}}"


def _fixed(offset: str) -> str:
    """An offset of hours and minutes; ValueError for one with seconds, as zones had them long ago."""
    if len(offset) != _WIDTHS["z"]:
        raise ValueError(f"the offset {offset} has seconds, which a path can't have")
    return offset


def _atoms(name: str, said: str) -> tuple[Atom, ...]:
    if name == "z":
        return (Some(_SIGNS), *(Some(DIGIT),) * 4)
    return (Some(DIGIT),) * _WIDTHS[name] if name else (said,)


def _write(name: str, moment: datetime) -> str:
    match name:
        case "j":
            return f"{moment.timetuple().tm_yday:03d}"
        case "G":
            return f"{moment.isocalendar().year:04d}"
        case "V":
            return f"{moment.isocalendar().week:02d}"
        case "q":
            return str((moment.month + 2) // 3)
        case _:
            value = {"Y": moment.year, "m": moment.month, "d": moment.day, "H": moment.hour, "M": moment.minute}[name]
            return f"{value:0{_WIDTHS[name]}d}"


def _moment(part: dict[str, int]) -> datetime:
    """The first moment that the numbers of a format allow; ValueError where there is none."""
    if "G" in part:
        day = date.fromisocalendar(part["G"], part["V"], 1)
    elif "j" in part:
        day = date.fromordinal(date(part["Y"], 1, 1).toordinal() + part["j"] - 1)
    else:
        month = part["q"] * 3 - 2 if "q" in part else part.get("m", 1)
        day = date(part["Y"], month, part.get("d", 1))
    return datetime(day.year, day.month, day.day, part.get("H", 0), part.get("M", 0))


def _read_day(text: str) -> str | None:
    try:
        date.fromisoformat(text)
    except ValueError:
        return None
    return text


def _read_time(text: str) -> str | None:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return None
    return text


def _read_week(text: str) -> str | None:
    try:
        date.fromisocalendar(int(text[:4]), int(text[6:]), 1)
    except ValueError:
        return None
    return text


def _read_year(text: str) -> str | None:
    return text if text[:4] != "0000" else None


# The shapes above leave open only what these check; each is a call or two into C, for 100,000 paths.
_READERS: dict[str, Callable[[str], str | None]] = {
    "minute": _read_time,
    "hour": _read_time,
    "day": _read_day,
    "week": _read_week,
    "month": _read_year,
    "quarter": _read_year,
    "year": _read_year,
}
