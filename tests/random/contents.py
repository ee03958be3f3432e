"""What is in outputs on disk: bytes, and the numbers that they stand for."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb

from tests.random.flows import Held, Rows
from tests.random.memory import Content
from tests.random.writing import csv_text


def content_of(root: Path, path: str) -> Content | None:
    """What is in a file, or, where the path ends with a slash, in the files below a folder; None where none is."""
    place = root / path
    if not path.endswith("/"):
        return place.read_bytes() if place.is_file() else None
    files = {file.relative_to(place).as_posix(): file.read_bytes() for file in place.rglob("*") if file.is_file()}
    return tuple(sorted(files.items())) or None


def held_in(content: Content, place: Path) -> Held:
    """The numbers in an output; (-1,) in place of what is none of a recipe's making."""
    if isinstance(content, tuple):
        return tuple((name, _csv_rows(file)) for name, file in content)
    match place.suffix:
        case ".json":
            return (("", tuple(row["v"] for row in json.loads(content))),)
        case ".parquet":
            found = duckdb.execute("SELECT v FROM read_parquet(?)", [str(place)]).fetchall()
            return (("", tuple(row[0] for row in found)),)
        case _:
            return (("", _csv_rows(content)),)


def sense_of(content: Content, place: Path) -> Held | bytes:
    """The numbers in CSV files that look as recipes write them; else the bytes, which make no sense."""
    files = content if isinstance(content, tuple) else (("", content),)
    if isinstance(content, bytes) and place.suffix != ".csv":
        return content
    held = tuple((name, _csv_rows(file)) for name, file in files)
    return (
        held
        if all(csv_text(rows).encode() == file for (_, rows), (_, file) in zip(held, files, strict=True))
        else repr(files).encode()
    )


def _csv_rows(content: bytes) -> Rows:
    head, *rows = content.decode(errors="replace").splitlines() or [""]
    try:
        return tuple(int(row) for row in rows) if head == "v" else (-1,)
    except ValueError:
        return (-1,)
