"""Recipes of each language that open what their target doesn't declare: told by --trace, refused by --sandbox."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from dbuild.core.events import Traced
from dbuild.errors import UsageError, UserError
from dbuild.execute import landlock, strace
from tests.build.workshop import DAYS, Built, Workshop, await_that

FLOW = f"""
{DAYS}
[sources.raw]
path = "data/{{day}}.csv"
[sources.rates]
path = "rates.csv"
[sources.prices]
path = "prices/{{day}}.csv"
"""
DECLARING = """
[targets.{name}]
path = "out/{name}/{{day}}.csv"
{recipe}
"""
PYTHON = """
from pathlib import Path

def by_open(raw: Path, output: Path):
    output.write_text(raw.read_text() + open("config.yml").read())

def by_arrow(raw: Path):
    import pyarrow.csv
    pyarrow.csv.read_csv("prices/2013-01-01.csv")
    return pyarrow.csv.read_csv(str(raw))

def by_duckdb(raw: Path):
    import duckdb
    return duckdb.sql(f"SELECT * FROM '{raw}' UNION ALL FROM 'prices/2013-01-01.csv'")

def by_child(raw: Path, output: Path):
    import subprocess
    output.write_bytes(subprocess.run(["cat", "config.yml"], capture_output=True, check=True).stdout)

def honest(raw: Path, rates: Path, output: Path):
    import tempfile
    with tempfile.TemporaryFile() as scratch:
        scratch.write(rates.read_bytes())
    output.write_text(raw.read_text())
"""
# A program that takes its text from a file, as Rscript does.
INTERPRETED = "with open({output}, 'w') as made: made.write(open({raw}).read() + open('config.yml').read())"
RECIPES = {
    "by_open": 'python = "recipes:by_open"\ninputs = ["raw"]',
    "by_arrow": 'python = "recipes:by_arrow"\ninputs = ["raw"]',
    "by_duckdb": 'python = "recipes:by_duckdb"\ninputs = ["raw"]',
    "by_child": 'python = "recipes:by_child"\ninputs = ["raw"]',
    "by_cat": 'shell = "cat {raw} config.yml > {output}"',
    "by_grandchild": """shell = "cp {raw} {output}; bash -c 'sh -c \\"cat config.yml; true\\"; true' | cat" """,
    "by_program": f'shell = """{INTERPRETED}"""\ninterpreter = "python3 -S"',
}
HONEST = 'python = "recipes:honest"\ninputs = ["raw", "rates"]'
TRACER, WHY = strace.find()
needs_strace = pytest.mark.skipif(TRACER is None, reason=WHY)
try:
    landlock.version()
    NO_LANDLOCK = ""
except UsageError as error:
    NO_LANDLOCK = str(error)
needs_landlock = pytest.mark.skipif(bool(NO_LANDLOCK), reason=NO_LANDLOCK)


def shop(root: Path, days: int = 1, **recipes: str) -> Workshop:
    """A project with these recipes, sources, and a file that nothing declares."""
    flow = FLOW + "".join(DECLARING.format(name=name, recipe=recipe) for name, recipe in recipes.items())
    made = Workshop(root, flow)
    made.write("recipes.py", PYTHON)
    made.write("config.yml", "a: 1\n")
    made.write("rates.csv", "a\n1\n")
    for day in range(1, days + 1):
        made.write(f"data/2013-01-0{day}.csv", f"a\n{day}\n")
        made.write(f"prices/2013-01-0{day}.csv", f"a\n{day}0\n")
    return made


def traced(made: Workshop, *targets: str, days: int = 1, **how: bool) -> tuple[Built, list[str]]:
    """A traced build, and what it tells."""
    built = made.build(*targets, is_traced=True, keep_going=True, **how)  # type: ignore[arg-type]
    (found,) = (event for event in built.events if isinstance(event, Traced))
    lines = [f"{one.target} {one.deed} {one.path} ({one.tasks}): {one.hint}" for one in found.touched]
    assert built.summary.undeclared == sum(one.deed != "unread" for one in found.touched)
    return built, lines


CONFIG, PRICES = 'read config.yml (1): uses = ["config.yml"]', "read prices/2013-01-01.csv (1): add"


@needs_strace
def test_each_language_is_traced(tmp_path: Path) -> None:
    made = shop(tmp_path / "p", **RECIPES, honest=HONEST, sql='sql = "FROM raw"')
    built, lines = traced(made)
    assert built.errors == {}
    assert lines == [
        f'by_arrow {PRICES} "prices" to its inputs',
        f"by_cat {CONFIG}",
        f"by_child {CONFIG}",
        'by_child unread raw (1): if the recipe doesn\'t need it, take "raw" out of its inputs',
        f'by_duckdb {PRICES} "prices" to its inputs',
        f"by_grandchild {CONFIG}",
        f"by_open {CONFIG}",
        f"by_program {CONFIG}",
    ]
    assert made.build().ran == []  # what was traced is as fresh as any other


@needs_landlock
def test_each_language_is_refused(tmp_path: Path) -> None:
    made = shop(tmp_path / "p", **RECIPES, honest=HONEST, sql='sql = "FROM raw"')
    built = made.build(is_confined=True, keep_going=True)
    assert sorted(built.errors) == [f"{name}@2013-01-01" for name in sorted(RECIPES) if name != "by_grandchild"]
    for name, said in built.errors.items():
        if name.startswith(("by_arrow", "by_duckdb")):
            assert "the sandbox didn't let it open prices/2013-01-01.csv, which isn't declared" in said
            assert 'hint: add "prices" to its inputs' in said
        elif not name.startswith("by_child"):  # it is told that a child failed, and not why
            assert "the sandbox didn't let it open config.yml, which isn't declared" in said
            assert 'hint: uses = ["config.yml"]' in said
    assert made.temporaries() == []
    made.write(
        "Dataflowfile",
        made.read("Dataflowfile").replace("[targets.by_open]", '[targets.by_open]\nuses = ["config.yml"]'),
    )
    assert made.build("by_open", is_confined=True).errors == {}


def test_sql_is_held_to_its_inputs_anyhow(tmp_path: Path) -> None:
    made = shop(tmp_path / "p", sql="""sql = "FROM read_csv('prices/2013-01-01.csv')" """)
    with pytest.raises(UserError, match=r"read_csv\(\) can't be used here"):
        made.build()


@needs_strace
def test_one_line_a_file_however_many_partitions(tmp_path: Path) -> None:
    recipes = {
        "own": 'shell = "cat {raw} data/2013-01-01.csv > {output}"',
        "listing": 'shell = "ls prices > {output}"',
        "before": 'shell = "cat {raw} $(ls out/before/*.csv 2> /dev/null) > {output}"\nneeds = { cpus = 2 }',
        "asked": 'shell = "cat config.yml > {output}"\ninputs = ["raw"]\nuses = ["config.yml"]',
    }
    made = shop(tmp_path / "p", 3, **recipes)
    built, lines = traced(made, jobs=2)
    assert built.errors == {}
    widen = 'it is another partition of its input "raw": widen that input\'s mapping'
    earlier = 'it is made by this target: let it read its own "previous" partition as an input'
    assert [line for line in lines if not line.startswith("before")] == [
        'asked unread raw (3): if the recipe doesn\'t need it, take "raw" out of its inputs',
        'listing list prices (3): inputs = ["prices"]',
        f"own read data/2013-01-01.csv (2): {widen}",
    ]
    assert {line.partition(": ")[2] for line in lines if line.startswith("before")} == {earlier}


@needs_strace
def test_what_is_written_elsewhere(tmp_path: Path) -> None:
    text = (
        "cp {raw} {output}; echo x > notes.txt; mkdir -p kept; rm -f config.yml; touch scratch; rm scratch;"
        " echo x > $(dirname {output})/beside.txt; cp {raw} prices/2013-02-01.csv; mktemp > /dev/null"
    )
    made = shop(tmp_path / "p", messy=f"shell = '''{text}'''")
    _, lines = traced(made)
    elsewhere = "declare it as an output, or write it to a temporary folder"
    assert lines == [
        f"messy remove config.yml (1): {elsewhere}",
        f"messy write kept (1): {elsewhere}",
        f"messy write notes.txt (1): {elsewhere}",
        f"messy write out/messy/beside.txt (1): {elsewhere}",
        'messy write prices/2013-02-01.csv (1): it is a file of "prices": '
        "only what declares it as its output may make it",
    ]


@needs_strace
def test_a_database_that_is_only_read_is_read(tmp_path: Path) -> None:
    body = "import sqlite3; from pathlib import Path\ndef ask(raw: Path, output: Path):\n"
    body += (
        "    output.write_text(str(sqlite3.connect('ref.db').execute('SELECT * FROM t').fetchall()) + raw.read_text())"
    )
    made = shop(tmp_path / "p", asking='python = "asking:ask"\ninputs = ["raw"]')
    made.write("asking.py", body)
    subprocess.run(
        ["python3", "-c", "import sqlite3; sqlite3.connect('ref.db').execute('CREATE TABLE t (a)')"], cwd=made.root
    )
    os.utime(made.path("ref.db"), (1, 1))
    before = os.stat(made.path("ref.db")).st_ctime
    await_that(lambda: made.write("probe", "") or os.stat(made.path("probe")).st_ctime > before + 0.1)
    _, lines = traced(made)
    assert lines == ['asking read ref.db (1): uses = ["ref.db"]']


@needs_strace
def test_folders_of_datasets_outside_the_project(tmp_path: Path) -> None:
    made = shop(tmp_path / "p", lake='shell = "cat {far} ../lake/2013-01-02.csv ../other.txt > {output}"')
    made.write("Dataflowfile", made.read("Dataflowfile") + '[sources.far]\npath = "../lake/{day}.csv"\n')
    for path in ("lake/2013-01-01.csv", "lake/2013-01-02.csv", "other.txt"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("x\n")
    _, lines = traced(made, "lake@2013-01-01")
    assert [line.partition(" (")[0] for line in lines] == [
        f"lake read {os.path.realpath(tmp_path)}/lake/2013-01-02.csv"
    ]


@needs_strace
def test_links_lead_to_what_is_declared(tmp_path: Path) -> None:
    """A project that is reached by a link, with a source in a folder that is one, and a file that is one."""
    made = shop(
        tmp_path / "real", a='shell = "cat {raw} {rates} \\"$PWD/config.yml\\" > {output}"\nuses = ["config.yml"]'
    )
    os.rename(made.path("data"), tmp_path / "lake")
    os.symlink(tmp_path / "lake", made.path("data"))
    os.rename(made.path("rates.csv"), tmp_path / "rates.csv")
    os.symlink(tmp_path / "rates.csv", made.path("rates.csv"))
    os.symlink(made.root, tmp_path / "way")
    built, lines = traced(Workshop(tmp_path / "way"))
    assert (built.errors, lines) == ({}, [])


PICKLED = "    pickle.loads(b'cflows.{name}\\nmake\\n.')\n"


def with_modules(root: Path) -> Workshop:
    """A project with a module that is imported late, two that pickled data names, and their recipe."""
    recipe = 'python = "flows.{name}:make"\ninputs = ["raw"]'
    made = shop(root, a=recipe.format(name="a"), other=recipe.format(name="other"))
    head = "from pathlib import Path\nimport pickle\ndef make(raw: Path, output: Path):\n    output.write_text('')\n"
    made.write("flows/__init__.py", "")
    made.write("flows/late.py", "X = 1\n")
    made.write("flows/other.py", head)
    made.write("flows/plugin.py", head)
    pickled = "".join(PICKLED.format(name=name) for name in ("other", "plugin"))
    made.write("flows/a.py", f"{head}    from flows import late\n{pickled}")
    return made


@needs_strace
def test_modules_that_are_imported_are_code(tmp_path: Path) -> None:
    """Those that nobody can find before are told, also where the run has them as another target's code."""
    _, lines = traced(with_modules(tmp_path / "p"))
    assert [line.split(" (")[0] for line in lines if "unread" not in line] == [
        *("a read flows/other.py", "a read flows/plugin.py"),
    ]


@needs_landlock
def test_modules_that_nobody_finds_are_refused(tmp_path: Path) -> None:
    made = with_modules(tmp_path / "p")
    assert list(made.build(is_confined=True, keep_going=True).errors) == ["a@2013-01-01"]
    for name in ("other", "plugin"):
        said = made.build(is_confined=True, keep_going=True).errors["a@2013-01-01"]
        assert f"the sandbox didn't let it open flows/{name}.py, which isn't declared" in said
        made.swap("flows/a.py", PICKLED.format(name=name), "")
    assert made.build(is_confined=True).errors == {}


@needs_strace
def test_it_is_kept_in_the_task_s_log(tmp_path: Path) -> None:
    made = shop(tmp_path / "p", loud='shell = "echo hello; cat config.yml {raw} > {output}"', quiet=RECIPES["by_open"])
    traced(made)
    told = 'dbuild: it read config.yml, which it doesn\'t declare: uses = ["config.yml"]\n'
    assert made.read(".dbuild/logs/1/loud@2013-01-01.log") == f"hello\n{told}"
    assert made.read(".dbuild/logs/1/quiet@2013-01-01.log") == told


@needs_strace
def test_failures_are_traced_too_and_their_own_words_come_last(tmp_path: Path) -> None:
    made = shop(tmp_path / "p", sad='shell = "cat config.yml; echo sorry; exit 7"')
    built, lines = traced(made)
    assert built.errors == {"sad@2013-01-01": "exited with status 7"}
    assert [event.tail for event in built.ended] == [("a: 1", "sorry")]
    assert lines == [f"sad {CONFIG}"]


@needs_strace
def test_nothing_is_looked_at_unless_asked(tmp_path: Path) -> None:
    made = shop(tmp_path / "p", a=RECIPES["by_cat"])
    built = made.build()
    assert not any(isinstance(event, Traced) for event in built.events)
    assert made.build(is_traced=True).ran == []  # tracing makes nothing stale
    _, lines = traced(made, force=True)
    assert lines == [f"a {CONFIG}"]


def test_without_strace_python_s_own_opens_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strace, "find", lambda: (None, "strace is not installed"))
    made = shop(tmp_path / "p", by_open=RECIPES["by_open"], by_cat=RECIPES["by_cat"], honest=HONEST)
    built, lines = traced(made)
    assert lines == [f"by_open {CONFIG}"]
    unseen = "shell recipes aren't traced, and of Python recipes only what Python itself opens is seen"
    assert built.notices == [f"strace is not installed: {unseen}"]


@needs_landlock
def test_outputs_are_written_in_any_way_and_all_or_none(tmp_path: Path) -> None:
    several = """
[targets.several]
path = { a = "out/a.txt", b = "out/deep/b.txt", c = "out/c/" }
shell = "echo a > {output.a}.tmp && mv {output.a}.tmp {output.a}; echo b > {output.b}; echo c > {output.c}/c.txt"
[targets.table]
path = "out/table.parquet"
python = "recipes:table"
[targets.action]
shell = "cat {several.a} {several.c}/c.txt"
"""
    made = shop(tmp_path / "p")
    made.write("recipes.py", "def table():\n    import pyarrow\n    return pyarrow.table({'x': [1]})\n")
    made.write("Dataflowfile", made.read("Dataflowfile") + several)
    built = made.build(is_confined=True)
    assert built.errors == {}
    assert sorted(made.outputs()) == ["out/a.txt", "out/c/c.txt", "out/deep/b.txt", "out/table.parquet"]
    assert made.build(is_confined=True).ran == []
    assert made.build(is_confined=True, force=True).errors == {}
    assert made.temporaries() == []


@needs_landlock
def test_what_is_left_beside_an_output_is_told_and_goes(tmp_path: Path) -> None:
    text = "cd $(dirname {output}); cp {raw} {output}; for name in a b c d e; do echo x > $name.md5; done"
    made = shop(tmp_path / "p", summed=f'shell = "{text}"')
    built = made.build(is_confined=True)
    assert [event.notes for event in built.ended] == [
        ("it left a.md5, b.md5, c.md5 and 2 more beside its output, which isn't declared, so it is not kept",)
    ]
    assert list(made.outputs()) == ["out/summed/2013-01-01.csv"]
    assert made.temporaries() == []


@needs_landlock
def test_a_build_that_is_killed_leaves_nothing_after_the_next(tmp_path: Path) -> None:
    made = shop(tmp_path / "p", slow='shell = "echo ${TMPDIR:-none}; sleep 1000"')
    process = subprocess.Popen(made.command("--sandbox"), cwd=made.root, start_new_session=True)
    log = made.path(".dbuild/logs/1/slow@2013-01-01.log")
    await_that(lambda: log.exists() and log.read_text().endswith("\n"))
    folder = Path(log.read_text().strip())
    assert len(made.temporaries()) == 1
    process.send_signal(signal.SIGKILL)
    process.wait()
    await_that(lambda: not folder.exists())
    made.swap("Dataflowfile", "sleep 1000", "cp {raw} {output}")
    assert made.build().errors == {}
    assert made.temporaries() == []


def test_a_system_without_it_refuses_before_anything_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> int:
        raise UsageError("--sandbox needs Landlock, and this kernel has none")

    monkeypatch.setattr(landlock, "version", none)
    made = shop(tmp_path / "p", a=RECIPES["by_cat"])
    with pytest.raises(UsageError, match="this kernel has none"):
        made.build(is_confined=True)
    assert not made.path("out").exists()
