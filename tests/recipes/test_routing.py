"""Which rows of a file belong to which key: what is counted is what is read, and every change of a value shows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from dbuild.core.grain import Grain
from dbuild.core.partitions import ListAxis, TimeAxis
from dbuild.core.routes import Route, Way, pack_route, shown_key, unpack_route
from dbuild.errors import Place, RecipeError
from dbuild.recipes.engine import Engine
from dbuild.recipes.expressions import problem_of
from dbuild.recipes.routing import condition, route
from tests.recipes.sqltasks import given

DAY = Way("day", Grain("day"), "ts")


class Bench:
    """A warm session, and files made by DuckDB itself."""

    def __init__(self, folder: Path) -> None:
        import duckdb

        self.folder = folder
        self.engine = Engine([str(folder)])
        self.maker = duckdb.connect()
        self.made = 0

    def routed(self, select: str, *ways: Way, ending: str = "parquet", zone: str = "UTC") -> Route:
        """The route of a file with these rows; each key's rows are those that its condition gives, in number."""
        self.made += 1
        path = self.folder / f"{self.made}.{ending}"
        self.maker.execute(f"COPY ({select}) TO '{path}'")
        what = given("events", path, schema=(("ts", "VARCHAR"),) if ending == "csv" else None)
        self.engine.set_timezone(zone)
        found = route(self.engine, what, ways)
        conditions = {key: condition(ways, found.kinds, key.split("\x1f")) for key in found.shares}
        counts = ", ".join(f"count(*) FILTER ({where})" for where in ("true", *conditions.values()))
        (counted,) = self.engine.cursor.sql(f"SELECT {counts} FROM ({self.engine.select(what)})").fetchall()
        self.engine.reset()
        assert list(counted[1:]) == [share.rows for share in found.shares.values()]
        assert counted[0] == sum(counted[1:]) + sum(found.keyless)
        assert unpack_route(pack_route(found)) == found
        return found


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("routing"))
    yield made
    made.engine.close()
    made.maker.close()


def rows(found: Route, *ways: Way) -> dict[str, int]:
    """Key as people read it -> rows."""
    axes = [TimeAxis(w.dimension, w.grain) if w.grain else ListAxis(w.dimension, ()) for w in ways]
    return {shown_key(axes, key): share.rows for key, share in found.shares.items()}


def values(*texts: str) -> str:
    return "SELECT * FROM (VALUES " + ", ".join(f"({text})" for text in texts) + ") t(ts)"


# --- which key a value has -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grain", "texts", "expected"),
    [
        (Grain("day"), ["DATE '2013-01-05'", "DATE '2013-01-06'", "NULL"], {"2013-01-05": 1, "2013-01-06": 1}),
        (Grain("month"), ["DATE '2013-01-31'", "DATE '2013-02-01'"], {"2013-01": 1, "2013-02": 1}),
        (Grain("week"), ["DATE '2012-12-31'", "DATE '2013-01-06'"], {"2013-W01": 2}),
        (Grain("hour"), ["TIMESTAMP '2013-01-05 10:59:59.999999'"], {"2013-01-05T10": 1}),
        (Grain("minute", count=15), ["TIMESTAMP '2013-01-05 10:14:59'"], {"2013-01-05T10:00": 1}),
        (Grain("day"), ["TIMESTAMP '1969-12-31 23:59:59.9'", "'infinity'::TIMESTAMP"], {"1969-12-31": 1}),
        (Grain("day"), ["TIMESTAMP_NS '2013-01-05 23:59:59.999999999'"], {"2013-01-05": 1}),
        (Grain("day"), ["TIMESTAMPTZ '2013-01-05 23:30:00+00'"], {"2013-01-05": 1}),
        (Grain("day", "America/New_York"), ["TIMESTAMPTZ '2013-01-05 03:00:00+00'"], {"2013-01-04": 1}),
        (Grain("day", "America/New_York"), ["DATE '2013-03-10'"], {"2013-03-10": 1}),
        (Grain("day", "America/New_York"), ["TIMESTAMP '2013-01-05 23:30:00'"], {"2013-01-05": 1}),
        (Grain("day", "America/Sao_Paulo"), ["DATE '2013-10-20'"], {"2013-10-20": 1}),  # has no midnight
        (Grain("day", "Pacific/Apia"), ["DATE '2011-12-29'", "DATE '2011-12-30'"], {"2011-12-29": 1}),  # was skipped
        (Grain("hour", "Asia/Kathmandu"), ["TIMESTAMPTZ '2013-01-05 00:14:00+00'"], {"2013-01-05T05": 1}),
        (Grain("hour", "America/New_York"), ["TIMESTAMP '2013-03-10 01:30:00'"], {"2013-03-10T01": 1}),
        (Grain("day"), ["'2013-01-05'", "'2013-01-05T23:00:00'", "'soon'", "''"], {"2013-01-05": 2}),
        (Grain("day"), ["'2013-01-05T23:00:00-02:00'"], {"2013-01-06": 1}),
        (
            Grain("day", "America/New_York"),
            ["'2013-01-05T03:00:00Z'", "'2013-01-05 03:00'"],
            {"2013-01-04": 1, "2013-01-05": 1},
        ),
        (Grain("month"), ["'2013-01'", "'2013-02-07'", "'2013-13'"], {"2013-01": 1, "2013-02": 1}),
        (Grain("week"), ["'2013-W05'"], {"2013-W05": 1}),
        (Grain("quarter"), ["'2013-Q4'", "'2013-Q5'"], {"2013-Q4": 1}),
        (Grain("year"), ["'2013'", "'13'"], {"2013": 1}),
        (Grain("hour"), ["'2013-01-05T06'"], {"2013-01-05T06": 1}),
        (Grain("day"), ["'9999-12-31'", "'0001-01-01'"], {"9999-12-31": 1, "0001-01-01": 1}),
        (Grain("day"), ["TIMESTAMP '20000-01-01 00:00:00'", "TIMESTAMP '0001-01-01 (BC) 00:00:00'"], {}),
        (Grain("day"), ["NULL"], {}),
    ],
)
def test_the_period_that_holds_a_value(bench: Bench, grain: Grain, texts: list[str], expected: dict[str, int]) -> None:
    way = Way("t", grain, "ts")
    assert rows(bench.routed(values(*texts), way), way) == expected


def test_offsets_of_seconds(bench: Bench) -> None:
    """Liberia was 44:30 behind until 1972: its days began within a minute."""
    way = Way("t", Grain("day", "Africa/Monrovia"), "ts")
    texts = ["TIMESTAMPTZ '1970-06-01 00:44:29+00'", "TIMESTAMPTZ '1970-06-01 00:44:30+00'"]
    assert rows(bench.routed(values(*texts), way), way) == {"1970-05-31": 1, "1970-06-01": 1}


def test_values_of_a_list_and_their_nulls(bench: Bench) -> None:
    way = Way("origin", None, "upper(ts)")
    found = bench.routed(values("'ewr'", "'EWR'", "NULL", "'it''s'", "'a' || chr(10)"), way)
    assert (rows(found, way), found.keyless) == ({"EWR": 2, "IT'S": 1}, (2,))


def test_two_dimensions(bench: Bench) -> None:
    ways = (Way("day", Grain("day"), "ts"), Way("origin", None, "o"))
    select = """SELECT * FROM (VALUES (DATE '2013-01-05', 'EWR'), (DATE '2013-01-05', 'JFK'),
        (DATE '2013-01-06', 'EWR'), (NULL, 'EWR'), (DATE '2013-01-05', NULL), (NULL, NULL),
        (DATE '2013-01-05', 'EWR')) t(ts, o)"""
    found = bench.routed(select, *ways)
    assert rows(found, *ways) == {"2013-01-05,EWR": 2, "2013-01-05,JFK": 1, "2013-01-06,EWR": 1}
    assert found.keyless == (2, 1)


def test_random_moments_in_zones_are_counted_where_they_are_read(bench: Bench) -> None:
    random = Random(7)
    zones = ["UTC", "America/New_York", "Asia/Kathmandu", "Europe/Amsterdam", "Pacific/Apia", "Australia/Lord_Howe"]
    for _ in range(20):
        zone = random.choice(zones)
        unit = random.choice(["minute", "hour", "day", "week", "month", "quarter", "year"])
        kind = random.choice(["TIMESTAMP", "TIMESTAMPTZ", "DATE", "TIMESTAMP_NS", "TIMESTAMP_S"])
        first = datetime(random.choice([1935, 1969, 2011, 2013]), 1, 1)
        moments = [first + timedelta(seconds=random.randrange(86_400 * 200)) for _ in range(30)]
        texts = [f"CAST(TIMESTAMP '{moment}' AS {kind})" for moment in moments]
        way = Way("t", Grain(unit, zone), "ts")
        bench.routed(values(*texts), way, zone=random.choice(zones))


def test_many_batches_and_a_file_in_disorder(bench: Bench) -> None:
    select = "SELECT DATE '2013-01-01' + CAST(r * 7919 % 5 AS INTEGER) AS ts, r FROM range(50000) t(r)"
    first = bench.routed(select, DAY)
    assert set(rows(first, DAY).values()) == {10_000}
    other = bench.routed(f"SELECT * FROM ({select}) ORDER BY ts, r", DAY)
    assert other.shares == first.shares  # a key's rows have the order that they had


def test_a_text_that_is_dates_in_a_csv(bench: Bench) -> None:
    found = bench.routed(values("'2013-01-05'", "''", "'x'"), DAY, ending="csv")
    assert (rows(found, DAY), found.keyless, found.kinds) == ({"2013-01-05": 1}, (2,), ("VARCHAR",))


def test_a_type_without_moments_is_refused(bench: Bench) -> None:
    with pytest.raises(RecipeError, match="gives INTEGER, and day is found from dates") as caught:
        bench.routed(values("1"), DAY)
    assert "to_timestamp" in (caught.value.hint or "")


def test_an_expression_that_does_not_fit(bench: Bench) -> None:
    with pytest.raises(RecipeError, match='"when"'):
        bench.routed(values("1"), Way("day", Grain("day"), '"when"'))


# --- every change of a value shows -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("0.0::DOUBLE", "-0.0::DOUBLE"),
        ("0.0::FLOAT", "-0.0::FLOAT"),
        ("1.0::DOUBLE", "1.0000000000000002::DOUBLE"),
        ("NULL::DOUBLE", "0::DOUBLE"),
        ("'nan'::DOUBLE", "NULL::DOUBLE"),
        ("NULL::VARCHAR", "'NULL'"),
        ("NULL::VARCHAR", "''"),
        ("'a'", "'a '"),
        ("[NULL]::VARCHAR[]", "['NULL']"),
        ("[]::VARCHAR[]", "NULL::VARCHAR[]"),
        ("['a, b']", "['a', 'b']"),
        ("[0.0::DOUBLE]", "[-0.0::DOUBLE]"),
        ("{'a': 'x, b: y'}", "{'a': 'x', 'b': 'y'}"),
        ("{'a': {'b': NULL::VARCHAR}}", "{'a': {'b': 'NULL'}}"),
        ("MAP {'a': 'b=c'}", "MAP {'a=b': 'c'}"),
        ("0::HUGEINT", "18446744073709551617::HUGEINT"),
        ("INTERVAL 1 MONTH", "INTERVAL 30 DAYS"),
        ("1.10::DECIMAL(4,2)", "1.11::DECIMAL(4,2)"),
        ("1.1::DECIMAL(4,2)", "1.1::DECIMAL(5,3)"),
        ("1.1::DECIMAL(30,2)", "1.2::DECIMAL(30,2)"),
        ("1::INTEGER", "1::BIGINT"),
        ("TIMESTAMP '2013-01-01'", "TIMESTAMPTZ '2013-01-01 00:00:00+00'"),
        ("TIMESTAMP '2013-01-01'", "TIMESTAMP '2013-01-01 00:00:00.000001'"),
        ("TIMESTAMP_NS '2013-01-01'", "TIMESTAMP_NS '2013-01-01 00:00:00.000000001'"),
        ("TIME '10:00:00'", "TIME '10:00:01'"),
        ("DATE '2013-01-01'", "TIMESTAMP '2013-01-01'"),
        ("'\\xAA'::BLOB", "'\\xAB'::BLOB"),
        ("true", "false"),
        ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID", "'bb6d6bb9-bd38-0a11-a0ee-bc999c0b4ef8'::UUID"),
    ],
)
def test_values_that_differ_have_digests_that_differ(bench: Bench, one: str, other: str) -> None:
    found = [bench.routed(f"SELECT DATE '2013-01-01' AS ts, {text} AS v", DAY) for text in (one, one, other)]
    digests = [next(iter(each.shares.values())).digest for each in found]
    assert digests[0] == digests[1] != digests[2]


def test_names_order_and_neighbours_count(bench: Bench) -> None:
    def digests(select: str) -> list[bytes]:
        return [share.digest for share in bench.routed(select, DAY).shares.values()]

    plain = digests("SELECT DATE '2013-01-01' AS ts, a, b FROM (VALUES ('x', 'y'), ('y', 'x')) t(a, b)")
    assert plain != digests("SELECT DATE '2013-01-01' AS ts, a, b FROM (VALUES ('y', 'x'), ('x', 'y')) t(a, b)")
    assert plain != digests("SELECT DATE '2013-01-01' AS ts, a, b FROM (VALUES ('x', 'y'), ('y', 'x')) t(b, a)")
    assert plain != digests("SELECT DATE '2013-01-01' AS ts, a, b AS c FROM (VALUES ('x', 'y'), ('y', 'x')) t(a, b)")
    more = "UNION ALL SELECT DATE '2013-01-02', 'z', 'z'"
    assert (
        plain == digests(f"SELECT DATE '2013-01-01' AS ts, * FROM (VALUES ('x', 'y'), ('y', 'x')) t(a, b) {more}")[:1]
    )


# --- expressions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["CAST(ts AS DATE)", "ts::DATE", "date_trunc('day', ts)", "a || b -- joined", "list_transform(l, x -> x + 1)[1]",
     "coalesce(ts, other)", "CASE WHEN a THEN b END", "origin", "t.ts"],
)  # fmt: skip
def test_expressions_of_a_row(text: str) -> None:
    assert problem_of(text, Place("Dataflowfile", 3)) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("CAST(ts AS", "no expression"),
        ("a; b", "no expression"),
        ("a) FROM other --", "no expression"),
        ("a) FROM t WHERE (b", "no expression"),
        ("(SELECT max(ts) FROM x)", "a query of its own"),
        ("max(ts)", "max() looks at other rows"),
        ("row_number() OVER ()", "looks at other rows"),
        ("now()", "now() gives something else"),
        ("current_date", "current_date gives something else"),
        ("random()", "random() gives something else"),
        ("$day", "name columns and nothing else"),
        ("*", "name columns and nothing else"),
        ("getenv('HOME')", "no expression"),
    ],
)
def test_texts_that_are_no_expressions_of_a_row(text: str, said: str) -> None:
    found = problem_of(text, Place("Dataflowfile", 3))
    assert found is not None
    assert said in found.what
    assert found.place == Place("Dataflowfile", 3)
    assert found.hint
