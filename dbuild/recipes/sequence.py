"""The order in which the units of several modules run when these are imported, and which of them depend on it."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from dbuild.recipes.closure import lineage
from dbuild.recipes.mentions import Import
from dbuild.recipes.resolution import Modules, has_name, named_modules
from dbuild.recipes.units import Unit

_Placed = tuple[str, Unit]  # a unit with its module
_Name = tuple[str, str]  # a name with its module


def run_order(modules: Modules, first: str, imported: Collection[str]) -> Iterator[_Placed]:
    """The units of all imported modules as they run where `first` is imported first; others follow by their names."""
    seen: set[str] = set()
    stack: list[Iterator[str | _Placed]] = [iter([*lineage(first), *sorted(imported)])]
    while stack:
        step = next(stack[-1], None)
        if step is None:
            stack.pop()
        elif not isinstance(step, str):
            yield step
        elif step in imported and step not in seen:
            seen.add(step)
            stack.append(_steps(modules, step))


def _steps(modules: Modules, home: str) -> Iterator[str | _Placed]:
    """What importing a module does: other modules to import, and units to run."""
    shape = modules.outline(home)
    for unit in shape.units if shape else ():
        if not unit.is_idle:
            for imported in unit.names.early:
                for name in named_modules(modules, home, imported):
                    yield from lineage(name)
            yield home, unit


def order_matters_of(
    modules: Modules, counted: Collection[_Placed], changing: set[Unit], readers: set[Unit]
) -> set[Unit]:
    """Those units of which the order may make a difference.

    `changing` are those that have an effect, or bind names to which another may give a value. To these come all that
    give one name its value, and where there are any, what reads values while it is imported.
    """
    placed = changing | _rebinding(modules, counted)
    return placed | readers if placed else placed


def _rebinding(modules: Modules, counted: Collection[_Placed]) -> set[Unit]:
    """The units that bind names which others bind too. `import a.b` and `import a.c` both bind `a` to the same."""
    binding: dict[_Name, dict[object, Unit]] = {}
    for home, unit in counted:
        for name, imported in (*unit.names.bound, *unit.names.assigned):
            is_same = imported is not None and imported.name is None and imported.alias is None
            binding.setdefault((home, name), {})[name if is_same else unit] = unit
    for home, unit in counted:
        if unit.alias and unit.alias.name == "*":
            hidden = [key for key in binding if key[0] == home and _may_bind(modules, home, unit.alias, key[1])]
            for key in hidden:
                binding[key][unit] = unit
    return {unit for units in binding.values() if len(units) > 1 for unit in units.values()}


def _may_bind(modules: Modules, home: str, star: Import, name: str) -> bool:
    """Whether a star import may bind a name; what comes from outside may bind any."""
    origin = modules.origin(home, star)
    shape = modules.outline(origin)
    return shape is None or (shape.exports(name) and has_name(modules, origin, name))
