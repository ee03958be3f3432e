"""What the random test has found, each fault reduced to a few lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.build.workshop import DAYS, Workshop

PLACES = """
[partitions.place]
values = ["A", "B", "C"]
"""
ITEMS = """
[partitions.item]
discover = "stock"
[sources.stock]
path = "data/{item}.csv"
schema = { v = "BIGINT" }
"""


def rows(*numbers: int) -> str:
    return "v\n" + "".join(f"{number}\n" for number in numbers)


@pytest.fixture
def places(tmp_path: Path) -> Workshop:
    flow = f"""
    {PLACES}
    [sources.raw]
    path = "data/{{place}}.txt"
    [targets.joined]
    path = "out/joined.txt"
    shell = "cat {{raw}} > {{output}}"
    [targets.copy]
    path = "out/copy/{{place}}.txt"
    shell = "cp {{raw}} {{output}}"
    """
    shop = Workshop(tmp_path / "shop", flow)
    for place in "ABC":
        shop.write(f"data/{place}.txt", f"{place}\n")
    shop.build()
    return shop


# -- what has been made again, or seen by a build that didn't need it -----------------------------------------------


def test_an_output_that_was_gone_is_read_by_those_who_follow(tmp_path: Path) -> None:
    """The folder's listing still said that the file was gone when its readers asked for it."""
    flow = """
    [sources.raw]
    path = "raw.txt"
    [targets.one]
    path = "out/{place}.txt"
    shell = "cp {raw} {output}"
    [targets.two]
    path = "two.txt"
    shell = "cat {one} > {output}"
    """
    shop = Workshop(tmp_path / "shop", flow + PLACES)
    shop.write("raw.txt", "first\n")
    shop.build()
    shop.path("out/B.txt").unlink()
    shop.write("raw.txt", "second\n")
    built = shop.build()
    assert built.errors == {}
    assert shop.read("two.txt") == "second\n" * 3


def test_a_remark_in_code_that_was_seen_in_passing_stops_no_later_run(tmp_path: Path) -> None:
    """The listing was kept with the new stats of the module, and its digest with the old ones."""
    flow = """
    [targets.one]
    path = "one.txt"
    python = "steps:one"
    """
    shop = Workshop(tmp_path / "shop", flow)
    shop.write("steps.py", "def one():\n    return 'one'\n")
    shop.build()
    shop.write("steps.py", "# a remark\ndef one():\n    return 'one'\n")
    assert shop.build().ran == []
    forced = shop.build(force=True)
    assert forced.errors == {}
    assert forced.ran == ["one"]


# -- dimensions ----------------------------------------------------------------------------------------------------


def test_the_order_of_a_list_counts_for_those_who_read_several_of_it(places: Workshop, tmp_path: Path) -> None:
    places.swap("Dataflowfile", '["A", "B", "C"]', '["C", "A", "B"]')
    assert places.build().ran == ["joined"]
    assert places.read("out/joined.txt") == "C\nA\nB\n"
    assert places.outputs() == places.clean_outputs(tmp_path / "clean")


def test_the_order_of_a_list_is_not_forgotten_by_a_build_of_a_part(places: Workshop) -> None:
    places.swap("Dataflowfile", '["A", "B", "C"]', '["C", "A", "B"]')
    assert places.build("copy").ran == []
    assert places.build().ran == ["joined"]


def test_a_place_less_and_another_more_are_seen_without_a_changed_file(places: Workshop) -> None:
    places.write("data/D.txt", "D\n")
    assert places.build().ran == []
    places.swap("Dataflowfile", '["A", "B", "C"]', '["A", "C", "D"]')
    assert places.build().ran == ["copy@D", "joined"]
    assert places.read("out/joined.txt") == "A\nC\nD\n"


def test_a_key_that_goes_is_missed_by_those_who_read_all(tmp_path: Path) -> None:
    """Its number was on no axis any more, so nobody was touched."""
    flow = (
        ITEMS
        + """
    [targets.share]
    path = "out/{item}.json"
    sql = "SELECT sum(v) AS v FROM stock"
    inputs.stock = { item = "all" }
    """
    )
    shop = Workshop(tmp_path / "shop", flow)
    for item in "xyz":
        shop.write(f"data/{item}.csv", rows(1))
    shop.build()
    shop.path("data/y.csv").unlink()
    assert shop.build().ran == ["share@x", "share@z"]


def test_the_end_of_the_days_moves_over_files_that_are_there(tmp_path: Path) -> None:
    flow = f"""
    {DAYS}
    end = 2013-01-02
    [sources.raw]
    path = "data/{{day}}.txt"
    [targets.joined]
    path = "out/joined.txt"
    shell = "cat {{raw}} > {{output}}"
    [targets.pair]
    path = "out/pair/{{day}}.txt"
    shell = "cat {{raw}} > {{output}}"
    inputs.raw = {{ day = "0d..1d" }}
    """
    shop = Workshop(tmp_path / "shop", flow)
    shop.days("data", "01-01", "01-02", "01-03")
    shop.build()
    shop.swap("Dataflowfile", "end = 2013-01-02", "end = 2013-01-03")
    assert shop.build().ran == ["joined", "pair@2013-01-02", "pair@2013-01-03"]
    shop.swap("Dataflowfile", "end = 2013-01-03", "end = 2013-01-02")
    assert shop.build().ran == ["joined", "pair@2013-01-02"]


def test_what_changes_beyond_the_end_is_not_forgotten_when_it_comes_back(tmp_path: Path) -> None:
    flow = f"""
    {DAYS}
    end = 2013-01-02
    [sources.raw]
    path = "data/{{day}}.txt"
    [targets.copy]
    path = "out/copy/{{day}}.txt"
    shell = "cp {{raw}} {{output}}"
    [targets.other]
    path = "out/other.txt"
    shell = "cat {{raw}} > {{output}}"
    """
    shop = Workshop(tmp_path / "shop", flow)
    shop.days("data", "01-01", "01-02")
    shop.build()
    shop.swap("Dataflowfile", "end = 2013-01-02", "end = 2013-01-01")
    shop.build("other")
    shop.days("data", "01-02", text="changed\n")
    shop.build("other")
    shop.swap("Dataflowfile", "end = 2013-01-01", "end = 2013-01-02")
    assert shop.build().ran == ["copy@2013-01-02", "other"]


# -- columns -------------------------------------------------------------------------------------------------------


@pytest.fixture
def untyped(tmp_path: Path) -> Workshop:
    """A CSV whose columns only its files show, and what reads it as a table."""
    flow = (
        ITEMS
        + """
    [targets.plain]
    path = "out/plain/{item}.csv"
    shell = "cp {stock} {output}"
    [targets.total]
    path = "out/total/{item}.json"
    sql = "SELECT sum(v) AS v FROM plain"
    """
    )
    shop = Workshop(tmp_path / "shop", flow)
    for item in "xyz":
        shop.write(f"data/{item}.csv", rows(ord(item)))
    shop.build()
    return shop


@pytest.mark.parametrize("damage", ["", "v\n", 'v\n"', "nonsense"])
def test_a_damaged_output_is_nobodys_schema(untyped: Workshop, damage: str) -> None:
    untyped.write("out/plain/x.csv", damage)
    built = untyped.build()
    assert built.ran == ["plain@x"]
    assert built.errors == {}


def test_an_output_that_is_gone_or_moves_takes_no_schema_with_it(untyped: Workshop) -> None:
    untyped.path("out/plain/x.csv").unlink()
    assert untyped.build().ran == ["plain@x"]
    untyped.swap("Dataflowfile", "out/plain/", "out/moved/")
    assert untyped.build().ran == ["plain@x", "plain@y", "plain@z"]


def test_a_new_first_partition_of_the_same_columns_changes_nothing_for_others(untyped: Workshop) -> None:
    untyped.write("data/a.csv", rows(1))
    assert untyped.build().ran == ["plain@a", "total@a"]


def test_other_columns_of_the_first_partition_reach_those_who_read_others(untyped: Workshop) -> None:
    path = 'path = "data/{item}.csv"'
    untyped.swap("Dataflowfile", f'{path}\nschema = {{ v = "BIGINT" }}', path)
    untyped.write("data/x.csv", "v\n1.5\n")
    assert untyped.build().ran == ["plain@x", "total@x", "total@y", "total@z"]
    assert untyped.build().ran == []


def test_types_that_sql_gave_need_no_first_partition(tmp_path: Path) -> None:
    flow = f"""
    {DAYS}
    [sources.raw]
    path = "data/{{day}}.csv"
    schema = {{ v = "BIGINT" }}
    [targets.typed]
    path = "out/typed/{{day}}.csv"
    sql = "SELECT v FROM raw"
    [targets.total]
    path = "out/total/{{day}}.json"
    sql = "SELECT sum(v) AS v FROM typed"
    """
    shop = Workshop(tmp_path / "shop", flow)
    shop.days("data", "01-02", "01-03", ending="csv", text=rows(1))
    assert shop.build().ran == ["total@2013-01-02", "total@2013-01-03", "typed@2013-01-02", "typed@2013-01-03"]
    shop.days("data", "01-01", ending="csv", text=rows(2))
    assert shop.build().ran == ["total@2013-01-01", "typed@2013-01-01"]


# -- attempts ------------------------------------------------------------------------------------------------------


def test_a_task_that_succeeds_at_last_tells_how_often_it_was_tried(tmp_path: Path) -> None:
    """Only tasks that failed told it, and those with notes."""
    flow = """
    [targets.flaky]
    path = "out/flaky.txt"
    shell = "test -e tried || { touch tried; exit 75; }; echo ok > {output}"
    retries = { times = 2, delay = "1ms" }
    """
    (ended,) = Workshop(tmp_path / "shop", flow).build().ended
    assert (ended.status, ended.attempts) == ("built", 2)


def test_what_was_about_to_be_tried_again_when_the_run_stopped_has_failed(tmp_path: Path) -> None:
    """Its delay was over, but no place was free: it counted as never tried."""
    flow = """
    [sources.raw]
    path = "raw.txt"
    [targets.flaky]
    path = "out/flaky.txt"
    shell = "touch tried; cat {raw}; exit 75"
    retries = { times = 1, delay = "1ms" }
    [targets.bad]
    path = "out/bad.txt"
    shell = "test -e tried; for n in $(seq 100); do /bin/true; done; exit 1"
    """
    shop = Workshop(tmp_path / "shop", flow)
    shop.write("raw.txt", "what has the largest input starts first\n" * 100)
    built = shop.build(jobs=1)
    assert sorted(built.errors) == ["bad", "flaky"]
    assert built.standing == (0, 0, 2, 0, 0)
