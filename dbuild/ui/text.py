"""Words, numbers and names as people read them. The one place where text from data is made safe for a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from dbuild.core.events import Key

if TYPE_CHECKING:  # a build with nothing to do writes one line, and needs no sets for it
    from dbuild.core.partitions import PartitionSet

# Control characters, lone surrogates (bytes that are not UTF-8), and characters that reorder or hide what stands
# around them: each could make a terminal show something else than the text says.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]"
)
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
_WIDEST_SET = 120  # characters of a set of partitions on one line
_DAY, _YEAR = 86_400, 31_557_600  # seconds
# Up to how many seconds an age is told in which unit, and how long that is.
_AGES = (
    (60, 1, "s"),
    (3600, 60, "min"),
    (2 * _DAY, 3600, "h"),
    (60 * _DAY, _DAY, "d"),
    (2 * _YEAR, _YEAR / 12, "months"),
)
_RUNS = 4  # runs of each axis that are looked at to print a set


def clean(text: str) -> str:
    """One line of text with every character that could act on a terminal written as an escape."""
    return _UNSAFE.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    number = ord(found.group())
    if 0xDC80 <= number <= 0xDCFF:  # how Python holds a byte that is not UTF-8
        return f"\\x{number - 0xDC00:02x}"
    return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(
        found.group(), f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
    )


def clean_lines(text: str) -> list[str]:
    """Lines that a program printed: colours dropped, tabs widened, the last state of a redrawn line, made safe."""
    lines = _ESCAPES.sub("", text).replace("\r\n", "\n").split("\n")
    return [clean(line.rstrip("\r").rpartition("\r")[2].expandtabs(4)).rstrip() for line in lines]


def partition_name(name: str, key: Key) -> str:
    """A partition as people type it, safe to print."""
    from dbuild.core.keytext import typed_key

    return clean(f"{name}@{','.join(typed_key(value) for _, value in key)}" if key else name)


def set_text(partitions: PartitionSet, width: int = _WIDEST_SET) -> str:
    """A set as people type it, safe to print and cut with `…`; the cost doesn't grow with the set."""
    from dbuild.core.keytext import shortened_set

    return clip(clean(shortened_set(partitions.axes, partitions.body, width, _RUNS)), width)


def clip(text: str, width: int) -> str:
    """The text, cut with `…` where it is longer than `width` characters."""
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"


def duration(seconds: float) -> str:
    """A length of time in seconds as 0.08s, 3.4s, 2m05s or 1h02m."""
    if seconds < 1:
        return f"{seconds:.2f}s"
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest:02d}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02d}m"


def brief(seconds: float) -> str:
    """A length of time that goes on, in whole seconds: 8s, 2m05s, 1h02m."""
    return f"{int(seconds)}s" if seconds < 60 else duration(int(seconds))


def span(seconds: float) -> str:
    """A length of time, as coarse as it is long: 40s, 12m, 3h05m, 2d03h, 40d."""
    minutes = int(seconds // 60)
    if minutes < 1:
        return f"{int(seconds)}s"
    if minutes < 60:
        return f"{minutes}m"
    if minutes < 24 * 60:
        return f"{minutes // 60}h{minutes % 60:02}m"
    days, rest = divmod(minutes, 24 * 60)
    return f"{days}d{rest // 60:02}h" if days < 10 else f"{days}d"


def counted(number: int, noun: str) -> str:
    """A number with its noun: 1 partition, 1,200 partitions."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(words: Iterable[str], limit: int = 5) -> str:
    """Words with commas, the rest of a long list as a number; safe to print."""
    found = list(words)
    more = f" and {len(found) - limit:,} more" if len(found) > limit else ""
    return clean(", ".join(found[:limit])) + more


def assumed_text(names: Iterable[str]) -> str:
    """What is told of datasets whose files nobody looked at."""
    return f"assumed unchanged: {listed(names)}"


def size_text(size: int) -> str:
    """A number of bytes as 812 B, 4.1 kB, 12 MB."""
    if size < 1000:
        return f"{size} B"
    value, units = size / 1000, ["PB", "TB", "GB", "MB", "kB"]
    while value >= 999.5 and len(units) > 1:
        value /= 1000
        units.pop()
    unit = units[-1]
    return f"{value:.1f} {unit}" if value < 9.95 else f"{value:.0f} {unit}"


def age(seconds: float) -> str:
    """How long ago something was, in one unit: now, 40 s, 3 min, 5 h, 12 d, 7 months, 2 years."""
    if seconds < 1:
        return "now"
    for most, length, unit in _AGES:
        if seconds < most:
            return f"{int(seconds / length)} {unit} ago"
    return f"{int(seconds / _YEAR)} years ago"
