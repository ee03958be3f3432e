"""What a mention is of: followed through imports, aliases, packages and star imports of the project's modules.

Takes modules from a function that reads them; runs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from dbuild.recipes.closure import Module, absolute
from dbuild.recipes.harmless import is_builtin, is_standard
from dbuild.recipes.mentions import COMPUTED, Import, Mention
from dbuild.recipes.units import Outline, Unit, outline
from dbuild.values import dataclass

# Names that every module has without binding them.
_IMPLICIT = frozenset(
    {"__annotations__", "__builtins__", "__cached__", "__doc__", "__file__", "__loader__", "__name__", "__package__"}
    | {"__path__", "__spec__", "__class__", "__debug__"}
)


@dataclass(frozen=True, slots=True)
class Part:
    """A unit of the project."""

    module: str
    unit: Unit


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole module of the project, since any part of it may be meant."""

    module: str
    why: str
    is_deep: bool = False  # and any module that lies in it


@dataclass(frozen=True, slots=True)
class Outside:
    """Something that isn't the project's: Python's own, or of an installed package."""

    name: str  # full


@dataclass(frozen=True, slots=True)
class Missing:
    """Nothing that could be found."""

    why: str
    name: str = ""  # full, where its module is the project's


Target = Part | Whole | Outside | Missing


@dataclass(frozen=True, slots=True)
class _Look:
    """A name to be looked up in a module."""

    module: str
    name: str
    rest: tuple[str, ...]
    is_own: bool  # by a statement of the module itself


@dataclass(frozen=True, slots=True)
class _Enter:
    """A module of which something may be taken."""

    module: str
    rest: tuple[str, ...]


_Step = _Look | _Enter | Target
_Found = tuple[str, Unit, Import | None]  # module, unit, what the unit imports under the name


@dataclass(frozen=True, slots=True)
class Project:
    """What can be asked of a project's files."""

    module: Callable[[str], Module | None]  # the module of a full name
    has: Callable[[str], bool]  # whether there is such a module, or a folder of modules
    below: Callable[[str], Iterable[str]]  # the names of all modules in a package, or ("") of all that there are


class Modules:
    """The modules of a project, as far as one search has asked for them."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._known: dict[str, Module | None] = {}
        self.bindings: dict[tuple[str, str], list[_Found]] = {}  # of a module and a name: found before

    def find(self, name: str) -> Module | None:
        """The module of that name; None if the project has none."""
        if name not in self._known:
            self._known[name] = self._project.module(name)
        return self._known[name]

    def below(self, package: str) -> Iterable[str]:
        """The names of all modules that a package of the project has in it, at any depth; of "" all of the project."""
        return self._project.below(package)

    def outline(self, name: str) -> Outline | None:
        module = self.find(name)
        return outline(module.tree) if module else None

    def origin(self, home: str, imported: Import) -> str:
        """The full name of the module that an import in a module names; "" where it leads out of the project."""
        module = self.find(home)
        return absolute(module, imported.module, imported.level) if module else ""

    def is_ours(self, name: str) -> bool:
        """Whether a module of that name would be the project's."""
        top = name.partition(".")[0]
        return self.find(top) is not None or self._project.has(top)

    def is_folder(self, name: str) -> bool:
        """Whether it is a package of the project without a module of its own."""
        return self.find(name) is None and self._project.has(name)

    @property
    def read(self) -> dict[str, Module]:
        """All that were read so far."""
        return {name: module for name, module in self._known.items() if module}


def resolve(modules: Modules, home: str, mention: Mention) -> Iterator[Target]:
    """All that a mention in a module may be of; of an alias the import and what it leads to."""
    if mention.origins:
        steps = [step for one in mention.origins for step in _through(modules, home, one, mention.attributes)]
        return _walk(modules, steps)
    return _walk(modules, [_Look(home, mention.name, mention.attributes, True)])


def resolve_import(modules: Modules, home: str, imported: Import) -> Iterator[Target]:
    """What an import in a module makes its name stand for."""
    return _walk(modules, _through(modules, home, imported, ()))


def resolve_name(modules: Modules, module: str, name: str) -> Iterator[Target]:
    """What a module's name stands for, seen from outside."""
    return _walk(modules, [_Look(module, name, (), False)])


def has_name(modules: Modules, module: str, name: str) -> bool:
    """Whether a statement of the module may bind a name, also by a star import from the project."""
    return bool(_bindings(modules, module, name))


def named_modules(modules: Modules, home: str, imported: Import) -> list[str]:
    """The modules that an import in a module imports, without the packages that they lie in; some may not exist."""
    if imported.name is None:
        return [imported.module]
    origin = modules.origin(home, imported)
    if imported.name != "*":
        is_bound = origin != home and has_name(modules, origin, imported.name)
        return [origin] if is_bound else [f"{origin}.{imported.name}"]
    shape = modules.outline(origin)
    return [origin, *(f"{origin}.{name}" for name in sorted(shape.listed or ()))] if shape else [origin]


def _walk(modules: Modules, steps: list[_Step]) -> Iterator[Target]:
    seen: set[_Step] = set()
    while steps:
        step = steps.pop()
        if step in seen:
            continue
        seen.add(step)
        match step:
            case _Look():
                steps.extend(_look(modules, step))
            case _Enter():
                steps.append(_enter(modules, step))
            case _:
                yield step


def _look(modules: Modules, step: _Look) -> Iterator[_Step]:
    found = _bindings(modules, step.module, step.name)
    for home, unit, imported in found:
        yield Part(home, unit)
        if imported and not unit.is_idle:
            yield from _through(modules, home, imported, step.rest)
    inner = f"{step.module}.{step.name}"
    if any(not unit.is_idle for _, unit, _ in found):
        return
    if modules.find(inner):
        yield _Enter(inner, step.rest)
    elif step.name in _IMPLICIT or (found and step.is_own):
        return
    elif step.name in (COMPUTED, "__dict__"):
        yield Whole(step.module, f"something of {step.module} is taken by a computed name")
    elif step.is_own and is_builtin(step.name):
        yield Outside(".".join(("builtins", step.name, *step.rest)))
    else:
        yield from _unbound(modules, step)


def _unbound(modules: Modules, step: _Look) -> Iterator[_Step]:
    """What may give a name to a module that doesn't bind it: `__getattr__`, or a star import from outside."""
    given = [] if step.is_own else _bindings(modules, step.module, "__getattr__")
    if given:
        yield from (Part(home, unit) for home, unit, _ in given)
        is_given = any(not unit.is_definition for _, unit, _ in given)  # by a library, which imports what it is told
        yield Whole(step.module, f"{step.module} makes {step.name} in its __getattr__", is_given)
        return
    shape = modules.outline(step.module)
    origins = [modules.origin(step.module, star) for _, star in shape.stars] if shape else []
    outside = [origin for origin in origins if not modules.find(origin)]
    if not outside:
        yield Missing(f"{step.name} is bound nowhere in {step.module}", f"{step.module}.{step.name}")
    for origin in outside:
        if is_standard(origin):
            yield Outside(".".join((origin, step.name, *step.rest)))
        else:
            name = origin or "a module outside the project"
            yield Whole(step.module, f"{step.name} may come from {name}, of which all is imported")


def _bindings(modules: Modules, module: str, name: str) -> list[_Found]:
    """The units that may bind a module's name, with the star imports on the way to them."""
    if (module, name) not in modules.bindings:
        modules.bindings[module, name] = _find_bindings(modules, module, name)
    return modules.bindings[module, name]


def _find_bindings(modules: Modules, module: str, name: str) -> list[_Found]:
    found: list[_Found] = []
    by: dict[str, tuple[str, Unit] | None] = {module: None}
    queue = [module]
    while queue:
        home = queue.pop()
        shape = modules.outline(home)
        if shape is None:
            continue
        own: list[_Found] = [(home, unit, imported) for unit, imported in shape.bindings.get(name, ())]
        way = by[home]
        if way and not own and shape.listed and name in shape.listed and modules.find(f"{home}.{name}"):
            own = [(*way, Import(f"{home}.{name}", None, name, 0, 0))]
        found.extend(own)
        way = way if own else None
        while way:
            found.append((*way, None))
            way = by[way[0]]
        for unit, star in shape.stars:
            origin = modules.origin(home, star)
            further = modules.outline(origin) if origin not in by else None
            if further and further.exports(name):
                by[origin] = (home, unit)
                queue.append(origin)
    return found


def _through(modules: Modules, home: str, imported: Import, rest: tuple[str, ...]) -> list[_Step]:
    """Where an import in a module leads."""
    if imported.name is None:
        return [_Enter(imported.module if imported.alias else imported.bound, rest)]
    origin = modules.origin(home, imported)
    inner = f"{origin}.{imported.name}"
    if modules.find(origin) and not (origin == home and modules.find(inner)):
        return [_Look(origin, imported.name, rest, False)]
    if modules.find(inner) or modules.is_folder(inner):
        return [_Enter(inner, rest)]
    if imported.level or modules.is_ours(origin):
        return [Missing(f"the module {origin or '.' * imported.level + imported.module} can't be found")]
    return [Outside(".".join((inner, *rest)))]


def _enter(modules: Modules, step: _Enter) -> _Step:
    if modules.find(step.module):
        if not step.rest:
            return Whole(step.module, f"the module {step.module} is used as a value")
        return _Look(step.module, step.rest[0], step.rest[1:], False)
    name = step.module
    for taken, part in enumerate(step.rest, 1):  # a folder without __init__.py is a package too
        name = f"{name}.{part}"
        if modules.find(name):
            return _Enter(name, step.rest[taken:])
    if modules.is_folder(step.module):
        if not step.rest or step.rest[0] in (COMPUTED, "__dict__"):
            return Whole(step.module, f"the package {step.module} is used as a value")
        if modules.is_folder(f"{step.module}.{step.rest[0]}"):
            return _Enter(f"{step.module}.{step.rest[0]}", step.rest[1:])
        if step.rest[0] in _IMPLICIT:
            return Outside("builtins.object")
    if modules.is_ours(step.module):
        return Missing(f"the module {step.module} can't be found")
    return Outside(name)
