"""The month's report: what was sold, what was paid, and whether that will change."""

from __future__ import annotations

import pyarrow
import pyarrow.compute as pc


def write(monthly: pyarrow.Table, paid: pyarrow.Table, provisional: bool) -> str:
    """The report as text."""
    heading = "Sales of the month" + (" (PROVISIONAL: prices are missing)" if provisional else "")
    lines = [heading, "=" * len(heading)]
    lines += [f"{row['item']:<8} {row['quantity']:>5} {row['value']:>10}" for row in monthly.to_pylist()]
    sold, received = pc.sum(monthly["value"]).as_py(), pc.sum(paid["amount"]).as_py()
    payments = pc.sum(paid["payments"]).as_py()
    return "\n".join([*lines, f"sold {sold}, paid {received} in {payments} payments", ""])
