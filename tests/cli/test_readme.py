"""The README's commands do what it shows, on a copy of the example; its links lead somewhere, its flow builds."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import duckdb
import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = Path("examples", "flights")
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
needs_sklearn = pytest.mark.skipif(find_spec("sklearn") is None, reason="the example's model needs scikit-learn")

VARYING = (
    (r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d", "MOMENT"),
    (r"\bby .*(?=, because:$)", "by WHO"),  # the user and the machine; in a clone the author of its commit
    (r"\b[0-9a-f]{12}\b", "DIGEST"),
    (r"\b\d+(\.\d+)? k?M?B\b", "SIZE"),
    (r"\b(\d+\.\d+s|\d+m\d\ds)", "LENGTH"),
)


@dataclass(frozen=True)
class Step:
    """A command of the tour and what it prints, as the README has them."""

    command: str
    output: list[str]


def blocks(kind: str, text: str = TEXT) -> list[str]:
    """The contents of the fenced blocks of one kind."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def tour(text: str = TEXT) -> list[Step]:
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


@dataclass(frozen=True)
class Clone:
    """A place with the example, and with `dbuild` as a command."""

    root: Path

    def run(self, command: str, folder: Path = EXAMPLE) -> list[str]:
        """The lines that a command of the shell prints; it has to succeed."""
        kept = {name: value for name, value in os.environ.items() if name not in ("CI", "NO_COLOR", "TZ")}
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.root / folder,
            env=kept | {"PATH": f"{self.root}/bin:{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"$ {command}\n{done.stdout[-3000:]}"
        return done.stdout.splitlines()


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    unwanted = shutil.ignore_patterns("out", ".dbuild", "__pycache__")
    shutil.copytree(ROOT / EXAMPLE, tmp_path / EXAMPLE, ignore=unwanted)
    program = tmp_path / "bin" / "dbuild"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -P -m dbuild "$@"\n')
    program.chmod(0o755)
    return Clone(tmp_path)


@needs_sklearn
def test_the_tour_prints_what_the_readme_shows(clone: Clone) -> None:
    (install,) = [block for block in blocks("sh") if "-C examples/flights" in block]
    first = install.strip().rpartition(" && .venv/bin/")[2]
    assert first == f"dbuild -C {EXAMPLE}"
    (promised,) = re.findall(r"^It ends with `(.*?)`", TEXT, re.MULTILINE)
    assert normal(clone.run(first, Path())[-1:]) == normal([promised])
    assert (clone.root / EXAMPLE / "out" / "delay_report.html").stat().st_size > 10_000
    steps = tour()
    assert len([step for step in steps if step.command.startswith("dbuild")]) >= 5
    for step in steps:
        assert normal(clone.run(step.command)) == normal(step.output), f"$ {step.command}"


def test_the_small_flow_builds_what_its_comments_say(clone: Clone) -> None:
    (flow,) = [block for block in blocks("toml") if "[project]" in block]
    (name,) = re.findall(r"`dbuild -f (\w+)`", TEXT)
    (clone.root / EXAMPLE / name).write_text(flow)
    assert normal(clone.run(f"dbuild -f {name}")[-1:]) == ["184 built, 0 fresh in LENGTH"]  # 90 days, 90 weeks, 3, 1
    assert clone.run(f"dbuild -f {name}")[0].startswith("fresh: 184 partitions, nothing to do")
    folder = clone.root / EXAMPLE
    (wanted,) = duckdb.execute(
        "SELECT count(*) FILTER (CAST(nullif(dep_delay, '') AS BIGINT) >= 15) FROM read_csv(?, all_varchar = true)",
        [f"{folder}/data/flights/*.csv.gz"],
    ).fetchall()
    assert (folder / "out/small/total.txt").read_text() == f"{wanted[0]}\n"


def test_the_test_command_is_the_one_of_ci() -> None:
    (command,) = [block.strip() for block in blocks("sh") if "pytest" in block]
    venv, install, test = command.split(" && ")
    assert venv == "python3 -m venv .venv"
    steps = (ROOT / ".ci" / "run").read_text().splitlines()
    assert next(line for line in steps if line.startswith("pip install")).endswith(" -e '.[dev]'")
    assert install.removeprefix(".venv/bin/").endswith(" -e '.[dev]'")
    assert steps[-1] == test.removeprefix(".venv/bin/") == "pytest"


def test_the_extras_that_are_installed_are_there() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {name for block in blocks("sh") for name in re.findall(r"'\.\[(\w+)\]'", block)}
    assert named == {"flights", "dev"}
    assert named <= declared.keys()


@pytest.mark.parametrize(
    "page", ["README.md", "docs/design.md", "docs/reference.md", "docs/fingerprints.md", "examples/flights/README.md"]
)
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text) if "://" not in link]
    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []


# -- the tests above can fail ----------------------------------------------------------------------------------------


def test_commands_and_their_output_are_told_apart() -> None:
    text = "```console\n$ a\none\ntwo\n$ b\n```\ntext\n```sh\nc\n```\n```console\n$ d\nthree\n```\n"
    assert tour(text) == [Step("a", ["one", "two"]), Step("b", []), Step("d", ["three"])]
    assert blocks("sh", text) == ["c\n"]


def test_only_what_differs_each_time_is_left_out() -> None:
    shown = [
        "16 built, 443 fresh in 3.9s",
        "x: f9067cbaf01e -> 3ab6a5b35879 (2026-11-21 05:07:16+00:00)",
        "built b (1m05s)",
    ]
    assert normal(shown) == ["built b (LENGTH)", "16 built, 443 fresh in LENGTH", "x: DIGEST -> DIGEST (MOMENT)"]
