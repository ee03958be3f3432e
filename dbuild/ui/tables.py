"""Tables as plain lines: columns as wide as their texts, numbers to the right."""

from __future__ import annotations

from collections.abc import Sequence

Cell = str | int


def table(headers: Sequence[str], rows: Sequence[Sequence[Cell]], width: int | None = None) -> list[str]:
    """Lines of a table, headers first; a column of numbers is set to the right, and its zeros are shown as `-`.

    With `width`, lines are cut there with `…`.
    """
    texts = [[_text(cell) for cell in row] for row in rows]
    widths = [max(len(text) for text in column) for column in zip(headers, *texts, strict=True)]
    are_numbers = [bool(rows) and isinstance(rows[0][n], int) for n in range(len(headers))]
    lines = []
    for row in (headers, *texts):
        cells = [
            cell.rjust(size) if is_number else cell.ljust(size)
            for cell, size, is_number in zip(row, widths, are_numbers, strict=True)
        ]
        line = "  ".join(cells).rstrip()
        lines.append(line if width is None or len(line) <= width else line[: width - 1] + "…")
    return lines


def _text(cell: Cell) -> str:
    return cell if isinstance(cell, str) else f"{cell:,}" if cell else "-"
