"""The names that one statement of a module uses and binds, by Python's own rules of scope.

Syntax alone: it knows neither files nor other modules. A local variable, a parameter or the target of a comprehension
is no mention of the global of the same name. Walks with its own stack, however deeply the source is nested.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence

from dbuild.recipes.blocks import ANNOTATION, CERTAIN, OPENERS, SOFT, Bind, Scope, Task, binding_scope
from dbuild.recipes.mentions import COMPUTED, WATCHED, Import, Mention, Names, chain_of, import_of
from dbuild.values import dataclass

_ATTRIBUTE_CALLS = frozenset({"getattr", "hasattr", "setattr", "delattr"})
# Calls whose arguments say how far they reach; those of others aren't kept.
_TELLING = frozenset({"vars", "__import__", "import_module", "run_module"})


def names_of(statement: ast.stmt) -> Names:
    """The names that a statement at module level uses and binds."""
    walk = _Walk()
    walk.through(statement)
    return Names(
        tuple(dict.fromkeys(walk.bound)),
        tuple(dict.fromkeys(walk.declared_global)),
        tuple(dict.fromkeys(walk.mentions())),
        tuple(walk.early),
        tuple(walk.late),
        tuple(dict.fromkeys(walk.watched)),
    )


@dataclass(frozen=True, slots=True)
class _Load:
    chain: tuple[str, ...]
    line: int
    scope: Scope
    is_soft: bool
    detail: ast.expr | None


_Branching = ast.If | ast.For | ast.AsyncFor | ast.While | ast.Try | ast.TryStar | ast.Match


class _Walk:
    """One pass through a statement: loads are looked up at the end, when it is known what each scope binds."""

    def __init__(self) -> None:
        self.module = Scope(None)
        self.bound: list[tuple[str, Import | None]] = []
        self.declared_global: list[tuple[str, Import | None]] = []
        self.early: list[Import] = []
        self.late: list[Import] = []
        self.watched: list[tuple[str, int]] = []
        self._loads: list[_Load] = []
        self._own: list[Mention] = []

    def through(self, statement: ast.stmt) -> None:
        stack: list[Task] = [(statement, self.module, CERTAIN)]
        while stack:
            item, scope, mode = stack.pop()
            if isinstance(item, Bind):
                self._bind(item.name, scope, mode)
                continue
            if opener := OPENERS.get(type(item)):
                parts = opener(item, scope, mode)
            else:
                handler = _HANDLERS.get(type(item))
                parts = handler(self, item, scope, mode) if handler else _inside(item, scope, mode)
            stack.extend(reversed(list(parts)))

    def mentions(self) -> Iterator[Mention]:
        """The loads that aren't of local variables."""
        yield from self._own
        for load in self._loads:
            name, *attributes = load.chain
            said = (name, tuple(attributes), load.line, load.scope.is_late)
            place, is_doubtful = binding_scope(load.scope, name)
            if place is None:
                yield Mention(*said, load.is_soft or is_doubtful, (), load.detail)
            elif place.bound[name]:
                yield Mention(*said, False, tuple(place.bound[name]), load.detail)

    def _bind(self, name: str, scope: Scope, mode: int, imported: Import | None = None) -> None:
        if name in scope.passed:
            return
        if scope.parent is None or name in scope.outer:
            (self.declared_global if scope.is_late else self.bound).append((name, imported))
            return
        known = scope.bound.setdefault(name, [])
        if imported:
            known.append(imported)
        if mode & CERTAIN:
            scope.placed.add(name)

    def _load(self, chain: Sequence[str], node: ast.expr, scope: Scope, mode: int, detail: ast.expr | None) -> None:
        self._watch(chain[1:], node)
        if not (scope.is_class and chain[0] in scope.placed):
            self._loads.append(_Load(tuple(chain), node.lineno, scope, bool(mode & SOFT), detail))

    def _watch(self, attributes: Sequence[str], node: ast.expr) -> None:
        self.watched.extend((attribute, node.lineno) for attribute in attributes if attribute in WATCHED)

    def name(self, node: ast.Name, scope: Scope, mode: int) -> Iterable[Task]:
        if not isinstance(node.ctx, ast.Store):
            self._load((node.id,), node, scope, mode, None)
        if not isinstance(node.ctx, ast.Load):
            self._bind(node.id, scope, mode)
        return ()

    def attribute(self, node: ast.Attribute, scope: Scope, mode: int) -> Iterable[Task]:
        chain = chain_of(node)
        if chain:  # what is stored into need not be there
            self._load(chain, node, scope, mode if isinstance(node.ctx, ast.Load) else mode | SOFT, None)
            return ()
        self._watch((node.attr,), node)
        return ((node.value, scope, mode),)

    def call(self, node: ast.Call, scope: Scope, mode: int) -> Iterable[Task]:
        chain = chain_of(node.func)
        arguments: list[ast.expr] = list(node.args)
        if chain:
            self._load(chain, node.func, scope, mode, node if chain[-1] in _TELLING else None)
        else:
            yield node.func, scope, mode
        if chain and chain[-1] in _ATTRIBUTE_CALLS and len(arguments) > 1:
            of = chain_of(arguments[0])
            if of:
                text = arguments[1].value if isinstance(arguments[1], ast.Constant) else COMPUTED
                is_needed = chain[-1] == "getattr" and len(arguments) == 2
                self._load((*of, str(text)), arguments[0], scope, mode if is_needed else mode | SOFT, None)
                arguments = arguments[1:]
            else:
                self._watch([str(getattr(arguments[1], "value", ""))], node)
        yield from ((argument, scope, mode) for argument in (*arguments, *node.keywords))

    def subscript(self, node: ast.Subscript, scope: Scope, mode: int) -> Iterable[Task]:
        chain = chain_of(node.value)
        if chain and chain[-1] == "modules":
            self._load(chain, node.value, scope, mode, node)
            yield node.slice, scope, mode
            return
        yield node.value, scope, mode
        if not (mode & ANNOTATION and chain[-1:] == ("Literal",)):  # its texts are no names
            yield node.slice, scope, mode

    def compare(self, node: ast.Compare, scope: Scope, mode: int) -> Iterable[Task]:
        """Asking whether a name is in `sys.modules` takes nothing from there."""
        for part, test in zip(node.comparators, node.ops, strict=True):
            is_asked = isinstance(test, ast.In | ast.NotIn) and chain_of(part)[-1:] == ("modules",)
            yield getattr(part, "value", part) if is_asked else part, scope, mode
        yield node.left, scope, mode

    def constant(self, node: ast.Constant, scope: Scope, mode: int) -> Iterable[Task]:
        if mode & ANNOTATION and isinstance(node.value, str):
            try:
                text = ast.parse(node.value.strip(), mode="eval").body
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return
            for part in ast.walk(text):
                if isinstance(part, ast.expr):
                    part.lineno = node.lineno
            yield text, scope, SOFT  # of texts inside the text no names are taken: it ends

    def named(self, node: ast.NamedExpr, scope: Scope, mode: int) -> Iterable[Task]:
        yield node.value, scope, mode
        while scope.is_comprehension and scope.parent:
            scope = scope.parent
        yield node.target, scope, mode & ~CERTAIN

    def declared(self, node: ast.Global | ast.Nonlocal, scope: Scope, mode: int) -> Iterable[Task]:
        (scope.outer if isinstance(node, ast.Global) else scope.passed).update(node.names)
        return ()

    def imports(self, node: ast.Import | ast.ImportFrom, scope: Scope, mode: int) -> Iterable[Task]:
        for alias in node.names:
            imported = import_of(node, alias)
            (self.late if scope.is_late else self.early).append(imported)
            if imported.name != "*":
                self._bind(imported.bound, scope, mode, imported)
            if scope.is_class:  # also an attribute of what the class makes
                self._own.append(Mention(imported.bound, (), node.lineno, scope.is_late, False, (imported,)))
        return ()

    def assigned(self, node: ast.Assign, scope: Scope, mode: int) -> Iterable[Task]:
        yield from ((part, scope, mode) for part in (node.value, *node.targets))

    def annotated(self, node: ast.AnnAssign, scope: Scope, mode: int) -> Iterable[Task]:
        yield node.annotation, scope, mode | ANNOTATION
        if node.value:
            yield node.value, scope, mode
        yield node.target, scope, mode if node.value else mode & ~CERTAIN

    def augmented(self, node: ast.AugAssign, scope: Scope, mode: int) -> Iterable[Task]:
        yield node.value, scope, mode
        if isinstance(node.target, ast.Name):
            self._load((node.target.id,), node.target, scope, mode, None)
        yield node.target, scope, mode

    def branch(self, node: _Branching, scope: Scope, mode: int) -> Iterable[Task]:
        return _inside(node, scope, mode & ~CERTAIN)

    def caught(self, node: ast.ExceptHandler, scope: Scope, mode: int) -> Iterable[Task]:
        if node.name:
            self._bind(node.name, scope, mode)
        return _inside(node, scope, mode)

    def captured(self, node: ast.MatchAs | ast.MatchStar | ast.MatchMapping, scope: Scope, mode: int) -> Iterable[Task]:
        name = node.rest if isinstance(node, ast.MatchMapping) else node.name
        if name:
            self._bind(name, scope, mode)
        return _inside(node, scope, mode)

    def parameter(self, node: ast.AST, scope: Scope, mode: int) -> Iterable[Task]:
        """A type parameter of Python 3.12; its default, of 3.13."""
        self._bind(node.name, scope, mode)  # type: ignore[attr-defined]
        return _inside(node, scope, mode)


def _inside(node: ast.AST, scope: Scope, mode: int) -> list[Task]:
    parts: list[Task] = []
    for field in node._fields:
        value = getattr(node, field, None)
        if isinstance(value, ast.AST):
            parts.append((value, scope, mode))
        elif isinstance(value, list):
            parts += [(part, scope, mode) for part in value if isinstance(part, ast.AST)]
    return parts


_HANDLERS: dict[type, Callable[..., Iterable[Task]]] = {
    ast.Name: _Walk.name,
    ast.Attribute: _Walk.attribute,
    ast.Call: _Walk.call,
    ast.Subscript: _Walk.subscript,
    ast.Compare: _Walk.compare,
    ast.Constant: _Walk.constant,
    ast.NamedExpr: _Walk.named,
    ast.Global: _Walk.declared,
    ast.Nonlocal: _Walk.declared,
    ast.Import: _Walk.imports,
    ast.ImportFrom: _Walk.imports,
    ast.Assign: _Walk.assigned,
    ast.AnnAssign: _Walk.annotated,
    ast.AugAssign: _Walk.augmented,
    **dict.fromkeys((ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar, ast.Match), _Walk.branch),
    ast.ExceptHandler: _Walk.caught,
    **dict.fromkeys((ast.MatchAs, ast.MatchStar, ast.MatchMapping), _Walk.captured),
}
_HANDLERS |= {
    getattr(ast, kind): _Walk.parameter for kind in ("TypeVar", "ParamSpec", "TypeVarTuple") if hasattr(ast, kind)
}
