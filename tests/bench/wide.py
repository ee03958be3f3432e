"""The wide workload: N files of a kilobyte, a copy of each, and one aggregate over all copies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.bench.workloads import Edit, Job, Recipe, Workload

FLOW = """\
[project]
name = "wide"
[partitions.name]
discover = "raw"
[sources.raw]
path = "in/{{name}}.txt"
[targets.copy]
path = "out/{{name}}.txt"
{copy}
inputs = ["raw"]
[targets.total]
path = "total.txt"
{total}
inputs = ["copy"]
"""
RECIPES = """\
from pathlib import Path
from dbuild import Key

def copy(raw: Path, output: Path):
{blanks}    output.write_bytes(raw.read_bytes())

def copy_all(keys: list[Key], raw: dict[Key, Path], output: dict[Key, Path]):
{blanks}    for key in keys:
        output[key].write_bytes(raw[key].read_bytes())

def total(copy: list[Path], output: Path):
    output.write_text(f"{{sum(one.stat().st_size for one in copy)}} {version}\\n")
"""
PLAIN = """\
import os

def copy(inputs, output):
{blanks}    with open(inputs[0], "rb") as source, open(output, "wb") as made:
        made.write(source.read())

def total(inputs, output):
    with open(output, "w") as made:
        made.write(f"{{sum(os.path.getsize(one) for one in inputs)}} {version}\\n")
"""


def wide(count: int) -> Workload:
    """The workload of `count` files."""
    return Workload(
        "wide",
        f"{count:,}",
        count + 1,
        lambda folder: make_sources(folder, count),
        dataflow,
        change,
        "in/f000000.txt",
        is_right,
        "total.txt",
        lambda: jobs(count),
        {
            "copy": Recipe("out/{name}.txt", lambda edit: f"cp {' ' * edit.blanks}{{inputs}} {{output}}"),
            "total": Recipe("total.txt", _counting),
        },
        lambda edit: PLAIN.format(blanks="\n" * edit.blanks, version=edit.version),
        forms={"commands": commands, "batches": batches},
    )


def _counting(edit: Edit) -> str:
    return f"echo $(find out -type f -exec cat {{{{}}}} + | wc -c) {edit.version} > {{output}}"


def make_sources(folder: Path, count: int) -> None:
    """The files."""
    (folder / "in").mkdir(parents=True)
    for number in range(count):
        (folder / "in" / f"f{number:06d}.txt").write_bytes(f"{number:06d}".encode() * 170)


def dataflow(edit: Edit) -> dict[str, str]:
    """dbuild's files, with a call for each file."""
    flow = FLOW.format(copy='python = "recipes:copy"', total='python = "recipes:total"')
    recipes = RECIPES.format(blanks="\n" * edit.blanks, version=edit.version)
    return {"Dataflowfile": flow, "recipes.py": recipes}


def batches(edit: Edit) -> dict[str, str]:
    """The same with a call for up to a hundred files."""
    flow = FLOW.format(copy='python = "recipes:copy_all"\nbatch = 100', total='python = "recipes:total"')
    return dataflow(edit) | {"Dataflowfile": flow}


def commands(edit: Edit) -> dict[str, str]:
    """The same with a command for each file."""
    copy = f"shell = 'cp {' ' * edit.blanks}{{raw}} {{output}}'"
    return {"Dataflowfile": FLOW.format(copy=copy, total=f"shell = '{_counting(edit)}'")}


def change(folder: Path, turn: int) -> None:
    """One file gets longer."""
    (folder / "in" / "f000001.txt").write_text("changed" * (turn + 1))


def is_right(folder: Path, edit: Edit) -> bool:
    """Whether the aggregate is of the files as they are."""
    size = sum(path.stat().st_size for path in (folder / "in").iterdir())
    return (folder / "total.txt").read_text() == f"{size} {edit.version}\n"


def jobs(count: int) -> Iterator[Job]:
    """Who makes what."""
    names = [f"f{number:06d}.txt" for number in range(count)]
    for name in names:
        yield Job("copy", (f"in/{name}",), f"out/{name}")
    yield Job("total", tuple(f"out/{name}" for name in names), "total.txt")
