"""A small real project for every test that asks for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.sandbox import FLOW, Sandbox


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    """A flow of a source with three days, a copy of each and their total; and a target named like a command."""
    made = Sandbox(tmp_path / "project")
    made.write("Dataflowfile", FLOW)
    for day in (1, 2, 3):
        made.write(f"data/2013-01-0{day}.txt", f"day {day}\n")
    return made
