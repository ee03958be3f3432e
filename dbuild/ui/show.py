"""A recipe as it would run, with what it reads and makes; as lines and as JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from dbuild.core.report import Shown, ShownInput, ShownOutput
from dbuild.ui.json import key_record
from dbuild.ui.stream import paint
from dbuild.ui.tables import Cell, table
from dbuild.ui.text import clean, clean_lines, clip, counted, partition_name, size_text

_WIDEST_CELL = 40


def show_lines(shown: Shown) -> list[str]:
    """The whole of it, in parts with a heading each."""
    lines = [_heading(partition_name(shown.target, shown.key), f"{shown.kind}, {clean(shown.place)}")]
    lines += [f"note: {clean(note)}" for note in shown.notes]
    lines += ["", *_indented(shown.recipe)]
    lines += _part("values", [clean(value) for value in shown.values])
    lines += _part("environment", [clean(f"{name}={value}") for name, value in shown.environment])
    lines += _part("inputs", [_input(given) for given in shown.inputs])
    for output in shown.outputs:
        lines += ["", *_output(output)]
    return lines


def _heading(title: str, rest: str = "") -> str:
    return paint(title, "", sys.stdout, bold=True) + (f"  {rest}" if rest else "")


def _indented(text: str) -> Iterator[str]:
    return (f"  {line}".rstrip() for line in clean_lines(text.strip("\n")))


def _part(title: str, lines: list[str]) -> list[str]:
    return ["", _heading(title), *(f"  {line}" for line in lines)] if lines else []


def _input(given: ShownInput) -> str:
    name = given.name if given.name == given.dataset else f"{given.name} (from {given.dataset})"
    more = f" and {given.files - len(given.paths):,} more" if given.files > len(given.paths) else ""
    return clean(f"{name}: {', '.join(given.paths) or 'nothing'}") + more


def _output(output: ShownOutput) -> Iterator[str]:
    named = f"output {output.name}" if output.name else "output"
    if output.size is None and output.path:
        yield _heading(clean(named), f"{clean(output.path)} is not there")
        return
    size = f"{clean(output.path)}, {size_text(output.size)}" if output.size is not None else ""
    count = f", {counted(output.total, 'row')}" if output.total is not None else ""
    yield _heading(clean(named) if output.path else "rows", f"{size}{count}")
    if output.columns:
        rows: list[list[Cell]] = [[_cell(value) for value in row] for row in output.rows]
        heads = [clip(clean(name), _WIDEST_CELL) for name, _ in output.columns]
        kinds: list[Cell] = [clip(clean(kind).lower(), _WIDEST_CELL) for _, kind in output.columns]
        yield from (f"  {line}" for line in table(heads, [kinds, *rows]))
    yield from (f"  {clean(line)}" for line in output.lines)


def _cell(value: str | None) -> str:
    return "-" if value is None else clip(clean(value), _WIDEST_CELL)


def show_record(shown: Shown) -> dict[str, object]:
    """The same for a program; values of rows are texts, null for NULL."""
    return {
        "target": shown.target,
        "key": key_record(shown.key),
        "kind": shown.kind,
        "place": shown.place,
        "recipe": shown.recipe,
        "values": list(shown.values),
        "environment": dict(shown.environment),
        "inputs": [
            {
                "name": given.name,
                "dataset": given.dataset,
                "partitions": given.partitions,
                "files": given.files,
                "paths": list(given.paths),
            }
            for given in shown.inputs
        ],
        "outputs": [
            {
                "name": output.name,
                "path": output.path,
                "bytes": output.size,
                "columns": [{"name": name, "type": kind} for name, kind in output.columns],
                "rows": [list(row) for row in output.rows],
                "total": output.total,
                "lines": list(output.lines),
            }
            for output in shown.outputs
        ],
        "notes": list(shown.notes),
    }
