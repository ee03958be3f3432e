"""Here it is the processes themselves that are tried."""

import pytest


@pytest.fixture(autouse=True)
def _started_anew(real_processes: None) -> None:
    """None of them is forked from one that has imported all."""
