"""The tools that are set beside each other: where each is found, how a workload becomes its project, its commands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.bench.measuring import ENVIRONMENT
from tests.bench.workloads import Edit, Workload, write_files

Command = tuple[str, ...]
LAST = "{last}"  # in a command: the last output
DBUILD: Command = (sys.executable, "-m", "dbuild")
LOOP = """\
import json, recipes
for name, inputs, output in json.load(open("jobs.json")):
    getattr(recipes, name)(inputs, output)
"""
SCAN = """\
import os
folders = ["."]
while folders:
    with os.scandir(folders.pop()) as entries:
        for entry in entries:
            if entry.is_dir():
                if entry.name != ".dbuild":
                    folders.append(entry.path)
            else:
                entry.stat()
"""


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool, as it is used for the workloads."""

    name: str
    program: str  # that has to be found
    write: Callable[[Path, Workload, Edit], None]  # its project, anew after an edit
    build: Command
    plan: Command = ()
    status: Command = ()
    version: Command = ()  # which is also its start-up; none: it is part of another
    fits: Callable[[Workload], bool] = lambda workload: workload.recipes is not None
    is_floor: bool = False  # no build tool: what the bare work takes, every time
    environment: Mapping[str, str] = field(default_factory=lambda: ENVIRONMENT)

    def is_found(self, folders: str) -> bool:
        """Whether it is installed."""
        return shutil.which(self.program, path=folders) is not None

    def command(self, phase: str, last: str, folders: str) -> Command:
        """What is run in a phase; empty where the tool has nothing of the kind."""
        words = {"plan": self.plan, "status": self.status, "start-up": self.version}.get(phase, self.build)
        found = shutil.which(words[0], path=folders) if words else None
        return (found or words[0], *(word.replace(LAST, last) for word in words[1:])) if words else ()

    def says(self, folders: str) -> str:
        """Its version, as it tells it."""
        if not self.version:
            return ""
        command = self.command("start-up", "", folders)
        result = subprocess.run(command, capture_output=True, text=True, env=self.environment, check=False)
        words = (result.stdout.strip() or result.stderr.strip()).split("\n")[0].split()
        return next((word.strip("v,") for word in words if word.strip("v,")[:1].isdigit()), "?")


def write_dbuild(folder: Path, workload: Workload, edit: Edit) -> None:
    """dbuild with recipes that run in its workers, one call for each file."""
    write_files(folder, workload.dataflow(edit))


def write_form(form: str, folder: Path, workload: Workload, edit: Edit) -> None:
    """dbuild with recipes of another form."""
    write_files(folder, workload.forms[form](edit))


def write_jobs(folder: Path, workload: Workload, edit: Edit) -> None:
    """The jobs as a list, the recipes as a module, the folders of all outputs: what all others start from."""
    import json

    write_files(folder, {"recipes.py": workload.python(edit)})
    if (folder / "jobs.json").exists():
        return
    jobs = list(workload.jobs())
    for place in {os.path.dirname(job.output) for job in jobs}:
        (folder / place).mkdir(parents=True, exist_ok=True)
    (folder / "jobs.json").write_text(json.dumps([[job.recipe, job.inputs, job.output] for job in jobs]))


def write_loop(folder: Path, workload: Workload, edit: Edit) -> None:
    """A loop over all jobs."""
    write_jobs(folder, workload, edit)
    write_files(folder, {"loop.py": LOOP})


def write_nothing(folder: Path, workload: Workload, edit: Edit) -> None:
    """Nothing: it looks at what is there."""


def _has_form(form: str, workload: Workload) -> bool:
    return form in workload.forms


def dbuilds(jobs: int) -> list[Tool]:
    """dbuild with its kinds of recipes, and the floors below it."""
    version = (*DBUILD, "--version")
    build, plan, status = (*DBUILD, "-q", f"-j{jobs}"), (*DBUILD, "plan"), (*DBUILD, "status")
    return [
        Tool("dbuild", sys.executable, write_dbuild, build, plan, status, version, lambda workload: True),
        *(
            Tool(
                *(f"dbuild ({form})", sys.executable, partial(write_form, form), build, plan, status),
                fits=partial(_has_form, form),
            )
            for form in ("batches", "commands")
        ),
        Tool("plain loop", sys.executable, write_loop, (sys.executable, "loop.py"), is_floor=True),
        Tool("scandir and stat", sys.executable, write_nothing, (sys.executable, "-c", SCAN), is_floor=True),
    ]
