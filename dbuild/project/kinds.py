"""Which values the kinds of keys take. Unaware of the keys and of where they stand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time

from dbuild.project.keys import Kind
from dbuild.project.quantities import read_duration, read_size, read_time


def mistyped(kind: Kind, value: object) -> str | None:
    """What a value should have been; None where it is right. Dates are looked at with the grain that they are for."""
    if kind == "string" and isinstance(value, dict):
        return "a string; a table is not supported by this version of dbuild"
    wanted, is_right = _KINDS.get(kind, ("", lambda _: True))
    return None if is_right(value) else wanted


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_list(value: object, least: int) -> bool:
    return isinstance(value, list) and len(value) >= least and all(isinstance(item, str) and item for item in value)


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= _MOST


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _MOST


def _is_quantity(value: object, read: Callable[[str], object]) -> bool:
    if not isinstance(value, str):
        return False
    try:
        read(value)
    except ValueError:
        return False
    return True


def _said(value: object) -> object:
    """A time of day as text, which TOML has values for."""
    return value.isoformat() if isinstance(value, time) else value


def _is_duration(value: object) -> bool:
    return _is_quantity(value, read_duration)


_MOST = 10**9  # of anything that is counted
_SIZES = 'a size ("500MB", "2GB", "1.5GiB")'
_DURATIONS = 'a duration ("90s", "10m", "1h30m")'
_KINDS: dict[str, tuple[str, Callable[[object], bool]]] = {
    "string": ("a string that isn't empty", _is_text),
    "strings": ("a list of strings", lambda value: _is_list(value, least=0)),
    "table": ("a table", lambda value: isinstance(value, dict)),
    "inputs": ("a list or a table", lambda value: isinstance(value, list | dict)),
    "outputs": ("a string that isn't empty, or a table", lambda value: _is_text(value) or isinstance(value, dict)),
    "number": ("a number above 0", _is_number),
    "count": ("a whole number, at least 1", lambda value: _is_whole(value, 1)),
    "times": ("a whole number, 0 or more", lambda value: _is_whole(value, 0)),
    "batch": (
        'a whole number, at least 1, or "all"',
        lambda value: value == "all" or _is_whole(value, 1),
    ),
    "size": (_SIZES, lambda value: _is_quantity(value, read_size)),
    "duration": (_DURATIONS, _is_duration),
    "retries": (
        "a whole number, 0 or more, or a table",
        lambda value: _is_whole(value, 0) or isinstance(value, dict),
    ),
    "timeout": (f"{_DURATIONS} or a table", lambda value: _is_duration(value) or isinstance(value, dict)),
    "discovery": (
        "the name of a source, or a table with sql",
        lambda value: _is_text(value) or isinstance(value, dict),
    ),
    "names": ("a name, or a list of names", lambda value: _is_text(value) or _is_list(value, least=0)),
    "environment": (
        '"ignore", a list of files and names, or a table with cmd',
        lambda value: value == "ignore" or _is_list(value, least=1) or isinstance(value, dict),
    ),
    "causes": ("a list of exit statuses and names", lambda value: isinstance(value, list)),
    "time": ('a time of day ("06:00")', lambda value: _is_quantity(_said(value), read_time)),
    "dates": ("a list of dates, or a file's name", lambda value: isinstance(value, list) or _is_text(value)),
    "days": ('"business days" or a list of weekdays', lambda value: _is_text(value) or _is_list(value, least=1)),
    "routes": ("a string that isn't empty, or a table", lambda value: _is_text(value) or isinstance(value, dict)),
}
