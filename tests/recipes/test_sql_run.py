"""SQL recipes run for real: values bound, inputs as tables, results in every format, errors with their line."""

from __future__ import annotations

import json
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from dbuild.core.task import TaskInput, TaskOutput, format_of
from dbuild.errors import RecipeError
from dbuild.recipes import syntax
from dbuild.recipes.engine import Engine
from dbuild.recipes.readers import WRITTEN_CSV
from dbuild.recipes.sql import run
from tests.recipes.sqltasks import DAY, HOUR, ORIGIN, given, read_parquet, rows, session, task, write


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine([str(tmp_path)])


@pytest.fixture
def numbers(tmp_path: Path) -> TaskInput:
    path = write(tmp_path / "in" / "numbers.parquet", "SELECT n, n % 3 AS g FROM range(9) t(n)")
    return given("numbers", path, dimensions=(DAY,), keys=(("2013-01-05",),))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT count(*) AS n FROM numbers", [(9,)]),
        ("FROM Numbers SELECT max(n), min(day) -- a comment at the end", [(8, date(2013, 1, 5))]),
        ("WITH x AS (SELECT n FROM numbers WHERE n < 2) FROM x ORDER BY n DESC", [(1,), (0,)]),
        (
            "with\nrecursive r(n) AS (SELECT 7 UNION ALL SELECT n+1 FROM r WHERE n<8) FROM r JOIN numbers USING (n)",
            None,
        ),
        ("WITH numbers AS (SELECT * FROM numbers WHERE n = 3) SELECT n FROM numbers", [(3,)]),
        ("(SELECT n FROM numbers WHERE n = 1) UNION ALL (SELECT 5) ORDER BY n", [(1,), (5,)]),
        ("VALUES (1), (2)", [(1,), (2,)]),
        ("TABLE numbers LIMIT 1", [(0, 0, date(2013, 1, 5))]),
        ("SELECT n FROM numbers a WHERE EXISTS (FROM numbers b WHERE b.n = a.n + 8)", [(0,)]),
        ("SELECT a.n FROM numbers a JOIN numbers b ON a.n = b.n * 8 WHERE b.n = 1", [(8,)]),
        ("PIVOT (SELECT n, g FROM numbers) ON g USING sum(n)", [(9, 12, 15)]),
        ("WITH q AS (SELECT n, g FROM numbers) PIVOT q ON g IN (1, 2) USING sum(n)", [(12, 15)]),
        ("PIVOT numbers ON g USING count(*) GROUP BY day", [(date(2013, 1, 5), 3, 3, 3)]),
        ("SELECT numbers.day FROM numbers LIMIT 1", [(date(2013, 1, 5),)]),
        ("SELECT numbers FROM numbers LIMIT 1", [({"n": 0, "g": 0, "day": date(2013, 1, 5)},)]),
        ("SELECT x FROM numbers x LIMIT 1", [({"n": 0, "g": 0, "day": date(2013, 1, 5)},)]),
        ("SELECT COLUMNS('d.*') FROM numbers LIMIT 1", [(date(2013, 1, 5),)]),
        ("SELECT column_name FROM (DESCRIBE numbers)", [("n",), ("g",), ("day",)]),
        ("SELECT count(*) FROM numbers NATURAL JOIN (SELECT DATE '2013-01-05' AS day)", [(9,)]),
        ("SELECT count(*) FROM numbers JOIN (SELECT DATE '2013-01-05' AS day) USING (day)", [(9,)]),
        ("CREATE TEMP TABLE t AS FROM numbers; CREATE TEMP VIEW v AS SELECT n FROM t WHERE n > 7; FROM v;", [(8,)]),
        ("CREATE TEMP MACRO m(x, y := 1) AS x + y, (x) AS x; SELECT m(n, y := 5) FROM numbers LIMIT 1", [(5,)]),
        ("CREATE TEMP MACRO m(x) AS TABLE SELECT n FROM numbers WHERE n = x; FROM m(4)", [(4,)]),
    ],
)
def test_forms_of_statements(
    engine: Engine, tmp_path: Path, numbers: TaskInput, text: str, expected: list[tuple[Any, ...]] | None
) -> None:
    found = rows(engine, text, tmp_path, numbers)
    assert found == expected if expected is not None else [row[0] for row in found] == [7, 8]


@pytest.mark.parametrize("text", ["DESCRIBE numbers", "SUMMARIZE numbers"])
def test_statements_that_describe(engine: Engine, tmp_path: Path, numbers: TaskInput, text: str) -> None:
    assert [row[0] for row in rows(engine, text, tmp_path, numbers)] == ["n", "g", "day"]


def test_named_outputs_are_read_as_target_dot_output(engine: Engine, tmp_path: Path) -> None:
    one = given("model.metrics", write(tmp_path / "m.parquet", "SELECT 1 AS x"))
    csv = tmp_path / "w.csv"
    csv.write_text("x\n2\n")
    two = given("model.weights", csv, schema=(("x", "BIGINT"),))
    text = "SELECT metrics.x + w.x AS s FROM Model.Metrics, model.weights AS w"
    assert rows(engine, text, tmp_path, one, two) == [(3,)]
    assert rows(engine, text, tmp_path, one, two) == [(3,)]
    with pytest.raises(RecipeError, match="does not exist"):
        rows(engine, "FROM model.metrics", tmp_path)


def test_the_key_is_bound_typed(engine: Engine, tmp_path: Path) -> None:
    text = "SELECT $day AS a, $day_end AS b, $hour AS c, $hour_end AS d, $origin AS e"
    more: dict[str, Any] = {"dimensions": (DAY, HOUR, ORIGIN), "key": ("2013-02-28", "2013-02-28T23", "O'Hare'; --")}
    end = datetime(2013, 3, 1)
    assert rows(engine, text, tmp_path, **more) == [
        (date(2013, 2, 28), date(2013, 3, 1), datetime(2013, 2, 28, 23), end, "O'Hare'; --")
    ]
    types = "SELECT " + ", ".join(f"typeof(${name})" for name in ("day", "day_end", "hour", "hour_end", "origin"))
    assert rows(engine, types, tmp_path, **more) == [("DATE", "DATE", "TIMESTAMP", "TIMESTAMP", "VARCHAR")]


def test_params_keep_one_type_whatever_their_size(engine: Engine, tmp_path: Path) -> None:
    text = "SELECT typeof($i), typeof($f), typeof($s), typeof($b), $i + 1, $s"
    for value in (1, 5_000_000_000):
        params = (("i", value), ("f", 1.5), ("s", "x' OR 1=1"), ("b", True), ("unused", 1))
        expected = ("BIGINT", "DOUBLE", "VARCHAR", "BOOLEAN", value + 1, "x' OR 1=1")
        assert rows(engine, text, tmp_path, params=params) == [expected]


def test_params_work_in_every_statement_and_in_pivots(engine: Engine, tmp_path: Path, numbers: TaskInput) -> None:
    text = "CREATE TEMP TABLE t AS SELECT n FROM numbers WHERE n > $low; SELECT n FROM t WHERE n < $high"
    assert rows(engine, text, tmp_path, numbers, params=(("low", 3), ("high", 6))) == [(4,), (5,)]
    pivot = "PIVOT (SELECT n, g FROM numbers WHERE n > $low) ON g IN (1, 2) USING sum(n)"
    assert rows(engine, pivot, tmp_path, numbers, params=(("low", 3),)) == [(11, 13)]


def test_an_unknown_value_is_named_with_a_hint(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        rows(engine, "SELECT $min_dely", tmp_path, params=(("min_delay", 1),))
    assert '"$min_dely" is neither a dimension' in caught.value.what
    assert caught.value.hint == 'did you mean "min_delay"?'


@pytest.mark.parametrize(
    ("text", "said", "line"),
    [
        ("SELECT n,\n  nn\nFROM numbers", 'Referenced column "nn" not found', 2),
        ("SELECT n\nFROM numbers\nWHERE nope(n)", "Scalar Function with name nope does not exist", 3),
        ("CREATE TEMP TABLE t AS\nSELECT n FROM numbers;\n\nSELECT\n m FROM t", 'column "m" not found', 5),
        ("CREATE TEMP TABLE t AS\nSELECT q FROM numbers; FROM t", 'column "q" not found', 2),
        ("WITH x AS (\n SELECT 1 AS a)\nSELECT b FROM x, numbers", 'column "b" not found', 3),
        ("SELECT 1;", "", 0),
    ],
)
@pytest.mark.parametrize("ending", ["parquet", "csv", "arrow"])
def test_an_error_has_duckdbs_message_and_the_line(
    engine: Engine, tmp_path: Path, numbers: TaskInput, text: str, said: str, line: int, ending: str
) -> None:
    if not line:
        return
    odd = given("odd", write(tmp_path / "new\nline" / "a.parquet", "SELECT 1 AS x"))
    text = text.replace("FROM numbers", "FROM odd, numbers", 1) if line != 5 else text
    with pytest.raises(RecipeError) as caught:
        run(task(text, tmp_path / f"out.{ending}", numbers, odd), engine)
    assert said in caught.value.what
    assert "LINE" not in caught.value.what
    assert str(caught.value.place) == f"sql/recipe.sql:{line}"


def test_an_error_keeps_duckdbs_candidates(engine: Engine, tmp_path: Path, numbers: TaskInput) -> None:
    with pytest.raises(RecipeError, match='Candidate bindings: "n"'):
        rows(engine, "SELECT nn FROM numbers", tmp_path, numbers)


def test_an_error_in_the_data_is_an_error_of_the_task(engine: Engine, tmp_path: Path, numbers: TaskInput) -> None:
    for ending in ("parquet", "csv", "json", "arrow"):
        with pytest.raises(RecipeError, match="Could not convert string"):
            run(task("SELECT CAST('x' || n AS INT) AS n FROM numbers", tmp_path / f"o.{ending}", numbers), engine)


def test_an_output_that_can_not_be_written_is_an_error(engine: Engine, tmp_path: Path) -> None:
    for ending in ("parquet", "csv", "arrow"):
        with pytest.raises(RecipeError) as caught:
            run(task("SELECT 1 AS x", tmp_path / "no folder" / f"o.{ending}"), engine)
        assert caught.value.place is not None
    with pytest.raises(RecipeError, match="SQL can't write"):
        run(task("SELECT 1 AS x", tmp_path / "o.html"), engine)
    with pytest.raises(RecipeError, match='two columns of the name "X"'):
        run(task("SELECT 1 AS x, 2 AS X", tmp_path / "o.csv"), engine)


LEAKS = [
    ("CREATE TEMP TABLE t AS SELECT 1 AS x; FROM t", "FROM t"),
    ("CREATE TEMP VIEW v AS SELECT 1 AS x; FROM v", "FROM v"),
    ("CREATE TEMP MACRO m() AS 1; SELECT m() AS x", "SELECT m() AS x"),
    ("CREATE TEMP MACRO m() AS TABLE SELECT 1 AS x; FROM m()", "CREATE TEMP VIEW m2 AS SELECT 1 AS x; FROM m"),
    ("SELECT 1 AS x FROM numbers", "FROM numbers"),
    ("CREATE TEMP TABLE t AS SELECT 1 AS x FROM numbers; FROM t", "FROM numbers"),
]


@pytest.mark.parametrize(("first", "second"), LEAKS)
def test_nothing_stays_from_one_task_to_the_next(
    engine: Engine, tmp_path: Path, numbers: TaskInput, first: str, second: str
) -> None:
    rows(engine, first, tmp_path, numbers)
    with pytest.raises(RecipeError, match="does not exist"):
        rows(engine, second, tmp_path)
    assert rows(engine, first, tmp_path, numbers)


def test_nothing_stays_from_a_task_that_failed(engine: Engine, tmp_path: Path, numbers: TaskInput) -> None:
    with pytest.raises(RecipeError):
        rows(engine, "CREATE TEMP TABLE t AS SELECT 1 AS x; SELECT CAST('a' AS INT) FROM t", tmp_path)
    text = "CREATE TEMP TABLE t AS SELECT 2 AS x; FROM t"
    assert rows(engine, text, tmp_path) == [(2,)]
    metrics = given("model.metrics", Path(numbers.paths[0]))
    with pytest.raises(RecipeError):
        rows(engine, "SELECT CAST('a' AS INT) FROM model.metrics", tmp_path, metrics)
    with pytest.raises(RecipeError, match="does not exist"):
        rows(engine, "FROM model.metrics", tmp_path)


def test_the_zone_of_the_task_counts_and_not_that_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    engine = Engine([str(tmp_path)])
    text = "SELECT CAST(TIMESTAMPTZ '2013-01-05 03:00:00+00' AS DATE) AS d"
    for zone, day in (("UTC", 5), ("America/New_York", 4), ("UTC", 5)):
        assert rows(engine, text, tmp_path, timezone=zone) == [(date(2013, 1, day),)]
    with pytest.raises(RecipeError, match="not a time zone"):
        rows(engine, text, tmp_path, timezone="Nowhere")


def test_only_inputs_that_the_text_names_are_opened(engine: Engine, tmp_path: Path, numbers: TaskInput) -> None:
    gone = given("gone", tmp_path / "gone.parquet")
    model = given("model", tmp_path / "model.joblib")
    assert rows(engine, "SELECT count(*) FROM numbers", tmp_path, numbers, gone, model) == [(9,)]
    with pytest.raises(RecipeError, match='the input "model" is no table'):
        rows(engine, "SELECT * FROM model", tmp_path, model)


def test_rows_keep_the_order_of_files_and_of_the_query(tmp_path: Path) -> None:
    engine = Engine([str(tmp_path)], threads=4)
    paths = [write(tmp_path / f"{9 - n}.parquet", f"SELECT {n} AS f, r FROM range(50000) t(r)") for n in range(3)]
    assert [row[0] for row in rows(engine, "FROM a", tmp_path, given("a", *paths))] == [0] * 50000 + [1] * 50000 + [
        2
    ] * 50000
    ordered = rows(engine, "SELECT r FROM a WHERE f = 1 ORDER BY r DESC", tmp_path, given("a", *paths))
    assert [row[0] for row in ordered] == list(range(49999, -1, -1))


@pytest.mark.parametrize("ending", ["parquet", "csv", "csv.gz", "json", "jsonl", "arrow"])
def test_the_same_rows_give_the_same_bytes(tmp_path: Path, ending: str) -> None:
    source = given(
        "a", write(tmp_path / "a.parquet", "SELECT n, 's' || n % 7 AS s, n / 3 AS f FROM range(300000) t(n)")
    )
    found = set()
    for threads in (1, 4, 4):
        path = tmp_path / f"{len(found)}" / f"o.{ending}"
        path.parent.mkdir(exist_ok=True)
        run(task("SELECT * FROM a WHERE n % 2 = 0", path, source), Engine([str(tmp_path)], threads=threads))
        found.add(path.read_bytes())
    assert len(found) == 1


TYPES = {
    "BOOLEAN": ["true", "false", "NULL"],
    "INTEGER": ["1", "-2147483648", "NULL"],
    "HUGEINT": ["170141183460469231731687303715884105727", "NULL"],
    "UBIGINT": ["18446744073709551615", "0"],
    "DOUBLE": ["0.1", "1e300", "'inf'", "1/3", "NULL"],
    "FLOAT": ["0.1", "-0.5", "NULL"],
    "DECIMAL(18,3)": ["1.100", "-0.001", "NULL"],
    "VARCHAR": [
        "''",
        "NULL",
        "' x '",
        "'a,b'",
        "'q\"q'",
        "E'line\\nbreak\\r\\n'",
        "'NULL'",
        "'é'",
        "'2013-01-05'",
        "'007'",
    ],
    "DATE": ["'2013-01-05'", "'0001-01-01'", "NULL"],
    "TIME": ["'01:02:03.5'", "NULL"],
    "TIMESTAMP": ["'2013-01-05 00:00:00'", "'2013-01-05 01:02:03.000001'", "NULL"],
    "TIMESTAMP_NS": ["'2013-01-05 01:02:03.000000001'", "NULL"],
    "TIMESTAMP WITH TIME ZONE": ["'2013-11-03 05:30:00+00'", "'2013-11-03 06:30:00+00'", "NULL"],
    "BLOB": ["'\\x00\\xff,\"'", "''", "'plain'", "NULL"],
    "UUID": ["'00000000-0000-0000-0000-00000000000f'", "NULL"],
    "INTERVAL": ["'1 month 2 days 3 microseconds'", "NULL"],
    "INTEGER[]": ["[1, NULL, 3]", "[]", "NULL"],
    "VARCHAR[]": ["['', NULL, 'a,b', 'q\"', 'NULL', '''']", "[]", "NULL"],
    "STRUCT(a VARCHAR, b INTEGER)": ["{'a': 'x,\"y', 'b': NULL}", "{'a': '', 'b': 1}", "{'a': NULL, 'b': 2}", "NULL"],
    "MAP(VARCHAR, INTEGER)": ["MAP {'k': 1, 'l': NULL}", "MAP {}", "NULL"],
    "ENUM('a', 'b')": ["'a'", "'b'", "NULL"],
}
# Kinds of values that a format can't hold as they are: Arrow has no such type, DuckDB's JSON reader no such key.
NOT_HELD = {
    ("json", "DOUBLE"), ("jsonl", "DOUBLE"),  # JSON has no infinity
    ("parquet", "HUGEINT"), ("parquet", "INTERVAL"),  # Parquet has doubles and milliseconds
}  # fmt: skip


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "tsv", "json", "jsonl", "parquet", "arrow"])
@pytest.mark.parametrize("kind", list(TYPES))
def test_values_come_back_equal_with_the_recorded_types(engine: Engine, tmp_path: Path, ending: str, kind: str) -> None:
    if (ending, kind) in NOT_HELD:
        pytest.skip("the format can't hold these")
    values = ", ".join(f"({n}, CAST({value} AS {kind}))" for n, value in enumerate(TYPES[kind]))
    text = f"SELECT v, n FROM (VALUES {values}) t(n, v) ORDER BY n"
    path = tmp_path / f"o.{ending}"
    zone = "America/New_York"
    schema = run(task(text, path, timezone=zone), engine)
    assert schema is None if ending == "parquet" else schema == (("v", kind), ("n", "INTEGER"))
    read = WRITTEN_CSV if format_of(path.name) == "csv" else ()
    engine.set_timezone(zone)
    relation = engine.relation(given("a", path, schema=schema, read=read))
    with Engine([]).root.cursor() as plain:
        plain.execute(f"SET TimeZone = '{zone}'")
        expected = plain.execute(text).fetchall()
    assert [repr(row) for row in relation.fetchall()] == [repr(row) for row in expected]


@pytest.mark.parametrize("kind", ["VARCHAR", "INTEGER"])
def test_one_column_of_nothing_keeps_its_rows_in_csv(engine: Engine, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "o.csv"
    schema = run(task(f"SELECT CAST(NULL AS {kind}) AS v FROM range(3)", path), engine)
    assert engine.relation(given("a", path, schema=schema, read=WRITTEN_CSV)).fetchall() == [(None,)] * 3


def test_shapes_of_text_outputs(engine: Engine, tmp_path: Path) -> None:
    text = "SELECT n AS a, 'x' AS b FROM range(2) t(n)"
    for ending in ("csv", "tsv", "json", "jsonl", "ndjson"):
        run(task(text, tmp_path / f"o.{ending}"), engine)
    assert (tmp_path / "o.csv").read_text() == "a,b\n0,x\n1,x\n"
    assert (tmp_path / "o.tsv").read_text() == "a\tb\n0\tx\n1\tx\n"
    assert json.loads((tmp_path / "o.json").read_text()) == [{"a": 0, "b": "x"}, {"a": 1, "b": "x"}]
    assert (
        (tmp_path / "o.jsonl").read_text()
        == '{"a":0,"b":"x"}\n{"a":1,"b":"x"}\n'
        == (tmp_path / "o.ndjson").read_text()
    )


@pytest.mark.parametrize("ending", ["csv", "json", "jsonl", "parquet", "arrow"])
def test_a_result_without_rows_has_its_columns(engine: Engine, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"o.{ending}"
    schema = run(task("SELECT 1 AS a, 'x' AS b WHERE false", path), engine)
    relation = engine.relation(given("a", path, schema=schema))
    assert (relation.columns, relation.fetchall()) == (["a", "b"], [])
    if ending == "json":
        assert json.loads(path.read_text()) == []


def test_an_output_path_with_a_quote_is_written_there(engine: Engine, tmp_path: Path) -> None:
    for name in ("it's.parquet", "a'; DROP.csv", "w*[x]?.json", "n\nl.parquet"):
        run(task("SELECT 1 AS x", tmp_path / name), engine)
        assert (tmp_path / name).stat().st_size > 0
    assert read_parquet(tmp_path / "it's.parquet") == [(1,)]


def test_a_task_of_another_kind_is_a_fault_of_the_caller(engine: Engine, tmp_path: Path) -> None:
    from dataclasses import replace

    made = task("SELECT 1", tmp_path / "o.csv")
    with pytest.raises(ValueError, match="no SQL task"):
        run(replace(made, outputs=()), engine)
    assert isinstance(made.outputs[0], TaskOutput)


def test_recorded_columns_follow_the_inputs_and_the_data(engine: Engine, tmp_path: Path) -> None:
    """One warm session, one recipe: other types of an input, other columns of a PIVOT, another value of a param."""
    out = tmp_path / "o.csv"

    def columns(text: str, select: str, **more: Any) -> tuple[tuple[str, str], ...] | None:
        return run(task(text, out, given("a", write(tmp_path / "a.parquet", select)), **more), engine)

    assert columns("FROM a", "SELECT 1 AS x") == (("x", "INTEGER"),)
    assert columns("FROM a", "SELECT 'y' AS x") == (("x", "VARCHAR"),)
    assert columns("FROM a", "SELECT 1 AS z") == (("z", "INTEGER"),)
    pivot = "PIVOT a ON k USING count(*)"
    assert columns(pivot, "SELECT 'p' AS k") == (("p", "BIGINT"),)
    assert columns(pivot, "SELECT 'q' AS k") == (("q", "BIGINT"),)
    some = "SELECT COLUMNS(c -> c = $which) FROM a"
    for which in ("x", "y"):
        found = columns(some.replace("c -> c", "lambda c: c"), "SELECT 1 AS x, 2 AS y", params=(("which", which),))
        assert found == ((which, "INTEGER"),)
    for kind in ("BIGINT", "VARCHAR"):
        csv = tmp_path / "c.csv"
        csv.write_text("x\n1\n")
        assert run(task("FROM a", out, given("a", csv, schema=(("x", kind),))), engine) == (("x", kind),)


def test_a_statement_that_creates_nothing_leaves_its_connection_to_the_next(
    engine: Engine, tmp_path: Path, numbers: TaskInput
) -> None:
    def run_through(text: str) -> object:
        rows(engine, text, tmp_path, numbers, params=(("low", 7),))
        return engine.bare_cursor

    first = run_through("SELECT n FROM numbers WHERE n > $low")
    assert run_through("SELECT g FROM numbers") is first
    second = run_through("CREATE TEMP TABLE t AS FROM numbers; FROM t")
    assert second is not first
    with pytest.raises(RecipeError):
        run_through("SELECT error('no') FROM numbers")
    assert run_through("SELECT g FROM numbers") is not second
    run_through("FROM (PIVOT numbers ON g USING count(*))")
    assert engine.cursor.execute("SELECT type_name FROM duckdb_types() WHERE NOT internal").fetchall() == []
    shown = "SELECT TIMESTAMPTZ '2013-01-01 00:00:00+00'::VARCHAR AS x"
    for zone, hour in (("UTC", "00"), ("Asia/Tokyo", "09"), ("Europe/Berlin", "01")):
        assert rows(engine, shown, tmp_path, timezone=zone) == [(f"2013-01-01 {hour}:00:00+{hour}",)]


def test_a_task_calls_few_functions(engine: Engine, tmp_path: Path, numbers: TaskInput) -> None:
    """Values that its statement doesn't name aren't made."""
    more: dict[str, Any] = {
        "dimensions": (DAY, HOUR, ORIGIN),
        "key": ("2013-02-28", "2013-02-28T23", "EWR"),
        "params": tuple((f"p{number}", number) for number in range(20)),
    }
    one = task("SELECT n FROM numbers WHERE n > $p3", tmp_path / "result.parquet", numbers, **more)
    run(one, engine)
    called: list[str] = []
    sys.setprofile(lambda frame, event, _: called.append(frame.f_code.co_name) if event == "call" else None)
    try:
        run(one, engine)
    finally:
        sys.setprofile(None)
    assert "time_value" not in called
    assert len(called) <= 140, (len(called), sorted(called))


def test_what_parses_is_a_cursor_of_the_session_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To connect takes 20 ms; a session that is closed is let go of, and DuckDB's errors stay texts in the others."""
    import duckdb

    monkeypatch.setattr(syntax, "_parsers", [])
    connected: list[object] = []
    real = duckdb.connect
    monkeypatch.setattr(duckdb, "connect", lambda *words, **more: connected.append(words) or real(*words, **more))  # type: ignore[func-returns-value]
    engine = Engine([str(tmp_path)])
    session()
    before = len(connected)
    assert rows(engine, "SELECT 11 AS unlike_others", tmp_path) == [(11,)]
    assert len(connected) - before == 1
    with pytest.raises(RecipeError, match='Referenced column "nothing"'):
        rows(engine, "SELECT nothing", tmp_path)
    engine.close()
    assert syntax._parsers == []
    assert rows(engine, "SELECT 12 AS unlike_others", tmp_path) == [(12,)]
    assert len(connected) - before == 2
