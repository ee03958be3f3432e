"""A Dataflowfile as it is understood: every part of the format, and where each thing is written."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from dbuild.core.grain import Grain
from dbuild.core.model import (
    All,
    DiscoveredDimension,
    Input,
    ListDimension,
    MacroFile,
    Project,
    PythonRecipe,
    QueriedDimension,
    ShellRecipe,
    SqlRecipe,
    Target,
    TimeDimension,
    Values,
    Window,
)
from dbuild.core.overlap import Component
from dbuild.errors import Place, ProjectError
from dbuild.project import load_project, read_texts
from dbuild.project.reader import Reader

FLIGHTS = '''\
[project]
name = "flights"
default = ["delay_report"]
params = { min_delay = 15, rate = 0.5, strict = true, label = "x", since = 2013-01-01 }
description = "Delays"

[partitions.day]
every = "day"
start = 2013-01-01
end = 2013-03-31
timezone = "UTC"
[partitions.month]
every = "month"
start = 2013-01-01
[partitions.origin]
values = ["EWR", "JFK", "LGA"]
[partitions.carrier]
discover = "carriers"

[sources.weather]
path = "data/weather/{day}.csv"
read = { nullstr = "NA", header = true, skip = 1 }
schema = { origin = "VARCHAR", temp = "DOUBLE" }
description = "Hourly"
tags = ["raw"]
owner = "me"
[sources.carriers]
path = "./data//carriers/{carrier}.json"

[targets.daily]
path = "out/daily/{day}/{origin}.parquet"
sql = "sql/daily.sql"
inputs.weather = { day = "-1d..0" }

[targets.weekly]
path = "out/weekly/{day:%Y/%m-%d}.csv.gz"
sql = """
SELECT * FROM daily
"""
inputs = { daily = { day = "-6d..0d", origin = ["JFK"] }, all = { from = "daily", day = "all" }, w = "weather" }

[targets.model]
path = "out/model.joblib"
python = "flights.train:fit"
inputs = [
  "weekly",
  "daily",
]

[targets.delay_report]
path = "out/report.html"
shell = """
  Rscript report.R {weekly} {output}"""
interpreter = "bash"
uses = ["report.R", "lib/*.R"]
params = ["min_delay"]
timezone = "Europe/Zurich"
tags = ["nightly"]
'''


def write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


def load(
    root: Path, text: str, overrides: Mapping[str, str] | None = None, files: Mapping[str, str] | None = None
) -> Project:
    write(root, {"Dataflowfile": text, **(files or {})})
    project, problems = load_project("Dataflowfile", str(root), overrides or {})
    assert [str(problem) for problem in problems] == []
    assert project is not None
    return project


@pytest.fixture
def flights(tmp_path: Path) -> Project:
    write(tmp_path, {"sql/daily.sql": "-- daily\nSELECT 1\n", "report.R": "1"})
    return load(tmp_path, FLIGHTS)


def test_the_project_itself(flights: Project, tmp_path: Path) -> None:
    assert (flights.name, flights.root, flights.file) == ("flights", str(tmp_path), "Dataflowfile")
    assert flights.files == ("Dataflowfile", "sql/daily.sql")
    assert [(each.name, each.place.line) for each in flights.default] == [("delay_report", 3)]
    assert flights.params == {"min_delay": 15, "rate": 0.5, "strict": True, "label": "x", "since": "2013-01-01"}


def test_dimensions(flights: Project) -> None:
    day, month = Grain("day"), Grain("month")
    first, last = day.index("2013-01-01"), day.index("2013-03-31")
    assert flights.dimensions == {
        "day": TimeDimension("day", day, first, last, Place("Dataflowfile", 7)),
        "month": TimeDimension("month", month, month.index("2013-01"), None, Place("Dataflowfile", 12)),
        "origin": ListDimension("origin", ("EWR", "JFK", "LGA"), Place("Dataflowfile", 15)),
        "carrier": DiscoveredDimension("carrier", "carriers", Place("Dataflowfile", 17)),
    }


def test_sources(flights: Project) -> None:
    weather = flights.sources["weather"]
    assert (weather.path, weather.dimensions, weather.place) == (
        "data/weather/{day}.csv",
        ("day",),
        Place("Dataflowfile", 20),
    )
    assert weather.read == (("nullstr", "NA"), ("header", True), ("skip", 1))
    assert weather.schema == (("origin", "VARCHAR"), ("temp", "DOUBLE"))
    assert (weather.description, weather.tags) == ("Hourly", ("raw",))
    assert flights.sources["carriers"].path == "data/carriers/{carrier}.json"


def test_dimensions_whose_keys_sql_finds(tmp_path: Path) -> None:
    text = """\
[project]
timezone = "Europe/Zurich"
macros = ["macros.sql"]
[partitions.customer]
discover = { sql = "SELECT name FROM orders" }
[partitions.region.discover]
sql = "regions.sql"
[partitions.item]
discover.sql = '''
FROM orders'''
[sources.orders]
path = "orders.csv"
"""
    (tmp_path / "macros.sql").write_text("CREATE MACRO f(x) AS x;\n")
    (tmp_path / "regions.sql").write_text("SELECT region FROM orders\n")
    project = load(tmp_path, text)
    macros = (MacroFile("CREATE MACRO f(x) AS x;\n", Place("macros.sql", 1)),)
    recipes = {
        "customer": SqlRecipe("SELECT name FROM orders", Place("Dataflowfile", 5), macros),
        "region": SqlRecipe("SELECT region FROM orders\n", Place("regions.sql", 1), macros),
        "item": SqlRecipe("FROM orders", Place("Dataflowfile", 10), macros),
    }
    places = {"customer": 4, "region": 6, "item": 8}
    assert project.dimensions == {
        name: QueriedDimension(name, recipe, "Europe/Zurich", Place("Dataflowfile", places[name]))
        for name, recipe in recipes.items()
    }
    assert project.files == ("Dataflowfile", "macros.sql", "regions.sql")


def test_targets_and_their_recipes(flights: Project) -> None:
    daily, weekly, model, report = flights.targets.values()
    assert (daily.outputs[0].path, daily.dimensions) == ("out/daily/{day}/{origin}.parquet", ("day", "origin"))
    assert daily.recipe == SqlRecipe("-- daily\nSELECT 1\n", Place("sql/daily.sql", 1))
    assert weekly.recipe == SqlRecipe("SELECT * FROM daily\n", Place("Dataflowfile", 38))
    assert model.recipe == PythonRecipe("flights.train", "fit", Place("Dataflowfile", 44))
    assert report.recipe == ShellRecipe("  Rscript report.R {weekly} {output}", "bash", Place("Dataflowfile", 53))
    assert (report.uses, report.params, report.timezone) == (("report.R", "lib/*.R"), ("min_delay",), "Europe/Zurich")
    assert (report.tags, report.place, daily.timezone) == (("nightly",), Place("Dataflowfile", 50), "UTC")


def test_inputs_and_their_rules(flights: Project) -> None:
    daily, weekly, model, report = flights.targets.values()
    assert daily.inputs == (
        Input("weather", "weather", "", (("day", Window(-1, 0, "day")),), Place("Dataflowfile", 33)),
    )
    line = Place("Dataflowfile", 40)
    assert weekly.inputs == (
        Input("daily", "daily", "", (("day", Window(-6, 0, "day")), ("origin", Values(("JFK",)))), line),
        Input("all", "daily", "", (("day", All()),), line),
        Input("w", "weather", "", (), line),
    )
    assert model.inputs == (
        Input("weekly", "weekly", "", (), Place("Dataflowfile", 46)),
        Input("daily", "daily", "", (), Place("Dataflowfile", 47)),
    )
    assert report.inputs == ()


WINDOWS = [
    ("-6d..0d", Window(-6, 0, "day")),
    ("-6 days .. 0", Window(-6, 0, "day")),
    ("0..+2w", Window(0, 2, "week")),
    ("0..0", Window(0, 0, "hour")),
    ("-90min..-1minute", Window(-90, -1, "minute")),
    ("-1h..1hours", Window(-1, 1, "hour")),
    ("-1mo..0", Window(-1, 0, "month")),
    ("-1q..0quarters", Window(-1, 0, "quarter")),
    ("-1y..0y", Window(-1, 0, "year")),
]


@pytest.mark.parametrize(("text", "expected"), WINDOWS)
def test_windows(tmp_path: Path, text: str, expected: Window) -> None:
    project = load(
        tmp_path,
        f"""
        [partitions.hour]
        every = "hour"
        start = "2013"
        [sources.a]
        path = "a/{{hour}}.csv"
        [targets.b]
        path = "b/{{hour}}.csv"
        sql = "SELECT * FROM a"
        inputs.a = {{ hour = "{text}" }}
        """,
    )
    assert project.targets["b"].inputs[0].rules == (("hour", expected),)


BOUNDS = [
    ("day", "2013-02-03", "2013-02-03"),
    ("day", '"2013-02"', "2013-02-01"),
    ("day", "2013-02-03T00:00:00", "2013-02-03"),
    ("hour", "2013-02-03T04:00:00", "2013-02-03T04"),
    ("hour", "2013-02-03", "2013-02-03T00"),
    ("minute", '"2013-02-03T04:05"', "2013-02-03T04:05"),
    ("week", "2013-02-03", "2013-W05"),
    ("quarter", '"2013-Q2"', "2013-Q2"),
    ("year", "2013-01-01", "2013"),
]


@pytest.mark.parametrize(("unit", "given", "expected"), BOUNDS)
def test_starts(tmp_path: Path, unit: str, given: str, expected: str) -> None:
    project = load(tmp_path, f'[partitions.x]\nevery = "{unit}"\nstart = {given}\n')
    dimension = project.dimensions["x"]
    assert isinstance(dimension, TimeDimension)
    assert dimension.grain.text(dimension.start) == expected


def test_an_end_bounds_all_periods_inside_it(tmp_path: Path) -> None:
    project = load(tmp_path, '[partitions.h]\nevery = "hour"\nstart = "2013"\nend = 2013-02-28\n')
    dimension = project.dimensions["h"]
    assert isinstance(dimension, TimeDimension)
    assert dimension.end is not None
    assert dimension.grain.text(dimension.end) == "2013-02-28T23"


@pytest.mark.parametrize(
    ("every", "start", "grain", "keys"),
    [
        ("15 minutes", '"2013-01-05T13:20"', Grain("minute", count=15), ("2013-01-05T13:15", "2013-01-05T13:30")),
        ("4 hours", "2013-01-05", Grain("hour", count=4), ("2013-01-05T00", "2013-01-05T04")),
        ("1 day", "2013-01-05", Grain("day"), ("2013-01-05", "2013-01-06")),
        ("10 days", "2013-01-05", Grain("day", count=10, anchor=0), ("2013-01-05", "2013-01-15")),
        ("2 weeks", '"2013-W05"', Grain("week", count=2, anchor=1), ("2013-W05", "2013-W07")),
        ("2 weeks", '"2013-W06"', Grain("week", count=2, anchor=0), ("2013-W06", "2013-W08")),
        ("6 months", '"2013-03"', Grain("month", count=6), ("2013-01", "2013-07")),
        ("5 months", '"2013-03"', Grain("month", count=5, anchor=3), ("2013-03", "2013-08")),
        ("2 quarters", '"2013-Q2"', Grain("quarter", count=2), ("2013-Q1", "2013-Q3")),
        ("5 years", '"2013"', Grain("year", count=5, anchor=3), ("2013", "2018")),
    ],
)
def test_periods_of_several_units(tmp_path: Path, every: str, start: str, grain: Grain, keys: tuple[str, str]) -> None:
    dimension = load(tmp_path, f'[partitions.x]\nevery = "{every}"\nstart = {start}\n').dimensions["x"]
    assert isinstance(dimension, TimeDimension)
    assert dimension.grain == grain
    assert tuple(dimension.grain.text(dimension.start + n) for n in (0, 1)) == keys


def test_periods_of_a_time_zone(tmp_path: Path) -> None:
    text = """
        [partitions.x]
        every = "hour"
        start = "2013-10-27T02"
        end = "2013-10-27T02"
        timezone = "Europe/Zurich"
    """
    dimension = load(tmp_path, text).dimensions["x"]
    assert isinstance(dimension, TimeDimension)
    assert dimension.grain == Grain("hour", "Europe/Zurich")
    assert dimension.end is not None  # a bound without an offset means both
    assert [dimension.grain.text(n) for n in (dimension.start, dimension.end)] == [
        "2013-10-27T02+0200",
        "2013-10-27T02+0100",
    ]


@pytest.mark.parametrize("every", ["2 days", "10 days"])
def test_a_day_that_a_zone_skipped_moves_no_period_away_from_its_start(tmp_path: Path, every: str) -> None:
    text = f'[partitions.x]\nevery = "{every}"\nstart = 2013-03-09\ntimezone = "Pacific/Apia"\n'
    dimension = load(tmp_path, text).dimensions["x"]
    assert isinstance(dimension, TimeDimension)
    assert dimension.grain.text(dimension.start) == "2013-03-09"


def test_a_start_moved_by_whole_periods_is_the_same_grain(tmp_path: Path) -> None:
    grains = set()
    for start in ("2013-01-05", "2013-01-15", "2012-12-26"):
        dimension = load(tmp_path, f'[partitions.x]\nevery = "10 days"\nstart = {start}\n').dimensions["x"]
        assert isinstance(dimension, TimeDimension)
        grains.add(dimension.grain)
    assert len(grains) == 1


def test_an_end_that_follows_the_clock(tmp_path: Path) -> None:
    for end, is_current in (('end = "now"', True), ("", False), ("end = 2013-02-28", False)):
        dimension = load(tmp_path, f'[partitions.x]\nevery = "day"\nstart = "2013"\n{end}\n').dimensions["x"]
        assert isinstance(dimension, TimeDimension)
        assert dimension.is_current == is_current


DEFAULTS = """
[project]
params = { a = 1, b = 2 }
timezone = "Asia/Tokyo"
[defaults]
uses = ["u.py"]
params = ["a"]
read = { nullstr = "-", records = "true" }
interpreter = "Rscript"
tags = ["t"]
[targets.sql]
path = "sql.csv"
sql = "SELECT 1"
[targets.json]
path = "x.json"
sql = "SELECT 1"
[targets.parquet]
path = "x.parquet"
sql = "SELECT 1"
[targets.shell]
path = "shell.txt"
shell = "true"
[targets.own]
path = "own.csv"
shell = "true"
uses = []
params = ["b"]
read = { skip = 1 }
interpreter = "sh"
tags = []
timezone = "UTC"
"""


def test_defaults_apply_where_a_target_gives_nothing_and_where_they_fit(tmp_path: Path) -> None:
    targets = load(tmp_path, DEFAULTS, files={"u.py": ""}).targets

    def of(target: Target) -> tuple[object, ...]:
        return target.uses, target.params, target.read, target.tags, target.timezone

    u, t = ("u.py",), ("t",)
    assert of(targets["sql"]) == (u, (), (("nullstr", "-"),), t, "Asia/Tokyo")
    assert of(targets["json"]) == (u, (), (("records", "true"),), t, "Asia/Tokyo")
    assert of(targets["parquet"]) == (u, (), (), t, "Asia/Tokyo")
    assert of(targets["shell"]) == (u, ("a",), (), t, "Asia/Tokyo")
    assert of(targets["own"]) == ((), ("b",), (("skip", 1),), (), "UTC")
    shell, own = targets["shell"].recipe, targets["own"].recipe
    assert isinstance(shell, ShellRecipe)
    assert isinstance(own, ShellRecipe)
    assert (shell.interpreter, own.interpreter) == ("Rscript", "sh")


def test_included_files_are_parts_of_the_project_with_places_of_their_own(tmp_path: Path) -> None:
    project = load(
        tmp_path,
        '[project]\ninclude = ["flows/*.toml", "flows/a.toml", "Data*"]\n[sources.a]\npath = "a.csv"\n',
        files={
            "flows/b.toml": '[targets.b]\npath = "b.csv"\nsql = "SELECT * FROM a"\n',
            "flows/a.toml": '\n[sources.c]\npath = "c.csv"\n',
        },
    )
    assert project.files == ("Dataflowfile", "flows/a.toml", "flows/b.toml")
    assert project.sources["c"].place == Place("flows/a.toml", 2)
    assert project.targets["b"].recipe == SqlRecipe("SELECT * FROM a", Place("flows/b.toml", 3))


def test_the_project_is_the_folder_of_the_file(tmp_path: Path) -> None:
    write(tmp_path, {"sub/my.toml": '[targets.a]\npath = "a.csv"\nsql = "q.sql"\n', "sub/q.sql": "SELECT 1"})
    project, problems = load_project("sub/my.toml", str(tmp_path), {})
    assert project is not None
    assert not problems
    assert (project.root, project.file, project.name) == (str(tmp_path / "sub"), "my.toml", "sub")


def test_params_are_overridden_as_their_declared_types(tmp_path: Path) -> None:
    text = '[project]\nparams = { i = 1, f = 0.5, b = false, s = "x", d = 2013-01-01 }\n'
    project = load(tmp_path, text, {"i": "-20", "f": "2", "b": "true", "s": "7", "d": "2014-01-01"})
    assert project.params == {"i": -20, "f": 2.0, "b": True, "s": "7", "d": "2014-01-01"}
    assert type(project.params["f"]) is float


def test_sources_may_be_outside_and_those_written_from_outside_in_are_inside(tmp_path: Path) -> None:
    project = load(
        tmp_path,
        f'[sources]\na.path = "/data/x*.csv"\nb.path = "../x.csv"\nc.path = "{tmp_path}/d/x.csv"\n'
        f'd.path = "../{tmp_path.name}/y.csv"\n',
    )
    assert [source.path for source in project.sources.values()] == ["/data/x*.csv", "../x.csv", "d/x.csv", "y.csv"]


def test_files_with_a_mark_of_their_byte_order_and_with_other_ends_of_lines(tmp_path: Path) -> None:
    (tmp_path / "Dataflowfile").write_bytes(b'\xef\xbb\xbf# x\r\n[sources.a]\r\npath = "a.csv"\r\n')
    project, problems = load_project("Dataflowfile", str(tmp_path), {})
    assert project is not None
    assert not problems
    assert project.sources["a"].place.line == 2


def test_datasets_may_be_named_like_dimensions_and_commands(tmp_path: Path) -> None:
    project = load(
        tmp_path,
        '[partitions.day]\nvalues = ["x"]\n[sources.day]\npath = "d/{day}.csv"\n'
        '[targets.plan]\npath = "p.csv"\nsql = "SELECT * FROM day"\n',
    )
    assert list(project.targets) == ["plan"]


def test_an_empty_file_is_a_project(tmp_path: Path) -> None:
    assert load(tmp_path, "").targets == {}


def test_loading_imports_nothing_heavy(tmp_path: Path) -> None:
    write(tmp_path, {"Dataflowfile": FLIGHTS.replace('timezone = "Europe/Zurich"', "")})
    code = f"""import sys; from dbuild.project import load_project
load_project("Dataflowfile", {str(tmp_path)!r}, {{}})
heavy = ["duckdb", "pyarrow", "numpy", "rich", "click", "importlib.metadata", "zoneinfo", "glob", "tempfile", "asyncio"]
print([name for name in heavy if name in sys.modules])"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_outputs_of_many_targets_are_compared_by_their_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Comparing every pair of 1,000 targets would be half a million comparisons."""
    calls = 0
    real = Component.meets

    def counted(one: Component, other: Component) -> bool:
        nonlocal calls
        calls += 1
        return real(one, other)

    monkeypatch.setattr(Component, "meets", counted)
    count = 1000
    targets = [f'[targets.t{i}]\npath = "out/t{i}/{{day}}-{{c}}.csv"\nsql = "SELECT 1"\n' for i in range(count)]
    head = '[partitions.day]\nevery = "day"\nstart = "2013"\n[partitions.c]\ndiscover = "s"\n'
    head += '[sources.s]\npath = "{c}.csv"\n'
    project = load(tmp_path, head + "".join(targets))
    assert len(project.targets) == count
    assert 0 < calls <= 2 * count


GIVEN = {
    "Dataflowfile": '[project]\ninclude = ["flows/**/*.toml", "one.toml"]\nmacros = ["m.sql"]\n',
    "flows/a.toml": '[targets.a]\npath = "a.csv"\nsql = "sql/a.sql"\n',
    "flows/in/b.toml": '[sources.b]\npath = "b{day}.csv"\nexpect = { on = "business days", holidays = "off" }\n',
    "one.toml": '[partitions.day]\nevery = "day"\nstart = 2024-01-01\n',
    "sql/a.sql": "SELECT two() AS n",
    "m.sql": "CREATE MACRO two() AS 2;",
    "off": "2024-01-01\n",
}


def test_a_project_is_loaded_from_texts_in_place_of_its_files(tmp_path: Path) -> None:
    write(tmp_path, GIVEN)
    texts = read_texts("Dataflowfile", str(tmp_path), {})
    assert texts == GIVEN
    before = load_project("Dataflowfile", str(tmp_path), {})
    write(tmp_path, dict.fromkeys(GIVEN, "= broken") | {"flows/new.toml": "= broken", "flows/.b.toml": "= broken"})
    assert load_project("Dataflowfile", str(tmp_path), {})[1]
    assert load_project("Dataflowfile", str(tmp_path), {}, texts) == before
    for name in GIVEN:
        (tmp_path / name).unlink()
    assert load_project("Dataflowfile", str(tmp_path), {}, texts) == before


def test_what_texts_lack_is_read_from_the_disk(tmp_path: Path) -> None:
    write(tmp_path, GIVEN)
    texts = {name: text for name, text in GIVEN.items() if name not in ("one.toml", "sql/a.sql", "off")}
    assert load_project("Dataflowfile", str(tmp_path), {}, texts) == load_project("Dataflowfile", str(tmp_path), {})


def test_texts_have_the_ends_of_lines_of_their_files(tmp_path: Path) -> None:
    (tmp_path / "Dataflowfile").write_bytes(b'\xef\xbb\xbf[targets.a]\r\npath = "a.csv"\r\nsql = "q.sql"\r\n')
    (tmp_path / "q.sql").write_bytes(b"SELECT\r\n1\r")
    texts = read_texts("Dataflowfile", str(tmp_path), {})
    assert texts["q.sql"] == "SELECT\r\n1\r"
    project, _ = load_project("Dataflowfile", str(tmp_path), {}, texts)
    assert project is not None
    assert project.targets["a"].recipe == SqlRecipe("SELECT\n1\n", Place("q.sql", 1))


def test_the_texts_of_a_broken_project_are_none(tmp_path: Path) -> None:
    write(tmp_path, {**GIVEN, "sql/a.sql": "  "})
    with pytest.raises(ProjectError, match="empty"):
        read_texts("Dataflowfile", str(tmp_path), {})


@pytest.mark.parametrize(
    "pattern", ["*.toml", "**/*.toml", "a/**", "**", "a/*/c.toml", "a/**/c.toml", "[ab]/?.toml", "a/.*", ".h/*", "./*"]
)
def test_texts_are_found_by_a_pattern_as_files_are(tmp_path: Path, pattern: str) -> None:
    names = ("x.toml", ".y.toml", "a/x.toml", "a/b/c.toml", "a/b/d/c.toml", "a/c.toml", ".h/x.toml", "a/.z", "b/y.toml")
    write(tmp_path, dict.fromkeys(names, ""))
    found = Reader(str(tmp_path), dict.fromkeys(names, "")).matching(pattern)
    assert found == Reader(str(tmp_path)).matching(pattern) != []
