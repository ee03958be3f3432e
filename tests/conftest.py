"""What no test is to depend on: the terminal's size, and who ignores Ctrl-C. Where processes come from. The order."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbuild.execute import process
from tests import nursery

for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # by whoever started the tests in the background: some send it
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What takes longest comes first: at the end no processor is left alone with it. A file that isn't here is short.
LONG = (
    "watch/test_watch.py",
    "random/test_random.py",
    "build/test_flights.py",
    "random/test_control.py",
    "cli/test_tutorial.py",
    "watch/test_story.py",
    "build/test_edits.py",
    "build/test_crashes.py",
    "build/test_builds.py",
    "cli/test_howto.py",
    "build/test_task_costs.py",
    "cli/test_readme.py",
    "cli/test_pictures.py",
    "core/test_makespan.py",
    "recipes/test_engine.py",
    "random/test_late.py",
    "core/test_zone.py",
    "recipes/test_sql_run.py",
    "watch/test_warm.py",
    "build/test_routing.py",
    "build/test_changed_partitioning.py",
    "cli/test_commands.py",
    "cli/test_late_data.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files in that order; tests of one file stay together and in theirs."""
    folder = Path(__file__).parent
    places = {folder / path: place for place, path in enumerate(LONG)}
    assert all(path.exists() for path in places)
    items.sort(key=lambda item: places.get(item.path, len(LONG)))


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
