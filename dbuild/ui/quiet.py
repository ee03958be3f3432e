"""A plan that has nothing to do, as a line and as JSON: what that takes is loaded with nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from dbuild.ui.text import assumed_text, counted


def quiet_lines(fresh: int, assumed: Sequence[str]) -> list[str]:
    """What is said of so many partitions; and that nobody looked at some datasets, where that is so."""
    line = f"fresh: {counted(fresh, 'partition')}, nothing to do"
    return [line, assumed_text(assumed)] if assumed else [line]


def quiet_record(fresh: int, assumed: Sequence[str]) -> dict[str, object]:
    """The same for a program."""
    return {"will_run": [], "may_run": [], "fresh": fresh, "waiting": [], **assumed_record(assumed)}


def assumed_record(names: Sequence[str]) -> dict[str, object]:
    """What a program is told of datasets that nobody looked at; nothing where all were looked at."""
    return {"assumed_unchanged": list(names)} if names else {}
