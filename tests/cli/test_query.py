"""`dbuild query` as people and programs use it."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from dbuild.build import Settings, ask
from dbuild.cli.main import main
from dbuild.core.catalogue import VIEWS
from dbuild.ui.results import plain, text_of, unlike
from tests.cli.sandbox import FLOW, Sandbox

Done = tuple[int, str, str]  # exit code, standard output and error
DOCS = (Path(__file__).parents[2] / "docs/query.md").read_text()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """The small project, built once."""
    made = Sandbox(tmp_path_factory.mktemp("query") / "project")
    made.write("Dataflowfile", FLOW)
    for day in (1, 2, 3):
        made.write(f"data/2013-01-0{day}.txt", f"day {day}\n")
    assert made.run("copy", "total").returncode == 0
    return made


@pytest.fixture
def query(built: Sandbox, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """The command, in this process."""
    monkeypatch.chdir(built.root)

    def run(*words: str) -> Done:
        code = main(["query", *words])
        return (code, *capfd.readouterr())

    return run


def test_a_table_for_people(query: Callable[..., Done]) -> None:
    done = query("SELECT target, count(*) AS tasks, max(key) AS last FROM tasks GROUP BY ALL ORDER BY ALL")
    assert done == (0, "target  tasks  last\ncopy        3  2013-01-03\ntotal       1\n", "(2 rows)\n")
    assert query("SELECT 1 AS a, 2 AS b WHERE 1 = 0", "-q") == (0, "a  b\n", "")
    assert query("-q", "SELECT NULL AS a, 1.23456789::DOUBLE AS b") == (0, "a         b\nNULL  1.235\n", "")


def test_csv_and_json_have_everything(query: Callable[..., Done]) -> None:
    statement = (
        "SELECT key, started, 1 AS n, 2 AS n, reasons FROM tasks JOIN runs USING (run) WHERE key <> '' ORDER BY 1"
    )
    rows = list(csv.reader(query(statement, "--csv")[1].splitlines()))
    assert rows[0] == ["key", "started", "n", "n", "reasons"]
    records = list(map(json.loads, query(statement, "--json")[1].splitlines()))
    assert [record["key"] for record in records] == [f"2013-01-0{day}" for day in (1, 2, 3)]
    assert records[0] | {"started": rows[1][1]} == {
        "key": "2013-01-01",
        "started": rows[1][1],
        "n": 1,
        "n_1": 2,
        "reasons": ["never built"],
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?[+-]\d\d:\d\d", rows[1][1])


def test_an_answer_has_no_progress_bar_in_it(built: Sandbox) -> None:
    """DuckDB draws one on standard output, where Python runs neither a file nor a module."""
    code = "import sys; from dbuild.cli.main import main; sys.exit(main(sys.argv[1:]))"
    asking = ("query", "--csv", "SELECT current_setting('enable_progress_bar') AS bar")
    done = subprocess.run([sys.executable, "-c", code, *asking], cwd=built.root, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "bar\nfalse\n")


@pytest.mark.parametrize("form", ["csv", "json"])
def test_data_is_what_it_is_also_where_reports_are_plain(
    query: Callable[..., Done], form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBUILD_ASCII", "1")
    code, text, _ = query("SELECT 'a…b' AS a", "--format", form)
    assert code == 0
    assert (text.splitlines()[-1] if form == "csv" else json.loads(text)["a"]) == "a…b"
    assert query("SELECT 'a…b' AS a")[1].splitlines()[-1] == "a~b"  # for people


def test_files_by_their_endings(query: Callable[..., Done], tmp_path: Path) -> None:
    for ending in ("csv", "jsonl", "parquet", "txt"):
        assert query("FROM partitions", "-o", str(tmp_path / f"x.{ending}")) == (0, "", "")
    assert pyarrow.parquet.read_table(tmp_path / "x.parquet").column_names == [c.name for c in VIEWS[2].columns]
    assert len((tmp_path / "x.csv").read_text().splitlines()) == 1 + 7
    assert json.loads((tmp_path / "x.jsonl").read_text().splitlines()[0])["kind"] == "source"
    assert (tmp_path / "x.txt").read_text().startswith("dataset  kind")
    assert query("SELECT 1 AS a, 2 AS a", "--format", "parquet", "-o", str(tmp_path / "y"))[0] == 0
    assert pyarrow.parquet.read_table(tmp_path / "y").to_pylist() == [{"a": 1, "a_1": 2}]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["FROM runs", "-o", "x.xlsx"], 'the ending of "x.xlsx" names no format'),
        (["FROM runs", "--csv", "--format", "json"], "csv and json are different formats"),
        (["FROM runs", "-o", "none/x.csv"], "none/x.csv can't be written: No such file or directory"),
        (["SELECT *\nFROM rusn"], "error: Table with name rusn does not exist!\n  line 2: FROM rusn"),
    ],
)
def test_what_is_wrong_is_said(query: Callable[..., Done], built: Sandbox, words: list[str], said: str) -> None:
    code, _, errors = query(*words)
    assert code in (1, 2)
    assert said in errors
    assert not [path for path in built.root.iterdir() if path.name.startswith(".dbuild-tmp")]


def test_a_file_that_is_there_stays_until_the_new_one_is_whole(query: Callable[..., Done], tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("before")
    statement = "SELECT CASE WHEN run > 0 THEN error('no') END FROM tasks"
    assert query(statement, "-o", str(tmp_path / "x.csv"))[0] == 2
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("x.csv", "before")]


def test_statements_from_standard_input(built: Sandbox) -> None:
    """In a process of its own, which has no reason to import pandas."""
    code = (
        "import sys; from dbuild.cli.main import main; assert main(['query', '-', '--csv']) == 0;"
        "print(sorted({'pandas', 'rich'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=built.root,
        env=built.environment(),
        input="SELECT count(*) AS n, max(started) > '2013-01-01' AS now\nFROM runs -- of all",
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("n,now\n1,true\n[]\n", "")


def test_without_a_statement_the_views_are_listed(query: Callable[..., Done]) -> None:
    lines = query()[1].splitlines()
    assert lines[0] == "runs: what was run, cleaned or marked, one row for each time"
    assert [line.split(":")[0] for line in lines if re.match(r"[a-z]+:", line)] == [view.name for view in VIEWS]
    record = json.loads(query("--json")[1])
    assert [view["name"] for view in record["views"]] == [view.name for view in VIEWS]


def test_a_reader_that_has_seen_enough(built: Sandbox) -> None:
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m dbuild query 'FROM range(3000000)' --csv | head -2"],
        cwd=built.root,
        env=built.environment(),
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("range\n0\n", "")


def test_values_of_every_kind() -> None:
    values: list[Any] = [None, True, 1, 1.5, float("nan"), b"\xff", [1, {"a": None}], "x"]
    assert [text_of(value, is_null="") for value in values] == [
        "", "true", "1", "1.5", "nan", "ff", '[1, {"a": null}]', "x"
    ]  # fmt: skip
    assert [plain(value) for value in values] == [None, True, 1, 1.5, None, "ff", [1, {"a": None}], "x"]
    assert unlike(["a", "a", "a_1", "a"]) == ["a", "a_1", "a_1_1", "a_2"]


def test_the_page_describes_the_views_as_they_are() -> None:
    for view in VIEWS:
        rows = [f"| `{column.name}` | {column.type} | {column.meaning} |" for column in view.columns]
        assert "\n".join([f"### `{view.name}`", "", f"{view.meaning[0].upper()}{view.meaning[1:]}."]) in DOCS
        assert "\n".join(["| column | type | |", "|---|---|---|", *rows]) in DOCS
    assert re.findall(r"^### `(\w+)`$", DOCS, re.MULTILINE) == [view.name for view in VIEWS]


@pytest.mark.parametrize("statement", re.findall(r"```sql\n(.*?)```", DOCS, re.DOTALL))
def test_the_questions_of_the_page_can_be_asked(built: Sandbox, statement: str) -> None:
    with ask(Settings(str(built.root)), statement) as answer:
        assert answer.columns
        assert list(answer.batches) is not None
