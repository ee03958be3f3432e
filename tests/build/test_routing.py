"""Rows that go to partitions by their own values, whatever file they came in: what runs when files come and change."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbuild.build import Settings, status
from tests.build.events import FLOW, check, days, drop, three_days, totals
from tests.build.workshop import Workshop


@pytest.fixture
def made(tmp_path: Path) -> Workshop:
    """Three files, the second with a late row of the first day; built."""
    return three_days(tmp_path / "project")


def test_late_rows_rebuild_their_day_and_nothing_else(made: Workshop, tmp_path: Path) -> None:
    drop(made, "04", "01 10", "01 10", "01 10", "01 10", "01 10")
    assert made.plan().will_run == 0
    assert made.build().ran == days("01")
    assert totals(made) == {"01": "8,57", "02": "1,3", "03": "1,5"}
    check(made, tmp_path)


def test_a_correction_that_removes_rows(made: Workshop, tmp_path: Path) -> None:
    drop(made, "02", "02 3")
    assert made.build().ran == days("01")
    assert totals(made)["01"] == "2,3"
    check(made, tmp_path)


def test_a_row_that_moves_rebuilds_both_days(made: Workshop, tmp_path: Path) -> None:
    drop(made, "02", "02 3", "03 4")
    assert made.build().ran == days("01", "03")
    check(made, tmp_path)


def test_a_file_that_goes_takes_its_rows_along(made: Workshop, tmp_path: Path) -> None:
    made.path("data/2013-01-02.csv").unlink()
    assert made.build().ran == days("01", "02")
    assert totals(made) == {"01": "2,3", "02": "0,0", "03": "1,5"}
    check(made, tmp_path)


def test_the_same_rows_in_other_bytes_rebuild_nothing(made: Workshop, tmp_path: Path) -> None:
    made.write("data/2013-01-02.csv", 'ts,v\n"2013-01-02 12:00:00","3"\n2013-01-01T12:00:00,4\n')
    assert made.build().ran == []
    check(made, tmp_path)


def test_rows_of_a_day_in_another_order_rebuild_it(made: Workshop) -> None:
    drop(made, "01", "01 2", "01 1")
    assert made.build().ran == days("01")
    drop(made, "02", "01 4", "02 3")  # in each day they have the order that they had
    assert made.build().ran == []


def test_a_file_without_rows(made: Workshop, tmp_path: Path) -> None:
    drop(made, "04")
    assert made.build().ran == []
    check(made, tmp_path)


def test_a_new_file_makes_its_dimension_longer(made: Workshop, tmp_path: Path) -> None:
    drop(made, "04", "06 1")
    assert made.build().ran == days("04", "05", "06")
    assert totals(made)["05"] == "0,0"  # from an empty input
    check(made, tmp_path)
    made.path("data/2013-01-04.csv").unlink()
    assert made.build().ran == []  # it is shorter again


def test_only_its_files_are_given_to_a_day(made: Workshop) -> None:
    """A file that can't be read any more fails those whose rows may be in it; others aren't tried."""
    made.write("data/2013-01-03.csv", "ts,v\n2013-01-03 12:00:00,x\n")
    failed = made.build(keep_going=True)
    assert {label: "2013-01-03.csv" in error for label, error in failed.errors.items()} == dict.fromkeys(
        days("01", "02", "03"), True
    )
    assert totals(made) == {"01": "3,7", "02": "1,3", "03": "1,5"}
    drop(made, "03", "03 6")
    assert made.build().ran == days("01", "02", "03")


def test_the_expression_changes(made: Workshop, tmp_path: Path) -> None:
    made.swap("Dataflowfile", 'by = "ts"', 'by = "CAST(ts AS DATE)"')
    assert made.build().ran == []  # the same rows
    made.swap("Dataflowfile", 'by = "CAST(ts AS DATE)"', "by = \"CASE WHEN v = 4 THEN DATE '2013-01-03' ELSE ts END\"")
    assert made.build().ran == days("01", "03")
    check(made, tmp_path)


def test_readers_run_nothing_and_say_what_they_cannot_know(made: Workshop) -> None:
    drop(made, "04", "01 10")
    planned = made.plan()
    assert (planned.will_run, planned.may_run) == (0, 3)
    assert planned.doubts == (
        'where the rows of 1 partition of "events" go is found out by a build: daily may run for them',
    )
    assert made.build().ran == days("01")
    assert made.plan().doubts == ()


def test_before_the_first_build_nothing_is_known(tmp_path: Path) -> None:
    found = Workshop(tmp_path / "project", FLOW)
    drop(found, "01", "01 1")
    planned = found.plan()
    assert (planned.will_run, planned.may_run, len(planned.doubts)) == (0, 0, 1)
    assert found.build().ran == days("01")


def test_a_build_that_is_cut_off_after_looking_into_files(made: Workshop, tmp_path: Path) -> None:
    drop(made, "04", "01 10", "04 1")
    made.write("data/2013-01-05.csv", "nonsense\n")
    failed = made.build()  # the first failure ends it
    assert failed.summary.failed == 1
    made.path("data/2013-01-05.csv").unlink()
    planned = made.plan()  # what was looked into is known
    assert planned.doubts == ()
    ran = made.build().ran
    assert set(days("01", "04")) - set(failed.ran) <= set(ran)
    check(made, tmp_path)


# --- Rows that belong nowhere ----------------------------------------------------------------------------------------


def test_rows_without_a_day_and_out_of_reach_are_told(tmp_path: Path) -> None:
    found = Workshop(tmp_path / "project", FLOW)
    drop(found, "01", "01 1")
    found.write("data/2013-01-02.csv", "ts,v\n,1\n,2\n2012-12-31 00:00:00,3\n2013-01-02 00:00:00,4\n")
    done = found.build()
    assert done.ran == days("01", "02")
    assert done.notices == [
        "events: 2 rows have no day, 1 row has a day that isn't there, such as 2012-12-31;"
        " no partition of daily gets them (see data/2013-01-02.csv)"
    ]
    assert found.build().notices == []  # nothing was read
    drop(found, "03", "03 1")
    assert len(found.build().notices) == 1


def test_what_is_later_than_tomorrow_waits_for_its_day(tmp_path: Path) -> None:
    found = Workshop(tmp_path / "project", FLOW)
    drop(found, "01", "01 1", "09 9")
    early = found.build(now="2013-01-02 12:00")
    assert (early.ran, len(early.notices)) == (days("01"), 1)
    assert found.build(now="2013-01-02 13:00").ran == []
    assert found.build(now="2013-01-07 23:00").ran == []
    assert found.build(now="2013-01-08 00:30").ran == days("02", "03", "04", "05", "06", "07", "08", "09")


# --- Dimensions, grains, zones ---------------------------------------------------------------------------------------


def test_one_file_for_all_days(tmp_path: Path) -> None:
    """A source without partitions: a change of some rows rebuilds their days."""
    found = Workshop(tmp_path / "project", FLOW.replace("data/{drop}.csv", "events.csv"))
    found.write("events.csv", "ts,v\n2013-01-01 00:00:00,1\n2013-01-02 00:00:00,2\n")
    assert found.build().ran == days("01", "02")
    found.write("events.csv", "ts,v\n2013-01-01 00:00:00,1\n2013-01-02 00:00:00,3\n2013-01-03 00:00:00,3\n")
    assert found.build().ran == days("02", "03")
    check(found, tmp_path)


REGIONS = """
[partitions.drop]
every = "day"
start = 2013-01-01
[partitions.month]
every = "month"
start = 2013-01-01
end = 2013-02-28
[partitions.region]
values = ["EU", "US"]
[sources.events]
path = "data/{drop}.csv"
schema = { ts = "VARCHAR", region = "VARCHAR", v = "BIGINT" }
[targets.sums]
path = "out/{region}/{month}.csv"
sql = "SELECT $region AS region, $month AS month, sum(v) AS v FROM events"
inputs.events = { by = { month = "ts", region = "upper(trim(region))" } }
"""


def test_two_dimensions_a_list_and_an_expression(tmp_path: Path) -> None:
    found = Workshop(tmp_path / "project", REGIONS)
    found.write("data/2013-01-01.csv", "ts,region,v\n2013-01-31T23:59:59,eu,1\n2013-01,US,2\n2013-02-01,XX,3\n")
    done = found.build()
    assert done.counts == {"sums": 4}
    assert done.notices == [
        "events: 1 row has a region that isn't there, such as XX,2013-02;"
        " no partition of sums gets them (see data/2013-01-01.csv)"
    ]
    assert found.read("out/EU/2013-01.csv").splitlines()[1] == "EU,2013-01-01,1"
    found.write("data/2013-01-02.csv", "ts,region,v\n2013-02-03,us,4\n2013-01-01, EU,5\n")
    assert found.build().ran == ["sums@EU,2013-01", "sums@US,2013-02"]
    found.swap("Dataflowfile", '"US"]', '"US", "XX"]')
    assert found.build().ran == ["sums@XX,2013-01", "sums@XX,2013-02"]
    check(found, tmp_path)


def test_one_routed_dimension_and_one_of_the_paths(tmp_path: Path) -> None:
    found = Workshop(
        tmp_path / "project",
        FLOW.replace("data/{drop}.csv", "data/{region}/{drop}.csv")
        .replace("out/{day}.csv", "out/{day}/{region}.csv")
        .replace('by = "ts"', 'by = { day = "ts" }')
        + '[partitions.region]\nvalues = ["EU", "US"]\n',
    )
    drop(found, "01", "01 1", folder="data/EU")
    drop(found, "01", "01 2", "02 2", folder="data/US")
    assert found.build().counts == {"daily": 4}
    drop(found, "02", "01 5", folder="data/EU")
    assert found.build().ran == ["daily@2013-01-01,EU"]
    check(found, tmp_path)


def test_days_of_a_zone(tmp_path: Path) -> None:
    zoned = FLOW.replace(
        '[partitions.day]\nevery = "day"', '[partitions.day]\ntimezone = "America/New_York"\nevery = "day"'
    )
    found = Workshop(tmp_path / "project", zoned.replace('"TIMESTAMP"', '"TIMESTAMPTZ"'))
    found.write("data/2013-01-01.csv", "ts,v\n2013-01-02T04:59:59Z,1\n2013-01-02T05:00:00Z,2\n")
    assert found.build().ran == days("01", "02")
    assert totals(found) == {"01": "1,1", "02": "1,2"}
    found.write("data/2013-01-02.csv", "ts,v\n2013-01-02T03:00:00Z,7\n")
    assert found.build().ran == days("01")
    check(found, tmp_path)


# --- Other forms -----------------------------------------------------------------------------------------------------

TABLES = """
[partitions.drop]
every = "day"
start = 2013-01-01
[partitions.day]
every = "day"
start = 2013-01-01
end = 2013-01-03
[sources.events]
path = "data/{drop}/*.parquet"
[targets.daily]
path = "out/{day}.csv"
RECIPE
inputs.events = { by = "CAST(ts AS DATE)" }
"""
COUNT = """
import pyarrow

def count(events: pyarrow.Table, output):
    output.write_text(f"n,columns\\n{events.num_rows},{'+'.join(events.column_names)}\\n")
"""


def counting(tmp_path: Path, recipe: str = COUNT) -> Workshop:
    flow = TABLES.replace("RECIPE", 'python = "recipes:count"')
    return Workshop(tmp_path / "project", flow, **{"recipes.py": recipe})


def parquet(made: Workshop, path: str, *rows: str, also: str = "") -> None:
    import duckdb

    made.path(path).parent.mkdir(parents=True, exist_ok=True)
    values = ", ".join(f"(TIMESTAMP '2013-01-{row.split()[0]} 12:00:00', {row.split()[1]})" for row in rows)
    with duckdb.connect() as session:
        session.execute(
            f"COPY (SELECT *{also} FROM (VALUES {values}) t(ts, v)) TO '{made.path(path)}' (FORMAT parquet)"
        )


def test_several_files_a_partition_for_a_python_recipe(tmp_path: Path) -> None:
    found = Workshop(
        tmp_path / "project", TABLES.replace("RECIPE", 'python = "recipes:count"'), **{"recipes.py": COUNT}
    )
    parquet(found, "data/2013-01-01/a.parquet", "01 1", "02 2")
    parquet(found, "data/2013-01-01/b.parquet", "01 3")
    assert found.build().ran == days("01", "02", "03")
    assert totals(found) == {"01": "2,ts+v+drop", "02": "1,ts+v+drop", "03": "0,ts+v+drop"}
    parquet(found, "data/2013-01-01/b.parquet", "03 3")
    assert found.build().ran == days("01", "03")
    found.path("data/2013-01-01/a.parquet").rename(found.path("data/2013-01-01/z.parquet"))
    assert found.build().ran == []  # no day has rows of both
    check(found, tmp_path)


def test_an_empty_input_has_the_columns_of_the_first_file(tmp_path: Path) -> None:
    found = Workshop(
        tmp_path / "project", TABLES.replace("RECIPE", 'python = "recipes:count"'), **{"recipes.py": COUNT}
    )
    parquet(found, "data/2013-01-02/a.parquet", "01 1")
    found.build()
    parquet(found, "data/2013-01-02/a.parquet", "01 1", also=", 'x' AS w")
    assert found.build().ran == days("01", "02", "03")
    assert totals(found)["03"] == "0,ts+v+w+drop"
    parquet(found, "data/2013-01-01/a.parquet", "02 1")
    assert found.build().ran == days("02", "03")
    check(found, tmp_path)


def test_a_python_recipe_has_to_ask_for_a_table(tmp_path: Path) -> None:
    found = counting(tmp_path, COUNT.replace(": pyarrow.Table", ""))
    parquet(found, "data/2013-01-01/a.parquet", "01 1")
    error = next(iter(found.build().errors.values()))
    assert 'the input "events" is given by its rows' in error


def test_files_whose_values_have_other_types(tmp_path: Path) -> None:
    sql = 'sql = "SELECT count(*) AS n FROM events"'
    found = Workshop(tmp_path / "project", TABLES.replace("RECIPE", sql).replace("CAST(ts AS DATE)", "ts"))
    parquet(found, "data/2013-01-01/a.parquet", "01 1")
    parquet(found, "data/2013-01-02/a.parquet", "02 1")
    found.build()
    import duckdb

    with duckdb.connect() as session:
        path = found.path("data/2013-01-02/a.parquet")
        session.execute(f"COPY (SELECT DATE '2013-01-01' AS ts, 1 AS v) TO '{path}' (FORMAT parquet)")
    done = found.build(keep_going=True)
    assert done.ran == days("01", "02")
    assert "are routed by TIMESTAMP in data/2013-01-01/a.parquet and by DATE in" in done.errors["daily@2013-01-01"]


# --- Rows of targets -------------------------------------------------------------------------------------------------

CLEANED = """
[partitions.drop]
every = "day"
start = 2013-01-01
[partitions.day]
every = "day"
start = 2013-01-01
end = 2013-01-03
[sources.events]
path = "data/{drop}.csv"
schema = { ts = "TIMESTAMP", v = "BIGINT" }
[targets.clean]
path = "out/clean/{drop}.csv"
sql = "SELECT CAST(ts AS DATE) AS d, v FROM events WHERE v > 0"
[targets.daily]
path = "out/daily/{day}.csv"
sql = "SELECT count(*) AS n, coalesce(sum(v), 0)::BIGINT AS v FROM clean"
inputs.clean = { by = "d" }
"""


def test_rows_of_a_target_are_routed_when_they_are_made(tmp_path: Path) -> None:
    found = Workshop(tmp_path / "project", CLEANED)
    drop(found, "01", "01 1", "02 2")
    drop(found, "02", "02 3")
    assert found.build().counts == {"clean": 2, "daily": 3}
    assert totals(found, "out/daily") == {"01": "1,1", "02": "2,5", "03": "0,0"}
    drop(found, "02", "02 3", "03 -1")
    done = found.build()
    assert (done.ran, done.skipped) == (["clean@2013-01-02"], days("01", "02", "03"))  # its output is as it was
    drop(found, "02", "02 3", "03 1")
    planned = found.plan()
    assert (planned.will_run, planned.may_run) == (1, 3)
    done = found.build()
    assert done.ran == ["clean@2013-01-02", *days("03")]
    assert done.skipped == days("01", "02")
    drop(found, "03", "01 9")
    assert found.build().ran == ["clean@2013-01-03", *days("01")]
    found.path("out/clean/2013-01-01.csv").write_text("d,v\n2013-01-03,7\n")
    assert found.build().ran == ["clean@2013-01-01"]  # made again as it was
    check(found, tmp_path)


def test_an_open_end_that_only_rows_of_a_target_would_tell(tmp_path: Path) -> None:
    from dbuild.errors import ProjectError

    found = Workshop(tmp_path / "project", CLEANED.replace("end = 2013-01-03\n", ""))
    with pytest.raises(ProjectError) as caught:
        found.build()
    assert 'how far "day" reaches would be known only when "clean" is built' in str(caught.value)


def test_a_target_of_targets_that_are_routed(made: Workshop, tmp_path: Path) -> None:
    """Routed rows go on as any other change: to a sum of all days."""
    made.write(
        "Dataflowfile",
        made.read("Dataflowfile") + '[targets.all]\npath = "out/all.csv"\nsql = "SELECT sum(n) AS n FROM daily"\n',
    )
    assert made.build().ran == ["all"]
    drop(made, "02", "03 3", "01 4")
    assert made.build().ran == ["all", *days("02", "03")]
    check(made, tmp_path)


# --- Several targets -------------------------------------------------------------------------------------------------


def test_targets_that_are_built_one_by_one(made: Workshop, tmp_path: Path) -> None:
    other = FLOW[FLOW.index("[targets.daily]") :].replace("daily", "other").replace("out/", "out/other/")
    made.write("Dataflowfile", made.read("Dataflowfile") + other)
    assert made.build("other").ran == days("01", "02", "03", target="other")
    drop(made, "02", "02 3", "01 5")
    assert made.build("daily").ran == days("01")
    drop(made, "03", "03 6")
    assert made.build("daily").ran == days("03")
    assert made.build("other").ran == days("01", "03", target="other")
    drop(made, "03", "03 7")
    assert made.build().ran == [*days("03"), *days("03", target="other")]
    check(made, tmp_path)


def test_files_that_come_before_a_build_of_something_else(made: Workshop, tmp_path: Path) -> None:
    """It doesn't look into them; later on it is known all the same that they have come."""
    other = '[sources.a]\npath = "a.txt"\n[targets.other]\npath = "out/other.txt"\nshell = "cp {a} {output}"\n'
    made.write("Dataflowfile", made.read("Dataflowfile") + other)
    made.write("a.txt", "1\n")
    assert made.build().ran == ["other"]
    drop(made, "02", "03 3", "01 4")
    made.write("a.txt", "2\n")
    assert made.build("other").ran == ["other"]
    drop(made, "01", "01 1")
    assert made.build().ran == days("01", "02", "03")
    check(made, tmp_path)


def test_an_input_that_does_not_count(made: Workshop) -> None:
    made.swap("Dataflowfile", '{ by = "ts" }', '{ by = "ts", impact = "none" }')
    assert made.build().ran == []
    drop(made, "01", "01 7")
    assert made.build().ran == []
    assert made.build(force=True).ran == days("01", "02", "03")
    assert totals(made)["01"] == "2,11"


def test_the_start_of_the_files_moves(made: Workshop, tmp_path: Path) -> None:
    made.swap("Dataflowfile", "start = 2013-01-01\n[partitions.day]", "start = 2013-01-02\n[partitions.day]")
    assert made.build().ran == days("01")
    assert totals(made)["01"] == "1,4"
    check(made, tmp_path)
    made.swap("Dataflowfile", "start = 2013-01-02\n[partitions.day]", "start = 2013-01-01\n[partitions.day]")
    assert made.build().ran == days("01")
    assert totals(made)["01"] == "3,7"


# --- Mistakes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('by = "ts"', 'by = "max(ts)"', "max() looks at other rows"),
        ('by = "ts"', 'by = "now()"', "now() gives something else the next time"),
        ('by = "ts"', 'by = "(ts"', "is no expression of SQL"),
        ("data/{drop}.csv", "data/{drop}.txt", "its files are no tables"),
    ],
)
def test_mistakes(tmp_path: Path, before: str, after: str, said: str) -> None:
    from dbuild.errors import ProjectError

    found = Workshop(tmp_path / "project", FLOW.replace(before, after))
    for _ in range(2):  # also where it was found out before
        with pytest.raises(ProjectError) as caught:
            found.build()
        assert said in str(caught.value)


def test_a_column_that_is_not_there_is_an_error_of_those_that_read_it(tmp_path: Path) -> None:
    flow = FLOW.replace('by = "ts"', 'by = "moment"')
    found = Workshop(tmp_path / "project", flow.replace("[partitions.day]", "[partitions.day]\nend = 2013-01-02"))
    drop(found, "01", "01 1")
    done = found.build(keep_going=True)
    assert set(done.errors) == set(days("01", "02"))
    assert '"moment"' in done.errors["daily@2013-01-01"]


# --- What isn't there ------------------------------------------------------------------------------------------------


def test_what_is_gone_and_kept_stays_in_what_was_built(made: Workshop) -> None:
    made.swap("Dataflowfile", 'path = "data/{drop}.csv"', 'path = "data/{drop}.csv"\ngone = "keep"')
    assert made.build().ran == []
    made.path("data/2013-01-02.csv").unlink()  # had rows of two days
    assert made.build().ran == []
    drop(made, "04", "01 5", "03 6")
    done = made.build()
    assert done.ran == days("03")  # the first day can't be made again without what is gone
    assert totals(made) == {"01": "3,7", "02": "1,3", "03": "2,11"}


EXPECTING = FLOW.replace("[targets.daily]", 'expect = { at = "06:00", days = 1 }\n[targets.daily]').replace(
    "start = 2013-01-01", "start = 2013-01-01\nend = 2013-01-02"
)


def test_a_file_that_is_due_is_waited_for(tmp_path: Path) -> None:
    found = Workshop(tmp_path / "project", EXPECTING)
    drop(found, "01", "01 1")
    assert found.build(now="2013-01-02 07:00").ran == days("01", "02")
    late = found.build(now="2013-01-03 07:00")  # what should have come may have rows of any day
    assert (late.ran, late.summary.waiting) == ([], 2)
    drop(found, "02", "02 2")
    assert found.build(now="2013-01-03 08:00").ran == days("02")


KEEPING = FLOW.replace("[targets.daily]", 'gone = "keep"\n[targets.daily]')


def test_what_had_no_rows_of_what_is_gone_is_built_as_ever(tmp_path: Path) -> None:
    made = Workshop(tmp_path / "project", KEEPING)
    drop(made, "01", "01 1", "02 1")
    drop(made, "02", "01 4")
    assert made.build().ran == days("01", "02")
    made.path("data/2013-01-02.csv").unlink()  # the newest: no dimension reaches as far any more
    assert made.build().ran == []
    for value in "678":
        drop(made, "03", f"01 {value}", f"02 {value}", f"03 {value}")
        assert made.build().ran == days("02", "03")
    assert totals(made) == {"01": "2,5", "02": f"2,{1 + 8}", "03": "1,8"}


def test_what_is_gone_and_was_not_used_counts_when_it_is_there_again(tmp_path: Path) -> None:
    flow = KEEPING.replace("FROM events", "FROM events, other")
    made = Workshop(tmp_path / "project", flow + '[sources.other]\npath = "other/{day}.csv"\n')
    for day in "123":
        drop(made, f"0{day}", f"0{day} {day}", f"01 {day}")
    for day in "23":
        made.write(f"other/2013-01-0{day}.csv", "x\n1\n")
    assert made.build().ran == days("02", "03")
    before = made.read("data/2013-01-02.csv")
    made.path("data/2013-01-02.csv").unlink()
    made.write("other/2013-01-01.csv", "x\n1\n")
    assert made.build().ran == days("01")  # without the rows of what is gone
    made.write("data/2013-01-02.csv", before)
    assert made.build().ran == days("01")
    check(made, tmp_path)


def test_what_is_kept_is_provisional_while_a_file_that_it_never_had_is_missing(tmp_path: Path) -> None:
    flow = KEEPING.replace("gone =", 'expect = { at = "06:00", days = 1 }\ngone =')
    found = Workshop(tmp_path / "project", flow)
    drop(found, "01", "01 1", "02 1")
    drop(found, "02", "01 2")
    assert found.build(now="2013-01-05 07:00").ran == days("01", "02")
    found.path("data/2013-01-02.csv").unlink()
    assert found.build(now="2013-01-05 07:00").summary.provisional == 0  # the first day was made of all there was
    drop(found, "04", "04 4")  # so the third has been due for a day
    later = found.build(now="2013-01-05 07:00")
    assert (later.ran, later.standing, later.summary.provisional) == ([], (0, 1, 0, 3, 0), 1)
    drop(found, "03", "03 3")
    done = found.build(now="2013-01-05 08:00")
    assert (done.ran, done.standing, done.summary.provisional) == ([], (0, 1, 0, 3, 0), 0)  # the second is missed


def test_a_file_that_is_due_is_done_without(tmp_path: Path) -> None:
    found = Workshop(tmp_path / "project", EXPECTING.replace('by = "ts"', 'by = "ts", missing = "skip"'))
    drop(found, "01", "01 1", "02 1")
    assert found.build(now="2013-01-02 07:00").ran == days("01", "02")
    late = found.build(now="2013-01-03 07:00")
    assert (late.ran, late.summary.provisional) == ([], 2)  # as good as can be had
    drop(found, "02", "02 2")
    done = found.build(now="2013-01-03 08:00")
    assert (done.ran, done.summary.provisional) == (days("02"), 0)


@pytest.mark.parametrize("policy", ["wait", "skip"])
def test_what_is_kept_lacks_the_files_that_were_not_there_when_it_was_made(tmp_path: Path, policy: str) -> None:
    found = Workshop(tmp_path / "project", FLOW.replace('by = "ts"', f'by = "ts", missing = "{policy}"'))
    found.swap("Dataflowfile", '.csv"\nschema', '.csv"\ngone = "keep"\nexpect = { days = 1 }\nschema')
    drop(found, "01", "01 1")
    drop(found, "02", "02 1", "01 3")
    drop(found, "03")

    def provisional() -> list[int]:
        """The days that lack something after a build, by what it says and by what is said after it."""
        of = [found.build(now="2013-01-09 00:00").summary.provisional for _ in range(2)]
        (row,) = [each for each in status(Settings(str(found.root), now=1357689600.0), ()) if each.name == "daily"]
        return [*of, row.provisional]

    assert provisional() == [0, 0, 0]
    found.path("data/2013-01-03.csv").unlink()  # it was there for all, without rows for any
    found.path("data/2013-01-02.csv").unlink()  # which had rows of both days
    assert provisional() == [0, 0, 0]
    drop(found, "05", "05 1")  # the fourth is missing from now on
    others = 3 if policy == "skip" else 0  # are built, without what is gone
    assert provisional() == [2 + others] * 3
    drop(found, "04", "04 1")
    assert provisional() == [others] * 3
    found.path("data/2013-01-04.csv").unlink()  # it came for the two days, but after they were made
    assert provisional() == [2 + others] * 3


def test_what_is_gone_for_longer_than_its_arrival_is_known_is_not_lacked(tmp_path: Path) -> None:
    found = Workshop(tmp_path / "project", KEEPING.replace("gone =", "expect = { days = 1 }\ngone ="))
    drop(found, "01", "01 1")
    drop(found, "02", "02 1", "01 3")
    drop(found, "03")
    assert found.build(now="2013-01-09 00:00").ran == days("01", "02")
    for day in ("02", "03"):
        found.path(f"data/2013-01-{day}.csv").unlink()
    assert found.build(now="2013-04-09 00:00").summary.provisional == 0
    drop(found, "04", "04 1")  # so all are expected again, years later
    for _ in range(2):
        assert found.build(now="2016-04-09 00:00").summary.provisional == 0
    drop(found, "06", "06 1")
    assert found.build(now="2016-04-09 00:00").summary.provisional == 2  # the fifth was never there


def test_what_comes_back_otherwise_touches_those_that_had_its_rows(tmp_path: Path) -> None:
    made = Workshop(tmp_path / "project", KEEPING)
    drop(made, "01", "01 1", "02 1")
    drop(made, "02", "01 2", "02 2")
    drop(made, "03", "03 5")
    assert made.build().ran == days("01", "02", "03")
    made.path("data/2013-01-02.csv").unlink()
    assert made.build().ran == []
    drop(made, "02", "02 3")  # no row of the first day any more
    assert made.build().ran == days("01", "02")
    check(made, tmp_path)
