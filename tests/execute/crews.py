"""Pools of real workers for tests, and tasks for them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from dbuild.core.model import PythonRecipe, Recipe, ShellRecipe, SqlRecipe
from dbuild.core.task import Result, Task, TaskOutput, format_of
from dbuild.errors import Place
from dbuild.execute.pool import Pool
from dbuild.execute.witness import Tracing
from tests.build.workshop import await_that

PLACE = Place("Dataflowfile", 7)
HUNG = 60.0  # seconds after which a test gives up


class Crew:
    """A pool, and a way to make tasks for it."""

    def __init__(
        self,
        root: Path,
        size: int = 1,
        withheld: tuple[str, ...] = (),
        sign: int | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        self.root = root
        self.pool = Pool(size, str(root), str(root / "logs"), (str(root),), withheld, sign, tracing)
        self._number = 0

    def task(self, recipe: Recipe, *outputs: str, **fields: Any) -> Task:
        """A task; an output is a path below the root, a folder's ends with a slash."""
        self._number += 1
        made = tuple(
            TaskOutput("", str(self.root / path.rstrip("/")), str(self.root / "final" / path), format_of(path))
            for path in outputs
        )
        log = str(self.root / "logs" / "run" / f"{self._number}.log")
        task = Task(self._number, "made", (), (), recipe, b"", (), made, (), "UTC", str(self.root), log)
        return replace(task, **fields)

    def shell(self, text: str, *outputs: str, **fields: Any) -> Task:
        return self.task(ShellRecipe(text, "", PLACE), *outputs, **fields)

    def python(self, body: str, *outputs: str, **fields: Any) -> Task:
        """A task of a function that is written for it; it takes `output` where there is one."""
        module = f"recipe{self._number + 1}"
        head = "def make(output):\n" if outputs else "def make():\n"
        (self.root / f"{module}.py").write_text(head + "".join(f"    {line}\n" for line in body.splitlines()))
        return self.task(PythonRecipe(module, "make", PLACE), *outputs, **fields)

    def sql(self, text: str, *outputs: str, **fields: Any) -> Task:
        return self.task(SqlRecipe(text, PLACE), *outputs, **fields)

    def run(self, task: Task) -> Result:
        """The result of a task."""
        self.pool.submit(task)
        return self.result()

    def result(self) -> Result:
        """The next result."""
        return await_that(lambda: self.pool.poll(1.0), HUNG)[0]

    def poll_until(self, found: Callable[[], object]) -> None:
        """Lets the pool work until something is so; nothing may end meanwhile."""

        def look() -> object:
            assert self.pool.poll(0.01) == []
            return found()

        await_that(look, HUNG)

    def printed(self, task: Task) -> str:
        """What is in a task's log."""
        return Path(task.log).read_text(encoding="utf-8")

    def said(self, name: str) -> list[int]:
        """The numbers in a file that a recipe renamed into its place."""
        self.poll_until((self.root / name).exists)
        return [int(word) for word in (self.root / name).read_text().split()]

    @property
    def pids(self) -> list[int]:
        """The pool's workers."""
        return [worker.pid for worker in (*self.pool._idle, *self.pool._busy)]


@contextmanager
def crew(
    root: Path,
    size: int = 1,
    withheld: tuple[str, ...] = (),
    sign: int | None = None,
    tracing: Tracing | None = None,
) -> Iterator[Crew]:
    """A pool that is closed at the end."""
    made = Crew(root, size, withheld, sign, tracing)
    try:
        yield made
    finally:
        made.pool.terminate(at_once=True)
        made.pool.close()


def say(name: str, what: str) -> str:
    """A piece of shell that writes numbers to a file and renames it into its place."""
    return f"echo {what} > {name}.tmp; mv {name}.tmp {name}"


def descriptors() -> int:
    """How many this process has open."""
    return len(os.listdir("/dev/fd"))
