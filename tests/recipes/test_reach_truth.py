"""Random small projects are run before and after an edit: where the result differs, the fingerprint has to."""

from __future__ import annotations

import ast
import random
import re
import types
from collections.abc import Mapping

import pytest

from dbuild.recipes.closure import Module
from dbuild.recipes.search import find_reach
from tests.recipes.projects import project_of

MODULES = ("m", "n", "o")
NAMES = ("a", "b", "c", "d")
START = "TABLE = {}\nimport functools\n"
HELPERS = """
def show(x, depth=3):
    if isinstance(x, type):
        return x.__name__, show({k: v for k, v in vars(x).items() if not k.startswith("__")}, depth - 1)
    if isinstance(x, types.ModuleType):
        return "module"
    if callable(x):
        return show(x(), depth - 1) if depth else "deep"
    if isinstance(x, (list, tuple)):
        return [show(y, depth) for y in x]
    return {k: show(v, depth) for k, v in x.items()} if isinstance(x, dict) else x
"""
EXPRESSIONS = (
    *("{n}", "{n}", "{n}", "{k}", "[{n}, {k}]", "{o}.{n}", "{o}.{n}", "{o}.TABLE", "TABLE", "dict(TABLE)"),
    *("getattr({o}, '{n}')", "getattr({o}, '{n}', {k})", "(lambda {n}: {n})({k})", "[{n} for {n} in [{k}]]"),
    *("[x for x in [{n}]]", "{{'x': {n}}}", "({n} if {k} > 50 else {o}.{n})", "getattr({o}, chr(97 + {k} % 4))"),
    *("globals().get('{n}')", "list(map(type, [{n}]))", "len([{n}]) + {k}", "sorted([{k}, 3])", "{o}.__dict__['{n}']"),
)
STATEMENTS = (
    *("{n} = {e}", "{n} = {e}", "{n} = {k}", "{n} = {k}", "{n} = {n2} = {e}", "{n}: int = {k}", "{n}, {n2} = {e}, {k}"),
    *("def {n}(): return {e}", "def {n}(): return {e}", "def {n}(x={e}): return x", "{n} = lambda: {e}"),
    "def {n}():\n  from {o} import {n2}\n  return {e}",
    "def {n}():\n  import {o} as {n2}\n  return {n2}.{n2}",
    "def {n}():\n  global {n2}\n  {n2} = {k}\n  return {e}",
    "def {n}():\n  {n2} = {k}\n  return {e}",
    "def {n}():\n  TABLE['{n}'] = {k}\n  return {e}",
    "class {n}:\n  x = {e}\n  y = x",
    "class {n}:\n  {n2} = {k}\n  def go(self): return {e}\n  z = {n2}",
    "class {n}({o}.Base):\n  x = {k}",
    "@register\ndef {n}(): return {e}",
    "@{o}.register\ndef {n}(): return {e}",
    "@plain\ndef {n}(): return {e}",
    "@made({k})\ndef {n}(): return {e}",
    "@functools.lru_cache\ndef {n}(): return {e}",
    "if {k} > 50:\n  {n} = {e}\nelse:\n  {n} = {k}",
    "try:\n  {n} = {e}\nexcept Exception:\n  {n} = {k}",
    "for {n} in range({k} % 3):\n  TABLE[{n}] = {k}",
    *("{o}.{n} = {e}", "{o}.{n} = {k}", "TABLE['{n}'] = {e}", "{o}.TABLE['{n}'] = {k}", "TABLE.update(x={k})"),
    *("setattr({o}, '{n}', {k})", "globals()['{n}'] = {k}", "{n} = TABLE.setdefault('{n}', {k})"),
    *("{n} = {o}.make({k})", "{n} = pure({e})", "{n} = Held({k})", "{n} = Held({k}).x", "Base.kept.append({k})"),
    *("class {n}:\n  x = {o}.Named({k})", "class {n}:\n  x = Named({k})", "class {n}(metaclass={o}.Meta):\n  x = {k}"),
    *("class {n}({o}.Made):\n  x = {k}", "{n} = TABLE.get('{n2}', {k})", "{n} = [Held({k}), {e}][0].x"),
    *("from {o} import {n}", "from {o} import {n} as {n2}", "from {o} import *", "import {o} as {n}"),
)
DEFINED = """
def register(g):
    TABLE[g.__name__] = g
    return g
def plain(g):
    @functools.wraps(g)
    def inner(): return g()
    return inner
def made(times):
    def around(g):
        return lambda: [g(), times]
    return around
def make(x):
    TABLE["made"] = x
    return x
def pure(x): return [x, {0}]
class Held:
    def __init__(self, x): self.x = x
class Named:
    def __init__(self, x): self.x = x
    def __set_name__(self, owner, name): TABLE[name] = self.x
class Meta(type):
    def __init__(cls, name, *given): TABLE[name] = 1
class Made(metaclass=Meta):
    pass
class Base:
    kept = []
    def __init_subclass__(cls): Base.kept.append(cls.__name__)
"""


def fill(rng: random.Random, template: str, module: str) -> str:
    other = rng.choice([name for name in MODULES if name != module])
    names = {"n": rng.choice(NAMES), "n2": rng.choice(NAMES), "o": other, "k": str(rng.randrange(100))}
    if "{e}" in template:
        names["e"] = fill(rng, rng.choice(EXPRESSIONS), module)
    return template.format(**names)


def draw(rng: random.Random) -> dict[str, list[str]]:
    """A project: the statements of each module."""
    project = {}
    for module in MODULES:
        others = [name for name in MODULES if name != module]
        rng.shuffle(others)
        units = [START, HELPERS, DEFINED.replace("{0}", str(rng.randrange(100)))]
        units += [f"{name} = {rng.randrange(100)}" for name in NAMES if rng.random() < 0.8]
        units += [f"import {name}" for name in others]
        units += [fill(rng, rng.choice(STATEMENTS), module) for _ in range(rng.randrange(2, 8))]
        project[module] = units
    project["m"].append(
        f"def f(): return show([{', '.join(fill(rng, rng.choice(EXPRESSIONS), 'm') for _ in range(2))}])"
    )
    return project


def edit(rng: random.Random, project: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Another number, or a statement less, or two in another order."""
    changed = {module: list(units) for module, units in project.items()}
    units = changed[rng.choice(MODULES)]
    place = rng.randrange(2, len(units))
    match rng.randrange(4):
        case 0 if len(units) > 6 and "def f()" not in units[place]:
            del units[place]
        case 1 if place + 1 < len(units):
            units[place], units[place + 1] = units[place + 1], units[place]
        case _:
            numbers = list(re.finditer(r"\b\d+\b", units[place]))
            if numbers:
                at = rng.choice(numbers)
                units[place] = f"{units[place][: at.start()]}{rng.randrange(100)}{units[place][at.end() :]}"
    return changed


def outcome(project: Mapping[str, list[str]]) -> str | None:
    """What f gives, or None if that, or an import, fails."""
    loaded: dict[str, types.ModuleType] = {}
    real = __import__

    def load(
        name: str, given: object = None, own: object = None, taken: object = (), level: int = 0
    ) -> types.ModuleType:
        if name not in project:
            return real(name)
        if name not in loaded:
            module = loaded[name] = types.ModuleType(name)
            vars(module)["__builtins__"] = {**vars(__import__("builtins")), "__import__": load, "types": types}
            exec(compile("\n".join(project[name]), name, "exec"), vars(module))
        return loaded[name]

    try:
        return re.sub(r"0x[0-9a-f]+", "", repr(load("m").f()))
    except Exception:
        return None


def fingerprint(project: Mapping[str, list[str]]) -> bytes:
    modules = {name: Module(name, f"{name}.py", ast.parse("\n".join(units)), b"") for name, units in project.items()}
    return find_reach(project_of(modules), "m", "f").fingerprint("m:f")


@pytest.mark.parametrize("seed", range(20))
def test_no_edit_that_changes_a_result_goes_unnoticed(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(10):
        before = draw(rng)
        was = outcome(before)
        print_before = fingerprint(before)
        for _ in range(4 if was else 0):
            after = edit(rng, before)
            now = outcome(after)
            if now not in (None, was):
                assert fingerprint(after) != print_before, (before, after, was, now)
