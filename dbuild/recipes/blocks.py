"""Blocks of a module's source that bind names of their own: classes, functions, comprehensions, type parameters."""

from __future__ import annotations

from dbuild.recipes.mentions import Import


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
