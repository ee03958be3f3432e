"""Environment markers: the conditions under which a distribution requires another one.

A marker is read as the Python expression that it almost is. What can't be read holds: a requirement too many only
counts where it is installed.
"""

from __future__ import annotations

import ast
import operator
import os
import platform
import re
import sys
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Any

_NUMBERS = re.compile(r"\d+")
_SIGNS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_VERSIONS = ("python_version", "python_full_version", "implementation_version")


def holds(marker: str, extras: Collection[str]) -> bool:
    """Whether a marker holds on this Python for a distribution that was asked for with these extras (normal form)."""
    try:
        tree = ast.parse(marker.replace("~=", ">=").replace("===", "==").strip(), mode="eval").body
        return _is_true(tree, extras)
    except (SyntaxError, ValueError, KeyError, RecursionError):
        return True


def normal(name: str) -> str:
    """The one form of a distribution's or an extra's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_true(tree: ast.expr, extras: Collection[str]) -> bool:
    match tree:
        case ast.BoolOp(op=ast.And(), values=values):
            return all(_is_true(value, extras) for value in values)
        case ast.BoolOp(values=values):
            return any(_is_true(value, extras) for value in values)
        case ast.Compare(left=left, ops=[sign], comparators=[right]):
            return _compare(left, sign, right, extras)
    raise ValueError


def _compare(left: ast.expr, sign: ast.cmpop, right: ast.expr, extras: Collection[str]) -> bool:
    names = [side.id for side in (left, right) if isinstance(side, ast.Name)]
    texts = [str(side.value) for side in (left, right) if isinstance(side, ast.Constant)]
    if names == ["extra"]:
        return (normal(texts[0]) in extras) == isinstance(sign, ast.Eq)
    one, other = (_text(side) for side in (left, right))
    match sign:
        case ast.In():
            return one in other
        case ast.NotIn():
            return one not in other
    is_version = any(name in _VERSIONS for name in names)
    if is_version and isinstance(sign, ast.Eq | ast.NotEq) and texts[0].endswith(".*"):
        own = _facts()[names[0]]
        return (f"{own}.").startswith(texts[0][:-1]) == isinstance(sign, ast.Eq)
    return _is_ordered(_numbers(one), sign, _numbers(other)) if is_version else _is_ordered(one, sign, other)


def _is_ordered(one: Any, sign: ast.cmpop, other: Any) -> bool:
    if type(sign) not in _SIGNS:
        raise ValueError
    return bool(_SIGNS[type(sign)](one, other))


def _text(side: ast.expr) -> str:
    match side:
        case ast.Name(id=name):
            return _facts()[name]
        case ast.Constant(value=value):
            return str(value)
    raise ValueError


def _numbers(version: str) -> tuple[int, ...]:
    found = tuple(map(int, _NUMBERS.findall(version)))
    while found[-1:] == (0,):  # 3.10 and 3.10.0 are one version
        found = found[:-1]
    return found


@lru_cache(maxsize=1)
def _facts() -> dict[str, str]:
    """What markers may ask of this Python and machine."""
    return {
        "python_version": ".".join(map(str, sys.version_info[:2])),
        "python_full_version": platform.python_version(),
        "implementation_version": ".".join(map(str, sys.implementation.version[:3])),
        "implementation_name": sys.implementation.name,
        "platform_python_implementation": platform.python_implementation(),
        "os_name": os.name,
        "sys_platform": sys.platform,
        "platform_system": platform.system(),
        "platform_machine": platform.machine(),
        "platform_release": platform.release(),
        "platform_version": platform.version(),
    }
