"""Mistakes in the forms of targets, in what their tasks need, and in paths that meet: each with its line and a hint."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.test_project_mistakes import BASE, LINE, load, said

POOLS = '[pools]\ndb = 4\nmemory = "4GB"\n'
SHELL = '[targets.t]\npath = "t.txt"\nshell = "x"\n'
VIEW = '[targets.v]\nsql = "SELECT * FROM raw"\n'
ACTION = '[targets.a]\nshell = "x"\n'
MODEL = '[targets.m]\npython = "a:b"\npath = { model = "m/{day}.bin", score = "m/{day}.json" }\n'
SITE = '[targets.t]\nshell = "x"\npath = "out/site/"\n'

# What stands below BASE, the line (counted from there) of the mistake, a part of what is said, a part of the hint.
OUTPUTS = [
    ('[targets.t]\npath = {}\nshell = "x"\n', 2, "path of [targets.t] names no output", "model"),
    ('[targets.t]\npath = 3\nshell = "x"\n', 2, "must be a string that isn't empty, or a table", "as in path"),
    ('[targets.t]\npath = { a = 3 }\nshell = "x"\n', 2, 'the path of the output "a" must be a string', "as in a"),
    ('[targets.t]\npath."a b" = "x"\nshell = "x"\n', 2, '"a b" can\'t be the name of an output', "letters"),
    ('[targets.t]\nshell = "x"\npath.a = "x"\npath.A = "y"\n', 4, '"A" differs only in case from "a"', "rename"),
    (
        '[targets.t]\nshell = "x"\n[targets.t.path]\na = "a/{day}"\nb = "b/{origin}"\n',
        5,
        'the output "b" has other dimensions (origin) than "a" (day)',
        "together",
    ),
    ('[targets.t]\nshell = "x"\npath.a = "a/{day}"\npath.b = "b"\n', 4, "has other dimensions (none)", "together"),
    ('[targets.t]\nshell = "x"\npath.a = "a/{day}"\npath.b = "b/{dya}"\n', 4, '"{dya}"', 'did you mean "day"?'),
    ('[targets.t]\nshell = "x"\npath.a = "a.txt"\npath.b = "./a.txt"\n', 4, "could be the same file as", "own"),
    ('[targets.t]\nshell = "x"\npath.a = "a/"\npath.b = "a/b.txt"\n', 4, 'inside of the folder "a/"', "own"),
    ('[targets.t]\npath = { a = "a.csv" }\nsql = "SELECT 1"\n', 2, "is SQL, which has one output", "Python"),
    ('[targets.t]\npath = "a/"\nsql = "SELECT 1"\n', 2, 'SQL writes a file, and "a/" is a folder', '"a.parquet"'),
    ('[targets.t]\npath = "./"\nshell = "x"\n', 2, "a folder that holds the project", "out/NAME/"),
    ('[targets.t]\npath = "../"\nshell = "x"\n', 2, "a folder that holds the project", "out/NAME/"),
    ('[targets.t]\npath = ".dbuild/"\nshell = "x"\n', 2, "not a place for outputs", "inside the project"),
    ('[targets.t]\npath = "out/*/"\nshell = "x"\n', 2, "can't have globs", "placeholders"),
    ('[targets.t]\npath = "a/"\nshell = "x"\nread = { skip = 1 }\n', 4, "is for CSV and JSON", "ending"),
    ('[targets.t]\npath = "a/"\nshell = "x"\nschema = { a = "INT" }\n', 4, "has no such format", "ending"),
    (MODEL + "read = { skip = 1 }\n", 4, '"skip" is no option for reading JSON', "known are"),
    (
        '[targets.t]\nshell = "x"\npath = { a = "a.csv", b = "b.json" }\nread = { compression = "gzip" }\n',
        4,
        "can't be both for CSV and for JSON",
        "ending",
    ),
    (
        '[targets.t]\nshell = "x"\npath = { a = "a.csv", b = "b.csv" }\nschema = { a = "INT" }\n',
        4,
        "is for one output, and 2 have columns",
        "ending",
    ),
    (VIEW + "read = { skip = 1 }\n", 3, '"read" of [targets.v] is for what has files', "a path"),
    (ACTION + 'schema = { a = "INT" }\n', 3, '"schema" of [targets.a] is for what has files', "a path"),
    (SHELL + 'partitions = ["day"]\n', 4, '"partitions" of [targets.t] is for actions', "in its path"),
    (VIEW + 'partitions = ["day"]\n', 3, "SQL without a path is a view", "reads the view"),
    (ACTION + 'partitions = ["dya"]\n', 3, '"dya" of [targets.a] is no dimension', 'did you mean "day"?'),
    (ACTION + 'partitions = ["day",\n"day"]\n', 4, '"day" of [targets.a] is given twice', "remove"),
    ("[targets.t]\n", 1, "[targets.t] has no recipe", "sql, python and shell"),
]

FORMER = [
    (SHELL + 'was = "raw"\n', 4, '"raw", which [targets.t] says it was, is still declared (Dataflowfile:6)', "remove"),
    (SHELL + ACTION + 'was = ["x",\n"t"]\n', 7, '"t", which [targets.a] says it was, is still declared', "[targets.t]"),
    (SHELL + 'was = "t"\n', 4, '"t" is its name now', "before"),
    (SHELL + 'was = "x"\n' + ACTION + 'was = ["x"]\n', 7, 'they were "x": [targets.t] (Dataflowfile:11)', "other"),
    (SHELL + "was = 3\n", 4, '"was" of [targets.t] must be a name, or a list of names', "was ="),
    ('[sources.x]\npath = "x.csv"\nwas = "y"\n', 3, '"was" in [sources.x] is not supported', "remove"),
]

READERS = [
    (ACTION + SHELL + 'inputs = ["a"]\n', 6, '"a", an input of [targets.t], is an action', "a path"),
    (VIEW + SHELL + 'inputs = ["v"]\n', 6, '"v", an input of [targets.t], is a view', "a path"),
    (VIEW + SHELL + 'inputs.x = "v"\n', 6, '"v", an input of [targets.t], is a view', "a path"),
    (MODEL + SHELL + 'inputs = ["m"]\n', 7, "has several outputs: model, score", '"m.model"'),
    (MODEL + SHELL + 'inputs.x = { from = "m" }\n', 7, "has several outputs", '"m.model"'),
    (MODEL + SHELL + 'inputs.m.score = { day = "all" }\n', 7, "has several outputs", 'as in inputs."m.score"'),
    (MODEL + SHELL + 'inputs = ["m.scor"]\n', 7, '"m" has no output "scor"', 'did you mean "score"?'),
    (MODEL + SHELL + 'inputs = ["m.zzz"]\n', 7, '"m" has no output "zzz"', "its outputs: model, score"),
    (MODEL + SHELL + 'inputs."m.model" = "raw"\n', 7, "can't be the name of an input", "without a dot"),
    (MODEL + SHELL + 'inputs."m.model.x" = {}\n', 7, "can't be the name of an input", "letters"),
    (MODEL + SHELL + 'inputs."m.score" = { origin = "all" }\n', 7, '"m" is not partitioned by "origin"', "day"),
    (VIEW + '[targets.t]\npython = "a:b"\ninputs = ["v.x"]\n', 5, '"v" has no output "x": it is a view', 'say "v"'),
    (VIEW + '[targets.t]\npython = "a:b"\ninputs.v = { dya = "all" }\n', 5, 'unknown key "dya"', 'did you mean "day"?'),
]

RUNNING = [
    ("[pools]\ndb = 0\n", 2, '"db" of [pools] must be a whole number, at least 1', "db = 4"),
    ("[pools]\ndb = true\n", 2, "must be a whole number, at least 1", "db = 4"),
    ("[pools]\ndb = 1.5\n", 2, "must be a whole number, at least 1", "db = 4"),
    ("[pools]\ncpus = 4\n", 2, '"cpus" is no pool', "remove"),
    ("[pools]\nmemory = 16\n", 2, '"memory" of [pools] must be a size', '"16GB"'),
    ('[pools]\nmemory = "16"\n', 2, '"memory" of [pools] must be a size', '"16GB"'),
    ('[pools]\n"a b" = 1\n', 2, '"a b" can\'t be the name of a pool', "letters"),
    (SHELL + "needs = 2\n", 4, '"needs" of [targets.t] must be a table', "cpus"),
    (SHELL + "needs = { cpus = 0 }\n", 4, '"cpus" of [targets.t.needs] must be a number above 0', "cpus = 2"),
    (SHELL + "needs = { cpus = inf }\n", 4, "must be a number above 0", "cpus = 2"),
    (SHELL + "needs = { cpus = nan }\n", 4, "must be a number above 0", "cpus = 2"),
    (SHELL + "[targets.t.needs]\ncpus = 1\nmemory = 2\n", 6, '"memory" of [targets.t.needs] must be a size', '"2GB"'),
    (SHELL + "needs = { db = 1 }\n", 4, '"db" of [targets.t.needs] is no pool', "db = 4"),
    (POOLS + SHELL + "needs = { dbs = 1 }\n", 7, '"dbs" of [targets.t.needs] is no pool', 'did you mean "db"?'),
    (POOLS + SHELL + "needs = { cpu = 1 }\n", 7, '"cpu" of [targets.t.needs] is no pool', 'did you mean "cpus"?'),
    (POOLS + SHELL + "needs = { db = 5 }\n", 7, 'takes 5 of the pool "db", which has 4', "larger"),
    (POOLS + SHELL + "needs = { db = 0 }\n", 7, "must be a whole number, at least 1", "db = 1"),
    (POOLS + SHELL + 'needs = { memory = "5GB" }\n', 7, "more memory than all tasks may take together", "[pools]"),
    (POOLS + "[defaults]\nneeds = { db = 5 }\n" + SHELL, 5, 'takes 5 of the pool "db"', "larger"),
    (SHELL + "retries = -1\n", 4, "must be a whole number, 0 or more, or a table", "retries = 2"),
    (SHELL + "retries = true\n", 4, "must be a whole number, 0 or more, or a table", "retries = 2"),
    (SHELL + 'retries = { delay = "5s" }\n', 4, "[targets.t.retries] doesn't say how often", "times = 3"),
    (SHELL + "retries = { times = -1 }\n", 4, '"times" of [targets.t.retries] must be a whole number', "times = 3"),
    (SHELL + "retries = { times = 1, delay = 5 }\n", 4, "must be a duration", '"5s"'),
    (SHELL + "retries = { tmes = 1 }\n", 4, 'unknown key "tmes" in [targets.t.retries]', 'did you mean "times"?'),
    (SHELL + "retry_on = [1]\n", 4, 'is for targets with "retries"', "retries = 2"),
    ("[defaults]\nretry_on = [1]\n" + SHELL, 2, '"retry_on" of [defaults]', "retries = 2"),
    (SHELL + "retries = 1\nretry_on = 75\n", 5, "must be a list of exit statuses and names", "75"),
    (SHELL + "retries = 1\nretry_on = []\n", 5, '"retry_on" of [targets.t] is empty', "any failure"),
    (SHELL + "retries = 1\nretry_on = [1,\n256]\n", 6, "256 of [targets.t] is no cause", "1 to 255"),
    (SHELL + "retries = 1\nretry_on = [0]\n", 5, "0 of [targets.t] is no cause", "1 to 255"),
    (SHELL + "retries = 1\nretry_on = [true]\n", 5, "True of [targets.t] is no cause", "1 to 255"),
    (SHELL + "retries = 1\nretry_on = ['a b']\n", 5, "'a b' of [targets.t] is no cause", "1 to 255"),
    (SHELL + "timeout = 90\n", 4, '"timeout" of [targets.t] must be a duration', '"10m"'),
    (SHELL + 'timeout = "90"\n', 4, '"timeout" of [targets.t] must be a duration', '"10m"'),
    (SHELL + 'timeout = "0s"\n', 4, "is no time at all", '"10m"'),
    (SHELL + 'timeout = { grace = "1s" }\n', 4, "[targets.t.timeout] doesn't say after how long", "after ="),
    (SHELL + 'timeout = { after = "0m" }\n', 4, '"after" of [targets.t.timeout] is no time at all', '"10m"'),
    (SHELL + 'timeout = { after = "1m", garce = "1s" }\n', 4, 'unknown key "garce"', 'did you mean "grace"?'),
    ('[defaults]\ntimeout = "soon"\n' + SHELL + ACTION, 2, '"timeout" of [defaults] must be a duration', '"10m"'),
    (VIEW + 'timeout = "1m"\n', 3, "timeout of [targets.v] is for what runs", "a path"),
    (VIEW + "needs = { cpus = 1 }\n", 3, "needs of [targets.v] is for what runs", "a path"),
    (VIEW + 'environment = "ignore"\n', 3, "environment of [targets.v] is for what runs", "a path"),
    (VIEW + "retries = 1\n", 3, "retries of [targets.v] is for what runs", "a path"),
    (VIEW + 'timezone = "UTC"\n', 3, "timezone of [targets.v] is for what runs", "a path"),
    (VIEW + "env = { A = 1 }\n", 3, "env of [targets.v] is for Python and shell recipes", "$name"),
]

VARIABLES = [
    (SHELL + "env = { A = [1] }\n", 4, 'the variable "A" of [targets.t] must be a text', "as in A"),
    (SHELL + 'env = { A = "\\u0000" }\n', 4, 'the variable "A" of [targets.t] must be a text', "as in A"),
    (SHELL + 'env = { "A-B" = "x" }\n', 4, '"A-B" can\'t be the name of a variable', "letters"),
    (SHELL + 'env = { DBUILD_X = "x" }\n', 4, "a name that dbuild itself gives", "DBUILD_"),
    (SHELL + 'secrets = ["A",\n"DBUILD_OUTPUT"]\n', 5, "a name that dbuild itself gives", "DBUILD_"),
    (SHELL + 'secrets = ["A B"]\n', 4, '"A B" can\'t be the name of a variable', "letters"),
    (SHELL + 'env = { A = "x" }\nsecrets = ["A"]\n', 5, "in env (Dataflowfile:11) as well", "remove one"),
    ('[defaults]\nenv = { A = "x" }\n' + SHELL + 'secrets = ["A"]\n', 6, "in env ([defaults]) as well", "remove one"),
    (
        '[defaults]\nsecrets = ["A"]\n' + SHELL + 'env = { A = "x" }\n',
        6,
        "a secret of [defaults] as well",
        "remove one",
    ),
    ('[defaults]\nenv = { A = 1 }\nsecrets = ["A"]\n' + SHELL + ACTION, 3, "in env (Dataflowfile:9) as well", "remove"),
    ('[targets.t]\npath = "t.csv"\nsql = "x"\nsecrets = ["A"]\n', 4, "secrets of [targets.t] is for Python", "$name"),
    (SHELL + 'macros = ["m.sql"]\n', 4, "macros of [targets.t] are for SQL", "remove"),
    ('[project]\nmacros = [\n"no.sql"]\n', 3, 'the file of macros "no.sql" doesn\'t exist', "relative"),
    ('[defaults]\nmacros = ["no.sql"]\n' + SHELL, 2, 'the file of macros "no.sql" doesn\'t exist', "relative"),
    (VIEW + 'macros = ["no.sql"]\n', 3, 'the file of macros "no.sql" doesn\'t exist', "relative"),
]

FOLDERS = [
    (
        SITE + '[targets.u]\nshell = "x"\npath = "out/site/a.txt"\n',
        6,
        'would be inside of the folder "out/site/" of target "t" (Dataflowfile:10)',
        "of its own",
    ),
    (SITE + '[targets.u]\nshell = "x"\npath = "out/site/a/"\n', 6, "would be inside of the folder", "of its own"),
    (SITE + '[targets.u]\nshell = "x"\npath = "out/{origin}/x"\n', None, "", ""),
    (SITE + '[targets.u]\nshell = "x"\npath = "out/site/"\n', 6, "could be the same folder as", "of its own"),
    (SITE + '[targets.u]\nshell = "x"\npath = "out/site"\n', 6, "could be the same file as", "of its own"),
    (
        '[targets.u]\nshell = "x"\npath = "out/site/{day}.txt"\n' + SITE,
        3,
        'inside of the folder "out/site/" of target "t" (Dataflowfile:13)',
        "of its own",
    ),
    ('[targets.t]\nshell = "x"\npath = "data/"\n', 3, 'of source "raw" (Dataflowfile:7)', "no source reads"),
    ('[sources.s]\npath = "out/*/*.csv"\n' + SITE, 5, 'files "out/*/*.csv" of source "s"', "no source reads"),
    ('[sources.s]\npath = "out/*.csv"\n' + SITE, None, "", ""),
    ('[sources.s]\npath = "out/site"\n' + SITE, 5, 'files "out/site" of source "s"', "no source reads"),
    (SITE + 'uses = ["out/site/*.R"]\n', 3, 'could replace "out/site/*.R", a file of the project', "their own"),
    ('[targets.t]\npython = "lib.a:b"\npath = "lib/"\n', 3, 'could replace "lib/a.py", a file', "their own"),
    ('[targets.t]\npython = "lib.p:b"\npath = "lib/p/"\n', 3, 'could replace "lib/p/__init__.py"', "their own"),
]


CASES = [*OUTPUTS, *FORMER, *READERS, *RUNNING, *VARIABLES, *FOLDERS]


@pytest.mark.parametrize(("text", "line", "what", "hint"), CASES, ids=[case[2][:40] for case in CASES])
def test_one_mistake_gives_one_message(tmp_path: Path, text: str, line: int | None, what: str, hint: str) -> None:
    (tmp_path / "lib/p").mkdir(parents=True)
    for file in ("lib/a.py", "lib/p/__init__.py"):
        (tmp_path / file).write_text("")
    project, problems = load(tmp_path, BASE + text)
    assert project is not None
    found = said(problems)
    if line is None:
        assert found == []
        return
    assert len(found) == 1, found
    assert (found[0][0], what in found[0][1], hint in found[0][2]) == (LINE + line, True, True), found
    assert found[0][2], "every message has a hint"


@pytest.mark.parametrize(
    ("content", "what"), [(b" \n", "is empty"), (b"\xff", "not valid UTF-8"), (None, "can't be read")]
)
def test_files_of_macros_that_can_not_be_taken(tmp_path: Path, content: bytes | None, what: str) -> None:
    if content is None:
        (tmp_path / "m.sql").mkdir()
    else:
        (tmp_path / "m.sql").write_bytes(content)
    _, problems = load(tmp_path, BASE + VIEW + 'macros = [\n  "m.sql",\n]\n')
    assert [(line, what in text) for line, text, _ in said(problems)] == [(LINE + 4, True)]


def test_an_included_file_in_an_output_folder_and_pools_in_an_included_file(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows/a.toml").write_text("[pools]\ndb = 1\n")
    _, problems = load(tmp_path, '[project]\ninclude = ["flows/*"]\n[targets.t]\nshell = "x"\npath = "flows/"\n')
    assert [str(problem.place) for problem in problems] == ["Dataflowfile:5", "flows/a.toml:1"]
    assert 'could replace "flows/a.toml"' in problems[0].what
    assert "[pools] in an included file" in problems[1].what


def test_an_output_does_not_replace_a_file_of_macros(tmp_path: Path) -> None:
    (tmp_path / "m.sql").write_text("x")
    _, problems = load(tmp_path, '[project]\nmacros = ["m.sql"]\n[targets.t]\nshell = "x"\npath = "m.sql"\n')
    assert [(line, "could overwrite" in what) for line, what, _ in said(problems)] == [(5, True)]


def test_a_view_whose_sql_can_not_be_read_is_no_action(tmp_path: Path) -> None:
    project, problems = load(
        tmp_path, '[targets.v]\nsql = "no.sql"\n[targets.t]\nsql = "SELECT * FROM v"\ninputs.v = {}\n'
    )
    assert [line for line, _, _ in said(problems)] == [2]
    assert project is not None
    assert not project.targets["v"].is_action
