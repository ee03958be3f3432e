"""What a cleaning would remove, or has removed, and what it keeps; as lines and as JSON."""

from __future__ import annotations

from dbuild.core.cleaning import Cleaning
from dbuild.ui.json import key_record
from dbuild.ui.tables import Cell, table
from dbuild.ui.text import clean, counted, size_text

_SHOWN = 20  # kept outputs that are listed by name


def cleaning_lines(found: Cleaning) -> list[str]:
    """A table of what goes: files (a folder counts as one) and their size, by target."""
    counts: dict[str, list[int]] = {}
    for one in found.removed:
        count = counts.setdefault(one.target, [0, 0])
        count[0] += 1
        count[1] += one.bytes
    rows: list[list[Cell]] = [
        [clean(name) or "(logs)", number, size_text(total)] for name, (number, total) in counts.items()
    ]
    if len(rows) > 1:
        rows.append(["total", len(found.removed), size_text(found.bytes)])
    return table(["target", "files", "size"], rows) if rows else []


def kept_lines(found: Cleaning, *, is_verbose: bool = False) -> list[str]:
    """What stays although it was asked for, each with the reason."""
    shown = found.kept if is_verbose else found.kept[:_SHOWN]
    lines = [f"kept {clean(one.path)}: {clean(one.why)}" for one in shown]
    left = len(found.kept) - len(shown)
    return [*map(clean, found.notes), *lines, *([f"kept {left:,} more (-v lists them)"] if left else [])]


def amount(found: Cleaning) -> str:
    """How much goes: 1,234 files, 5.6 GB."""
    return f"{counted(len(found.removed), 'file')}, {size_text(found.bytes)}"


def cleaning_record(found: Cleaning, *, is_dry: bool) -> dict[str, object]:
    """All that goes and stays; `target` is null for logs."""
    return {
        "removed": [
            {"target": one.target or None, "key": key_record(one.key), "path": one.path, "bytes": one.bytes}
            for one in found.removed
        ],
        "kept": [{"path": one.path, "why": one.why} for one in found.kept],
        "bytes": found.bytes,
        "dry_run": is_dry,
    }
