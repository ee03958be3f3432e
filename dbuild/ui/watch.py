"""What a watch says, as lines and as JSON."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from dbuild.core.events import Lacking
from dbuild.core.watching import (
    Changed,
    Circling,
    Failed,
    Kept,
    Mended,
    Missed,
    Noted,
    Stopped,
    Told,
    WatchEvent,
    Watching,
)
from dbuild.ui.json import encode
from dbuild.ui.problems import error_lines
from dbuild.ui.report import lacking_line
from dbuild.ui.stream import paint, tell
from dbuild.ui.text import age, clean, counted, listed, span

_NAMED = 3  # partitions that are named


def teller(*, json: bool, quiet: bool) -> Callable[[WatchEvent], None]:
    """Where a watch says what happens: JSON on standard output, or lines on standard error."""

    def as_json(event: WatchEvent) -> None:
        tell(sys.stdout, encode(watch_record(event)))
        if isinstance(event, Failed):
            tell(sys.stderr, *watch_lines(event))

    def as_lines(event: WatchEvent) -> None:
        lines = watch_lines(event)
        if lines and (not quiet or isinstance(event, Failed | Kept | Circling | Told)):
            tell(sys.stderr, *lines)

    return as_json if json else as_lines


def watch_lines(event: WatchEvent) -> list[str]:
    """An event as lines."""
    match event:
        case Watching():
            how = f"{counted(event.folders, 'folder')}, by {event.by}" if event.folders else f"by {event.by}"
            return [paint(f"watching ({how}); Ctrl-C ends it", "cyan", sys.stderr)]
        case Changed():
            more = f" and {event.more:,} more" if event.more else ""
            named = listed([clean(path) for path in event.paths]) or "something"
            return [paint(f"{time.strftime('%H:%M:%S')} {named}{more} changed", "cyan", sys.stderr)]
        case Noted():
            return [_note_line(event.record)]
        case Failed():
            return _error_lines(event.error)
        case Kept():
            return _warning("builds go on with the project's files as they were, until they are mended")
        case Mended():
            return [paint("builds can be made again", "green", sys.stderr)]
        case Circling():
            named = listed([clean(target) for target, _ in event.partitions], _NAMED)
            return _warning(
                f"{event.builds} builds in a row ran {named}, each because something changed during the one before: "
                "does a recipe change what it reads? Pauses are made from now on"
            )
        case Missed():
            return [clean(event.why)]
        case Told():
            return _warning(f"--exec: {clean(event.what)}")
        case Stopped():
            return ["stopped; a build was cut off, the next one goes on from there" if event.was_cut else "stopped"]


def watch_record(event: WatchEvent) -> dict[str, object]:
    """An event as one object."""
    match event:
        case Watching():
            return {"event": "watching", "by": event.by, "folders": event.folders}
        case Changed():
            return {"event": "changed", "paths": list(event.paths), "more": event.more}
        case Noted():
            return dict(event.record)
        case Failed():
            return {name: value for name, value in event.error.items() if name != "lines"}
        case Kept():
            return {"event": "kept"}
        case Mended():
            return {"event": "mended", "kind": event.kind}
        case Circling():
            return {"event": "circling", "targets": sorted({name for name, _ in event.partitions})}
        case Missed():
            return {"event": "missed", "why": event.why}
        case Told():
            return {"event": "exec", "error": event.what}
        case Stopped():
            return {"event": "stopped", "cut": event.was_cut}


def _warning(text: str) -> list[str]:
    return [f"{paint('warning:', 'yellow', sys.stderr)} {text}"]


def _note_line(record: Mapping[str, Any]) -> str:
    if record["event"] == "notice":
        text = clean(str(record["text"]))
        return _warning(text)[0] if record["level"] == "warning" else text
    event = Lacking(
        str(record["target"]),
        str(record["keys"]),
        int(record["partitions"]),
        record["event"],
        tuple(record["missing"]),
        tuple(record["stand_ins"]),
    )
    return paint(lacking_line(event), "yellow", sys.stderr)


def _error_lines(error: Mapping[str, Any]) -> list[str]:
    if error.get("event") == "refused":
        more = f" and {error['may_run']:,} more may" if error["may_run"] else ""
        return error_lines(
            f"{error['will_run']:,} partitions would be built{more}: more than the budget of {error['budget']}",
            hint="dbuild plan shows them, dbuild build --yes builds them",
        )
    lines = error.get("lines")
    if lines:
        return [str(line) for line in lines]
    return error_lines(str(error["what"]), str(error.get("where") or ""), error.get("hint"))


def status_lines(found: Mapping[str, Any], now: float) -> list[str]:
    """How a watch stands, for a person; `found` is its last beat."""
    if found["beat"] is None:
        return ["a watch is just starting"]
    state = "stuck" if found["is_stuck"] else found["doing"]
    lines = [f"process {found['pid']}: {state}, for {span(now - found['since'])}, {counted(found['builds'], 'build')}"]
    lines.append(f"hears of changes by {found['by']}, in {counted(found['folders'], 'folder')}")
    if found["is_stuck"]:
        lines.append(f"its last sign of life was {age(now - found['beat'])}")
    if found["due"] is not None:
        lines.append(f"by the clock, it builds at {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(found['due']))}")
    last = found["last"]
    if last is not None:
        lines.append(f"last build {age(now - last['at'])}: {_outcome(last)}")
    return lines


def _outcome(last: Mapping[str, Any]) -> str:
    if last["error"] is not None:
        return f"error: {clean(str(last['error'].get('what', 'the budget refused it')))}"
    summary = last["summary"]
    if summary is None:
        return f"ended with exit code {last['code']}"
    names = ("failed", "built", "fresh", "waiting", "blocked", "provisional")
    return ", ".join(f"{summary[name]:,} {name}" for name in names if summary[name]) or "nothing to do"
