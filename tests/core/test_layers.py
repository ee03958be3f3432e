"""The rooms of the house: imports go one way, and the core does nothing but think."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import dbuild
from dbuild.state.schema import STEPS

ROOT = Path(dbuild.__file__).parent
ORDER = (
    "values",
    "errors",
    "failpoints",
    "core",
    "project",
    "observe",
    "recipes",
    "state",
    "execute",
    "build",
    "watch",
    "ui",
    "cli",
    "__main__",
)
CORE_ABOVE = {"core", "errors"}
KINDS = "values"  # what classes of the core are made by: it writes methods, and does nothing else
# What would look at the world or wait for it. Datetimes, patterns and JSON are values.
EFFECTS = frozenset(
    """
    os io pathlib shutil tempfile glob fnmatch fcntl mmap socket socketserver ssl select selectors signal subprocess
    pty threading multiprocessing concurrent asyncio queue time sched sqlite3 dbm shelve pickle marshal ctypes random
    secrets uuid platform getpass pwd grp resource gc importlib runpy code inspect linecache tomllib logging warnings
    urllib http ftplib gzip bz2 lzma zipfile tarfile zlib csv configparser locale
    """.split()  # noqa: SIM905 (a paragraph can be read)
)
EFFECTIVE_CALLS = {"open", "print", "input", "exec", "eval", "compile", "__import__", "breakpoint"}
CLOCKS = {"now", "utcnow", "today", "fromtimestamp"}


@dataclass(frozen=True)
class Import:
    """One imported module, where it stands."""

    file: str
    line: int
    module: str  # dotted, absolute

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}"


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def room(path: Path) -> str:
    """The room that a file stands in."""
    first = path.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


def imports(path: Path, text: str | None = None) -> Iterator[Import]:
    """Everything that a module imports, wherever in it: also in functions, and for type checking alone."""
    name = str(path.relative_to(ROOT.parent))
    package = ["dbuild", *path.relative_to(ROOT).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8") if text is None else text)):
        if isinstance(node, ast.Import):
            yield from (Import(name, node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*start, *([node.module] if node.module else [])])
            if module == "dbuild":
                yield from (Import(name, node.lineno, f"dbuild.{alias.name}") for alias in node.names)
            else:
                yield Import(name, node.lineno, module)


def own_room(found: Import) -> str | None:
    """The room that an import leads to; None for other packages and for the package's own version."""
    parts = found.module.split(".")
    return None if parts[0] != "dbuild" or parts[1:] in ([], ["__version__"]) else parts[1]


def climbs(path: Path, text: str | None = None) -> list[str]:
    """The imports of a module that lead to a room below its own."""
    own = room(path)
    allowed = set(ORDER if own == "__init__" else ORDER[: ORDER.index(own) + 1])
    return [str(found) for found in imports(path, text) if own_room(found) not in {None, *allowed}]


def test_every_room_has_its_place_in_the_order() -> None:
    assert {room(path) for path in modules()} - {"__init__"} <= set(ORDER)


def test_every_import_leads_upwards() -> None:
    assert [found for path in modules() for found in climbs(path)] == []


def test_the_package_itself_imports_nothing_until_it_is_asked() -> None:
    """It gives names of rooms below to people, so it may know them; importing any room imports it first."""
    code = "import sys, dbuild; print([name for name in sys.modules if name.startswith('dbuild.')])"
    environment = {**os.environ, "PYTHONPATH": str(ROOT.parent)}
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert found.stdout.strip() == "[]"


def test_the_core_imports_nothing_but_itself_and_the_standard_library() -> None:
    wrong = []
    for path in modules():
        for found in imports(path) if room(path) in CORE_ABOVE else ():
            own = own_room(found)
            if own not in {*CORE_ABOVE, KINDS} if own else found.module.split(".")[0] not in sys.stdlib_module_names:
                wrong.append(str(found))
    assert wrong == []


def effects(path: Path, text: str | None = None) -> list[str]:
    """What in a module could look at the world or at the clock."""
    source = path.read_text(encoding="utf-8") if text is None else text
    found = [str(one) for one in imports(path, source) if one.module.split(".")[0] in EFFECTS]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name) and called.id in EFFECTIVE_CALLS:
                found.append(f"{path.name}:{node.lineno} calls {called.id}")
            if isinstance(called, ast.Attribute) and called.attr in CLOCKS:
                found.append(f"{path.name}:{node.lineno} asks the clock: {called.attr}")
    return found


def test_the_core_does_nothing() -> None:
    assert [found for path in modules() if room(path) in CORE_ABOVE for found in effects(path)] == []


def test_classes_cost_no_compilation_to_define() -> None:
    """Those of `dataclasses` cost seven each, which was most of the start of a command."""
    here = {path for path in modules() if room(path) == KINDS}
    wanted = [
        f"{path.name}:{node.lineno}"
        for path in {*modules()} - here
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        if node.module == "dataclasses" and {one.name for one in node.names} & {"dataclass", "field", "replace"}
    ]
    assert wanted == []


# -- the tests above can fail ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("core/graph.py", "from dbuild.state.store import State"),
        ("core/graph.py", "import dbuild.build.run"),
        ("core/graph.py", "from dbuild import failpoints, state"),
        ("core/graph.py", "def f():\n    from dbuild.cli import main"),
        ("core/graph.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from dbuild.ui import text"),
        ("observe/listing.py", "from ..recipes import sql"),
        ("errors.py", "from dbuild.core import model"),
        ("core/graph.py", "from dbuild import Key"),
        ("ui/plain.py", "try:\n    import dbuild.cli.main\nexcept ImportError:\n    pass"),
    ],
)
def test_an_import_of_a_lower_room_is_found(file: str, text: str) -> None:
    assert len(climbs(ROOT / file, text)) == 1


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("cli/main.py", "from dbuild.core import model\nfrom dbuild import __version__\nimport click"),
        ("observe/listing.py", "from .digests import combine\nfrom dbuild import failpoints"),
        ("state/files.py", "from dbuild.observe.listing import Stat"),
        ("__main__.py", "from dbuild.cli.main import cli"),
    ],
)
def test_imports_of_higher_rooms_and_of_the_same_are_allowed(file: str, text: str) -> None:
    assert climbs(ROOT / file, text) == []


@pytest.mark.parametrize(
    "text",
    [
        "import os.path",
        "from pathlib import Path",
        "def f():\n    import time",
        "x = open('a')",
        "from datetime import datetime\nx = datetime.now()",
        "import datetime\nx = datetime.date.today()",
    ],
)
def test_what_acts_is_found(text: str) -> None:
    assert len(effects(ROOT / "core" / "graph.py", text)) == 1


# -- the page on design --------------------------------------------------------------------------------------------


def section(heading: str) -> str:
    """A section of the page on design, without those below it."""
    page = (ROOT.parent / "docs/design.md").read_text(encoding="utf-8")
    return page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def test_the_page_on_design_has_these_rooms_and_modules() -> None:
    rooms, _, rest = section("The rooms").partition("`build` is a package")
    assert re.findall(r"^\| `(\w+)` \|", rooms, re.MULTILINE) == [room for room in ORDER if room != "__main__"]
    named = re.findall(r"`(\w+)`", re.sub(r"\(`\w+`\)", "", rest))
    assert sorted(named) == sorted(path.stem for path in (ROOT / "build").glob("[!_]*.py"))


def test_the_page_on_design_has_all_tables_of_the_state() -> None:
    tables = section("The state on disk").partition("| table |")[2]
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", tables, re.MULTILINE)
    made = re.findall(r"CREATE TABLE (\w+)", "".join(STEPS.values()))
    assert sorted(name for row in rows for name in re.findall(r"\w+", row)) == sorted(set(made))


def test_the_page_on_design_says_why_each_dependency_is_there() -> None:
    declared = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["project"]["dependencies"]
    said = re.findall(r"^\| (\w+) \|", section("Dependencies"), re.MULTILINE)
    assert sorted(set(said) - {"package"}) == sorted(re.split(r"[<>=]", one)[0] for one in declared)
