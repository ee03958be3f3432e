"""What no test is to depend on: the size of the terminal in which the tests run. And where processes come from."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from dbuild.execute import process
from tests import nursery

for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)


@pytest.fixture(scope="session", autouse=True)
def _nursery() -> Iterator[None]:
    """Workers, and the commands of `Sandbox.run`, are forked: see `nursery.py`."""
    with nursery.opened() as made:
        if made is None:
            yield
            return
        with nursery.patched(process, made):
            nursery.current = made
            yield
            nursery.current = None


@pytest.fixture
def real_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every process is started anew: for tests of how they start, who their parents are, what they import or hold."""
    if nursery.current is not None:
        monkeypatch.setattr(nursery.current, "is_open", False)
