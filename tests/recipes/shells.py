"""Tasks of shell recipes for tests."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from dbuild.core.grain import Grain
from dbuild.core.model import Scalar, ShellRecipe
from dbuild.core.task import Task, TaskDimension, TaskInput, TaskOutput
from dbuild.errors import Place
from dbuild.recipes import shell

PLACE = Place("Dataflowfile", 7)


def given(name: str, *paths: str) -> TaskInput:
    return TaskInput(name, (), tuple(() for _ in paths), paths, len(paths) == 1, "", (), None)


def task(
    root: Path,
    text: str,
    *inputs: TaskInput,
    interpreter: str = "",
    params: dict[str, Scalar] | None = None,
    **key: str,
) -> Task:
    """A task whose output is `out.txt` in the root; a key named day is one of days, others are lists."""
    dimensions = tuple(TaskDimension(name, Grain("day") if name == "day" else None) for name in key)
    output = TaskOutput("", str(root / "out.txt"), str(root / "final.txt"), "")
    return Task(
        1,
        "report",
        dimensions,
        tuple(key.values()),
        ShellRecipe(text, interpreter, PLACE),
        b"",
        inputs,
        (output,),
        tuple((params or {}).items()),
        "Europe/Vienna",
        str(root),
    )


def with_outputs(made: Task, *names: str) -> Task:
    folder = os.path.dirname(made.outputs[0].path)
    return replace(made, outputs=tuple(TaskOutput(name, f"{folder}/{name}.txt", "", "") for name in names))


def execute(made: Task) -> str:
    """Run a task; what it printed."""
    log = Path(made.root) / "log"
    with open(log, "wb") as stream:
        shell.run(made, lambda pid: None, stream.fileno())
    return log.read_bytes().decode("utf-8", "surrogateescape")
