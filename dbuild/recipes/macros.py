"""Files of macros: what each of them defines, and which macros a script needs, in the order in which they are created.

DuckDB binds a macro's body when it is created and again at each call. So what a macro calls and reads has to be there
before it, and at a call a CTE stands in for a table of the same name in the body.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter

from dbuild.core.model import MacroFile
from dbuild.errors import Place, UserError
from dbuild.recipes.inspection import Findings, inspect, inspect_macro
from dbuild.recipes.statements import Script, Statement, parse_macros
from dbuild.values import dataclass


@dataclass(frozen=True, slots=True)
class Macro:
    """One macro of a file."""

    script: Script
    statement: Statement
    findings: Findings
    form: str  # all of it that counts

    @property
    def name(self) -> str:
        """The name that it is called by, in lower case."""
        return self.statement.name.lower()

    @property
    def place(self) -> Place:
        """Where it is defined."""
        return self.script.place(self.statement.start)

    @property
    def lines(self) -> int:
        """How many lines its definition takes."""
        return self.statement.text.count("\n") + 1


@dataclass(frozen=True, slots=True)
class Library:
    """All macros of some files, what is called before what calls it, and the mistakes in the files."""

    macros: Mapping[str, Macro]
    problems: tuple[UserError, ...]

    def used(self, names: Iterable[str]) -> tuple[Macro, ...]:
        """The macros of these names and those that they call, in the order of the library."""
        wanted: set[str] = set()
        open_names = [name for name in names if name in self.macros]
        while open_names:
            name = open_names.pop()
            if name not in wanted:
                wanted.add(name)
                open_names.extend(self.macros[name].findings.borrowed)
        return tuple(macro for name, macro in self.macros.items() if name in wanted)


@lru_cache(maxsize=64)
def library(files: tuple[MacroFile, ...]) -> Library:
    """The macros of these files; their mistakes, also in macros that nobody calls, each with its place."""
    scripts = [parse_macros(file) for file in dict.fromkeys(files)]
    found = [(script, statement) for script in scripts for statement in script.statements]
    names = frozenset(statement.name.lower() for _, statement in found)
    macros = [_macro(script, statement, names) for script, statement in found]
    by_name = {macro.name: macro for macro in reversed(macros)}
    ordered, recursions = _ordered(by_name)
    problems = [problem for script in scripts for problem in script.problems]
    problems += [problem for macro in macros for problem in macro.findings.problems]
    return Library(ordered, (*problems, *_doubles(macros, by_name), *recursions))


def _macro(script: Script, statement: Statement, names: frozenset[str]) -> Macro:
    form = json.dumps(statement.form, sort_keys=True)
    return Macro(script, statement, inspect_macro(script, statement, names), form)


def _doubles(macros: Iterable[Macro], first: Mapping[str, Macro]) -> Iterator[UserError]:
    for macro in macros:
        other = first[macro.name]
        if other is not macro:
            what = f'there are two macros of the name "{macro.statement.name}"'
            yield UserError(what, macro.place, f"the other one is at {other.place}")


def _ordered(macros: Mapping[str, Macro]) -> tuple[dict[str, Macro], list[UserError]]:
    """The macros with those that are called first; as they stand where they call each other in a circle."""
    sorter = TopologicalSorter({name: sorted(macro.findings.borrowed) for name, macro in macros.items()})
    try:
        return {name: macros[name] for name in sorter.static_order()}, []
    except CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        place = min(macros[name].place for name in error.args[1])
        return dict(macros), [UserError(f"macros can't call themselves: {circle}", place, "write it without recursion")]


def inspect_all(script: Script, given: Library) -> tuple[Findings, tuple[Macro, ...]]:
    """What a recipe's statements and the macros that they use name, and these macros."""
    findings = inspect(script, given.macros)
    macros = given.used(findings.borrowed)
    for macro in macros:
        findings.include(macro.findings)
        findings.problems.extend(_hidden(script, findings, macro))
    return findings, macros


def _hidden(script: Script, findings: Findings, macro: Macro) -> Iterator[UserError]:
    """What a recipe creates under the name of a dataset that a macro reads."""
    names = {read.name.lower(): read for read in macro.findings.reads}
    for statement in script.statements:
        name = statement.name.lower()
        if name in names and statement.kind != "macro":
            what = (
                f'"{statement.name}" is created here, and the macro "{macro.statement.name}" reads a dataset so called'
            )
            place = script.place(statement.start)
            yield UserError(what, place, f"give what is created another name; the macro is at {names[name].place}")
