"""Mistakes in a project's files: each has its file, its line, what is wrong and what to do, and all come at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from dbuild.core.model import Project
from dbuild.errors import UserError
from dbuild.project import AcceptedKey, accepted_keys, load_project
from dbuild.project.keys import INNER, KEYS, SECTIONS, UNSUPPORTED

BASE = """\
[partitions.day]
every = "day"
start = 2013-01-01
[partitions.origin]
values = ["EWR", "JFK"]
[sources.raw]
path = "data/{day}.csv"
"""
LINE = BASE.count("\n")  # cases start below it
TARGET = '[targets.t]\npath = "out/{day}.csv"\nsql = "SELECT * FROM raw"\n'


def load(root: Path, text: str, overrides: Mapping[str, str] | None = None) -> tuple[Project | None, list[UserError]]:
    (root / "Dataflowfile").write_text(text, encoding="utf-8")
    return load_project("Dataflowfile", str(root), overrides or {})


def said(problems: list[UserError]) -> list[tuple[int, str, str]]:
    return [(problem.place.line if problem.place else -1, problem.what, problem.hint or "") for problem in problems]


# What stands below BASE, the line (counted from there) of the mistake, a part of what is said, a part of the hint.
CASES = [
    ('[target.x]\npath = "a"\n', 1, 'unknown key "target"', 'did you mean "targets"?'),
    ("targets = 3\n", None, '"targets" must be a table', "[targets.NAME]"),
    ("[[targets]]\n", 1, '"targets" must be a table', "[targets.NAME]"),
    ("[targets]\nx = 3\n", 2, '"x" of [targets] must be a table', "[targets.x]"),
    ('[project]\nnmae = "x"\n', 2, 'unknown key "nmae" in [project]', 'did you mean "name"?'),
    ("[project]\nname = 3\n", 2, '"name" of [project] must be a string', 'name = "flights"'),
    (
        '[project]\nenvironment = "x"\n',
        2,
        '"environment" of [project] must be "ignore", a list of files and',
        "uv.lock",
    ),
    ("[project]\nenvironment = {}\n", 2, "environment of [project] has no cmd", "Rscript"),
    ('[project]\nenvironment = { command = "x" }\n', 2, 'unknown key "command"', "cmd"),
    ('[project]\nenvironment = ["uv.lock"]\n', 2, 'the file "uv.lock" doesn\'t exist', "relative to the project"),
    ('[project]\nenvironment = ["num py"]\n', 2, "'num py' is neither a file nor a package", "numpy"),
    (
        '[defaults]\nenvironment = "ignore"\n',
        2,
        'unknown key "environment" in [defaults]',
        "[project] or [targets.NAME]",
    ),
    ("[project]\npools = { db = 1 }\n", 2, 'unknown key "pools" in [project]', "a table of its own: [pools]"),
    ('[project]\ntimeout = "1m"\n', 2, 'unknown key "timeout" in [project]', "[defaults] or [targets.NAME]"),
    ('[project]\ndefault = ["x"]\n', 2, '"x" of default is no target', "[targets.x]"),
    ('[project]\ndefault = ["raw"]\n', 2, '"raw" of default is a source', ""),
    ('[project]\ntimezone = "Europe/Zuerich"\n', 2, "is no time zone", 'did you mean "Europe/Zurich"?'),
    ('[project]\ninclude = [\n  "no/*.toml"]\n', 3, "no file matches include = 'no/*.toml'", "relative to"),
    ("[project]\nparams = { a = [1] }\n", 2, 'the param "a" must be', "a = 15"),
    ("[project.params]\nday = 1\n", 2, '"day" has a name that the dimension "day" (Dataflowfile:1)', "rename"),
    ("[project.params]\nday_end = 1\n", 2, '"day_end" has a name that the dimension', "rename"),
    ("[project.params]\n'a b' = 1\n", 2, '"a b" can\'t be the name of a param', "letters"),
    ("[project.params]\noutput = 1\n", 2, '"output" is a reserved word', "another"),
    ("[defaults]\nread = { nulstr = 'x' }\n", 2, '"nulstr" is no option', 'did you mean "nullstr"?'),
    ("[defaults]\nmissing = 1\n", 2, '"missing" in [defaults] is not supported', "remove"),
    ("[partitions.x]\n", 1, "[partitions.x] doesn't say what its keys are", "every, values and discover"),
    ('[partitions.x]\nvalues = ["a"]\ndiscover = "raw"\n', 1, "has values and discover", "exactly one"),
    ('[partitions.x]\nevrey = "day"\n', 2, 'unknown key "evrey"', 'did you mean "every"?'),
    ('[partitions.x]\nevery = "dya"\nstart = 2013-01-01\n', 2, '"dya" is no period', 'did you mean "day"?'),
    ('[partitions.x]\nevery = "daily"\nstart = 2013-01-01\n', 2, '"daily" is no period', 'did you mean "day"?'),
    (
        '[partitions.x]\nevery = "7 minutes"\nstart = 2013-01-01\n',
        2,
        "a day can't be divided",
        "6 minutes or 8 minutes",
    ),
    ('[partitions.x]\nevery = "5 hours"\nstart = 2013-01-01\n', 2, "a day can't be divided", "4 hours or 6 hours"),
    ('[partitions.x]\nevery = "48 hours"\nstart = 2013-01-01\n', 2, "a day can't be divided", "24 hours"),
    ('[partitions.x]\nevery = "0 days"\nstart = 2013-01-01\n', 2, "a period has a length", '"day"'),
    ('[partitions.x]\nevery = "101 years"\nstart = 2013-01-01\n', 2, "longer than a century", "100 years"),
    ('[partitions.x]\nevery = "15 mins"\nstart = 2013-01-01\n', 2, '"min" is no period', 'did you mean "minute"?'),
    ('[partitions.x]\nevery = "minutes"\nstart = 2013-01-01\n', 2, '"minutes" is no period', 'did you mean "minute"?'),
    ('[partitions.x]\nevery = "day"\n', 1, "has no start", "2013-01-05"),
    ('[partitions.x]\nevery = "day"\nstart = 2013\n', 3, "start is no date", "2013-01-05"),
    ('[partitions.x]\nevery = "day"\nstart = 10:00:00\n', 3, "start is no date", "2013-01-05"),
    ('[partitions.x]\nevery = "day"\nstart = 2013-01-01T00:00:00Z\n', 3, "start is no date", "2013-01-05"),
    ('[partitions.x]\nevery = "day"\nstart = "2013-02-30"\n', 3, '"2013-02-30" is not a day', "2013-01-05"),
    ('[partitions.x]\nevery = "month"\nstart = "2013"\nend = "x"\n', 4, '"x" is not a month', "2013-01"),
    ('[partitions.x]\nevery = "day"\nstart = 2013-01-02\nend = 2013-01-01\n', 4, "ends before it starts", "inclusive"),
    ('[partitions.x]\nevery = "day"\nstart = "now"\n', 3, '"now" is not a day', "2013-01-05"),
    ('[partitions.x]\nevery="day"\nstart=2013-01-02\ntimezone="Asia/Tokio"\n', 4, "no time zone", 'mean "Asia/Tokyo"?'),
    ('[partitions.x]\nevery="hour"\nstart="2013-03-31T02"\ntimezone="Europe/Zurich"\n', 3, "starts no hour", "T13"),
    ('[partitions.x]\nvalues = ["a"]\nstart = 2013-01-01\n', 3, "for time dimensions", "every"),
    ("[partitions.x]\nvalues = []\n", 2, "values of [partitions.x] is empty", "at least one"),
    ('[partitions.x]\nvalues = [\n"a/b"]\n', 3, "'a/b' can't be a key", "parts of paths"),
    ('[partitions.x]\nvalues = ["a\\u0007"]\n', 2, "can't be a key", "control characters"),
    ('[partitions.x]\nvalues = [\n"a",\n"a"]\n', 4, '"a" is given twice, first at Dataflowfile:10', "remove"),
    ('[partitions.x]\ndiscover = "rwa"\n', 1, '"rwa", where the keys of "x"', 'did you mean "raw"?'),
    ('[partitions.x]\ndiscover = "raw"\n', 1, 'has no "{x}" to discover', 'put "{x}" into "data/{day}.csv"'),
    ("[partitions.x]\ndiscover = 3\n", 2, '"discover" of [partitions.x] must be the name of a source', '"carriers"'),
    ("[partitions.x]\ndiscover = {}\n", 2, "discover of [partitions.x] doesn't say how", "SELECT customer"),
    ("[partitions.x]\ndiscover = { sqll = 'x' }\n", 2, 'unknown key "sqll" in [partitions.x.discover]', '"sql"?'),
    ("[partitions.x]\ndiscover = { sql = 3 }\n", 2, '"sql" of [partitions.x.discover] must be a string', "SELECT"),
    ("[partitions.x]\ndiscover = { sql = 'no.sql' }\n", 2, 'the SQL file "no.sql" doesn\'t exist', "relative to"),
    ("[partitions.x.discover]\nsql = 'no.sql'\n", 2, 'the SQL file "no.sql" doesn\'t exist', "relative to"),
    ('[partitions.from]\nvalues = ["a"]\n', 1, '"from" is a reserved word', "another"),
    ('[partitions.missing]\nvalues = ["a"]\n', 1, '"missing" is a reserved word', "another"),
    ('[partitions.day_end]\nvalues = ["a"]\n', 1, 'recipes call the end of "day" (Dataflowfile:1)', "rename"),
    ("[sources.x]\n", 1, "[sources.x] has no path", "path ="),
    ('[sources.x]\npth = "a.csv"\n', 2, 'unknown key "pth"', 'did you mean "path"?'),
    ('[sources.x]\npath = ""\n', 2, "must be a string that isn't empty", "path ="),
    ('[sources."x y"]\npath = "a.csv"\n', 1, '"x y" can\'t be the name of a source', "letters"),
    ('[sources.Raw]\npath = "a.csv"\n', 1, 'differs only in case from "raw" (Dataflowfile:6)', "SQL"),
    ('[sources.x]\npath = "a/{dya}.csv"\n', 2, '"{dya}" in the path', 'did you mean "day"?'),
    ('[sources.x]\npath = "a/{zzz}.csv"\n', 2, '"{zzz}" in the path', "[partitions.zzz]"),
    ('[sources.x]\npath = "a/{day:%Y}.csv"\n', 2, "doesn't tell one day from another", "%Y %m %d"),
    ('[sources.x]\npath = "a/b/"\n', 2, "names a folder", "files in it"),
    ('[sources.x]\npath = "."\n', 2, "names a folder", "files in it"),
    ('[sources.x]\npath = "s3://a/b.csv"\n', 2, "not supported by this version", ""),
    ('[sources.x]\npath = "~/b.csv"\n', 2, "not expanded", "whole path"),
    ('[sources.x]\npath = "a/../b.csv"\n', 2, '".." inside', "beginning"),
    ('[sources.x]\npath = "a\\u0000.csv"\n', 2, "control characters", "remove"),
    ('[sources.x]\npath = "a.csv"\nread = { header = "yes" }\n', 3, '"header" must be true or false', ""),
    ('[sources.x]\npath = "a.csv"\nread = { skip = true }\n', 3, '"skip" must be a whole number', ""),
    ('[sources.x]\npath = "a.csv"\nread = { skip = -1 }\n', 3, "can't be negative", ""),
    ('[sources.x]\npath = "a.csv"\nread = { records = "x" }\n', 3, '"records" is no option for reading CSV', ""),
    ('[sources.x]\npath = "a.csv"\n[sources.x.read]\nsep = ","\ndelim = ","\n', 4, "are one option", "remove"),
    ('[sources.x]\npath = "a.parquet"\nread = { skip = 1 }\n', 3, "is for CSV and JSON", "ending"),
    ('[sources.x]\npath = "a.bin"\nschema = { a = "INT" }\n', 3, "has no such format", "ending"),
    ('[sources.x]\npath = "a.csv"\nschema = { a = 1 }\n', 3, 'the column "a" must be a string', "DOUBLE"),
    ('[sources.x]\npath = "a.csv"\nschema = { a = "INT", A = "INT" }\n', 3, "differs only in case", ""),
    ('[targets.raw]\npath = "a.csv"\nsql = "x"\n', 1, '"raw" is declared twice, first at Dataflowfile:6', "rename"),
    ('[targets.key]\npath = "a.csv"\nsql = "x"\n', 1, '"key" is a reserved word', ""),
    ('[targets.x]\npth = "a.csv"\nsql = "x"\n', 2, 'unknown key "pth"', 'did you mean "path"?'),
    ('[targets.x]\npath = "a.csv"\n', 1, "has no recipe", "sql, python and shell"),
    ('[targets.x]\npath = "a.csv"\nsql = "x"\nshell = "y"\n', 4, "has sql and shell", "Dataflowfile:10"),
    ('[targets.x]\npath = "a.csv"\nshel = "y"\n', 3, 'unknown key "shel"', 'did you mean "shell"?'),
    ('[targets.x]\npath = "a.csv"\nshell = " "\n', 3, "a string that isn't empty", ""),
    ('[targets.x]\npath = "a.csv"\nsql = "no.sql"\n', 3, 'the SQL file "no.sql" doesn\'t exist', "relative"),
    ('[targets.x]\npath = "a.txt"\nsql = "SELECT 1"\n', 2, "no format that SQL can write", ".parquet"),
    ('[targets.x]\npath = "a.csv"\npython = "foo"\n', 3, "names no function", "module:function"),
    ('[targets.x]\npath = "a.csv"\npython = "a-b:c"\n', 3, "names no function", "module:function"),
    ('[targets.x]\npath = "a.csv"\npython = "a:class"\n', 3, "names no function", "module:function"),
    ('[targets.x]\npath = "/a.csv"\nshell = "x"\n', 2, "not a place for outputs", "inside the project"),
    ('[targets.x]\npath = "../a.csv"\nshell = "x"\n', 2, "not a place for outputs", "inside the project"),
    ('[targets.x]\npath = ".dbuild/a.csv"\nshell = "x"\n', 2, "not a place for outputs", "inside the project"),
    ('[targets.x]\npath = "a*.csv"\nshell = "x"\n', 2, "can't have globs", "placeholders"),
    ('[targets.x]\npath = "Dataflowfile"\nshell = "x"\n', 2, 'could overwrite "Dataflowfile"', "own"),
    ('[targets.x]\npath = "data/2013-01-01.csv"\nshell = "x"\n', 2, 'of source "raw" (Dataflowfile:7)', "no source"),
    ('[targets.x]\npath = "a.csv"\nshell = "x"\nuses = ["no.R"]\n', 4, '"no.R" doesn\'t exist', "relative"),
    ('[targets.x]\npath = "a.csv"\nshell = "x"\nuses = ["/no.R"]\n', 4, "can't be used", "relative"),
    ('[targets.x]\npath = "a.csv"\nshell = "x"\nuses = "a.R"\n', 4, "must be a list of strings", "as in uses"),
    ('[targets.x]\npath = "a.csv"\nshell = "x"\nparams = ["a"]\n', 4, 'has no param "a"', "[project]"),
    ('[targets.x]\npath = "a.csv"\nsql = "x"\nparams = []\n', 4, "are for shell recipes", "$name"),
    ('[targets.x]\npath = "a.csv"\nsql = "x"\ninterpreter = "R"\n', 4, "is for shell recipes", "remove"),
    ('[targets.x]\npath = "a.csv"\nshell = "x"\nbatch = 2\n', 4, "a command makes one partition", "remove"),
    ('[targets.x]\npath = "a.csv"\nsql = "x"\nbatch = 2\n', 4, "is for a target with partitions", "path"),
    ('[targets.x]\nsql = "x"\nbatch = "all"\n', 3, "without a path nothing is", "give the target a path"),
    ('[targets.x]\npath = "a.csv"\nsql = "x"\nbatch = 0\n', 4, '"batch" of [targets.x] must be', "as in"),
    (TARGET + "inputs = 3\n", 4, '"inputs" of [targets.t] must be a list or a table', "as in"),
    (TARGET + "inputs = [3]\n", 4, "is no string", "as in"),
    (TARGET + 'inputs = ["raw",\n"raw"]\n', 5, '"raw" of [targets.t] is given twice', "remove"),
    (TARGET + 'inputs = ["rwa"]\n', 4, '"rwa", an input of [targets.t], is no dataset', 'did you mean "raw"?'),
    (TARGET + 'inputs.x = "rwa"\n', 4, '"rwa", an input of [targets.t], is no dataset', 'did you mean "raw"?'),
    (TARGET + 'inputs = ["raw.a"]\n', 4, '"raw" has no output "a"', 'say "raw"'),
    (TARGET + "inputs.raw = 3\n", 4, "must be a string or a table", "as in"),
    (TARGET + "inputs.raw.from = 3\n", 4, '"from" of the input "raw" must be a string', "dataset"),
    (TARGET + 'inputs."a b" = "raw"\n', 4, '"a b" can\'t be the name of an input', "letters"),
    (TARGET + 'inputs.raw = { impact = "some" }\n', 4, '"impact" of the input "raw" can only be "none"', "count"),
    (TARGET + 'inputs.raw = { dya = "all" }\n', 4, 'unknown key "dya" of the input "raw"', 'did you mean "day"?'),
    (TARGET + 'inputs.raw = { origin = "all" }\n', 4, '"raw" is not partitioned by "origin"', "day"),
    (TARGET + "inputs.raw = { day = 3 }\n", 4, "must be a string or a list", '"-6d..0d"'),
    (TARGET + 'inputs.raw = { day = "yesterday" }\n', 4, '"yesterday" is no rule', '"-6d..0d"'),
    (TARGET + 'inputs.raw = { day = "previously" }\n', 4, '"previously" is no rule', '"previous"'),
    (TARGET + 'inputs.raw = { day = "last 0" }\n', 4, '"last 0" says no number', '"last 7"'),
    (TARGET + 'inputs.raw = { day = "last" }\n', 4, '"last" says no number', '"last 7"'),
    (TARGET + 'inputs.raw = { day = "since day" }\n', 4, '"since day" names no period', "since week"),
    (TARGET + 'inputs.raw = { day = "since moth" }\n', 4, '"since moth" names no period', 'did you mean "month"?'),
    (TARGET + 'inputs.raw = { day = "-6d..1mo" }\n', 4, "different units", "as in"),
    (TARGET + 'inputs.raw = { day = "-6..0" }\n', 4, "names no unit", "units are"),
    (TARGET + 'inputs.raw = { day = "-6m..0" }\n', 4, '"m" is no unit', '"mo" months'),
    (TARGET + 'inputs.raw = { day = "1d..0d" }\n', 4, "ends before it starts", "as in"),
    (TARGET + 'inputs.raw = { day = "-99999d..0d" }\n', 4, "further than a century", "all"),
    (TARGET + "inputs.raw = { day = [] }\n", 4, "at least one", "JFK"),
    (TARGET + 'inputs.raw = { day = ["2013-1-1"] }\n', 4, '"2013-1-1" is not a day', "2013-01-05"),
    (
        '[sources.o]\npath = "o/{origin}.csv"\n' + TARGET + 'inputs.o = { origin = ["JKF"] }\n',
        6,
        '"JKF" is no key of "origin"',
        'did you mean "JFK"?',
    ),
    (
        '[sources.o]\npath = "o/{origin}.csv"\n' + TARGET + 'inputs.o = { origin = "-1d..0" }\n',
        6,
        '"origin" is no time',
        "all",
    ),
    (
        TARGET + '[targets.u]\npath = "out/2013-01-05.csv"\nshell = "x"\n',
        5,
        'could be the same file as "out/{day}.csv" of target "t" (Dataflowfile:9)',
        "a folder of its own",
    ),
    (
        TARGET + '[targets.u]\npath = "out/{day}.csv/{origin}"\nshell = "x"\n',
        5,
        'would be inside of the file "out/{day}.csv" of target "t" (Dataflowfile:9)',
        "a folder of its own",
    ),
    (
        '[partitions.x]\nvalues = ["a-b", "c"]\n[targets.u]\npath = "u/{x}-{origin}.csv"\nshell = "x"\n',
        4,
        "doesn't tell where",
        "separate",
    ),
    (
        '[partitions.x]\nvalues = [".b"]\n[targets.u]\npath = "u/{x}.csv"\nshell = "x"\n',
        4,
        '".b" can\'t be a part of a path',
        "separate",
    ),
]


@pytest.mark.parametrize(("text", "line", "what", "hint"), CASES, ids=[case[2][:40] for case in CASES])
def test_one_mistake_gives_one_message(tmp_path: Path, text: str, line: int | None, what: str, hint: str) -> None:
    whole = BASE + text if line else text + BASE  # None: keys of the top have to stand first
    project, problems = load(tmp_path, whole)
    assert project is not None
    found = said(problems)
    assert len(found) == 1, found
    assert (found[0][0], what in found[0][1], hint in found[0][2]) == (LINE + line if line else 1, True, True), found
    assert found[0][2], "every message has a hint"


def test_all_mistakes_come_at_once_in_the_order_of_their_lines_and_all_datasets_stay(tmp_path: Path) -> None:
    text = BASE + TARGET + 'bunch = 1\ninputs.rwa = {}\n[targets.u]\npath = "x/{dya}/{origin}.csv"\nsqll = "x"\n'
    project, problems = load(tmp_path, text + 'default = ["t"]\n[targets.v]\npath = "v.csv"\npython = "x"\n')
    assert [line for line, _, _ in said(problems)] == [11, 12, 14, 15, 16, 19]
    assert project is not None
    assert list(project.targets) == ["t", "u", "v"]
    assert project.targets["u"].dimensions == ("origin",)


TOML_MISTAKES = [
    (b"a = 1\nb = \n", 2, "not valid TOML: invalid value", "quotes"),
    (b"[targets.x]\na = 1\n[targets.x]\n", 3, "cannot declare", "it is declared at Dataflowfile:1 already"),
    (b"[t.x]\na = 1\nb = 2\na = 3\n", 4, "cannot overwrite", "it is declared at Dataflowfile:2 already"),
    (b"a.b = 1\n\na.b.c = 2\n", 3, "cannot overwrite", "toml.io"),
    (b"[a]\nb = 'x\n", 2, "not valid TOML", "not closed"),
    (b'[a]\nb = """x\n\n', 2, "not valid TOML", "not closed"),
    (b"a = 1\nb = 'x\x00'\n", 2, "not valid TOML", ""),
    (b"a = 1\n\nb = '\xff'\n", 3, "not valid UTF-8", "save it as UTF-8"),
    (b"a = " + b"[" * 100_000, 0, "nested too deeply", ""),
    (b"a = " + b"{a=" * 100_000, 0, "nested too deeply", ""),
    (b"a." * 100_000 + b"a = 1", 0, "nested too deeply", ""),
    (b"a = " + b"9" * 10_000, 0, "not valid TOML", ""),
]


@pytest.mark.parametrize(("text", "line", "what", "hint"), TOML_MISTAKES, ids=range(len(TOML_MISTAKES)))
def test_what_is_no_toml(tmp_path: Path, text: bytes, line: int, what: str, hint: str) -> None:
    (tmp_path / "Dataflowfile").write_bytes(text)
    project, problems = load_project("Dataflowfile", str(tmp_path), {})
    assert project is None
    (found,) = said(problems)
    assert (found[0], what in found[1], hint in found[2]) == (line, True, True), found


def test_deep_but_allowed_nesting_is_no_crash(tmp_path: Path) -> None:
    _, problems = load(tmp_path, "[project.params]\na = " + "[" * 390 + "]" * 390 + "\n")
    assert [line for line, _, _ in said(problems)] in ([2], [0])


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    project, (problem,) = load_project("Dataflowfile", str(tmp_path), {})
    assert project is None
    assert str(problem.place) == "Dataflowfile"
    assert "-f FILE" in str(problem.hint)
    assert "-f" in str(problem.hint)


def test_a_folder_instead_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "Dataflowfile").mkdir()
    project, (problem,) = load_project("Dataflowfile", str(tmp_path), {})
    assert project is None
    assert "can't be read" in problem.what


@pytest.mark.parametrize(
    ("content", "what"), [(b"", "is empty"), (b"\xff", "not valid UTF-8"), (None, "can't be read")]
)
def test_sql_files_that_can_not_be_read(tmp_path: Path, content: bytes | None, what: str) -> None:
    if content is None:
        (tmp_path / "q.sql").mkdir()
    else:
        (tmp_path / "q.sql").write_bytes(content)
    _, problems = load(tmp_path, BASE + '[targets.x]\npath = "x.csv"\nsql = "q.sql"\n')
    assert [(line, what in text) for line, text, _ in said(problems)] == [(LINE + 3, True)]


def test_an_output_does_not_replace_a_file_of_its_recipe(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("SELECT 1")
    (tmp_path / "u{1}.csv").write_text("x")
    text = '[targets.x]\npath = "a.sql"\nshell = "x"\n[targets.y]\npath = "y.csv"\nsql = "a.sql"\n'
    _, problems = load(tmp_path, text + '[targets.z]\npath = "u{{1}}.csv"\nshell = "x"\nuses = ["u{1}.csv"]\n')
    assert [(line, "could overwrite" in what) for line, what, _ in said(problems)] == [(2, True), (8, True)]


OVERRIDES = [
    ("i", "x", '"x" is not an integer', "i = 1"),
    ("i", "1.5", "is not an integer", "i = 1"),
    ("f", "x", '"x" is not a number', "f = 0.5"),
    ("b", "yes", '"yes" is not true or false', "b = true"),
    ("zzz", "1", 'has no param "zzz"', "[project]"),
    ("label_", "1", 'has no param "label_"', 'did you mean "label"?'),
]


@pytest.mark.parametrize(("name", "text", "what", "hint"), OVERRIDES)
def test_params_given_wrongly(tmp_path: Path, name: str, text: str, what: str, hint: str) -> None:
    params = '[project]\nparams = { i = 1, f = 0.5, b = true, label = "x" }\n'
    project, problems = load(tmp_path, params, {name: text})
    assert project is not None
    assert project.params == {"i": 1, "f": 0.5, "b": True, "label": "x"}
    (found,) = said(problems)
    assert (found[0], what in found[1], hint in found[2]) == (-1, True, True), found


def test_included_files_have_mistakes_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('[sources.raw]\npath = "a.csv"\n[project]\nname = "x"\n')
    project, problems = load(tmp_path, '[project]\ninclude = ["a.toml"]\n' + BASE)
    assert project is not None
    assert [str(problem.place) for problem in problems] == ["a.toml:1", "a.toml:3"]
    assert "first at Dataflowfile:8" in problems[0].what
    assert "belongs into Dataflowfile" in str(problems[1].hint)


def test_where_an_included_file_can_not_be_read_names_are_not_called_unknown(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('[sources.other\npath = "a.csv"\n')
    text = '[project]\ninclude = ["a.toml"]\ndefault = ["z"]\n' + BASE + TARGET + "inputs.other = {}\nbunch = 1\n"
    project, problems = load(tmp_path, text)
    assert project is None
    assert [str(problem.place) for problem in problems] == ["Dataflowfile:15", "a.toml:1"]


def test_the_table_of_keys_is_whole() -> None:
    keys = accepted_keys()
    assert {key.section for key in keys} == {*SECTIONS, *INNER} == set(KEYS)
    assert all(key.description.endswith(".") and key.example for key in keys)
    for section, names in UNSUPPORTED.items():
        assert not names & set(KEYS.get(section, ()))
    assert len({(key.section, key.name) for key in keys}) == len(keys)


@pytest.mark.parametrize("key", [key for key in accepted_keys() if key.section in ("sources", "targets")])
def test_every_key_of_the_table_is_known_to_the_loader(tmp_path: Path, key: AcceptedKey) -> None:
    _, problems = load(tmp_path, f"[{key.section}.x]\n{key.name} = {key.example}\n")
    assert not [problem for problem in problems if "unknown key" in problem.what or "must be" in problem.what]
