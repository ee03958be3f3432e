"""Inputs as rows: formats, dimensions as columns, windows of many files, schemas, hostile names."""

from __future__ import annotations

import gzip
import os
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pytest

from dbuild.core.task import TaskDimension, TaskInput
from dbuild.errors import RecipeError
from dbuild.recipes.engine import Engine
from tests.recipes.sqltasks import DAY, HOUR, ORIGIN, given, rows, write

AB = (("a", "BIGINT"), ("b", "VARCHAR"))
WINDOW = [(date(2013, 1, 1) + timedelta(days=n)).isoformat() for n in range(365)]


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine([str(tmp_path)], threads=2)


def fetch(engine: Engine, source: TaskInput, wanted: Any = None) -> list[tuple[Any, ...]]:
    return engine.cursor.execute(engine.select(source, wanted)).fetchall()


def text(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def save_arrow(path: Path, table: pa.Table) -> Path:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return path


def year(folder: Path, ending: str) -> TaskInput:
    """A file for each day of 2013, in an order that is not that of their names; each row holds its own day."""
    paths = []
    for number, day in enumerate(WINDOW):
        path = folder / f"{(number * 151) % 365:03d}.{ending}"
        if ending == "arrow":
            save_arrow(path, pa.table({"own": [day, day], "n": [0, 1]}))
        elif ending == "csv":
            text(path, f"own,n\n{day},0\n{day},1\n")
        elif ending == "json":
            text(path, f'{{"own":"{day}","n":0}}\n{{"own":"{day}","n":1}}\n')
        else:
            paths.append(path)
            continue
        paths.append(path)
    if ending == "parquet":
        import duckdb

        folder.mkdir(exist_ok=True)
        with duckdb.connect() as session:
            for path, day in zip(paths, WINDOW, strict=True):
                session.execute(f"COPY (SELECT '{day}' AS own, n FROM range(2) t(n)) TO '{path}'")
    schema = (("own", "VARCHAR"), ("n", "BIGINT")) if ending in ("csv", "json") else None
    return given("a", *paths, dimensions=(DAY,), keys=tuple((day,) for day in WINDOW), schema=schema)


@pytest.mark.parametrize("ending", ["parquet", "csv", "json", "arrow"])
def test_each_row_of_a_window_of_365_files_has_its_own_day_in_the_order_of_the_keys(
    engine: Engine, tmp_path: Path, ending: str
) -> None:
    found = fetch(engine, year(tmp_path / "d", ending) if ending == "parquet" else _made(tmp_path / "d", ending))
    assert [(own, n, day.isoformat()) for own, n, day in found] == [(day, n, day) for day in WINDOW for n in (0, 1)]


def _made(folder: Path, ending: str) -> TaskInput:
    folder.mkdir()
    return year(folder, ending)


def test_days_stay_right_under_filters_on_day_and_on_columns(engine: Engine, tmp_path: Path) -> None:
    source = year(tmp_path / "d", "parquet")
    wrong = "SELECT count(*) FILTER (own <> CAST(day AS VARCHAR)) AS wrong, count(*) AS n FROM a WHERE "
    assert rows(engine, wrong + "day >= DATE '2013-12-30'", tmp_path, source) == [(0, 4)]
    assert rows(engine, wrong + "own = '2013-07-01'", tmp_path, source) == [(0, 2)]
    assert rows(engine, wrong + "n = 1 AND month(day) = 2", tmp_path, source) == [(0, 28)]


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_several_dimensions_and_several_files_of_one_key(engine: Engine, tmp_path: Path, ending: str) -> None:
    keys = (("2013-01-01", "EWR"), ("2013-01-01", "JFK"), ("2013-01-02", "JFK"), ("2013-01-02", "JFK"))
    paths = [write(tmp_path / f"{n}.{ending}", f"SELECT {n} AS n") for n in range(4)]
    source = given("a", *paths, dimensions=(DAY, ORIGIN), keys=keys, schema=(("n", "INTEGER"),))
    assert fetch(engine, source) == [
        (0, date(2013, 1, 1), "EWR"),
        (1, date(2013, 1, 1), "JFK"),
        (2, date(2013, 1, 2), "JFK"),
        (3, date(2013, 1, 2), "JFK"),
    ]
    assert fetch(engine, source, frozenset({"origin"})) == [(0, "EWR"), (1, "JFK"), (2, "JFK"), (3, "JFK")]
    assert fetch(engine, source, frozenset({"n"})) == [(0,), (1,), (2,), (3,)]


@pytest.mark.parametrize(
    ("unit", "key", "expected"),
    [
        ("day", "2013-02-28", date(2013, 2, 28)),
        ("week", "2013-W01", date(2012, 12, 31)),
        ("month", "2013-02", date(2013, 2, 1)),
        ("quarter", "2013-Q4", date(2013, 10, 1)),
        ("year", "2013", date(2013, 1, 1)),
        ("hour", "2013-01-05T13", datetime(2013, 1, 5, 13)),
        ("minute", "2013-01-05T13:45", datetime(2013, 1, 5, 13, 45)),
    ],
)
def test_a_time_dimension_is_the_start_of_its_period(
    engine: Engine, tmp_path: Path, unit: str, key: str, expected: object
) -> None:
    from dbuild.core.grain import Grain

    path = write(tmp_path / "a.parquet", "SELECT 1 AS x")
    source = given("a", path, dimensions=(TaskDimension("t", Grain(unit)),), keys=((key,),))
    assert fetch(engine, source) == [(1, expected)]


@pytest.mark.parametrize("ending", ["parquet", "csv", "json", "arrow"])
@pytest.mark.parametrize("count", [1, 3])
def test_a_column_of_the_file_stands_before_the_dimension_of_its_name(
    engine: Engine, tmp_path: Path, ending: str, count: int
) -> None:
    paths = []
    for n in range(count):
        path = tmp_path / f"{n}.{ending}"
        if ending == "arrow":
            save_arrow(path, pa.table({"Day": ["own"], "x": [n]}))
        else:
            write(path, f"SELECT 'own' AS \"Day\", {n} AS x")
        paths.append(path)
    keys = tuple((day,) for day in WINDOW[:count])
    schema = (("Day", "VARCHAR"), ("x", "BIGINT")) if ending in ("csv", "json") else None
    source = given("a", *paths, dimensions=(DAY,), keys=keys, schema=schema)
    expected = [("own", n) for n in range(count)]
    assert fetch(engine, source) == expected
    assert rows(engine, "FROM a", tmp_path, source) == expected
    assert rows(engine, "SELECT day, x FROM a", tmp_path, source) == expected
    assert rows(engine, "SELECT DAY, x FROM a WHERE a.day = 'own'", tmp_path, source) == expected


def test_a_column_called_file_index_does_not_disturb_the_keys(engine: Engine, tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{n}.parquet", "SELECT 1 AS file_index") for n in range(3)]
    keys = tuple((day,) for day in WINDOW[:3])
    source = given("a", *paths, dimensions=(DAY,), keys=keys)
    assert rows(engine, "SELECT day FROM a", tmp_path, source) == [(date.fromisoformat(day),) for day in WINDOW[:3]]
    assert [row[0] for row in fetch(engine, source)] == [1, 1, 1]


def test_neither_the_path_nor_its_folders_become_columns(engine: Engine, tmp_path: Path) -> None:
    path = write(tmp_path / "day=2013-01-05" / "origin=JFK" / "a.parquet", "SELECT 1 AS x")
    assert engine.relation(given("a", path)).columns == ["x"]
    with pytest.raises(RecipeError, match="filename"):
        rows(engine, "SELECT filename FROM a", tmp_path, given("a", path))


HOSTILE = [
    "O'Hare",
    "''); DROP TABLE x; --",
    'double "quoted"',
    "new\nline",
    "$day {day} %s",
    "a*b",
    "a?b",
    "a[b]c",
    "[*]",
    "**",
    "back\\slash",
    "-- comment",
    "ünïcödé 🛫",
    "day=2013",
    " ",
    "#?",
    "~",
    "$(touch x)",
]


@pytest.mark.parametrize("key", HOSTILE)
@pytest.mark.parametrize("ending", ["parquet", "csv", "json", "arrow"])
def test_a_hostile_key_is_inert_in_paths_and_values(engine: Engine, tmp_path: Path, ending: str, key: str) -> None:
    decoys = ["axb", "abc", "a", "x"]
    folder = tmp_path / "in"
    for name, value in [*((decoy, 0) for decoy in decoys), (key, 1)]:
        path = folder / f"{name}.{ending}"
        if ending == "arrow":
            folder.mkdir(exist_ok=True)
            save_arrow(path, pa.table({"x": [value]}))
        else:
            write(path, f"SELECT {value} AS x")
    schema = (("x", "BIGINT"),) if ending in ("csv", "json") else None
    source = given("a", path, dimensions=(ORIGIN,), keys=((key,),), schema=schema)
    assert fetch(engine, source) == [(1, key)]
    more = {"dimensions": (ORIGIN,), "key": (key,)}
    assert rows(engine, "SELECT x, origin = $origin AS same FROM a", tmp_path, source, **more) == [(1, True)]


def test_a_project_folder_with_pattern_characters_works(tmp_path: Path) -> None:
    root = tmp_path / "data [2013]*"
    path = write(root / "in" / "a.parquet", "SELECT 1 AS x")
    assert rows(Engine([str(root)]), "FROM a", root, given("a", path)) == [(1,)]


def test_a_name_that_duckdb_can_not_read_is_refused_by_name(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "back\\slash*.parquet"
    path.write_bytes(b"")
    with pytest.raises(RecipeError, match="backslash"):
        engine.select(given("a", path))
    with pytest.raises(RecipeError, match="not UTF-8"):
        engine.select(given("a", Path(os.fsdecode(b"/tmp/\xff.parquet"))))


def test_no_files_give_no_rows_of_the_given_schema(engine: Engine, tmp_path: Path) -> None:
    source = given("a", dimensions=(DAY, HOUR, ORIGIN), keys=(), schema=AB)
    relation = engine.relation(source)
    assert [str(kind) for kind in relation.types] == ["BIGINT", "VARCHAR", "DATE", "TIMESTAMP", "VARCHAR"]
    assert relation.columns == ["a", "b", "day", "hour", "origin"]
    assert relation.fetchall() == []
    assert rows(engine, "SELECT count(*) AS n, max(day) AS d FROM a", tmp_path, source) == [(0, None)]


def test_no_files_and_no_schema_name_the_remedy(engine: Engine) -> None:
    with pytest.raises(RecipeError, match="no partition here") as caught:
        engine.select(given("trend"))
    assert "schema" in (caught.value.hint or "")


def test_csv_is_read_with_the_schema_of_its_dataset_and_not_with_guesses(engine: Engine, tmp_path: Path) -> None:
    path = text(tmp_path / "a.csv", "a,b\n1,001\n2,true\n")
    assert fetch(engine, given("a", path, schema=AB)) == [(1, "001"), (2, "true")]
    quoted = text(tmp_path / "b.csv", 'a,b\n1,"x,""y""\nz"\n')
    assert fetch(engine, given("a", quoted, schema=AB)) == [(1, 'x,"y"\nz')]


def test_columns_in_another_order_are_read_by_name(engine: Engine, tmp_path: Path) -> None:
    paths = [
        text(tmp_path / "1.csv", "a,b\n1,x\n"),
        text(tmp_path / "2.csv", "b,a\ny,2\n"),
        text(tmp_path / "3.csv", "B,A\nz,3\n"),
        text(tmp_path / "4.csv", "a,b\n4,w\n"),
    ]
    source = given("a", *paths, dimensions=(DAY,), keys=tuple((day,) for day in WINDOW[:4]), schema=AB)
    expected = [(n + 1, letter, date.fromisoformat(WINDOW[n])) for n, letter in enumerate("xyzw")]
    assert fetch(engine, source) == expected
    assert engine.relation(source).columns == ["a", "b", "day"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a\n1\n", "column missing: b"),
        ("a,b,c\n1,2,3\n", "unexpected column: c"),
        ("x,y\n1,2\n", "columns missing: a, b; unexpected columns: x, y"),
        ("a;b\n1;2\n", "columns missing: a, b; unexpected column: a;b"),
    ],
)
def test_a_csv_that_does_not_fit_names_the_file_and_the_columns(
    engine: Engine, tmp_path: Path, content: str, said: str
) -> None:
    good, bad = text(tmp_path / "good.csv", "a,b\n1,x\n"), text(tmp_path / "bad.csv", content)
    with pytest.raises(RecipeError) as caught:
        engine.select(given("a", good, bad, schema=AB))
    assert str(bad) in caught.value.what
    assert said in caught.value.what
    assert "schema" in (caught.value.hint or "")


def test_a_file_that_is_mended_is_looked_at_again(engine: Engine, tmp_path: Path) -> None:
    path = text(tmp_path / "a.csv", "a\n1\n")
    source = given("a", path, schema=AB)
    with pytest.raises(RecipeError):
        engine.select(source)
    text(path, "a,b\n1,x\n")
    assert fetch(engine, source) == [(1, "x")]


@pytest.mark.parametrize("content", ["a,b\n", "a,b", ""])
def test_a_csv_without_rows_has_its_columns(engine: Engine, tmp_path: Path, content: str) -> None:
    relation = engine.relation(given("a", text(tmp_path / "a.csv", content), schema=AB))
    assert [str(kind) for kind in relation.types] == ["BIGINT", "VARCHAR"]
    assert relation.fetchall() == []


def test_a_value_that_can_not_be_cast_names_its_file(engine: Engine, tmp_path: Path) -> None:
    paths = [text(tmp_path / "1.csv", "a,b\n1,x\n"), text(tmp_path / "2.csv", "a,b\nNA,x\n")]
    with pytest.raises(RecipeError) as caught:
        rows(engine, "SELECT sum(a) AS s FROM a", tmp_path, given("a", *paths, schema=AB))
    assert str(paths[1]) in caught.value.what
    assert 'Could not convert string "NA"' in caught.value.what
    assert "auto-detect" not in caught.value.what
    bad = text(tmp_path / "3.json", '{"a": 1}\n{"a": "x"}\n')
    with pytest.raises(RecipeError, match=r"3\.json.*line 2"):
        rows(engine, "SELECT sum(a) AS s FROM a", tmp_path, given("a", bad, schema=AB))


def test_reader_options_are_used_for_header_and_rows(engine: Engine, tmp_path: Path) -> None:
    tab = text(tmp_path / "a.tsv", "a\tb\n1\tx,y\n")
    assert fetch(engine, given("a", tab, schema=AB)) == [(1, "x,y")]
    odd = text(tmp_path / "b.csv", "made by a machine\n# more\nb|a\n'p|q'|1\nNA|2\n|NA\n")
    read = (("delimiter", "|"), ("quote", "'"), ("skip", 1), ("comment", "#"), ("nullstr", "NA"))
    assert fetch(engine, given("a", odd, schema=AB, read=read)) == [(1, "p|q"), (2, None), (None, "")]
    bare = text(tmp_path / "c.csv", "1,x\n2,y\n")
    assert fetch(engine, given("a", bare, schema=AB, read=(("header", False),))) == [(1, "x"), (2, "y")]
    with pytest.raises(RecipeError, match="has 2 columns, its dataset has 1"):
        engine.select(given("a", bare, schema=AB[:1], read=(("header", False),)))
    latin = tmp_path / "d.csv"
    latin.write_bytes("a,größe\n1,é\n".encode("latin-1"))
    schema = (("a", "BIGINT"), ("größe", "VARCHAR"))
    assert fetch(engine, given("a", latin, schema=schema, read=(("encoding", "latin-1"),))) == [(1, "é")]
    marked = tmp_path / "e.csv"
    marked.write_bytes(b"\xef\xbb\xbfa,b\r\n1,x\r\n")
    assert fetch(engine, given("a", marked, schema=AB)) == [(1, "x")]


def test_an_unknown_reader_option_is_refused_with_a_hint(engine: Engine, tmp_path: Path) -> None:
    path = text(tmp_path / "a.csv", "a,b\n")
    for name in ("nullstring", "filename", "hive_partitioning", "store_rejects", "a) UNION FROM x --"):
        with pytest.raises(RecipeError) as caught:
            engine.select(given("a", path, schema=AB, read=((name, "x"),)))
        assert caught.value.hint
    injected = given("a", path, schema=AB, read=(("nullstr", "x' header=false skip='1"),))
    assert fetch(engine, injected) == []


def test_a_type_in_a_schema_is_a_type_and_nothing_else(engine: Engine, tmp_path: Path) -> None:
    for bad in ("BIGINT) FROM x --", "nope", "INT b"):
        with pytest.raises(RecipeError, match="not a type of DuckDB"):
            engine.select(given("a", schema=(("a", bad),)))
        with pytest.raises(RecipeError, match="not a type of DuckDB"):
            engine.select(given("a", text(tmp_path / "a.csv", "a\n"), schema=(("a", bad),)))


def test_compressed_csv_and_json(engine: Engine, tmp_path: Path) -> None:
    packed = tmp_path / "a.csv.gz"
    packed.write_bytes(gzip.compress(b"b,a\nx,1\n"))
    assert fetch(engine, given("a", packed, schema=AB)) == [(1, "x")]
    zstd = write(tmp_path / "b.csv.zst", "SELECT 1 AS a, 'x' AS b")
    assert fetch(engine, given("a", zstd, schema=AB)) == [(1, "x")]
    lines = tmp_path / "c.jsonl.gz"
    lines.write_bytes(gzip.compress(b'{"a":1,"b":"x"}\n'))
    assert fetch(engine, given("a", lines, schema=AB)) == [(1, "x")]
    packed.write_bytes(b"not gzip")
    with pytest.raises(RecipeError, match=r"a\.csv\.gz can't be read"):
        engine.select(given("a", packed, schema=AB))


def test_json_as_array_lines_or_pretty_and_missing_keys_are_null(engine: Engine, tmp_path: Path) -> None:
    paths = [
        text(tmp_path / "1.json", '[{"a": 1, "b": "x"}, {"a": 2}]'),
        text(tmp_path / "2.json", '{"b": "y", "a": 3}\n{"b": "z"}\n'),
        text(tmp_path / "3.json", '{\n  "a": 4\n}\n'),
        text(tmp_path / "4.json", "[]"),
        text(tmp_path / "5.json", ""),
    ]
    assert fetch(engine, given("a", *paths, schema=AB)) == [(1, "x"), (2, None), (3, "y"), (None, "z"), (4, None)]


def test_unknown_keys_of_a_json_are_named_with_the_file(engine: Engine, tmp_path: Path) -> None:
    good = text(tmp_path / "1.json", '{"a": 1, "b": "x"}')
    bad = text(tmp_path / "2.json", '{"a": 1}\n{"a": 1, "c": 2, "d": 3}')
    assert fetch(engine, given("a", good, schema=AB)) == [(1, "x")]
    with pytest.raises(RecipeError, match="unexpected column: B"):  # DuckDB would read NULL
        engine.select(given("a", text(tmp_path / "3.json", '{"B": "x"}'), schema=AB))
    with pytest.raises(RecipeError, match=r"2\.json.*unexpected columns: c, d"):
        engine.select(given("a", good, bad, schema=AB))


def test_parquet_of_unlike_columns_fails_and_names_the_file(engine: Engine, tmp_path: Path) -> None:
    paths = [write(tmp_path / "1.parquet", "SELECT 1 AS a"), write(tmp_path / "2.parquet", "SELECT 1 AS b")]
    with pytest.raises(RecipeError, match=r"2\.parquet"):
        rows(engine, "FROM a", tmp_path, given("a", *paths))


def test_arrow_files_of_several_keys(engine: Engine, tmp_path: Path) -> None:
    paths = [save_arrow(tmp_path / f"{n}.feather", pa.table({"x": [n, n], "s": ["é", None]})) for n in range(2)]
    source = given("a", *paths, dimensions=(DAY,), keys=((WINDOW[0],), (WINDOW[1],)))
    first, second = date(2013, 1, 1), date(2013, 1, 2)
    assert fetch(engine, source) == [(0, "é", first), (0, None, first), (1, "é", second), (1, None, second)]
    (tmp_path / "bad.arrow").write_bytes(b"no arrow")
    with pytest.raises(RecipeError, match=r"bad\.arrow can't be read"):
        engine.select(given("a", tmp_path / "bad.arrow"))


def test_a_file_of_no_format_is_no_table(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match='the input "model" is no table'):
        engine.select(given("model", tmp_path / "model.joblib"))


def test_a_file_that_is_gone_is_named(engine: Engine, tmp_path: Path) -> None:
    for name in ("gone.csv", "gone.json", "gone.parquet", "gone.arrow"):
        with pytest.raises(RecipeError, match=name.replace(".", r"\.")):
            engine.relation(given("a", tmp_path / name, schema=AB))


def infer(engine: Engine, path: Path, *read: tuple[str, Any]) -> dict[str, str]:
    from dbuild.core.task import format_of

    return dict(engine.infer_schema(str(path), format_of(str(path)), read))


def test_inferred_schemas(engine: Engine, tmp_path: Path) -> None:
    path = text(tmp_path / "a.csv", "i,d,t,s,f,e\n1,2013-01-05,2013-01-05 10:00:00,x,1.5,\n")
    expected = {"i": "BIGINT", "d": "DATE", "t": "TIMESTAMP", "s": "VARCHAR", "f": "DOUBLE", "e": "VARCHAR"}
    assert infer(engine, path) == expected
    assert infer(engine, text(tmp_path / "h.csv", "a,b\n")) == {"a": "VARCHAR", "b": "VARCHAR"}
    assert infer(engine, text(tmp_path / "s.csv", "a;b\n1;2\n")) == {"a;b": "VARCHAR"}
    assert infer(engine, text(tmp_path / "n.csv", "a\nNA\n1\n"), ("nullstr", "NA")) == {"a": "BIGINT"}
    assert infer(engine, write(tmp_path / "p.parquet", "SELECT 1 AS a, [1.5] AS b")) == {
        "a": "INTEGER",
        "b": "DECIMAL(2,1)[]",
    }
    assert infer(engine, text(tmp_path / "j.json", '[{"a": 1, "b": {"c": "x"}}]')) == {
        "a": "BIGINT",
        "b": "STRUCT(c VARCHAR)",
    }
    assert infer(engine, save_arrow(tmp_path / "a.arrow", pa.table({"x": [1]}))) == {"x": "BIGINT"}


def test_the_whole_file_is_looked_at(engine: Engine, tmp_path: Path) -> None:
    many = text(tmp_path / "a.csv", "a\n" + "1\n" * 50_000 + "x\n")
    assert infer(engine, many) == {"a": "VARCHAR"}


def test_dates_in_another_form_stay_text_unless_the_form_is_given(engine: Engine, tmp_path: Path) -> None:
    path = text(tmp_path / "a.csv", "d\n01/31/2013\n")
    assert infer(engine, path) == {"d": "VARCHAR"}
    form = ("dateformat", "%m/%d/%Y")
    assert infer(engine, path, form) == {"d": "DATE"}
    assert fetch(engine, given("a", path, schema=(("d", "DATE"),), read=(form,))) == [(date(2013, 1, 31),)]


@pytest.mark.parametrize("name", ["a.csv", "b.csv.gz", "c.tsv", "d.json", "e.jsonl"])
def test_a_file_can_be_read_with_the_schema_inferred_from_it(engine: Engine, tmp_path: Path, name: str) -> None:
    body = {
        "csv": "x,when,t\n1,2013-01-31,2013-01-31T10:00:00Z\n,,\n",
        "json": '{"x": 1, "when": "2013-01-31", "t": null}\n',
    }
    content = body["json" if "json" in name else "csv"]
    path = tmp_path / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(content.encode()))
    else:
        text(path, content.replace(",", "\t") if name.endswith(".tsv") else content)
    from dbuild.core.task import format_of

    schema = engine.infer_schema(str(path), format_of(name), ())
    relation = engine.relation(given("a", path, schema=schema))
    assert relation.columns == ["x", "when", "t"]
    assert relation.fetchall()[0][:2] == (1, date(2013, 1, 31))


@pytest.mark.parametrize(("name", "content"), [("a.parquet", "no parquet"), ("a.json", "{no json")])
def test_an_unreadable_file_is_a_recipe_error(engine: Engine, tmp_path: Path, name: str, content: str) -> None:
    with pytest.raises(RecipeError, match=name):
        infer(engine, text(tmp_path / name, content))


def test_the_session_uses_the_zone_it_is_given_and_not_that_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    engine = Engine([str(tmp_path)])
    for zone in ("UTC", "America/New_York", "UTC"):
        engine.set_timezone(zone)
        assert engine.cursor.execute("SELECT current_setting('TimeZone')").fetchone() == (zone,)
    with pytest.raises(RecipeError, match="not a time zone"):
        engine.set_timezone("Mars/Olympus")


def test_an_engine_works_again_after_it_was_closed(engine: Engine, tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", "SELECT 1 AS x")
    assert fetch(engine, given("a", path)) == [(1,)]
    engine.close()
    assert fetch(engine, given("a", path)) == [(1,)]


def test_an_engine_that_was_closed_has_the_same_zone_again(engine: Engine) -> None:
    shown = "SELECT TIMESTAMPTZ '2013-01-01 00:00:00+00'::VARCHAR"
    for _ in range(2):
        engine.set_timezone("Asia/Tokyo")
        assert engine.cursor.execute(shown).fetchall() == [("2013-01-01 09:00:00+09",)]
        engine.close()
