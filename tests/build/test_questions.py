"""Questions about the ledger of real projects, in this process."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dbuild.build import Settings, ask
from dbuild.build.streams import BATCH, array_of
from dbuild.core.catalogue import REAL, TEXT, TEXTS, TRUTH, VIEWS, WHOLE
from dbuild.errors import UserError
from dbuild.state.records import Records
from dbuild.state.schema import STEPS
from tests.build.workshop import DAYS, Workshop

FLOW = f"""{DAYS}
[partitions.place]
values = ["a,b", "é"]
[sources.raw]
path = "raw/{{day}}.txt"
expect = {{ at = "06:00" }}
[sources.other]
path = "other/{{day}}/*.txt"
[targets.daily]
path = "out/daily/{{day}}/{{place}}.txt"
shell = "cat {{raw}} {{other}} > {{output}}; echo $DBUILD_PARAM_LEVEL >> {{output}}"
params = ["level"]
inputs.raw = {{ missing = "latest" }}
inputs.other = {{ missing = "skip" }}
[targets.total]
path = {{ sum = "out/sum.txt", list = "out/list/" }}
shell = "cat {{daily}} > {{output.sum}}; cp {{output.sum}} {{output.list}}/x; cp {{output.sum}} {{output.list}}/y"
[targets.broken]
path = "out/broken/{{day}}.txt"
shell = "echo so; exit 3"
inputs = ["raw"]
[project]
params = {{ level = 3 }}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Two days, of which the second has no raw file yet; built twice, of which the second time one file had changed."""
    made = Workshop(tmp_path_factory.mktemp("questions") / "p", FLOW)
    made.days("raw", "01-01")
    made.write("other/2013-01-01/x.txt", "x")
    made.write("other/2013-01-01/y.txt", "yy")
    made.write("other/2013-01-02/x.txt", "z")
    for path in ("raw/2013-01-01.txt", *(f"other/2013-01-0{each}.txt" for each in ("1/x", "1/y", "2/x"))):
        made.date(path, "2013-01-03T08:00")  # none is so young that it might change unseen
    made.build(keep_going=True, now="2013-01-03T09:00")
    made.write("other/2013-01-02/x.txt", "zz")
    made.date("other/2013-01-02/x.txt", "2013-01-03T09:30")
    made.build("daily", keep_going=True, now="2013-01-03T10:00")
    done = made.run("mark", "daily@2013-01-01", "frozen", "--why", "audited")
    assert done.returncode == 0, done.stderr
    return made


def asked(made: Workshop, statement: str) -> list[tuple[Any, ...]]:
    """The rows that a statement gives."""
    with ask(Settings(str(made.root)), statement) as answer:
        return [row for batch in answer.batches for row in zip(*(c.to_pylist() for c in batch.columns), strict=True)]


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_views_have_the_columns_that_they_say(shop: Workshop, view: Any) -> None:
    found = [row[:2] for row in asked(shop, f"DESCRIBE {view.name}")]
    assert found == [(column.name, column.type) for column in view.columns]
    names = ", ".join(f"max({column.name}) AS {column.name}" for column in view.columns)  # none has to be quoted
    assert asked(shop, f"SELECT count(*), {names} FROM {view.name}")[0][0] > 0


def test_runs_and_tasks(shop: Workshop) -> None:
    assert asked(shop, "SELECT run, outcome, built, failed, fresh FROM runs") == [
        (1, "failed", 5, 1, 0),
        (2, "done", 2, 0, 2),
        (3, "marked", 0, 0, None),
    ]
    rows = asked(shop, "SELECT partition, changed, reason, size FROM tasks WHERE run = 2 ORDER BY key")
    assert [row[:2] for row in rows] == [("daily@2013-01-02,a%2Cb", True), ("daily@2013-01-02,é", True)]
    assert rows[0][2].startswith("input changed other@2013-01-02: ")
    (failed,) = asked(shop, "SELECT status, error, log IS NOT NULL, seconds > 0 FROM tasks WHERE target = 'broken'")
    assert failed == ("failed", "exited with status 3", True, True)


def test_partitions_of_targets_and_of_sources(shop: Workshop) -> None:
    rows = asked(shop, "SELECT partition, status, run, files, size, digest IS NULL, provisional FROM partitions")
    assert sorted(rows) == [
        ("broken@2013-01-01", "failed", 1, 0, None, True, None),
        ("daily@2013-01-01,a%2Cb", "built", 1, 1, 11, False, False),
        ("daily@2013-01-01,é", "built", 1, 1, 11, False, False),
        ("daily@2013-01-02,a%2Cb", "built", 2, 1, 10, False, True),
        ("daily@2013-01-02,é", "built", 2, 1, 10, False, True),
        ("other@2013-01-01", "there", None, 2, 3, True, None),
        ("other@2013-01-02", "there", None, 1, 2, False, None),
        ("raw@2013-01-01", "there", None, 1, 6, False, None),
        ("total", "built", 1, 3, 3 * 40, True, False),
    ]


def test_what_was_read_and_what_was_not_there(shop: Workshop) -> None:
    rows = asked(
        shop,
        "SELECT input_partition, absent, stand_in, digest IS NULL FROM inputs"
        " WHERE partition = 'daily@2013-01-02,é' ORDER BY ALL",
    )
    assert rows == [
        ("other@2013-01-02", False, None, False),
        ("raw@2013-01-01", False, None, False),
        ("raw@2013-01-02", True, "2013-01-01", True),
    ]
    assert asked(shop, "SELECT DISTINCT name, value FROM params") == [("level", "3")]


def test_the_rest(shop: Workshop) -> None:
    assert asked(shop, "SELECT mark, target, keys, word, why, until FROM marks") == [
        (3, "daily", "2013-01-01", "frozen", "audited", None)
    ]
    assert asked(shop, "SELECT partition, tail, attempts, failures FROM failures") == [
        ("broken@2013-01-01", "so", 1, 1)
    ]
    rows = asked(shop, "SELECT partition, kind, run, late_by IS NULL FROM arrivals ORDER BY ALL")
    assert rows == [("other@2013-01-02", "corrected", 2, True)]
    (row,) = asked(shop, "SELECT name, path, files FROM outputs WHERE name = 'sum'")
    assert row == ("sum", "out/sum.txt", 1)


def test_views_can_be_joined_also_with_themselves(shop: Workshop) -> None:
    statement = "SELECT count(*) FROM tasks a JOIN tasks b USING (run, number) JOIN runs USING (run)"
    assert asked(shop, statement) == asked(shop, "SELECT count(*) FROM tasks") == [(8,)]


def test_only_what_a_statement_names_is_read(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    views = Records.views

    def noted(self: Records) -> dict[str, Any]:
        def of(name: str, rows: Any) -> Any:
            def noting() -> Iterator[Any]:
                read.append(name)
                return iter(rows())

            return noting

        return {name: of(name, rows) for name, rows in views(self).items()}

    monkeypatch.setattr(Records, "views", noted)
    asked(shop, "SELECT target FROM failures JOIN marks USING (target)")
    assert sorted(read) == ["failures", "marks"]


def test_all_is_of_one_moment_and_nobody_waits(shop: Workshop, tmp_path: Path) -> None:
    made = shop.copy(tmp_path / "p")
    with ask(Settings(str(made.root)), "SELECT (SELECT count(*) FROM runs), count(*) FROM runs") as answer:
        with sqlite3.connect(made.path(".dbuild/state.db"), timeout=0) as other:
            other.execute("INSERT INTO run (flow, started, command) VALUES ('Dataflowfile', 1, '')")
        (batch,) = answer.batches
        assert [column.to_pylist() for column in batch.columns] == [[3], [3]]
    assert asked(made, "SELECT count(*) FROM runs") == [(4,)]


def test_rows_come_in_batches(shop: Workshop, tmp_path: Path) -> None:
    made = shop.copy(tmp_path / "p")
    with sqlite3.connect(made.path(".dbuild/state.db")) as db:
        db.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ?) INSERT INTO run"
            " (flow, started, command) SELECT 'Dataflowfile', i, 'x' || i FROM n",
            (3 * BATCH,),
        )
    with ask(Settings(str(made.root)), "FROM runs") as answer:
        sizes = [batch.num_rows for batch in answer.batches]
    assert sum(sizes) == 3 * BATCH + 3
    assert max(sizes) <= BATCH


@pytest.mark.parametrize(
    ("statement", "said", "hint"),
    [
        ("FROM rusn", "Table with name rusn does not exist!\nFROM rusn\n     ^^^^", 'did you mean "runs"?'),
        ("FROM nothing_like_it", "Table with name", "the views are runs, tasks, "),
        ("SELECT secnds FROM runs", 'Referenced column "secnds" not found', 'did you mean "seconds"?\nruns has run, '),
        ("SELECT run,\n secnds\nFROM runs", "line 2:  secnds\n         ^^^^^^", "did you mean"),
        ("SELECT t.x FROM tasks t", '"x"', "tasks has run, number"),
        ("SELCT 1", 'syntax error at or near "SELCT"\nSELCT 1\n^^^^^', None),
        ("SELECT foo(1)", "foo", "Did you mean"),
        ("SELECT 'x'::INT FROM runs", "Could not convert string 'x'", None),
        ("", "there is no statement", "one is asked at a time"),
        ("-- nothing", "there is no statement", "one is asked at a time"),
        ("FROM runs; FROM tasks", "there are 2 statements", "one is asked at a time"),
        ("DROP VIEW runs", "DROP is no question", "ask with SELECT"),
        ("CREATE TABLE x AS FROM runs", "CREATE is no question", "ask with SELECT"),
        ("COPY runs TO 'x.csv'", "COPY is no question", "ask with SELECT"),
        ("ATTACH '.dbuild/state.db'", "ATTACH is no question", "ask with SELECT"),
        ("SET threads = 1", "SET is no question", "ask with SELECT"),
        ("CALL pragma_version()", "CALL is no question", "ask with SELECT"),
        ("FROM 'raw/2013-01-01.txt'", "Table with name raw/2013-01-01.txt", "the views are"),
        ("FROM 'Dataflowfile.csv'", "Cannot access file", "a question reads the ledger and nothing else"),
        ("FROM read_text('/etc/hostname')", "Cannot access file", "a question reads the ledger and nothing else"),
        ("FROM settings", "Table with name settings", "the views are"),
    ],
)
def test_what_is_no_question(shop: Workshop, statement: str, said: str, hint: str | None) -> None:
    with pytest.raises(UserError) as caught:
        asked(shop, statement)
    assert caught.value.exit_code == 2
    assert said in caught.value.what
    assert (caught.value.hint or "").startswith(hint) if hint else caught.value.hint is None


@pytest.mark.parametrize("statement", ["PIVOT tasks ON status USING count(*) GROUP BY target", "SUMMARIZE runs"])
def test_every_way_to_ask(shop: Workshop, statement: str) -> None:
    assert asked(shop, statement)


def test_types_that_nothing_else_has(shop: Workshop) -> None:
    assert asked(shop, "SELECT INTERVAL 3 DAY, 1 AS a, 2 AS a, '2020-01-01 00:00:00.5'::TIMESTAMP_NS") == [
        ("3 days", 1, 2, "2020-01-01 00:00:00.5")
    ]


def test_a_failing_state_is_no_mistake_of_the_statement(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Records) -> Iterator[Any]:
        raise sqlite3.DatabaseError("disk image is malformed")
        yield

    monkeypatch.setattr(Records, "_runs", broken)
    with pytest.raises(UserError, match=r"the state can't be read: .*malformed"):
        asked(shop, "FROM runs")


def test_a_project_without_a_ledger(tmp_path: Path) -> None:
    made = Workshop(tmp_path / "p", FLOW)
    assert [asked(made, f"FROM {view.name}") for view in VIEWS] == [[]] * len(VIEWS)
    assert not made.path(".dbuild").exists()


def test_a_project_that_can_not_be_read_has_targets(shop: Workshop, tmp_path: Path) -> None:
    made = shop.copy(tmp_path / "p")
    made.write("Dataflowfile", "[[[")
    doubts: list[str] = []
    with ask(Settings(str(made.root)), "SELECT DISTINCT kind FROM partitions", doubts.append) as answer:
        assert [row for batch in answer.batches for row in batch.to_pylist()] == [{"kind": "target"}]
    assert doubts[0].startswith("nothing is known of sources: Dataflowfile:1: ")


def test_a_state_of_an_older_version(tmp_path: Path) -> None:
    made = Workshop(tmp_path / "p", FLOW)
    made.path(".dbuild").mkdir()
    with sqlite3.connect(made.path(".dbuild/state.db")) as db:
        for statement in (one for version in range(1, 5) for one in STEPS[version].split(";")):
            db.execute(statement)
        db.execute("PRAGMA user_version = 4")
        db.execute("INSERT INTO target VALUES (1, 'Dataflowfile', 'daily')")
        db.execute("INSERT INTO run VALUES (1, 'Dataflowfile', 5.0, 'x', 1.0, 'done', 1, 0)")
        db.execute("INSERT INTO task VALUES (1, 1, 1, '', 'built', 1, 0.5, 6.0, '[\"never built\"]', NULL, NULL)")
    assert asked(made, "SELECT reason, size, is_mended, fresh FROM tasks JOIN runs USING (run)") == [
        ("never built", None, False, None)
    ]


def test_texts_that_mean_harm(tmp_path: Path) -> None:
    made = Workshop(tmp_path / "p", '[sources.raw]\npath = "raw/{name}.txt"\n[partitions.name]\ndiscover = "raw"\n')
    names = ["a'; DROP TABLE run; --", "fresh", "日本"]
    for name in names:
        made.write(f"raw/{name}.txt", "x")
    swallow = '[targets.copy]\npath = "out/{name}.txt"\nshell = "cp {raw} {output}"\n'
    made.write("Dataflowfile", made.read("Dataflowfile") + swallow)
    made.build()
    found = asked(made, "SELECT DISTINCT key FROM partitions ORDER BY key")
    assert [key for (key,) in found] == ["%66resh", "a'; DROP TABLE run; --", "日本"]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (TEXT, ("a", None, "é日", "")),
        (TEXTS, (["a", "b"], None, [], ["é"])),
        (WHOLE, (1, None, -(2**62))),
        (REAL, (1.5, None, 2)),
        (TRUTH, (True, None, False, *[True] * 9)),
        (TEXT, ("a", "b")),
        (TRUTH, ()),
    ],
)
def test_arrays_hold_what_they_were_given(kind: str, values: tuple[Any, ...]) -> None:
    found = array_of(values, kind)
    found.validate(full=True)
    assert found.to_pylist() == list(values)


def test_bytes_that_are_no_text_are_shown() -> None:
    assert array_of(("a\udcff", None), TEXT).to_pylist() == ["a\\xff", None]
    assert array_of((["\udcff"], []), TEXTS).to_pylist() == [["\\xff"], []]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_question(shop: Workshop, monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    connect, views = duckdb.connect, Records.views
    late = threading.Event()
    watchdogs = []

    def watched(*given: Any, **named: Any) -> duckdb.DuckDBPyConnection:
        session = connect(*given, **named)
        watchdogs.append(threading.Timer(60, lambda: (late.set(), session.interrupt())))
        watchdogs[-1].start()
        return session

    def signalling(records: Records) -> dict[str, Any]:
        found = views(records)
        runs = found["runs"]

        def rows() -> Iterator[tuple[object, ...]]:
            yield from runs()
            os.kill(os.getpid(), number)  # DuckDB has begun; what is asked for takes it days

        return found | {"runs": rows}

    before, woken = signal.getsignal(number), signal.set_wakeup_fd(-1)
    monkeypatch.setattr(duckdb, "connect", watched)
    monkeypatch.setattr(Records, "views", signalling)
    with pytest.raises(KeyboardInterrupt):
        asked(shop, "SELECT sum(a.range * b.range) FROM runs, range(100000000) AS a, range(1000000) AS b")
    for one in watchdogs:
        one.cancel()
    assert not late.is_set()
    assert signal.getsignal(number) is before
    assert signal.set_wakeup_fd(woken) == -1
