"""What recipes opened without a word in the Dataflowfile; as lines and as JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from dbuild.core.events import Touched, Traced
from dbuild.ui.stream import paint
from dbuild.ui.text import clean, counted

_SHOWN = 5  # files of a target that are listed
_TARGETS = 10  # of which files are listed
_VERBS = {"read": "reads", "list": "lists", "write": "writes", "remove": "removes"}


def traced_lines(event: Traced, *, is_verbose: bool = False) -> list[str]:
    """A warning for each file, of each target a few; or that there is nothing to warn of."""
    if not event.touched:
        return [f"traced {counted(event.tasks, 'task')}: nothing opened that isn't declared"] if event.tasks else []
    lines: list[str] = []
    targets = dict.fromkeys(one.target for one in event.touched)
    for name in targets if is_verbose else list(targets)[:_TARGETS]:
        own = [one for one in event.touched if one.target == name]
        shown = own if is_verbose else own[:_SHOWN]
        lines += [f"{paint('warning:', 'yellow', sys.stderr)} {_line(one)}" for one in shown]
        if len(own) > len(shown):
            lines.append(f"  and {counted(len(own) - len(shown), 'file')} more of {clean(name)} (-v lists them)")
    if len(targets) > _TARGETS and not is_verbose:
        lines.append(f"and files of {counted(len(targets) - _TARGETS, 'target')} more (-v lists them)")
    if event.left_out:
        lines.append(f"and {counted(event.left_out, 'file')} more, too many to be listed")
    return lines


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
