"""Pages of the documentation: their blocks, the commands that they show, and a place where these can be run."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cli.terminals import Terminal

ROOT = Path(__file__).resolve().parents[2]

_PATIENCE = 300.0  # seconds that a command may take on a busy machine
VARYING = (
    (r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d([+-]\d\d:\d\d)?", "MOMENT"),
    (r"\bby .*(?=, because:$)", "by WHO"),  # the user and the machine; in a clone the author of its commit
    (r"(?<=, by )\S+@\S+$", "WHO"),
    (r"\b[0-9a-f]{12}\b", "DIGEST"),
    (r"\b\d+(\.\d+)? (k?M?B|bytes)\b", "SIZE"),
    (r"\b(\d+\.\d+s|\d+m\d\ds)", "LENGTH"),
)


@dataclass(frozen=True)
class Step:
    """A command that a page shows, and what it prints."""

    command: str
    output: list[str]


def page(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def pages() -> list[str]:
    """All pages, as paths from the root."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").rglob("*.md")]
    return sorted(str(path.relative_to(ROOT)) for path in found)


def blocks(kind: str, text: str) -> list[str]:
    """The contents of the fenced blocks of one kind."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def tour(text: str) -> list[Step]:
    """All commands of the console blocks, in order."""
    steps: list[Step] = []
    for line in "".join(blocks("console", text)).splitlines():
        if line.startswith("$ "):
            steps.append(Step(line[2:], []))
        else:
            steps[-1].output.append(line)
    return steps


def normal(lines: list[str]) -> list[str]:
    """Lines without what differs each time; tasks, which end in any order, stand in that of their names.

    What took longest, and what was saved, is told where it is worth a line: that depends on the machine.
    """
    plain = []
    for line in lines:
        if line.startswith(("slowest: ", "saved: ")):
            continue
        for pattern, word in VARYING:
            line = re.sub(pattern, word, line)
        plain.append(line)
    built = sorted(line for line in plain if line.startswith("built "))
    return [*built, *(line for line in plain if not line.startswith("built "))]


@contextmanager
def one_core() -> Iterator[None]:
    """What is started here has one core, so a build starts one worker: enough to show what it prints."""
    if not hasattr(os, "sched_getaffinity"):
        yield
        return
    usual = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {random.choice(sorted(usual))})
    try:
        yield
    finally:
        os.sched_setaffinity(0, usual)


class Clone:
    """A folder in which `dbuild` is a command."""

    def __init__(self, root: Path) -> None:
        self.root = root
        program = root / "bin" / "dbuild"
        program.parent.mkdir(parents=True)
        program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -P -m dbuild "$@"\n')
        program.chmod(0o755)
        self._here = root

    def example(self, path: str, *without: str) -> None:
        """Brings an example of the repository, without what was built of it (and other folders)."""
        unwanted = shutil.ignore_patterns("out", ".dbuild", "__pycache__", *without)
        shutil.copytree(ROOT / path, self.root / path, ignore=unwanted)

    def run(self, command: str, folder: str = "") -> list[str]:
        """The lines that a command of the shell writes to a file; it has to succeed."""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.root / folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_PATIENCE,
        )
        assert done.returncode == 0, f"$ {command}\n{done.stdout[-3000:]}"
        return done.stdout.splitlines()

    def type(self, command: str, code: int = 0, columns: int = 100) -> list[str]:
        """What a terminal shows in the end of a command that is typed after those before it: `cd` lasts."""
        noted = self.root / "bin" / "here"
        words = ["bash", "-c", f"{command}\nended=$?; pwd > {noted}; exit $ended"]
        with one_core(), Terminal(self._here, self._environment(), columns=columns, rows=60, program=words) as terminal:
            assert terminal.finish(_PATIENCE) == code, "\n".join([f"$ {command}", *terminal.history])
            shown = terminal.history
        self._here = Path(noted.read_text().rstrip("\n"))
        while shown and not shown[-1]:
            shown.pop()
        return shown

    def _environment(self) -> dict[str, str]:
        unwanted = ("CI", "NO_COLOR", "TZ", "COLUMNS", "LINES")
        kept = {name: value for name, value in os.environ.items() if name not in unwanted}
        path = f"{self.root}/bin:{os.environ['PATH']}"
        return kept | {"PATH": path, "TERM": "xterm-256color", "PAGER": "cat"}
