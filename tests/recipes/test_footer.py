"""Parquet's footer read without an engine, held against what DuckDB says of the same file."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet
import pytest

from dbuild.recipes.footer import read_schema
from tests.recipes.sqltasks import write

SELECTS = [
    "SELECT 1 AS a, 'x' AS b",
    "SELECT 1::BIGINT AS a, 'x' AS b",
    "SELECT [1, 2] AS l, {'x': 1, 'y': [{'z': 1}]} AS s, MAP {'k': [1]} AS m, 1.5::DECIMAL(9, 2) AS d",
    "SELECT 1.5::DECIMAL(9, 3) AS d",
    "SELECT now() AS t, now()::TIMESTAMP AS u, current_date AS d, uuid() AS i, true AS b, 'x'::BLOB AS x",
    "SELECT " + ", ".join(f'{n} AS "größe {n}"' for n in range(300)),
]


@pytest.mark.parametrize("select", SELECTS)
def test_names_are_those_that_duckdb_finds(tmp_path: Path, select: str) -> None:
    path = write(tmp_path / "a.parquet", select)
    found = read_schema(str(path))
    assert found is not None
    assert list(found.names) == duckdb.read_parquet(str(path)).columns


def test_the_identity_is_equal_only_where_names_and_types_are(tmp_path: Path) -> None:
    found = [read_schema(str(write(tmp_path / f"{n}.parquet", select))) for n, select in enumerate(SELECTS)]
    assert len({schema.identity for schema in found if schema}) == len(SELECTS)
    texts = [f"SELECT n::INT AS a, 'x' || n AS b FROM range({count}) t(n)" for count in (1, 9999)]
    alike = [read_schema(str(write(tmp_path / f"alike{n}.parquet", text))) for n, text in enumerate(texts)]
    assert alike[0] is not None
    assert alike[0] == alike[1]


def test_files_of_other_writers(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(
        pa.table({"a": [1], "b": [{"c": [1.5]}], "d": pa.array(["x"]).dictionary_encode()}), path
    )
    found = read_schema(str(path))
    assert found is not None
    assert found.names == ("a", "b", "d")


@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"PAR1PAR1", b"x" * 100, b"\xff" * 50 + b"\x30\0\0\0PAR1", b"\0\xff\xff\xff\x7fPAR1"]
)
def test_what_is_no_parquet_is_not_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    assert read_schema(str(path)) is None
    assert read_schema(str(tmp_path / "gone.parquet")) is None
