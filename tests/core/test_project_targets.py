"""Every form of target as it is understood: views, actions, several outputs, folders, and how their tasks run."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbuild.core.model import (
    All,
    Input,
    Limits,
    MacroFile,
    Needs,
    Output,
    Project,
    Retries,
    SqlRecipe,
    Target,
    Window,
)
from dbuild.errors import Place
from dbuild.project.quantities import read_duration, read_size
from tests.core.test_project_load import load

BASE = """\
[partitions.day]
every = "day"
start = 2013-01-01
[partitions.origin]
values = ["EWR", "JFK"]
[sources.raw]
path = "data/{day}.csv"
"""


def target(root: Path, text: str, head: str = "") -> Target:
    """The target "t" of a project."""
    return load(root, head + BASE + text).targets["t"]


# -- outputs -------------------------------------------------------------------------------------------------------


def test_several_outputs_are_named_and_the_first_ones_order_of_dimensions_counts(tmp_path: Path) -> None:
    text = '[targets.t]\npython = "a:b"\npath.model = "m/{day}/{origin}.joblib"\npath.score = "s/{origin}/{day}.json"\n'
    made = target(tmp_path, text)
    assert made.outputs == (Output("model", "m/{day}/{origin}.joblib"), Output("score", "s/{origin}/{day}.json"))
    assert made.dimensions == ("day", "origin")
    assert not made.is_view
    assert not made.is_action


def test_folders_keep_their_slash(tmp_path: Path) -> None:
    made = target(tmp_path, '[targets.t]\nshell = "x"\npath = { site = "./out//site-{day}/", log = "log/{day}.txt" }\n')
    assert made.outputs == (Output("site", "out/site-{day}/"), Output("log", "log/{day}.txt"))
    assert [output.is_folder for output in made.outputs] == [True, False]
    assert target(tmp_path, '[targets.t]\nshell = "x"\npath = "out/{origin}/"\n').dimensions == ("origin",)


def test_options_for_readers_are_for_the_outputs_that_they_fit(tmp_path: Path) -> None:
    text = '[targets.t]\npython = "a:b"\npath = { model = "m.joblib", score = "s.csv" }\n'
    made = target(tmp_path, text + 'read = { nullstr = "-" }\nschema = { a = "INT" }\n')
    assert (made.read, made.schema) == ((("nullstr", "-"),), (("a", "INT"),))
    assert target(tmp_path, text, '[defaults]\nread = { nullstr = "-" }\n').read == (("nullstr", "-"),)


def test_without_a_path_sql_is_a_view_and_the_others_are_actions(tmp_path: Path) -> None:
    project = load(
        tmp_path,
        BASE + '[targets.v]\nsql = "SELECT * FROM raw"\n[targets.p]\npython = "a:b"\n'
        '[targets.s]\nshell = "x"\npartitions = ["origin", "day"]\n',
    )
    assert [made.outputs for made in project.targets.values()] == [(), (), ()]
    assert [made.is_view for made in project.targets.values()] == [True, False, False]
    assert [made.is_action for made in project.targets.values()] == [False, True, True]
    assert [made.dimensions for made in project.targets.values()] == [(), (), ("origin", "day")]


# -- what reads them -----------------------------------------------------------------------------------------------

MODEL = '[targets.m]\npython = "a:b"\npath = { model = "m/{day}.joblib", score = "m/{day}.json" }\n'


def test_inputs_name_one_of_several_outputs(tmp_path: Path) -> None:
    listed = target(tmp_path, MODEL + '[targets.t]\npath = "t"\nshell = "x"\ninputs = ["m.model", "m.score"]\n')
    assert listed.inputs == (
        Input("m.model", "m", "model", (), Place("Dataflowfile", 14)),
        Input("m.score", "m", "score", (), Place("Dataflowfile", 14)),
    )
    text = (
        'inputs.a = "m.model"\ninputs.b = { from = "m.score", day = "all" }\ninputs."m.score" = { day = "-1d..0d" }\n'
    )
    entries = target(tmp_path, MODEL + '[targets.t]\npath = "t"\nshell = "x"\n' + text)
    assert entries.inputs == (
        Input("a", "m", "model", (), Place("Dataflowfile", 14)),
        Input("b", "m", "score", (("day", All()),), Place("Dataflowfile", 15)),
        Input("m.score", "m", "score", (("day", Window(-1, 0, "day")),), Place("Dataflowfile", 16)),
    )


def test_the_only_output_needs_no_name_also_if_it_has_one(tmp_path: Path) -> None:
    text = '[targets.m]\npython = "a:b"\npath = { model = "m.joblib" }\n[targets.t]\npath = "t"\nshell = "x"\n'
    made = target(tmp_path, text + 'inputs.a = "m"\ninputs.b = "m.model"\n')
    assert [(given.dataset, given.output) for given in made.inputs] == [("m", "model"), ("m", "model")]


def test_through_a_view_rules_may_be_for_any_dimension(tmp_path: Path) -> None:
    text = '[targets.v]\nsql = "SELECT * FROM raw"\n[targets.t]\npath = "{day}.csv"\nsql = "SELECT * FROM v"\n'
    made = target(tmp_path, text + 'inputs.v = { day = "-1d..0d", origin = "all" }\n')
    rules = (("day", Window(-1, 0, "day")), ("origin", All()))
    assert made.inputs == (Input("v", "v", "", rules, Place("Dataflowfile", 13)),)


# -- how they run --------------------------------------------------------------------------------------------------


def test_pools(tmp_path: Path) -> None:
    project = load(tmp_path, '[pools]\ndb = 4\nmemory = "1.5GiB"\nlicence = 1\n')
    assert (project.pools, project.memory) == ({"db": 4, "licence": 1}, 3 << 29)
    assert (load(tmp_path, "").pools, load(tmp_path, "").memory) == ({}, None)


NEEDS = [
    ("", "", Needs()),
    ("", "{ cpus = 2, memory = '2GB', db = 3 }", Needs(2.0, 2_000_000_000, (("db", 3),))),
    ("", "{ cpus = 0.5 }", Needs(0.5)),
    ("{ cpus = 4, memory = '1MB', db = 1 }", "", Needs(4.0, 1_000_000, (("db", 1),))),
    ("{ cpus = 4, memory = '1MB', db = 1 }", "{ db = 2, net = 1 }", Needs(4.0, 1_000_000, (("db", 2), ("net", 1)))),
    ("{ cpus = 4, memory = '1MB' }", "{ cpus = 1, memory = '1kB' }", Needs(1.0, 1000)),
]


@pytest.mark.parametrize(("default", "own", "expected"), NEEDS)
def test_needs_are_merged_key_by_key(tmp_path: Path, default: str, own: str, expected: Needs) -> None:
    head = "[pools]\ndb = 4\nnet = 1\n" + (f"[defaults]\nneeds = {default}\n" if default else "")
    text = '[targets.t]\npath = "t.csv"\nsql = "SELECT 1"\n' + (f"needs = {own}\n" if own else "")
    assert target(tmp_path, text, head).needs == expected


RUNNING = [
    ("", "", Retries(), Limits()),
    ("", "retries = 2", Retries(2), Limits()),
    ("", "retries = { times = 3, delay = '500ms' }", Retries(3, 0.5), Limits()),
    (
        "",
        "retries = 1\nretry_on = [75, 'TimeoutError', 'a.b.Error', 'timeout', 75]",
        Retries(1, 1.0, ("exit 75", "TimeoutError", "a.b.Error", "timeout")),
        Limits(),
    ),
    ("", "timeout = '90s'", Retries(), Limits(90.0)),
    ("", "timeout = { after = '1h30m', grace = '0s' }", Retries(), Limits(5400.0, 0.0)),
    ("retries = 2\nretry_on = [1]\ntimeout = '1m'", "", Retries(2, 1.0, ("exit 1",)), Limits(60.0)),
    ("retries = 2\ntimeout = '1m'", "retries = 0\ntimeout = '2m'", Retries(0), Limits(120.0)),
    ("retries = { times = 2, delay = '2s' }", "retry_on = ['killed']", Retries(2, 2.0, ("killed",)), Limits()),
    ("retry_on = ['killed']", "retries = 1", Retries(1, 1.0, ("killed",)), Limits()),
]


@pytest.mark.parametrize(("default", "own", "retries", "limits"), RUNNING)
def test_retries_and_timeouts(tmp_path: Path, default: str, own: str, retries: Retries, limits: Limits) -> None:
    text = f'[targets.t]\npath = "t.csv"\nsql = "SELECT 1"\n{own}\n'
    made = target(tmp_path, text, f"[defaults]\n{default}\n")
    assert (made.retries, made.limits) == (retries, limits)


def test_views_have_nothing_of_the_defaults_for_tasks(tmp_path: Path) -> None:
    head = "[pools]\ndb = 1\n[defaults]\nneeds = { db = 1 }\nretries = 2\ntimeout = '1m'\nenv = { A = 'x' }\n"
    made = target(tmp_path, '[targets.t]\nsql = "SELECT * FROM raw"\n', head)
    assert (made.needs, made.retries, made.limits, made.env) == (Needs(), Retries(), Limits(), ())


def test_variables_are_merged_and_are_not_for_sql(tmp_path: Path) -> None:
    head = '[defaults]\nenv = { A = 1, B = true, C = 0.5 }\nsecrets = ["S"]\n'
    text = 'env = { A = "x", tz = "", D = 2013-01-01 }\nsecrets = ["T", "S"]\n'
    made = target(tmp_path, f'[targets.t]\npath = "t"\nshell = "x"\n{text}', head)
    assert made.env == (("A", "x"), ("B", "true"), ("C", "0.5"), ("tz", ""), ("D", "2013-01-01"))
    assert made.secrets == ("S", "T")
    made = target(tmp_path, '[targets.t]\npath = "t.csv"\nsql = "SELECT 1"\n', head)
    assert (made.env, made.secrets) == ((), ())


def test_owners(tmp_path: Path) -> None:
    text = (
        '[project]\nowner = "all of us"\n[defaults]\nowner = "data"\n[sources.s]\npath = "s.csv"\nowner = "them"\n'
        '[targets.a]\npath = "a"\nshell = "x"\n[targets.b]\npath = "b"\nshell = "x"\nowner = "me"\n'
    )
    project = load(tmp_path, text)
    assert [dataset.owner for dataset in project.datasets()] == ["them", "data", "me"]


# -- macros --------------------------------------------------------------------------------------------------------


def with_macros(root: Path) -> Project:
    return load(
        root,
        '[project]\nmacros = ["sql/a.sql"]\n[defaults]\nmacros = ["b.sql", "sql/../sql/a.sql"]\n'
        '[targets.own]\npath = "own.csv"\nsql = "SELECT 1"\nmacros = ["c.sql", "b.sql"]\n'
        '[targets.view]\nsql = "view.sql"\n'
        '[targets.shell]\npath = "shell.txt"\nshell = "x"\n',
        files={"sql/a.sql": "-- a\n", "b.sql": "\ufeffb", "c.sql": "c", "view.sql": "SELECT 2"},
    )


def test_macros_are_those_of_the_project_the_defaults_and_the_target_each_once(tmp_path: Path) -> None:
    project = with_macros(tmp_path)
    a, b, c = (
        MacroFile(text, Place(file, 1)) for text, file in (("-- a\n", "sql/a.sql"), ("b", "b.sql"), ("c", "c.sql"))
    )
    assert project.targets["own"].recipe == SqlRecipe("SELECT 1", Place("Dataflowfile", 7), (a, b, c))
    assert project.targets["view"].recipe == SqlRecipe("SELECT 2", Place("view.sql", 1), (a, b))


def test_files_of_macros_are_files_of_the_project(tmp_path: Path) -> None:
    assert with_macros(tmp_path).files == ("Dataflowfile", "sql/a.sql", "b.sql", "c.sql", "view.sql")
    (tmp_path / "m.sql").write_text("x")
    assert load(tmp_path, '[project]\nmacros = ["m.sql"]\n').files == ("Dataflowfile", "m.sql")


# -- quantities ----------------------------------------------------------------------------------------------------

SIZES = [("500MB", 5e8), ("2 GB", 2e9), ("1.5GiB", 3 << 29), ("2gb", 2e9), ("1kB", 1e3), ("1KiB", 1024), ("7B", 7)]
DURATIONS = [
    ("500ms", 0.5),
    ("90s", 90),
    ("10m", 600),
    ("2h", 7200),
    ("1d", 86400),
    ("1h30m", 5400),
    ("1h 0.5s", 3600.5),
]


@pytest.mark.parametrize(("text", "expected"), SIZES)
def test_sizes(text: str, expected: float) -> None:
    assert read_size(text) == expected


@pytest.mark.parametrize(("text", "expected"), DURATIONS)
def test_durations(text: str, expected: float) -> None:
    assert read_duration(text) == expected


@pytest.mark.parametrize("text", ["", "2", "2G", "GB", "-1GB", "2 iB", "0B", "1e3MB", "2GBs", "٢GB", "1,5GB", "1\nGB"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError):
        read_size(text)


@pytest.mark.parametrize(
    "text", ["", "2", "m", "-1s", "30m1h", "1s1s", "1 s", "2w", "1min", "1e3s", "٢s", "1h\n", "5s "]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError):
        read_duration(text)


@given(parts=st.lists(st.integers(0, 99), min_size=4, max_size=4))
def test_a_duration_is_the_sum_of_its_parts(parts: list[int]) -> None:
    days, hours, minutes, seconds = parts
    whole = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    assert read_duration(f"{days}d{hours}h{minutes}m{seconds}s") == whole
