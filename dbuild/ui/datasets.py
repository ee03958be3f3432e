"""Datasets and how their partitions stand: a table, a listing; as lines and as JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from dbuild.core.report import DatasetStatus
from dbuild.ui.drawing.canvas import Piece
from dbuild.ui.explanations import failed_lines, failure_record, mark_record, mark_text
from dbuild.ui.quiet import assumed_record
from dbuild.ui.styles import COUNTED, painted, wrapped
from dbuild.ui.tables import Cell, Column, Painted, headed, table
from dbuild.ui.text import assumed_text, clean, clip, counted, listed, partition_name
from dbuild.ui.widths import filled, width_of

if TYPE_CHECKING:
    from dbuild.core.routes import Stray

STATES = (
    "fresh",
    "stale",
    "undecided",
    "missing",
    "late",
    "waiting",
    "failed",
    "provisional",
    "frozen",
    "awaited",
    "unsettled",
)
_ALWAYS = ("fresh", "stale")  # columns that are shown although all their counts are 0
_FAILURES = 5  # that are shown with their errors
_WIDEST_KEYS = 48
_LEAST = 12
_WITHIN = {"provisional": "fresh", "failed": "stale", "awaited": "waiting"}  # of targets


def count_of(dataset: DatasetStatus, state: str) -> int:
    """How many partitions of a dataset are in a state."""
    return int(getattr(dataset, state))


def status_lines(datasets: Sequence[DatasetStatus], width: int | None = None) -> list[str]:
    """A table of datasets with the counts of the states that occur.

    With `width`, where their columns would be wider, each dataset's states are a text, and no count is left out.
    """
    states = [state for state in STATES if state in _ALWAYS or any(count_of(each, state) for each in datasets)]
    rows: list[list[Cell]] = [
        [clean(each.name), _kind(each), each.total, *(_count(each, state) for state in states)] for each in datasets
    ]
    lines = table(["dataset", "kind", "partitions", *(Column(state, is_right=True) for state in states)], rows)
    if width is not None and width_of(lines[0]) > width:
        lines = _narrow_lines(datasets, width)
    return [*headed(lines), *said_lines(datasets)]


def _count(each: DatasetStatus, state: str) -> Cell:
    """A count, in the colour that its state has everywhere where it needs attention."""
    number = count_of(each, state)
    return Painted(f"{number:,}", COUNTED[state]) if number and COUNTED[state] else number


def _narrow_lines(datasets: Sequence[DatasetStatus], width: int) -> list[str]:
    """Each dataset with the states that occur in it, what needs attention most last, as in the table."""
    names = [clean(each.name) for each in datasets]
    edge = min(max(map(width_of, ("dataset", *names))) + 2, width // 2)
    lines = [f"{filled('dataset', edge)}partitions"]
    for name, each in zip(names, datasets, strict=True):
        counts = [_counted(each, state) for state in STATES if count_of(each, state) and not _is_within(each, state)]
        first, *more = painted(wrapped(counts or [Piece("-")], width - edge), sys.stdout)
        lines += [filled(name, edge) + first] if width_of(name) < edge else [name, " " * edge + first]
        lines += [" " * edge + line for line in more]
    return lines


def _counted(each: DatasetStatus, state: str) -> Piece:
    inner = [one for one in STATES if _WITHIN.get(one) == state and count_of(each, one) and _is_within(each, one)]
    told = ", ".join(f"{count_of(each, one):,} {one}" for one in inner)
    return Piece(f"{count_of(each, state):,} {state}{f' ({told})' if told else ''}", COUNTED[state])


def _is_within(each: DatasetStatus, state: str) -> bool:
    """Whether the partitions of a state are counted in another one too."""
    outer = _WITHIN.get(state)
    return each.kind == "target" and outer is not None and count_of(each, outer) >= count_of(each, state)


def said_lines(datasets: Sequence[DatasetStatus]) -> list[str]:
    """Rows that nobody gets; where what is fresh may differ, because somebody said so; and the newest failures."""
    assumed = [each.name for each in datasets if each.is_assumed]
    lines = [assumed_text(assumed)] if assumed else []
    lines += [clean(str(stray)) for each in datasets for stray in each.astray]
    lines += [line for each in datasets for line in _uncounted(each)]
    for mark in [mark for each in datasets for mark in each.marks]:
        name = f"{mark.target}@{mark.keys}" if mark.keys else mark.target
        lines.append(f"{clean(name)} ({counted(mark.partitions, 'partition')}): {mark_text(mark)}")
    failures = [failure for each in datasets for failure in each.failures]
    for failure in sorted(failures, key=lambda found: found.at, reverse=True)[:_FAILURES]:
        lines.append(partition_name(failure.target, failure.key))
        lines += failed_lines(failure)
    if len(failures) > _FAILURES:
        lines.append(f"and {counted(len(failures) - _FAILURES, 'more failed partition')}")
    return ["", *lines] if lines else []


def _uncounted(each: DatasetStatus) -> Iterator[str]:
    """A line where inputs of a target differ that don't count."""
    if not each.uncounted or each.differing == 0:
        return
    inputs = clean(listed(each.uncounted))
    if each.differing is None:
        yield f'{clean(each.name)}: whatever happens to {inputs} does not count (impact = "none")'
    else:
        partitions = counted(each.differing, "partition")
        yield f'{clean(each.name)}: {partitions} read another {inputs}, which does not count (impact = "none")'


def _kind(dataset: DatasetStatus) -> str:
    return dataset.recipe or dataset.kind


def status_record(datasets: Sequence[DatasetStatus]) -> dict[str, object]:
    """Every dataset with all its counts."""
    return {
        "datasets": [
            {
                "name": each.name,
                "kind": each.kind,
                "partitions": {state: count_of(each, state) for state in STATES},
                "layer": each.layer,
                "inputs": list(each.inputs),
                "uncounted": list(each.uncounted),
                "differing": each.differing,
                "astray": [stray_record(stray) for stray in each.astray],
                "marks": [mark_record(mark) for mark in each.marks],
                "failures": [failure_record(failure) for failure in each.failures],
                **_detail_record(each),
            }
            for each in datasets
        ],
        **assumed_record([each.name for each in datasets if each.is_assumed]),
    }


def _detail_record(each: DatasetStatus) -> dict[str, object]:
    """How much there is, where that was asked for; of a view, nothing."""
    detail = each.detail
    if detail is None:
        return {}
    return {
        "files": detail.files,
        "bytes": detail.size,
        "newest": detail.newest,
        "built": detail.built,
        "seconds": detail.seconds,
    }


def stray_record(stray: Stray) -> dict[str, object]:
    """Rows of a dataset that no partition of a target gets: how many have no key, and how many one that isn't there."""
    return {
        "dataset": stray.dataset,
        "target": stray.target,
        "rows": stray.rows,
        "no_key": dict(stray.keyless),
        "out_of_range": dict(stray.outside),
        "example": stray.example or None,
        "path": stray.path,
    }


def list_lines(datasets: Sequence[DatasetStatus], width: int | None = None) -> list[str]:
    """A table of what is declared; with `width`, no wider than that."""
    rows = [
        [
            clean(each.name),
            each.kind,
            each.recipe or "-",
            clean(", ".join(each.dimensions)) or "-",
            clip(clean(each.keys), _WIDEST_KEYS) or "-",
            clean(each.description),
        ]
        for each in datasets
    ]
    heads = [
        Column("dataset"),
        Column("kind", 3),
        Column("recipe", 2),
        Column("dimensions", 4, 10),
        Column("keys", 5, _LEAST),
        Column("description", 6, _LEAST),
    ]
    if not any(each.description for each in datasets):
        heads, rows = heads[:-1], [row[:-1] for row in rows]
    return [*headed(table(heads, rows, width)), *said_lines(datasets)]


def list_record(datasets: Sequence[DatasetStatus]) -> dict[str, object]:
    """Every dataset as it is declared."""
    return {
        "datasets": [
            {
                "name": each.name,
                "kind": each.kind,
                "recipe": each.recipe or None,
                "dimensions": list(each.dimensions),
                "keys": each.keys,
                "paths": list(each.paths),
                "inputs": list(each.inputs),
                "description": each.description,
                "tags": list(each.tags),
                "owner": each.owner,
                "marks": [mark_record(mark) for mark in each.marks],
                "place": each.place,
            }
            for each in datasets
        ]
    }
