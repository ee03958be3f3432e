"""Why a partition is, or isn't, to be built; as lines and as JSON."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from dbuild.core.causes import Behind, Cause, first_causes
from dbuild.core.report import Explanation, FailureRecord, MarkRecord
from dbuild.core.whynot import WhyNot
from dbuild.ui.causes import Telling, behind_record, cause_record, first_text, run_record, unrouted_text
from dbuild.ui.json import key_record
from dbuild.ui.moments import clock
from dbuild.ui.stream import paint
from dbuild.ui.styles import standing_text
from dbuild.ui.text import clean, clean_lines, duration, listed, partition_name

SHOWN = 20  # partitions that are explained one by one
_FIRST = 3  # first causes that are named
_TAIL = 10  # lines of what a failed recipe printed


def explanation_lines(explanations: Sequence[Explanation], *, is_whole: bool = False) -> list[str]:
    """Each partition with its causes; of very many, those that are not fresh first, and the rest as counts.

    Texts and lists are cut where they are long, unless they are wanted whole.
    """
    ordered = sorted(explanations, key=lambda each: each.standing == "fresh")
    lines = told_lines(ordered, lambda each: list(_lines(each, is_whole)))
    return [*lines, *rest_lines(ordered[SHOWN:], "why")]


def told_lines(found: Sequence[Explanation] | Sequence[WhyNot], tell: Callable[[Any], list[str]]) -> list[str]:
    """The first of them one by one. Of which the same is to be told one after the other, that is told once."""
    groups: list[tuple[list[str], str, list[str]]] = []
    before: object = None
    for each in found[:SHOWN]:
        told = tell(each)
        if (each.target, each.standing, told) != before:
            groups.append(([], each.standing, told))
        groups[-1][0].append(partition_name(each.target, each.key))
        before = (each.target, each.standing, told)
    lines: list[str] = []
    for names, standing, body in groups:
        lines += [f"{paint(listed(names), '', sys.stdout, bold=True)}: {standing_text(standing)}", *body]
    return lines


def rest_lines(rest: Sequence[Explanation] | Sequence[WhyNot], question: str) -> list[str]:
    """How many there are beyond these, by how they stand; none is no line."""
    counts = Counter(each.standing for each in rest)
    said = ", ".join(f"{number:,} {standing}" for standing, number in counts.items())
    return [f"and more: {said} (name a partition to see {question})"] if counts else []


def _lines(each: Explanation, is_whole: bool) -> Iterator[str]:
    if each.behind:
        yield from _first(each.causes, each.behind, each)
    telling = Telling(is_whole=is_whole)
    yield from (f"  {line}" for line in telling.causes(each.causes))
    yield from (f"  {line}" for line in telling.behind(each.behind))
    if each.after and (each.standing == "will run" or not each.behind):
        yield f"  after {listed(each.after)}"
    if each.unrouted:
        yield f"  {unrouted_text(each.unrouted)}"
    if each.lacks:
        yield f"  needs {listed(each.lacks)}"
    if each.standing == "absent":
        yield "  it lies past the newest partition"
    for line in telling.causes(each.ignored):
        yield f'  does not count (impact = "none"): {line}'
    if each.uncounted and not each.ignored:
        yield f'  whatever happens to {listed(each.uncounted)} does not count (impact = "none")'
    if each.frozen_after:
        yield f"  it is older than {each.frozen_after}, and stays as it is (freeze_after)"
    if each.mark:
        yield f"  {mark_text(each.mark)}"
    if each.failure:
        yield from failed_lines(each.failure)
    if each.last is not None or not any(cause.reason.kind == "never built" for cause in each.causes):
        yield from _last(each, telling, is_whole=is_whole)


def _first(causes: Sequence[Cause], behind: Sequence[Behind], each: Explanation) -> Iterator[str]:
    """Where the way ends that leads to a partition."""
    found = first_causes(causes, behind, each.target, each.key)
    texts = list(dict.fromkeys(first_text(dataset, cause) for dataset, _, cause in found))
    if texts:
        yield f"  first cause{'s' if len(texts) > 1 else ''}: {listed(texts, _FIRST)}"


def mark_text(mark: MarkRecord) -> str:
    """A person's word on a line of its own: what, who, when, why."""
    until = f" until {clock(mark.until)}" if mark.until else ""
    why = f": {mark.why}" if mark.why else ""
    return clean(f"marked {mark.word}{until} by {mark.who} on {clock(mark.at)}{why}")


def failed_lines(failure: FailureRecord) -> Iterator[str]:
    """How a partition failed when it was last tried, with the end of what it printed."""
    first, *rest = [line for line in clean_lines(failure.error) if line] or [""]
    tries = f" after {failure.attempts} attempts" if failure.attempts > 1 else ""
    run = f"in run {failure.run}" + (f", {clock(failure.at)}" if failure.at else "")
    yield f"  failed when it was last tried ({clean(run)}){tries}: {first}"
    for line in rest:
        yield f"    {line}"
    printed = [clean_lines(line)[-1] for line in failure.tail[-_TAIL:]]
    for line in printed:
        if line and line not in (first, *rest):
            yield f"    | {line}"
    if failure.log:
        yield f"    its output is in {clean(failure.log)}"


def _last(each: Explanation, telling: Telling, *, is_whole: bool) -> Iterator[str]:
    """The run that built it and why; the whole way there where nothing newer is to be told."""
    if each.last is None:
        yield "  never built"
        return
    took = duration(each.last_seconds) if each.last_seconds is not None else ""
    if each.standing != "fresh" and not is_whole:
        why = f", because: {listed(each.last_reasons, 3)}" if each.last_reasons else ""
        yield f"  last built {telling.run(each.last, took)}{why}"
        return
    yield f"  last built {telling.run(each.last, took)}{', because:' if each.last_causes else ''}"
    if each.last_behind:
        yield from (f"  {line}" for line in _first(each.last_causes, each.last_behind, each))
    yield from (f"    {line}" for line in telling.causes(each.last_causes))
    yield from (f"    {line}" for line in telling.behind(each.last_behind))


def explanation_record(each: Explanation) -> dict[str, object]:
    """One partition with everything that is known of it."""
    return {
        "target": each.target,
        "key": key_record(each.key),
        "standing": each.standing,
        "causes": [cause_record(cause) for cause in each.causes],
        "behind": [behind_record(one) for one in each.behind],
        "first": _first_records(each.causes, each.behind, each),
        "after": list(each.after),
        "unrouted": list(each.unrouted),
        "missing": list(each.lacks),
        "uncounted": list(each.uncounted),
        "ignored": [cause_record(cause) for cause in each.ignored],
        "frozen_after": each.frozen_after or None,
        "last": {
            "run": each.last.run if each.last else None,
            "built": each.last.at if each.last else None,
            "seconds": each.last_seconds,
            "reasons": list(each.last_reasons),
            "by": run_record(each.last) if each.last else None,
            "causes": [cause_record(cause) for cause in each.last_causes],
            "first": _first_records(each.last_causes, each.last_behind, each),
            "behind": [behind_record(one) for one in each.last_behind],
        },
        "failure": failure_record(each.failure) if each.failure else None,
        "mark": mark_record(each.mark) if each.mark else None,
    }


def _first_records(causes: Sequence[Cause], behind: Sequence[Behind], each: Explanation) -> list[dict[str, object]]:
    found = first_causes(causes, behind, each.target, each.key)
    return [{"target": dataset, "key": key_record(key), **cause_record(cause)} for dataset, key, cause in found]


def failure_record(failure: FailureRecord) -> dict[str, object]:
    """One failure; `tail` is the end of what the recipe printed."""
    return {
        "target": failure.target,
        "key": key_record(failure.key),
        "run": failure.run,
        "at": failure.at,
        "error": failure.error,
        "tail": list(failure.tail),
        "attempts": failure.attempts,
        "log": failure.log,
    }


def mark_record(mark: MarkRecord) -> dict[str, object]:
    """One mark; `keys` is empty for a whole target, `partitions` on how many it holds."""
    return {
        "target": mark.target,
        "keys": mark.keys,
        "mark": mark.word,
        "partitions": mark.partitions,
        "who": mark.who,
        "why": mark.why,
        "at": mark.at,
        "until": mark.until,
    }
