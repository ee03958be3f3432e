"""The finder over the sources of well-known packages: nothing makes it fail, and no name is passed over in silence."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest

from dbuild.errors import UserError
from dbuild.recipes.closure import Module
from dbuild.recipes.reach import reach_of
from dbuild.recipes.resolution import Missing, Modules, Outside, Part, Project, Whole, resolve
from dbuild.recipes.sources import Sources

SOME = 6  # of how many functions is it found out what they reach


def project_of(sources: Sources) -> Project:
    def read(name: str) -> Module | None:
        try:
            return sources.module(name)
        except UserError:
            return None

    return Project(read, lambda name: sources.spot(name) is not None, sources.below)


def tally(root: Path) -> tuple[Counter[str], list[str]]:
    """What all names that all statements of a project mention come to, and those of which nothing is known."""
    sources = Sources(str(root))
    modules = Modules(project_of(sources))
    found: Counter[str] = Counter()
    unknown: list[str] = []
    for home in sources.below(""):
        shape = modules.outline(home)
        found["modules"] += 1
        for unit in shape.units if shape else ():
            found["statements"] += 1
            for mention in unit.names.mentions:
                found["names"] += 1
                kinds = {kind_of(target) for target in resolve(modules, home, mention)}
                found.update(kinds)
                if not kinds and not (mention.name.startswith("__") and mention.name.endswith("__")):
                    found["nothing"] += 1
                if "missing" in kinds and not mention.is_soft:
                    unknown.append(f"{home}:{mention.line} {mention.name}")
    return found, unknown


def kind_of(target: Part | Whole | Outside | Missing) -> str:
    match target:
        case Part():
            return "resolved"
        case Whole():
            return "whole"
        case Outside(name):
            return "builtin" if name.startswith("builtins.") else "external"
    return "missing"


def check(root: Path, few_unknown: int) -> Counter[str]:
    """Every name is resolved, external, Python's own, or reported; and so is what is reached by some functions."""
    found, unknown = tally(root)
    assert found["names"] > 1_000 and found["nothing"] == 0, found
    assert len(unknown) <= few_unknown, unknown
    sources = Sources(str(root))
    modules = Modules(project_of(sources))
    functions = [
        (home, unit.name)
        for home in sources.below("")
        for unit in getattr(modules.outline(home), "units", ())
        if unit.is_definition and not unit.is_idle
    ]
    for home, name in functions[:: max(1, len(functions) // SOME)]:
        reach = reach_of(sources, home, name)
        assert reach.free or reach.ordered
        found["functions"] += 1
        found["units reached"] += len(reach.free) + len(reach.ordered)
        found["places reported"] += len(reach.widened)
        assert all(one.file in reach.files and one.line > 0 and one.why for one in reach.widened)
    return found


@pytest.mark.parametrize(("package", "few"), [pytest.param("rich", 10, marks=pytest.mark.slow), ("click", 10)])
def test_a_package_that_is_installed(tmp_path: Path, package: str, few: int) -> None:
    spec = find_spec(package)
    assert spec and spec.submodule_search_locations
    (tmp_path / package).symlink_to(spec.submodule_search_locations[0], target_is_directory=True)
    print(package, dict(check(tmp_path, few)))


@pytest.mark.slow
@pytest.mark.parametrize("package", ["jinja2", "networkx", "sqlglot"])
def test_a_package_from_the_index(tmp_path: Path, package: str) -> None:
    """Needs a network: `pip install --no-deps --target FOLDER PACKAGE`."""
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(tmp_path), package]
    subprocess.run(command, check=True, capture_output=True)
    for other in [path for path in tmp_path.iterdir() if path.name != package]:
        other.rename(tmp_path.parent / f"{package}-{other.name}")
    print(package, dict(check(tmp_path, 100)))
