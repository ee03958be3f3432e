"""Edits of code as people write it in data projects, and whether they count as a change of the recipe `m:f`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipes.edited import NO, YES, Edit, edits, found

NAMESPACE = """
# m.py
import steps.one
import steps.two as two
from steps import three
from steps.deep import four
def f(): return steps.one.go(), two.go(), three.go(), four.go()
# steps/one.py
def go(): return 1
def no(): return 10
# steps/two.py
def go(): return 2
# steps/three.py
def go(): return 3
# steps/deep/four.py
def go(): return 4
# steps/five.py
def go(): return 5
"""
NAMESPACE_VALUE = """
# m.py
import steps.one, steps.two
def f(name): return getattr(steps, name).go()
# steps/one.py
def go(): return 1
# steps/two.py
def go(): return 2
# other.py
x = 3
"""
PLUGINS = """
# m.py
import importlib, pkgutil
import plugins
def f():
    return [importlib.import_module(f"plugins.{one.name}").go() for one in pkgutil.iter_modules(plugins.__path__)]
# plugins/__init__.py
# plugins/a.py
def go(): return 1
# plugins/b.py
from shared import rate
def go(): return rate()
# shared.py
def rate(): return 2
# other.py
x = 3
"""
RELATIVE = """
# m.py
from kit import load
def f(name): return load(name)
# kit/__init__.py
from importlib import import_module
def load(name): return import_module("." + name, __package__).go()
# kit/a.py
def go(): return 1
# other.py
x = 3
"""
ANYTHING = """
# m.py
import importlib
def f(name): return importlib.import_module(name).go()
# kit/a.py
def go(): return 1
# other.py
x = 3
"""
QUOTED = """
# m.py
import inspect
def helper(x):
    # how it works
    return x
def free(x):
    return x  # free
def f(): return inspect.getsource(helper)
"""
TABLE = """
# m.py
class Log:
    def format(self):
        STATE.append(1)
        return "x"
LOG = Log()
STATE = []
TABLE = {"a": Log()}
HELD = {"a": LOG}
TEXTS = {"a": "{}"}
X = TABLE["a"].format()
Y = HELD["a"].format()
Z = TEXTS["a"].format(1)
def f(): return STATE
"""
METHODS = """
# m.py
from clean import Clean
METHODS = {"trim": Clean.trim, "drop": "drop"}
def f(name): return METHODS[name](Clean())
# clean.py
class Clean:
    def trim(self): return 1
    def drop(self): return 2
def free(): return 3
"""
FRAMES = """
# m.py
import pandas as pd
import polars as pl
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
COLUMNS = ["a", "b"]
DTYPES = {"a": "int64", "b": pd.Int64Dtype()}
SCHEMA = pl.Schema({"a": pl.Int64, "b": pl.Float64})
EPOCH = pd.Timestamp("2020-01-01", tz="UTC")
MODEL = make_pipeline(StandardScaler())
EXPRESSION = (pl.col("a") * 2).alias("c")
RATES = pd.Series({"x": 1.0})
def f(frame):
    return clean(frame)[COLUMNS]
def clean(frame):
    return frame.assign(c=lambda x: x.a * 2).query("a > 1").pipe(later)
def later(frame): return frame
def free(frame): return frame.astype(DTYPES), SCHEMA, EPOCH, MODEL, EXPRESSION, RATES
"""
CLASSES = """
# m.py
import enum, logging, os
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias, TypeVar
from pydantic import BaseModel, Field, validator, field_validator
import attrs
log = logging.getLogger(__name__)
Rows: TypeAlias = "list[dict[str, int]]"
T = TypeVar("T", bound="Config")
class Color(enum.Enum):
    RED = 1
class Size(enum.IntEnum):
    BIG = enum.auto()
@dataclass(frozen=True)
class Config:
    rate: float = 0.1
    tags: list[str] = field(default_factory=list)
@dataclass
class Other:
    depth: int = 3
    def go(self): return self.depth
class Point(NamedTuple):
    x: int = 4
class Model(BaseModel):
    size: int = Field(default=5, ge=0)
    @field_validator("size")
    @classmethod
    def check(cls, value): return value
    class Config:
        frozen = True
@attrs.define
class Thing:
    width: int = attrs.field(default=6)
DEFAULT = Config()
OTHER = Other(depth=7)
LEVEL = os.environ.get("LEVEL", "8")
def f() -> Rows:
    log.info("run")
    return DEFAULT.rate
def free(): return Color, Size, Other, Point, Model, Thing, OTHER, LEVEL
"""
COMMANDS = """
# m.py
import argparse, click, typer
from pathlib import Path
ROOT = Path(__file__).resolve().parent
app = typer.Typer()
@click.group()
def cli(): pass
@cli.command()
@click.option("--x", default=1)
def run(x): print(f(x))
@app.command()
def go(y: int = 2): print(y)
def parse():
    parser = argparse.ArgumentParser()
    return parser.parse_args()
def f(x): return x + constants.STEP
import constants
if __name__ == "__main__":
    cli(prog="three")
# constants.py
STEP = 4
STOP = 5
NAMES = frozenset({"a"})
LIMITS = {name: len(name) for name in NAMES}
"""
PACKAGE = """
# m.py
from kit import *
def f(): return tidy(1)
# kit/__init__.py
from .clean import *
from .load import *
__version__ = "1.0"
# kit/clean.py
__all__ = ["tidy", "trim"]
def tidy(x): return inner(x)
def trim(x): return 2
def inner(x): return 3
# kit/load.py
def read(): return 4
def _hidden(): return 5
"""
LOGGED = """
# m.py
import functools, logging, time, warnings
logger = logging.getLogger("x")
logger.setLevel(logging.INFO)
logging.basicConfig(level=10)
warnings.filterwarnings("ignore")
def timed(function):
    @functools.wraps(function)
    def inner(*args):
        started = time.time()
        try:
            return function(*args)
        finally:
            logger.info("%s took %s", function.__name__, time.time() - started)
    return inner
@timed
def f(): return 1
@timed
def free(): return 2
"""
PROMPTS = """
# m.py
import numba, dspy
from agents import tool
@tool
def search(x):
    'Find it.'
    return 1
@numba.njit
def fast(x):
    'Quickly.'
    return 2
class Sign(dspy.Signature):
    'Sum it up.'
    text: str = dspy.InputField()
class Plain:
    'No more.'
def f(): return search, fast, Sign, Plain
"""
LAZY = """
# m.py
import kit
def f(): return kit.go()
# kit/__init__.py
import lazy_loader as lazy
__getattr__, __dir__, __all__ = lazy.attach(__name__, submod_attrs={"part": ["go"]})
# kit/part.py
from kit.deep import low
def go(): return low()
# kit/deep.py
def low(): return 1
# other.py
x = 3
"""
NAMED = """
# m.py
KNOWN = []
class Field:
    def __set_name__(self, owner, name): KNOWN.append(1)
class Meta(type):
    def __init__(cls, *given): KNOWN.append(2)
class Row:
    x = Field()
class Other(metaclass=Meta):
    y = 3
class Third(Other):
    z = 4
class Plain:
    v = 5
def f(): return KNOWN
"""
ON_THE_PATH = """
# m.py
import sys
from pathlib import Path
sys.path.insert(0, str(Path(__file__).parent / "src" / "lib"))
import tools
from pack.part import go
import numpy_of_nobody
def f(): return tools.run(), go()
# src/lib/tools.py
def run(): return 1
def free(): return 2
# src/lib/pack/__init__.py
# src/lib/pack/part.py
def go(): return 3
# data/part.py
x = 4
"""
GROUPS = """
# m.py
import argparse, click
@click.group()
def cli(): pass
@cli.group(chain=True)
def inner(): pass
@inner.command()
def deep(x): return 1
parser = argparse.ArgumentParser()
parser.add_argument("--x", default=2)
other = argparse.ArgumentParser()
other.add_argument("--y", default=3)
def f(): return cli, parser
"""
COMPILED = """
# m.py
from fast import total
def f(): return total(1)
def g(): return 1
"""

EDITS = [
    *edits(
        "namespace packages",
        NAMESPACE,
        *((f"return {n}\n", f"return {n}{n}\n", YES) for n in (1, 2, 3, 4)),
        ("return 10", "return 11", NO),
        ("return 5", "return 55", NO),
    ),
    *edits(
        "a namespace package as a value",
        NAMESPACE_VALUE,
        ("return 1", "return 11", YES),
        ("return 2", "return 22", YES),
        ("x = 3", "x = 33", NO),
    ),
    *edits(
        "plugins",
        PLUGINS,
        ("return 1", "return 11", YES),
        ("return 2", "return 22", YES),
        ("x = 3", "x = 33", NO),
        ("# other.py\n", "# plugins/c.py\ndef go(): return 7\n# other.py\n", YES),
    ),
    *edits("a relative name", RELATIVE, ("return 1", "return 11", YES), ("x = 3", "x = 33", NO)),
    *edits("any module", ANYTHING, ("return 1", "return 11", YES), ("x = 3", "x = 33", YES)),
    *edits(
        "the text of a function",
        QUOTED,
        ("# how it works", "# how", YES),
        ("# free", "# not free", NO),
        ("def helper(x):\n", "def helper(x):\n\n", YES),
    ),
    *edits(
        "a method of something in a table",
        TABLE,
        ('X = TABLE["a"].format()', "X = 1", YES),
        ('Y = HELD["a"].format()', "Y = 1", YES),
        ('Z = TEXTS["a"].format(1)', "Z = 1", NO),
        ("STATE.append(1)", "STATE.append(2)", YES),
    ),
    *edits(
        "a table of methods",
        METHODS,
        ("return 1", "return 11", YES),
        ("return 2", "return 22", YES),
        ("return 3", "return 33", NO),
    ),
    *edits(
        "tables and models",
        FRAMES,
        ('["a", "b"]', '["a"]', YES),
        ("x.a * 2", "x.a * 3", YES),
        ("return frame\n", "return -frame\n", YES),
        ('"int64"', '"int32"', NO),
        ("pl.Float64", "pl.Int8", NO),
        ("2020", "2021", NO),
        ("StandardScaler())", "StandardScaler(copy=False))", NO),
        ('(pl.col("a") * 2)', '(pl.col("a") * 3)', NO),
        ("1.0", "2.0", NO),
    ),
    *edits(
        "classes",
        CLASSES,
        ("rate: float = 0.1", "rate: float = 0.2", YES),
        ("DEFAULT = Config()", "DEFAULT = Config(2)", YES),
        ("RED = 1", "RED = 11", NO),
        ("BIG = enum.auto()", "BIG = 2", NO),
        ("depth: int = 3", "depth: int = 33", NO),
        ("x: int = 4", "x: int = 44", NO),
        ("default=5", "default=55", NO),
        ("default=6", "default=66", NO),
        ("depth=7", "depth=77", NO),
        ('"8"', '"88"', NO),
        ("__name__", '"steps"', YES),
        ("int]]", "float]]", YES),
    ),
    *edits(
        "commands beside recipes",
        COMMANDS,
        ("STEP = 4", "STEP = 44", YES),
        ("STOP = 5", "STOP = 55", NO),
        ("default=1", "default=11", NO),
        ("y: int = 2", "y: int = 22", NO),
        ("three", "four", NO),
        ("len(name)", "1", NO),
        ("print(f(x))", "print(x)", NO),
    ),
    *edits(
        "commands that are reached",
        GROUPS,
        ("return 1", "return 11", YES),
        ("chain=True", "chain=False", YES),
        ("default=2", "default=22", YES),
        ("default=3", "default=33", NO),
        ("@inner.command()\ndef deep(x): return 1\nparser", "parser", YES),
    ),
    *edits(
        "docstrings that a library reads",
        PROMPTS,
        ("Find it", "Look for it", YES),
        ("Quickly", "Slowly", NO),
        ("Sum it up", "Say it all", YES),
        ("No more", "More", NO),
    ),
    *edits("a lazy package", LAZY, ("return 1", "return 11", YES), ("x = 3", "x = 33", NO)),
    *edits(
        "what is run when a class is made",
        NAMED,
        ("append(1)", "append(11)", YES),
        ("append(2)", "append(22)", YES),
        ("x = Field()", "y = Field()", YES),
        ("y = 3", "y = 33", YES),
        ("z = 4", "z = 44", YES),
        ("v = 5", "v = 55", NO),
    ),
    *edits(
        "a folder that is put on the path",
        ON_THE_PATH,
        ("return 1", "return 11", YES),
        ("return 2", "return 22", NO),
        ("return 3", "return 33", YES),
        ("x = 4", "x = 44", NO),
    ),
    *edits(
        "a package of stars",
        PACKAGE,
        ("inner(x)\ndef trim", "inner(2)\ndef trim", YES),
        ("return 3", "return 33", YES),
        ("return 2", "return 22", NO),
        ("return 4", "return 44", NO),
        ("return 5", "return 55", NO),
        ('"1.0"', '"2.0"', NO),
        ("def _hidden", "def tidy(x): return 6\ndef _hidden", YES),
    ),
    *edits(
        "decorators and loggers",
        LOGGED,
        ("return 1", "return 11", YES),
        ("return 2", "return 22", NO),
        ('"%s took %s"', '"%s: %s"', YES),
        ('logging.getLogger("x")', 'logging.getLogger("y")', YES),
    ),
]


@pytest.mark.parametrize("edit", EDITS, ids=str)
def test_an_edit_counts_or_not(tmp_path: Path, edit: Edit) -> None:
    assert edit.is_noticed(tmp_path) is edit.counts


def test_a_compiled_module_counts_with_all_that_it_holds(tmp_path: Path) -> None:
    from importlib.machinery import EXTENSION_SUFFIXES

    found(tmp_path, COMPILED)
    library = tmp_path / f"fast{EXTENSION_SUFFIXES[0]}"
    (tmp_path / "fast.py").write_text("def total(x): return x\n")
    plain = found(tmp_path, COMPILED)
    library.write_bytes(b"one")
    before = found(tmp_path, COMPILED)
    (tmp_path / "fast.py").write_text("def total(x): return -x\n")
    assert found(tmp_path, COMPILED).fingerprint("m:f") == before.fingerprint("m:f")  # it stands before the source
    library.write_bytes(b"two")
    after = found(tmp_path, COMPILED)
    assert len({each.fingerprint("m:f") for each in (plain, before, after)}) == 3
    assert after.files == (library.name, "m.py")
