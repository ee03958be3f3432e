"""What recipes opened without a word in the Dataflowfile; as lines and as JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from dbuild.core.events import Touched, Traced
from dbuild.ui.stream import paint
from dbuild.ui.text import clean, counted

_SHOWN = 20  # files that are listed
_VERBS = {"read": "reads", "list": "lists", "write": "writes", "remove": "removes"}


def traced_lines(event: Traced, *, is_verbose: bool = False) -> list[str]:
    """A warning for each file, or that there is nothing to warn of."""
    shown = event.touched if is_verbose else event.touched[:_SHOWN]
    lines = [f"{paint('warning:', 'yellow', sys.stderr)} {line}" for line in map(_line, shown)]
    left = len(event.touched) - len(shown)
    if left:
        lines.append(f"and {counted(left, 'file')} more (-v lists them)")
    if event.left_out:
        lines.append(f"and {counted(event.left_out, 'file')} more, too many to be listed")
    if lines or not event.tasks:
        return lines
    return [f"traced {counted(event.tasks, 'task')}: nothing opened that isn't declared"]


def _line(touched: Touched) -> str:
    target, path = clean(touched.target), clean(touched.path)
    count = f" ({touched.tasks:,} partitions)" if touched.tasks > 1 else ""
    if touched.deed == "unread":
        return f'{target} never opens its input "{path}"{count}: {clean(touched.hint)}'
    return f"{target} {_VERBS[touched.deed]} {path}, which it doesn't declare{count}: {clean(touched.hint)}"


def traced_records(event: Traced) -> Iterator[dict[str, object]]:
    """A record for each file."""
    for one in event.touched:
        yield {
            "event": "undeclared",
            "target": one.target,
            "what": one.deed,
            "path": one.path,
            "partitions": one.tasks,
            "hint": one.hint,
        }
