"""Runs and their tasks, as the ledger has them; as lines and as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from dbuild.core.report import RunRecord, TaskRecord
from dbuild.ui.json import key_record
from dbuild.ui.moments import When
from dbuild.ui.tables import Cell, Column, Painted, headed, table
from dbuild.ui.text import clean, clip, duration, partition_name

_WIDEST = 72  # characters of a text for people
_LEAST = 12
_COLOURS = {"failed": "red", "retried": "yellow", "interrupted": "yellow", "cut off": "yellow", "running": "cyan"}


def run_lines(runs: Sequence[RunRecord], when: When, width: int | None = None) -> list[str]:
    """A table of runs, in the order given; with `width`, no wider than that."""
    rows: list[list[Cell]] = [
        [
            clean(run.run),
            when.text(run.started),
            duration(run.seconds) if run.seconds is not None else "-",
            Painted(run.outcome, _COLOURS[run.outcome]) if run.outcome in _COLOURS else run.outcome,
            run.built,
            run.failed,
            clip(clean(f"dbuild {run.command}".rstrip()), _WIDEST),
        ]
        for run in runs
    ]
    heads = [
        Column("run", is_right=True),
        Column("started", 3),
        Column("took", 4, is_right=True),
        Column("outcome"),
        Column("built", 1),
        Column("failed", 2),
        Column("command", 6, _LEAST),
    ]
    return headed(table(heads, rows, width))


def task_lines(tasks: Sequence[TaskRecord], when: When, width: int | None = None) -> list[str]:
    """A table of tasks, each with its first reason or, of a failure, the last line of its error.

    With `width` it is no wider than that.
    """
    rows: list[list[Cell]] = [
        [
            clean(task.run),
            when.text(task.at),
            partition_name(task.target, task.key),
            _status(task),
            duration(task.seconds),
            clip(clean(_note(task)), _WIDEST),
        ]
        for task in tasks
    ]
    heads = [
        Column("run", is_right=True),
        Column("ended", 4),
        Column("partition"),
        Column("status", 1, 6),
        Column("took", 3, is_right=True),
        Column("why", 2, _LEAST),
    ]
    return headed(table(heads, rows, width))


def _status(task: TaskRecord) -> Cell:
    if task.status == "failed" and task.error == "interrupted":
        return Painted("interrupted", _COLOURS["interrupted"])
    if task.status in _COLOURS:
        return Painted(task.status, _COLOURS[task.status])
    return f"{task.status}, same" if task.status in ("built", "restored") and not task.changed else task.status


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
