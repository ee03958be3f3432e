"""What a statement at module level runs when its module is imported, and would have to be harmless.

Syntax alone. A statement without demands only binds names. One that changes something for certain (stores into an
attribute or an item, deletes, loops, stands there for its effect) has no list of demands at all.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from enum import Enum, auto

from dbuild.recipes.harmless import METHODS
from dbuild.recipes.mentions import chain_of
from dbuild.values import dataclass


class Role(Enum):
    """What a name does in a demand."""

    CALL = auto()
    VALUE = auto()  # called, and what it gives isn't of a class of the project
    METHOD = auto()  # called, and by its name it only reads, as long as it isn't a module's function
    ELEMENT = auto()  # a method that only reads is called on something in it, which isn't of a class of the project
    EXPRESSION = auto()  # called, and no method of what it gives changes anything: columns of polars
    DECORATOR = auto()  # it gets the function or class
    FACTORY = auto()  # it is called, and what it gives gets the function or class
    BASE = auto()  # of a class, or its metaclass


@dataclass(frozen=True, slots=True)
class Demand:
    """A name that has to be known as harmless in a role."""

    role: Role
    chain: tuple[str, ...]


class _Effect(Exception):
    """Something that changes more than names of the module."""


_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_FIELDS = ("body", "handlers", "orelse", "finalbody", "cases")
_CHANGING = (ast.For, ast.AsyncFor, ast.While, ast.AsyncWith, ast.Delete, ast.Raise, ast.Assert)
_CHANGING_CALLED = (ast.AsyncFor, ast.AsyncWith, ast.Delete, ast.Global, ast.Nonlocal, ast.Import, ast.ImportFrom)
_ACCESSORS = frozenset({"setter", "getter", "deleter"})  # of a property that the class has


def demands_of(statement: ast.stmt) -> tuple[Demand, ...] | None:
    """The demands of a statement; None where it has an effect for certain."""
    try:
        return tuple(dict.fromkeys(_statements([statement], set())))
    except _Effect:
        return None


def demands_of_call(
    function: _Function, is_factory: bool = False, is_making: bool = False
) -> tuple[Demand, ...] | None:
    """The demands of calling a function of the project; of calling what it gives too, where it is a factory.

    One that is making what it gets first (`__init__`) may store into that. None where the call has an effect for
    certain, as far as can be told.
    """
    own = _locals(function)
    made = function.args.args[0].arg if is_making and function.args.args else ""
    try:
        found = list(_statements(function.body, own, is_called=True, made=made))
        for inner in function.body if is_factory else ():
            if isinstance(inner, _Function):
                found.extend(_statements(inner.body, own | _locals(inner), is_called=True))
    except _Effect:
        return None
    return tuple(dict.fromkeys(found))


def demands_of_arguments(call: ast.expr) -> tuple[Demand, ...] | None:
    """The demands of what a call is given."""
    given = [*call.args, *(word.value for word in call.keywords)] if isinstance(call, ast.Call) else [call]
    try:
        return tuple(_expressions(given, set()))
    except _Effect:
        return None


def bases_of(node: ast.ClassDef) -> tuple[Demand, ...] | None:
    """The demands that a class makes of its bases and its metaclass; None for an effect, as of other keywords."""
    try:
        return tuple(_bases(node, set()))
    except _Effect:
        return None


def _locals(function: _Function) -> set[str]:
    """The names that a function or the functions in it bind."""
    names: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, _Function | ast.ClassDef) and node is not function:
            names.add(node.name)
    return names


def _statements(body: Iterable[ast.AST], own: set[str], is_called: bool = False, made: str = "") -> Iterator[Demand]:
    """The demands of statements; `own` are names that are no globals, `is_called` whether they are a function's.

    `made` is a name into the attributes of which they may store.
    """
    changing = _CHANGING_CALLED if is_called else _CHANGING
    classes: list[set[str]] = []  # those around, innermost last: the names that are no globals outside
    stack: list[ast.AST | None] = list(reversed(list(body)))  # None: where the body of a class ends
    while stack:
        node = stack.pop()
        if node is None:
            own = classes.pop()
        elif isinstance(node, changing):
            raise _Effect
        elif isinstance(node, _Function):
            yield from _decorators(node, own)
            yield from _expressions(_defaults(node.args), own)
            own = own | {node.name} if classes else own
        elif isinstance(node, ast.ClassDef):
            yield from _decorators(node, own)
            yield from _bases(node, own)
            classes.append(own)
            stack += [None, *reversed(node.body)]
        else:
            yield from _simple(node, own, made)
            if classes and isinstance(node, ast.Assign | ast.AnnAssign):
                own = own | {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and _is_stored(part)}
            inner = [part for field in _FIELDS for part in getattr(node, field, ()) if isinstance(part, ast.AST)]
            stack.extend(reversed(inner))


def _defaults(given: ast.arguments) -> list[ast.expr]:
    return [*given.defaults, *(default for default in given.kw_defaults if default)]


def _is_stored(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)


def _simple(node: ast.AST, own: set[str], made: str) -> Iterator[Demand]:
    """The demands of a statement's own expressions."""
    match node:
        case ast.Assign(targets, value):
            _must_be_names(targets, made)
            yield from _expressions([value], own)
        case ast.AnnAssign(target=target, value=value):
            _must_be_names([target], made)
            yield from _expressions([value] if value else [], own)
        case ast.AugAssign(target=ast.Name(id="__all__"), value=value) | ast.Return(value=value):
            yield from _expressions([value] if value else [], own)
        case ast.AugAssign():
            raise _Effect
        case ast.ImportFrom(names=[ast.alias(name="*")]):  # in a branch: it may hide anything, or nothing
            raise _Effect
        case ast.Expr(value):
            if not isinstance(value, ast.Constant):
                raise _Effect
        case ast.If(test=test) | ast.While(test=test) | ast.Assert(test=test) | ast.For(iter=test):
            yield from _expressions([test], own)
        case ast.Raise(exc=exception):
            yield from _expressions([exception] if exception else [], own)
        case ast.Match(subject=subject):
            yield from _expressions([subject], own)
        case ast.With(items=items):
            if not all(chain_of(getattr(item.context_expr, "func", item))[-1:] == ("suppress",) for item in items):
                raise _Effect
            yield from _expressions([item.context_expr for item in items], own)
        case ast.ExceptHandler(type=kind):
            yield from _expressions([kind] if kind else [], own)


def _must_be_names(targets: Iterable[ast.expr], made: str) -> None:
    """Stores into attributes and items change what others see, but for attributes of what is just being made."""
    for target in targets:
        is_own = isinstance(target, ast.Attribute) and chain_of(target)[:-1] == (made,)
        if not is_own and any(isinstance(part, ast.Attribute | ast.Subscript) for part in ast.walk(target)):
            raise _Effect


def _decorators(node: _Function | ast.ClassDef, own: set[str]) -> Iterator[Demand]:
    for decorator in node.decorator_list:
        is_made = isinstance(decorator, ast.Call)
        chain = chain_of(decorator.func if isinstance(decorator, ast.Call) else decorator)
        if len(chain) == 2 and chain[1] in _ACCESSORS and not is_made:
            continue
        if not chain or chain[0] in own:
            raise _Effect
        yield Demand(Role.FACTORY if is_made else Role.DECORATOR, chain)
        if isinstance(decorator, ast.Call):
            yield from _expressions([*decorator.args, *(word.value for word in decorator.keywords)], own)


def _bases(node: ast.ClassDef, own: set[str]) -> Iterator[Demand]:
    for base in (*node.bases, *(word.value for word in node.keywords if word.arg == "metaclass")):
        generic = base.value if isinstance(base, ast.Subscript) else base
        chain = chain_of(generic.func if isinstance(generic, ast.Call) else generic)
        if not chain or chain[0] in own:
            raise _Effect
        yield Demand(Role.CALL if isinstance(generic, ast.Call) else Role.BASE, chain)
    if any(word.arg not in ("metaclass", "total") for word in node.keywords):
        raise _Effect


def _expressions(nodes: Iterable[ast.AST], own: set[str]) -> Iterator[Demand]:
    """The calls in expressions; bodies of lambdas only where a call could run them."""
    stack = list(nodes)
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Await | ast.Yield | ast.YieldFrom) or _is_pipe(node):
            raise _Effect
        if isinstance(node, ast.Lambda):
            stack.extend(_defaults(node.args))
            continue
        if isinstance(node, _Comprehension):
            targets = (part for one in node.generators for part in ast.walk(one.target))
            own = own | {part.id for part in targets if isinstance(part, ast.Name)}
        if isinstance(node, ast.Call):
            yield from _called(node, own)
            for function in _handed(node):
                if isinstance(function, ast.Lambda):
                    own = own | {part.arg for part in ast.walk(function.args) if isinstance(part, ast.arg)}
                    stack.append(function.body)
        stack.extend(ast.iter_child_nodes(node))


def _is_pipe(node: ast.AST) -> bool:
    """`a >> b`, `a << b` and `a @ b`: libraries let these connect things."""
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.LShift | ast.RShift | ast.MatMult)):
        return False
    return not any(isinstance(part, ast.Constant) for part in (node.left, node.right))


def _called(node: ast.Call, own: set[str]) -> Iterator[Demand]:
    """The demands on what is called, and on functions that it calls itself."""
    chain = chain_of(node.func)
    is_text = isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Constant | ast.JoinedStr)
    is_reading = isinstance(node.func, ast.Attribute) and node.func.attr in METHODS
    if chain and chain[0] not in own:
        yield Demand(Role.METHOD if is_reading else Role.CALL, chain)
    elif is_reading and not chain:
        yield from _made(node.func, own)
    elif (made := _expression(node.func)) and made[0] not in own:
        yield Demand(Role.EXPRESSION, made)
    elif not is_text and not is_reading:
        raise _Effect
    for function in _handed(node):
        inner = chain_of(function)
        if inner and inner[0] in own:
            raise _Effect
        if inner:
            yield Demand(Role.CALL, inner)


def _expression(node: ast.expr) -> tuple[str, ...]:
    """What makes the value whose methods and operators are used one after the other: `(pl.col("a") * 2).alias("b")`."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call | ast.BinOp | ast.Compare | ast.UnaryOp):
        chain = chain_of(node.func) if isinstance(node, ast.Call) else ()
        if chain:
            return chain
        match node:
            case ast.Call(func=inner) | ast.UnaryOp(operand=inner) | ast.Compare(left=inner):
                node = inner
            case ast.BinOp(left, _, right):
                node = right if isinstance(left, ast.Constant) else left
            case ast.Attribute(inner) | ast.Subscript(inner):
                node = inner
    return ()


def _made(node: ast.expr, own: set[str]) -> Iterator[Demand]:
    """That what a method is called on was made by something that isn't the project's."""
    is_inner = False
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        chain = chain_of(node.func) if isinstance(node, ast.Call) else ()
        if chain:
            yield Demand(Role.VALUE if chain[-1] not in METHODS else Role.METHOD, chain)
            return
        is_inner = is_inner or isinstance(node, ast.Subscript)
        node = node.func if isinstance(node, ast.Call) else node.value
        outer = chain_of(node) if is_inner else ()
        if outer and outer[0] not in own:
            yield Demand(Role.ELEMENT, outer)
            return


def held_in(value: ast.expr) -> tuple[tuple[str, ...], ...] | None:
    """The names that a list, a table or a call puts into what it makes; None where that can't be told."""
    found: list[tuple[str, ...]] = []
    stack: list[ast.expr] = [value]
    while stack:
        match stack.pop():
            case ast.List(parts) | ast.Tuple(parts) | ast.Set(parts):
                stack.extend(parts)
            case ast.Dict(_, parts):
                stack.extend(parts)
            case ast.Call(_, arguments, words):
                stack.extend((*arguments, *(word.value for word in words)))
            case ast.Constant() | ast.JoinedStr():
                pass
            case ast.Name() | ast.Attribute() as node if chain_of(node):
                found.append(chain_of(node))
            case _:
                return None
    return tuple(found)


def _handed(node: ast.Call) -> list[ast.expr]:
    """The functions that a harmless call may itself call: `map(f, …)`, `filter(f, …)`, `sorted(…, key=f)`."""
    first = node.args[:1] if chain_of(node.func) in (("map",), ("filter",)) else []
    return [*first, *(word.value for word in node.keywords if word.arg in ("key", "default_factory"))]
