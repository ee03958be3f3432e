"""A recipe with two outputs, over a view."""

from __future__ import annotations

import pyarrow

_SHOWN = 30


def find(busy: pyarrow.Table) -> dict[str, object]:
    """The hours with the largest shares of late departures, and how many hours there were."""
    ordered = busy.sort_by(
        [("percent", "descending"), ("day", "ascending"), ("origin", "ascending"), ("hour", "ascending")]
    )
    return {"hours": ordered.slice(0, _SHOWN), "summary": {"busy_hours": busy.num_rows}}
