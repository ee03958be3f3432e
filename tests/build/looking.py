"""What is looked at: each folder that is listed and each file whose stats are asked for, counted."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dbuild.observe import vouching


def count_looks(
    monkeypatch: pytest.MonkeyPatch, root: Path, names: tuple[str, ...], *, sees_opens: bool = False
) -> Counter[str]:
    """What was looked at of these names in a folder since it was cleared; a folder that was listed has a slash.

    With `sees_opens` also what was opened. A watch that is asked has time to answer, however busy the machine is.
    """
    monkeypatch.setattr(vouching, "PATIENCE", 20.0)
    found: Counter[str] = Counter()

    def note(path: Any, mark: str = "") -> None:
        name = os.path.relpath(path, root) if isinstance(path, str) else ""
        if name.startswith(names):
            found[name + mark] += 1

    real_scan, real_stat, real_open = os.scandir, os.stat, os.open

    def open_noted(path: Any, *given: Any, **more: Any) -> int:
        note(path, " opened")
        return real_open(path, *given, **more)

    monkeypatch.setattr(os, "scandir", lambda path=".": (note(path, "/"), real_scan(path))[1])
    monkeypatch.setattr(os, "stat", lambda path, **more: (note(path), real_stat(path, **more))[1])
    if sees_opens:
        monkeypatch.setattr(os, "open", open_noted)
    return found
