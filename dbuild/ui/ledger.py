"""Runs and their tasks, as the ledger has them; as lines and as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from dbuild.core.report import RunRecord, TaskRecord
from dbuild.ui.json import key_record
from dbuild.ui.tables import Cell, table
from dbuild.ui.text import clean, clip, duration, partition_name

_WIDEST = 72  # characters of a text for people
_LONGEST = 1000  # of a name that somebody may want to copy


def run_lines(runs: Sequence[RunRecord], width: int | None = None) -> list[str]:
    """A table of runs, in the order given; with `width`, no wider than that."""
    rows: list[list[Cell]] = [
        [
            clean(run.run),
            run.started,
            duration(run.seconds) if run.seconds is not None else "-",
            run.outcome,
            run.built,
            run.failed,
            clip(clean(f"dbuild {run.command}".rstrip()), _WIDEST),
        ]
        for run in runs
    ]
    return table(["run", "started", "took", "outcome", "built", "failed", "command"], rows, width)


def task_lines(tasks: Sequence[TaskRecord], width: int | None = None) -> list[str]:
    """A table of tasks, each with its first reason or, of a failure, the last line of its error.

    With `width` it is no wider than that; long names of partitions leave two thirds of it to the rest.
    """
    rows: list[list[Cell]] = [
        [
            clean(task.run),
            task.at,
            clip(partition_name(task.target, task.key), width // 3 if width else _LONGEST),
            f"{task.status}, same" if task.status in ("built", "restored") and not task.changed else task.status,
            duration(task.seconds),
            clip(clean(_note(task)), _WIDEST),
        ]
        for task in tasks
    ]
    return table(["run", "ended", "partition", "status", "took", "why"], rows, width)


def _note(task: TaskRecord) -> str:
    if task.error:
        return task.error.strip().rpartition("\n")[2]
    return task.reasons[0] if task.reasons else ""


def run_record(run: RunRecord) -> dict[str, object]:
    """One run; `seconds` is null if it was cut off."""
    return {
        "run": run.run,
        "started": run.started,
        "seconds": run.seconds,
        "command": run.command,
        "built": run.built,
        "failed": run.failed,
        "outcome": run.outcome,
    }


def ledger_record(task: TaskRecord) -> dict[str, object]:
    """One task; `log` is relative to the project, null if it printed nothing."""
    return {
        "run": task.run,
        "target": task.target,
        "key": key_record(task.key),
        "status": task.status,
        "changed": task.changed,
        "seconds": task.seconds,
        "at": task.at,
        "reasons": list(task.reasons),
        "error": task.error,
        "log": task.log,
    }
