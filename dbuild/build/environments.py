"""What counts of all that is installed: the versions of packages and engines, and what commands print.

Packages are what the reached code of a recipe imports, and all that these require. Where the Dataflowfile says what
counts, that counts instead. The contents of files are none of it: those are read like the files of `uses`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from dbuild.core.graph import Flow, Step
from dbuild.core.model import Environment, PythonRecipe, ShellRecipe
from dbuild.core.part import Part, PartKind
from dbuild.errors import UserError, nearest
from dbuild.observe.digests import digest_bytes
from dbuild.observe.importpath import packages_witness
from dbuild.observe.machine import engine_version, python_version
from dbuild.observe.markers import normal
from dbuild.observe.packages import Packages, packages_of, read_packages
from dbuild.state.store import State
from dbuild.values import replace

if TYPE_CHECKING:
    from dbuild.build.programs import Programs

Memos = Callable[[str, bytes, str], None]  # keeps a memo; does nothing for a reader
_PYTHON = "python"
_LONG = 2_000  # characters of what a command prints, above which it is told as a digest alone


class Installed:
    """What is installed, looked into as far as somebody asks."""

    def __init__(self, root: str, state: State, keep: Memos) -> None:
        self._root = root
        self._state = state
        self._keep = keep

    @cached_property
    def packages(self) -> Packages:
        """All distributions, as they were kept if they are still the same ones."""
        witness = packages_witness(self._root)
        kept = self._state.memo("packages", witness)
        if kept is not None:
            return packages_of(kept)
        found = read_packages(self._root)
        self._keep("packages", witness, found.text())
        return found

    @cached_property
    def engine(self) -> Part:
        """The DuckDB that runs SQL."""
        return _version("engine", "duckdb", engine_version())

    @cached_property
    def python(self) -> Part:
        """The Python that runs recipes: 3.11 and 3.12 may compute differently, their patches are to mend mistakes."""
        return _version("engine", _PYTHON, python_version())


def with_installed(flow: Flow, installed: Installed) -> tuple[Flow, list[UserError]]:
    """The flow with what counts of what is installed, but for commands, and the names that nothing installed has."""
    problems: list[UserError] = []
    steps = {}
    for name, step in flow.steps.items():
        said = step.target.environment
        found = _imported(step, installed) if said is None else _named(said, installed, problems)
        steps[name] = replace(step, environment=tuple(found))
    return replace(flow, steps=steps), list(dict.fromkeys(problems))


def rests_on_packages(step: Step) -> bool:
    """Whether it matters to a target which packages are installed."""
    said = step.target.environment
    return bool(_outside(step)) if said is None else bool(said.names)


def with_programs(flow: Flow, targets: Collection[str], state: State, keep: Memos, programs: Programs | None) -> Flow:
    """The flow with what commands print that count for some targets; without `programs`, what they printed last.

    Raises RecipeError where a command fails.
    """
    asking = {
        name: step.target.environment.command
        for name, step in flow.steps.items()
        if step.target.environment is not None and step.target.environment.command
    }
    if not asking:
        return flow
    known = {command: state.memo("program", _subject(state, command)) for command in dict.fromkeys(asking.values())}
    if programs is not None:
        said = _ask(flow, {name: command for name, command in asking.items() if name in targets}, programs)
        for command in (command for command, text in said.items() if text != known[command]):
            keep("program", _subject(state, command), said[command])
        known |= said
    steps = {
        name: replace(step, environment=(*step.environment, _printed(asking[name], known))) if name in asking else step
        for name, step in flow.steps.items()
    }
    return replace(flow, steps=steps)


def withheld_of(flow: Flow) -> tuple[str, ...]:
    """The variables that nobody sees who doesn't ask for them."""
    return tuple(sorted({name for target in flow.project.targets.values() for name in target.secrets}))


def _ask(flow: Flow, asking: Mapping[str, str], programs: Programs) -> Mapping[str, str]:
    from dbuild.build.programs import Asked

    asked = []
    for name, command in asking.items():
        said = flow.steps[name].target.environment
        asked.append(Asked(command, name, said.place if said else None))
    return programs.ask(asked, withheld_of(flow))


def _printed(command: str, known: Mapping[str, str | None]) -> Part:
    """What a command printed; where no build has asked it yet, no trace can know it either."""
    text = known[command]
    if text is None:
        return Part("program", command, b"", "not asked yet")
    digest = _digest(text)
    is_long = len(text) > _LONG
    return Part("program", command, digest, f"{len(text):,} characters, {digest.hex()[:12]}" if is_long else text)


def _subject(state: State, command: str) -> bytes:
    return _digest(json.dumps([state.flow, command]))


def _imported(step: Step, installed: Installed) -> Iterator[Part]:
    """What counts where the Dataflowfile says nothing."""
    recipe = step.target.recipe
    if isinstance(recipe, ShellRecipe):
        return
    if isinstance(recipe, PythonRecipe):
        yield installed.python
        outside = _outside(step)
        found = installed.packages.versions(outside) if outside else {}
        yield from (_version("package", name, version) for name, version in found.items())
    if step.views or not isinstance(recipe, PythonRecipe):
        yield installed.engine


def _outside(step: Step) -> tuple[str, ...]:
    return tuple(name for name in step.analysis.imports if name not in sys.stdlib_module_names and name != "dbuild")


def _named(said: Environment, installed: Installed, problems: list[UserError]) -> Iterator[Part]:
    for given in said.names:
        name = normal(given.name)
        package = installed.packages.by_name.get(name)
        if name == _PYTHON:
            yield installed.python
        elif package is not None:
            yield _version("package", name, package.version)
        else:
            what = f'no package "{given.name}" is installed where dbuild runs, and no file is called so'
            names = (_PYTHON, *installed.packages.by_name)
            problems.append(
                UserError(what, given.place, nearest(name, names) or f"pip install {given.name}, or take it out")
            )


def _version(kind: PartKind, name: str, version: str) -> Part:
    return Part(kind, name, _digest(version), version)


def _digest(text: str) -> bytes:
    return digest_bytes(text.encode("utf-8", "surrogateescape"))
