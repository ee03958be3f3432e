"""Of SQL its meaning counts: what DuckDB's parser makes of it. What counts as equal gives equal results on DuckDB."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from dbuild.core.part import packed_parts
from dbuild.recipes.expressions import form_of
from dbuild.recipes.sql import analyse
from tests.recipes.sqltasks import sql

TABLES = """
CREATE TABLE t AS SELECT 1 AS a, 2 AS b, true AS c, DATE '2020-01-01' AS d, [3, 1] AS l, 'x' AS s
UNION ALL SELECT 3, 4, false, DATE '2021-01-01', [2], 'y';
CREATE TABLE u AS SELECT 1 AS a, 5 AS e;
"""
SAME = [
    # layout, comments, the end
    ("SELECT a FROM t ;", "SELECT a FROM t"),
    ("/* all */ SELECT a -- one\nFROM t", "SELECT\n\ta\nFROM\n\tt"),
    # words
    ("select a from t where c and not a in (2)", "SELECT a FROM t WHERE c AND NOT a IN (2)"),
    ("SELECT COUNT(*) FROM t", "SELECT count(*) FROM t"),
    ("SELECT count() FROM t", "SELECT count(*) FROM t"),
    ("SELECT TRUE, Null FROM t", "SELECT true, NULL FROM t"),
    # parentheses
    ("SELECT a FROM t WHERE ((a = 1))", "SELECT a FROM t WHERE a = 1"),
    ("SELECT (a + (a * b)) AS x FROM t", "SELECT a + a * b AS x FROM t"),
    ("SELECT a FROM t WHERE (a = 1 AND b = 2) AND c", "SELECT a FROM t WHERE a = 1 AND (b = 2 AND c)"),
    ("SELECT a FROM t WHERE a IN ((1), 2)", "SELECT a FROM t WHERE (a IN (1, (2)))"),
    ("(SELECT a FROM t)", "SELECT a FROM t"),
    ("SELECT a FROM ((SELECT a FROM t)) ORDER BY (a)", "SELECT a FROM (SELECT a FROM t) ORDER BY a"),
    ("SELECT a FROM t GROUP BY (a) ORDER BY a", "SELECT a FROM t GROUP BY a ORDER BY a"),
    ("(SELECT a FROM t) UNION ALL (SELECT e FROM u)", "SELECT a FROM t UNION ALL SELECT e FROM u"),
    # quotes that aren't needed
    ('SELECT "t"."a" AS "x" FROM "t"', "SELECT t.a AS x FROM t"),
    ('SELECT t.a FROM t JOIN u USING ("a")', "SELECT t.a FROM t JOIN u USING (a)"),
    ("SELECT 'x' AS v FROM t", "SELECT $$x$$ AS v FROM t"),
    # two ways to say it
    ("SELECT a x, b y FROM t z", "SELECT a AS x, b AS y FROM t AS z"),
    ("SELECT a FROM t WHERE a <> 1", "SELECT a FROM t WHERE a != 1"),
    ("SELECT a FROM t WHERE a == 1", "SELECT a FROM t WHERE a = 1"),
    ("SELECT CAST(a AS INT) FROM t", "SELECT a::INTEGER FROM t"),
    ("SELECT d = DATE '2020-01-01' FROM t", "SELECT d = CAST('2020-01-01' AS DATE) FROM t"),
    ("SELECT * FROM t INNER JOIN u ON t.a = u.a", "SELECT * FROM t JOIN u ON (t.a = u.a)"),
    ("SELECT * FROM t LEFT OUTER JOIN u ON t.a = u.a", "SELECT * FROM t LEFT JOIN u ON t.a = u.a"),
    ("FROM t", "SELECT * FROM t"),
    ("SELECT a NOTNULL FROM t", "SELECT a IS NOT NULL FROM t"),
    ("SELECT s FROM t WHERE s LIKE 'x'", "SELECT s FROM t WHERE s ~~ 'x'"),
    ("SELECT [a, b] FROM t", "SELECT list_value(a, b) FROM t"),
    ("SELECT {'k': a} FROM t", "SELECT {k: a} FROM t"),
    ("SELECT CASE WHEN c THEN 1 END FROM t", "SELECT CASE WHEN c THEN 1 ELSE NULL END FROM t"),
    ("SELECT extract(YEAR FROM d) FROM t", "SELECT extract(year FROM d) FROM t"),
    ("SELECT a FROM t UNION SELECT a FROM u", "SELECT a FROM t UNION DISTINCT SELECT a FROM u"),
    ("SELECT sum(a) OVER w FROM t WINDOW w AS (PARTITION BY b)", "SELECT sum(a) OVER (PARTITION BY b) FROM t"),
    # what is the default
    ("SELECT a FROM t ORDER BY a ASC", "SELECT a FROM t ORDER BY a"),
    ("SELECT a FROM t ORDER BY a DESC NULLS LAST", "SELECT a FROM t ORDER BY a DESC"),
    ("SELECT list(a ORDER BY b ASC NULLS LAST) AS v FROM t", "SELECT list(a ORDER BY b) AS v FROM t"),
    ("SELECT sum(a) OVER (ORDER BY b ASC) AS v FROM t", "SELECT sum(a) OVER (ORDER BY b) AS v FROM t"),
    ("FROM t WHERE a IN (SELECT a FROM u ORDER BY a ASC)", "FROM t WHERE a IN (SELECT a FROM u ORDER BY a)"),
    ("SELECT alias(list(a ORDER BY b ASC)) AS v FROM t", "SELECT alias(list(a ORDER BY b)) AS v FROM t"),
    # the case of types
    (
        "SELECT s::text AS v FROM t WHERE d > '2020-05-05'::date",
        "SELECT s::TEXT AS v FROM t WHERE d > DATE '2020-05-05'",
    ),
    (
        "SELECT a FROM t JOIN (SELECT d::text AS v FROM t) x ON true",
        "SELECT a FROM t JOIN (SELECT d::TEXT v FROM t) x ON true",
    ),
    # what is created on the way
    (
        "CREATE TEMP TABLE x AS SELECT a FROM t; FROM x",
        'create temporary table "x" as (select a from t); -- all\nfrom x;',
    ),
    (
        "CREATE TEMP MACRO m(x) AS x + 1; SELECT m(a) AS v FROM t",
        "CREATE TEMP FUNCTION m(x) AS (x+1); SELECT m(a) v FROM t",
    ),
    ("WITH x AS (SELECT 1 AS a) SELECT a FROM x", "with x as ((select 1 a)) select a from x"),
]
OTHER = [
    ("SELECT A + 1 FROM t", "SELECT a + 1 FROM t"),  # DuckDB calls these columns (A + 1) and (a + 1)
    ("SELECT a AS X FROM t", "SELECT a AS x FROM t"),
    ("SELECT s = 'x' FROM t", "SELECT s = 'X' FROM t"),
    ("SELECT (a + b) * 2 AS v FROM t", "SELECT a + b * 2 AS v FROM t"),
    ("SELECT a FROM t ORDER BY a DESC", "SELECT a FROM t ORDER BY a"),
    ("SELECT list(a ORDER BY b ASC) FROM t", "SELECT list(a ORDER BY b) FROM t"),  # the names of columns again
    ("SELECT sum(a) OVER (ORDER BY b ASC) FROM t", "SELECT sum(a) OVER (ORDER BY b) FROM t"),
    ("SELECT (SELECT a FROM t ORDER BY a ASC LIMIT 1)", "SELECT (SELECT a FROM t ORDER BY a LIMIT 1)"),
    ("SELECT s::text FROM t", "SELECT s::TEXT FROM t"),
    ("PIVOT t ON s IN ('x') USING sum(a), min(d::text)", "PIVOT t ON s IN ('x') USING sum(a), min(d::TEXT)"),
    ("SELECT nullif(a, 3) AS v FROM t ORDER BY v NULLS FIRST", "SELECT nullif(a, 3) AS v FROM t ORDER BY v"),
    ("SELECT 1.0 AS v", "SELECT 1.00 AS v"),
    ("SELECT a, b FROM t", "SELECT b, a FROM t"),
    ("SELECT a FROM t UNION ALL SELECT a FROM u", "SELECT a FROM t UNION SELECT a FROM u"),
    ("SELECT t.* FROM t JOIN u ON t.a = u.a", "SELECT t.* FROM t LEFT JOIN u ON t.a = u.a"),
    ("SELECT sum(a) FROM t", "SELECT sum(DISTINCT a) FROM t"),
    ("SELECT a FROM t LIMIT 1", "SELECT a FROM t LIMIT 2"),
    ("SELECT 'a' AS v", 'SELECT "a" AS v FROM t'),
    ("SELECT CAST(a AS INT) FROM t", "SELECT TRY_CAST(a AS INT) FROM t"),
    ("CREATE TEMP TABLE x AS SELECT 1 AS v; FROM x", "CREATE TEMP TABLE x AS SELECT 2 AS v; FROM x"),
    ("CREATE TEMP MACRO m(x) AS x; SELECT m(1) AS v", "CREATE TEMP MACRO m(x, y := 1) AS x + y; SELECT m(1) AS v"),
]


def identity(text: str, *macros: str) -> bytes:
    found = analyse(sql(text, *macros))
    assert not found.problems, found.problems
    return packed_parts(found.parts)


def result(text: str) -> tuple[list[str], list[Any]]:
    """The names of the columns, and the rows."""
    with duckdb.connect() as session:
        session.execute(TABLES)
        found = session.execute(text)
        return [column[0] for column in found.description or ()], found.fetchall()


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_means_the_same_is_the_same(one: str, other: str) -> None:
    assert identity(one) == identity(other)
    assert result(one) == result(other)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_what_means_something_else_is_something_else(one: str, other: str) -> None:
    assert identity(one) != identity(other)
    assert repr(result(one)) != repr(result(other))


def test_an_expression_without_a_name_keeps_the_case_that_it_is_written_in() -> None:
    """Why the case of names counts: a bare column has that of the table, anything else as it is written."""
    assert [result(f"SELECT {text} FROM t")[0] for text in ("A", "a", "A + 1", "a + 1")] == [
        *(["a"], ["a"]),
        *(["(A + 1)"], ["(a + 1)"]),
    ]


MACROS = "CREATE MACRO net(x) AS gross(x) - 1; -- after tax\nCREATE MACRO gross(x) AS x * 2; CREATE MACRO idle(x) AS x;"


@pytest.mark.parametrize(
    ("before", "after", "is_same"),
    [
        ("x * 2", "x * 3", False),  # through another
        ("gross(x) - 1", "gross(x) - 2", False),
        ("AS x;", "AS x + 1;", True),  # which nobody uses
        ("-- after tax", "-- after all /* taxes */", True),
        ("x * 2", "(x\n  * (2)) /* twice */", True),
        ("CREATE MACRO gross", "create or replace temp function gross", True),
        ("CREATE MACRO idle(x) AS x;", "", True),
    ],
)
def test_of_macros_those_count_that_are_used(before: str, after: str, is_same: bool) -> None:
    assert before in MACROS
    text = "SELECT net(a) AS v FROM t"
    assert (identity(text, MACROS) == identity(text, MACROS.replace(before, after))) is is_same


def test_it_doesnt_count_where_sql_is_written() -> None:
    assert len({packed_parts(analyse(sql("SELECT 1", file=file)).parts) for file in ("a.sql", "Dataflowfile")}) == 1


def test_texts_of_by_mean_what_the_parser_says() -> None:
    same = ("CAST(ts AS DATE)", "cast( ts as date ) -- day", "ts::DATE", '(("ts"))::date')
    assert len({form_of(text) for text in same}) == 1
    assert len({form_of(text) for text in ("ts::DATE", "tz::DATE", "ts::TIMESTAMP", "no (sql", "no (SQL")}) == 5
