"""What it costs to find what Python recipes reach: a project of 200 modules and 50 Python targets.

    python tests/bench/code.py [--modules 200] [--targets 50]

The project is drawn with a fixed seed: packages of modules that import each other and packages from outside, with
functions, classes, constants, registries and a name here and there that can't be followed. Each figure is the median of
several runs, in seconds of a processor, beside what Python itself takes to parse all modules once (`ast.parse`), of
which it is so many times. A load is all that happens before anything is looked at: the Dataflowfile, the recipes, the
names.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import patch

from dbuild.build.loading import Code, load_flow
from dbuild.build.settings import Settings
from dbuild.recipes import closure, units
from dbuild.recipes.reach import reach_of
from dbuild.recipes.sources import Sources
from dbuild.state.opening import open_state

ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
PACKAGES = 10
_FUNCTION = '''
def {name}(frame, depth={number}):
    """What it does."""
    rows = [row for row in frame if row["a"] > LIMIT_{index}]
    total = 0
    for row in rows:
        total += row.get("b", depth) * {number}
        if total > 1_000:
            break
    return {call}
'''
_CLASS = '''
@dataclass
class Model{index}:
    """Values of one kind."""

    size: int = {number}
    tags: list[str] = field(default_factory=list)

    def scaled(self, by: float) -> float:
        return self.size * by * LIMIT_{index}

    def label(self) -> str:
        return f"{{self.size}} of {{NAMES_{index}[0]}}"
'''


def make_project(folder: Path, modules: int, targets: int) -> None:
    """The project: every module imports a few that were drawn before it; targets are functions of the later ones."""
    rng = random.Random(7)
    names = [f"pack{number % PACKAGES}.part{number}" for number in range(modules)]
    for package in range(PACKAGES):
        (folder / f"pack{package}").mkdir(parents=True, exist_ok=True)
        (folder / f"pack{package}" / "__init__.py").write_text("")
    for index, name in enumerate(names):
        text = module_text(rng, index, names[:index])
        (folder / f"{name.replace('.', '/')}.py").write_text(text)
    flow = []
    for number in range(targets):
        name = names[-1 - number * (modules // (2 * targets) or 1)]
        path = f"out/t{number}.txt"
        flow.append(f'[targets.t{number}]\npath = "{path}"\npython = "{name}:make"\n')
    (folder / "Dataflowfile").write_text("\n".join(flow))


def module_text(rng: random.Random, index: int, before: list[str]) -> str:
    """One module of about 150 lines."""
    others = rng.sample(before, min(len(before), rng.randrange(1, 5)))
    lines = [
        '"""A part."""',
        "from __future__ import annotations",
        "import os",
        "from dataclasses import dataclass, field",
    ]
    lines += [f"from {other.partition('.')[0]} import {other.partition('.')[2]}" for other in others]
    lines += [f"LIMIT_{index} = {rng.randrange(100)}", f'NAMES_{index} = ["{index}", "b"]', f"TABLE_{index} = {{}}"]
    calls = [f"{other.partition('.')[2]}.step{rng.randrange(8)}(rows)" for other in others] or ["total"]
    for number in range(8):
        call = rng.choice([*calls, "total", f"Model{index}(total).scaled(0.5)"])
        lines.append(_FUNCTION.format(name=f"step{number}", number=rng.randrange(100), index=index, call=call))
    lines.append(_CLASS.format(index=index, number=rng.randrange(100)))
    if rng.random() < 0.1:
        lines.append(f'TABLE_{index}["step"] = step0')
    if others and rng.random() < 0.03:
        lines.append(f"def pick(name):\n    return getattr({others[0].partition('.')[2]}, name)")
    lines.append(f"def make(output):\n    output.write_text(str(step{rng.randrange(8)}([])))\n")
    return "\n".join(lines)


def median(action: Callable[[], object], runs: int = 5, clock: Callable[[], float] = time.process_time) -> float:
    """Seconds of an action: of this processor, or by another clock."""
    taken = []
    for _ in range(runs):
        started = clock()
        action()
        taken.append(clock() - started)
    return statistics.median(taken)


def command(folder: Path, *words: str) -> None:
    """One command, as a process of its own."""
    line = [sys.executable, "-m", "dbuild", *words]
    subprocess.run(line, cwd=folder, env=ENVIRONMENT, check=True, capture_output=True)


def processors() -> float:
    """Seconds of processors that commands have taken so far."""
    used = os.times()
    return used.children_user + used.children_system


def forget() -> None:
    """Nothing that was parsed is kept for the next run, as in a process of its own."""
    for cached in (closure._parsed, closure._followed, units.outline):
        cached.cache_clear()


def parse_all(folder: Path) -> None:
    for path in folder.rglob("*.py"):
        ast.parse(path.read_bytes())


def load(folder: Path, is_kept: bool = True) -> None:
    """One load of the flow, with the analyses that are kept or without."""
    forget()
    settings = Settings(str(folder))
    state = open_state(settings.root, settings.flow)
    try:
        with nullcontext() if is_kept else patch.object(state, "memo", return_value=None):
            load_flow(settings, state, state.put_memo, Code(settings.root))
    finally:
        state.close()


def find_all(folder: Path) -> None:
    """What each target reaches, of modules that are read and parsed once."""
    forget()
    sources = Sources(str(folder))
    for line in (folder / "Dataflowfile").read_text().splitlines():
        if line.startswith("python"):
            module, _, function = line.split('"')[1].partition(":")
            reach_of(sources, module, function)


def edit(path: Path, number: int) -> None:
    """Another value of a constant."""
    text = path.read_text()
    path.write_text(re.sub(r"(LIMIT_\d+) = \d+", rf"\1 = {number}", text, count=1))


def edited(folder: Path, module: str) -> float:
    """Seconds of a load after an edit of one module: median of several edits."""
    taken = []
    for number in range(1000, 1005):
        edit(folder / module, number)
        taken.append(median(lambda: load(folder), 1))
    return statistics.median(taken)


def show(folder: Path, modules: int) -> None:
    """All figures of one project."""
    lines = sum(len(path.read_text().splitlines()) for path in folder.rglob("*.py"))
    parsing = median(lambda: parse_all(folder))
    print(f"{lines:,} lines; ast.parse of all modules: {parsing:.3f} s; load {os.getloadavg()[0]:.1f}")

    def tell(what: str, seconds: float) -> None:
        print(f"  {what:<58}{seconds:8.3f} s  {seconds / parsing:6.2f}", flush=True)

    tell("what all targets reach, found anew", median(lambda: find_all(folder), 3))
    command(folder)
    time.sleep(1.1)  # files that are too young would be hashed again
    command(folder)
    tell("a load, all analyses made anew", median(lambda: load(folder, is_kept=False), 3))
    tell("a load after an edit that most of the targets reach", edited(folder, "pack0/part0.py"))
    tell("a load after an edit of a module that few import", edited(folder, last_module(modules)))
    tell("a load with nothing changed", median(lambda: load(folder)))
    command(folder)
    time.sleep(1.1)
    command(folder)
    tell("dbuild with nothing to do", median(lambda: command(folder), 11, processors))
    tell("dbuild --version", median(lambda: command(folder, "--version"), 11, processors))


def last_module(modules: int) -> str:
    return f"pack{(modules - 1) % PACKAGES}/part{modules - 1}.py"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--modules", type=int, default=200)
    parser.add_argument("--targets", type=int, default=50)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        make_project(folder, given.modules, given.targets)
        print(f"{given.modules} modules, {given.targets} targets", end=", ")
        show(folder, given.modules)


if __name__ == "__main__":
    main()
