"""Bars of counts, in characters."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from dbuild.ui.stream import is_plain, paint
from dbuild.ui.text import clean

_LONGEST = 50  # characters of the longest bar, however wide the terminal is
_STEPS, _PLAIN_STEPS = "▁▂▃▄▅▆▇█", "_.-=*#"
_FULL, _PARTS = "█", " ▏▎▍▌▋▊▉"


def bars(counts: Sequence[tuple[str, int]], width: int) -> list[str]:
    """A line for each label, with a bar as long as its count and the count; no wider than `width` where that can be.

    Where the output can't show blocks, bars are of `#`. What isn't none is never shown as nothing.
    """
    label = max((len(clean(name)) for name, _ in counts), default=0)
    most = max((number for _, number in counts), default=0)
    digits = len(f"{most:,}")
    room = max(4, min(_LONGEST, width - label - digits - 3))
    has_blocks = not is_plain(sys.stdout)
    lines = []
    for name, number in counts:
        drawn = _bar(number / most * room, has_blocks=has_blocks) if number else ""
        bar = f"{paint(drawn, 'cyan', sys.stdout)} {number:,}" if number else "-"
        lines.append(f"{clean(name):{label}}  {bar}")
    return lines


def bar(value: float, most: float, width: int) -> str:
    """A bar that is `width` characters long where the value is the greatest; nothing for none."""
    return _bar(value / most * width, has_blocks=not is_plain(sys.stdout)) if value > 0 and most > 0 else ""


def sparkline(values: Sequence[float | None], width: int) -> str:
    """A curve of at most `width` characters; the highest is the greatest value, None is a gap.

    Where there are more values, each character stands for the mean of as many as come together.
    """
    bins = _binned(values, width)
    most = max((value for value in bins if value is not None), default=0.0)
    steps = _PLAIN_STEPS if is_plain(sys.stdout) else _STEPS
    last = len(steps) - 1
    return "".join(" " if v is None else steps[min(last, round(v / most * last)) if most else 0] for v in bins)


def _binned(values: Sequence[float | None], width: int) -> list[float | None]:
    if len(values) <= width:
        return list(values)
    found: list[float | None] = []
    for place in range(width):
        some = values[place * len(values) // width : (place + 1) * len(values) // width]
        known = [value for value in some if value is not None]
        found.append(sum(known) / len(known) if known else None)
    return found


def _bar(length: float, *, has_blocks: bool) -> str:
    if not has_blocks:
        return "#" * max(1, round(length))
    whole, rest = divmod(max(1, round(length * 8)), 8)
    return _FULL * whole + (_PARTS[rest] if rest else "")
