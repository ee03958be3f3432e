"""What the sinks say of a task's failure and of a run's end, as lines without colours."""

from __future__ import annotations

import time
from collections.abc import Sequence

from dbuild.core.events import Lacking, Resting, Summary, TaskEnded, TaskRetried, TaskStarted
from dbuild.ui.text import assumed_text, clean, clean_lines, clip, counted, duration, listed, partition_name

_NAMED_FAILURES = 5
_NOTEWORTHY = 10.0  # seconds below which nobody wants to know what took or saved them


def started_line(event: TaskStarted) -> str:
    """A task that starts, and why."""
    return f"start {partition_name(event.target, event.key)}: {clean(event.reason)}"


def ended_line(event: TaskEnded) -> str:
    """A task that succeeded."""
    same = "" if event.changed else ", the same as before"
    kind = ", provisional" if event.provisional else ""
    return f"{event.status} {partition_name(event.target, event.key)}{same}{kind} ({duration(event.seconds)})"


def note_lines(event: TaskEnded) -> list[str]:
    """What a person should know of a task that succeeded."""
    if not event.notes:
        return []
    name = partition_name(event.target, event.key)
    return [f"{name}: {clean(note)}" for note in event.notes]


def retried_line(event: TaskRetried) -> str:
    """An attempt that failed and is not the last: the end of its error, and when the next one is."""
    name = partition_name(event.target, event.key)
    said = [line for line in clean_lines(event.error) if line and not line.startswith("  hint: ")]
    error = f": {clip(said[-1], 200)}" if said else ""
    wait = duration(event.delay)
    return f"retry {name} in {wait} (attempt {event.attempt} of {event.attempts} failed{error})"


def resting_line(event: Resting) -> str:
    """A task that failed before and isn't tried, and from when on it is."""
    times = "once" if event.failures == 1 else f"{event.failures} times"
    name = partition_name(event.target, event.key)
    return f"resting {name}: failed {times}, tried again at {time.strftime('%H:%M', time.localtime(event.until))}"


def failure_lines(event: TaskEnded, *, has_tail: bool = True) -> list[str]:
    """A task that failed: its name, the end of what it printed, where the rest is; the recipe's own error last."""
    name = partition_name(event.target, event.key)
    tail = [clean_lines(line)[-1] for line in event.tail] if has_tail else []
    error = [line for line in clean_lines(event.error or "") if line]
    while tail and (not tail[-1] or tail[-1] in error):  # said once, at the end
        tail.pop()
    where = f"; its output is in {clean(event.log)}" if event.log else ""
    tries = f", tried {event.attempts} times" if event.attempts > 1 else ""
    head = f"failed {name} ({duration(event.seconds)}{tries}){where}"
    return [head, *(f"  | {clip(line, 400)}" for line in tail), *(f"  {line}" for line in error)]


def lacking_line(event: Lacking) -> str:
    """Partitions that wait, or were made without something, and what that is."""
    name = f"{event.target}@{event.keys}" if event.keys else event.target
    count = f" ({event.partitions:,})" if event.partitions > 1 else ""
    missing = listed([clean(one) for one in event.missing], _NAMED_FAILURES)
    if event.standing == "waiting":
        return f"waiting {clean(name)}{count}: needs {missing}"
    used = listed([clean(one) for one in event.stand_ins], _NAMED_FAILURES)
    return f"provisional {clean(name)}{count}: {missing} missing" + (f", {used} in place" if used else "")


def closing_lines(event: Summary, failures: Sequence[str] = ()) -> list[str]:
    """The end of a run: what took longest and what didn't have to run, where that is worth a line; the summary last."""
    lines = []
    if event.slowest and event.built + event.failed > len(event.slowest) and event.slowest[0][2] >= _NOTEWORTHY:
        slowest = ", ".join(f"{partition_name(target, key)} {duration(each)}" for target, key, each in event.slowest)
        lines.append(f"slowest: {slowest}")
    if (event.saved_seconds or 0) >= _NOTEWORTHY:
        cut = f" ({event.spared:,} by early cutoff)" if event.spared else ""
        what = f"{counted(event.fresh, 'partition')} didn't have to run{cut}"
        lines.append(f"saved: {duration(event.saved_seconds or 0)}, {what}")
    lines += [assumed_text(event.assumed)] if event.assumed else []
    return [*lines, summary_line(event, failures)]


def summary_line(event: Summary, failures: Sequence[str] = ()) -> str:
    """The end of a run on one line; `failures` are the names of the partitions that failed."""
    if event.was_interrupted:
        return f"interrupted: {_counts(event)} in {duration(event.seconds)}; the next build goes on from here"
    if not (event.built or event.failed or event.restored):
        held = "".join(f", {part}" for part in _held(event))
        return f"fresh: {counted(event.fresh, 'partition')}{held}, nothing to do ({duration(event.seconds)})"
    named = f": {listed(failures, _NAMED_FAILURES)}" if failures else ""
    return f"{_counts(event)} in {duration(event.seconds)}{named}"


def _counts(event: Summary) -> str:
    parts = [f"{event.failed:,} failed"] if event.failed else []
    parts.append(f"{event.built:,} built")
    parts += [f"{event.restored:,} restored"] if event.restored else []
    return ", ".join([*parts, f"{event.fresh:,} fresh", *_held(event)])


def _held(event: Summary) -> list[str]:
    blocked = "left" if event.was_interrupted else "blocked"  # most of it is behind no failure
    counts = (("waiting", event.waiting), (blocked, event.blocked), ("provisional", event.provisional))
    return [f"{number:,} {word}" for word, number in counts if number]
