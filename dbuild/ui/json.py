"""Events and reports as JSON, one object a line on standard output. Field names are kept stable."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from math import ceil
from typing import TYPE_CHECKING

from dbuild.core.events import Event, Key, Lacking, LookedAt, Notice, Resting, Summary, TaskEnded, TaskRetried, Traced
from dbuild.ui.plain import PlainSink
from dbuild.ui.quiet import assumed_record
from dbuild.ui.sinks import Sink
from dbuild.ui.stream import print_lines, tell
from dbuild.ui.undeclared import traced_records

if TYPE_CHECKING:
    from dbuild.core.budget import Excess


def encode(record: Mapping[str, object]) -> str:
    """A record as one line of ASCII; bytes of names that are not UTF-8 become lone surrogates."""
    return json.dumps(record, separators=(",", ":"))


def print_record(record: Mapping[str, object]) -> None:
    """Writes one record of a report. Raises ReaderGone when its reader has gone."""
    print_lines(encode(record))


def key_record(key: Key) -> dict[str, str]:
    """A key by its dimensions, in the order of the target's path."""
    return dict(key)


def task_record(event: TaskEnded) -> dict[str, object]:
    """One task that ended; `error`, `tail` and `log` are added where they are known."""
    record: dict[str, object] = {
        "event": "task",
        "target": event.target,
        "key": key_record(event.key),
        "status": event.status,
        "changed": event.changed,
        "seconds": round(event.seconds, 6),
    }
    if event.error is not None:
        record |= {"error": event.error, "tail": list(event.tail)}
    if event.attempts > 1:
        record |= {"attempts": event.attempts}
    if event.notes:
        record |= {"notes": list(event.notes)}
    if event.provisional:
        record |= {"provisional": True}
    return record | ({"log": event.log} if event.log is not None else {})


def retry_record(event: TaskRetried) -> dict[str, object]:
    """One attempt that failed and is not the last."""
    return {
        "event": "retry",
        "target": event.target,
        "key": key_record(event.key),
        "attempt": event.attempt,
        "attempts": event.attempts,
        "error": event.error,
        "delay": round(event.delay, 3),
        "seconds": round(event.seconds, 6),
    }


def resting_record(event: Resting) -> dict[str, object]:
    """A task that failed before and isn't tried yet."""
    return {
        "event": "resting",
        "target": event.target,
        "key": key_record(event.key),
        "failures": event.failures,
        "until": instant(event.until),
    }


def instant(moment: float) -> str:
    """A moment, seconds since the epoch, in UTC; never before it."""
    whole = ceil(round(moment * 1000, 3))
    found = datetime.fromtimestamp(whole / 1000, UTC)
    return found.isoformat(sep=" ", timespec="milliseconds" if whole % 1000 else "seconds")


def lacking_record(event: Lacking) -> dict[str, object]:
    """Partitions that wait, or were made without something; `missing` and `stand_ins` of the first few."""
    return {
        "event": event.standing,
        "target": event.target,
        "keys": event.keys,
        "partitions": event.partitions,
        "missing": list(event.missing),
        "stand_ins": list(event.stand_ins),
    }


def grounds_record(event: LookedAt) -> dict[str, object]:
    """What a build looked at."""
    return {"event": "grounds", "files": list(event.files), "trees": list(event.trees), "globs": list(event.globs)}


def refusal_record(excess: Excess) -> dict[str, object]:
    """A build that would have done more than its budget allows, and did nothing; causes with their partitions."""
    return {
        "event": "refused",
        "budget": excess.budget.text,
        "will_run": excess.will,
        "may_run": excess.may,
        "seconds": round(excess.seconds, 3),
        "targets": [{"target": name, "will_run": will, "may_run": may} for name, will, may in excess.targets],
        "causes": [{"cause": cause, "partitions": number} for cause, number in excess.causes],
        "upgrades": [
            {
                "cause": upgrade.cause,
                "partitions": upgrade.partitions,
                "targets": [name for name, _ in upgrade.targets],
                "seconds": round(upgrade.seconds, 3),
            }
            for upgrade in excess.upgrades
        ],
    }


def summary_record(event: Summary) -> dict[str, object]:
    """The end of a run."""
    return {
        "event": "summary",
        "built": event.built,
        "fresh": event.fresh,
        "failed": event.failed,
        "waiting": event.waiting,
        "awaited": event.awaited,
        "blocked": event.blocked,
        "restored": event.restored,
        "provisional": event.provisional,
        "seconds": round(event.seconds, 6),
        "run": event.run,
        "interrupted": event.was_interrupted,
        "undeclared": event.undeclared,
        "next": instant(event.changes_at) if event.changes_at is not None else None,
        "saved": event.fresh,
        "saved_seconds": round(event.saved_seconds, 3) if event.saved_seconds is not None else None,
        "spared": event.spared,
        "slowest": [
            {"target": target, "key": key_record(key), "seconds": round(seconds, 6)}
            for target, key, seconds in event.slowest
        ],
        **assumed_record(event.assumed),
    }


def notice_record(event: Notice) -> dict[str, object]:
    """Something that a person should know, once."""
    return {"event": "notice", "level": event.level, "text": event.text}


def event_record(event: Event) -> dict[str, object] | None:
    """An event as `--json` has it; None for those that no program is told of."""
    match event:
        case TaskEnded():
            return task_record(event)
        case TaskRetried():
            return retry_record(event)
        case Resting():
            return resting_record(event)
        case Lacking():
            return lacking_record(event)
        case LookedAt():
            return grounds_record(event)
        case Summary():
            return summary_record(event)
        case _:
            return None


class JsonSink(Sink):
    """Tasks and the summary as JSON on standard output; notices and failures as lines on standard error."""

    def __init__(self, *, is_quiet: bool = False, is_verbose: bool = False) -> None:
        self._notes = PlainSink(is_quiet=is_quiet, is_verbose=is_verbose, has_tasks=False)

    def __call__(self, event: Event) -> None:
        self._notes(event)
        if isinstance(event, Traced):
            for one in traced_records(event):
                tell(sys.stdout, encode(one))
        record = event_record(event)
        if record is not None:
            tell(sys.stdout, encode(record), is_last=isinstance(event, Summary))
