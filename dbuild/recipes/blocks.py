"""Blocks of a module's source that bind names of their own: classes, functions, comprehensions, type parameters.

A walk through the source does tasks: a part to look at, or a name to bind, with its scope and its mode.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable

from dbuild.recipes.mentions import Import
from dbuild.values import dataclass


class Scope:
    """What binds names: the module, a class, or a function (a comprehension and type parameters are like functions)."""

    __slots__ = (
        "bound",
        "is_class",
        "is_comprehension",
        "is_late",
        "outer",
        "parent",
        "passed",
        "placed",
        "sees_class",
    )

    def __init__(self, parent: Scope | None, *, is_class: bool = False, is_late: bool = False) -> None:
        self.parent = parent
        self.is_class = is_class
        self.is_late = is_late
        self.is_comprehension = False
        self.sees_class = False  # type parameters see the names of the class around them
        self.bound: dict[str, list[Import]] = {}
        self.outer: set[str] = set()  # declared global
        self.passed: set[str] = set()  # declared nonlocal
        self.placed: set[str] = set()  # of a class: names that are surely bound by now


def binding_scope(scope: Scope, name: str) -> tuple[Scope | None, bool]:
    """The scope whose variable a load is of (None: the module's), and whether it may be another's."""
    is_visible, is_doubtful = True, False
    place: Scope | None = scope
    while place is not None and place.parent is not None:
        if not place.is_class or is_visible:
            if name in place.outer:
                return None, False
            if name in place.bound and not place.is_class:
                return place, False
            is_doubtful = is_doubtful or name in place.bound
        is_visible = place.sees_class
        place = place.parent
    return None, is_doubtful


@dataclass(frozen=True, slots=True)
class Bind:
    """To be done after the parts before it."""

    name: str


CERTAIN, SOFT, ANNOTATION = 1, 2, 4  # modes: surely run in its scope; a text's names; inside an annotation
Task = tuple["ast.AST | Bind", Scope, int]
Function = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def open_function(node: Function, scope: Scope, mode: int) -> Iterable[Task]:
    yield from ((part, scope, mode) for part in node.decorator_list)
    around, parameters = _with_types(node, scope)
    yield from ((part, around, mode) for part in parameters)
    inner = Scope(around, is_late=True)
    yield from _signature(node.args, around, inner, mode)
    if node.returns:
        yield node.returns, around, mode | ANNOTATION
    yield from ((part, inner, CERTAIN) for part in node.body)
    yield Bind(node.name), scope, mode


def _signature(given: ast.arguments, around: Scope, inner: Scope, mode: int) -> Iterable[Task]:
    defaults = (*given.defaults, *(default for default in given.kw_defaults if default))
    yield from ((default, around, mode) for default in defaults)
    stars = (one for one in (given.vararg, given.kwarg) if one)
    for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs, *stars):
        inner.bound.setdefault(argument.arg, [])
        if argument.annotation:
            yield argument.annotation, around, mode | ANNOTATION


def open_lambda(node: ast.Lambda, scope: Scope, mode: int) -> Iterable[Task]:
    inner = Scope(scope, is_late=True)
    yield from _signature(node.args, scope, inner, mode)
    yield node.body, inner, mode & SOFT


def open_class(node: ast.ClassDef, scope: Scope, mode: int) -> Iterable[Task]:
    yield from ((part, scope, mode) for part in node.decorator_list)
    around, parameters = _with_types(node, scope)
    yield from ((part, around, mode) for part in (*parameters, *node.bases, *node.keywords))
    inner = Scope(around, is_class=True, is_late=scope.is_late)
    inner.bound.update({name: [] for name in ("__module__", "__qualname__")})
    yield from ((part, inner, CERTAIN) for part in node.body)
    yield Bind(node.name), scope, mode


def open_comprehension(node: Comprehension, scope: Scope, mode: int) -> Iterable[Task]:
    inner = Scope(scope, is_late=scope.is_late)
    inner.is_comprehension = True
    yield node.generators[0].iter, scope, mode
    for position, part in enumerate(node.generators):
        yield from ((one, inner, mode) for one in (([part.iter] if position else []) + [part.target, *part.ifs]))
    results = (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,)
    yield from ((part, inner, mode) for part in results)


def open_alias(node: ast.AST, scope: Scope, mode: int) -> Iterable[Task]:
    """`type X[T] = …` of Python 3.12."""
    around, parameters = _with_types(node, scope)
    yield from ((part, around, mode) for part in parameters)
    yield node.value, around, mode  # type: ignore[attr-defined]
    yield node.name, scope, mode  # type: ignore[attr-defined]


def _with_types(node: ast.AST, scope: Scope) -> tuple[Scope, list[ast.AST]]:
    """The scope of a definition's type parameters, if it has any, and these."""
    parameters: list[ast.AST] = getattr(node, "type_params", [])
    if not parameters:
        return scope, []
    around = Scope(scope, is_late=scope.is_late)
    around.sees_class = True
    return around, parameters


OPENERS: dict[type, Callable[..., Iterable[Task]]] = {
    ast.FunctionDef: open_function,
    ast.AsyncFunctionDef: open_function,
    ast.Lambda: open_lambda,
    ast.ClassDef: open_class,
    ast.ListComp: open_comprehension,
    ast.SetComp: open_comprehension,
    ast.DictComp: open_comprehension,
    ast.GeneratorExp: open_comprehension,
}
OPENERS |= {getattr(ast, kind): open_alias for kind in ("TypeAlias",) if hasattr(ast, kind)}
