"""Sizes ("2GB"), durations ("1h30m") and times of day ("06:00") as people write them. Unaware of what they are for."""

from __future__ import annotations

import re
from datetime import time

_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,9})?"
_BYTES: dict[str, int] = {"B": 1} | {
    f"{letter}{infix}B": base**power
    for infix, base in (("", 1000), ("i", 1024))
    for power, letter in enumerate("KMGT", start=1)
}
_SECONDS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}

# As regular expressions that editors understand too. Letters of sizes may be small, as in "2gb".
SIZE = rf"{_NUMBER} ?(?:[KMGTkmgt][Ii]?)?[Bb]"
DURATION = "|".join(
    f"{_NUMBER}{unit}" + "".join(f"(?: ?{_NUMBER}{smaller})?" for smaller in list(_SECONDS)[place + 1 :])
    for place, unit in enumerate(_SECONDS)
)
TIME = r"(?:[01]?[0-9]|2[0-3]):[0-5][0-9](?::00)?|24:00(?::00)?"  # of the day; TOML's own ones have seconds

_SIZE = re.compile(rf"({_NUMBER}) ?([A-Za-z]+)")
_PART = re.compile(rf"({_NUMBER})([a-z]+)")


def read_size(text: str) -> int:
    """The bytes of a size: kB, MB, GB, TB count by 1000, KiB to TiB by 1024. ValueError where it is none."""
    found = _SIZE.fullmatch(text) if re.fullmatch(SIZE, text) else None
    if not found:
        raise ValueError(f'"{text}" is no size')
    unit = found[2].upper().replace("I", "i")
    size = round(float(found[1]) * _BYTES[unit])
    if size < 1:
        raise ValueError(f'"{text}" is less than a byte')
    return size


def read_duration(text: str) -> float:
    """The seconds of a duration, days first: "1d", "1h30m", "90s", "500ms". ValueError where it is none."""
    if not re.fullmatch(DURATION, text):
        raise ValueError(f'"{text}" is no duration')
    return sum(float(count) * _SECONDS[unit] for count, unit in _PART.findall(text))


def read_time(value: object) -> int:
    """The minutes since midnight of a time of day, "06:00", also as TOML writes it; ValueError where it is none."""
    text = value.isoformat() if isinstance(value, time) else str(value)
    if not re.fullmatch(TIME, text):
        raise ValueError(f'"{text}" is no time of day')
    hours, minutes = text.split(":")[:2]
    return int(hours) * 60 + int(minutes)
