"""What earlier runs did, from the ledger."""

from __future__ import annotations

import os
from collections.abc import Sequence

from dbuild.build.loading import load_flow
from dbuild.build.logs import partitions_named, split_words
from dbuild.build.looks import forget, reading
from dbuild.build.moments import local_time
from dbuild.build.settings import Settings
from dbuild.core.graph import Flow
from dbuild.core.reasons import texts_of
from dbuild.core.report import RunRecord, TaskRecord
from dbuild.core.trace import joined_key, split_key
from dbuild.state.ledger import TaskRow
from dbuild.state.lock import is_held
from dbuild.state.store import FOLDER


def runs(settings: Settings, limit: int) -> tuple[RunRecord, ...]:
    """The newest runs, newest first."""
    with reading(settings) as state:
        running = state.generation() if is_held(os.path.join(settings.root, FOLDER, "lock")) else None
        return tuple(
            RunRecord(
                *(str(number), local_time(started), seconds, command, built, failed),
                outcome or ("running" if number == running else "cut off"),
            )
            for number, started, seconds, command, outcome, built, failed in state.runs(limit)
        )


def ledger(settings: Settings, words: Sequence[str], limit: int) -> tuple[TaskRecord, ...]:
    """The newest executions in a run (`RUN`) and of partitions (`X[@K]`), newest first. Raises UsageError."""
    with reading(settings) as state:
        run, arguments = split_words(state, words)
        if not arguments:
            flow = load_flow(settings, state, forget)
            return tuple(_record(flow, number, row) for number, row in state.tasks(limit, run=run))
        found: list[tuple[int, TaskRow]] = []
        for name, keys in partitions_named(settings, state, arguments).items():
            joined = None if keys is None else set(map(joined_key, keys))
            rows = state.tasks(limit if joined is None else 1_000_000, run=run, target=name)
            found += (row for row in rows if joined is None or row[1].key in joined)
        flow = load_flow(settings, state, forget)
        newest = sorted(found, key=lambda row: (row[0], row[1].number), reverse=True)[:limit]
        return tuple(_record(flow, number, row) for number, row in newest)


def _record(flow: Flow, run: int, row: TaskRow) -> TaskRecord:
    step = flow.steps.get(row.target)
    dimensions = step.target.dimensions if step else ()
    values = split_key(row.key, len(dimensions))
    return TaskRecord(
        run=str(run),
        target=row.target,
        key=tuple(zip(dimensions, values, strict=False)),
        status=row.status,
        changed=row.changed,
        seconds=row.seconds,
        at=local_time(row.at),
        reasons=texts_of(row.reasons),
        error=row.error,
        log=row.log,
    )
