"""What is late, what was built without it, how late things come and what that caused; as lines and as JSON."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from dbuild.core.arrival import EDGES, Punctuality
from dbuild.core.lateness import Deadline, Group, Lack, Lateness, Repair, SourceLateness, TargetLateness
from dbuild.ui.bars import bars
from dbuild.ui.datasets import stray_record
from dbuild.ui.json import key_record
from dbuild.ui.moments import When
from dbuild.ui.stream import paint
from dbuild.ui.tables import Cell, table
from dbuild.ui.text import age, clean, counted, listed, partition_name, span

_BARS = ("on time", "up to 1h", "up to 6h", "up to 1 day", "up to 3 days", "up to a week", "up to 30 days", "later")
_MINUTES = 16  # characters of an ISO time up to its minutes


def late_lines(found: Lateness, width: int, *, is_exact: bool = False) -> list[str]:
    """The report, as wide as `width` columns where names allow it; of what there is nothing to say, nothing is said.

    Deadlines are told by date and clock, what has happened as long ago as it is, or where `is_exact` by the clock too.
    """
    when = When(datetime.fromisoformat(found.now).timestamp() if found.now else 0.0, is_exact)
    parts = [
        _part("not there", _source_lines(found.sources)),
        _part("built without what is missing", _group_lines(found.targets, "provisional", "magenta", _without)),
        _part("waiting", _group_lines(found.targets, "waiting", "yellow", _needs)),
        _part("failing for want of it", _group_lines(found.targets, "failing", "red", _needs)),
        _part("frozen, and changed since", _group_lines(found.targets, "frozen", "blue", _why)),
        _part("rows that no partition gets", _astray_lines(found)),
        _part("how late it comes", _history_lines(found.sources, width)),
        _part("what arrivals caused", _repair_lines(found.repairs, when)),
    ]
    if not _has_news(found):
        parts.insert(0, ["nothing is missing, late, waiting or provisional"])
    return [line for part in parts if part for line in ("", *part)][1:]


def _has_news(found: Lateness) -> bool:
    lacking = any(each.late_count or each.missing_count or each.unsettled_count for each in found.sources)
    return lacking or bool(found.targets)


def _part(title: str, lines: Iterable[str]) -> list[str]:
    found = list(lines)
    return [paint(title, "", sys.stdout, bold=True), *found] if found else []


# -- sources -----------------------------------------------------------------------------------------------------------


def _source_lines(sources: Sequence[SourceLateness]) -> Iterator[str]:
    for each in sources:
        name = clean(each.source)
        if each.late_count:
            late = paint(f"{each.late_count:,} late", "red", sys.stdout)
            yield f"  {name}: {late}{_keys(each.late_keys)}"
            late_ones = ((partition_name(each.source, one.key), one) for one in each.late)
            yield from (f"    {key} was due {_short(one.due)}, {age(one.seconds)}" for key, one in late_ones)
            yield from _rest(each.late_count - len(each.late))
        if each.missing_count:
            missing = paint(f"{each.missing_count:,} missing", "yellow", sys.stdout)
            yield f"  {name}: {missing}{_keys(each.missing_keys)}"
        if each.unsettled_count:
            yield f"  {name}: {each.unsettled_count:,} just written, not read yet{_keys(each.unsettled_keys)}"
        if each.awaited:
            first = each.awaited[0]
            key, until = partition_name(each.source, first.key), span(-first.seconds)
            yield f"  {name}: next is {key}, due {_short(first.due)} (in {until})"


def _astray_lines(found: Lateness) -> Iterator[str]:
    yield from (f"  {clean(str(stray))}" for stray in found.astray)
    yield from (f"  {clean(text)}" for text in found.unrouted)


def _keys(text: str) -> str:
    return f": {clean(text)}" if text else ""


def _short(moment: str) -> str:
    return moment[:_MINUTES]


def _rest(number: int) -> list[str]:
    return [f"    and {number:,} more"] if number > 0 else []


# -- targets -----------------------------------------------------------------------------------------------------------


def _group_lines(
    targets: Sequence[TargetLateness], word: str, colour: str, tell: Callable[[Lack], str]
) -> Iterator[str]:
    """A target's partitions that stand in one way: how many and which, and of the newest what `tell` says of them."""
    for each in targets:
        group: Group = getattr(each, word)
        if not group.count:
            continue
        yield f"  {clean(each.target)}: {paint(f'{group.count:,} {word}', colour, sys.stdout)}{_keys(group.keys)}"
        for lack in group.shown:
            yield f"    {partition_name(each.target, lack.key)} {tell(lack)}"
        yield from _rest(group.count - len(group.shown))


def _without(lack: Lack) -> str:
    standing = dict(lack.stand_ins)
    parts = [f"has {clean(used)} in place of {clean(absent)}" for absent, used in standing.items()]
    without = [name for name in lack.absent if name not in standing]
    if without:
        parts.append(f"without {_listed(lack, without)}")
    if lack.through:
        parts.append(f"reads {listed(lack.through)}")
    return ", ".join(parts)


def _needs(lack: Lack) -> str:
    return f"needs {_listed(lack, lack.absent)}"


def _listed(lack: Lack, names: Sequence[str]) -> str:
    more = lack.absent_count - len(lack.absent)
    return f"{listed(names)}{f' and {more:,} more' if more > 0 else ''}"


def _why(lack: Lack) -> str:
    return clean(lack.why)


# -- history -----------------------------------------------------------------------------------------------------------


def _history_lines(sources: Sequence[SourceLateness], width: int) -> Iterator[str]:
    known = [each for each in sources if each.punctuality.arrivals]
    if not known:
        return
    rows: list[list[Cell]] = [_history_row(each.source, each.punctuality) for each in known]
    head = ["source", "arrived", "on time", "late", "median", "90 %", "worst"]
    yield from (f"  {line}" for line in table(head, rows, width - 2))
    for each in known:
        if each.punctuality.late:
            yield ""
            yield f"  {clean(each.source)}"
            yield from (f"    {line}" for line in bars(_trimmed(each.punctuality), width - 4))


def _history_row(source: str, found: Punctuality) -> list[Cell]:
    times = [_delay(one) if one is not None else "-" for one in (found.median, found.most, found.worst)]
    return [clean(source), found.arrivals, found.on_time, found.late, *times]


def _trimmed(found: Punctuality) -> list[tuple[str, int]]:
    """The bars up to the last one that has any."""
    last = max(place for place, number in enumerate(found.bars) if number)
    return list(zip(_BARS, found.bars, strict=True))[: last + 1]


def _delay(seconds: float) -> str:
    return f"{span(seconds)} late" if seconds > 0 else f"{span(-seconds)} early" if seconds < 0 else "in time"


# -- repairs -----------------------------------------------------------------------------------------------------------


def _repair_lines(repairs: Sequence[Repair], when: When) -> Iterator[str]:
    ages = [when.text(each.at) for each in repairs]
    room = max(map(len, ages), default=0)
    for each, told in zip(repairs, ages, strict=True):
        delay = f", {_delay(each.delay)}" if each.delay is not None else ""
        yield f"  {told:{room}}  {partition_name(each.source, each.key)} {each.kind}{delay}"
        yield f"    {_made(each)}"


def _made(each: Repair) -> str:
    parts = [f"{clean(target)} {number:,}" for target, number in each.targets]
    made = [f"built {', '.join(parts)}, done {span(each.seconds or 0)} after it"] if parts else []
    failed = [paint(f"{counted(each.failed, 'partition')} failed", "red", sys.stdout)] if each.failed else []
    return "; ".join([*failed, *made]) or "nothing was built"


# -- JSON --------------------------------------------------------------------------------------------------------------


def late_record(found: Lateness) -> dict[str, object]:
    """The whole report; times are ISO with their offset, lengths of time are seconds."""
    return {
        "now": found.now,
        "sources": [_source_record(each) for each in found.sources],
        "targets": [_target_record(each) for each in found.targets],
        "astray": [stray_record(each) for each in found.astray],
        "unrouted": list(found.unrouted),
        "arrivals": [_repair_record(each) for each in found.repairs],
    }


def _source_record(each: SourceLateness) -> dict[str, object]:
    return {
        "name": each.source,
        "counts": {"late": each.late_count, "missing": each.missing_count, "unsettled": each.unsettled_count},
        "late": [_deadline_record(one) for one in each.late],
        "missing": each.missing_keys,
        "unsettled": each.unsettled_keys,
        "awaited": [_deadline_record(one) for one in each.awaited],
        "history": _history_record(each.punctuality),
    }


def _deadline_record(one: Deadline) -> dict[str, object]:
    return {"key": key_record(one.key), "due": one.due, "late_by": one.seconds}


def _history_record(found: Punctuality) -> dict[str, object]:
    edges: list[float | None] = [*EDGES, None]
    return {
        "arrived": found.arrivals,
        "on_time": found.on_time,
        "late": found.late,
        "median": found.median,
        "p90": found.most,
        "worst": found.worst,
        "histogram": [{"up_to": edge, "count": number} for edge, number in zip(edges, found.bars, strict=True)],
    }


def _target_record(each: TargetLateness) -> dict[str, object]:
    groups = {name: getattr(each, name) for name in ("provisional", "waiting", "failing", "frozen")}
    return {
        "name": each.target,
        "counts": {**{name: group.count for name, group in groups.items()}, "awaited": each.awaited},
        **{name: [_lack_record(one) for one in group.shown] for name, group in groups.items() if name != "frozen"},
        "frozen": [{"key": key_record(one.key), "reason": one.why} for one in each.frozen.shown],
    }


def _lack_record(one: Lack) -> dict[str, object]:
    return {
        "key": key_record(one.key),
        "missing": list(one.absent),
        "missing_count": one.absent_count,
        "stand_ins": [{"absent": absent, "used": used} for absent, used in one.stand_ins],
        "through": list(one.through),
    }


def _repair_record(each: Repair) -> dict[str, object]:
    return {
        "source": each.source,
        "key": key_record(each.key),
        "kind": each.kind,
        "at": each.at,
        "late_by": each.delay,
        "built": each.partitions,
        "targets": [{"target": target, "built": number} for target, number in each.targets],
        "failed": each.failed,
        "seconds": each.seconds,
        "runs": list(each.runs),
    }
