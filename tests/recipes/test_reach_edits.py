"""Edits of small projects, and whether they count as a change of the recipe `m:f`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipes.edited import NO, YES, Edit, edits

HELPERS = """
# m.py
import os
import calc
from calc import double as twice
LIMIT = 10
OTHER = 20
def helper(x):
    return x + LIMIT
def unused(x):
    return x + OTHER
def f(out):
    def inner(y):
        return helper(y) + near
    near = 3
    return inner(twice(out))
def late():
    import extra
    return extra.x()
if __name__ == "__main__":
    print(f(1))
# calc.py
RATE = 0.19
def tax(x):
    return x * RATE
def double(x):
    return x + x
def triple(x): return 3 * x
# extra.py
print("imported")
def x(): pass
"""

CLASSES = """
# m.py
from shapes import Square
def f():
    return Square(2).area()
# shapes.py
import abc
from dataclasses import dataclass
UNIT = 1
SCALE = 2
def area_of(x): return x * UNIT
class Shape(abc.ABC):
    colour = "red"
    @property
    def name(self): return type(self).__name__
class Meta(type): pass
class Circle(Shape):
    def area(self): return 3
@dataclass(frozen=True)
class Square(Shape):
    side: int = SCALE
    def area(self): return area_of(self.side)
    def other(self): return 4
"""

EFFECTS = """
# m.py
import registry
import plugins
import calc
def f(x):
    return registry.HANDLERS[x](calc.base())
# registry.py
HANDLERS = {}
def register(name):
    def keep(g):
        HANDLERS[name] = g
        return g
    return keep
def clear(): HANDLERS.clear()
# plugins.py
import calc
from registry import register
SIZE = 3
IDLE = 4
@register("a")
def first(x): return x + SIZE
def second(x): return x + IDLE
calc.BASE = 7
# calc.py
BASE = 1
REST = 2
def base(): return BASE
# lonely.py
import calc
calc.BASE = 9
"""

DISPATCH = """
# m.py
from functools import singledispatch
import kinds
from show import show
def f(x): return show(x)
# show.py
from functools import singledispatch
@singledispatch
def show(x): return str(x)
# kinds.py
from show import show
@show.register
def _(x: int): return "int"
@show.register(list)
def of_list(x): return "list"
def not_registered(x): return "no"
"""

PACKAGE = """
# m.py
import lib
import lib.deep.low as low
from lib import fit, VALUE
def f():
    return fit(), lib.predict(), low.a(), VALUE
# lib/__init__.py
from .fit import fit
from .predict import predict, explain
VALUE = 1
LATER = 2
# lib/fit.py
from . import predict
from ._shared import common
def fit(): return common()
def fit_all(): return 2
# lib/predict.py
def predict(): return 3
def explain(): return 4
# lib/_shared.py
def common(): return 5
def rare(): return 6
# lib/deep/__init__.py
X = 1
# lib/deep/low.py
def a(): return 7
def b(): return 8
"""

STARS = """
# m.py
from names import *
from listed import *
from os.path import *
def f(): return one() + four() + len(join("a", "b"))
# names.py
from further import *
def one(): return 1 + three()
def two(): return 2
def _hidden(): return 0
# further.py
def three(): return 3
# listed.py
__all__ = ["four"]
def four(): return _five()
def _five(): return 5
def six(): return 6
"""

TYPING = """
# m.py
from __future__ import annotations
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from heavy import Table
    Alias = dict
try:
    import fast as engine
except ImportError:
    import slow as engine
if engine.READY:
    def pick(): return 1
else:
    def pick(): return 2
def f(x: Table) -> "Kind":
    return engine.go() + pick()
class Kind:
    size = 1
# heavy.py
print("never imported")
class Table: pass
# fast.py
READY = True
def go(): return 1
def stop(): return 2
# slow.py
READY = False
def go(): return 3
"""

LAZY = """
# m.py
def f():
    from tools import clean
    import other.part
    return clean() + other.part.piece()
def g():
    import never
    return never.x
# tools.py
def clean(): return 1
def dirty(): return 2
# other/__init__.py
STATE = []
STATE.append(1)
# other/part.py
def piece(): return 3
def rest(): return 4
# never.py
x = []
x.append(1)
"""

SHADOWS = """
# m.py
rate = 1
total = 2
size = 3
item = 4
def scale(x): return x
def f(rate, *, key=lambda size: size + 1):
    total = rate + 1
    class Local:
        size = 5
        double = size * 2
    return [item for item in key(total)], Local, (lambda scale: scale)(3)
def walrus(xs):
    return [last := x for x in xs], last
last = 1
"""

DEFAULTS = """
# m.py
import functools
from functools import lru_cache
LEVEL = 1
TIMES = 3
DEPTH = 4
def timed(g):
    @functools.wraps(g)
    def inner(*a):
        return g(*a)
    return inner
def retry(times):
    def around(g):
        def inner(*a):
            return [g(*a) for _ in range(times)]
        return inner
    return around
def logged(g):
    SEEN.append(g)
    return g
SEEN = []
@retry(TIMES)
def f(x=LEVEL):
    return x
@timed
def other(depth=DEPTH):
    return depth
@lru_cache(maxsize=10)
def cached(): return 5
"""

VALUES = """
# m.py
import re
import decimal
from pathlib import Path
from collections import namedtuple
PATTERN = re.compile("a+")
ZERO = decimal.Decimal("0")
HERE = Path(__file__).resolve().parent
Point = namedtuple("Point", "x y")
NAMES = "a b c".split()
WORDS = [name.upper() for name in NAMES]
COUNT = len(WORDS)
ORDER = sorted(WORDS, key=lambda w: w.lower())
Table = dict[str, int]
a, (b, c) = 1, (2, 3)
unknown = lambda x: x + COUNT
def f():
    return PATTERN.match("a"), WORDS, b
"""

UNFOLLOWED = """
# m.py
import calc
def f(name):
    return getattr(calc, name)()
def g(): pass
# calc.py
from low import helper
def one(): return helper()
def two(): return 2
# low.py
def helper(): return 1
def free(): return 2
"""

CONSTANT = """
# m.py
import calc
def f():
    return getattr(calc, "one")()
# calc.py
def one(): return 1
def two(): return 2
"""

VALUE = """
# m.py
import calc
def f():
    return run(calc)
def run(module): return module.one()
# calc.py
def one(): return 1
"""

TEXT = """
# m.py
import calc
def f(text):
    return eval(text)
def g(): return 1
# calc.py
def one(): return 1
"""

SUBCLASSES = """
# m.py
import kinds
from base import Base
def f(): return [kind().go() for kind in Base.__subclasses__()]
# base.py
class Base: pass
# kinds.py
from base import Base
class A(Base):
    def go(self): return 1
def free(): return 2
"""

HOOKED = """
# m.py
import kinds
from base import Base
def f(): return Base.all
# base.py
class Base:
    all = []
    def __init_subclass__(cls): Base.all.append(cls)
class Plain: pass
# kinds.py
from base import Base, Plain
class A(Base):
    size = 1
class B(A):
    size = 2
class C(Plain):
    size = 3
"""

DOCS = """
# m.py
\"\"\"About m.\"\"\"
def f():
    \"\"\"What f does.\"\"\"
    return helper()
def helper():
    \"\"\"What helper does.\"\"\"
    return 1
def free():
    \"\"\"What free does.\"\"\"
"""
READ_DOCS = DOCS.replace("return helper()", "return helper.__doc__")
INSPECTED = DOCS.replace("return helper()", "import inspect\n    return inspect.getdoc(helper)")

MADE = """
# m.py
globals()['a'] = 9
a = 1
def f(): return a
"""
CALLED = """
# m.py
def set_a():
    global a
    a = 2
a = 1
set_a()
def f(): return a
"""
STARRED = """
# m.py
from names import *
one = 1
two = 2
three = 3
def f(): return one, two, three
# names.py
def one(): return 1
"""
ORDER = """
# m.py
A = 1
B = 2
def g(): return A
def h(): return B
def f(): return g() + h()
"""
ORDERED = """
# m.py
TABLE = {}
COPY = dict(TABLE)
TABLE["a"] = 1
def g(): return COPY
def h(): return TABLE
def f(): return g(), h()
"""
REBOUND = """
# m.py
A = 1
B = A
A = 2
def f(): return A, B
"""
GETATTR = """
# m.py
import calc
def f(): return calc.anything
# calc.py
def __getattr__(name): return make(name)
def make(name): return 1
def free(): return 2
"""
NEVER = """
# m.py
import calc
def f(): return calc.missing
def free(): return 1
# calc.py
def one(): return 1
"""
MODULES = """
# m.py
import importlib
import sys
import a
from b import y
def f(name): return importlib.import_module(name), y
def g(): return 1
# a.py
def x(): return 1
# b.py
y = 1
z = 2
"""
GLOBALS = """
# m.py
def f():
    init()
    return STATE
def init():
    global STATE
    STATE = 1
def g():
    global OTHER
    OTHER = 1
"""
SWITCHED = """
# m.py
import numpy as np
import swifter
import scipy.stats
def f(x): return np.array(x)
def g(x): return scipy.stats.norm(x)
"""

EDITS = [
    *edits(
        "helpers",
        HELPERS,
        ("return x + LIMIT", "return x - LIMIT", YES),
        ("LIMIT = 10", "LIMIT = 11", YES),
        ("OTHER = 20", "OTHER = 21", NO),
        ("return x + OTHER", "return x - OTHER", NO),
        ("near = 3", "near = 4", YES),
        ("return x + x", "return 2 * x", YES),
        ("RATE = 0.19", "RATE = 0.2", NO),
        ("return 3 * x", "return x * 3", NO),
        ("import double as twice", "import triple as twice", YES),
        ("import double as twice", "import double, triple\ntwice = triple", YES),
        ("import os\n", "", NO),
        ("import os\n", "import os, sys, json\n", NO),
        ('print("imported")', 'print("later")', NO),
        ("return extra.x()", "return extra.y()", NO),
        ("print(f(1))", "print(f(2))", NO),
        ("def f(out):", "def f(out, more=1):", YES),
        ("def f(out):", "# a comment\ndef f( out ):", NO),
        ("def helper(x):", "def helper(x, y=0):", YES),
        ("def unused(x):\n    return x + OTHER\n", "", NO),
        ("def late():", "def never(): return 1\ndef late():", NO),
        ("def tax(x):", "print(1)\ndef tax(x):", YES),
        ("RATE = 0.19", "RATE = 0.19\nRATE += 1", YES),
    ),
    *edits(
        "classes",
        CLASSES,
        ("return x * UNIT", "return x + UNIT", YES),
        ("UNIT = 1", "UNIT = 2", YES),
        ("SCALE = 2", "SCALE = 3", YES),
        ("return 4", "return 5", YES),
        ('colour = "red"', 'colour = "blue"', YES),
        ("return 3", "return 3.1", NO),
        ("class Circle(Shape):", "class Circle:", NO),
        ("class Square(Shape):", "class Square:", YES),
        ("frozen=True", "frozen=False", YES),
        ("(type): pass", "(type): x = 1", NO),
        ("class Square(Shape)", "class Square(Shape, metaclass=Meta)", YES),
        ("@property\n", "", YES),
    ),
    *edits(
        "effects",
        EFFECTS,
        ("calc.BASE = 7", "calc.BASE = 8", YES),
        ("return x + SIZE", "return x - SIZE", YES),
        ("SIZE = 3", "SIZE = 4", YES),
        ("IDLE = 4", "IDLE = 5", NO),
        ("return x + IDLE", "return x", NO),
        ('@register("a")', '@register("b")', YES),
        ("HANDLERS[name] = g", "HANDLERS[name + '!'] = g", YES),
        ("HANDLERS.clear()", "HANDLERS.popitem()", NO),
        ("REST = 2", "REST = 3", NO),
        ("import plugins\n", "", YES),
        ("import plugins\n", "import plugins, lonely\n", YES),
        ("calc.BASE = 9", "calc.BASE = 10", NO),
        ("def second(x)", "@register('c')\ndef second(x)", YES),
    ),
    *edits(
        "singledispatch",
        DISPATCH,
        ('return "int"', 'return "integer"', YES),
        ('return "list"', 'return "lists"', YES),
        ('return "no"', 'return "none"', NO),
        ("return str(x)", "return repr(x)", YES),
    ),
    *edits(
        "package",
        PACKAGE,
        ("return 2", "return 22", NO),
        ("return 3", "return 33", YES),
        ("return 4", "return 44", NO),
        ("return 5", "return 55", YES),
        ("return 6", "return 66", NO),
        ("return 7", "return 77", YES),
        ("return 8", "return 88", NO),
        ("VALUE = 1", "VALUE = 2", YES),
        ("LATER = 2", "LATER = 3", NO),
        ("X = 1", "X = 2", NO),
        ("X = 1", "X = set()\nX.add(1)", YES),
        ("import predict, explain", "import predict", NO),
        ("import predict, explain", "import explain as predict", YES),
    ),
    *edits(
        "stars",
        STARS,
        ("return 1 +", "return 11 +", YES),
        ("return 2", "return 22", NO),
        ("return 3", "return 33", YES),
        ("return 5", "return 55", YES),
        ("return 6", "return 66", NO),
        ("return 0", "return 00", NO),
        ('["four"]', '["four", "six"]', NO),
    ),
    *edits(
        "typing",
        TYPING,
        ("class Table: pass", "class Table: x = 1", NO),
        ('print("never imported")', 'print("never")', NO),
        ("size = 1", "size = 2", YES),
        ("READY = True", "READY = 1", YES),
        ("READY = False", "READY = 0", YES),
        ("def go(): return 1", "def go(): return 11", YES),
        ("def go(): return 3", "def go(): return 33", YES),
        ("def stop(): return 2", "def stop(): return 22", NO),
        ("def pick(): return 2", "def pick(): return 22", YES),
        ("except ImportError", "except (ImportError, OSError)", YES),
        ("Alias = dict", "Alias = list", NO),
        ("from __future__ import annotations\n", "", YES),
    ),
    *edits(
        "lazy",
        LAZY,
        ("return 1", "return 11", YES),
        ("return 2", "return 22", NO),
        ("STATE.append(1)", "STATE.append(2)", YES),
        ("return 3", "return 33", YES),
        ("return 4", "return 44", NO),
        ("x.append(1)", "x.append(2)", NO),
    ),
    *edits(
        "shadows",
        SHADOWS,
        ("rate = 1\n", "rate = 11\n", NO),
        ("total = 2\n", "total = 22\n", NO),
        ("size = 3\n", "size = 33\n", NO),
        ("item = 4\n", "item = 44\n", NO),
        ("def scale(x): return x\n", "def scale(x): return 1\n", NO),
        ("size = 5\n", "size = 6\n", YES),
        ("last = 1\n", "last = 2\n", NO),
    ),
    *edits(
        "defaults",
        DEFAULTS,
        ("LEVEL = 1", "LEVEL = 2", YES),
        ("TIMES = 3", "TIMES = 4", YES),
        ("DEPTH = 4", "DEPTH = 5", NO),
        ("return [g(*a)", "return [g(*a, 1)", YES),
        ("        return g(*a)\n", "        return 1\n", NO),
        ("return depth", "return -depth", NO),
        ("return 5", "return 6", NO),
        ("maxsize=10", "maxsize=20", NO),
        ("@lru_cache(maxsize=10)", "@logged", YES),
    ),
    *edits(
        "values",
        VALUES,
        ('"a+"', '"b+"', YES),
        ('"0"', '"1"', NO),
        (".parent", "", NO),
        ('"x y"', '"x y z"', NO),
        ('"a b c"', '"a b"', YES),
        ("COUNT = len(WORDS)", "COUNT = 1", NO),
        ("w.lower()", "w", NO),
        ("dict[str, int]", "dict[str, str]", NO),
        ("(2, 3)", "(3, 3)", YES),
        ("x + COUNT", "x", NO),
        ("COUNT = len(WORDS)", "COUNT = print(WORDS)", YES),
        ("PATTERN = ", "len = print\nPATTERN = ", YES),
    ),
    *edits(
        "a computed name",
        UNFOLLOWED,
        ("return helper()", "return -helper()", YES),
        ("return 2\n# low", "return 22\n# low", YES),
        ("return 1", "return 11", YES),
        ("def free(): return 2", "def free(): return 3", NO),
        ("def g(): pass", "def g(): return 1", NO),
    ),
    *edits("a constant name", CONSTANT, ("return 1", "return 11", YES), ("return 2", "return 22", NO)),
    *edits("a module as a value", VALUE, ("def one(): return 1", "def one(): return 2", YES)),
    *edits(
        "text",
        TEXT,
        ("def g(): return 1", "def g(): return 2", YES),
        ("def one(): return 1", "def one(): return 2", YES),
    ),
    *edits("subclasses", SUBCLASSES, ("return 1", "return 11", YES), ("return 2", "return 22", NO)),
    *edits(
        "a hook for subclasses",
        HOOKED,
        ("size = 1", "size = 11", YES),
        ("size = 2", "size = 22", YES),
        ("size = 3", "size = 33", NO),
    ),
    *edits("docstrings", DOCS, ("About m", "Of m", NO), ("What f", "How f", NO), ("What helper", "How helper", NO)),
    *edits(
        "docstrings that are read",
        READ_DOCS,
        ("About m", "Of m", YES),
        ("What f", "How f", YES),
        ("What helper", "How helper", YES),
        ("What free", "How free", NO),
    ),
    *edits("docstrings and inspect", INSPECTED, ("What helper", "How helper", YES), ("What free", "How free", NO)),
    *edits(
        "order",
        ORDER,
        ("A = 1\nB = 2\n", "B = 2\nA = 1\n", NO),
        ("def g(): return A\ndef h(): return B\n", "def h(): return B\n\ndef g(): return A\n", NO),
        ("A = 1\nB = 2\n", "A = 2\nB = 1\n", YES),
        ("A = 1\nB = 2\ndef g(): return A\n", "def g(): return A\nA = 1\nB = 2\n", NO),
    ),
    *edits(
        "order that matters",
        ORDERED,
        ('COPY = dict(TABLE)\nTABLE["a"] = 1\n', 'TABLE["a"] = 1\nCOPY = dict(TABLE)\n', YES),
        ("def g(): return COPY\ndef h(): return TABLE\n", "def h(): return TABLE\ndef g(): return COPY\n", NO),
    ),
    *edits("a name made by text", MADE, ("globals()['a'] = 9\na = 1\n", "a = 1\nglobals()['a'] = 9\n", YES)),
    *edits("a name set by a call", CALLED, ("a = 1\nset_a()\n", "set_a()\na = 1\n", YES)),
    *edits(
        "a star over a name",
        STARRED,
        ("from names import *\none = 1\n", "one = 1\nfrom names import *\n", YES),
        ("two = 2\nthree = 3", "three = 3\ntwo = 2", NO),
    ),
    *edits("a name bound again", REBOUND, ("B = A\nA = 2\n", "A = 2\nB = A\n", YES), ("A = 1", "A = 0", YES)),
    *edits("a module's getattr", GETATTR, ("return 1", "return 2", YES), ("def free(): return 2", "x = 1", YES)),
    *edits(
        "a name that is bound nowhere",
        NEVER,
        ("def free(): return 1", "def free(): return 2", YES),
        ("def one(): return 1", "missing = 1", YES),
    ),
    *edits(
        "a module by a computed name",
        MODULES,
        ("def g(): return 1", "def g(): return 2", YES),
        ("def x(): return 1", "def x(): return 2", YES),
        ("z = 2", "z = 3", YES),
    ),
    *edits("global", GLOBALS, ("    STATE = 1", "    STATE = 2", YES), ("OTHER = 1", "OTHER = 2", NO)),
    *edits(
        "other packages",
        SWITCHED,
        ("import swifter\n", "", YES),
        ("import scipy.stats", "import scipy.stats as st", YES),  # nothing uses it now, so it is for its effect
        ("return scipy.stats.norm(x)", "return scipy.stats.gamma(x)", NO),
        ("import numpy as np", "import pandas as np", YES),
        ("import numpy as np", "import numpy as np, re", NO),
    ),
]


@pytest.mark.parametrize("edit", EDITS, ids=str)
def test_an_edit_counts_or_not(tmp_path: Path, edit: Edit) -> None:
    assert edit.is_noticed(tmp_path) is edit.counts


def test_there_are_enough_edits_of_both_kinds() -> None:
    assert len(EDITS) >= 80 and sum(edit.counts for edit in EDITS) in range(40, len(EDITS) - 40)
