"""Why a partition is, or isn't, to be built; as lines and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from dbuild.core.report import Cause, Explanation
from dbuild.ui.json import key_record
from dbuild.ui.text import clean, clean_lines, duration, listed, partition_name

_SHOWN = 20  # partitions that are explained one by one
_CAUSES = 20  # causes of one partition


def explanation_lines(explanations: Sequence[Explanation]) -> list[str]:
    """Each partition with its causes; of very many, those that are not fresh first, and the rest as counts."""
    ordered = sorted(explanations, key=lambda each: each.standing == "fresh")
    lines = [line for each in ordered[:_SHOWN] for line in _lines(each)]
    rest = Counter(each.standing for each in ordered[_SHOWN:])
    if rest:
        counts = ", ".join(f"{number:,} {standing}" for standing, number in rest.items())
        lines.append(f"and more: {counts} (name a partition to see why)")
    return lines


def _lines(each: Explanation) -> Iterator[str]:
    yield f"{partition_name(each.target, each.key)}: {each.standing}"
    for cause in each.causes[:_CAUSES]:
        yield f"  {_cause(cause)}"
    if len(each.causes) > _CAUSES:
        yield f"  and {len(each.causes) - _CAUSES:,} more reasons"
    if each.after:
        yield f"  after {listed(each.after)}"
    if each.lacks:
        yield f"  needs {listed(each.lacks)}"
    if each.standing == "absent":
        yield "  it lies past the newest partition"
    if each.failure:
        yield from _failure(each.failure)
    yield f"  {_last(each)}"


def _cause(cause: Cause) -> str:
    return clean(str(cause.reason) + (f" ({cause.when})" if cause.when else ""))


def _failure(text: str) -> Iterator[str]:
    first, *rest = [line for line in clean_lines(text) if line] or [""]
    yield f"  failed when it was last tried: {first}"
    for line in rest:
        yield f"    {line}"


def _last(each: Explanation) -> str:
    if each.last_built is None:
        return "never built"
    run = f" in run {clean(each.last_run)}" if each.last_run else ""
    took = f" ({duration(each.last_seconds)})" if each.last_seconds is not None else ""
    why = f", because: {listed(each.last_reasons, 3)}" if each.last_reasons else ""
    return f"last built {clean(each.last_built)}{run}{took}{why}"


def explanation_record(each: Explanation) -> dict[str, object]:
    """One partition with everything that is known of it."""
    return {
        "target": each.target,
        "key": key_record(each.key),
        "standing": each.standing,
        "causes": [_cause_record(cause) for cause in each.causes],
        "after": list(each.after),
        "missing": list(each.lacks),
        "last": {
            "run": each.last_run,
            "built": each.last_built,
            "seconds": each.last_seconds,
            "reasons": list(each.last_reasons),
        },
        "failure": each.failure,
    }


def _cause_record(cause: Cause) -> dict[str, str]:
    reason = cause.reason
    return {
        "kind": reason.kind,
        "subject": reason.subject,
        "before": reason.before,
        "after": reason.after,
        "when": cause.when,
    }
