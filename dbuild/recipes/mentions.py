"""What a statement says of names: which it mentions, with what attributes, and what it imports. Data alone."""

from __future__ import annotations

import ast

from dbuild.values import dataclass

COMPUTED = "*"  # stands for an attribute whose name isn't written in the source
READING_TEXTS = frozenset({"query", "eval", "sql", "execute"})  # of pandas, polars, DuckDB: texts can name variables
WATCHED = frozenset({"__doc__", "__subclasses__", "__globals__"}) | READING_TEXTS  # reach further than they look


@dataclass(frozen=True, slots=True)
class Import:
    """One name of an import statement, as it is written."""

    module: str  # without the dots of a relative one
    name: str | None  # what is taken from the module; None: the module itself
    alias: str | None
    level: int  # how many dots
    line: int

    @property
    def bound(self) -> str:
        """The name that it binds."""
        return self.alias or self.name or self.module.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Mention:
    """A name that isn't a local variable, with the attributes that are taken from it."""

    name: str
    attributes: tuple[str, ...]
    line: int
    is_late: bool  # in a function: not read when the module is imported
    is_soft: bool = False  # may be bound nowhere: in the text of an annotation, or perhaps a name of the class
    origins: tuple[Import, ...] = ()  # where the function or class imports the name itself
    detail: ast.expr | None = None  # the call or subscript, where it tells how far the mention reaches


@dataclass(frozen=True, slots=True)
class Names:
    """All that a statement says of names."""

    bound: tuple[tuple[str, Import | None], ...]  # names of the module, and what they import
    assigned: tuple[tuple[str, Import | None], ...]  # the same by `global` in a function, when it is called
    mentions: tuple[Mention, ...]
    early: tuple[Import, ...]  # run when the module is imported
    late: tuple[Import, ...]  # run when a function is called
    watched: tuple[tuple[str, int], ...]  # attributes among WATCHED, with their lines


def import_of(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> Import:
    """One name of an import statement."""
    if isinstance(node, ast.Import):
        return Import(alias.name, None, alias.asname, 0, node.lineno)
    return Import(node.module or "", alias.name, alias.asname, node.level, node.lineno)


def chain_of(node: ast.AST) -> tuple[str, ...]:
    """`a.b.c` as its names; empty for anything else."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return (node.id, *reversed(names)) if isinstance(node, ast.Name) else ()
