"""What counts as the code of a Python recipe: found by reading, never by running."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from dbuild.core.model import Analysis, PythonRecipe
from dbuild.errors import Place
from dbuild.recipes import python
from dbuild.recipes.closure import Closure, canonical
from dbuild.recipes.closure import find_closure as find
from dbuild.recipes.sources import Sources

PLACE = Place("Dataflowfile", 3)


def write(root: Path, **files: str) -> None:
    """Write modules: `a_S_b` stands for a/b.py."""
    for name, text in files.items():
        path = root / f"{name.replace('_S_', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def analyse(recipe: PythonRecipe, root: str) -> Analysis:
    return python.analyse(recipe, Sources(root))


def find_closure(root: str, name: str) -> Closure:
    """The closure, which is that of earlier versions where no code lies elsewhere."""
    found = find(Sources(root).module, name)
    assert find(Sources(root).former, name).fingerprint("x") == found.fingerprint("x")
    return found


def fingerprint(root: Path, module: str = "m", function: str = "f") -> bytes:
    found = analyse(PythonRecipe(module, function, PLACE), str(root))
    assert found.problems == ()
    return found.fingerprint


BASE = '''
"""About it."""
import os  # the system

def f(a, *, b=1):
    """What it does."""
    x = a + 1
    y = os.name, C
    return f"{x!r:>{b}} and {x:}"

class C:
    """Doc."""
    y: int = 2
'''


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""About it."""', ""),
        ('    """What it does."""\n', ""),
        ('"""What it does."""', '"""Something else."""'),
        ("  # the system", ""),
        ("x = a + 1", "x = (a  +\n        1)"),
        ("\nclass C", "\n\n\n# here\nclass C"),
        ("    y: int", "    pass\n    y: int"),
        ('f"{x!r', "f'' f\"{x!r"),
        ('and {x:}"', 'a" f"nd {x:}"'),
        ("a + 1", "a + 0x1"),
    ],
)
def test_what_does_not_count(tmp_path: Path, old: str, new: str) -> None:
    write(tmp_path, m=BASE)
    before = fingerprint(tmp_path)
    assert old in BASE
    write(tmp_path, m=BASE.replace(old, new))
    assert fingerprint(tmp_path) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a + 1", "a + 2"),
        ("a + 1", "a + 1.0"),
        ("a + 1", "a + True"),
        ("a + 1", "a - 1"),
        ("a + 1", "1 + a"),
        ("b=1", "b=2"),
        ("import os", "import sys as os"),
        ("!r", "!s"),
        (">", "<"),
        ("and", "or"),
        ("y: int", "y: str"),
        ("x = a", "x, = a"),
        ('f"{x', '"{x'),
        ("a, *, b", "a, b"),
    ],
)
def test_what_counts(tmp_path: Path, old: str, new: str) -> None:
    write(tmp_path, m=BASE)
    before = fingerprint(tmp_path)
    assert old in BASE
    write(tmp_path, m=BASE.replace(old, new, 1))
    assert fingerprint(tmp_path) != before


def test_the_function_counts(tmp_path: Path) -> None:
    write(tmp_path, m="def f(): pass\ndef g(): pass\n")
    assert fingerprint(tmp_path, "m", "f") != fingerprint(tmp_path, "m", "g")


def test_the_canonical_form_is_the_same_on_every_python() -> None:
    """Written out, so that a Python whose trees differ is noticed."""
    source = "@d\nasync def f(a, /, b=1, *c, **d) -> int:\n  'doc'\n  return f'{a}{b!r:>3}' 'x', {**d, 'é': ...}, -1j\n"
    assert canonical(ast.parse(source)).decode() == (
        "(Module body= [ (AsyncFunctionDef name= 'f' args= (arguments posonlyargs= [ (arg arg= 'a' ) ] "
        "args= [ (arg arg= 'b' ) ] vararg= (arg arg= 'c' ) kwarg= (arg arg= 'd' ) "
        "defaults= [ int:0x1 ] ) body= [ (Return value= (Tuple elts= [ (JoinedStr values= [ "
        "(FormattedValue value= (Name id= 'a' ) conversion= -0x1 ) (FormattedValue value= (Name id= 'b' ) "
        "conversion= 0x72 format_spec= (JoinedStr values= [ '>3' ] ) ) 'x' ] ) (Dict keys= [ None str:'\\xe9' ] "
        "values= [ (Name id= 'd' ) ellipsis:Ellipsis ] ) (UnaryOp op= (USub ) operand= complex:1j ) ] ) ) ] "
        "decorator_list= [ (Name id= 'd' ) ] returns= (Name id= 'int' ) ) ] )"
    )


def test_a_deep_tree_is_no_trouble() -> None:
    tree = ast.parse("x = " + " + ".join(["1"] * 2_000))
    assert canonical(tree).count(b"BinOp") == 1_999


@pytest.mark.parametrize(
    ("statement", "files"),
    [
        ("import lib", ["lib/__init__.py"]),
        ("import lib.deep.low", ["lib/__init__.py", "lib/deep/__init__.py", "lib/deep/low.py"]),
        ("import lib.one as x", ["lib/__init__.py", "lib/one.py"]),
        ("from lib import one", ["lib/__init__.py", "lib/one.py"]),
        ("from lib import VALUE", ["lib/__init__.py"]),
        ("from lib.one import thing", ["lib/__init__.py", "lib/one.py"]),
        ("from lib.deep import *", ["lib/__init__.py", "lib/deep/__init__.py", "lib/deep/low.py"]),
        ("def g():\n  import lib.one", ["lib/__init__.py", "lib/one.py"]),
        ("if x:\n  try:\n    import lib.one\n  except ImportError: pass", ["lib/__init__.py", "lib/one.py"]),
        ("import importlib\nimportlib.import_module('lib.one')", ["lib/__init__.py", "lib/one.py"]),
        ("import loose.part", ["loose/part.py"]),
        ("import chain", ["chain.py", "lib/__init__.py", "lib/one.py"]),
        ("import circle", ["circle.py", "m.py"]),
        ("import os, json, numpy", []),
        ("import both", ["both/__init__.py"]),
        ("from . import chain", []),
    ],
)
def test_imports_are_followed(tmp_path: Path, statement: str, files: list[str]) -> None:
    write(
        tmp_path,
        lib_S___init__="VALUE = 1",
        lib_S_one="thing = 1",
        lib_S_deep_S___init__="__all__ = ['low']",
        lib_S_deep_S_low="",
        loose_S_part="",
        chain="def f():\n  from lib import one",
        circle="import m",
        both="",
        both_S___init__="",
        m=statement,
    )
    assert sorted({*files, "m.py"}) == list(find_closure(str(tmp_path), "m").files)


def test_relative_imports(tmp_path: Path) -> None:
    write(
        tmp_path,
        p_S___init__="",
        p_S_a="from . import b\nfrom .q import c\nfrom .q.d import x",
        p_S_b="",
        p_S_q_S___init__="from ..up import y",
        p_S_q_S_c="",
        p_S_q_S_d="from .... import beyond",
        p_S_up="",
        beyond="",
    )
    names = ["p/__init__.py", "p/a.py", "p/b.py", "p/q/__init__.py", "p/q/c.py", "p/q/d.py", "p/up.py"]
    assert list(find_closure(str(tmp_path), "p.a").files) == names


def test_dbuild_is_no_project_code(tmp_path: Path) -> None:
    write(tmp_path, m="from dbuild import Key", dbuild_S___init__="")
    assert find_closure(str(tmp_path), "m").files == ("m.py",)


def test_an_imported_module_counts(tmp_path: Path) -> None:
    write(tmp_path, m="import lib\ndef f(): return lib.x", lib="x = 1", other="x = 1")
    before = fingerprint(tmp_path)
    write(tmp_path, other="x = 2")
    assert fingerprint(tmp_path) == before
    write(tmp_path, lib="x = 2")
    assert fingerprint(tmp_path) != before


def test_what_the_function_asks_for(tmp_path: Path) -> None:
    write(tmp_path, m="def f(trend, weather: 'Path',\n  key, depth=3, *, output, extra=None): pass")
    found = analyse(PythonRecipe("m", "f", PLACE), str(tmp_path))
    assert [(one.name, str(one.place), one.is_optional) for one in found.reads] == [
        ("trend", "m.py:1", False),
        ("weather", "m.py:1", False),
        ("depth", "m.py:2", True),
        ("extra", "m.py:2", True),
    ]
    assert found.calls == {"key", "output"} and found.params == () and found.files == ("m.py",)


def test_params_are_known_from_the_run_only(tmp_path: Path) -> None:
    write(tmp_path, m="def f(params): pass")
    found = analyse(PythonRecipe("m", "f", PLACE), str(tmp_path))
    assert found.params is None and found.calls == {"params"} and found.reads == ()


def test_a_function_from_another_module_or_inside_a_condition(tmp_path: Path) -> None:
    write(tmp_path, m="from lib import g as f", lib="try:\n  def g(a): pass\nexcept E: pass")
    found = analyse(PythonRecipe("m", "f", PLACE), str(tmp_path))
    assert [(one.name, str(one.place)) for one in found.reads] == [("a", "lib.py:2")]
    assert found.files == ("lib.py", "m.py")


@pytest.mark.parametrize(
    ("module", "function", "source", "place", "what", "hint"),
    [
        ("n", "f", "", "Dataflowfile:3", 'no Python module "n"', "n.py"),
        ("modul", "f", "", "Dataflowfile:3", 'no Python module "modul"', 'did you mean "module"?'),
        ("module", "trian", "def train(): pass", "Dataflowfile:3", 'no function "trian"', 'did you mean "train"?'),
        ("module", "f", "f = 1", "Dataflowfile:3", 'no function "f"', "write it with def"),
        ("module", "f", "def f(): pass\nf = print", "Dataflowfile:3", 'no function "f"', ""),
        ("module", "f", "from os import getcwd as f", "Dataflowfile:3", 'no function "f"', "write it with def"),
        ("module", "f", "from module import f", "Dataflowfile:3", 'no function "f"', ""),
        ("module", "f", "\n\nasync def f(): pass", "module.py:3", "is async", "asyncio.run"),
        ("module", "f", "def f(*a): pass", "module.py:1", "takes *a", "name a parameter"),
        ("module", "f", "def f(x,\n **k): pass", "module.py:2", "takes **k", "name a parameter"),
        ("module", "f", "def f(x, /): pass", "module.py:1", "can't be given by name", '"/"'),
        ("module", "f", "x = 1\ndef f(:\n", "module.py:2", "syntax error", ""),
        ("module", "f", "import broken\ndef f(): pass", "broken.py:1", "syntax error", ""),
        ("module", "f", "x = '\0'", "module.py", "", ""),
    ],
)
def test_mistakes(tmp_path: Path, module: str, function: str, source: str, place: str, what: str, hint: str) -> None:
    write(tmp_path, module=source, broken="x = = 1")
    (problem,) = analyse(PythonRecipe(module, function, PLACE), str(tmp_path)).problems
    assert str(problem.place).startswith(place) and what in problem.what and hint in (problem.hint or "")


def test_a_missing_module_of_a_package(tmp_path: Path) -> None:
    write(tmp_path, flights_S_train="")
    (problem,) = analyse(PythonRecipe("flights.trian", "f", PLACE), str(tmp_path)).problems
    assert problem.hint == 'did you mean "flights.train"?'


def test_reading_runs_nothing(tmp_path: Path) -> None:
    write(tmp_path, m=f"open({str(tmp_path / 'ran')!r}, 'w')\nraise SystemExit\ndef f(): pass")
    before = set(sys.modules)
    fingerprint(tmp_path)
    assert not (tmp_path / "ran").exists() and set(sys.modules) == before
