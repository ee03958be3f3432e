"""Reasons as the ledger keeps them with each execution: of many alike the first few, and how many more there were."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from dbuild.core.staleness import Reason

_KINDS = 8  # different ones that are kept
_ALIKE = 5  # of one kind and dataset


def dataset_of(reason: Reason) -> str:
    """The dataset that a reason is about, also one output of it ("model.metrics"); "" where it is about none."""
    return reason.subject.partition("@")[0] if reason.kind.startswith(("input", "stand-in", "schema")) else ""


def pack_reasons(reasons: Sequence[Reason]) -> str:
    """Reasons as JSON: kind, subject, before, after, and how many more of the same kind and dataset there were."""
    if len(reasons) == 1:
        return _packed(*_listed(reasons[0]))
    alike: dict[tuple[str, str], list[Reason]] = {}
    for reason in reasons:
        alike.setdefault((reason.kind, dataset_of(reason)), []).append(reason)
    kept = []
    for group in list(alike.values())[:_KINDS]:
        entries = [_listed(reason) for reason in group[:_ALIKE]]
        if len(group) > _ALIKE:
            entries[-1].append(len(group) - _ALIKE)
        kept += entries
    return json.dumps(kept)


@lru_cache(maxsize=16)
def _packed(*listed: str) -> str:
    """One reason; "never built" is that of thousands."""
    return json.dumps([listed])


def _listed(reason: Reason) -> list[Any]:
    return [reason.kind, reason.subject, reason.before, reason.after]


def unpack_reasons(text: str) -> tuple[tuple[Reason, int], ...]:
    """Each reason that was kept, and how many more like it there were. Of older entries there is only the text."""
    return tuple(
        (Reason(entry), 0) if isinstance(entry, str) else (Reason(*entry[:4]), entry[4] if len(entry) > 4 else 0)  # type: ignore[arg-type]
        for entry in json.loads(text)
    )


def texts_of(packed: str) -> tuple[str, ...]:
    """The reasons in words, as they were kept."""
    return tuple(str(reason) for reason, _ in unpack_reasons(packed))
