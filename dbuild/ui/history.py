"""What happened to datasets, as lines and as JSON."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from statistics import median

from dbuild.core.history import Happening, History
from dbuild.ui.bars import sparkline
from dbuild.ui.moments import When
from dbuild.ui.stream import paint
from dbuild.ui.tables import Cell, Column, Painted, headed, table
from dbuild.ui.text import clean, clip, duration, size_text, span

_WIDEST_KEYS = 60
_WIDEST_WHY = 100
_PLOT = 40  # characters of a plot
_COLUMNS = (
    Column("run", is_right=True),
    Column("when", 4),
    Column("partition"),
    Column("partitions", 3, 10),
    Column("what"),
    Column("took", 5, is_right=True),
    Column("size", 6, is_right=True),
    Column("who", 7, 6),
    Column("why", 2, 20),
)


def history_lines(history: History, when: When, width: int | None) -> list[str]:
    """The history of one dataset: what it was like over time, then what happened, newest first."""
    name = clean(f"{history.dataset}@{history.keys}" if history.keys else history.dataset)
    if not history.happenings:
        return [f"{paint(name, '', sys.stdout, bold=True)}: nothing has happened to it yet"]
    lines = [paint(name, "", sys.stdout, bold=True)]
    if len(history.seconds) > 1:
        lines.append(_plot("took", history.seconds, duration, width))
    if len(history.sizes) > 1:
        lines.append(_plot("size", history.sizes, lambda size: size_text(round(size)), width))
    shown = _shown(history)
    rows = [[_cell(happening, column.title, when) for column in shown] for happening in history.happenings]
    return [*lines, *headed(table(shown, rows, width))]


def _plot(title: str, values: Sequence[float], tell: Callable[[float], str], width: int | None) -> str:
    """A line of how large something was, oldest first."""
    said = f"{tell(values[-1])} last, {tell(median(values))} median, {tell(max(values))} most"
    room = _PLOT if width is None else max(4, min(_PLOT, width - len(said) - len(title) - 4))
    return f"{title}  {paint(sparkline(values, room), 'cyan', sys.stdout)}  {said}"


def _shown(history: History) -> list[Column]:
    """The columns that say anything. Keys that are all the same are in the head already."""
    found = history.happenings
    has_sets = any(one.partitions > 1 or (one.kind == "mark" and "@" in one.keys) for one in found)
    is_keyed = {one.keys for one in found} != {history.keys}
    said = {
        "partition": is_keyed and not has_sets,
        "partitions": is_keyed and has_sets,
        "took": any(one.seconds is not None for one in found),
        "size": any(one.size is not None for one in found),
        "who": len({one.who for one in found}) > 1 or any(one.kind == "mark" for one in found),
        "why": any(one.why for one in found),
    }
    return [column for column in _COLUMNS if said.get(column.title, True)]


def _cell(one: Happening, title: str, when: When) -> Cell:
    match title:
        case "run":
            return clean(one.number)
        case "when":
            return when.text(one.at)
        case "partition":
            return clean(f"{one.dataset}@{one.keys}" if one.keys else one.dataset)
        case "partitions":
            return clip(clean(one.keys), _WIDEST_KEYS) or ("all" if one.kind == "mark" else "")
        case "what":
            return _what(one)
        case "took":
            return _took(one)
        case "size":
            return size_text(one.size) if one.size is not None else ""
        case "who":
            return clean(one.who)
        case _:
            return clip(clean(one.why), _WIDEST_WHY)


def _took(one: Happening) -> str:
    if one.seconds is None:
        return ""
    if one.kind == "run":
        return duration(one.seconds)
    return f"{span(one.seconds)} late" if one.seconds > 0 else "in time"


def _what(one: Happening) -> Cell:
    if one.kind == "mark":
        return Painted(f"marked {one.word}", "blue")
    if one.kind == "arrival":
        return f"{one.partitions:,} {one.word}" if one.partitions > 1 else one.word
    if one.built + one.failed + one.retried <= 1:
        alone = "failed" if one.failed else "retried" if one.retried else "built, same" if one.same else "built"
        return Painted(alone, "red") if one.failed else alone
    parts = [
        f"{one.built:,} built" if one.built else "",
        ("all the same" if one.same == one.built else f"{one.same:,} the same") if one.same else "",
        f"{one.failed:,} failed" if one.failed else "",
        f"{one.retried:,} retried" if one.retried else "",
    ]
    text = ", ".join(part for part in parts if part)
    return Painted(text, "red") if one.failed else text


def history_record(one: Happening) -> dict[str, object]:
    """One thing that happened; `seconds` of an arrival is how long after its deadline it was."""
    return {
        "kind": one.kind,
        "dataset": one.dataset,
        "keys": one.keys,
        "run": one.number,
        "at": one.at,
        "word": one.word or None,
        "partitions": one.partitions,
        "built": one.built,
        "same": one.same,
        "failed": one.failed,
        "retried": one.retried,
        "seconds": one.seconds,
        "size": one.size,
        "who": one.who or None,
        "why": one.why,
        "log": one.log,
    }
