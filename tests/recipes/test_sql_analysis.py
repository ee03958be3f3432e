"""What a SQL recipe says of itself: inputs with their places, params, fingerprint, mistakes. Nothing is run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dbuild.core.model import Analysis, SqlRecipe
from dbuild.errors import Place
from dbuild.recipes.sql import analyse
from dbuild.recipes.statements import Statement
from tests.recipes.sqltasks import sql


def reads(text: str) -> list[str]:
    found = analyse(sql(text))
    assert not found.problems, found.problems
    return [reference.name for reference in found.reads]


def problems(text: str) -> list[tuple[str, int]]:
    return [(p.what, p.place.line if p.place else 0) for p in analyse(sql(text)).problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT 1", []),
        ("SELECT * FROM flights", ["flights"]),
        ("FROM flights", ["flights"]),
        ("FROM Flights f JOIN flights g USING (id)", ["Flights"]),
        ("SELECT * FROM a, b, (SELECT * FROM c) x LEFT JOIN d ON true", ["a", "b", "c", "d"]),
        ("SELECT (SELECT max(x) FROM b), EXISTS (FROM c) FROM a WHERE y IN (SELECT y FROM d)", ["b", "c", "a", "d"]),
        ("FROM a, LATERAL (SELECT a.x + b.y FROM b)", ["a", "b"]),
        ("FROM a UNION ALL FROM b EXCEPT (FROM c INTERSECT FROM d)", ["a", "b", "c", "d"]),
        ("WITH x AS (FROM a), y AS (FROM x, b) SELECT * FROM x, y", ["a", "b"]),
        ("WITH a AS (SELECT * FROM a) FROM a", ["a"]),
        ("WITH X AS (SELECT 1) FROM x", []),
        ("SELECT (WITH x AS (FROM b) SELECT 1 FROM x), (SELECT 1 FROM x)", ["b", "x"]),
        ("WITH x AS (FROM y), y AS (SELECT 1) FROM x, y", ["y"]),
        ("WITH RECURSIVE r AS (SELECT 1 n UNION ALL SELECT n + 1 FROM r, a WHERE n < 3) FROM r", ["a"]),
        ("WITH x AS MATERIALIZED (FROM a) FROM x", ["a"]),
        ("FROM model.metrics m", ["model.metrics"]),
        ('FROM "Model"."Metrics", "my data"', ["Model.Metrics", "my data"]),
        ("FROM range(3), generate_series(1, 2), unnest([1]), a", ["a"]),
        ("PIVOT a ON x USING sum(y)", ["a"]),
        ("FROM (PIVOT a ON x, z IN (1) USING sum(y) GROUP BY q), b", ["a", "b"]),
        ("WITH q AS (FROM a) PIVOT q ON x", ["a"]),
        ("UNPIVOT a ON x, y", ["a"]),
        ("FROM a PIVOT (sum(x) FOR y IN (1, 2))", ["a"]),
        ("VALUES (1), ((SELECT x FROM a))", ["a"]),
        ("TABLE a", ["a"]),
        ("SUMMARIZE a", ["a"]),
        ("FROM a NATURAL JOIN b POSITIONAL JOIN c ASOF JOIN d USING (t)", ["a", "b", "c", "d"]),
        ("SELECT sum(x) OVER (ORDER BY (SELECT min(y) FROM b)) FROM a", ["b", "a"]),
        ("CREATE TEMP TABLE t AS FROM a; CREATE TEMP VIEW v AS FROM t, b; FROM v, T", ["a", "b"]),
        ("CREATE OR REPLACE TEMP VIEW v(x) AS (WITH t AS (FROM a) FROM t); FROM v", ["a"]),
        ("CREATE TEMP TABLE IF NOT EXISTS t AS SELECT CAST(x AS INT) FROM a; FROM t", ["a"]),
        ("CREATE TEMP MACRO m(x, y := 1) AS x + (SELECT max(z) FROM a); SELECT m(1)", ["a"]),
        ("CREATE TEMP MACRO m(x) AS (x, x), (x, y) AS (SELECT y FROM a WHERE b = x); SELECT m(1)", ["a"]),
        ("CREATE TEMP MACRO m(x) AS TABLE SELECT * FROM a WHERE y = x; FROM m(1)", ["a"]),
        ("CREATE TEMP FUNCTION f(x) AS x; SELECT f(y) FROM a", ["a"]),
    ],
)
def test_inputs_are_the_tables_that_nothing_in_the_script_makes(text: str, expected: list[str]) -> None:
    assert reads(text) == expected


def test_each_reference_carries_its_line_also_after_other_alphabets() -> None:
    text = "-- größe\nWITH ü AS (\n  SELECT 'é', * FROM a\n)\nSELECT *\nFROM ü\n  JOIN model.metrics USING (k)\n"
    found = analyse(SqlRecipe(text, Place("flow.toml", 10)))
    assert [(r.name, str(r.place)) for r in found.reads] == [("a", "flow.toml:12"), ("model.metrics", "flow.toml:16")]


def test_lines_count_on_through_several_statements_and_pivots() -> None:
    text = "CREATE TEMP TABLE t AS\n  FROM a;\n\nCREATE TEMP MACRO m(x) AS\n  (SELECT 1 FROM b);\n"
    text += "FROM (PIVOT t ON x), t,\n c"
    found = analyse(sql(text))
    assert [(r.name, r.place.line) for r in found.reads] == [("a", 2), ("b", 5), ("c", 7)]


def test_params_of_all_statements_are_listed_once() -> None:
    found = analyse(
        sql("CREATE TEMP TABLE t AS SELECT $day; SELECT $min_delay, $day, '$no', $$ $neither $$ FROM t -- $nor")
    )
    assert set(found.params or ()) == {"day", "min_delay"}
    assert len(found.params or ()) == 2


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ("SELECT 1;\nselec 2", 'syntax error at or near "selec"', 2),
        ("SELECT 'é',\n 2 frm +", 'syntax error at or near "+"', 2),
        ("", "the SQL is empty", 1),
        ("-- nothing\n;", "the SQL is empty", 1),
        ("SELECT\n ?", "a parameter without a name", 2),
        ("SELECT $1", "a parameter without a name", 1),
        ("FROM\n a.b.c", '"a.b.c" has three parts', 2),
        ("CREATE TABLE x AS SELECT 1;\nFROM x", "CREATE TABLE would outlive its task", 1),
        ("CREATE VIEW x AS SELECT 1; FROM x", "CREATE VIEW would outlive its task", 1),
        ("CREATE TEMP TABLE x (a INT); FROM x", "CREATE TEMP TABLE x has no AS", 1),
        ("CREATE TEMP VIEW temp.x AS SELECT 1; FROM x", "a temporary name has no schema", 1),
        ("CREATE TEMP SEQUENCE s; SELECT 1", "CREATE SEQUENCE can't be used here", 1),
        ("CREATE TEMP TABLE t AS SELECT 1", "the last statement is no SELECT", 1),
        ("SELECT 1;\nSELECT 2", "SELECT can't be used here", 1),
        ("CREATE TEMP VIEW v AS\nSELECT $day; FROM v", "$day can't be used in a view", 2),
        ("CREATE TEMP MACRO m() AS $day; SELECT m()", "$day can't be used in a macro", 1),
        ("CREATE TEMP TABLE a AS FROM a; FROM a", '"a" is both an input and created here', 1),
    ],
)
def test_a_mistake_has_its_line_and_says_what_is_wrong(text: str, what: str, line: int) -> None:
    assert problems(text)[0] == (what, line)


def test_a_syntax_error_shows_the_line_and_points_at_the_word() -> None:
    (problem,) = analyse(sql("SELECT 1,\n  'é' frm +")).problems
    shown = str(problem).splitlines()
    assert shown[0] == 'sql/recipe.sql:2: syntax error at or near "+"'
    assert shown[1] == "  hint:   'é' frm +"
    assert shown[2].index("^") == shown[1].index("+")


def test_all_mistakes_are_found_at_once() -> None:
    text = "SET x = 1;\nCREATE TABLE t AS SELECT 1;\nSELECT * FROM 'x.csv', a.b.c"
    assert {line for _, line in problems(text)} == {1, 2, 3}
    assert len(problems(text)) == 4


def test_a_deeply_nested_statement_is_no_crash() -> None:
    found = analyse(sql("SELECT " + "(" * 600 + "1" + ")" * 600))
    assert isinstance(found, Analysis)
    long = analyse(sql("SELECT " + " + ".join(["x"] * 900) + " FROM a"))
    assert long.problems or [r.name for r in long.reads] == ["a"]


def fingerprint(text: str) -> bytes:
    return analyse(sql(text)).fingerprint


BASE = "SELECT a, count(*) AS n FROM t WHERE b > 1 AND c = 'x' GROUP BY a ORDER BY a"


@pytest.mark.parametrize(
    "same",
    [
        BASE + " ;",
        "-- why\n" + BASE.replace("FROM", "\n  FROM /* here */"),
        "select a, count( * ) as n from t where (b > 1) and ((c = 'x')) group by a order by a",
        'SELECT "a", count(*) AS "n" FROM "t" WHERE "b" > 1 AND c = \'x\' GROUP BY a ORDER BY a',
        "SELECT a, count(*) n FROM t WHERE b > 1 AND c = 'x' GROUP BY a ORDER BY a",
    ],
)
def test_layout_comments_case_of_keywords_and_parentheses_do_not_count(same: str) -> None:
    assert fingerprint(same) == fingerprint(BASE)


@pytest.mark.parametrize(
    "other",
    [
        BASE.replace("'x'", "'X'"),
        BASE.replace("'x'", "' x'"),
        BASE.replace("> 1", "> 2"),
        BASE.replace("> 1", ">= 1"),
        BASE.replace("AS n", "AS m"),
        BASE.replace("b > 1 AND c = 'x'", "b > $min AND c = 'x'"),
        BASE + " DESC",
        "CREATE TEMP TABLE q AS SELECT 1; " + BASE,
    ],
)
def test_what_changes_the_result_changes_the_fingerprint(other: str) -> None:
    assert fingerprint(other) != fingerprint(BASE)


def test_statements_before_the_last_count_in_their_normal_form() -> None:
    base = "CREATE TEMP TABLE t AS SELECT 1 AS x; FROM t"
    assert fingerprint('create /* c */ temp\n table "t" as (select 1 as x);\n\nfrom t') == fingerprint(base)
    assert fingerprint("CREATE TEMP VIEW t AS SELECT 1 AS x; FROM t") != fingerprint(base)
    assert fingerprint("CREATE TEMP TABLE t AS SELECT 2 AS x; FROM t") != fingerprint(base)
    macro = "CREATE TEMP MACRO m(x, y := 1) AS x + y; SELECT m(1)"
    assert fingerprint(macro.replace("x + y", "(x+y)")) == fingerprint(macro)
    assert fingerprint(macro.replace(":= 1", ":= 2")) != fingerprint(macro)
    assert fingerprint("PIVOT t ON x") != fingerprint("PIVOT t ON x IN ('a')")


def test_a_fingerprint_has_16_bytes_and_is_the_same_in_another_process() -> None:
    code = (
        "from dbuild.core.model import SqlRecipe; from dbuild.errors import Place\n"
        "from dbuild.recipes.sql import analyse\n"
        f"print(analyse(SqlRecipe({BASE!r}, Place('x', 1))).fingerprint.hex())"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == fingerprint(BASE).hex()
    assert len(fingerprint(BASE)) == 16


def test_importing_the_module_imports_no_engine() -> None:
    code = "import sys, dbuild.recipes.sql; assert not {'duckdb', 'pyarrow', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_a_worker_of_sql_or_programs_begins_without_what_python_recipes_need() -> None:
    code = (
        "import sys, dbuild.execute.worker, dbuild.recipes.sql, dbuild.recipes.shell\n"
        "assert not {'ast', 'dataclasses', 'inspect', 'pathlib', 'traceback', 'duckdb'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_canonical_form_of_a_statement_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Statement] = []
    real = Statement.form.fget  # type: ignore[attr-defined]
    monkeypatch.setattr(Statement, "form", property(lambda self: made.append(self) or real(self)))  # type: ignore[func-returns-value]
    analyse(sql("CREATE TEMP TABLE t AS SELECT 1 AS formed_once; FROM t"))
    assert len(made) == 2
