"""The graph workload: D datasets of P partitions, each partition made of one or two of earlier datasets."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from tests.bench.workloads import SEED, Edit, Job, Recipe, Workload

HEAD = """\
[partitions.name]
discover = "d0000"
[sources.d0000]
path = "d0000/{name}.txt"
"""
TARGET = """\
[targets.{name}]
path = "{name}/{{name}}.txt"
python = "recipes:mix"
inputs.left = {{ from = "{left}" }}
"""
TOTAL = """\
[targets.total]
path = "total.txt"
python = "recipes:total"
inputs = {{ parts = "{last}" }}
"""
RECIPES = """\
from pathlib import Path

def mix(left: Path, output: Path, right=None):
{blanks}    other = int(right.read_text()) if right else 1
    output.write_text(str((int(left.read_text()) * 31 + other) % 1_000_003))

def total(parts: list[Path], output: Path):
    output.write_text(f"{{sum(int(one.read_text()) for one in parts)}} {version}\\n")
"""
PLAIN = """\
def number(path):
    with open(path) as text:
        return int(text.read())

def mix(inputs, output):
{blanks}    left, right = number(inputs[0]), number(inputs[1]) if inputs[1:] else 1
    with open(output, "w") as made:
        made.write(str((left * 31 + right) % 1_000_003))

def total(inputs, output):
    with open(output, "w") as made:
        made.write(f"{{sum(map(number, inputs))}} {version}\\n")
"""
Graph = list[tuple[int, ...]]  # of each dataset but the first: those that it reads


def graph(datasets: int, partitions: int) -> Workload:
    """The workload of so many datasets (the first is the source) of so many partitions each."""
    edges = edges_of(datasets)
    return Workload(
        "graph",
        f"{datasets:,} × {partitions:,}",
        datasets * partitions,
        lambda folder: make_sources(folder, partitions),
        lambda edit: dataflow(edges, edit),
        change,
        "d0000/k0000.txt",
        lambda folder, edit: is_right(folder, edges, edit),
        "total.txt",
        lambda: jobs(edges, partitions),
        {"mix": Recipe("{dataset}/{key}.txt"), "total": Recipe("total.txt")},
        lambda edit: PLAIN.format(blanks="\n" * edit.blanks, version=edit.version),
    )


def edges_of(datasets: int) -> Graph:
    """Each reads the one before it, or one of the last ten, and often a second one."""
    draw = random.Random(SEED)
    edges: Graph = []
    for number in range(1, datasets):
        left = draw.randrange(max(0, number - 10), number) if number < datasets - 1 else number - 1
        right = draw.randrange(number)
        edges.append((left, right) if right != left and draw.random() < 0.5 else (left,))
    return edges


def make_sources(folder: Path, partitions: int) -> None:
    """The first dataset's files."""
    (folder / "d0000").mkdir(parents=True)
    for number in range(partitions):
        (folder / "d0000" / f"k{number:04d}.txt").write_text(str(number))


def dataflow(edges: Graph, edit: Edit) -> dict[str, str]:
    """dbuild's files."""
    flow = HEAD
    for number, reads in enumerate(edges, 1):
        flow += TARGET.format(name=f"d{number:04d}", left=f"d{reads[0]:04d}")
        flow += f'inputs.right = {{ from = "d{reads[1]:04d}" }}\n' if reads[1:] else ""
    flow += TOTAL.format(last=f"d{len(edges):04d}")
    return {"Dataflowfile": flow, "recipes.py": RECIPES.format(blanks="\n" * edit.blanks, version=edit.version)}


def change(folder: Path, turn: int) -> None:
    """One file of the source gets another number."""
    (folder / "d0000" / "k0001.txt").write_text(str(100_000 + turn))


def is_right(folder: Path, edges: Graph, edit: Edit) -> bool:
    """Whether the sum over the last dataset is that of the numbers as they are."""
    found = 0
    for path in (folder / "d0000").iterdir():
        values = [int(path.read_text())]
        for reads in edges:
            values.append((values[reads[0]] * 31 + (values[reads[1]] if reads[1:] else 1)) % 1_000_003)
        found += values[-1]
    return (folder / "total.txt").read_text() == f"{found} {edit.version}\n"


def jobs(edges: Graph, partitions: int) -> Iterator[Job]:
    """Who makes what."""
    names = [f"k{number:04d}.txt" for number in range(partitions)]
    for number, reads in enumerate(edges, 1):
        for name in names:
            yield Job("mix", tuple(f"d{one:04d}/{name}" for one in reads), f"d{number:04d}/{name}")
    yield Job("total", tuple(f"d{len(edges):04d}/{name}" for name in names), "total.txt")
