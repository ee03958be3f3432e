"""What `dbuild init` found and proposes, as people and programs read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dbuild.core.families import first_key
from dbuild.core.proposal import Draft, Source
from dbuild.core.unit import write_start
from dbuild.project.drafting import gaps_text, listed
from dbuild.ui.tables import table
from dbuild.ui.text import clean


def found_lines(draft: Draft, width: int) -> list[str]:
    """A table of what was found: sources, files, keys, what is missing, paths."""
    rows = []
    for source in draft.sources:
        path = clean(source.path)
        rows.append((source.name, len(source.family.paths), _keys(source), gaps_text(source) or "-", path))
    return table(("source", "files", "partitions", "gaps", "path"), rows, width)


def _keys(source: Source) -> str:
    """From where to where its partitions go, dimension by dimension."""
    parts = []
    for axis, name in zip(source.family.axes, source.dimensions, strict=True):
        if axis.rhythm is None:
            shown = listed(axis.values, 4) if len(axis.values) <= 4 else f"{len(axis.values):,}"
            parts.append(f"{name} {clean(shown)}")
        else:
            first, last = first_key(axis), write_start(axis.rhythm.unit, axis.rhythm.last)
            every = "" if axis.rhythm.step == 1 else f" of {axis.rhythm.every}"
            parts.append(f"{name}{every} {first}" + (f" … {last}" if last != first else ""))
    return ", ".join(parts) or "-"


def proposal_record(
    draft: Draft, files: Mapping[str, str], notes: Sequence[str], targets: Sequence[str], *, is_dry: bool
) -> dict[str, object]:
    """The proposal for a program."""
    return {
        "event": "init",
        "written": not is_dry,
        "files": list(files),
        "sources": [
            {
                "name": source.name,
                "path": source.path,
                "files": len(source.family.paths),
                "partitions": source.family.present,
                "dimensions": list(source.dimensions),
                "has_gaps": source.has_gaps,
                "columns": [{"name": name, "type": kind} for name, kind in source.content.columns],
            }
            for source in draft.sources
        ],
        "targets": list(targets),
        "notes": list(notes),
        "text": next(iter(files.values())) if is_dry else None,
    }
