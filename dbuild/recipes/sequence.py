"""The order in which the units of several modules run when these are imported, and which of them depend on it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from dbuild.recipes.closure import lineage
from dbuild.recipes.resolution import Modules, named_modules
from dbuild.recipes.units import Unit

_Placed = tuple[str, Unit]  # a unit with its module


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


def order_matters_of(counted: Iterable[_Placed], effects: set[Unit], readers: set[Unit]) -> set[Unit]:
    """Those units of which the order may make a difference.

    Effects and all that give one name its value; and where there are such, what reads values while it is imported.
    """
    placed = effects | _rebinding(counted)
    return placed | readers if placed else placed


def _rebinding(counted: Iterable[_Placed]) -> set[Unit]:
    """The units that bind names which others bind too. `import a.b` and `import a.c` both bind `a` to the same."""
    binding: dict[tuple[str, str], dict[object, Unit]] = {}
    for home, unit in counted:
        for name, imported in unit.names.bound:
            is_same = imported is not None and imported.name is None and imported.alias is None
            binding.setdefault((home, name), {})[name if is_same else unit] = unit
    return {unit for units in binding.values() if len(units) > 1 for unit in units.values()}
