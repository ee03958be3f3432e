"""One statement's rows as the files of several partitions, and what that costs."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from random import Random

import duckdb
import pytest

from dbuild.core.task import Task, TaskDimension, TaskOutput, TaskPart, format_of
from dbuild.errors import RecipeError
from dbuild.recipes import splitting, syntax
from dbuild.recipes.composition import Step
from dbuild.recipes.engine import Engine
from dbuild.recipes.sql import run
from tests.recipes.sqltasks import DAY, HOUR, ORIGIN, read_parquet, rows, task

ORIGINS = ("EWR", "JFK", "LGA", "a/b", "=", "é")
ROWS = (
    "SELECT DATE '2013-01-01' + (n // 6)::INT AS day, o AS origin, n AS n FROM range(60) t(n), (SELECT UNNEST({}) AS o)"
)


def batch(folder: Path, ending: str, order: str = "n DESC", least: int = 0) -> Task:
    """Rows for each of six origins, on ten days: sixty parts of six rows at most, and one that has none."""
    keys = [(f"2013-01-{day:02d}", origin) for day in range(1, 11) for origin in ORIGINS] + [("2013-01-11", "JFK")]
    paths = [str(folder / f"{number}{ending}") for number in range(len(keys))]
    parts = (TaskPart(key, (), (TaskOutput("", p, p, format_of(p)),)) for key, p in zip(keys, paths, strict=True))
    text = f"{ROWS.format(list(ORIGINS))} WHERE n % 6 >= {least} ORDER BY {order}"
    made = task(text, folder / f"x{ending}", dimensions=(DAY, ORIGIN))
    return replace(made, outputs=(), parts=tuple(parts))


def rows_in(path: Path) -> list[tuple[str, str, int]]:
    """The rows of a file, in their order."""
    if path.suffix == ".arrow":
        import pyarrow

        return [
            (str(row["day"]), row["origin"], row["n"]) for row in pyarrow.ipc.open_file(path).read_all().to_pylist()
        ]
    if path.suffix == ".json":
        return [(row["day"], row["origin"], row["n"]) for row in json.loads(path.read_text())]
    if path.suffix == ".csv":
        head, *lines = path.read_text().splitlines()
        assert head == "day,origin,n"
        return [(day, origin, int(n)) for day, origin, n in (line.split(",") for line in lines)]
    return [(str(day), origin, n) for day, origin, n in read_parquet(path)]


@pytest.mark.parametrize("order", ["n DESC", "n", "n % 5, n"])
@pytest.mark.parametrize("least", [0, 5])
@pytest.mark.parametrize("ending", [".parquet", ".csv", ".json", ".arrow"])
def test_each_part_gets_its_rows_in_their_order_and_nothing_else_is_left(
    tmp_path: Path, ending: str, order: str, least: int
) -> None:
    made = batch(tmp_path, ending, order, least)
    run(made, Engine([str(tmp_path)]))
    assert sorted(os.listdir(tmp_path)) == sorted(f"{number}{ending}" for number in range(61))
    for number, part in enumerate(made.parts or ()):
        own = range(number // 6 * 6 + least, number // 6 * 6 + 6) if number < 60 else ()
        ordered = {"n": own, "n DESC": reversed(own), "n % 5, n": sorted(own, key=lambda n: (n % 5, n))}[order]
        assert rows_in(tmp_path / f"{number}{ending}") == [(*part.key, n) for n in ordered]


@pytest.mark.parametrize(("order", "least", "statements"), [("n", 0, 1), ("n DESC", 5, 1), ("n DESC", 0, 60)])
def test_one_statement_writes_all_parts_whose_order_can_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str, least: int, statements: int
) -> None:
    """Files of parts share a folder: one for each, made and removed, would cost as much as writing a small file."""
    moved: list[str] = []
    copies: list[str] = []
    replace_file, execute = os.replace, splitting.execute

    def noted(steps: Iterable[Step], engine: Engine) -> None:
        given = list(steps)
        copies.extend(str(step.text) for step in given if "COPY (" in str(step.text))
        execute(given, engine)

    monkeypatch.setattr(os, "replace", lambda a, b: moved.append(os.path.dirname(a)) or replace_file(a, b))
    monkeypatch.setattr(splitting, "execute", noted)
    run(batch(tmp_path, ".parquet", order, least), Engine([str(tmp_path)]))
    assert len(copies) == statements + 1  # and one for the part that has no rows
    assert (len(moved), len(set(moved))) == ((60, 1) if statements == 1 else (0, 0))


KINDS = {
    "VARCHAR": ["'a'", "'B'", "'b'", "'A'", "''", "NULL", "'é'", "'a' || chr(0)", "'ab'", "'a longer one, b'"],
    "VARCHAR COLLATE NOCASE": ["'a'", "'B'", "'b'", "'A'", "'z'", "'Z'", "NULL"],
    "VARCHAR COLLATE NOACCENT": ["'e'", "'é'", "'f'", "'d'", "NULL"],
    "DOUBLE": ["1", "'nan'", "NULL", "-0.0", "0.0", "'inf'", "'-inf'"],
    "DATE": ["'2013-01-01'", "NULL", "'infinity'", "'-infinity'", "'0001-01-01 (BC)'"],
    "TIME WITH TIME ZONE": ["'00:00:00+00'", "'00:00:00+01'", "'01:00:00+01'", "'23:00:00-01'", "NULL"],
    "INTERVAL": ["'1 month'", "'30 days'", "'720 hours'", "'1 year'", "NULL"],
    "BLOB": ["'\\x00'", "'\\xFF'", "''", "'\\x00\\x01'", "NULL"],
    "BIT": ["'0'", "'1'", "'01'", "'00'", "'000000000'", "NULL"],
    "BIGNUM": ["1", "-1", "300", "NULL"],
    "STRUCT(bits BIT)": ["{'bits': '1'}", "{'bits': '01'}", "NULL"],
    "DOUBLE[]": ["['nan']", "[]", "[NULL]", "[1, 2]", "[1]", "NULL"],
    "MAP(VARCHAR, INTEGER)": ["MAP {'a': 1}", "MAP {}", "MAP {'a': NULL}", "MAP {'b': 0}", "NULL"],
    "UNION(i INTEGER, s VARCHAR)": ["1", "'a'::VARCHAR", "-1", "NULL"],
    "ENUM('z', 'a', 'm')": ["'z'", "'a'", "'m'", "NULL"],
}


@pytest.mark.parametrize(
    ("kind", "ending"),
    [
        *((kind, ".parquet") for kind in KINDS),
        *((kind, ".csv") for kind in ("VARCHAR COLLATE NOCASE", "DOUBLE", "BIT")),
    ],
)
def test_rows_keep_their_order_whatever_their_columns_are(tmp_path: Path, kind: str, ending: str) -> None:
    """Each file is what a task of its own would write: what COPY sorts by is what rows are compared by."""
    random = Random(7)
    plain, _, collation = kind.partition(" COLLATE ")
    keys = [(f"k{number:02}",) for number in range(12)]
    values = [
        f"('{key}', CAST({value} AS {plain}))"
        for (key,) in keys
        for value in random.sample(KINDS[kind], random.choice((1, 2, 2, 2, 3)))
    ]
    shown = f"v COLLATE {collation}" if collation else "v"
    text = f"SELECT {shown} AS v, o AS origin FROM (VALUES {', '.join(values)}) t(o, v)"
    outputs = [TaskOutput("", p, p, format_of(p)) for p in (str(tmp_path / f"{key}{ending}") for (key,) in keys)]
    parts = tuple(TaskPart(key, (), (output,)) for key, output in zip(keys, outputs, strict=True))
    engine = Engine([str(tmp_path)])
    run(replace(task(text, tmp_path / f"x{ending}", dimensions=(ORIGIN,)), outputs=(), parts=parts), engine)
    for (key,) in keys:
        alone = tmp_path / f"alone{ending}"
        run(task(f"SELECT * FROM ({text}) WHERE origin = '{key}'", alone), engine)
        assert content(tmp_path / f"{key}{ending}") == content(alone)


class Noting:
    """A connection that takes note of what it is asked to do."""

    def __init__(self, connection: object, asked: list[str]) -> None:
        self._connection = connection
        self._asked = asked

    def __getattr__(self, name: str) -> object:
        if name in ("execute", "sql"):
            self._asked.append(name)
        return getattr(self._connection, name)


@pytest.mark.parametrize("count", [2, 40])
def test_a_batch_takes_few_statements_however_many_parts_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """Rows, how many each part has, and files; what hides statistics, and shows them again. Nothing is bound anew."""
    parts = []
    for number in range(count):
        path = str(tmp_path / f"{number}.parquet")
        parts.append(TaskPart((f"{2001 + number}-01-01",), (), (TaskOutput("", path, path, "parquet"),)))
    text = f"SELECT (2001 + n || '-01-01')::DATE AS day, n FROM range({count}) t(n)"
    made = replace(task(text, tmp_path / "x.parquet", dimensions=(DAY,)), outputs=(), parts=tuple(parts))
    engine, asked = Engine([str(tmp_path)]), list[str]()
    run(made, engine)
    connection, root = Engine.bare_cursor, Engine.root
    monkeypatch.setattr(Engine, "bare_cursor", property(lambda self: Noting(connection.__get__(self), asked)))
    monkeypatch.setattr(Engine, "root", property(lambda self: Noting(root.__get__(self), asked)))
    run(made, engine)
    assert asked == ["execute"] * 5
    assert [len(read_parquet(Path(part.outputs[0].path))) for part in parts] == [1] * count


def test_names_of_columns_are_the_same_in_any_case(tmp_path: Path) -> None:
    parts = []
    for number in (1, 2):
        path = str(tmp_path / f"{number}.parquet")
        parts.append(TaskPart((f"2013-01-0{number}", "EWR"), (), (TaskOutput("", path, path, "parquet"),)))
    text = "SELECT n, (DATE '2013-01-01' + n::INT) AS \"Day\", 'EWR' AS ORIGIN FROM range(2) t(n)"
    made = task(text, tmp_path / "x.parquet", dimensions=(DAY, ORIGIN))
    run(replace(made, outputs=(), parts=tuple(parts)), Engine([str(tmp_path)]))
    assert [read_parquet(Path(part.outputs[0].path)) for part in parts] == [
        [(n, date(2013, 1, n + 1), "EWR")] for n in (0, 1)
    ]


def split(folder: Path, text: str, dimension: TaskDimension, *keys: str) -> list[list[tuple[object, ...]]]:
    """The rows of each part of a result."""
    parts = []
    for number, key in enumerate(keys):
        path = str(folder / f"{number}.parquet")
        parts.append(TaskPart((key,), (), (TaskOutput("", path, path, "parquet"),)))
    made = task(text, folder / "x.parquet", dimensions=(dimension,))
    run(replace(made, outputs=(), parts=tuple(parts)), Engine([str(folder)]))
    return [read_parquet(Path(part.outputs[0].path)) for part in parts]


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
@pytest.mark.parametrize("order", ["", "ORDER BY n DESC"])
def test_a_part_of_many_rows_is_one_file_with_all_of_them(tmp_path: Path, ending: str, order: str) -> None:
    """DuckDB by itself begins another file, of the same part, after half a million rows."""
    paths = [str(tmp_path / f"{key}{ending}") for key in "ab"]
    parts = tuple(
        TaskPart((key,), (), (TaskOutput("", p, p, format_of(p)),)) for key, p in zip("ab", paths, strict=True)
    )
    text = f"SELECT IF(n < 1300000, 'a', 'b') AS origin, n FROM range(1300010) t(n) {order}"
    made = task(text, tmp_path / f"x{ending}", dimensions=(ORIGIN,))
    run(replace(made, outputs=(), parts=parts), Engine([str(tmp_path)]))
    select = "SELECT count(*), min(n), max(n), first(n) FROM '{}'"
    session = duckdb.connect(config={"threads": 1})  # several would read in any order
    found = [row for path in paths for row in session.sql(select.format(path)).fetchall()]
    first = (1299999, 1300009) if order else (0, 1300000)
    assert found == [(1300000, 0, 1299999, first[0]), (10, 1300000, 1300009, first[1])]
    assert sorted(os.listdir(tmp_path)) == [f"a{ending}", f"b{ending}"]


def test_keys_of_hours_have_their_rows(tmp_path: Path) -> None:
    text = "SELECT TIMESTAMP '2013-01-01' + n * INTERVAL 1 HOUR AS hour, n FROM range(1, 3) t(n)"
    found = split(tmp_path, text, HOUR, "2013-01-01T01", "2013-01-01T02", "2013-01-01T03")
    assert found == [[(datetime(2013, 1, 1, n), n)] for n in (1, 2)] + [[]]


def test_texts_that_a_collation_takes_for_each_other_are_different_keys(tmp_path: Path) -> None:
    rows = "FROM (VALUES ('a', 5), ('A', 1), ('a', 3)) t(o, n)"
    for text in (f"SELECT o COLLATE NOCASE AS origin, n {rows}", f"SELECT n, o COLLATE NOCASE AS origin {rows}"):
        found = split(tmp_path, text, ORIGIN, "a", "A")
        assert [sorted(map(str, row)) for part in found for row in part] == [["5", "a"], ["3", "a"], ["1", "A"]]


@pytest.mark.parametrize("name", ["rowid", "RowId", "dbuild_part", "dbuild_place"])
def test_a_column_that_hides_the_places_of_rows_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RecipeError, match=f'the result has a column "{name}"') as caught:
        split(tmp_path, f"SELECT 'a' AS origin, 1 AS {name}", ORIGIN, "a")
    assert caught.value.place
    assert caught.value.hint


def test_a_key_of_a_type_that_tells_no_moment_is_an_error_of_the_recipe(tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        split(tmp_path, "SELECT 5 AS hour, 1 AS n", HOUR, "2013-01-01T01")
    assert caught.value.place


OTHERS = (  # rows of other parts: the last ones are out of order, so that no part can be told by its values
    "SELECT '2013-01-05', NULL, 'a long text ' || n FROM range(4) t(n)",
    "SELECT '2013-01-06', 3 - n, NULL FROM range(3) t(n)",
)


@pytest.mark.parametrize("order", ["n", "n DESC"])
@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP", "VARCHAR"])
def test_the_bytes_of_a_part_are_its_own(tmp_path: Path, kind: str, order: str) -> None:
    """What the parts beside it hold counts for nothing, nor does how parts are told apart."""
    parts = []
    for number in range(1, 7):
        path = str(tmp_path / f"{number}.parquet")
        parts.append(TaskPart((f"2013-01-0{number}",), (), (TaskOutput("", path, path, "parquet"),)))
    found = []
    for count in range(len(OTHERS) + 1):
        own = f"(SELECT '2013-01-0' || (n // 3 + 1), n, n::VARCHAR FROM range(12) t(n) ORDER BY {order})"
        text = f"SELECT noon::{kind} AS day, n, v FROM ({' UNION ALL '.join((own, *OTHERS[:count]))}) t(noon, n, v)"
        made = task(text, tmp_path / "x.parquet", dimensions=(DAY,))
        run(replace(made, outputs=(), parts=tuple(parts)), Engine([str(tmp_path)]))
        found.append([Path(part.outputs[0].path).read_bytes() for part in parts[:4]])
    assert found[0] == found[1] == found[2]


def test_a_task_at_which_duckdb_fails_leaves_a_session_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a fault of its own DuckDB takes no statement any more, not even to parse it."""
    monkeypatch.setattr(splitting, "_UNSORTABLE", re.compile(r"(?!)"))
    monkeypatch.setattr(syntax, "_parsers", [])
    engine = Engine([str(tmp_path)])
    session = engine.root
    path = str(tmp_path / "x.parquet")
    made = task("SELECT n::BIT AS v, 'EWR' AS origin FROM range(2) t(n)", tmp_path / "x.parquet", dimensions=(ORIGIN,))
    parts = (TaskPart(("EWR",), (), (TaskOutput("", path, path, "parquet"),)),)
    with suppress(RecipeError):  # once DuckDB has learnt it, there is nothing to recover from
        run(replace(made, outputs=(), parts=parts), engine)
        pytest.skip("this DuckDB can do it")
    assert rows(engine, "SELECT 'no other' AS says_so", tmp_path) == [("no other",)]
    assert engine.root is not session


def content(path: Path) -> object:
    """The rows of a file, with whatever is equal told apart."""
    return repr(read_parquet(path)) if path.suffix == ".parquet" else path.read_text()
