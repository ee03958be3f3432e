"""A changed partitioning: what is built again, and how often; all else that was built stays right."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbuild.build import Settings, find_cleaning
from dbuild.core.cleaning import Wanted
from tests.build.workshop import DAYS, Workshop

REGIONS = '[partitions.region]\nvalues = ["EU"]\n'
FUNCTIONS = """
import pyarrow
from pathlib import Path

def paths(raw):
    return raw.read_text()

def key_too(raw: Path, key):
    return str(key)

def table(raw: pyarrow.Table):
    return raw
"""


def orphans(made: Workshop) -> list[str]:
    """What `clean --orphans` would remove."""
    return [one.path for one in find_cleaning(Settings(str(made.root), "Dataflowfile"), Wanted(orphans=True)).removed]


def check(made: Workshop, clean: Path) -> None:
    """Nothing is left to do, and what is declared is there as a clean build makes it."""
    assert made.build().ran == []
    expected = made.clean_outputs(clean)
    assert {path: text for path, text in made.outputs().items() if path in expected} == expected


# --- How far dimensions reach -----------------------------------------------------------------------------------------

REACHING = """
[partitions.day]
every = "day"
start = 2013-01-03
end = 2013-01-05
[partitions.region]
values = ["EU", "US"]
[sources.raw]
path = "data/{day}.txt"
[targets.daily]
path = "out/daily/{day}/{region}.txt"
shell = "cat {raw} > {output}; echo {region} >> {output}"
[targets.all]
path = "out/all.txt"
shell = "cat {daily} > {output}"
[targets.last]
path = "out/last/{day}.txt"
inputs.daily = { day = "previous", region = ["EU"] }
shell = "cat /dev/null {daily} > {output}"
"""


@pytest.mark.parametrize(
    ("before", "after", "counts", "left"),
    [
        ("01-03", "01-02", {"daily": 2, "all": 1, "last": 2}, 0),  # the third has a day before it now
        ("01-03", "01-04", {"all": 1, "last": 1}, 3),
        ("01-05", "01-06", {"daily": 2, "all": 1, "last": 1}, 0),
        ("01-05", "01-04", {"all": 1}, 3),
        ('"EU", "US"', '"EU", "US", "CH"', {"daily": 3, "all": 1}, 0),
        ('"EU", "US"', '"EU"', {"all": 1}, 3),
        ('"EU", "US"', '"EU", "CH"', {"daily": 3, "all": 1}, 3),
        ('"day"', '"1 day"', {}, 0),  # the same in other words
        ("end = 2013-01-05\n", "", {"daily": 2, "all": 1, "last": 1}, 0),  # to the newest of the source
    ],
)
def test_what_came_or_went_is_built_and_who_reads_it(
    tmp_path: Path, before: str, after: str, counts: dict[str, int], left: int
) -> None:
    made = Workshop(tmp_path / "project", REACHING)
    made.days("data", "01-02", "01-03", "01-04", "01-05", "01-06")
    assert made.build().counts == {"daily": 6, "all": 1, "last": 3}
    made.swap("Dataflowfile", before, after)
    assert made.build().counts == counts
    assert len(orphans(made)) == left
    check(made, tmp_path / "clean")


# --- A dimension with one value ---------------------------------------------------------------------------------------

ONE = f"""
{DAYS}
[sources.raw]
path = "data/EU/{{day}}.csv"
[targets.named]
path = "out/named/EU/{{day}}.csv"
sql = "SELECT day, sum(x) AS x FROM raw GROUP BY day"
[targets.star]
path = "out/star/EU/{{day}}.csv"
sql = "SELECT * FROM raw"
[targets.command]
path = "out/command/EU/{{day}}.txt"
shell = "cat {{raw}} > {{output}}"
[targets.around]
path = "out/around/EU/{{day}}.txt"
shell = "env | grep ^DBUILD_KEY > {{output}}"
[targets.paths]
path = "out/paths/EU/{{day}}.txt"
python = "functions:paths"
[targets.key_too]
path = "out/key/EU/{{day}}.txt"
python = "functions:key_too"
[targets.table]
path = "out/table/EU/{{day}}.csv"
python = "functions:table"
[targets.total]
path = "out/total.csv"
sql = "SELECT sum(x) AS x FROM named"
[targets.month]
path = "out/month.txt"
shell = "cat {{command}} > {{output}}"
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    found = Workshop(tmp_path_factory.mktemp("built") / "project", ONE, **{"functions.py": FUNCTIONS})
    for day in ("01", "02"):
        found.write(f"data/EU/2013-01-{day}.csv", f"x\n{int(day)}\n")
    assert found.build().counts == dict.fromkeys(EACH, 2) | {"total": 1, "month": 1}
    return found


EACH = ("named", "star", "command", "around", "paths", "key_too", "table")
TOLD = {"star": 2, "around": 2, "key_too": 2, "table": 2}  # those that get to know of it


@pytest.fixture
def one(built: Workshop, tmp_path: Path) -> Workshop:
    return built.copy(tmp_path / "project")


def add_dimension(made: Workshop, declared: str = REGIONS) -> None:
    made.write("Dataflowfile", made.read("Dataflowfile").replace("EU/{day}", "{region}/{day}") + declared)


def test_a_new_dimension_with_one_value_is_built_by_those_that_see_it(one: Workshop, tmp_path: Path) -> None:
    add_dimension(one)
    assert {name: len(part.will) for name, part in one.plan().targets.items() if part.will} == TOLD
    assert one.build().counts == TOLD
    check(one, tmp_path / "clean")
    assert orphans(one) == []
    one.write("data/US/2013-01-02.csv", "x\n7\n")
    one.write("data/US/2013-01-01.csv", "x\n7\n")
    one.swap("Dataflowfile", '["EU"]', '["EU", "US"]')
    assert one.build().counts == dict.fromkeys(EACH, 2) | {"total": 1, "month": 1}
    check(one, tmp_path / "again")


def test_the_place_in_the_path_tells_the_value_where_there_are_several(one: Workshop, tmp_path: Path) -> None:
    for day in ("01", "02"):
        one.write(f"data/US/2013-01-{day}.csv", "x\n7\n")
    add_dimension(one, '[partitions.region]\nvalues = ["CH", "EU", "US"]\n')
    assert one.build("named@region=EU", "command@region=EU").ran == []
    done = one.build(keep_going=True)
    assert done.counts == {name: 2 + TOLD.get(name, 0) for name in EACH} | {"around": 6}  # which reads no file
    assert done.summary.waiting == 6 * 2 + 2  # of CH there is nothing
    one.swap("Dataflowfile", '"CH", ', "")
    assert one.build().counts == {"total": 1, "month": 1}
    check(one, tmp_path / "clean")


def test_a_dimension_that_had_one_value_goes(one: Workshop, tmp_path: Path) -> None:
    add_dimension(one)
    one.build()
    one.write("Dataflowfile", ONE)
    assert one.build().counts == TOLD
    check(one, tmp_path / "clean")
    assert orphans(one) == []


def test_a_discovered_dimension_with_one_value(one: Workshop, tmp_path: Path) -> None:
    add_dimension(one, '[partitions.region]\ndiscover = "raw"\n')
    assert one.build().counts == TOLD
    check(one, tmp_path / "clean")


def test_files_that_move_are_built_again_and_the_change_stops_there(one: Workshop, tmp_path: Path) -> None:
    text = one.read("Dataflowfile").replace("out/command/EU/{day}", "out/command/{day}/{region}")
    one.write("Dataflowfile", text + REGIONS)
    assert one.build().counts == {"command": 2}
    assert orphans(one) == ["out/command/EU/2013-01-01.txt", "out/command/EU/2013-01-02.txt"]
    check(one, tmp_path / "clean")


def test_only_the_source_is_cut_further(one: Workshop, tmp_path: Path) -> None:
    one.swap("Dataflowfile", "data/EU/{day}", "data/{region}/{day}")
    one.write("Dataflowfile", one.read("Dataflowfile") + REGIONS)
    done = one.build(keep_going=True)
    # A function that got one path gets a list now, which this one can't take.
    assert done.errors.keys() == {"paths@2013-01-01", "paths@2013-01-02"}
    assert done.counts.keys() == {"star", "paths", "key_too", "table"}


def test_a_chain_and_an_action_with_a_new_dimension(tmp_path: Path) -> None:
    made = Workshop(
        tmp_path / "project",
        f"""
        {DAYS}
        [sources.raw]
        path = "data/EU/{{day}}.txt"
        [targets.balance]
        path = "out/balance/EU/{{day}}.txt"
        inputs.before = {{ from = "balance", day = "previous" }}
        shell = "cat /dev/null {{before}} {{raw}} > {{output}}"
        [targets.upload]
        partitions = ["day"]
        shell = "cat {{balance}} >> sent.txt"
        """,
    )
    made.days("data/EU", "01-01", "01-02")
    assert made.build().counts == {"balance": 2, "upload": 2}
    made.write("Dataflowfile", made.read("Dataflowfile").replace("EU/{day}", "{region}/{day}") + REGIONS)
    made.swap("Dataflowfile", '["day"]', '["day", "region"]')
    assert made.build().ran == []
    made.days("data/EU", "01-03")
    assert made.build().ran == ["balance@EU,2013-01-03", "upload@2013-01-03,EU"]


def test_two_dimensions_that_change_places(tmp_path: Path) -> None:
    made = Workshop(
        tmp_path / "project",
        """
        [partitions.here]
        values = ["x", "y"]
        [partitions.there]
        values = ["x", "y"]
        [targets.pair]
        path = "out/{here}/{there}.txt"
        shell = "echo x >> {output}"
        [targets.told]
        path = "out/{here}-{there}.txt"
        inputs = ["pair"]
        shell = "echo $DBUILD_KEY_HERE $DBUILD_KEY_THERE > {output}"
        """,
    )
    assert made.build().counts == {"pair": 4, "told": 4}
    made.write("Dataflowfile", made.read("Dataflowfile").replace("{here}/{there}", "{there}/{here}"))
    assert made.build().counts == {"pair": 2}  # those of two values lie elsewhere
    check(made, tmp_path / "clean")
    made.write("Dataflowfile", made.read("Dataflowfile").replace("{here}-{there}", "{there}-{here}"))
    assert made.build().counts == {"told": 4}
    check(made, tmp_path / "again")


def test_a_name_and_a_dimension_change_at_once(one: Workshop, tmp_path: Path) -> None:
    add_dimension(one)
    one.swap("Dataflowfile", "[targets.named]", '[targets.sums]\nwas = "named"')
    one.swap("Dataflowfile", "FROM named", "FROM sums")
    assert one.build().counts == TOLD
    check(one, tmp_path / "clean")


# --- A finer grain ----------------------------------------------------------------------------------------------------

FINER = """
[partitions.month]
every = "month"
start = 2013-01-01
end = 2013-03-01
[partitions.day]
every = "day"
start = 2013-01-01
end = 2013-03-31
[sources.raw]
path = "data/{day}.txt"
[targets.cleaned]
path = "out/cleaned/{month}.txt"
shell = "cat {raw} > {output}"
[targets.monthly]
path = "out/monthly/{month}.txt"
shell = "cat {cleaned} > {output}"
[targets.report]
path = "out/report.txt"
shell = "cat {monthly} > {output}"
[targets.other]
path = "out/other/{month}.txt"
shell = "cat {raw} | wc -l > {output}"
"""
QUARTER = [f"{month:02d}-{day:02d}" for month, days in ((1, 31), (2, 28), (3, 31)) for day in range(1, days + 1)]


def test_a_finer_grain_upstream_is_told_by_who_reads_it(tmp_path: Path) -> None:
    made = Workshop(tmp_path / "project", FINER)
    made.days("data", *QUARTER)
    assert made.build().counts == {"cleaned": 3, "monthly": 3, "report": 1, "other": 3}
    made.swap("Dataflowfile", "out/cleaned/{month}", "out/cleaned/{day}")
    assert made.build().counts == {"cleaned": 90, "monthly": 3}  # which come out as they were
    assert len(orphans(made)) == 3
    check(made, tmp_path / "clean")


def test_another_grain_of_a_dimension_is_told_by_who_has_it(tmp_path: Path) -> None:
    made = Workshop(tmp_path / "project", FINER.replace("out/cleaned/{month}", "out/cleaned/{day}"))
    made.days("data", *QUARTER)
    made.build()
    made.swap("Dataflowfile", '[partitions.day]\nevery = "day"', '[partitions.day]\nevery = "week"')
    for path in made.path("data").iterdir():
        path.rename(path.parent / f"old-{path.name}")
    for week in range(1, 14):
        made.write(f"data/2013-W{week:02d}.txt", f"{week}\n")
    assert made.build().counts == {"cleaned": 13, "monthly": 3, "report": 1, "other": 3}
    assert len(orphans(made)) == 90
