"""dbuild beside make, ninja, and those of doit, pytask, Luigi, Snakemake, DVC, Dagster and SQLMesh that are installed.

    python -m tests.bench wide=1000,10000 daily=365 graph=100x100 hash=2048,10000 flights
    python -m tests.bench --tools dbuild,make,ninja --runs 5 --limit 120 --write docs/performance.md --json bench.json

All tools make the same files, by turns, each in a fresh folder of its own, in the phases of `rounds.PHASES`: the
first build; nothing to do; one source with new content, and one with a new mtime; white space in the recipe of most
files; another recipe for the last one; and where a tool has them, a plan, a status and its start. Whoever hasn't
ended after the limit is ended, and takes no further part in a workload, nor in larger ones of the same name. Prints
Markdown; `--write` puts it between the marks of a page. Tools are looked for in PATH and in the folders given by
`--path`, best in environments of their own; those that run recipes in their own process need DuckDB there.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

from tests.bench.daily import daily
from tests.bench.flights import flights
from tests.bench.graph import graph
from tests.bench.hashing import make_large, make_small, measure_hashing
from tests.bench.measuring import told
from tests.bench.rivals import look_in, rivals
from tests.bench.rounds import PHASES, Cell, Rounds
from tests.bench.table import machine, put, section, write_json
from tests.bench.tools import Tool, dbuilds
from tests.bench.wide import wide
from tests.bench.workloads import Workload

ALL = ("wide=1000,10000,100000", "daily=3650", "flights", "hash=2048,10000", "graph=1000x1000")


def arguments() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.split("\n")[0])  # type: ignore[union-attr]
    parser.add_argument("workloads", nargs="*", default=ALL, help="NAME or NAME=SIZE,…; without any: " + " ".join(ALL))
    parser.add_argument("--tools", default="", help="names of tools, with commas; all that are installed without it")
    parser.add_argument("--phases", default=",".join(PHASES), help="phases, with commas")
    parser.add_argument("--runs", type=int, default=5, help="of each phase but the first build")
    parser.add_argument("--cold-runs", type=int, default=1, help="of the first build")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds that one command may take")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="for tools that take -j")
    parser.add_argument("--path", default="", help="folders where tools are, with colons, before those of PATH")
    parser.add_argument("--folder", default=None, help="where to work; a temporary folder without it")
    parser.add_argument("--json", type=Path, help="a file for all that was measured")
    parser.add_argument("--write", type=Path, help="a page that takes the tables between its marks")
    return parser.parse_args()


def chosen_tools(given: argparse.Namespace, folders: str) -> list[Tool]:
    """The tools asked for that are installed."""
    wanted = [name.strip().lower() for name in given.tools.split(",") if name.strip()]
    tools = [*dbuilds(given.jobs), *rivals(given.jobs)]
    unknown = set(wanted) - {tool.name.lower() for tool in tools}
    if unknown:
        raise SystemExit(f"no tool is called {', '.join(sorted(unknown))}: {', '.join(tool.name for tool in tools)}")
    return [tool for tool in tools if (not wanted or tool.name.lower() in wanted) and tool.is_found(folders)]


def chosen_workloads(words: Sequence[str]) -> Iterator[Workload]:
    """The workloads of builds, in all sizes asked for."""
    for word in words:
        name, _, sizes = word.partition("=")
        for size in sizes.split(",") if sizes else [""]:
            match name:
                case "wide":
                    yield wide(int(size or 1000))
                case "daily":
                    yield daily(int(size or 3650))
                case "graph":
                    datasets, _, partitions = (size or "100x100").partition("x")
                    yield graph(int(datasets), int(partitions))
                case "flights":
                    yield flights()
                    break
                case "hash":
                    break
                case _:
                    raise SystemExit(f"no workload is called {name}: wide, daily, flights, hash, graph")


def hashed(word: str, base: Path, given: argparse.Namespace) -> list[Cell]:
    """The hash workload: megabytes of the large file, number of the small ones."""
    large, _, small = (word.partition("=")[2] or "2048,10000").partition(",")
    make_large(base / "hash-large", int(large))
    make_small(base / "hash-small", int(small or 10000))
    phases = (
        (f"one file of {int(large):,} MiB", "hash-large"),
        (f"{int(small or 10000):,} files of 4 KiB", "hash-small"),
    )
    cells: list[Cell] = []
    for phase, folder in phases:
        cells += measure_hashing(base / folder, phase, given.runs, given.limit, told)
    return cells


def measured(
    given: argparse.Namespace, tools: Sequence[Tool], folders: str, base: Path
) -> Iterator[tuple[str, list[Cell]]]:
    """The heading and cells of each workload asked for, as soon as it is measured."""
    phases = [phase for phase in PHASES if phase in given.phases.split(",")]
    slow: set[tuple[str, str]] = set()  # workload and tool: it was too slow for a smaller one, or will be
    workloads = list(chosen_workloads(given.workloads))
    for workload, following in zip_longest(workloads, workloads[1:]):
        is_slow = {tool.name for tool in tools if (workload.name, tool.name) in slow}
        rounds = Rounds(workload, tools, base / workload.size.replace(" ", ""), folders=folders, limit=given.limit)
        yield f"{workload.name}: {workload.size}", rounds.measure(phases, given.runs, given.cold_runs, is_slow)
        if following is not None and following.name == workload.name:
            growth = following.files / workload.files
            slow |= {(workload.name, name) for name in rounds.slower_than(given.limit / growth)}
    for word in given.workloads:
        if word.partition("=")[0] == "hash":
            yield "hash", hashed(word, base, given)


def main() -> None:
    given = arguments()
    folders = os.pathsep.join(part for part in (given.path, os.environ.get("PATH", "")) if part)
    look_in(folders)
    tools = chosen_tools(given, folders)
    versions = {tool.name: tool.says(folders) for tool in tools if tool.version}
    if given.folder:
        os.makedirs(given.folder, exist_ok=True)
    base = Path(tempfile.mkdtemp(prefix="dbuild-bench-", dir=given.folder))
    parts: list[tuple[str, dict[str, object], list[Cell]]] = []
    try:
        about = machine()
        for heading, cells in measured(given, tools, folders, base):
            about |= {
                "runs": given.runs,
                "cold_runs": given.cold_runs,
                "versions": versions,
                "load_after": round(os.getloadavg()[0], 1),
            }
            parts.append((heading, about, cells))
            text = section(heading, about, cells, given.limit)
            print(text, flush=True)
            if given.write:
                put(given.write, text)
            about = machine()
    finally:  # at the end only: what is made soon after much was deleted is slower on some file systems
        shutil.rmtree(base)
    if given.json:
        write_json(given.json, parts)


if __name__ == "__main__":
    main()
