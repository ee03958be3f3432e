"""What was measured, as Markdown, and the place in a page that it is put into."""

from __future__ import annotations

import json
import os
import platform
import sys
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


def page(about: dict[str, object], parts: Sequence[tuple[str, Sequence[Cell]]], limit: float) -> str:
    """All of it as Markdown. `parts`: a heading, and what was measured."""
    versions = about["versions"]
    assert isinstance(versions, dict)
    lines = [
        f"Measured {about['date']}, on {about['cores']} cores ({about['processor']}), {about['system']}, Python "
        f"{about['python']}; load {about['load']} at the beginning and {about['load_after']} at the end; medians of "
        f"{about['runs']} runs by turns, in brackets the ratio to dbuild's. "
        f"{', '.join(f'{name} {version}' for name, version in versions.items())}. `> {limit:g} s`: ended after that, "
        "and not tried with more of the same. "
        "*Unnoticed*: the result wasn't what the changed files or recipes make. –: the tool has nothing of the kind, "
        "or wasn't through with its first build.",
    ]
    for heading, cells in parts:
        lines += ["", f"### {heading}"]
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
    """Puts the text between the marks of a page. Raises ValueError where it has none."""
    whole = path.read_text()
    before, begin, rest = whole.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} has no marks {BEGIN} and {END}")
    path.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")


def write_json(path: Path, about: dict[str, object], parts: Sequence[tuple[str, Sequence[Cell]]]) -> None:
    """All that was measured, as JSON."""
    found = {heading: [cell.as_json() for cell in cells] for heading, cells in parts}
    path.write_text(json.dumps({"about": about, "workloads": found}, indent=1) + "\n")


def told(text: str) -> None:
    """Says on stderr how far it is."""
    print(text, file=sys.stderr, flush=True)
