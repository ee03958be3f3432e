"""Views as inputs of Python recipes: tables of their rows, never files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dbuild.core.model import PythonRecipe, Scalar
from dbuild.core.task import Task, TaskOutput, TaskView
from dbuild.errors import Place, RecipeError
from dbuild.recipes import python
from dbuild.recipes.engine import Engine
from tests.recipes.sqltasks import DAY, given, task, view, write

DAYS = ("2013-01-05", "2013-01-06")


def call(root: Path, source: str, *views: TaskView, params: tuple[tuple[str, Scalar], ...] = ()) -> str:
    """What a function `f` of this source returns, called with these views of two days of numbers."""
    module = f"m_{root.name}"
    (root / f"{module}.py").write_text("import duckdb, pyarrow\nfrom pathlib import Path\n" + source)
    recipe = PythonRecipe(module, "f", Place("Dataflowfile", 3))
    out = root / "out.txt"
    inputs = []
    for each in views:
        paths = [write(root / f"{day}.parquet", "SELECT n FROM range(4) t(n)") for day in DAYS]
        keys = tuple((day,) for day in DAYS)
        inputs.append(given(f"{each.name}/raw", *paths, dimensions=(DAY,), keys=keys))
    plain = task("SELECT 1", out, *inputs, params=params, views=views)
    made: Task = replace(plain, recipe=recipe, outputs=(TaskOutput("", str(out), str(out), ""),))
    python.run(made, Engine([str(root)]))
    return out.read_text()


CLEAN = view("clean", "SELECT n, day FROM raw WHERE n > $low ORDER BY n, day", "CREATE MACRO twice(x) AS x * 2")


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("pyarrow.Table", "clean.num_rows, clean.column_names"),
        ("duckdb.DuckDBPyRelation", "len(clean.fetchall()), clean.columns"),
    ],
)
def test_a_view_is_given_as_a_table(tmp_path: Path, kind: str, shown: str) -> None:
    source = f"def f(clean: {kind}):\n    return repr(({shown}))"
    assert call(tmp_path, source, CLEAN, params=(("low", 1),)) == "(4, ['n', 'day'])"


def test_several_views_each_with_their_own_macros(tmp_path: Path) -> None:
    views = [view(name, "SELECT m() AS n, max(n) AS most FROM raw", f"CREATE MACRO m() AS '{name}'") for name in "ab"]
    source = "def f(a: duckdb.DuckDBPyRelation, b: duckdb.DuckDBPyRelation):\n    return repr(a.union(b).fetchall())"
    assert call(tmp_path, source, *views) == "[('a', 3), ('b', 3)]"


@pytest.mark.parametrize("parameter", ["clean", "clean: Path", "clean: list[Path]"])
def test_a_view_has_no_files(tmp_path: Path, parameter: str) -> None:
    with pytest.raises(RecipeError, match='the input "clean" is a view, which has no files') as caught:
        call(tmp_path, f"def f({parameter}):\n    return ''", CLEAN, params=(("low", 1),))
    assert "annotate it as a table" in str(caught.value.hint)


def test_a_view_that_is_not_asked_for_is_not_read(tmp_path: Path) -> None:
    assert call(tmp_path, "def f():\n    return 'x'", view("clean", "SELECT nothing FROM raw")) == "x"


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [("SELECT n,\n  nothing FROM raw", "nothing", 2), ("SELECT $x", "is no param", 1), ("SELECT FROM", "syntax", 1)],
)
def test_an_error_in_a_view_is_at_its_line(tmp_path: Path, text: str, what: str, line: int) -> None:
    with pytest.raises(RecipeError, match=what) as caught:
        call(tmp_path, "def f(clean: pyarrow.Table):\n    return 'x'", view("clean", text))
    assert str(caught.value.place) == f"sql/clean.sql:{line}"


def test_rows_that_can_not_be_computed_are_an_error_of_the_input(tmp_path: Path) -> None:
    text = "SELECT CAST('x' || n AS INT) AS n FROM raw"
    with pytest.raises(RecipeError, match=r'the input "clean" can\'t be read: .*x0') as caught:
        call(tmp_path, "def f(clean: pyarrow.Table):\n    return 'x'", view("clean", text))
    assert "ConversionException" in caught.value.causes
