"""Which units of the project's modules change more than their own names when their module is imported.

A unit has an effect unless everything that it runs then is known to be harmless: by its name where it is from outside,
by reading it where it is a function or a class of the project.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import lru_cache

from dbuild.recipes.collectors import Collectors
from dbuild.recipes.demands import Demand, Role, bases_of, demands_of_arguments, demands_of_call, held_in
from dbuild.recipes.harmless import is_expression, is_harmless_call, is_harmless_decorator, is_plain_base
from dbuild.recipes.mentions import Mention
from dbuild.recipes.resolution import Missing, Modules, Outside, Part, Target, Whole, resolve
from dbuild.recipes.units import Unit

_Claim = tuple[str, Demand]  # that a demand is met in a module
_OUTSIDE: dict[Role, Callable[[str], bool]] = {
    Role.CALL: is_harmless_call,
    Role.VALUE: is_harmless_call,
    Role.EXPRESSION: is_expression,
    Role.DECORATOR: is_harmless_decorator,
    Role.FACTORY: is_harmless_decorator,
    Role.BASE: is_plain_base,
}
# What a statement gives a name that is of Python's own classes, or of what is called.
_VALUES = (ast.Constant, ast.JoinedStr, ast.Call, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.ListComp, ast.SetComp)
_MAKING = frozenset(
    {"__new__", "__call__", "__getattr__", "__setattr__", "__getattribute__", "__set_name__"}
)  # can run where one is made
_ALL = frozenset({"__init_subclass__", "__set_name__", "__class_getitem__", "__prepare__"})


class Effects:
    """Answers for the modules of one project, each worked out once."""

    def __init__(self, modules: Modules) -> None:
        self._modules = modules
        self._known: dict[Unit, bool] = {}
        self._met: dict[_Claim, bool] = {}
        self._collectors = Collectors(modules)

    def has(self, home: str, unit: Unit) -> bool:
        """Whether importing the module has an effect by this unit of it."""
        if unit not in self._known:
            is_more = not self._are_met(home, self._demands(home, unit))
            self._known[unit] = not unit.is_idle and is_more
        return self._known[unit]

    def added_to(self, home: str, unit: Unit) -> tuple[Unit, ...]:
        """What of the project a unit without an effect adds something to: if that counts, so does the unit."""
        return self._collectors.added_to(home, unit)

    def _demands(self, home: str, unit: Unit) -> tuple[Demand, ...] | None:
        """The demands of a unit: of a call that stands for itself and adds to something, those of its arguments."""
        if unit.demands is None and isinstance(unit.node, ast.Expr) and self._collectors.added_to(home, unit):
            return demands_of_arguments(unit.node.value)
        return unit.demands

    def _are_met(self, home: str, demands: tuple[Demand, ...] | None) -> bool:
        """Whether all demands are met; those that they lead to are taken one after the other, whatever the depth."""
        if demands is None:
            return False
        asked: dict[_Claim, None] = {}
        stack: list[_Claim] = [(home, demand) for demand in demands]
        while stack:
            claim = stack.pop()
            if claim in asked or self._met.get(claim):
                continue
            asked[claim] = None
            further = None if self._met.get(claim) is False else self._further(*claim)
            if further is None:
                self._met[claim] = False
                return False
            stack.extend(further)
        self._met.update(dict.fromkeys(asked, True))
        return True

    def _further(self, home: str, demand: Demand) -> list[_Claim] | None:
        """What else has to be met for a demand to be; None where it isn't."""
        name, *attributes = demand.chain
        if demand.role in (Role.DECORATOR, Role.FACTORY) and self._collectors.adds(home, demand.chain):
            return []
        if demand.role in (Role.METHOD, Role.ELEMENT):
            return self._method(home, demand)
        found = list(resolve(self._modules, home, Mention(name, tuple(attributes), 0, False)))
        claims: list[_Claim] = []
        for target in found:
            further = self._of_target(target, demand)
            if further is None:
                return None
            claims.extend(further)
        return claims if found else None

    def _of_target(self, target: Target, demand: Demand) -> list[_Claim] | None:
        match target:
            case Outside(name):
                return [] if _OUTSIDE[demand.role](name) else None
            case Part(home, unit):
                if unit.alias:
                    return []  # what it leads to is a target too
                demands = _of_part(unit, demand)
                return None if demands is None else [(home, one) for one in demands]
        return None

    def _method(self, home: str, demand: Demand) -> list[_Claim] | None:
        """A method that by its name only reads: of a value that is made harmlessly, or of a name of Python's."""
        name, *attributes = demand.chain
        found = list(resolve(self._modules, home, Mention(name, tuple(attributes), 0, False)))
        claims: list[_Claim] = []
        for target in found:
            if isinstance(target, Whole | Missing):
                return None
            if isinstance(target, Outside) and not (_is_of_builtin(target.name) or is_harmless_call(target.name)):
                return None
            if isinstance(target, Part) and not target.unit.alias:
                unit = target.unit
                value = getattr(unit.node, "value", None)
                if unit.demands is None or not isinstance(value, _VALUES):
                    return None
                claims.extend((target.module, _as_value(one)) for one in unit.demands)
                held = held_in(value) if demand.role is Role.ELEMENT else ()
                if held is None:
                    return None
                claims.extend((target.module, Demand(Role.METHOD, chain)) for chain in held)
        return claims


def _is_of_builtin(name: str) -> bool:
    """`str.upper`, and not a function of a module."""
    return name.startswith("builtins.") and name.count(".") == 2


def _as_value(demand: Demand) -> Demand:
    return Demand(Role.VALUE, demand.chain) if demand.role is Role.CALL else demand


@lru_cache(maxsize=8192)  # of a large class all of the body is looked at, and it may be the base of hundreds
def _of_part(unit: Unit, demand: Demand) -> tuple[Demand, ...] | None:
    """What using a unit of the project in a role demands; None for an effect, as far as can be told."""
    is_whole = len(demand.chain) == 1 or unit.name == demand.chain[-1]
    match unit.node:
        case _ if not is_whole or demand.role in (Role.VALUE, Role.EXPRESSION):
            return None
        case ast.ClassDef() as node if demand.role is Role.BASE:
            return None if _defined(node) & _ALL or node.keywords else bases_of(node)
        case ast.ClassDef() as node if demand.role is Role.CALL:
            bases = None if _defined(node) & _MAKING or node.keywords or _has_setters(node) else bases_of(node)
            made = _making(node)
            if bases is None or unit.demands is None or made is None:
                return None
            return (*unit.demands, *_values(bases), *made)
        case ast.FunctionDef() as node if demand.role is not Role.BASE:
            decorated = unit.demands if node.decorator_list else ()
            own = demands_of_call(node, demand.role is Role.FACTORY)
            return None if decorated is None or own is None else (*decorated, *own)
        case ast.Assign(value=ast.Call()) if demand.role is Role.BASE:
            return unit.demands  # namedtuple("…", …) and such
    return None


def _values(bases: tuple[Demand, ...]) -> tuple[Demand, ...]:
    """Making an instance makes one of each base too."""
    return tuple(Demand(Role.CALL, one.chain) for one in bases if one.chain[-1] not in _ABSTRACT)


_ABSTRACT = frozenset({"ABC", "ABCMeta", "Protocol", "Generic", "NamedTuple", "TypedDict", "BaseModel", "object"})


def _making(node: ast.ClassDef) -> tuple[Demand, ...] | None:
    """The demands of what a class runs to make an instance."""
    demands: list[Demand] = []
    for part in node.body:
        if isinstance(part, ast.FunctionDef) and part.name in ("__init__", "__post_init__"):
            found = demands_of_call(part, is_making=True)
            if found is None or part.decorator_list:
                return None
            demands.extend(found)
    return tuple(demands)


def _has_setters(node: ast.ClassDef) -> bool:
    """Whether storing into an attribute may run a method of the class."""
    decorators = (each for part in node.body if isinstance(part, ast.FunctionDef) for each in part.decorator_list)
    return any(isinstance(each, ast.Attribute) and each.attr == "setter" for each in decorators)


def _defined(node: ast.ClassDef) -> set[str]:
    """The names that the body of a class binds, at any depth."""
    functions = (part for part in ast.walk(node) if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef))
    stored = (part for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store))
    return {part.name for part in functions} | {part.id for part in stored}
