"""Targets of which one call makes several partitions: the same files, traces and verdicts as one by one."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from dbuild.build.run import Run
from dbuild.build.verdicts import Verdicts
from dbuild.core.events import TaskStarted, TaskStopped
from dbuild.core.task import Result
from dbuild.errors import ProjectError
from tests.build.workshop import DAYS, Workshop

WEEK = [f"01-{day:02d}" for day in range(1, 8)]
SQL = f"""
{DAYS}
[sources.raw]
path = "data/{{day}}.csv"
schema = {{ place = "VARCHAR", amount = "BIGINT" }}
[targets.sums]
path = "out/sums/{{day}}.parquet"
batch = 1
sql = "SELECT day, place, sum(amount)::BIGINT AS amount FROM raw GROUP BY ALL ORDER BY amount DESC, place"
[targets.trend]
path = "out/trend/{{day}}.csv"
batch = 1
inputs.sums = {{ day = "-1d..0d" }}
sql = '''
SELECT keys.day, count(*) AS rows, sum(amount)::BIGINT AS amount
FROM keys JOIN sums ON sums.day BETWEEN keys.day - 1 AND keys.day GROUP BY ALL'''
[targets.total]
path = "out/total.json"
sql = "SELECT sum(amount)::BIGINT AS amount FROM trend"
"""
CALLS = "from pathlib import Path\nfrom dbuild import Key\nimport pyarrow\n"
COPY = """
def copy(keys: list[Key], raw: dict[Key, Path], output: dict[Key, Path], params):
    with open("calls.txt", "a") as calls:
        print(*(key.day.day for key in keys), file=calls)
    for key in keys:
        text = raw[key].read_text()
        if "bad" in text:
            raise ValueError(f"{key} is bad")
        if "odd" not in text:
            output[key].write_text(text.upper())
"""
PYTHON = f"""
{DAYS}
[sources.raw]
path = "data/{{day}}.txt"
[targets.copy]
path = "out/{{day}}.txt"
python = "recipes:copy"
batch = 4
"""


def rows(project: Workshop, days: dict[str, str]) -> None:
    for day, text in days.items():
        project.write(f"data/2013-{day}.csv", "place,amount\n" + text)


def made(root: Path, batch: str, flow: str = SQL) -> Workshop:
    project = Workshop(root, flow.replace("batch = 1", batch))
    rows(project, {day: f"a,{number}\nb,{number * 2}\na,1\n" for number, day in enumerate(WEEK)})
    rows(project, {"01-04": ""})
    return project


def calls(project: Workshop) -> list[list[int]]:
    """The days of each call so far, which are forgotten then."""
    found = [list(map(int, line.split())) for line in project.read("calls.txt").splitlines()]
    project.path("calls.txt").unlink()
    return found


def copying(root: Path, flow: str = PYTHON, recipe: str = COPY) -> Workshop:
    project = Workshop(root, flow)
    project.write("recipes.py", CALLS + recipe)
    project.days("data", *WEEK, text="day {day}\n")
    return project


def test_files_are_the_same_however_many_are_made_together(tmp_path: Path) -> None:
    found = {}
    for batch in ("batch = 1", "batch = 3", 'batch = "all"'):
        project = made(tmp_path / re.sub(r"\W", "", batch), batch)
        assert project.build(jobs=1).standing == (15, 0, 0, 0, 0)
        assert project.temporaries() == []
        found[batch] = project.outputs()
    assert len(found["batch = 1"]) == 15
    assert found["batch = 1"] == found["batch = 3"] == found['batch = "all"']
    sums = duckdb.sql(f"SELECT * FROM '{tmp_path}/batch1/out/sums/2013-01-03.parquet'").fetchall()
    assert [row[1:] for row in sums] == [("b", 4), ("a", 3)]
    empty = duckdb.sql(f"SELECT * FROM '{tmp_path}/batch1/out/sums/2013-01-04.parquet'")
    assert (empty.columns, empty.fetchall()) == (["day", "place", "amount"], [])


def test_a_recipe_that_fits_both_makes_the_same_rows_without_batch(tmp_path: Path) -> None:
    together = made(tmp_path / "a", "batch = 5")
    alone = made(
        tmp_path / "b", "", SQL.replace("FROM keys JOIN sums ON", "FROM (SELECT $day AS day) keys JOIN sums ON")
    )
    for project in (together, alone):
        project.build(jobs=1)
    for day in WEEK:
        select = f"SELECT * FROM '{{}}/out/sums/2013-{day}.parquet'"
        assert (
            duckdb.sql(select.format(tmp_path / "a")).fetchall() == duckdb.sql(select.format(tmp_path / "b")).fetchall()
        )
    assert together.read("out/total.json") == alone.read("out/total.json")


def test_only_what_changed_runs_and_what_comes_out_the_same_stops_it(tmp_path: Path) -> None:
    project = made(tmp_path, "batch = 3")
    project.build(jobs=1)
    rows(project, {"01-02": "a,1000\n"})
    assert project.build(jobs=1).ran == [f"sums@2013-{WEEK[1]}", "total", *(f"trend@2013-{day}" for day in WEEK[1:3])]
    rows(project, {"01-02": "a,600\na,400\n"})  # the sum is the same
    assert project.build(jobs=1).ran == [f"sums@2013-{WEEK[1]}"]


def test_another_number_makes_nothing_stale(tmp_path: Path) -> None:
    project = made(tmp_path, "batch = 3")
    project.build(jobs=1)
    project.write("Dataflowfile", project.read("Dataflowfile").replace("batch = 3", "batch = 50"))
    assert project.build(jobs=1).ran == []
    project.write("Dataflowfile", project.read("Dataflowfile").replace('batch = 50\nsql = "', 'sql = "'))
    assert project.build(jobs=1).ran == []


@pytest.mark.parametrize(
    ("sql", "line", "what", "hint"),
    [
        ("SELECT $day AS day", 9, '"$day" is of one partition', "use the column day"),
        ("\nSELECT\n  $day_end AS day FROM raw", 11, '"$day_end" is of one partition', "use the column day"),
        ("SELECT day, $provisional FROM raw", 9, '"$provisional" is of one partition', "remove it"),
        ("SELECT raw.day FROM raw, t", 10, "reads its own earlier partitions", 'remove "batch"'),
    ],
)
def test_what_one_partition_has_is_an_error_with_its_place(
    tmp_path: Path, sql: str, line: int, what: str, hint: str
) -> None:
    own = 'inputs.t = { day = "previous" }\n' if ", t" in sql else ""
    head = f'{DAYS}[sources.raw]\npath = "data/{{day}}.csv"\n[targets.t]\npath = "out/{{day}}.csv"\n'
    project = Workshop(tmp_path, f'{head}sql = """{sql}"""\n{own}batch = 2\n')
    with pytest.raises(ProjectError) as failed:
        project.build(jobs=1)
    (problem,) = failed.value.problems
    assert (what in problem.what, hint in str(problem.hint)) == (True, True)
    assert str(problem.place) == f"Dataflowfile:{line}"


def test_sql_cannot_tell_a_stand_in_from_what_it_stands_for(tmp_path: Path) -> None:
    project = Workshop(tmp_path, SQL + 'inputs.trend = { missing = "latest" }\n')
    project.swap(
        "Dataflowfile",
        "[targets.total]",
        '[targets.last]\npath = "out/last/{day}.csv"\nbatch = 2\n'
        'sql = "SELECT day FROM raw"\ninputs.raw = { missing = "latest" }\n[targets.total]',
    )
    with pytest.raises(ProjectError, match="tell what they stand in for"):
        project.build(jobs=1)


def test_rows_of_other_partitions_and_missing_columns_are_errors(tmp_path: Path) -> None:
    project = made(
        tmp_path, "batch = 4", SQL.replace("FROM keys JOIN sums", "FROM (SELECT DISTINCT day FROM sums) keys JOIN sums")
    )
    errors = project.build("trend@2013-01-06..2013-01-07", keep_going=True).errors
    assert "rows of partitions that weren't asked for: 2013-01-05" in errors["trend@2013-01-06"]
    assert "JOIN keys USING (day)" in errors["trend@2013-01-06"]
    project.swap("Dataflowfile", "SELECT day, place,", "SELECT place,")
    errors = project.build("sums", keep_going=True).errors
    assert len(errors) == 7
    assert 'the result has no column "day"' in errors["sums@2013-01-01"]


def test_python_gets_dicts_by_key_and_is_called_once_for_each_batch(tmp_path: Path) -> None:
    project = copying(tmp_path)
    assert project.build(jobs=1).standing == (7, 0, 0, 0, 0)
    assert calls(project) == [[1, 2, 3, 4], [5, 6, 7]]
    assert project.read("out/2013-01-05.txt") == "DAY 01-05\n"
    project.days("data", "01-02", "01-06", text="other {day}\n")
    assert project.build(jobs=1).ran == ["copy@2013-01-02", "copy@2013-01-06"]
    assert calls(project) == [[2, 6]]


def test_a_call_that_fails_is_halved_until_the_bad_one_stands_alone(tmp_path: Path) -> None:
    project = copying(tmp_path, PYTHON.replace("batch = 4", 'batch = "all"\nretries = { times = 1, delay = "1ms" }'))
    project.days("data", "01-03", text="bad\n")
    done = project.build(jobs=1, keep_going=True)
    assert done.standing == (6, 0, 1, 0, 0)
    assert "2013-01-03 is bad" in done.errors["copy@2013-01-03"]
    assert sorted(calls(project)) == [[1, 2], [1, 2, 3, 4], [1, 2, 3, 4, 5, 6, 7], [3], [3], [3, 4], [4], [5, 6, 7]]
    assert project.temporaries() == []
    project.days("data", "01-03", text="good\n")
    assert project.build(jobs=1).ran == ["copy@2013-01-03"]


def test_one_that_is_not_written_fails_alone(tmp_path: Path) -> None:
    project = copying(tmp_path)
    project.days("data", "01-02", text="odd\n")
    done = project.build(jobs=1, keep_going=True)
    assert done.standing == (6, 0, 1, 0, 0)
    assert "neither returned nor wrote" in done.errors["copy@2013-01-02"]
    assert calls(project) == [[1, 2, 3, 4], [5, 6, 7]]


FORMS = """
def named(raw: dict[Key, list[Path]], keys):
    for key in reversed(keys):
        yield key, {"text": str(len(raw[key])), "table": pyarrow.table({"n": [key.day.day]})}

def shown(clean: dict[Key, pyarrow.Table]):
    return {key: str(table.num_rows) for key, table in clean.items()}

def stray(raw: dict):
    yield "2012-12-31", "x"

def single(raw: dict[Key, Path]):
    return "x"
"""


def test_named_outputs_views_and_generators(tmp_path: Path) -> None:
    flow = f"""{DAYS}
[sources.raw]
path = "data/{{day}}.csv"
[targets.clean]
sql = "SELECT * FROM raw WHERE amount > 1"
[targets.named]
path = {{ text = "out/{{day}}.txt", table = "out/{{day}}.parquet" }}
python = "recipes:named"
batch = 2
[targets.shown]
path = "out/shown/{{day}}.txt"
python = "recipes:shown"
batch = "all"
"""
    project = Workshop(tmp_path, flow)
    project.write("recipes.py", CALLS + FORMS.replace("dict[Key, list[Path]]", "dict[Key, list[Path]]"))
    rows(project, {day: f"a,{number}\nb,5\n" for number, day in enumerate(WEEK[:3])})
    assert project.build(jobs=1).standing == (6, 0, 0, 0, 0)
    assert project.read("out/2013-01-02.txt") == "1"
    assert [project.read(f"out/shown/2013-{day}.txt") for day in WEEK[:3]] == ["1", "1", "2"]


@pytest.mark.parametrize(("function", "what"), [("stray", "wasn't asked for"), ("single", "returned one value")])
def test_what_is_returned_has_to_be_by_key(tmp_path: Path, function: str, what: str) -> None:
    project = copying(tmp_path, PYTHON.replace("recipes:copy", f"recipes:{function}"), FORMS)
    assert what in project.build("copy@2013-01-01", keep_going=True).errors["copy@2013-01-01"]


def test_rows_that_are_routed_come_together(tmp_path: Path) -> None:
    flow = f"""{DAYS}
[sources.raw]
path = "data/{{day}}.csv"
schema = {{ moment = "DATE", amount = "BIGINT" }}
[targets.sums]
path = "out/{{day}}.csv"
inputs.raw = {{ by = "moment" }}
batch = 1
sql = "SELECT moment AS day, sum(amount)::BIGINT AS amount FROM raw GROUP BY ALL"
"""
    found = []
    for batch in ("batch = 1", 'batch = "all"'):
        project = Workshop(tmp_path / batch[8:].strip('"'), flow.replace("batch = 1", batch))
        for number, day in enumerate(WEEK):
            late = f"2013-{WEEK[max(0, number - 2)]},100\n"
            project.write(f"data/2013-{day}.csv", f"moment,amount\n2013-{day},{number}\n{late}")
        assert project.build(jobs=1).summary.built == 7
        found.append(project.outputs())
    assert found[0] == found[1]


def test_what_is_printed_is_with_each_of_them(tmp_path: Path) -> None:
    project = copying(tmp_path, recipe=COPY.replace("    for key in keys:", '    print("told")\n    for key in keys:'))
    project.build(jobs=1)
    logs = {path.name for path in project.path(".dbuild/logs/1").iterdir()}
    assert len(logs) == 7
    assert project.read(".dbuild/logs/1/copy@2013-01-03.log") == "told\n"


def test_a_process_that_dies_of_too_many_is_given_fewer(tmp_path: Path) -> None:
    dying = "    import os\n    if len(keys) > 2:\n        os.kill(os.getpid(), 9)\n    for key in keys:"
    project = copying(tmp_path, recipe=COPY.replace("    for key in keys:", dying))
    done = project.build("copy@2013-01-01..2013-01-04", jobs=1)
    assert done.standing == (4, 0, 0, 0, 0)
    assert calls(project) == [[1, 2, 3, 4], [1, 2], [3, 4]]
    assert "copy: 4 partitions in one call failed, so each half is tried" in done.notices[0]


def test_why_halves_are_tried_is_told_without_a_hint(tmp_path: Path) -> None:
    large = "    if len(keys) > 2:\n        raise MemoryError\n    for key in keys:"
    project = copying(tmp_path, recipe=COPY.replace("    for key in keys:", large))
    done = project.build("copy@2013-01-01..2013-01-04", jobs=1)
    assert (done.standing[0], len(done.notices)) == (4, 1)
    assert done.notices[0].endswith("so each half is tried: MemoryError"), done.notices


def test_what_is_halved_is_decided_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many may still turn out not to run is told with the time that is left."""
    flow = PYTHON.replace(
        "[targets.copy]", '[targets.raw]\npath = "mid/{day}.txt"\nshell = "cat {given} > {output}"\n[targets.copy]'
    )
    project = copying(tmp_path, flow.replace("[sources.raw]", "[sources.given]"))
    assert project.build(jobs=1).standing[0] == 14
    project.days("data", *WEEK[:4], text="other {day}\n")
    project.write("data/2013-01-03.txt", "bad\n")
    found: list[Verdicts] = []
    start = Verdicts.__init__
    monkeypatch.setattr(Verdicts, "__init__", lambda self, *given: found.append(self) or start(self, *given))
    calls(project)
    assert list(project.build(jobs=1, keep_going=True).errors) == ["copy@2013-01-03"]
    assert calls(project) == [[1, 2, 3, 4], [1, 2], [3, 4], [3], [4]]
    assert [one.undecided for one in found] == [0]


ENDLESS = """
import os, time
def copy(keys, raw, output):
    open("began", "w").close()
    while True:
        pass
def fail(output):
    while not os.path.exists("began"):
        time.sleep(0.01)
    raise ValueError("no use")
"""


def test_what_a_call_took_that_is_stopped_is_shared_by_its_partitions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = PYTHON + '[targets.bad]\npath = "out/bad.txt"\npython = "recipes:fail"\n'
    project = copying(tmp_path, flow, recipe=ENDLESS)
    results: list[Result] = []
    finish = Run._finish
    monkeypatch.setattr(Run, "_finish", lambda self, *given: results.append(given[0]) or finish(self, *given))
    done = project.build("copy@2013-01-01..2013-01-04", "bad", jobs=2, fail_fast=True)
    assert list(done.errors) == ["bad"]
    spent = [event.spent.cpu for event in done.events if isinstance(event, TaskStopped) and event.spent]
    assert len(spent) == 4
    (call,) = (result for result in results if result.error == "interrupted")
    assert sum(spent) == pytest.approx(call.cpu)


def test_fail_fast_keeps_a_batch_that_had_ended_when_another_could_not_be_started(tmp_path: Path) -> None:
    """What is next fails before what came of the batch is settled: it may not run without its input."""
    project = Workshop(
        tmp_path,
        f"""
{DAYS}
[sources.raw]
path = "data/{{day}}.txt"
[sources.rare]
path = "rare.txt"
[targets.copy]
path = "out/{{day}}.txt"
python = "recipes:copy_slowly"
inputs = ["raw"]
batch = "all"
[targets.next]
path = "next.txt"
shell = "cp {{rare}} {{output}}"
inputs.rare = {{ missing = "fail" }}
""",
    )
    slowly = """
import time
def copy_slowly(keys: list[Key], raw: dict[Key, Path], output: dict[Key, Path], params):
    began = time.process_time()
    while time.process_time() < began + 0.3:
        pass
    copy(keys, raw, output, params)
"""
    project.write("recipes.py", CALLS + COPY + slowly)
    project.write("rare.txt", "rare\n")
    project.days("data", "01-01", "01-02", text="day {day}\n")
    project.build()
    project.path("rare.txt").unlink()
    project.days("data", "01-01", "01-02", text="another {day}\n")
    done = project.build(jobs=1, fail_fast=True)
    assert [event.target for event in done.events if isinstance(event, TaskStarted)] == ["copy", "copy", "next"]
    assert (done.ran, list(done.errors)) == (["copy@2013-01-01", "copy@2013-01-02", "next"], ["next"])
    assert not any(isinstance(event, TaskStopped) for event in done.events)
