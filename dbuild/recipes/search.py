"""The search for what a function of the project can reach: functions, classes and values, and no more of a module.

It counts whatever a reached unit mentions, by name, through imports and aliases; and of every module that is imported
on the way what has an effect when it is. Where a name can't be followed, the whole module counts, and it is said why.
Works on source text alone and runs nothing.
"""

from __future__ import annotations

from dbuild.errors import Place
from dbuild.recipes.closure import Module, lineage
from dbuild.recipes.effects import Effects
from dbuild.recipes.foreseen import Surprise, surprise_of
from dbuild.recipes.harmless import is_standard, may_read_docstrings
from dbuild.recipes.mentions import Import, Mention
from dbuild.recipes.reached import Reach, Reached, Widening
from dbuild.recipes.resolution import (
    Missing,
    Modules,
    Outside,
    Part,
    Project,
    Whole,
    named_modules,
    resolve,
    resolve_import,
    resolve_name,
)
from dbuild.recipes.sequence import order_matters_of, run_order
from dbuild.recipes.units import Unit


def find_reach(project: Project, entry: str, name: str) -> Reach:
    """What the function `name` of the module `entry` reaches."""
    search = _Search(Modules(project))
    search.begin(entry, name)
    search.run()
    return search.result(entry)


class _Search:
    """Follows what is reached until nothing is left to follow."""

    def __init__(self, modules: Modules) -> None:
        self._modules = modules
        self._effects = Effects(modules)
        self._imported: dict[str, None] = {}
        self._reached: dict[Unit, str] = {}  # and its module
        self._queue: list[Unit] = []
        self._readers: set[Unit] = set()  # those that read values when they are imported
        self._widened: dict[Widening, None] = {}
        self._taken: set[str] = set()  # modules of which all counts
        self._swept: set[str] = set()  # packages of which all modules do
        self._outside: set[str] = set()
        self._added: dict[Unit, list[tuple[str, Unit]]] = {}  # what counts as soon as another unit does
        self._texts: dict[str, dict[int, bytes]] = {}  # of modules: what is written from a line on
        self._overwritten: set[Unit] = set()  # that bind names which others store into, or may
        self._missed: list[tuple[str, str, int, str]] = []  # names without a binding: full, and where they are used
        self._readers_of_texts: set[str] = set()  # modules that hand texts to what finds variables by them
        self._stored: set[str] = set()  # names that a module gets from others
        self._wants: set[Surprise] = set()  # what holds for all modules that are imported, now and later

    def begin(self, entry: str, name: str) -> None:
        self._import(entry)
        for target in resolve_name(self._modules, entry, name):
            if isinstance(target, Part):
                self._reach(target.module, target.unit)

    def run(self) -> None:
        while self._queue:
            self._run_queue()
            self._read_texts()
            missed, self._missed = self._missed, []
            for name, home, line, why in missed:
                if name not in self._stored:
                    self._report(home, line, why)
                    self._take_all(home)

    def _read_texts(self) -> None:
        """Reach the variables that texts name, whichever of the texts is handed to what looks for them."""
        words = frozenset().union(*(unit.words for unit in self._reached)) if self._readers_of_texts else frozenset()
        for home in sorted(self._readers_of_texts):
            shape = self._modules.outline(home)
            bindings = shape.bindings if shape else {}
            for name in sorted(words & bindings.keys()):
                for unit, imported in bindings[name]:
                    if not (unit.is_definition or unit.is_idle or (imported and not imported.name)):
                        self._take(home, unit)

    def _run_queue(self) -> None:
        while self._queue:
            unit = self._queue.pop()
            home = self._reached[unit]
            if unit.is_idle:  # it never runs: it is only there for checkers of types
                continue
            for imported in unit.names.late:
                self._run_import(home, imported)
            for mention in unit.names.mentions:
                self._follow(home, unit, mention)
            for attribute, line in unit.names.watched:
                self._meet(home, Surprise.of_attribute(attribute), line, f"{attribute} is looked at")

    def result(self, entry: str) -> Reach:
        order = run_order(self._modules, entry, self._imported)
        counted = [(home, unit) for home, unit in order if unit in self._reached]
        changing = {unit for home, unit in counted if self._effects.has(home, unit) or home in self._taken}
        adding = {unit for added in self._added.values() for _, unit in added}
        changing |= (self._overwritten | adding) & {unit for _, unit in counted}
        placed = order_matters_of(self._modules, counted, changing, self._readers & self._reached.keys())
        free = {self._described(unit) for unit in self._reached if unit not in placed}
        return Reach(
            tuple(sorted(free, key=lambda unit: (unit.module, unit.name, unit.form))),
            tuple(self._described(unit) for _, unit in counted if unit in placed),
            tuple(sorted(self._modules.read)),
            tuple(sorted(module.file for module in self._modules.read.values())),
            tuple(self._widened),
            tuple(sorted(self._outside)),
        )

    def _outline_units(self, home: str) -> tuple[Unit, ...]:
        shape = self._modules.outline(home)
        return shape.units if shape else ()

    def _described(self, unit: Unit) -> Reached:
        home = self._reached[unit]
        module = self._modules.find(home)
        assert module
        place = Place(module.file, unit.first_line)
        if unit.alias is None:
            form = unit.form(Surprise.DOCSTRINGS in self._wants or self._is_shown(home, unit))
            if Surprise.SOURCES in self._wants:
                form += b"\0" + self._text(module, unit)
            return Reached(home, unit.name, form, place, unit.lines)
        origin = self._modules.origin(home, unit.alias)
        named = origin if unit.alias.alias or unit.alias.name else unit.alias.bound
        whose = "ours" if self._modules.is_ours(named) else "others"  # a module may come to stand before Python's own
        return Reached(home, unit.name, f"{whose} {named}:{unit.alias.name or ''}".encode(), place, unit.lines)

    def _is_shown(self, home: str, unit: Unit) -> bool:
        """Whether a library gets a function or a class that may look at what its docstring says."""
        if not unit.is_definition:
            return False
        mentions = (Mention(name, tuple(rest), 0, False) for name, *rest in unit.markers)
        targets = (target for mention in mentions for target in resolve(self._modules, home, mention))
        return any(isinstance(target, Outside) and may_read_docstrings(target.name) for target in targets)

    def _text(self, module: Module, unit: Unit) -> bytes:
        """The lines of a unit as they are written, with those up to the next one."""
        if module.name not in self._texts:
            firsts = sorted({one.first_line for one in self._outline_units(module.name)})
            lines = module.source.splitlines()
            ends = zip(firsts, [*firsts[1:], len(lines) + 1], strict=True)
            self._texts[module.name] = {first: b"\n".join(lines[first - 1 : end - 1]) for first, end in ends}
        return self._texts[module.name][unit.first_line]

    def _reach(self, home: str, unit: Unit) -> None:
        if unit not in self._reached:
            self._reached[unit] = home
            self._queue.append(unit)
            for place, other in self._added.get(unit, ()):
                self._reach(place, other)

    def _import(self, name: str) -> None:
        """Import a module and the packages that it lies in, with all that they import and that has an effect."""
        waiting = [name]
        while waiting:
            for part in lineage(waiting.pop()):
                shape = self._modules.outline(part) if part not in self._imported else None
                if shape is None:
                    continue
                self._imported[part] = None
                for unit in shape.units:
                    if unit.is_idle:
                        continue
                    for one in unit.names.early:
                        self._use_import(part, one)
                        waiting.extend(named_modules(self._modules, part, one))
                    if self._effects.has(part, unit) or self._is_made_for_effect(part, unit):
                        self._take(part, unit)
                    else:
                        self._add(part, unit)
                self._take_wanted(part)

    def _add(self, home: str, unit: Unit) -> None:
        for collector in self._effects.added_to(home, unit):
            self._added.setdefault(collector, []).append((home, unit))
            if collector in self._reached:
                self._reach(home, unit)

    def _run_import(self, home: str, imported: Import) -> None:
        self._use_import(home, imported)
        for name in named_modules(self._modules, home, imported):
            self._import(name)

    def _is_made_for_effect(self, home: str, unit: Unit) -> bool:
        """Whether an import is of no use but for what it changes: of an installed package, or of Python itself."""
        shape = self._modules.outline(home)
        if unit.alias is None or shape is None or unit.alias.module == "__future__":
            return unit.alias is not None
        name = unit.alias.bound
        if name in shape.mentioned or (shape.listed and name in shape.listed):
            return False
        outside = [t.name for t in resolve_import(self._modules, home, unit.alias) if isinstance(t, Outside)]
        return bool(outside) and (name == "*" or not all(map(is_standard, outside)))  # "*" may hide Python's own names

    def _take(self, home: str, unit: Unit) -> None:
        """Count a unit that isn't reached by its name; of an import also what it leads to."""
        self._reach(home, unit)
        if unit.alias and not unit.is_idle:
            mention = Mention(unit.alias.bound, (), unit.line, False, True, (unit.alias,))
            for target in resolve(self._modules, home, mention):
                if isinstance(target, Part):
                    self._reach(target.module, target.unit)
                elif isinstance(target, Whole):
                    self._take_all(target.module)
                elif isinstance(target, Outside):
                    self._use(target.name)

    def _take_all(self, module: str) -> None:
        """Count a whole module, and of a package those that lie in it and are imported."""
        if module in self._taken:
            return
        self._taken.add(module)
        self._import(module)
        for name in [name for name in self._imported if name == module or name.startswith(f"{module}.")]:
            self._take_wanted(name)

    def _take_below(self, package: str) -> None:
        """Count all modules of a package, whether anything is known to import them or not; of "" all of the project."""
        if package not in self._swept:
            self._swept.add(package)
            for name in (package, *self._modules.below(package)):
                self._take_all(name)

    def _take_wanted(self, home: str) -> None:
        """What of an imported module counts for a reason that isn't a mention of it."""
        is_whole = Surprise.MODULES in self._wants or any(part in self._taken for part in lineage(home))
        for unit in self._outline_units(home):
            is_class = Surprise.CLASSES in self._wants and unit.has_class
            is_text = {Surprise.DOCSTRINGS, Surprise.SOURCES} & self._wants and unit.is_text
            if not unit.is_idle and (is_whole or is_class or is_text):
                self._take(home, unit)

    def _follow(self, home: str, unit: Unit, mention: Mention) -> None:
        for target in resolve(self._modules, home, mention):
            match target:
                case Part(module, found):
                    self._reach(module, found)
                    if mention.is_soft and mention.attributes:
                        self._overwritten.add(found)
                    if not mention.is_late and not found.alias and not (unit.is_definition and found.is_definition):
                        self._readers.add(unit)
                case Whole(module, why, is_deep):
                    self._report(home, mention.line, why)
                    self._take_all(module)
                    if is_deep:
                        self._take_below(module)
                case Outside(name):
                    self._use(name)
                    self._meet(home, *surprise_of(name, mention, self._package(home)))
                case Missing(why, name) if not mention.is_soft:
                    self._missed.append((name, home, mention.line, why))
                case Missing(name=name) if mention.attributes:
                    self._stored.add(name)
        if mention.name == "__doc__":
            self._meet(home, Surprise.DOCSTRINGS, mention.line, "")

    def _use(self, name: str) -> None:
        top = name.partition(".")[0]
        if top and not is_standard(name) and top != "dbuild":
            self._outside.add(top)

    def _use_import(self, home: str, imported: Import) -> None:
        """What is imported from outside counts, whether the name is used or not."""
        for target in resolve_import(self._modules, home, imported):
            if isinstance(target, Outside):
                self._use(target.name)

    def _package(self, home: str) -> str:
        module = self._modules.find(home)
        return module.package if module else ""

    def _meet(self, home: str, surprise: Surprise, line: int, why: str, named: str = "") -> None:
        """Count what else is reached by something that reaches further than its name."""
        if surprise is Surprise.NONE:
            return
        if surprise is Surprise.TEXTS:
            self._readers_of_texts.add(home)
            return
        if surprise not in (Surprise.DOCSTRINGS, Surprise.SOURCES):
            self._report(home, line, why)
        match surprise:
            case Surprise.HOME:
                self._take_all(home)
            case Surprise.NAMED if self._modules.is_ours(named):
                self._take_all(named)
            case Surprise.BELOW if self._modules.is_ours(named):
                self._take_below(named)
            case Surprise.NAMED | Surprise.BELOW:
                self._use(named)
            case Surprise.ANYTHING:
                for package in ("", *{name.partition(".")[0] for name in self._imported}):
                    self._take_below(package)
            case _ if surprise not in self._wants:
                self._wants.add(surprise)
                for name in list(self._imported):
                    self._take_wanted(name)

    def _report(self, home: str, line: int, why: str) -> None:
        module = self._modules.find(home)
        assert module
        self._widened[Widening(module.file, line, why)] = None
