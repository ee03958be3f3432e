"""What a function reaches: the parts by name, in their order, what is widened and why, what is used from outside."""

from __future__ import annotations

import ast
import symtable
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from dbuild.recipes.closure import Module, canonical
from dbuild.recipes.namewalk import names_of
from dbuild.recipes.reached import Reach
from dbuild.recipes.search import find_reach
from dbuild.recipes.units import outline
from tests.recipes.projects import project_of


def reach(name: str = "f", **sources: str) -> Reach:
    """The reach of a function of `m`; `a_S_b` stands for the module a.b, `a_P` for the package a."""
    modules = {}
    for short, text in sources.items():
        full = short.removesuffix("_P").replace("_S_", ".")
        file = full.replace(".", "/") + ("/__init__.py" if short.endswith("_P") else ".py")
        modules[full] = Module(full, file, ast.parse(text), b"", text.encode())
    return find_reach(project_of(modules), "m", name)


def names(found: Reach) -> list[str]:
    return [f"{unit.module}.{unit.name}" for unit in (*found.free, *found.ordered)]


def widened(found: Reach) -> list[str]:
    return [f"{one.file}:{one.line}: {one.why}" for one in found.widened]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("X = 1\ndef f(): return X", ["X", "f"]),
        ("X = 1\ndef f(X): return X", ["f"]),
        ("X = 1\ndef f(y=X): return y", ["X", "f"]),
        ("X = 1\ndef f(y: X): return y", ["X", "f"]),
        ("class X: pass\ndef f(y: 'list[X]') -> None: return y", ["X", "f"]),
        ("from typing import Literal\nX = 1\ndef f(y: Literal['X']): return y", ["Literal", "f"]),
        ("X = 1\ndef f():\n  X = 2\n  def g(): return X\n  return g", ["f"]),
        ("X = 1\ndef f():\n  global X\n  X = 2", ["f"]),
        ("X = 1\ndef f():\n  global X\n  X = 2\n  return X", ["X", "f"]),
        ("X = 1\ndef g():\n  global X\n  X = 2\ndef f(): return X", ["f", "X", "g"]),
        ("X = 1\ndef f():\n  X = 2\n  def g():\n    nonlocal X\n    X = 3", ["f"]),
        ("X = 1\ndef f():\n  def g():\n    global X\n    X = 3\n  return g()", ["f"]),
        ("X = 1\ndef f():\n  return [X for X in range(3)]", ["f"]),
        ("X = 1\ndef f():\n  return [Y for Y in X]", ["X", "f"]),
        ("X = 1\ndef f():\n  return {Y: Z for Y in [] for Z in X}", ["X", "f"]),
        ("X = 1\ndef f():\n  return (X := 2)", ["f"]),
        ("X = 1\ndef f():\n  [X := y for y in ()]\n  return X", ["f"]),
        ("X = 1\ndef f(): return lambda X: X", ["f"]),
        ("X = 1\ndef f(): return lambda: X", ["X", "f"]),
        ("X = 1\ndef f(y):\n  match y:\n    case [X, *z]: return X", ["f"]),
        ("X = 1\ndef f(y):\n  match y:\n    case {'a': 1, **X}: return X", ["f"]),
        ("class X: pass\ndef f(y):\n  match y:\n    case X(): return 1", ["X", "f"]),
        ("X = 1\ndef f():\n  try: pass\n  except ValueError as X: return X", ["f"]),
        ("X = 1\ndef f():\n  with open('x') as X: return X", ["f"]),
        ("X = 1\ndef f():\n  for X in (): pass\n  del X", ["f"]),
        ("X = 1\ndef f():\n  class C:\n    X = 2\n    def g(self): return X\n  return C", ["X", "f"]),
        ("X = 1\ndef f():\n  class C:\n    X = 2\n    Y = X\n  return C", ["f"]),
        ("X = 1\ndef f():\n  class C:\n    X = X\n  return C", ["X", "f"]),
        ("X = 1\ndef f():\n  class C:\n    if f: X = 2\n    Y = X\n  return C", ["X", "f"]),
        ("X = 1\ndef f():\n  class C:\n    X = [1]\n    Y = [z for z in X]\n  return C", ["f"]),
        ("X = 1\ndef f():\n  class C:\n    X = [1]\n    Y = [X for z in ()]\n  return C", ["X", "f"]),
        ("X = 1\ndef f():\n  import os as X\n  return X.sep", ["f"]),
        ("X = 1\nasync def g(): return X\ndef f(): return g", ["X", "f", "g"]),
        ("X = 1\ndef f(): return f'{X!r:>{X}}'", ["X", "f"]),
        ("X = [1]\ndef f(): X[0] = 2", ["X", "f"]),
        ("X = 1\ndef f():\n  X.y = 2", ["f", "X"]),
        ("def f(): return f()", ["f"]),
        ("def f(): return g()\ndef g(): return f()", ["f", "g"]),
        ("@property\ndef f(): pass", ["f"]),
        ("if 1:\n  def f(): return X\nelse:\n  Y = 1\nX = 1", ["X", "Y,f"]),
        ("X = 1\nX = 2\ndef f(): return X", ["f", "X", "X"]),
        ("import os.path, os\ndef f(): return os.path.join", ["f", "os"]),
        ("import sys\nsys.path.insert(0, '.')\ndef f(): pass", ["f", "sys", ""]),
        ("X = 1\ndef f(): pass\nfor i in range(X): print(i)", ["X", "f", "i"]),
        ("class A: pass\nclass B(A): pass\nclass C(B): pass\ndef f(): return B", ["A", "B", "f"]),
        ("class M(type): pass\nclass B(metaclass=M): pass\ndef f(): pass", ["f"]),
        ("class M(type):\n  def __new__(*a): pass\nclass B(metaclass=M): pass\ndef f(): pass", ["f"]),
        ("def d(g): return g\n@d\ndef h(): pass\ndef f(): pass", ["f"]),
        ("L = []\ndef d(g): L.append(g)\n@d\ndef h(): pass\ndef f(): pass", ["L", "d", "f", "h"]),
        ("class Made:\n  x: int = 1\nX = Made()\ndef f(): pass", ["f"]),
        ("class Made:\n  def __init__(self): print(1)\nX = Made()\ndef f(): pass", ["Made", "f", "X"]),
        ("class Made:\n  def __init__(self, x): self.x = x\nX = Made(1)\ndef f(): pass", ["f"]),
        ("class Made:\n  def __init__(self, x): x.y = self\nX = Made(1)\ndef f(): pass", ["Made", "f", "X"]),
        (
            "class A:\n  def __setattr__(s, n, v): print(n)\nclass Made(A):\n  def __init__(s): s.x = 1\nX = Made()\n"
            "def f(): pass",
            ["A", "Made", "f", "X"],
        ),
        ("class Made:\n  def __init__(self): self.x = y()\ndef y(): return 1\nX = Made()\ndef f(): pass", ["f"]),
        (
            "class Made:\n  def __init__(s): s.x = y()\ndef y(): print(1)\nX = Made()\ndef f(): pass",
            ["Made", "f", "y", "X"],
        ),
        ("class Made:\n  def copy(self): print(1)\nX = Made().copy()\ndef f(): pass", ["Made", "f", "X"]),
        ("class Made:\n  def copy(self): print(1)\nA = Made()\nX = A.copy()\ndef f(): pass", ["Made", "f", "A", "X"]),
        ("import shutil\nX = shutil.copy('a', 'b')\ndef f(): pass", ["f", "shutil", "X"]),
        ("X = str.upper('a')\nY = list(map(str.upper, 'ab'))\ndef f(): pass", ["f"]),
        ("A = [1]\nB = {}\nX = A.copy()\nY = B.keys()\ndef f(): pass", ["f"]),
        (
            "class A:\n  class B:\n    def __init_subclass__(c): print(c)\nclass D(A.B): pass\ndef f(): pass",
            ["A", "f", "D"],
        ),
        ("LIMIT = 3\nOTHER = 4\ndef f(x): return x.query('a > @LIMIT')", ["LIMIT", "f"]),
        ("LIMIT = 3\nQ = 'FROM LIMIT'\ndef f(): return sql(Q)\nfrom duckdb import sql", ["LIMIT", "Q", "f", "sql"]),
        ("LIMIT = 3\ndef f(x): return x.find('a > @LIMIT')", ["f"]),
        ("from math import *\ndef f(x): return pow(x, 2)", ["", "f"]),
        ("try: from math import *\nexcept ImportError: pass\ndef f(x): return pow(x, 2)", ["f", ""]),
        ("__all__ = ['f']\n__all__ += ['g']\ndef f(): pass", ["f"]),
        ("from __future__ import annotations\ndef f(): pass", ["annotations", "f"]),
    ],
)
def test_the_scopes_of_python(source: str, expected: list[str]) -> None:
    found = reach(m=source)
    assert [name.removeprefix("m.") for name in names(found)] == expected
    assert widened(found) == []


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="its tables tell of comprehensions in another way")
def test_python_itself_finds_the_same_names() -> None:
    for path in sorted((Path(__file__).parents[2] / "dbuild/recipes").glob("*.py")):
        source = path.read_text(encoding="utf-8").replace("from __future__ import annotations\n", "")
        mentions = [mention for unit in ast.parse(source).body for mention in names_of(unit).mentions]
        own = {mention.name for mention in mentions if not mention.origins and not mention.is_soft}
        tables = [symtable.symtable(source, path.name, "exec")]
        expected = {symbol.get_name() for symbol in tables[0].get_symbols() if symbol.is_referenced()}
        while tables:
            table = tables.pop()
            tables.extend(table.get_children())
            expected |= {each.get_name() for each in table.get_symbols() if each.is_global() and each.is_referenced()}
        added = {
            each.target.id
            for each in ast.walk(ast.parse(source))
            if isinstance(each, ast.AugAssign) and isinstance(each.target, ast.Name)
        }
        assert own - added == expected - added, path.name


@pytest.mark.skipif(not hasattr(ast, "TypeAlias"), reason="from Python 3.12")
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("T = 1\ndef f[T](x: T) -> T: pass", ["f"]),
        ("B = 1\nT = 2\ndef f[T: B](x: T): return T", ["B", "f"]),
        ("X = 1\ntype Y[T] = list[T, X]\ndef f(): return Y", ["X", "Y", "f"]),
        ("X = 1\nT = 1\nclass C[T](list[T]):\n  def g(self) -> T: return X\ndef f(): return C", ["C", "X", "f"]),
    ],
)
def test_the_scopes_of_newer_pythons(source: str, expected: list[str]) -> None:
    assert [name.removeprefix("m.") for name in names(reach(m=source))] == expected


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("def f(x): return getattr(calc, x)", "m.py:2: something of calc is taken by a computed name"),
        ("def f(x): return vars(calc)", "m.py:2: the module calc is used as a value"),
        ("def f(x): return calc.__dict__[x]", "m.py:2: something of calc is taken by a computed name"),
        ("def f(x): return globals()[x]", "m.py:2: globals can name anything in its module"),
        ("def f(x): exec(x)", "m.py:2: exec can name anything in its module"),
        ("X = locals()\ndef f(x): return X", "m.py:2: locals can name anything in its module"),
        ("def f(x): return f.__globals__", "m.py:2: __globals__ is looked at"),
        ("from inspect import getmodule\ndef f(x): return getmodule(x)", "m.py:3: inspect.getmodule gives a module"),
        ("def f(x): return object.__subclasses__()", "m.py:2: __subclasses__ is looked at"),
        ("def f(x): return __import__(x)", "m.py:2: __import__ imports what a value names"),
        ("def f(x): return __import__('calc')", "m.py:2: calc is imported by its name as a text"),
        ("import sys\ndef f(x): return sys.modules[x]", "m.py:3: sys.modules is used as a value"),
        ("import sys\ndef f(x): return sys.modules['calc']", "m.py:3: calc is taken from sys.modules"),
        ("import sys\ndef f(x): return sys.modules[__name__]", "m.py:3: sys.modules can name anything in its module"),
        ("import pickle\ndef f(x): return pickle.load(x)", "m.py:3: pickle.load makes what a file names"),
        ("def f(x): return unknown", "m.py:2: unknown is bound nowhere in m"),
        ("def f(x): return calc.unknown", "m.py:2: unknown is bound nowhere in calc"),
        ("from . import unknown\ndef f(x): return unknown", "m.py:3: the module . can't be found"),
        ("from pandas import *\ndef f(): return y", "m.py:3: y may come from pandas, of which all is imported"),
    ],
)
def test_what_cannot_be_followed_is_said(source: str, why: str) -> None:
    found = reach(m=f"import calc\n{source}", calc="X = 1\ndef tax(): return X")
    assert widened(found) == [why]


@pytest.mark.parametrize(
    "source",
    [
        "def f(x): return getattr(x, str(x))",
        "def f(x): return getattr(calc, 'tax')",
        "def f(x): return vars(x), locals()",
        "import sys\ndef f(x): return 'pandas' in sys.modules",
        "import re\ndef f(x): return re.compile(x)",
        "calc.NEW = 1\ndef f(): return calc.NEW",
        "setattr(calc, 'NEW', 1)\ndef f(): return calc.NEW",
        "def f(): return getattr(calc, 'NEW', None) or hasattr(calc, 'OTHER')",
        "def f(x: 'Unknown'): return __file__, __name__, calc.__name__, __debug__",
        "try: import tomllib\nexcept ImportError: tomllib = None\ndef f(): return tomllib.loads",
    ],
)
def test_what_only_looks_hard_to_follow(source: str) -> None:
    assert widened(reach(m=f"import calc\n{source}", calc="X = 1\ndef tax(): return X")) == []


def test_a_widened_module_counts_with_all_that_it_takes_from_others() -> None:
    found = reach(m="import a\ndef f(x): return getattr(a, x)", a="from b import x\ny = 1", b="x = 1\nz = 2")
    assert names(found) == ["b.x", "m.a", "m.f", "a.x", "a.y"]


def test_a_widened_package_counts_with_its_modules_that_are_imported() -> None:
    found = reach(m="import p.q\ndef f(x): return getattr(p, x)", p_P="", p_S_q="y = 1", p_S_r="z = 1")
    assert names(found) == ["m.f", "m.p", "p.q.y"]


@pytest.mark.parametrize("found", ["g.__globals__['Z']", "getattr(g, '__globals__')['Z']", "getmodule(g).Z"])
def test_what_stands_beside_a_function_of_another_module_counts_where_it_is_looked_at(found: str) -> None:
    source = f"from inspect import getmodule\nfrom a import g\ndef f(): return {found}"
    assert "a.Z" in names(reach(m=source, a="Z = 1\ndef g(): return 2"))


def test_effects_are_in_the_order_in_which_they_run() -> None:
    found = reach(
        m="print(1)\nimport a\nprint(2)\nimport b\ndef f():\n  import d",
        a="import b\nprint('a')",
        b="print('b')\nimport c",
        c="import a\nprint('c')",
        d="print('d')",
    )
    said = [unit.form.split(b" ")[7] for unit in found.ordered]
    assert [unit.module for unit in found.ordered] == ["m", "b", "c", "a", "m", "d"], said


def test_other_orders_of_definitions_are_the_same() -> None:
    parts = ["X = 1", "Y = X", "def g(x=X): return Y", "class C: z = 1", "def f(): return g(), C"]
    forms = {reach(m="\n".join(order)).fingerprint("m:f") for order in (parts, parts[::-1], [*parts[2:], *parts[:2]])}
    assert len(forms) == 1


def test_packages_from_outside_that_are_used() -> None:
    source = "import numpy as np, pandas, os\nimport swifter\nfrom scipy.stats import norm\n"
    source += "def f(): return np.array, os\ndef g(): return norm, pandas, np\n"
    source += "def h():\n  import lazy\n"
    source += "if TYPE_CHECKING:\n  import hints\ntry:\n  import fast\nexcept ImportError:\n  import slow\n"
    source += "from loose import part\nimport other\n"
    whole = {
        "m": source,
        "loose_S_part": "import deep.inner",
        "other": "def x():\n  from far import y\n  return dbuild",
    }
    top = ("deep", "fast", "numpy", "pandas", "scipy", "slow", "swifter")  # what is imported at the top counts
    assert reach(**whole).imports == top
    assert reach("g", **whole).imports == top
    assert reach("h", **whole).imports == tuple(sorted((*top, "lazy")))
    named = (
        "import importlib\ndef f(x): return importlib.import_module('far.off'), importlib.import_module(f'plug.{x}')"
    )
    assert reach(m=named).imports == ("far", "plug")
    assert reach(m="import dbuild\ndef f(): return dbuild.Key").imports == ()


def test_modules_with_and_without_an_init() -> None:
    found = reach(
        m="import loose.part, p.q as r\ndef f(): return loose.part.x(), r.y",
        loose_S_part="def x(): pass",
        p_P="print(1)",
        p_S_q="y = 1\nz = 2",
    )
    assert names(found) == ["loose.part.x", "m.f", "m.loose", "m.r", "p.q.y", "p."]


def test_deep_code_is_no_trouble() -> None:
    sums = "def f(): return " + " + ".join(f"x{i}" for i in range(800)) + "\n"
    chain = "".join(f"def x{i}(): return x{i + 1}()\n" for i in range(2_000)) + "x2000 = 1\n"
    classes = "class C0: pass\n" + "".join(f"class C{i + 1}(C{i}): pass\n" for i in range(2_000))
    aliases = "y0 = C2000\n" + "".join(f"y{i + 1} = y{i}\n" for i in range(2_000)) + "def g(): return y2000\n"
    assert len(reach(m=sums + chain).free) == 2_002
    assert len(reach("g", m=classes + aliases).free) == 4_003


def test_a_long_module_is_read_through() -> None:
    body = "def g{0}(a, b=1):\n    x = [y * LIMIT for y in range(a) if y > b]\n    z = {{str(k): len(x) for k in x}}\n"
    body += "    if z.get('a'):\n        return g{1}(a - 1, b=len(z)) + x[0]\n    return os.path.join('a', str(z))\n\n"
    text = "import os\nLIMIT = 3\n" + "".join(body.format(i, i + 1) for i in range(1_400)) + "g1400 = len\nf = g0\n"
    assert text.count("\n") > 9_500
    tree = ast.parse(text)
    found = find_reach(project_of({"m": Module("m", "m.py", tree, b"")}), "m", "f")
    assert len(found.free) == 1_404


NAMES = ("a", "b", "c", "d")


@some.composite
def projects(draw: some.DrawFn) -> dict[str, list[str]]:
    """Two modules of units that use one another, without effects."""
    modules = {}
    for module, other in (("m", "n"), ("n", "m")):
        units = [f"import {other}", f"from {other} import d as e"]
        for name in NAMES:
            used = draw(some.sampled_from((*NAMES, "e", *(f"{other}.{one}" for one in NAMES))))
            shape = draw(
                some.sampled_from(
                    (
                        "{0} = lambda: {1}",
                        "def {0}(): return {1}",
                        "class {0}:\n  x = {1}",
                        "if 1:\n  def {0}(x={1}): pass\nelse:\n  {0} = 2",
                    )
                )
            )
            units.append(shape.format(name, used))
        modules[module] = units
    modules["m"].append("def f(): return a, n.b")
    return modules


@settings(max_examples=100, deadline=None)
@given(projects(), some.sampled_from("mn"), some.integers(2, 5))
def test_an_edit_counts_just_where_it_is_reached(project: dict[str, list[str]], module: str, place: int) -> None:
    def found(units: dict[str, list[str]]) -> Reach:
        return reach(**{name: "\n".join(texts) for name, texts in units.items()})

    before = found(project)
    edited = [
        f"{text}\n{name} = 3" if place == at else text
        for at, text in enumerate(project[module])
        for name in [NAMES[place - 2]]
    ]
    after = found(project | {module: edited})
    is_reached = f"{module}.{NAMES[place - 2]}" in names(before)
    assert (before.fingerprint("m:f") != after.fingerprint("m:f")) is is_reached


def test_the_forms_of_units_are_those_of_their_statements() -> None:
    for path in (Path(__file__).parents[2] / "dbuild/recipes").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        units = outline(tree).units
        assert sum(not unit.alias for unit in units) > 0 or not tree.body
        assert all(canonical(unit.node) == unit.form(False) for unit in units)
