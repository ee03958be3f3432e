"""Statements that try to reach something else than their inputs: refused before anything is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbuild.errors import RecipeError
from dbuild.recipes.engine import Engine
from dbuild.recipes.sql import analyse, run
from tests.recipes.sqltasks import given, sql, task, write

ESCAPES = [
    "FROM '{secret}'",
    'FROM "{secret}"',
    "FROM E'{secret}'",
    "FROM $${secret}$$",
    "SELECT * FROM a, (SELECT * FROM '{secret}')",
    "SELECT (SELECT x FROM '{secret}')",
    "WITH t AS (FROM '{secret}') FROM t",
    "FROM read_csv('{secret}')",
    "FROM READ_CSV_AUTO('{secret}')",
    "FROM \"read_text\"('{secret}')",
    "FROM system.main.read_text('{secret}')",
    "FROM main.read_text('{secret}')",
    "FROM read_blob('{secret}')",
    "FROM read_parquet(['{secret}'])",
    "FROM parquet_scan('{secret}')",
    "FROM parquet_metadata('{secret}')",
    "FROM parquet_schema('{secret}')",
    "FROM read_json('{secret}')",
    "FROM read_json_objects('{secret}')",
    "FROM read_duckdb('{secret}')",
    "FROM sniff_csv('{secret}')",
    "FROM glob('{folder}/*')",
    "SELECT * FROM a, LATERAL (SELECT * FROM glob(x))",
    "FROM query('FROM ''{secret}''')",
    "FROM query_table('{secret}')",
    "FROM histogram('{secret}', x)",
    "FROM json_execute_serialized_sql('x')",
    "FROM duckdb_settings()",
    "FROM duckdb_secrets()",
    "FROM duckdb_tables()",
    "FROM duckdb_external_file_cache()",
    "FROM pragma_database_list()",
    "FROM arrow_scan(1, 2, 3)",
    "FROM seq_scan()",
    "SELECT getenv('HOME')",
    "SELECT current_setting('allowed_directories')",
    "SELECT nextval('s')",
    "SELECT write_log('x')",
    "SELECT list_transform([1], lambda x: getenv('HOME'))",
    "CREATE TEMP MACRO m(p) AS TABLE FROM read_text(p); FROM m('{secret}')",
    "CREATE TEMP MACRO read_text(p) AS TABLE SELECT 1; FROM read_text('{secret}')",
    "CREATE TEMP MACRO m(p := getenv('HOME')) AS p; SELECT m()",
    "CREATE TEMP VIEW v AS FROM '{secret}'; FROM v",
    "CREATE TEMP TABLE t AS FROM read_text('{secret}'); FROM t",
    "PIVOT (FROM '{secret}') ON x",
    "COPY (SELECT 1) TO '{secret}'",
    "COPY (SELECT 1) TO '{secret}'; SELECT 1",
    "ATTACH '{secret}' AS x; SELECT 1",
    "INSTALL httpfs; SELECT 1",
    "LOAD httpfs; SELECT 1",
    "SET enable_external_access = true; SELECT 1",
    "SET TimeZone = 'Asia/Tokyo'; SELECT 1",
    "RESET TimeZone; SELECT 1",
    "USE memory; SELECT 1",
    "PRAGMA database_list",
    "PRAGMA enable_profiling; SELECT 1",
    "EXPORT DATABASE '{folder}'; SELECT 1",
    "IMPORT DATABASE '{folder}'; SELECT 1",
    "INSERT INTO a VALUES (1); SELECT 1",
    "UPDATE a SET x = 1; SELECT 1",
    "DELETE FROM a; SELECT 1",
    "DROP TABLE a; SELECT 1",
    "ALTER TABLE a ADD COLUMN y INT; SELECT 1",
    "CALL pragma_version()",
    "PREPARE p AS SELECT 1; SELECT 1",
    "BEGIN; SELECT 1",
    "EXPLAIN FROM a",
    "SHOW TABLES",
    "SELECT * FROM (SHOW ALL TABLES)",
    "SELECT * FROM (SHOW DATABASES)",
    "WITH x AS (INSERT INTO t VALUES (1) RETURNING *) FROM x",
    "CREATE SECRET s (TYPE s3); SELECT 1",
    "CREATE TEMP TYPE t AS ENUM (SELECT 'a'); SELECT 1",
    "CHECKPOINT; SELECT 1",
]


@pytest.mark.parametrize("text", ESCAPES)
def test_an_escape_is_a_mistake_with_place_and_hint_and_is_never_run(text: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("x\nsecret\n")
    filled = text.replace("{secret}", str(secret)).replace("{folder}", str(tmp_path))
    found = analyse(sql(filled))
    assert found.problems
    assert all(problem.place is not None and problem.hint for problem in found.problems)
    engine = Engine([str(tmp_path)])
    source = given("a", write(tmp_path / "a.parquet", "SELECT 1 AS x"))
    with pytest.raises(RecipeError):
        run(task(filled, tmp_path / "out.parquet", source), engine)
    assert not (tmp_path / "out.parquet").exists()
    assert secret.read_text() == "x\nsecret\n"


@pytest.mark.parametrize(
    "name", ["information_schema.tables", "sqlite_master", "duckdb_settings", "pg_catalog.pg_class", "duckdb_tables"]
)
def test_catalogues_are_names_of_datasets_and_so_unknown(name: str) -> None:
    assert [reference.name for reference in analyse(sql(f"SELECT * FROM {name}")).reads] == [name]


def test_the_session_opens_nothing_outside_its_directories(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    write(outside / "x.parquet", "SELECT 1 AS x")
    inside.mkdir()
    engine = Engine([str(inside)])
    with pytest.raises(RecipeError, match="file system operations are disabled"):
        run(task("FROM a", inside / "r.parquet", given("a", outside / "x.parquet")), engine)
    with pytest.raises(RecipeError, match="file system operations are disabled"):
        run(task("SELECT 1 AS x", outside / "r.parquet"), engine)


def test_a_harmless_statement_of_the_same_words_passes() -> None:
    text = "SELECT 'FROM ''x.csv''' AS a, getvariable('x'), \"read_csv\" FROM a -- read_text('/etc/passwd')"
    assert analyse(sql(text)).problems == ()
