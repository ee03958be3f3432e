"""The Python recipe of the tour."""

from __future__ import annotations

import pyarrow
import pyarrow.compute as pc


def rank(airlines: pyarrow.Table) -> pyarrow.Table:
    """The airlines with the largest share of late departures first."""
    flown = airlines.filter(pc.field("flights") > 0)
    late = pc.multiply(flown["late"].cast(pyarrow.float64()), 100)
    percent = pc.round(pc.divide(late, flown["flights"]), 1)
    return (
        flown.append_column("late_percent", percent)
        .select(["name", "flights", "late_percent"])
        .sort_by([("late_percent", "descending"), ("name", "ascending")])
    )
