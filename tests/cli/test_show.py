"""`dbuild show`: recipes as they would run, and what they made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dbuild import build as building
from dbuild.build import Settings
from dbuild.recipes import preview
from tests.cli.sandbox import Sandbox
from tests.interruption import interrupt_query

FLOW = """
[project]
params = { least = 2 }
[partitions.day]
every = "day"
start = 2013-01-01
[sources.raw]
path = "data/{day}.csv"
[targets.seen]
sql = "SELECT * FROM raw WHERE n >= $least"
[targets.daily]
path = "out/daily/{day}.csv"
sql = "SELECT $day AS d, sum(n) AS n FROM seen"
[targets.fitted]
path = { model = "out/{day}.json", notes = "out/{day}/" }
python = "recipes:fit"
inputs = ["daily"]
[targets.counted]
path = "out/counted/{day}.txt"
shell = "wc -l {daily} > {output}"
env = { SERVER = "db" }
secrets = ["PASSWORD"]
"""
CODE = '''
def fit(daily, output, params):
    """Fits."""
    (output["notes"] / "a.txt").write_text("a")
    return {"model": {"least": params["least"]}}
'''
SECRET = "g3heim"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    made = Sandbox(tmp_path_factory.mktemp("show"))
    made.write("Dataflowfile", FLOW)
    made.write("recipes.py", CODE)
    for day in ("01", "02"):
        made.write(f"data/2013-01-{day}.csv", "n\n1\n2\n3\n")
    assert made.run("-q", PASSWORD=SECRET).returncode == 0
    return made


def test_sql_is_shown_with_what_it_reads_and_binds(project: Sandbox) -> None:
    shown = project.run("show", "daily@2013-01-01").stdout
    assert shown.startswith("daily@2013-01-01  sql, Dataflowfile:13\n")
    assert "read_csv(" in shown
    assert "SELECT * FROM raw WHERE n >= " in shown
    assert "  $day = DATE '2013-01-01'\n" in shown
    assert "  seen/raw (from raw): data/2013-01-01.csv\n" in shown
    assert "output  out/daily/2013-01-01.csv, 17 B, 1 row\n" in shown
    assert "  2013-01-01  5\n" in shown


def test_the_sql_that_is_shown_gives_the_rows_that_were_built(project: Sandbox) -> None:
    import duckdb

    (record,) = project.json("show", "daily@2013-01-01")
    statements = record["recipe"].replace("$day", "DATE '2013-01-01'")
    assert duckdb.sql(statements).fetchall()[0][1] == 5
    assert record["outputs"][0]["rows"] == [["2013-01-01", "5"]]


def test_without_a_key_the_newest_partition_is_shown(project: Sandbox) -> None:
    assert project.json("show", "daily")[0]["key"] == {"day": "2013-01-02"}


def test_a_function_is_shown_with_its_text_and_all_its_outputs(project: Sandbox) -> None:
    (record,) = project.json("show", "fitted@2013-01-02")
    assert record["recipe"].startswith("def fit(daily, output, params):\n")
    assert record["place"] == "recipes.py:2"
    assert record["values"] == ["params['least'] = 2"]
    model, notes = record["outputs"]
    assert (model["path"], model["rows"]) == ("out/2013-01-02.json", [["2"]])
    assert (notes["path"], notes["lines"]) == ("out/2013-01-02/", ["a.txt"])


def test_a_command_is_shown_with_its_environment_and_no_secret(project: Sandbox) -> None:
    done = project.run("show", "counted@2013-01-01", PASSWORD=SECRET)
    assert f"wc -l {project.root}/out/daily/2013-01-01.csv > {project.root}/out/counted/2013-01-01.txt" in done.stdout
    for line in ("SERVER=db", "PASSWORD=***", "DBUILD_KEY_DAY=2013-01-01", "run by bash -euo pipefail -c"):
        assert f"  {line}\n" in done.stdout
    assert SECRET not in done.stdout + project.run("show", "counted", "--json", PASSWORD=SECRET).stdout


def test_a_view_is_shown_with_rows_of_the_newest_partition(project: Sandbox) -> None:
    (record,) = project.json("show", "seen")
    assert (record["kind"], record["recipe"]) == ("view", "SELECT * FROM raw WHERE n >= $least")
    assert record["outputs"][0]["rows"] == [["2", "2013-01-02"], ["3", "2013-01-02"]]


def test_what_was_never_built_is_shown_as_far_as_it_is_known(tmp_path: Path) -> None:
    made = Sandbox(tmp_path)
    made.write("Dataflowfile", FLOW)
    made.write("recipes.py", CODE)
    made.write("data/2013-01-01.csv", "n\n1\n")
    shown = made.run("show", "counted@2013-01-01").stdout
    assert "note: its input out/daily/2013-01-01.csv is not there" in shown
    assert "out/counted/2013-01-01.txt is not there" in shown
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / ".dbuild").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["raw"], '"raw" is a source'),
        (["dayly"], 'did you mean "daily"?'),
        (["daily", "--debug-shell"], "is no shell recipe"),
        (["daily@2012-01-01"], "lies outside day"),
    ],
)
def test_what_cannot_be_shown_is_said(project: Sandbox, words: list[str], said: str) -> None:
    done = project.run("show", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_a_debug_shell_has_the_environment_of_the_command(project: Sandbox) -> None:
    before = sorted(path.name for path in (project.root / "out/counted").iterdir())
    done = subprocess.run(
        [sys.executable, "-m", "dbuild", "show", "counted@2013-01-01", "--debug-shell"],
        cwd=project.root,
        env=project.environment(PASSWORD=SECRET),
        input="echo $PWD $DBUILD_KEY_DAY $SERVER $PASSWORD\necho x > $DBUILD_OUTPUT\nexit 3\n",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.split() == [str(project.root), "2013-01-01", "db", SECRET]
    assert done.returncode == 3
    assert sorted(path.name for path in (project.root / "out/counted").iterdir()) == before


def test_a_signal_ends_the_rows_of_a_view(project: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "first_rows", lambda *given: interrupt_query())
    with pytest.raises(KeyboardInterrupt):
        building.show(Settings(str(project.root)), ["seen"], 3)
