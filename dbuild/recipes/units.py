"""A module as a list of units: the statements at its top, each with the names that it binds and uses.

A statement that imports several names is as many units. What stands inside `if TYPE_CHECKING` or `if __name__ ==
"__main__"` never runs when a recipe's module is imported. Any other compound statement is one unit, as a whole.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache

from dbuild.recipes.closure import canonical
from dbuild.recipes.demands import Demand, demands_of
from dbuild.recipes.mentions import Import, Names, chain_of, import_of
from dbuild.recipes.namewalk import names_of
from dbuild.values import dataclass, field

_WORD = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """One statement of a module, or one name that it imports."""

    node: ast.stmt
    alias: Import | None  # of a unit that imports one name
    names: Names
    demands: tuple[Demand, ...] | None  # what must be harmless, or it has an effect; None: it has one
    is_idle: bool  # never runs when the module is imported
    _words: list[frozenset[str]] = field(default_factory=list)  # empty: not looked for yet
    _forms: dict[bool, bytes] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The names that it binds."""
        return ",".join(sorted({name for name, _ in self.names.bound}))

    @property
    def line(self) -> int:
        return self.node.lineno

    @property
    def first_line(self) -> int:
        """The line on which it begins, its decorators included."""
        decorators: list[ast.expr] = getattr(self.node, "decorator_list", [])
        return min([self.node.lineno, *(one.lineno for one in decorators)])

    @property
    def lines(self) -> int:
        """How many lines it takes."""
        return (self.node.end_lineno or self.node.lineno) - self.first_line + 1

    @property
    def is_definition(self) -> bool:
        """Whether it is a function or a class."""
        return isinstance(self.node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)

    @property
    def markers(self) -> list[tuple[str, ...]]:
        """The names of its decorators and bases, and of what makes these."""
        given: list[ast.expr] = [*getattr(self.node, "decorator_list", ()), *getattr(self.node, "bases", ())]
        makers = (one.func if isinstance(one, ast.Call) else one for one in given)
        chains = (chain_of(one.value if isinstance(one, ast.Subscript) else one) for one in makers)
        return [chain for chain in chains if chain]

    @property
    def has_class(self) -> bool:
        """Whether it is a class, or one is made in it."""
        if isinstance(self.node, ast.FunctionDef | ast.AsyncFunctionDef) or self.alias:
            return False
        return any(isinstance(part, ast.ClassDef) for part in ast.walk(self.node))

    @property
    def is_text(self) -> bool:
        """Whether it is a bare string, as the docstring of the module."""
        return isinstance(self.node, ast.Expr) and isinstance(self.node.value, ast.Constant)

    @property
    def words(self) -> frozenset[str]:
        """What could be names in its texts."""
        if not self._words:
            idle = {part.value for part in ast.walk(self.node) if isinstance(part, ast.Expr)}  # docstrings
            parts = (part for part in ast.walk(self.node) if isinstance(part, ast.Constant) and part not in idle)
            texts = (part.value for part in parts if isinstance(part.value, str))
            self._words.append(frozenset(word for text in texts for word in _WORD.findall(text)))
        return self._words[0]

    def form(self, with_docstrings: bool) -> bytes:
        """Its canonical form; not of an import, whose names depend on where its module lies."""
        if with_docstrings not in self._forms:
            self._forms[with_docstrings] = canonical(self.node, with_docstrings)
        return self._forms[with_docstrings]


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """What a module consists of."""

    units: tuple[Unit, ...]
    bindings: dict[str, tuple[tuple[Unit, Import | None], ...]]  # all that may give a name its value
    stars: tuple[tuple[Unit, Import], ...]
    listed: frozenset[str] | None  # what `__all__` lists; None: there is none, or it is put together
    has_all: bool
    mentioned: frozenset[str]  # the names that anything in the module uses

    def exports(self, name: str) -> bool:
        """Whether `from module import *` takes the name, if the module has it."""
        if self.listed is not None:
            return name in self.listed
        return self.has_all or not name.startswith("_")


@lru_cache(maxsize=2048)
def outline(tree: ast.Module) -> Outline:
    """The units of a module. Cached by the tree itself, as long as the tree is."""
    units = tuple(_units(tree))
    bindings: dict[str, list[tuple[Unit, Import | None]]] = {}
    for unit in units:
        for name, imported in (*unit.names.bound, *unit.names.assigned):
            bindings.setdefault(name, []).append((unit, imported))
    stars = [(unit, one) for unit in units for one in unit.names.early if one.name == "*" and not unit.is_idle]
    given = [unit.node for unit, _ in bindings.get("__all__", ())]
    return Outline(
        units,
        {name: tuple(found) for name, found in bindings.items()},
        tuple(stars),
        _listed(given),
        bool(given),
        frozenset(mention.name for unit in units for mention in unit.names.mentions),
    )


def _units(tree: ast.Module) -> Iterator[Unit]:
    stack = [(node, False) for node in reversed(tree.body)]
    while stack:
        node, is_idle = stack.pop()
        never, always = _idle_part(node)
        if never is not None:
            stack.extend((part, is_idle) for part in reversed(always))
            stack.extend((part, True) for part in reversed(never))
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (_import_unit(node, import_of(node, alias), is_idle) for alias in node.names)
        else:
            yield Unit(node, None, names_of(node), demands_of(node), is_idle)


def _import_unit(node: ast.Import | ast.ImportFrom, imported: Import, is_idle: bool) -> Unit:
    bound = () if imported.name == "*" else ((imported.bound, imported),)
    return Unit(node, imported, Names(bound, (), (), (imported,), (), ()), (), is_idle)


def _idle_part(node: ast.stmt) -> tuple[list[ast.stmt] | None, list[ast.stmt]]:
    """What an `if` never runs when its module is imported (None: no such `if`), and what it does run."""
    if not isinstance(node, ast.If):
        return None, []
    test = node.test
    if chain_of(test)[-1:] == ("TYPE_CHECKING",) or _is_main(test):
        return node.body, node.orelse
    if (
        isinstance(test, ast.UnaryOp)
        and isinstance(test.op, ast.Not)
        and chain_of(test.operand)[-1:] == ("TYPE_CHECKING",)
    ):
        return node.orelse, node.body
    return None, []


def _is_main(test: ast.expr) -> bool:
    match test:
        case ast.Compare(ast.Name("__name__"), [ast.Eq()], [ast.Constant("__main__")]):
            return True
    return False


def _listed(statements: list[ast.stmt]) -> frozenset[str] | None:
    """The texts of an `__all__` that is written out; None where it isn't."""
    texts: set[str] = set()
    values = [getattr(node, "value", None) for node in statements]
    while values:
        match values.pop():
            case ast.List(parts) | ast.Tuple(parts):
                values.extend(parts)
            case ast.BinOp(left, ast.Add(), right):
                values.extend((left, right))
            case ast.Constant(str() as text):
                texts.add(text)
            case _:
                return None
    return frozenset(texts) if statements else None
