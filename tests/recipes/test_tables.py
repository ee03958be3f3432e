"""Tables of every library, written to every format and read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from dbuild.core.task import TaskOutput, format_of
from dbuild.errors import RecipeError
from dbuild.recipes.engine import Engine
from dbuild.recipes.readers import WRITTEN_CSV
from dbuild.recipes.tables import write_table
from tests.recipes.sqltasks import given, write

VALUES = {"n": [1, 2, 3], "s": ["x", "", None], "f": [0.5, None, 1e300]}
ROWS = [(1, "x", 0.5), (2, "", None), (3, None, 1e300)]


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine([str(tmp_path)])


def output(path: Path) -> TaskOutput:
    return TaskOutput("", str(path), str(path), format_of(path.name))


def table(kind: str, engine: Engine) -> object:
    arrow = pa.table(VALUES)
    match kind:
        case "pyarrow":
            return arrow
        case "batch":
            return arrow.to_batches()[0]
        case "reader":
            return arrow.to_reader(max_chunksize=1)
        case "pandas":
            return arrow.to_pandas(types_mapper=pd.ArrowDtype)
        case "polars":
            return pl.DataFrame(VALUES)
        case "lazy":
            return pl.DataFrame(VALUES).lazy()
        case "own":
            return engine.cursor.from_arrow(arrow)
        case _:
            return duckdb.connect().from_arrow(arrow)


@pytest.mark.parametrize("kind", ["pyarrow", "batch", "reader", "pandas", "polars", "lazy", "own", "foreign"])
@pytest.mark.parametrize("ending", ["parquet", "csv", "csv.gz", "tsv", "json", "jsonl", "arrow", "feather"])
def test_a_table_comes_back_as_it_was(engine: Engine, tmp_path: Path, kind: str, ending: str) -> None:
    path = tmp_path / f"o.{ending}"
    schema = write_table(table(kind, engine), output(path), engine)
    assert schema == (None if ending == "parquet" else (("n", "BIGINT"), ("s", "VARCHAR"), ("f", "DOUBLE")))
    read = WRITTEN_CSV if format_of(path.name) == "csv" else ()
    assert engine.relation(given("a", path, schema=schema, read=read)).fetchall() == ROWS


def test_a_relation_over_an_input_is_written(engine: Engine, tmp_path: Path) -> None:
    source = engine.relation(given("a", write(tmp_path / "a.parquet", "SELECT n FROM range(5) t(n)")))
    write_table(source.filter("n > 2"), output(tmp_path / "o.csv"), engine)
    write_table(source.filter("n > 3"), output(tmp_path / "o2.csv"), engine)
    assert (tmp_path / "o.csv").read_text() == "n\n3\n4\n"
    assert (tmp_path / "o2.csv").read_text() == "n\n4\n"


def test_the_index_of_a_pandas_frame_is_left_out(engine: Engine, tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1, 2]}, index=[7, 8])
    assert write_table(frame, output(tmp_path / "o.csv"), engine) == (("a", "BIGINT"),)
    assert (tmp_path / "o.csv").read_text() == "a\n1\n2\n"


def test_the_same_table_gives_the_same_parquet(engine: Engine, tmp_path: Path) -> None:
    for name in ("1.parquet", "2.parquet"):
        write_table(pa.table({"n": list(range(200_000))}), output(tmp_path / name), engine)
    assert (tmp_path / "1.parquet").read_bytes() == (tmp_path / "2.parquet").read_bytes()


@pytest.mark.parametrize(
    ("value", "name", "said"),
    [
        (pa.table({"a": [1]}), "model.joblib", "pyarrow.Table can't be written to"),
        (pd.DataFrame({"a": [1, "x", object()]}), "o.parquet", "pandas.DataFrame can't be written to"),
        ({"a": 1}, "o.parquet", "builtins.dict can't be written to"),
    ],
)
def test_what_can_not_be_written_names_type_and_output(
    engine: Engine, tmp_path: Path, value: Any, name: str, said: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        write_table(value, output(tmp_path / name), engine)
    assert said in caught.value.what
    assert name in caught.value.what
    assert caught.value.hint


def test_two_columns_of_one_name_are_refused(engine: Engine, tmp_path: Path) -> None:
    doubled = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "A"])
    with pytest.raises(RecipeError, match="two columns"):
        write_table(doubled, output(tmp_path / "o.csv"), engine)


def test_nothing_stays_registered(engine: Engine, tmp_path: Path) -> None:
    write_table(pa.table({"a": [1]}), output(tmp_path / "o.csv"), engine)
    assert engine.cursor.execute("SELECT count(*) FROM duckdb_views() WHERE NOT internal").fetchone() == (0,)
