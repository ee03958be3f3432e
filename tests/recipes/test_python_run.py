"""Python recipes really called: arguments by annotation, results by type, and nothing left behind."""

from __future__ import annotations

import gzip
import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

import dbuild
from dbuild.core.grain import Grain
from dbuild.core.model import PythonRecipe, Scalar
from dbuild.core.task import Produced, Task, TaskDimension, TaskInput, TaskOutput, format_of
from dbuild.errors import Place, RecipeError
from dbuild.recipes import python
from dbuild.recipes.engine import Engine
from dbuild.recipes.sources import Sources

DAY = TaskDimension("day", Grain("day"))


@pytest.fixture(autouse=True)
def _fresh_imports(tmp_path: Path) -> Iterator[None]:
    """Each test is a worker of its own project."""
    modules, path = set(sys.modules), list(sys.path)
    yield
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]
    sys.path[:] = path


def task(
    root: Path,
    source: str,
    *inputs: TaskInput,
    outputs: tuple[str, ...] = ("out.txt",),
    params: dict[str, Scalar] | None = None,
    key: str = "",
    module: str = "m",
) -> Task:
    """A task of `f` in a module with this source; an output is written `name=file` where it has a name."""
    (root / f"{module}.py").write_text("from pathlib import Path\n" + source)
    recipe = PythonRecipe(module, "f", Place("Dataflowfile", 3))
    code = python.analyse(recipe, Sources(str(root))).fingerprint
    made = []
    for text in outputs:
        name, _, file = text.rpartition("=")
        made.append(TaskOutput(name, str(root / f".tmp-{file}"), str(root / file), format_of(file)))
    dimensions, keys = ((DAY,), (key,)) if key else ((), ())
    given = tuple((params or {}).items())
    return Task(1, "t", dimensions, keys, recipe, code, inputs, tuple(made), given, "UTC", str(root))


def one(name: str, *paths: Path, is_single: bool = True, format: str | None = None, day: str = "") -> TaskInput:
    kind = format_of(str(paths[0])) if format is None and paths else format or ""
    dimensions = (DAY,) if day else ()
    keys = tuple((day,) if day else () for _ in paths)
    return TaskInput(name, dimensions, keys, tuple(map(str, paths)), is_single, kind, (), None)


def run(made: Task) -> Produced:
    return python.run(made, Engine([made.root]))


def text_of(made: Task, number: int = 0) -> str:
    run(made)
    return Path(made.outputs[number].path).read_text()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "in.parquet"
    pyarrow.parquet.write_table(pa.table({"x": [1, 2, 3]}), path)
    return path


@pytest.mark.parametrize(
    ("annotation", "expression"),
    [
        ("", "type(a).__name__, a.name"),
        (": Path", "isinstance(a, Path), a.name"),
        (": 'Path'", "isinstance(a, Path), a.name"),
        (": list[Path]", "type(a).__name__, a[0].name"),
        (": pa.Table", "type(a).__name__, a.num_rows"),
        (": 'pa.Table'", "type(a).__name__, a.num_rows"),
        (": duckdb.DuckDBPyRelation", "type(a).__name__, len(a.fetchall())"),
        (": Alias", "type(a).__name__, len(a)"),
        (": polars.DataFrame", "a.__module__, a.height"),
        (": pandas.DataFrame = None", "type(a).__name__, len(a)"),
        (": typing.Annotated[Path, 'in']", "isinstance(a, Path), a.name"),
        (": int = 5", "isinstance(a, Path), a.name"),
    ],
)
def test_an_input_comes_as_annotated(tmp_path: Path, table: Path, annotation: str, expression: str) -> None:
    pytest.importorskip("pandas"), pytest.importorskip("polars")
    source = "import typing, duckdb, pandas, polars, pyarrow as pa\nAlias = pandas.DataFrame\n"
    made = task(tmp_path, f"{source}def f(a{annotation}): return repr(({expression}))", one("a", table))
    shown = eval(text_of(made))
    wanted = {"in.parquet", 3}
    assert shown[1] in wanted
    assert shown[0] in (True, "PosixPath", "list", "Table", "DuckDBPyRelation", "DataFrame", "polars.dataframe.frame")


def test_tables_carry_their_dimensions(tmp_path: Path, table: Path) -> None:
    source = "import pyarrow\ndef f(a: pyarrow.Table): return repr(a.column_names)"
    assert text_of(task(tmp_path, source, one("a", table, day="2013-01-05"))) == "['x', 'day']"


def test_several_files_unannotated_are_a_list(tmp_path: Path) -> None:
    made = task(
        tmp_path, "def f(a): return repr([p.name for p in a])", one("a", Path("/x"), Path("/y"), is_single=False)
    )
    assert text_of(made) == "['x', 'y']"


def test_no_files_are_an_empty_list(tmp_path: Path) -> None:
    made = task(tmp_path, "def f(a: list[Path], b): return repr((a, b))", one("a"), one("b", is_single=False))
    assert text_of(made) == "([], [])"


@pytest.mark.parametrize(
    ("source", "paths", "message"),
    [
        ("def f(a: Path): pass", ["x", "y"], '"a" has 2 files here'),
        ("def f(a: Path): pass", [], '"a" has no file here'),
        ("def f(a): pass", [], '"a" has no file here'),
        ("def f(a: int): pass", ["x"], "annotated int, and an input can't be given as that"),
        ("def f(a: Path | None): pass", ["x"], "can't be given as that"),
        ("def f(a: list[str]): pass", ["x"], r"annotated list\[str\]"),
        ("def f(a: 'Pth'): pass", ["x"], "can't be evaluated: name 'Pth' is not defined"),
        ("import pyarrow\ndef f(a: pyarrow.Table): pass", ["x"], "is no table: x is neither"),
        ("def f(b: Path): pass", ["x"], 'parameter "b" is no input of t'),
        ("def deco(g):\n  return lambda *a: g(*a)\n@deco\ndef f(a): pass", ["x"], r'takes "\*a"'),
    ],
)
def test_inputs_that_do_not_fit(tmp_path: Path, source: str, paths: list[str], message: str) -> None:
    made = task(tmp_path, source, one("a", *(tmp_path / path for path in paths)))
    with pytest.raises(RecipeError, match=message) as caught:
        run(made)
    assert caught.value.hint


def test_a_package_that_is_not_installed_is_named(tmp_path: Path) -> None:
    made = task(tmp_path, "import no_such_package_here.deep\ndef f(): pass")
    with pytest.raises(RecipeError, match="No module named 'no_such_package_here'") as caught:
        run(made)
    assert caught.value.hint is not None and "pip install no_such_package_here" in caught.value.hint


def test_annotations_of_the_result_may_exist_for_type_checkers_only(tmp_path: Path) -> None:
    source = "import typing\nif typing.TYPE_CHECKING:\n  import x\ndef f(a: Path) -> 'x.Table': return 'ok'"
    assert text_of(task(tmp_path, source, one("a", tmp_path / "x"))) == "ok"


@pytest.mark.parametrize("kind", ["to_arrow_table()", "duckdb", "df()", "pl()"])
@pytest.mark.parametrize("file", ["out.parquet", "out.csv", "out.json", "out.arrow"])
def test_tables_are_written_by_the_ending(tmp_path: Path, table: Path, kind: str, file: str) -> None:
    source = (
        "import duckdb, pyarrow\n"
        "def f(a: duckdb.DuckDBPyRelation):\n  b = a.select('x + 1 AS y')\n"
        f"  return b{'' if kind == 'duckdb' else '.' + kind}"
    )
    made = task(tmp_path, source, one("a", table), outputs=(file,))
    ((name, schema),) = run(made).schemas
    assert name == "" and schema == (None if file == "out.parquet" else (("y", schema[0][1]),))  # type: ignore[index]
    back = Engine([str(tmp_path)]).relation(
        replace(one("b", Path(made.outputs[0].path)), schema=(("y", "BIGINT"),) if schema else None)
    )
    assert back.fetchall() == [(2,), (3,), (4,)]


@pytest.mark.parametrize(
    ("value", "file", "content"),
    [
        ("'é\\n'", "o.txt", "é\n".encode()),
        ("b'\\xff'", "o.bin", b"\xff"),
        ("bytearray(b'x')", "o.json", b"x"),
        ("''", "o.txt", b""),
        ("{'b': 1.5, 'a': [None, 'é']}", "o.json", '{\n  "b": 1.5,\n  "a": [\n    null,\n    "é"\n  ]\n}\n'.encode()),
        ("[{'a': 1}, {'a': 2}]", "o.jsonl", b'{"a": 1}\n{"a": 2}\n'),
        ("[]", "o.json", b"[]\n"),
    ],
)
def test_plain_values(tmp_path: Path, value: str, file: str, content: bytes) -> None:
    made = task(tmp_path, f"def f(): return {value}", outputs=(file,))
    assert run(made) == Produced((("", None),), ())
    assert Path(made.outputs[0].path).read_bytes() == content


def test_json_of_numpy_and_dates_gzipped_the_same_each_time(tmp_path: Path) -> None:
    source = "import numpy, datetime\ndef f(): return {'n': numpy.int64(3), 'd': datetime.date(2013, 1, 5)}"
    made = task(tmp_path, source, outputs=("o.json.gz",))
    run(made)
    data = Path(made.outputs[0].path).read_bytes()
    assert json.loads(gzip.decompress(data)) == {"n": 3, "d": "2013-01-05"} and data[4:8] == b"\0\0\0\0"


@pytest.mark.parametrize(
    ("source", "file", "message"),
    [
        ("def f(): return 5", "o.txt", "returned an int, which can't be written"),
        ("def f(): return {'a': 1}", "o.csv", "goes to a .json file only"),
        ("def f(): return {'a': float('nan')}", "o.json", "can't be written as JSON"),
        ("def f(): return {'a': {1}}", "o.json", "a set is no JSON value"),
        ("def f(): return '\\ud800'", "o.txt", "can't be written as UTF-8"),
        ("def f(): yield 1", "o.txt", "returned a generator"),
        ("def f(): pass", "o.txt", "returned nothing for its output"),
        ("def f(output): pass", "o.txt", "neither returned nor wrote its output"),
        ("def f(output): output.write_text('x'); return 'x'", "o.txt", "both returned and wrote"),
        ("import pyarrow\ndef f(): return pyarrow.table({'a': [1]})", "o.txt", "can't be written to"),
    ],
)
def test_results_that_do_not_fit(tmp_path: Path, source: str, file: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        run(task(tmp_path, source, outputs=(file,)))


def test_it_may_write_its_output_itself(tmp_path: Path) -> None:
    assert text_of(task(tmp_path, "def f(output: Path): output.write_text('mine')")) == "mine"


@pytest.mark.parametrize(
    "body",
    [
        "return {'a': 'A', 'b': {'x': 1}}",
        "output['a'].write_text('A'); return {'b': {'x': 1}}",
        "output['a'].write_text('A'); output['b'].write_text('{\\n  \"x\": 1\\n}\\n')",
    ],
)
def test_named_outputs(tmp_path: Path, body: str) -> None:
    made = task(tmp_path, f"def f(output: dict[str, Path]): {body}", outputs=("a=a.txt", "b=b.json"))
    assert run(made).schemas == (("a", None), ("b", None))
    assert [Path(output.path).read_text() for output in made.outputs] == ["A", '{\n  "x": 1\n}\n']


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return {'a': 'A'}", 'neither returned nor wrote the output "b"'),
        ("return {'a': 'A', 'b': 'B', 'c': 'C'}", "returned c: its outputs are a, b"),
        ("return 'A'", "returned a str, not a dict of its outputs"),
        ("output['a'].touch(); return {'a': 'A', 'b': 'B'}", 'both returned and wrote the output "a"'),
    ],
)
def test_named_outputs_that_do_not_fit(tmp_path: Path, body: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        run(task(tmp_path, f"def f(output): {body}", outputs=("a=a.txt", "b=b.txt")))


def test_an_action_has_nothing_to_return(tmp_path: Path) -> None:
    assert run(task(tmp_path, "def f(): pass", outputs=())) == Produced((), ())
    with pytest.raises(RecipeError, match="its target has no path"):
        run(task(tmp_path, "def f(): return 1", outputs=(), module="n"))


def test_the_key(tmp_path: Path) -> None:
    source = (
        "def f(key): return repr((key.day, key['day'], key.day_end, str(key), dict(key), list(key), f'{key.day:%y}'))"
    )
    day, end = date(2013, 1, 31), date(2013, 2, 1)
    made = task(tmp_path, source, key="2013-01-31")
    assert text_of(made) == repr((day, day, end, "2013-01-31", {"day": day}, ["day"], "13"))


def test_keys_as_values() -> None:
    hour, origin = TaskDimension("hour", Grain("hour")), TaskDimension("origin", None)
    key = dbuild.Key((hour, origin), ("2013-01-05T13", "EWR"))
    assert (key["hour"], key.hour_end) == (datetime(2013, 1, 5, 13), datetime(2013, 1, 5, 14))
    assert key["origin"] == key.origin == "EWR" and str(key) == "2013-01-05T13,EWR"
    assert key == dbuild.Key((hour, origin), ("2013-01-05T13", "EWR"))
    assert len({key, dbuild.Key((hour, origin), ("2013-01-05T13", "EWR"))}) == 1
    with pytest.raises(AttributeError, match='no dimension "day": it has hour, origin'):
        _ = key.day
    with pytest.raises(KeyError):
        _ = key["hour_end"]


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("params['a']", ("a",)),
        ("params.get('a'), params.get('zz', 1)", ("a", "zz")),
        ("'b' in params", ("b",)),
        ("'b' in params.keys()", ("b",)),
        ("None", ()),
        ("list(params)", ("*", "a", "b")),
        ("len(params)", ("*", "a", "b")),
        ("dict(params)", ("*", "a", "b")),
        ("{**params}", ("*", "a", "b")),
        ("list(params.items())", ("*", "a", "b")),
        ("list(params.values())", ("*", "a", "b")),
        ("params == {}", ("*", "a", "b")),
        ("bool(params)", ("*", "a", "b")),
        ("repr(params)", ("*", "a", "b")),
        ("__import__('pickle').dumps(params)", ("*", "a", "b")),
    ],
)
def test_params_that_were_looked_up_count(tmp_path: Path, expression: str, names: tuple[str, ...]) -> None:
    made = task(tmp_path, f"def f(params):\n  {expression}\n  return ''", params={"a": 1, "b": "x"})
    assert run(made).params_read == names


def test_params_can_not_be_changed(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="does not support item assignment"):
        run(task(tmp_path, "def f(params): params['a'] = 2", params={"a": 1}))


def test_errors_show_the_projects_own_frames(tmp_path: Path) -> None:
    (tmp_path / "deep.py").write_text("import json\ndef parse(x):\n    return json.loads(x)\n")
    made = task(tmp_path, "import deep\ndef f():\n    return deep.parse('{')\n")
    with pytest.raises(RecipeError) as caught:
        run(made)
    lines = caught.value.what.splitlines()
    assert [line for line in lines if "File" in line] == [
        '  File "m.py", line 4, in f',
        '  File "deep.py", line 3, in parse',
    ]
    assert "return deep.parse('{')" in caught.value.what
    assert lines[-1].startswith("json.decoder.JSONDecodeError: Expecting property name")


def test_causes_are_kept_and_trimmed(tmp_path: Path) -> None:
    source = (
        "def f():\n  try:\n    __import__('json').loads('')\n  except ValueError as e:\n    raise KeyError('k') from e"
    )
    with pytest.raises(RecipeError) as caught:
        run(task(tmp_path, source))
    text = caught.value.what
    assert (
        "direct cause" in text and text.endswith("KeyError: 'k'") and "decoder.py" not in text and "dbuild" not in text
    )


@pytest.mark.parametrize("status", ["0", "3", "'bye'", ""])
def test_sys_exit_is_a_failure(tmp_path: Path, status: str) -> None:
    with pytest.raises(RecipeError, match=r"the recipe ended Python with sys.exit\("):
        run(task(tmp_path, f"import sys\ndef f(): sys.exit({status})"))


def test_a_session_that_a_recipe_broke_is_begun_anew(tmp_path: Path) -> None:
    import duckdb

    engine = Engine([str(tmp_path)])
    engine.cursor.execute("CREATE TEMP TABLE bits AS SELECT '1'::BIT AS v, 1 AS n")
    with suppress(duckdb.InternalError):  # DuckDB 2.0 fails at this; of one that doesn't nothing is broken
        engine.cursor.execute(f"COPY (FROM bits) TO '{tmp_path}/x' (FORMAT parquet, PARTITION_BY (n), ORDER_BY (v))")
    with pytest.raises(RecipeError, match="ZeroDivisionError"):
        python.run(task(tmp_path, "def f(): 1 / 0"), engine)
    assert engine.cursor.execute("SELECT 1").fetchall() == [(1,)]


def test_an_interrupt_passes(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(task(tmp_path, "def f(): raise KeyboardInterrupt"))


@pytest.mark.parametrize("source", ["1 / 0\ndef f(): pass", "def f(): raise BaseException('odd')"])
def test_whatever_is_raised_is_a_recipe_error(tmp_path: Path, source: str) -> None:
    with pytest.raises(RecipeError, match=r"ZeroDivisionError|odd"):
        run(task(tmp_path, source))


def test_it_works_in_the_project_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KEEP", "1")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    source = (
        "import os\nos.environ['AT_IMPORT'] = '1'\n"
        "def f():\n  here = os.getcwd(); os.chdir('/'); os.environ['ADDED'] = '1'; del os.environ['KEEP']\n"
        "  print('printed', end=''); return here"
    )
    environment = dict(os.environ)
    made = task(tmp_path, source)
    assert os.path.samefile(text_of(made), tmp_path)
    assert os.path.samefile(os.getcwd(), elsewhere)
    assert dict(os.environ) == environment | {"AT_IMPORT": "1"}
    assert os.environ.pop("AT_IMPORT") == "1"
    assert capfd.readouterr().out == "printed"


def test_modules_are_kept_for_later_tasks(tmp_path: Path) -> None:
    made = task(tmp_path, "count = 0\ndef f():\n  global count\n  count += 1\n  return str(count)")
    assert text_of(made) == "1"
    os.unlink(made.outputs[0].path)
    assert text_of(made) == "2"


def test_new_code_is_imported_anew_even_within_a_second(tmp_path: Path) -> None:
    (tmp_path / "lib.py").write_text("X = 'a'")
    source = "import lib\ndef f(): return lib.X"
    for value in "abcd":
        (tmp_path / "lib.py").write_text(f"X = '{value}'")
        made = task(tmp_path, source)
        assert text_of(made) == value
        os.unlink(made.outputs[0].path)
    assert not (tmp_path / "__pycache__").exists()


def test_a_module_shared_by_recipes_is_the_one_of_now(tmp_path: Path) -> None:
    source = "import lib\ndef f(): return lib.X"
    (tmp_path / "lib.py").write_text("X = 'a'")
    assert text_of(task(tmp_path, source, outputs=("a.txt",))) == "a"
    (tmp_path / "lib.py").write_text("X = 'b'")
    assert text_of(task(tmp_path, source, module="other", outputs=("b.txt",))) == "b"


def test_a_module_that_did_not_change_is_not_run_again(tmp_path: Path) -> None:
    source = "import lib\ndef f(): return str(id(lib))"
    (tmp_path / "lib.py").write_text("")
    first = text_of(task(tmp_path, source, outputs=("a.txt",)))
    assert text_of(task(tmp_path, source, module="other", outputs=("b.txt",))) == first


def test_a_task_runs_after_one_that_met_changed_code(tmp_path: Path) -> None:
    made = task(tmp_path, "def f(): return 'old'")
    (tmp_path / "m.py").write_text("def f(): return 'bad'")
    with pytest.raises(RecipeError, match="changed while the build ran"):
        run(made)
    assert text_of(task(tmp_path, "def f(): return 'new'")) == "new"


def test_code_that_changed_since_the_build_began_is_not_run(tmp_path: Path) -> None:
    made = task(tmp_path, "def f(): return 'old'")
    (tmp_path / "m.py").write_text("def f(): return 'new'")
    with pytest.raises(RecipeError, match="changed while the build ran"):
        run(made)
    assert not os.path.exists(made.outputs[0].path)


def test_an_edit_of_what_the_function_does_not_reach_is_no_change_of_its_code(tmp_path: Path) -> None:
    (tmp_path / "lib.py").write_text("X = 'a'\nY = 'b'")
    (tmp_path / "late.py").write_text("Z = 'c'")
    source = "import lib\ndef f(params):\n  if params['n'] > 1:\n    import late\n  return lib.X + str(params['n'])"
    made = task(tmp_path, source, params={"n": 1})
    (tmp_path / "lib.py").write_text("Y = 'other'\nX = 'a'")
    assert text_of(made) == "a1"
    os.unlink(made.outputs[0].path)
    (tmp_path / "lib.py").write_text("X = 'a'")
    (tmp_path / "late.py").write_text("Z = 'other'")
    assert text_of(replace(made, params=(("n", 2),))) == "a2"  # a module that comes late is looked at with the rest
    os.unlink(made.outputs[0].path)
    (tmp_path / "lib.py").write_text("X = 'another'")
    assert task(tmp_path, source).code != made.code


def test_a_late_import_of_changed_code_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "late.py").write_text("X = 'old'")
    made = task(tmp_path, "def f(params):\n  if 'go' in params:\n    import late\n    return late.X\n  return ''")
    run(made)
    os.unlink(made.outputs[0].path)
    (tmp_path / "late.py").write_text("X = 'new'")
    with pytest.raises(RecipeError, match="changed while the build ran"):
        run(replace(made, params=(("go", 1),)))


def test_a_module_that_python_has_already_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="is not the project's module") as caught:
        run(task(tmp_path, "def f(): pass", module="json"))
    assert caught.value.hint


def test_paths_need_no_data_library(tmp_path: Path) -> None:
    import subprocess

    made = task(
        tmp_path, "def f(a: Path, output: Path, key, params): output.write_text(a.name)", one("a", tmp_path / "x")
    )
    script = (
        "import sys, pickle\nfrom dbuild.recipes import python\nfrom dbuild.recipes.engine import Engine\n"
        "python.run(pickle.load(sys.stdin.buffer), Engine(['/']))\n"
        "print([name for name in ('duckdb', 'pyarrow', 'numpy', 'pandas', 'polars') if name in sys.modules])"
    )
    import pickle

    done = subprocess.run([sys.executable, "-c", script], input=pickle.dumps(made), capture_output=True, check=True)
    assert done.stdout == b"[]\n"


def test_importing_dbuild_is_cheap() -> None:
    import subprocess

    script = "import sys, dbuild; print([m for m in sys.modules if m.startswith('dbuild.')]); dbuild.Key"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout == b"[]\n"
