"""What was measured, as Markdown, and the place in a page that it is put into."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.rounds import PHASES, Cell

BEGIN, END = "<!-- python -m tests.bench: begin -->", "<!-- python -m tests.bench: end -->"
_TITLES = {
    "wall": "Wall time",
    "cpu": "Processor time",
    "peak": "Memory of the largest process (the least that can be seen is that of a bare Python)",
}
_SIGN = "### "  # of a section's heading
_WORDS = {"none": "–", "failed": "failed", "unnoticed": "unnoticed"}


def machine() -> dict[str, object]:
    """Where and when it was measured."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": model,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
    }


def section(heading: str, about: dict[str, object], cells: Sequence[Cell], limit: float) -> str:
    """What was measured of one workload, as Markdown."""
    versions, tools = about["versions"], {cell.tool for cell in cells}
    assert isinstance(versions, dict)
    named = ", ".join(f"{name} {version}" for name, version in versions.items() if name in tools)
    lines = [
        f"{_SIGN}{heading}",
        "",
        f"{about['date']}, {about['cores']} cores ({about['processor']}), {about['system']}, Python {about['python']}, "
        f"load {about['load']} before and {about['load_after']} after; medians of {about['runs']} runs by turns, "
        f"of first builds of {about['cold_runs']}; limit "
        f"{limit:g} s. {named}.",
    ]
    for what, title in _TITLES.items():
        lines += ["", f"**{title}**", "", *_table(cells, what, limit)]
    return "\n".join(lines) + "\n"


def _table(cells: Sequence[Cell], what: str, limit: float) -> list[str]:
    there = {cell.phase for cell in cells}
    phases = [phase for phase in dict.fromkeys((*PHASES, *(cell.phase for cell in cells))) if phase in there]
    tools = dict.fromkeys(cell.tool for cell in cells)
    found = {(cell.tool, cell.phase): cell for cell in cells}
    lines = [f"| | {' | '.join(phases)} |", f"|---|{'---|' * len(phases)}"]
    for tool in tools:
        texts = [_text(found.get((tool, phase)), found.get(("dbuild", phase)), what, limit) for phase in phases]
        lines.append(f"| {tool} | {' | '.join(texts)} |")
    return lines


def _text(cell: Cell | None, ours: Cell | None, what: str, limit: float) -> str:
    if cell is None:
        return "–"
    value, reference = cell.median(what), ours.median(what) if ours and ours.outcome == "ok" else None
    if cell.outcome == "limit":
        return f"> {limit:g} s" if what == "wall" else "–"
    if cell.outcome in ("none", "failed") or value is None:
        return _WORDS.get(cell.outcome, "–")
    text = f"{value:.0f} MB" if what == "peak" else f"{value:.2f} s" if value >= 0.1 else f"{value * 1000:.0f} ms"
    if cell.tool != "dbuild" and reference:
        text += f" ({value / reference:.2g}×)" if value < 100 * reference else f" ({value / reference:.0f}×)"
    return f"{text}, unnoticed" if cell.outcome == "unnoticed" else text


def put(path: Path, text: str) -> None:
    """Puts a section between the marks of a page, in the place of the one with its heading, or after all others.

    Raises ValueError where the page has no marks.
    """
    before, begin, rest = path.read_text().partition(BEGIN)
    inside, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} has no marks {BEGIN} and {END}")
    _, *others = f"\n{inside}".split(f"\n{_SIGN}")
    sections = {other.partition("\n")[0]: f"{_SIGN}{other.strip()}\n" for other in others}
    sections[text.removeprefix(_SIGN).partition("\n")[0]] = text
    path.write_text(f"{before}{BEGIN}\n\n{chr(10).join(sections.values())}\n{END}{after}")


def write_json(path: Path, parts: Sequence[tuple[str, dict[str, object], Sequence[Cell]]]) -> None:
    """All that was measured, as JSON. `parts`: a heading, when and where, and what."""
    found = {heading: about | {"cells": [cell.as_json() for cell in cells]} for heading, about, cells in parts}
    path.write_text(json.dumps(found, indent=1) + "\n")
