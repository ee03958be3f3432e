"""A plan that has nothing to do, as a line and as JSON: what that takes is loaded with nothing else."""

from __future__ import annotations

from dbuild.ui.text import counted


def quiet_text(fresh: int) -> str:
    """What is said of so many partitions."""
    return f"fresh: {counted(fresh, 'partition')}, nothing to do"


def quiet_record(fresh: int) -> dict[str, object]:
    """The same for a program."""
    return {"will_run": [], "may_run": [], "fresh": fresh, "waiting": []}
