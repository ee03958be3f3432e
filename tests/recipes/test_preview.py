"""The first rows of an output, in every format."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbuild.core.task import format_of
from dbuild.errors import RecipeError
from dbuild.recipes import preview as previews
from dbuild.recipes.engine import Engine
from dbuild.recipes.preview import preview
from dbuild.recipes.readers import WRITTEN_CSV
from dbuild.recipes.sql import run
from tests.recipes.sqltasks import task

TEXT = """
SELECT n, CASE n WHEN 0 THEN NULL WHEN 1 THEN '' ELSE 'x' || n END AS "a ""b", DATE '2013-01-05' + n::INT AS d
FROM range(5) t(n)
"""


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine([str(tmp_path)])


@pytest.mark.parametrize("ending", ["parquet", "csv", "tsv", "csv.gz", "json", "jsonl", "arrow"])
def test_the_first_rows_their_columns_and_how_many_there_are(engine: Engine, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a[1].{ending}"
    schema = run(task(TEXT, path), engine)
    read = WRITTEN_CSV if "sv" in ending else ()
    found = preview(engine, str(path), format_of(str(path)), schema, read, 3)
    assert found.columns == (("n", "BIGINT"), ('a "b', "VARCHAR"), ("d", "DATE"))
    assert found.rows == (("0", None, "2013-01-05"), ("1", "", "2013-01-06"), ("2", "x2", "2013-01-07"))
    assert found.total == 5


def test_a_file_shows_its_schema_where_none_is_known(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("n,s\n1,x\n")
    found = preview(engine, str(tmp_path / "a.csv"), "csv", None, (), 10)
    assert (found.columns, found.rows) == ((("n", "BIGINT"), ("s", "VARCHAR")), (("1", "x"),))


def test_rows_of_a_big_text_file_are_not_counted(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previews, "_COUNTABLE", 5)
    (tmp_path / "a.csv").write_text("n,s\n1,x\n")
    assert preview(engine, str(tmp_path / "a.csv"), "csv", None, (), 10).total is None


@pytest.mark.parametrize("ending", ["parquet", "csv", "json", "arrow"])
def test_a_file_that_can_not_be_read_is_named(engine: Engine, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    schema = (("n", "BIGINT"),)
    with pytest.raises(RecipeError, match=path.name):
        preview(engine, str(path), ending, schema, (), 10)
    path.write_bytes(b"\xff\x00{not it")
    with pytest.raises(RecipeError, match=path.name):
        preview(engine, str(path), ending, schema, (), 10)


@pytest.mark.parametrize("format", ["", "folder"])
def test_what_is_no_table_is_said_so(engine: Engine, tmp_path: Path, format: str) -> None:
    with pytest.raises(RecipeError, match="is no table"):
        preview(engine, str(tmp_path / "a.html"), format, None, (), 10)
