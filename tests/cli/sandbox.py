"""Small real projects, and the real process run on them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import nursery

FLOW = """
[project]
name = "small"
params = { greeting = "hello" }

[partitions.day]
every = "day"
start = 2013-01-01

[sources.raw]
path = "data/{day}.txt"
description = "What arrives each day"

[targets.copy]
path = "out/copy/{day}.txt"
shell = "cp {raw} {output}"
description = "The same again"

[targets.total]
path = "out/total.txt"
shell = "cat {copy} > {output}"

[targets.plan]
path = "out/plan.txt"
shell = "echo {greeting} > {output}"
"""


@dataclass
class Sandbox:
    """A project's directory, and dbuild run in it."""

    root: Path

    def write(self, path: str, text: str) -> None:
        """Writes a file of the project, and its directory."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def read(self, path: str) -> str:
        return (self.root / path).read_text()

    def environment(self, **more: str) -> dict[str, str]:
        """The tests' own environment without what changes how dbuild prints."""
        kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "CI", "TERM")}
        return kept | {"TERM": "xterm-256color", "PYTHONPATH": str(Path(__file__).parents[2])} | more

    def run(self, *words: str, cwd: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
        """One command line, as a process of its own."""
        command, environment = [sys.executable, "-m", "dbuild", *words], self.environment(**more)
        return nursery.run(command, cwd=str(cwd or self.root), env=environment, timeout=120)

    def json(self, *words: str, code: int = 0) -> list[dict[str, Any]]:
        """The records that a command line with --json writes; it has to end with `code`."""
        done = self.run(*words, "--json")
        assert done.returncode == code, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def summary(self, *words: str, code: int = 0) -> dict[str, Any]:
        """The summary of a build."""
        return self.json(*words, code=code)[-1]
