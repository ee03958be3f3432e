"""The Python code of a run as one snapshot: what was read when the flow was loaded, whatever is edited meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from dbuild.core.model import PythonRecipe
from dbuild.core.plan import Plan
from dbuild.state.store import FOLDER

if TYPE_CHECKING:
    from dbuild.build.looks import Looked

SNAPSHOT = "code."  # of the names of their files


@contextmanager
def snapshot_of(looked: Looked, planned: Plan, run: int) -> Iterator[str]:
    """The path of the file with the code of all Python recipes that may run; "" where none may. Raises OSError."""
    steps = [planned.flow.steps[name] for name, part in planned.targets.items() if part.will or part.may]
    files = [file for step in steps if isinstance(step.target.recipe, PythonRecipe) for file in step.analysis.files]
    if not files:
        yield ""
        return
    from dbuild.recipes.snapshot import write_snapshot

    path = os.path.join(looked.world.survey.root, FOLDER, f"{SNAPSHOT}{run}")
    try:
        write_snapshot(path, looked.code.sources, files)
        yield path
    finally:
        with suppress(OSError):
            os.unlink(path)
