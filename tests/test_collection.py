"""That tests are run at all."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import pytest


def test_no_folder_of_tests_is_passed_over(pytestconfig: pytest.Config) -> None:
    """By itself pytest passes over some names, as `build` and `dist`, wherever a folder has them."""
    root = Path(__file__).parent
    folders = {name for path in root.rglob("test_*.py") for name in path.relative_to(root).parts[:-1]}
    passed_over = pytestconfig.getini("norecursedirs")
    assert "build" in folders
    assert [(name, glob) for name in sorted(folders) for glob in passed_over if fnmatch(name, glob)] == []
